package edge

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
)

// exampleKey is that of RFC 6455 section 1.3.
const exampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

func TestCheckHandshake_EveryRuleRefusesWithItsReason(t *testing.T) {
	f := func(name string, change func(*http.Request), status int, why string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/group/chat/1/2/3", http.NoBody)
		r.Header = http.Header{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {exampleKey},
		}
		change(r)
		key, bad := checkHandshake(r)
		switch {
		case status == 0 && (bad != nil || key != exampleKey):
			t.Errorf("%s: key %q, refused %+v; want the key", name, key, bad)
		case status != 0 && (bad == nil || bad.Status != status || bad.Why != why || key != ""):
			t.Errorf("%s: key %q, refused %+v; want %d %s", name, key, bad, status, why)
		}
	}
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	f("as in the RFC", func(*http.Request) {}, 0, "")
	f("other case", set("Upgrade", "WebSocket"), 0, "")
	f("one of several", set("Connection", "keep-alive, Upgrade"), 0, "")
	f("one of several lines", set("Connection", "keep-alive", "x , upgrade"), 0, "")

	f("HEAD", func(r *http.Request) { r.Method = http.MethodHead },
		400, "cannot upgrade: the method is HEAD, want GET")
	f("HTTP/1.0", func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 },
		400, "cannot upgrade: the request is HTTP/1.0, a WebSocket needs HTTP/1.1")
	f("no upgrade", set("Upgrade"), 400, `cannot upgrade: header Upgrade is "", want websocket`)
	f("other upgrade", set("Upgrade", "h2c"), 400, `cannot upgrade: header Upgrade is "h2c", want websocket`)
	f("part of a word", set("Upgrade", "websockets"), 400, `cannot upgrade: header Upgrade is "websockets", want websocket`)
	f("no connection", set("Connection"), 400, `cannot upgrade: header Connection is "", want Upgrade`)
	f("kept alive", set("Connection", "keep-alive"), 400, `cannot upgrade: header Connection is "keep-alive", want Upgrade`)
	f("body", func(r *http.Request) { r.ContentLength = 1 }, 400, "cannot upgrade: the request has a body")
	f("chunked body", func(r *http.Request) { r.ContentLength = -1 }, 400, "cannot upgrade: the request has a body")
	f("no version", set("Sec-Websocket-Version"), 426, `cannot upgrade: Sec-WebSocket-Version is "", want 13`)
	f("old version", set("Sec-Websocket-Version", "8"), 426, `cannot upgrade: Sec-WebSocket-Version is "8", want 13`)
	f("two versions", set("Sec-Websocket-Version", "13", "8"), 426, `cannot upgrade: Sec-WebSocket-Version is "13, 8", want 13`)
	f("no key", set("Sec-Websocket-Key"), 400, "cannot upgrade: 0 Sec-WebSocket-Key headers, want 1")
	f("two keys", set("Sec-Websocket-Key", exampleKey, exampleKey), 400, "cannot upgrade: 2 Sec-WebSocket-Key headers, want 1")
	f("short key", set("Sec-Websocket-Key", "YWJj"), 400, `cannot upgrade: Sec-WebSocket-Key "YWJj" is not 16 bytes in base64`)
	f("no base64", set("Sec-Websocket-Key", "?"), 400, `cannot upgrade: Sec-WebSocket-Key "?" is not 16 bytes in base64`)
}

func TestRetryAfter_IsOneToFiveSeconds(t *testing.T) {
	seen := map[int]bool{}
	for range 1000 {
		n, err := strconv.Atoi(RetryAfter())
		if err != nil || n < 1 || n > 5 {
			t.Fatalf("retryAfter = %d, %v; want 1 to 5", n, err)
		}
		seen[n] = true
	}
	if len(seen) != 5 { // one value in a thousand draws missing: once in 10^96
		t.Errorf("retryAfter is only ever one of %v", seen)
	}
}

func TestAsks_ReadsTheKeyHoweverItIsWritten(t *testing.T) {
	for query, want := range map[string]bool{"": false, "user_id=since": false, "since=1": true, "a=b&since": true, "%73ince=1": true, "a=%73ince": false} {
		if got := Asks(&http.Request{URL: &url.URL{RawQuery: query}}, "since"); got != want {
			t.Errorf("%q asks for since: %v; want %v", query, got, want)
		}
	}
}
