// Package web holds the pages and scripts that the gateway serves, embedded into the binary:
// no file to install, nothing fetched from elsewhere.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:embed *.html client/dist/barrage.js client/dist/barrage.mjs client/dist/element.mjs
var files embed.FS

// Page serves one page, which other pages may show in a frame as ancestors says for each request. It returns the
// sources of frame-ancestors (CSP 3); nil: none may. Page panics where there is no such page: the names are ours.
func Page(name string, ancestors func() string) http.Handler {
	page := read(name)
	policy, file := contentSecurity(page), serve(name, page, nil, true)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sources := "'none'"
		if ancestors != nil {
			sources = ancestors()
		}
		w.Header().Set("Content-Security-Policy", policy+"; frame-ancestors "+sources)
		file.ServeHTTP(w, r)
	})
}

// Script serves the client of barrage.v1: barrage.js for a script tag, barrage.mjs as a
// module, element.mjs for <barrage-room>, which has the module beside it. It panics where there is no such script.
func Script(name string) http.Handler {
	// RFC 9239
	return serve(name, read("client/dist/"+name), http.Header{"Content-Type": {"text/javascript; charset=utf-8"}}, true)
}

func read(name string) []byte {
	file, err := files.ReadFile(name)
	if err != nil {
		panic("BUG: cannot serve a file: " + err.Error())
	}
	return file
}

// serve serves one file with some headers of its own. Text is gzipped for clients that take that: a page comes with a
// third of its bytes. A picture does not get smaller, and is not kept twice.
func serve(name string, file []byte, own http.Header, text bool) http.Handler {
	tag := digest(file)
	zipped := sync.OnceValue(func() []byte { return gzipped(file) }) // for the first who takes it
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, content, mark := w.Header(), file, ""
		maps.Copy(h, own)
		if text && takesGzip(r.Header.Get("Accept-Encoding")) && len(zipped()) < len(file) {
			content, mark = zipped(), "-gzip"
			h.Set("Content-Encoding", "gzip")
		}
		h.Add("Vary", "Accept-Encoding")   // beside Origin, by which cross-origin answers differ
		h.Set("Cache-Control", "no-cache") // ask each time: another node may be newer
		h.Set("ETag", `"`+tag+mark+`"`)    // each form is another one (RFC 9110)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content)) // an embedded file has no date
	})
}

func gzipped(file []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one that there is
	_, _ = w.Write(file)                                    // a Buffer takes all
	_ = w.Close()
	return out.Bytes()
}

// takesGzip reports whether a client takes gzip. One that gives it a weight of zero does not; other weights mean
// nothing here.
func takesGzip(accepts string) bool {
	for each := range strings.SplitSeq(accepts, ",") {
		name, weight, _ := strings.Cut(each, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
			return !ok || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// contentSecurity lets a page run its own script and style, letter by letter, talk to
// its own node, and nothing else. In whose frames it may be the caller adds.
func contentSecurity(page []byte) string {
	policy := []string{"default-src 'none'", "img-src data: 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'"}
	for _, tag := range []string{"style", "script"} {
		for _, part := range bytes.Split(page, []byte("<"+tag+">"))[1:] {
			own, _, _ := bytes.Cut(part, []byte("</"))
			policy = append(policy, fmt.Sprintf("%s-src 'sha256-%s'", tag, digest(own)))
		}
	}
	return strings.Join(policy, "; ")
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
