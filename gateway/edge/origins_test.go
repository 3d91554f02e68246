package edge

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// newOrigins is an edge whose pages are of these origins.
func newOrigins(t *testing.T, logs *strings.Builder, allowed ...string) *Edge {
	t.Helper()
	cfg := DefaultConfig()
	cfg.CORS.AllowedOrigins, cfg.Server.TrustedProxies = allowed, []string{"10.0.0.0/8"}
	if err := cfg.CORS.Validate(); err != nil {
		t.Fatal(err)
	}
	return New(cfg, nil, slog.New(slog.NewTextHandler(logs, nil)))
}

func TestOrigins_AllowsOnlyOwnAndListedOnes(t *testing.T) {
	f := func(allowed []string, origin string, want bool) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "http://chat.example:9000/", http.NoBody)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if got := newOrigins(t, &strings.Builder{}, allowed...).Allows(r); got != want {
			t.Errorf("allowed %q, origin %q: %v; want %v", allowed, origin, got, want)
		}
	}
	shop := []string{"https://shop.example", "http://localhost:3000"}
	f(nil, "", true)
	f(nil, "http://chat.example:9000", true)
	f(nil, "https://CHAT.example:9000", true)
	f(nil, "http://chat.example", false)
	f(nil, "http://evil.example", false)
	f(nil, "null", false)
	f(nil, "http://chat.example:9000.evil.example", false)
	f(nil, "::", false)
	f(shop, "https://shop.example", true)
	f(shop, "http://localhost:3000", true)
	f(shop, "http://shop.example", false)
	f(shop, "https://shop.example.evil.example", false)
	f([]string{"*"}, "http://evil.example", true)
	f([]string{"*"}, "null", true)

	// As people write them, and as browsers do.
	odd := []string{"HTTPS://Shop.Example:443", "http://bücher.example:80/", "https://[2001:DB8::1]:8443", "https://host.example."}
	for _, origin := range []string{"https://shop.example", "http://xn--bcher-kva.example", "https://[2001:db8::1]:8443", "https://host.example"} {
		f(odd, origin, true)
	}
	f(odd, "https://shop.example:444", false)
	below := []string{"https://*.shop.example", "http://*.dev.example:3000", "https://*.Bücher.example"}
	for origin, want := range map[string]bool{
		"https://a.shop.example": true, "https://a.b.shop.example": true, "https://shop.example": false, "http://a.shop.example": false,
		"https://evilshop.example": false, "https://a.shop.example.evil.example": false, "https://a.shop.example:444": false, "https://.shop.example": false,
		"http://x.dev.example:3000": true, "http://x.dev.example": false, "https://a.xn--bcher-kva.example": true,
	} {
		f(below, origin, want)
	}
	f([]string{"null"}, "null", true)
	f([]string{"null"}, "file://", false)
	f([]string{"file://"}, "file://", true)
	f([]string{"file://"}, "null", false)
}

func TestOrigins_RefusedOnesNameTheCure(t *testing.T) {
	for text, want := range map[string]string{
		"example.com":               "write https:// in front of it",
		"*.example.com":             "write https:// in front of it",
		"https://example.com/chat":  "browsers send no more",
		"https://a@example.com":     "browsers send no more",
		"https://example.com?x":     "browsers send no more",
		"https://a.*.example.com":   "one * may stand in front of a host",
		"https://*":                 "one * may stand in front of a host",
		"https://*example.com":      "one * may stand in front of a host",
		"https://":                  "is no origin",
		"":                          "is no origin",
		"x":                         "is no origin",
		"https://exa mple.com":      "is no origin",
		"wss://example.com":         "is the address of a socket: a page's origin is https://example.com",
		"https://-example-.com:443": "is no origin",
	} {
		if err := (CORSConfig{AllowedOrigins: []string{"*", text}}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "allowed_origins[1]: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// The sites whose pages may frame ours are written as origins, and come out as a policy has them.
func TestParseAncestors_ComeOutAsAPolicyHasThem(t *testing.T) {
	f := func(want string, texts ...string) {
		t.Helper()
		if got, err := ParseAncestors(texts); err != nil || got != want {
			t.Errorf("ParseAncestors(%q) = %q, %v; want %q", texts, got, err, want)
		}
	}
	f("'none'")
	f("*", "*")
	f("https://a.example https://*.b.example:8443 https://xn--bcher-kva.example", "https://A.example:443/", "https://*.b.example:8443", "https://bücher.example")
	for text, want := range map[string]string{"null": "no policy can name", "file://": "no policy can name", "a.example": "write https:// in front of it", "https://a.example/x": "browsers send no more", "'self'": "is no origin"} {
		err := (CORSConfig{FrameAncestors: []string{"*", text}}).Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "frame_ancestors[1]: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// The node's own page comes in behind proxies that send another Host, where somebody who can be believed says what it
// was.
func TestOrigins_OwnPageComesInBehindProxies(t *testing.T) {
	const page = "https://chat.example:8443"
	var logs strings.Builder
	e := newOrigins(t, &logs)
	f := func(what, host, peer string, want bool, headers ...string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "http://x/", http.NoBody)
		r.Host, r.RemoteAddr = host, peer+":1"
		r.Header.Set("Origin", page)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		if got := e.Allows(r); got != want {
			t.Errorf("%s: %v; want %v", what, got, want)
		}
	}
	f("a Host that came through", "chat.example:8443", "203.0.113.1", true)
	f("without its port, from a proxy that is trusted", "chat.example", "10.0.0.1", true)
	f("without its port, from this machine", "chat.example", "127.0.0.1", true)
	f("without its port, from anywhere", "chat.example", "203.0.113.1", false)
	f("another port", "chat.example:9000", "10.0.0.1", false)
	f("the proxy's own name", "upstream", "10.0.0.1", false)
	f("and what it was", "upstream", "10.0.0.1", true, "X-Forwarded-Host", "chat.example:8443")
	f("and what it was, twice", "upstream", "10.0.0.1", false, "X-Forwarded-Host", "chat.example:8443", "X-Forwarded-Host", "x")
	f("what a stranger says that it was", "upstream", "203.0.113.1", false, "X-Forwarded-Host", "chat.example:8443")
	f("what the browser says", "upstream", "203.0.113.1", true, "Sec-Fetch-Site", "same-origin")
	f("a page of another site", "upstream", "203.0.113.1", false, "Sec-Fetch-Site", "cross-site")

	r := httptest.NewRequest(http.MethodGet, "http://upstream/", http.NoBody)
	r.Header.Set("Origin", page)
	for range 2 {
		if bad := e.refuseOrigin(r); bad.Code != "origin_not_allowed" {
			t.Errorf("refusal = %+v", bad)
		}
	}
	if text := logs.String(); strings.Count(text, "proxy_set_header Host") != 1 || !strings.Contains(text, "host=upstream") {
		t.Errorf("the log has %q; want the cure, once", text)
	}
}
