package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestCheckHandshake_EveryRule(t *testing.T) {
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
		case status != 0 && (bad == nil || bad.status != status || bad.why != why || key != ""):
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

func TestCheckID_EveryRule(t *testing.T) {
	f := func(id, why string) {
		t.Helper()
		bad := checkID("userId", id)
		if why == "" && bad != nil || why != "" && (bad == nil || bad.status != 400 || bad.why != why) {
			t.Errorf("checkID(%q) = %+v; want %q", id, bad, why)
		}
	}
	f("7", "")
	f("用户 7/{a}?", "")
	f(strings.Repeat("x", maxIDBytes), "")
	f("张三", "")
	f("José", "")
	f("🎉", "")
	f("", "userId is missing")
	f("__node:x", `userId "__node:x" begins with __, which is reserved`)
	f("alice ", `userId "alice " begins or ends with a space, or has two in a row`)
	f("a  b", `userId "a  b" begins or ends with a space, or has two in a row`)
	f("a b", "")
	f("नमस्ते", "") // marks behind letters
	const invisible = " has invisible or unassigned characters, or is not in Unicode's normal form NFC"
	for _, twin := range []string{"al\u200bice", "alice\u200d", "\u202ealice", "al\u00adice", "alice\ufe0f", "alice\u2066", "Jose\u0301", "a\u00a0b", "\u2060alice", "\U000e0061lice", "alice\u2800", "al\u2800ice", "alice\U0001d159", "\u0332alice", "\u3164"} {
		f(twin, fmt.Sprintf("userId %q", twin)+invisible)
	}
	f(strings.Repeat("x", maxIDBytes+1), "userId has 129 bytes, at most 128 are allowed")
	f("a\nb", `userId "a\nb" has control characters or is not UTF-8`)
	f("a\x7f", `userId "a\x7f" has control characters or is not UTF-8`)
	f("\x00", `userId "\x00" has control characters or is not UTF-8`)
	f("a\xff", `userId "a\xff" has control characters or is not UTF-8`)
	f("\uFFFD", "userId \"\uFFFD\" has control characters or is not UTF-8")
}

func TestServer_OriginAllowed(t *testing.T) {
	f := func(allowed []string, origin string, want bool) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "http://chat.example:9000/", http.NoBody)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if got := origins(allowed).allow(r); got != want {
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
}

func TestSwitching_AnswersTheKeyOfTheRFC(t *testing.T) {
	want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + exampleAccept + "\r\n\r\n"
	if got := string(switching(exampleKey, "")); got != want {
		t.Errorf("switching(%q) = %q; want %q", exampleKey, got, want)
	}
}

func TestRetryAfter_IsOneToFiveSeconds(t *testing.T) {
	seen := map[int]bool{}
	for range 1000 {
		n, err := strconv.Atoi(retryAfter())
		if err != nil || n < 1 || n > 5 {
			t.Fatalf("retryAfter = %d, %v; want 1 to 5", n, err)
		}
		seen[n] = true
	}
	if len(seen) != 5 { // one value in a thousand draws missing: once in 10^96
		t.Errorf("retryAfter is only ever one of %v", seen)
	}
}

// A client that does not wait for the answer is not understood (RFC 6455 section 4.1).
func TestHandshake_EarlyDataIsRefused(t *testing.T) {
	s := newServer(t, nil)
	c := dialTCP(t, s)
	c.mustWrite(handshake(chatPath("r", "u")) + string(masked(1, "too early")))
	resp, err := c.response()
	if err != nil || resp.status != http.StatusBadRequest {
		t.Fatalf("answer = %+v, %v; want 400", resp, err)
	}
	c.wantEOF()
	eventually(t, func() error { // the handler may still be at it
		return firstOf(
			differ("refused handshakes", s.edge.Stats.refusedHandshakes.Load(), 1),
			differ("members", s.edge.Hall.Stats().Members, 0),
			differ("places held", s.edge.Sessions.Held(), 0),
		)
	})
}

// What is refused before the upgrade is answered by HTTP, with a text and the headers that go with it, and the
// connection is closed: a stranger who only knocks keeps no descriptor.
func TestHandshake_RefusalsAreHTTPAnswers(t *testing.T) {
	s := newServer(t, func(c *setup) { c.CORS.AllowedOrigins = []string{"https://shop.example"} })
	f := func(request string, status int, why string, headers ...string) {
		t.Helper()
		c := dialTCP(t, s)
		c.mustWrite(request)
		resp, err := c.response()
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		if resp.status != status || resp.body != why {
			t.Errorf("%q: %v; want %d %s", request, resp, status, why)
		}
		for i := 0; i < len(headers); i += 2 {
			if got := resp.header.Get(headers[i]); got != headers[i+1] {
				t.Errorf("%q: header %s = %q; want %q", request, headers[i], got, headers[i+1])
			}
		}
	}
	good := handshake(chatPath("r", "u"))
	f(strings.Replace(good, ": 13", ": 7", 1), 426, `cannot upgrade: Sec-WebSocket-Version is "7", want 13`,
		"Sec-WebSocket-Version", "13", "Upgrade", "websocket")
	f(strings.Replace(good, "Host", "Origin: http://evil.example\r\nHost", 1), 403, `origin "http://evil.example" is not in cors.allowed_origins`)
	f(strings.Replace(good, "/u/", "/%00/", 1), 400, `userId "\x00" has control characters or is not UTF-8`)
	f(strings.Replace(good, "/r/", "/"+strings.Repeat("r", 129)+"/", 1), 400, "groupId has 129 bytes, at most 128 are allowed")
	f(strings.Replace(good, "/any", "/"+strings.Repeat("t", 4097), 1), 400, "token has 4097 bytes, at most 4096 are allowed")
	storeOf(s).fail(failure("Read"), "Read")
	f(good, 503, "cannot open the room now: its history cannot be read")
	storeOf(s).fail(nil, "Read")
	if got := s.edge.Stats.refusedHandshakes.Load(); got != 6 { // counted before they are answered
		t.Errorf("refused handshakes = %d; want 6", got)
	}
}
