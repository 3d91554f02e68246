// Package web holds the pages that the gateway serves, embedded into the binary:
// no file to install, nothing fetched from elsewhere.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

//go:embed *.html
var pages embed.FS

// Page serves one page. It panics where there is no such page: the names are ours.
func Page(name string) http.Handler {
	page, err := pages.ReadFile(name)
	if err != nil {
		panic("BUG: cannot serve a page: " + err.Error())
	}
	security, tag := contentSecurity(page), `"`+digest(page)+`"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache") // ask each time: another node may be newer
		h.Set("Content-Security-Policy", security)
		h.Set("ETag", tag)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(page)) // what is embedded has no date
	})
}

// inline finds the page's own style and script.
var inline = regexp.MustCompile(`(?s)<(style|script)>(.*?)</`)

// contentSecurity lets a page run its own script and style, letter by letter, talk to
// its own node, and nothing else.
func contentSecurity(page []byte) string {
	policy := []string{"default-src 'none'", "img-src data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"}
	for _, part := range inline.FindAllSubmatch(page, -1) {
		policy = append(policy, fmt.Sprintf("%s-src 'sha256-%s'", part[1], digest(part[2])))
	}
	return strings.Join(policy, "; ")
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
