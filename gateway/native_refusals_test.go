//nolint:thelper // its functions are no helpers but cases, each a subtest of its own
package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"barrage/gateway/door"
	"barrage/gateway/edge"
	v1 "barrage/gateway/v1"
)

const offerV1 = "Sec-WebSocket-Protocol: barrage.v1\r\n"

// requestV1 is a request for a native socket with more header lines, each with its end.
func requestV1(id, query, more string) string {
	return strings.Replace(handshake(v1Path(id, query)), "\r\n\r\n", "\r\n"+more+"\r\n", 1)
}

// wireV1 opens a native socket of room r, byte by byte, with a receive buffer as dialSlow has it, and
// takes the welcome.
func wireV1(tb testing.TB, s *Server, query, more string, receiveBuffer int) *client {
	tb.Helper()
	w, err := dialWire(s, receiveBuffer)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.conn.Close() })
	c := &client{w, tb}
	c.mustWrite(requestV1("r", query, offerV1+more))
	if err := c.upgraded(); err != nil {
		tb.Fatal(err)
	}
	c.wantWelcomeV1()
	return c
}

// nextV1 is the next frame of the protocol.
func (c *client) nextV1() (frameV1, error) {
	text, err := c.text()
	if err != nil {
		return frameV1{}, err
	}
	return readV1([]byte(text))
}

func (c *client) wantWelcomeV1() {
	c.tb.Helper()
	if f, err := c.nextV1(); err != nil || f.T != "welcome" {
		c.tb.Fatalf("first frame = %+v, %v; want a welcome", f, err)
	}
}

// asked is one request for a native socket, and what it is answered with.
type asked struct {
	t      *testing.T
	answer *refusedError
}

// askV1 asks for a socket of room r.
func askV1(t *testing.T, s *Server, query, more string) asked {
	t.Helper()
	c := dialTCP(t, s)
	c.mustWrite(requestV1("r", query, more))
	return readAnswer(t, c)
}

// readAnswer reads the answer to a request for a socket.
func readAnswer(t *testing.T, c *client) asked {
	t.Helper()
	answer, err := c.response()
	if err != nil {
		t.Fatal(err)
	}
	return asked{t, answer}
}

const userAndToken = "user_id=u&token=t"

// want wants a refusal in the shape that the page has.
func (a asked) want(status int, code, message string) {
	a.t.Helper()
	var body struct {
		Error map[string]any `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.answer.body), &body); err != nil || a.answer.header.Get("Content-Type") != "application/json; charset=utf-8" {
		a.t.Fatalf("answer = %d %s of type %q, %v; want JSON", a.answer.status, a.answer.body, a.answer.header.Get("Content-Type"), err)
	}
	text, _ := body.Error["message"].(string)
	if a.answer.status != status || body.Error["code"] != code || !strings.Contains(text, message) {
		a.t.Errorf("answer = %d %s; want %d %s with %q", a.answer.status, a.answer.body, status, code, message)
	}
	fields := 2
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		fields = 3
		after, err := strconv.Atoi(a.answer.header.Get("Retry-After"))
		if err != nil || after < 1 || after > 5 || body.Error["retry_after_ms"] != float64(1000*after) {
			a.t.Errorf("Retry-After = %q, retry_after_ms = %v; want the same time", a.answer.header.Get("Retry-After"), body.Error["retry_after_ms"])
		}
	}
	if len(body.Error) != fields {
		a.t.Errorf("answer = %s; want %d fields", a.answer.body, fields)
	}
}

// sameWhenAsked wants GET /v1/rooms/{room}?for=socket, which a browser can read, to be refused alike. An answer that
// pages of origin, empty for none, may read must say so.
func (a asked) sameWhenAsked(s *Server, query, origin string) {
	a.t.Helper()
	var same struct {
		Error problemV1 `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.answer.body), &same); err != nil {
		a.t.Fatal(err)
	}
	again := callV1(a.t, s, http.MethodGet, pathRoom+"?for=socket&"+query, "", "", func(r *http.Request) {
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
	})
	again.wantCode(a.t, a.answer.status, same.Error.Code)
	if got := again.header.Get("Access-Control-Allow-Origin"); origin != "" && got != origin && got != "*" {
		a.t.Errorf("asked by %s: Access-Control-Allow-Origin = %q; want the origin", origin, got)
	}
}

func TestNative_ConnectAgreesOnProtocolAndCompression(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	f := func(name, query, more, extensions string) {
		t.Run(name, func(t *testing.T) {
			c := dialTCP(t, s)
			c.mustWrite(requestV1("r", query, more))
			resp, err := c.response()
			if err != nil || resp.status != http.StatusSwitchingProtocols || resp.header.Get("Sec-WebSocket-Accept") != exampleAccept {
				t.Fatalf("answer = %+v, %v; want 101", resp, err)
			}
			if got := resp.header["Sec-Websocket-Protocol"]; !slices.Equal(got, []string{subprotocol}) {
				t.Errorf("Sec-WebSocket-Protocol = %q; want %s alone", got, subprotocol)
			}
			if got := strings.Join(resp.header["Sec-Websocket-Extensions"], ", "); got != extensions {
				t.Errorf("Sec-WebSocket-Extensions = %q; want %q", got, extensions)
			}
			c.wantWelcomeV1()
		})
	}
	f("token in the query", userAndToken, offerV1, "")
	f("token in the header", "user_id=u", offerV1+"Authorization: Bearer t\r\n", "")
	f("the header wins over the query", "user_id=u&token=wrong", offerV1+"Authorization: bearer  t\r\n", "")
	f("another scheme does not count", userAndToken, offerV1+"Authorization: Basic dTp0\r\n", "")
	f("one protocol of several", userAndToken, "Sec-WebSocket-Protocol: chat, barrage.v1\r\nSec-WebSocket-Protocol: soap\r\n", "")
	f("epoch and since of a stranger", userAndToken+"&epoch=e&since=18446744073709551615", offerV1, "")
	const offer = offerV1 + "Sec-WebSocket-Extensions: permessage-deflate"
	f("deflate", userAndToken, offer+"\r\n", deflateAnswer)
	f("deflate as browsers offer it", userAndToken, offer+"; client_max_window_bits\r\n", deflateAnswer)
	f("deflate with server_max_window_bits=15", userAndToken, offer+"; server_max_window_bits=15\r\n", deflateAnswer+"; server_max_window_bits=15")
	f("deflate with server_max_window_bits=14", userAndToken, offer+"; server_max_window_bits=14\r\n", "")
	f("deflate with server_max_window_bits=8, else without", userAndToken, offer+"; server_max_window_bits=8, permessage-deflate\r\n", deflateAnswer)
	f("deflate with an unknown parameter", userAndToken, offer+"; dance\r\n", "")
	f("another extension", userAndToken, offerV1+"Sec-WebSocket-Extensions: permessage-bzip2\r\n", "")
	s = newServerV1(t, func(c *setup) { c.Server.Deflate = false })
	f("server.deflate off", userAndToken, offer+"\r\n", "")
}

func TestNative_RefusalsFitTheirCauses(t *testing.T) { runCases(t, nativeRefusals) }

var nativeRefusals = and(and(authRefusals, modRefusals), map[string]func(*testing.T){
	"429 too_many_connections": refusedTooMany,
	"429 rate_limited":         refusedTooFast,
	"503 busy":                 refusedBusyNode,
	"503 no_room":              refusedNoRoom,
	"400 bad_request":          refusedBadRequest,
	"401 unauthenticated":      refusedUnauthenticated,
	"401 token_replaced":       refusedReplaced,
	"403 forbidden":            refusedForbidden,
	"403 origin_not_allowed":   refusedOrigin,
	"404 no_such_room":         refusedNoSuchRoom,
	"426 upgrade_required":     refusedVersion,
	"503 full":                 refusedFull,
	"503 draining":             refusedDraining,
	"503 unavailable":          refusedUnavailable,
})

func refusedBadRequest(t *testing.T) {
	s := newServerV1(t, nil)
	f := func(query, more, message string) {
		t.Helper()
		askV1(t, s, query, more).want(400, "bad_request", message)
	}
	f(userAndToken, "", `Sec-WebSocket-Protocol "" does not offer barrage.v1`)
	f(userAndToken, "Sec-WebSocket-Protocol: chat, barrage.v2, barrage.v10\r\n", "does not offer barrage.v1")
	f("token=t", offerV1, "user_id is missing") // an opaque token names nobody
	f("user_id=&token=t", offerV1, "user_id is missing")
	f("user_id="+strings.Repeat("u", 129)+"&token=t", offerV1, "user_id has 129 bytes")
	f("user_id=a%00&token=t", offerV1, "control characters")
	f("user_id=a%ff&token=t", offerV1, "not UTF-8")
	f("user_id=u&token="+strings.Repeat("t", 4097), offerV1, "token has 4097 bytes")
	f("user_id=u", offerV1+"Authorization: Bearer "+strings.Repeat("t", 4097)+"\r\n", "token has 4097 bytes")
	f("user_id=u&token=%0a", offerV1, "control characters")
	for _, since := range []string{"x", "-1", "1.5", "1e3", "18446744073709551616", ""} {
		f(userAndToken+"&epoch=e&since="+since, offerV1, "is not a sequence number")
	}
	f(userAndToken+"&epoch=e", offerV1, `since "" beside epoch "e" is not`)
	f(userAndToken+"&since=1&epoch="+strings.Repeat("e", 129), offerV1, "epoch")
	bad := func(request, message string) {
		t.Helper()
		c := dialTCP(t, s)
		c.mustWrite(request)
		readAnswer(t, c).want(400, "bad_request", message)
	}
	good := requestV1("r", userAndToken, offerV1)
	bad(requestV1(strings.Repeat("r", 129), userAndToken, offerV1), "room has 129 bytes")
	bad(requestV1("%0a", userAndToken, offerV1), "control characters")
	bad(requestV1("", userAndToken, offerV1), "empty parts or dots")
	bad(strings.Replace(good, "Upgrade: websocket\r\n", "", 1), `header Upgrade is ""`)
	bad(strings.Replace(good, exampleKey, "short", 1), `Sec-WebSocket-Key "short"`)
	bad(strings.Replace(good, "Host", "Content-Length: 1\r\nHost", 1)+"x", "the request has a body")
	if got := s.edge.Sessions.Taken(); got != 0 {
		t.Errorf("%d slots are held; want none", got)
	}
}

func refusedUnauthenticated(t *testing.T) {
	open, strict := newServerV1(t, nil), newServerV1(t, func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	for _, s := range []*Server{open, strict} {
		a := askV1(t, s, "user_id=u", offerV1)
		a.want(401, "unauthenticated", "no token")
		if got := a.answer.header.Get("WWW-Authenticate"); got != "Bearer" {
			t.Errorf("WWW-Authenticate = %q; want Bearer", got)
		}
		a.sameWhenAsked(s, "user_id=u", "")
		askV1(t, s, "user_id=u", offerV1+"Authorization: Bearer\r\n").want(401, "unauthenticated", "no token")
		askV1(t, s, "user_id=u", offerV1+"Authorization: Basic t\r\n").want(401, "unauthenticated", "no token")
	}
	f := func(query string) {
		t.Helper()
		a := askV1(t, strict, query, offerV1)
		a.want(401, "unauthenticated", "the token is not valid")
		a.sameWhenAsked(strict, query, "")
	}
	f("user_id=u&token=wrong")
	f("user_id=nobody&token=t")
	f("user_id=u&token=tt")
	closed := newServerV1(t, func(c *setup) { c.Auth.Guests = edge.GuestsOff })
	askV1(t, closed, "", offerV1).want(401, "unauthenticated", "no token")
}

func refusedReplaced(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	if err := s.store.SetToken(t.Context(), "u", "newer"); err != nil {
		t.Fatal(err)
	}
	a := askV1(t, s, userAndToken, offerV1)
	a.want(401, "token_replaced", "logged in elsewhere")
	a.sameWhenAsked(s, userAndToken, "")
}

func refusedForbidden(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.AutoJoin = false })
	a := askV1(t, s, userAndToken, offerV1)
	a.want(403, "forbidden", `user "u" is not a member of room "r"`)
	a.sameWhenAsked(s, userAndToken, "")
	if _, err := s.store.Join(t.Context(), "u", "r"); err != nil {
		t.Fatal(err)
	}
	wireV1(t, s, userAndToken, "", 0)
}

func refusedOrigin(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.CORS.AllowedOrigins = []string{"https://a.example"} })
	a := askV1(t, s, userAndToken, offerV1+"Origin: https://b.example\r\n")
	a.want(403, "origin_not_allowed", `"https://b.example" is not in cors.allowed_origins`)
	if got := a.answer.header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin = %q; want none", got)
	}
	a.sameWhenAsked(s, userAndToken, "https://b.example")
	// A request without a user learns no more either, nor does one for another path.
	for _, query := range []string{"?for=socket&" + userAndToken, "?for=socket", "/messages?for=socket", ""} {
		b := callV1(t, s, http.MethodGet, pathRoom+query, "", "", with("Origin", "https://b.example"))
		asks := strings.HasPrefix(query, "?for=socket")
		if got := b.header.Get("Access-Control-Allow-Origin"); (got != "") != asks || asks && b.status != http.StatusForbidden {
			t.Errorf("room%s = %d %s, Access-Control-Allow-Origin %q; want 403 to be read where it is asked for, no more", query, b.status, b.body, got)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+s.Addr().String()+pathRoom+"?for=socket", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://b.example")
	req.Header.Set("Access-Control-Request-Method", "GET")
	preflight := roundTrip(t, req)
	if got := preflight.header.Get("Access-Control-Allow-Origin"); preflight.status != http.StatusNoContent || got != "https://b.example" {
		t.Errorf("preflight = %d, Access-Control-Allow-Origin %q; want 204 for https://b.example", preflight.status, got)
	}
	if a := callV1(t, s, http.MethodGet, pathRoom+"?for=socket&"+userAndToken, "", "", with("Origin", "https://a.example")); a.status != http.StatusOK {
		t.Errorf("asked by a page that may: %d %s; want 200", a.status, a.body)
	}
	wireV1(t, s, userAndToken, "Origin: https://a.example\r\n", 0)
	wireV1(t, s, userAndToken, "", 0)
}

func refusedVersion(t *testing.T) {
	s := newServerV1(t, nil)
	c := dialTCP(t, s)
	c.mustWrite(strings.Replace(requestV1("r", userAndToken, offerV1), "Version: 13", "Version: 8", 1))
	a := readAnswer(t, c)
	a.want(426, "upgrade_required", `Sec-WebSocket-Version is "8", want 13`)
	if got := a.answer.header; got.Get("Sec-WebSocket-Version") != "13" || got.Get("Upgrade") != "websocket" {
		t.Errorf("headers = %v; want the version that is understood", got)
	}
}

func refusedTooMany(t *testing.T) {
	s := newServerV1(t, func(c *setup) {
		c.Limits.Enabled, c.Limits.UserConnections, c.Auth.Mode = true, 1, modeOf(true)
	})
	for range 5 { // a stranger with a wrong token takes no place of the user's
		stranger := dial(t, s, chatPath("r", "u"))
		if text := stranger.wantText(); text != "440" {
			t.Fatalf("a wrong token: %s; want 440", text)
		}
	}
	first := wireV1(t, s, userAndToken, "", 0)
	a := askV1(t, s, userAndToken, offerV1)
	a.want(429, "too_many_connections", `user "u" has 1 connections`)
	a.sameWhenAsked(s, userAndToken, "")
	wireV1(t, s, "user_id=v&token=t", "", 0)
	_ = first.conn.Close()
	eventually(t, func() error {
		return errors.Join(differ("rejected sockets", s.fastIM.PeekRejected(), 0), differ("sessions", s.Sessions(), 1))
	})
	wireV1(t, s, userAndToken, "", 0)
}

func refusedTooFast(t *testing.T) {
	s := newServerV1(t, func(c *setup) {
		c.Limits = door.Limits{Enabled: true, NewRooms: 0.001, NewRoomsBurst: 1, IP6Prefix: 64}
		c.Server.TrustedProxies = []string{"127.0.0.1"}
	})
	const client = "X-Forwarded-For: 203.0.113.7\r\n"
	c := dialTCP(t, s)
	c.mustWrite(requestV1("one", userAndToken, offerV1+client))
	if err := c.upgraded(); err != nil {
		t.Fatal(err)
	}
	two := dialTCP(t, s)
	two.mustWrite(requestV1("two", userAndToken, offerV1+client))
	a := readAnswer(t, two)
	if a.answer.status != 429 || !strings.Contains(a.answer.body, "too many new rooms were opened from 203.0.113.7/32") {
		t.Errorf("a second room = %d %s; want 429", a.answer.status, a.answer.body)
	}
	again := callV1(t, s, http.MethodGet, "/v1/rooms/two?for=socket&"+userAndToken, "", "", with("X-Forwarded-For", "203.0.113.7"))
	again.wantCode(t, 429, "rate_limited")
	live := dialTCP(t, s) // a room that is live is no new one
	live.mustWrite(requestV1("one", userAndToken, offerV1+client))
	if err := live.upgraded(); err != nil {
		t.Fatal(err)
	}
}

func refusedBusyNode(t *testing.T) {
	s := newServer(t, func(c *setup) {
		c.Limits = door.Limits{Enabled: true, Handshakes: 0.001, HandshakesBurst: 1, IP6Prefix: 64}
	})
	wireV1(t, s, userAndToken, "", 0)
	a := askV1(t, s, userAndToken, offerV1)
	if a.answer.status != 503 || !strings.Contains(a.answer.body, `"code":"busy","message":"too many clients come at once"`) {
		t.Errorf("one too many = %d %s; want 503 busy", a.answer.status, a.answer.body)
	}
	a.sameWhenAsked(s, userAndToken, "")
}

// refusedNoSuchRoom: with room.open: known a room opens when it is registered, or has received messages.
func refusedNoSuchRoom(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.KnownRooms, c.Admin.Listen = true, "127.0.0.1:0" })
	admin := func(method, room string, want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.AdminAddr().String()+"/v1/admin/rooms/"+room, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("%s of room %s = %d; want %d", method, room, resp.StatusCode, want)
		}
	}
	refused := func() {
		t.Helper()
		a := askV1(t, s, userAndToken, offerV1)
		a.want(404, "no_such_room", `there is no room "r"`)
		a.sameWhenAsked(s, userAndToken, "")
		callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"1","body":"hi"}`).wantCode(t, 404, "no_such_room")
		late := firstFrame(t, s, "&user_id=u")
		late.send(`{"t":"auth","id":"a","token":"t"}`)
		late.wantRefused("a", "no_such_room", `there is no room "r"`, false)
		if reason := late.wantClose(4403); reason != "there is no such room" {
			t.Errorf("the close says %q", reason)
		}
		_, err := connect(s, chatPath("r", "u"))
		if no, ok := errors.AsType[*refusedError](err); !ok || no.status != 404 {
			t.Errorf("FastIM's chat: %v; want 404", err)
		}
		if status, body, _ := callAPI(t, s, "/user/joinGroup", url.Values{"groupId": {"r"}}); status != 404 {
			t.Errorf("joinGroup = %d %s; want 404", status, body)
		}
	}
	if err := storeOf(s).SetToken(t.Context(), "u", "t"); err != nil {
		t.Fatal(err)
	}
	admin(http.MethodGet, "r", 404)
	refused()
	admin(http.MethodPut, "r", 204)
	admin(http.MethodGet, "r", 200)
	n, _ := dialV1(t, s, "r", userAndToken, false)
	n.send(`{"t":"send","id":"1","body":"the first"}`)
	n.wantAll("ack", "batch")
	admin(http.MethodDelete, "r", 204)
	admin(http.MethodGet, "r", 200) // it has received messages
	admin(http.MethodPut, "__r", 400)
	storeOf(s).fail(errAway, "KnownRoom")
	admin(http.MethodGet, "other", 503)
	dialV1(t, s, "r", userAndToken, false) // it is live: nobody is asked
}

func refusedNoRoom(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.rooms.MaxRooms, c.Admin.Listen = 1, "127.0.0.1:0" })
	roomOf(t, s, "other")
	a := askV1(t, s, userAndToken, offerV1)
	a.want(503, "no_room", "as many rooms are live as may be, 1")
	a.sameWhenAsked(s, userAndToken, "")
	callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"1","body":"hi"}`).wantCode(t, 503, "no_room")
	status, body := callAdminWith(t, s, http.MethodPost, "/v1/admin/rooms/r/messages", "", `{"messages":[{"id":"1","body":"hi","user_id":"u"}]}`)
	if status != 503 || !strings.Contains(body, "no_room") {
		t.Errorf("a server's message = %d %s; want 503 no_room, as anybody's", status, body)
	}
}

func refusedFull(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.Server.MaxConnections = 1 })
	first := wireV1(t, s, userAndToken, "", 0)
	a := askV1(t, s, userAndToken, offerV1)
	a.want(503, "full", "the node is full: 1 connections")
	a.sameWhenAsked(s, userAndToken, "https://anywhere.example")
	if again := callV1(t, s, http.MethodGet, pathRoom+"?"+userAndToken, "", ""); again.status != http.StatusOK {
		t.Errorf("the room = %d %s; want 200: reading needs no place", again.status, again.body)
	}
	_ = first.conn.Close()
	wantSessions(t, s, 0)
	for range 2 { // asking takes no place
		if again := callV1(t, s, http.MethodGet, pathRoom+"?for=socket&"+userAndToken, "", ""); again.status != http.StatusOK {
			t.Errorf("asked with a place left: %d %s; want 200", again.status, again.body)
		}
	}
	wireV1(t, s, userAndToken, "", 0)
}

func refusedDraining(t *testing.T) {
	s := newServerV1(t, nil)
	s.edge.PeekDraining(true)
	a := askV1(t, s, userAndToken, offerV1)
	a.want(503, "draining", "the node is leaving")
	a.sameWhenAsked(s, userAndToken, "")
}

func refusedUnavailable(t *testing.T) {
	f := func(call, message string, change func(*setup)) {
		t.Helper()
		s := newServerV1(t, change)
		calls := []string{call}
		if call == "Read" {
			calls = append(calls, "Page") // they read the same key
		}
		storeOf(s).fail(failure(call), calls...)
		a := askV1(t, s, userAndToken, offerV1)
		a.want(503, "unavailable", message)
		a.sameWhenAsked(s, userAndToken, "")
		eventually(t, func() error { return differ("slots taken", s.edge.Sessions.Taken(), 0) })
		storeOf(s).fail(nil, calls...)
		if call == "IsMember" {
			if _, err := s.store.Join(t.Context(), "u", "r"); err != nil {
				t.Fatal(err)
			}
		}
		wireV1(t, s, userAndToken, "", 0)
	}
	f("CheckToken", "cannot check the token now", func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	f("IsMember", "cannot check the membership now", func(c *setup) { c.AutoJoin = false })
	f("Read", "cannot open the room now", nil)
}

// 429 is not sent yet, but has its shape.
func TestWriteProblem_TooManyRequestsIsRateLimited(t *testing.T) {
	w := httptest.NewRecorder()
	v1.WriteProblem(w, edge.Refuse(http.StatusTooManyRequests, "slower"))
	asked{t, &refusedError{status: w.Code, header: w.Header(), body: w.Body.String()}}.want(429, "rate_limited", "slower")
}
