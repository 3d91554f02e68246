// Package web holds the pages that the gateway serves, embedded into the binary:
// no file to install, nothing fetched from elsewhere.
package web

import (
	"bytes"
	"embed"
	"net/http"
	"time"
)

//go:embed *.html
var pages embed.FS

// contentSecurity lets a page run its own script and style and talk to sockets, and
// load nothing from anywhere else.
const contentSecurity = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src *; base-uri 'none'; form-action 'none'"

// Page serves one page. It panics where there is no such page: the names are ours.
func Page(name string) http.Handler {
	if _, err := pages.Open(name); err != nil {
		panic("BUG: " + err.Error())
	}
	started := time.Now() // what is embedded has no date of its own
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := pages.ReadFile(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", contentSecurity)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, started, bytes.NewReader(f))
	})
}
