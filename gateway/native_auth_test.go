//nolint:thelper // what looks like helpers here are cases
package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// The rows of docs/protocol.md that are about tokens.
var (
	authOps      = map[string]func(*testing.T){"auth": opAuth}
	authRefusals = map[string]func(*testing.T){
		"401 token_expired": refusedExpiredToken, "401 token_revoked": refusedRevokedToken,
	}
	authRefused = map[string]func(*testing.T){
		"unauthenticated": opAuth, "token_expired": opAuth, "token_revoked": opAuth, "token_replaced": refusedReplacedAuth,
	}
	authCloses = map[string]func(*testing.T){
		"1013": closedBusy,
		"4401": func(t *testing.T) {
			t.Run("deleted", closedRevoked)
			t.Run("expired", closedExpired)
			t.Run("no token", closedWithoutToken)
		},
	}
)

const testSecret = "a secret that only the tests know"

// signs has a server take tokens signed with testSecret, and nothing else.
func signs(c *setup) {
	manualCheck(c)
	c.Auth.Mode, c.Auth.JWTSecret = []string{edge.AuthJWT}, testSecret
}

// signedToken is a token for an hour, made a minute ago; change makes it another one.
func signedToken(tb testing.TB, user string, change func(*pass.Claims)) string {
	tb.Helper()
	now := time.Now()
	claims := pass.Claims{Subject: user, Issued: now.Add(-time.Minute).Unix(), Expires: now.Add(time.Hour).Unix()}
	if change != nil {
		change(&claims)
	}
	token, err := pass.Sign(testSecret, "", claims)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// grants is a change of signedToken: what the token grants in a room.
func grants(room string, can ...string) func(*pass.Claims) {
	return func(c *pass.Claims) { c.Rooms = append(c.Rooms, pass.RoomClaim{ID: room, Can: can}) }
}

// bearer is what a browser offers to show a token.
func bearer(token string) string {
	return bearerProtocol + base64.RawURLEncoding.EncodeToString([]byte(token))
}

// dialAs opens a native socket of room r that shows a token among its sub-protocols.
func dialAs(tb testing.TB, s *Server, token string) (*native, frameV1) {
	tb.Helper()
	n := dialProtocols(tb, s, "", subprotocol, bearer(token))
	return n, n.want("welcome")
}

func dialProtocols(tb testing.TB, s *Server, query string, protocols ...string) *native {
	tb.Helper()
	conn, resp, err := websocket.Dial(tb.Context(), "ws://"+s.Addr().String()+v1Path("r", query), &websocket.DialOptions{ //nolint:bodyclose // coder/websocket closes it
		Subprotocols: protocols, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		tb.Fatalf("cannot dial: %v", err)
	}
	tb.Cleanup(func() { _ = conn.CloseNow() })
	if conn.Subprotocol() != subprotocol {
		tb.Errorf("sub-protocol %q; want %s", conn.Subprotocol(), subprotocol)
	}
	return &native{tb, conn, resp}
}

func refusedExpiredToken(t *testing.T) {
	s := newServerV1(t, signs)
	token := signedToken(t, "u", func(c *pass.Claims) { c.Expires = time.Now().Add(-time.Minute).Unix() })
	a := askV1(t, s, "token="+token, offerV1)
	a.want(401, "token_expired", "")
	a.sameWhenAsked(s, "token="+token, "")
}

// A user whose tokens were revoked comes in with a newer one; a user whose one token was, with any other.
func refusedRevokedToken(t *testing.T) {
	s := newServerV1(t, signs)
	named := signedToken(t, "u", func(c *pass.Claims) { c.ID = "j-1" })
	plain := signedToken(t, "u", nil)
	dialAs(t, s, named)
	if err := s.store.RevokeToken(t.Context(), "j-1", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	a := askV1(t, s, "token="+named, offerV1)
	a.want(401, "token_revoked", "revoked")
	a.sameWhenAsked(s, "token="+named, "")
	dialAs(t, s, plain)
	if err := s.store.RevokeUser(t.Context(), "u", time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	askV1(t, s, "token="+plain, offerV1).want(401, "token_revoked", "revoked")
	dialAs(t, s, signedToken(t, "u", func(c *pass.Claims) { c.Issued = time.Now().Unix() }))
	dialAs(t, s, signedToken(t, "v", nil))
}

// A token of a user's next session takes over where the socket is: its grants count from the answer on.
func opAuth(t *testing.T) {
	s := newServerV1(t, signs)
	n, w := dialAs(t, s, signedToken(t, "u", grants("r", "read")))
	if w.UserID != "u" || w.Guest || fmt.Sprint(w.Can) != "[read]" || w.EndsIn < 3_590_000 || w.EndsIn > 3_600_000 {
		t.Errorf("welcome = %+v; want u, who may read, for an hour", w)
	}
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.wantRefused("1", "forbidden", edge.MayNot, false)
	renew := func(id, token string) {
		t.Helper()
		n.send(fmt.Sprintf(`{"t":"auth","id":%q,"token":%q}`, id, token))
	}
	refused := func(id, code, message, token string) {
		t.Helper()
		renew(id, token)
		n.wantRefused(id, code, message, false)
	}
	refused("a-1", "forbidden", `not that of user "u"`, signedToken(t, "v", nil))
	refused("a-2", "forbidden", `not that of user "u"`, signedToken(t, "", nil))
	refused("a-3", "forbidden", edge.MayNot, signedToken(t, "u", grants("other", "read")))
	refused("a-4", "unauthenticated", "", "nonsense")
	refused("a-5", "token_expired", "", signedToken(t, "u", func(c *pass.Claims) { c.Expires = time.Now().Add(-time.Hour).Unix() }))
	if err := s.store.RevokeToken(t.Context(), "gone", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	refused("a-7", "token_revoked", "", signedToken(t, "u", func(c *pass.Claims) { c.ID = "gone" }))
	n.send(`{"t":"auth","id":"a-10","token":"SECRET\u0001"}`)
	if f := n.want("refused"); f.Code != badRequest || strings.Contains(f.Message, "SECRET") {
		t.Errorf("refused = %+v; want a bad request that does not show the token", f)
	}
	n.send(`{"t":"auth","id":"a-8"}`)
	n.wantRefused("a-8", badRequest, "token has 0 bytes", false)
	n.send(`{"t":"auth","id":"a-9","token":"` + strings.Repeat("t", chat.MaxToken+1) + `"}`)
	n.wantRefused("a-9", badRequest, "token has 4097 bytes", false)
	n.send(`{"t":"send","id":"2","body":"x"}`)
	n.wantRefused("2", "forbidden", edge.MayNot, false) // the token of before counts on

	renew("", signedToken(t, "u", func(c *pass.Claims) {
		grants("r", "send", "like", "high")(c)
		c.Info = json.RawMessage(`{"name":"Ü"}`)
	}))
	got := n.want("auth")
	if fmt.Sprint(got.Can) != "[read send like high]" || got.Expires < 3_590_000 || got.ID != "" {
		t.Errorf("auth = %+v; want read, send, like and high, for an hour", got)
	}
	n.send(`{"t":"send","id":"3","body":"x","kind":"gift"}`)
	if m := n.wantAll("ack", "batch")["batch"].messages(t)[0]; string(m.User) != `{"name":"Ü"}` || m.Kind != "gift" {
		t.Errorf("message = %+v; want a gift, and what the token says of its sender", m)
	}
	n.send(`{"t":"recall","seq":1}`)
	n.wantRefused("", "forbidden", edge.MayNot, false)
}

func refusedReplacedAuth(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Auth.Mode = []string{edge.AuthRedis} })
	n := joinV1(t, s, "u")
	s.setToken(t, "u", "newer")
	n.send(`{"t":"auth","id":"a","token":"t"}`)
	n.wantRefused("a", "token_replaced", "logged in elsewhere", false)
	n.send(`{"t":"auth","id":"b","token":"newer"}`)
	n.want("auth")
	s.recheck(t)
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.wantAll("ack", "batch")
}

// A socket lives 25 s longer than its token, on every kind of socket.
func closedExpired(t *testing.T) {
	s := newServerV1(t, func(c *setup) { signs(c); c.Server.PingInterval, c.Server.IdleTimeout = time.Hour, 2*time.Hour })
	end := time.Now().Add(time.Minute)
	ending := func(c *pass.Claims) { c.Expires = end.Unix() }
	n, _ := dialAs(t, s, signedToken(t, "u", ending))
	stays, _ := dialAs(t, s, signedToken(t, "v", nil))
	fast := dial(t, s, "/group/chat/r/w/"+signedToken(t, "w", ending))
	fast.wantWelcome()
	renewed, _ := dialAs(t, s, signedToken(t, "x", ending))
	renewed.send(`{"t":"auth","token":"` + signedToken(t, "x", nil) + `"}`)
	renewed.want("auth")
	s.edge.CheckSessions(end.Add(24 * time.Second))
	wantClosedFor(t, s, edge.CloseRevoked, 0)
	s.edge.CheckSessions(time.Unix(end.Unix(), 0).Add(25 * time.Second))
	n.wantClose(4401)
	fast.wantFrame(codec.OpText, "440")
	fast.wantClosed(codec.CloseNormal)
	for _, m := range []*native{stays, renewed} {
		m.send(`{"t":"ping","ts":5}`)
		m.want("pong")
	}
	wantCounted(t, s, edge.CloseRevoked)
}

// firstFrame opens a socket that has yet to show its token.
func firstFrame(t *testing.T, s *Server, query string) *native {
	t.Helper()
	return dialProtocols(t, s, "auth=frame"+query, subprotocol)
}

func closedWithoutToken(t *testing.T) {
	s := newServerV1(t, signs)
	n := firstFrame(t, s, "")
	s.edge.CheckSessions(s.edge.PeekStarted().Add(4 * time.Second))
	wantClosedFor(t, s, edge.CloseRevoked, 0)
	s.edge.CheckSessions(s.edge.PeekStarted().Add(5 * time.Second))
	n.wantClose(4401)
}

func closedForbiddenRoom(t *testing.T) {
	s := newServerV1(t, signs)
	n := firstFrame(t, s, "")
	n.send(`{"t":"auth","id":"a","token":"` + signedToken(t, "u", grants("other", "read")) + `"}`)
	n.wantRefused("a", "forbidden", edge.MayNot, false)
	n.wantClose(4403)
}

func closedBusy(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	storeOf(s).fail(errAway, "CheckToken")
	n := firstFrame(t, s, "&user_id=u")
	n.send(`{"t":"auth","id":"a","token":"t"}`)
	n.wantRefused("a", "unavailable", "cannot check the token now", true)
	n.wantClose(1013)
}

// A user who shows the token in the first frame is in the room then as anybody is. Nothing is left of a user who was
// not let in.
func TestFirstFrame_TokenLetsInAsAnyOther(t *testing.T) {
	s := newServerV1(t, func(c *setup) {
		signs(c)
		c.Auth.Mode, c.Auth.Guests = []string{edge.AuthJWT, edge.AuthRedis}, edge.GuestsOff
		c.Limits.Enabled, c.Limits.UserConnections = true, 1
	})
	other, _ := dialAs(t, s, signedToken(t, "v", nil))
	n := firstFrame(t, s, "")
	if got := s.edge.Hall.Stats().Members; got != 1 {
		t.Errorf("%d members; want 1: who waits is none", got)
	}
	n.send(`{"t":"auth","token":"` + signedToken(t, "u", nil) + `"}`)
	if w := n.want("welcome"); w.UserID != "u" || w.Guest || w.Room != "r" || w.Online != 2 || w.EndsIn == 0 {
		t.Errorf("welcome = %+v; want u in room r, the second", w)
	}
	n.send(`{"t":"send","id":"1","body":"hello"}`)
	n.wantAll("ack", "batch")
	if m := other.want("batch").messages(t)[0]; m.UserID != "u" || m.Body != "hello" {
		t.Errorf("message = %+v; want u's", m)
	}
	eventually(t, func() error {
		rooms, err := s.store.Rooms(t.Context(), "u")
		return firstOf(err, differ("rooms of u", fmt.Sprint(rooms), "[r]"))
	})
	// The user has one connection, as many as a user may.
	twice := firstFrame(t, s, "")
	twice.send(`{"t":"auth","token":"` + signedToken(t, "u", nil) + `"}`)
	twice.wantRefused("", "too_many_connections", "", true)
	twice.wantClose(1013)
	// A user whose tokens are revoked is disconnected, as everybody else.
	if err := s.store.RevokeUser(t.Context(), "u", time.Now()); err != nil {
		t.Fatal(err)
	}
	s.recheck(t)
	n.wantClose(4401)
	eventually(t, func() error {
		return firstOf(differ("members", s.edge.Hall.Stats().Members, 1), differ("waiting", s.v1.PeekWaiting(), 0), differ("slots", s.edge.Sessions.Taken(), 1))
	})
	again := firstFrame(t, s, "&user_id=u") // with a token that names nobody
	again.send(`{"t":"auth","token":"t"}`)
	again.wantRefused("", "unauthenticated", "", false) // RevokeUser has ended it
	again.wantClose(4401)
	s.setToken(t, "u", "opaque")
	again = firstFrame(t, s, "&user_id=u")
	again.send(`{"t":"auth","token":"opaque"}`)
	again.want("welcome")
}

// A client that sends anything else first is closed, and one that goes before the answer comes leaves nothing.
func TestFirstFrame_OtherFramesCloseTheSocket(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Auth.Mode = []string{edge.AuthRedis} })
	for _, op := range []string{`{"t":"ping","ts":1}`, `{"t":"send","id":"1","body":"x"}`, `hello`, `{"t":"auth"}`} {
		n := firstFrame(t, s, "&user_id=u")
		n.send(op)
		n.wantRefused("", badRequest, "the first frame must be", false)
		n.wantClose(4400)
	}
	goOn := storeOf(s).hold("CheckToken")
	n := firstFrame(t, s, "&user_id=u")
	n.send(`{"t":"auth","token":"t"}`)
	eventually(t, func() error { return differ("calls", storeOf(s).called("CheckToken") > 0, true) })
	_ = n.conn.CloseNow()
	eventually(t, func() error { return differ("sessions", s.Sessions(), 0) })
	goOn()
	checksOver := func() {
		t.Helper()
		goOn := storeOf(s).hold("CheckToken")
		defer goOn()
		before := storeOf(s).called("CheckToken")
		for range arrivers { // all who check one are at these, which are wrong; none is at one of before
			firstFrame(t, s, "&user_id=u").send(`{"t":"auth","token":"wrong"}`)
		}
		eventually(t, func() error { return differ("tokens checked", storeOf(s).called("CheckToken"), before+arrivers) })
		eventually(t, func() error { return differ("members", s.edge.Hall.Stats().Members, 0) })
	}
	checksOver()
	// Two frames at once: the second comes before the welcome.
	goOn = storeOf(s).hold("CheckToken")
	before := storeOf(s).called("CheckToken")
	n = firstFrame(t, s, "&user_id=u")
	n.send(`{"t":"auth","token":"t"}`)
	n.send(`{"t":"auth","token":"t"}`)
	n.wantRefused("", badRequest, "the first frame must be", false)
	n.wantClose(4400) // else the token may be in between the refusal and the close
	eventually(t, func() error { return differ("tokens checked", storeOf(s).called("CheckToken"), before+1) })
	goOn()
	checksOver()
}

// TestFirstFrame_OneAddressLeavesSlotsForOthers: an address that opens them and shows no token leaves slots for those
// from elsewhere.
func TestFirstFrame_OneAddressLeavesSlotsForOthers(t *testing.T) {
	s := behindProxy(t, func(c *setup) { manualCheck(c); c.Server.MaxConnections = 100 })
	open := func(addr string, want int) {
		t.Helper()
		w := dialTCP(t, s)
		w.mustWrite(requestV1("r", "auth=frame&user_id=u", offerV1+fromAddr(addr)))
		if got, err := w.response(); err != nil || got.status != want {
			t.Errorf("a socket of %s: %v, %v; want %d", addr, got, err, want)
		}
	}
	for range 8 {
		open("203.0.113.66", 101)
	}
	open("203.0.113.66", 503)
	open("198.51.100.1", 101)
}

// Sockets without a token are a twentieth of the slots, and sixteen at least.
func TestFirstFrame_WaitingOnesAreBounded(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Server.MaxConnections = 100 })
	for range 16 {
		firstFrame(t, s, "&user_id=u")
	}
	askV1(t, s, "auth=frame&user_id=u", offerV1).want(503, "busy", "too many sockets have yet to show a token")
	joinV1(t, s, "u")
}
