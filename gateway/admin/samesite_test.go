package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSameSite_RefusesPagesOfOtherSites: pages of other sites ask nothing of the admin port, by whatever name;
// programs ask all.
func TestSameSite_RefusesPagesOfOtherSites(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	open, keyed := sameSite(ok, true), sameSite(ok, false)
	for what, c := range map[string]struct {
		method, host, header, value string
		open, keyed                 int
	}{
		"a program":                         {"POST", "127.0.0.1:9001", "", "", 200, 200},
		"a program, by IPv6":                {"POST", "[::1]:9001", "", "", 200, 200},
		"a program, without a port":         {"GET", "[::1]", "", "", 200, 200},
		"a tunnel":                          {"POST", "localhost:9001", "", "", 200, 200},
		"a program, by a name":              {"GET", "admin.example", "", "", 403, 200},
		"a page that has its name led here": {"GET", "evil.example:9001", "Sec-Fetch-Site", "same-origin", 403, 200},
		"a page elsewhere":                  {"POST", "127.0.0.1:9001", "Sec-Fetch-Site", "cross-site", 403, 403},
		"an image of a page elsewhere":      {"GET", "127.0.0.1:9001", "Sec-Fetch-Site", "cross-site", 403, 403},
		"a page on another port here":       {"GET", "localhost:9001", "Sec-Fetch-Site", "same-site", 403, 403},
		"a page elsewhere, old browser":     {"POST", "127.0.0.1:9001", "Origin", "https://evil.example", 403, 403},
		"an address that is typed in":       {"GET", "127.0.0.1:9001", "Sec-Fetch-Site", "none", 200, 200},
		"a link to the console elsewhere":   {"GET", "127.0.0.1:9001", "", "link to console", 200, 200},
		"a frame of the console elsewhere":  {"GET", "127.0.0.1:9001", "", "frame of console", 403, 403},
		"a link to a call elsewhere":        {"GET", "127.0.0.1:9001", "", "link to call", 403, 403},
		"a link by a name led here":         {"GET", "evil.example:9001", "", "link to console", 403, 200},
	} {
		r := httptest.NewRequest(c.method, "/v1/admin/nodes/n/drain", http.NoBody)
		if kind, to, ok := strings.Cut(c.value, " "); ok && c.header == "" { // as browsers send it
			if to == "to console" || to == "of console" {
				r.URL.Path = consolePath
			}
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("Sec-Fetch-Dest", map[string]string{"link": "document", "frame": "iframe"}[kind])
		}
		r.Host = c.host
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		for i, port := range []http.Handler{open, keyed} {
			want := []int{c.open, c.keyed}[i]
			w := httptest.NewRecorder()
			port.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s = %d; want %d", what, w.Code, want)
			}
		}
	}
}
