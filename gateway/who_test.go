package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/gateway/edge"
	"barrage/gateway/pass"
)

// Guests read, are counted, and leave nothing in the store.
func TestGuests_ReadButLeaveNothingBehind(t *testing.T) {
	s := newServerV1(t, func(c *setup) {
		c.Auth.Mode, c.AnonymousJoin = []string{edge.AuthRedis}, false
		c.recheckEvery = time.Hour // of u's token
		c.Limits.Enabled, c.Limits.UserConnections = true, 1
	})
	user := joinV1(t, s, "u")
	first, w := dialV1(t, s, "r", "", false)
	if !strings.HasPrefix(w.UserID, "g-") || len(w.UserID) != 14 || !w.Guest || fmt.Sprint(w.Can) != "[read]" || w.EndsIn != 0 {
		t.Errorf("welcome = %+v; want a guest who may read", w)
	}
	eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) }) // u's
	before := callsOf(s)
	for range 50 {
		if _, again := dialV1(t, s, "r", "", false); again.UserID == w.UserID {
			t.Fatalf("two guests are %s", w.UserID)
		}
	}
	if got := callsOf(s); got != before {
		t.Errorf("50 guests cost %d calls of the store; want none", got-before)
	}
	for _, op := range []string{`{"t":"send","id":"1","body":"x"}`, `{"t":"like","n":1}`, `{"t":"recall","seq":1}`} {
		first.send(op)
		if f := first.want("refused"); f.Code != "forbidden" || f.Message != edge.MayNot {
			t.Errorf("%s: %+v; want forbidden", op, f)
		}
	}
	user.send(`{"t":"send","id":"1","body":"for all"}`)
	if m := first.want("batch").messages(t)[0]; m.Body != "for all" {
		t.Errorf("message = %+v", m)
	}
	eventually(t, func() error {
		st, c, _ := s.edge.Hall.Standing("r")
		return firstOf(differ("online", c.Online, 52), differ("seq", st.Seq, 1))
	})
	// HTTP alike.
	callV1(t, s, http.MethodGet, pathMessages, "", "").wantCode(t, 200, "")
	callV1(t, s, http.MethodPost, pathMessages, "", `{"id":"1","body":"x"}`).wantCode(t, 403, "forbidden")
	// One who names themselves is no guest.
	askV1(t, s, "user_id=g-me", offerV1).want(401, "unauthenticated", "no token")
}

// callsOf is how often a server has called its store so far for those who come. Reports of rooms come by the clock.
func callsOf(s *Server) (calls int) {
	for _, name := range []string{"CheckToken", "CheckTokens", "IsMember", "Join", "JoinAll", "Rooms", "KnownRoom", "Read", "Since", "Page", "SetToken"} {
		calls += storeOf(s).called(name)
	}
	return calls
}

func TestGuests_MayChat(t *testing.T) {
	s := newServerV1(t, func(c *setup) {
		c.Auth.Mode, c.Auth.Guests, c.AnonymousJoin = []string{edge.AuthRedis}, edge.GuestsChat, false
		manualCheck(c)
	})
	n, w := dialV1(t, s, "r", "", false)
	if fmt.Sprint(w.Can) != "[read send like]" {
		t.Errorf("welcome = %+v", w)
	}
	n.send(`{"t":"send","id":"1","body":"x"}`)
	if m := n.wantAll("ack", "batch")["batch"].messages(t)[0]; m.UserID != w.UserID {
		t.Errorf("message = %+v; want the guest's", m)
	}
	n.send(`{"t":"recall","seq":1}`)
	n.wantRefused("", "forbidden", edge.MayNot, false)
	eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) })
	if rooms, err := s.store.Rooms(t.Context(), w.UserID); err != nil || len(rooms) > 0 {
		t.Errorf("rooms of a guest = %q, %v; want none", rooms, err)
	}
	before := callsOf(s)
	eachSession(s, func(c edge.Peek) { c.Stays() })
	if waiting := s.edge.Joins.Waiting(); waiting != 0 || callsOf(s) != before {
		t.Errorf("a guest who stays has %d memberships written", waiting)
	}
	// A signed token without a user is a guest's, with what it grants.
	s = newServerV1(t, func(c *setup) { signs(c); c.Auth.Guests = edge.GuestsOff })
	askV1(t, s, "", offerV1).want(401, "unauthenticated", "no token")
	_, w = dialAs(t, s, signedToken(t, "", grants("r", "like")))
	if !w.Guest || !strings.HasPrefix(w.UserID, "g-") || fmt.Sprint(w.Can) != "[read like]" || w.EndsIn == 0 {
		t.Errorf("welcome = %+v; want a guest who may like", w)
	}
}

// The right high is for the kinds that the site says are above normal, however they are written.
func TestGrants_HighKindsAreTheSites(t *testing.T) {
	s := newServerV1(t, func(c *setup) { signs(c); c.rooms.Storm.HighKinds = []string{"cheer"} })
	auth := with("Authorization", "Bearer "+signedToken(t, "u", grants("r", "read", "send")))
	for kind, want := range map[string]int{"cheer": 403, "Cheer": 403, "gift": 201} {
		if a := callV1(t, s, http.MethodPost, pathMessages, "", `{"id":"`+kind+`","kind":"`+kind+`"}`, auth); a.status != want {
			t.Errorf("POST of kind %s: %d %s; want %d", kind, a.status, a.body, want)
		}
	}
	n, _ := dialAs(t, s, signedToken(t, "v", grants("r", "read", "send")))
	n.send(`{"t":"send","id":"1","body":"x","kind":"cheer"}`)
	n.wantRefused("1", "forbidden", edge.MayNot, false)
}

// An action that a token does not grant is refused on every way, and one that it grants is not.
func TestGrants_HoldOnEveryWay(t *testing.T) {
	s := newServerV1(t, signs)
	publishMany(t, s, 1) // of u
	for _, c := range []struct {
		name                          string
		change                        func(*pass.Claims)
		read, send, gift, recall      bool
		fastIMWelcome, fastIMIsNoword bool
	}{
		{"nothing said", nil, true, true, false, true, true, false},
		{"nothing here", grants("other", "read", "send"), false, false, false, false, false, false},
		{"nothing anywhere", func(c *pass.Claims) { c.Rooms = []pass.RoomClaim{} }, false, false, false, false, false, false},
		{"read", grants("r", "read"), true, false, false, false, true, true},
		{"by beginning", grants("*", "send"), true, true, false, false, true, false},
		{"recall", grants("r*", "recall"), true, false, false, true, true, true},
		{"gifts", grants("r", "send", "high"), true, true, true, false, true, false},
		{"in two", func(c *pass.Claims) { grants("r", "high")(c); grants("*", "send")(c) }, true, true, true, false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := signedToken(t, "u", c.change)
			status := func(what string, a answerV1, ok bool, good int) {
				t.Helper()
				if ok && a.status != good || !ok && (a.status != 403 || a.problem(t).Code != "forbidden") {
					t.Errorf("%s: %d %s; want it done: %v", what, a.status, a.body, ok)
				}
			}
			auth := with("Authorization", "Bearer "+token)
			status("GET messages", callV1(t, s, http.MethodGet, pathMessages, "", "", auth), c.read, 200)
			status("GET room", callV1(t, s, http.MethodGet, pathRoom+"?for=socket", "", "", auth), c.read, 200)
			status("POST", callV1(t, s, http.MethodPost, pathMessages, "", `{"id":"`+c.name+`","body":"x"}`, auth), c.send, 201)
			status("POST gift", callV1(t, s, http.MethodPost, pathMessages, "", `{"id":"g`+c.name+`","kind":"gift"}`, auth), c.gift, 201)
			if a := callV1(t, s, http.MethodDelete, pathMessages+"/999", "", "", auth); (a.status == 404) != c.recall {
				t.Errorf("DELETE: %d %s; want it looked for: %v", a.status, a.body, c.recall)
			}
			if c.read {
				n, _ := dialAs(t, s, token)
				n.send(`{"t":"recall","id":"x","seq":999}`)
				for f := n.want("refused"); ; f = n.want("refused") {
					if f.ID == "x" {
						if (f.Code == "not_found") != c.recall {
							t.Errorf("recall: %+v; want it looked for: %v", f, c.recall)
						}
						break
					}
				}
			} else {
				askV1(t, s, "token="+token, offerV1).want(403, "forbidden", edge.MayNot)
			}
			fast := dial(t, s, "/group/chat/r/u/"+token)
			if !c.fastIMWelcome {
				fast.wantClosed(4403)
				return
			}
			fast.wantWelcome()
			before := s.edge.Stats.Forbidden.Load()
			fast.say("from FastIM")
			if c.fastIMIsNoword {
				eventually(t, func() error { return differ("forbidden", s.edge.Stats.Forbidden.Load(), before+1) })
			} else {
				fast.wantInfo("from FastIM")
			}
		})
	}
}

// With room.open: granted only a token that names the room lets its user in, who then needs no membership.
func TestGrants_LetInOnlyWhoNamesTheRoom(t *testing.T) {
	s := newServerV1(t, func(c *setup) { signs(c); c.GrantedRooms = true })
	askV1(t, s, "", offerV1).want(403, "forbidden", "")
	askV1(t, s, "token="+signedToken(t, "u", nil), offerV1).want(403, "forbidden", "")
	askV1(t, s, "token="+signedToken(t, "u", grants("other", "read")), offerV1).want(403, "forbidden", "")
	dialAs(t, s, signedToken(t, "u", grants("r", "read")))
	callV1(t, s, http.MethodGet, pathRoom, "", "").wantCode(t, 403, "forbidden")

	private := newServerV1(t, func(c *setup) { signs(c); c.AutoJoin, c.SelfJoin = false, false })
	askV1(t, private, "token="+signedToken(t, "u", nil), offerV1).want(403, "forbidden", "not a member")
	n, _ := dialAs(t, private, signedToken(t, "u", grants("r*", "send")))
	if err := private.expelOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.wantAll("ack", "batch")
}

// A token travels in four ways, and the first one counts.
func TestToken_FirstOfItsWaysCounts(t *testing.T) {
	s := newServerV1(t, signs)
	u, v, w := signedToken(t, "u", nil), signedToken(t, "v", nil), signedToken(t, "w", nil)
	who := func(query, token string, header http.Header) string {
		t.Helper()
		protocols := []string{subprotocol}
		if token != "" {
			protocols = append(protocols, bearer(token))
		}
		conn, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr().String()+v1Path("r", query), &websocket.DialOptions{ //nolint:bodyclose // coder/websocket closes it
			Subprotocols: protocols, HTTPHeader: header,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.CloseNow() }()
		n := &native{t, conn, nil}
		return n.want("welcome").UserID
	}
	h := http.Header{"Authorization": {"Bearer " + u}}
	for _, c := range []struct {
		got, want string
	}{{who("token="+w, v, h), "u"}, {who("token="+w, v, nil), "v"}, {who("token="+w, "", nil), "w"}} {
		if c.got != c.want {
			t.Errorf("the user is %q; want %q", c.got, c.want)
		}
	}
	askV1(t, s, "", "Sec-WebSocket-Protocol: barrage.v1, bearer.!!\r\n").want(401, "unauthenticated", "")
	askV1(t, s, "token="+signedToken(t, "a  b", nil), offerV1).want(401, "unauthenticated", "the token's user")
	askV1(t, s, "user_id=x&token="+u, offerV1).want(403, "forbidden", `not that of user "x"`)
}

// A store that is away keeps nobody out who shows a signed token. A user whose token was revoked goes when it is back.
func TestToken_StoreAwayKeepsNoSignedOneOut(t *testing.T) {
	s := newServerV1(t, signs)
	joinAs := func(user string) *native {
		t.Helper()
		n, _ := dialAs(t, s, signedToken(t, user, nil))
		return n
	}
	joinAs("x")
	if err := s.store.RevokeUser(t.Context(), "u", time.Now()); err != nil {
		t.Fatal(err)
	}
	storeOf(s).fail(errAway, "CheckToken")
	revoked, other := joinAs("u"), joinAs("v")
	storeOf(s).fail(nil, "CheckToken")
	s.recheck(t)
	revoked.wantClose(4401)
	other.send(`{"t":"ping","ts":1}`)
	other.want("pong")
}

// Nothing of a token stands in the log, whatever happens to it, at debug.
func TestToken_IsNotLogged(t *testing.T) {
	logged := &journal{}
	s := newLogged(t, logged, func(c *setup) { signs(c); c.Auth.Mode = []string{edge.AuthJWT, edge.AuthRedis} })
	good, bad := signedToken(t, "u", nil), signedToken(t, "u", nil)+"x"
	opaque := "an-opaque-token-nobody-knows"
	s.setToken(t, "v", opaque)
	tokens := []string{good, bad, opaque}
	for _, broken := range []bool{false, true} {
		if broken {
			storeOf(s).fail(errAway, "CheckToken", "CheckTokens", "Read")
		}
		for _, token := range tokens {
			for _, user := range []string{"", "user_id=u", "user_id=v", "user_id=%00"} {
				c := dialTCP(t, s)
				c.mustWrite(requestV1("r", user+"&token="+token, offerV1))
				_ = c.conn.Close()
				callV1(t, s, http.MethodPost, pathMessages, "v", `{"id":"1"}`, with("Authorization", "Bearer "+token))
				callV1(t, s, http.MethodGet, pathRoom, "v", "", with("Authorization", "Bearer "+token))
			}
			n := firstFrame(t, s, "&user_id=v")
			n.send(`{"t":"auth","token":"` + token + `"}`)
			n.send(`{"t":"auth","token":"` + token + `"`)
			_ = n.conn.CloseNow()
		}
	}
	eventually(t, func() error { return differ("requests", s.front.underWay.Load(), 0) })
	for _, token := range tokens {
		parts := append(strings.Split(token, "."), token, bearer(token))
		for _, part := range parts {
			if len(part) > 10 && strings.Contains(logged.String(), part) {
				t.Errorf("the log has %q of a token:\n%s", part, logged)
			}
		}
	}
	if !strings.Contains(logged.String(), "cannot check the token") && !strings.Contains(logged.String(), "cannot look whether") {
		t.Errorf("the log says nothing of what went wrong:\n%s", logged)
	}
}

func BenchmarkHandshakeToken(b *testing.B) {
	for name, change := range map[string]func(*setup){
		"any": nil, "redis": func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} }, "jwt": signs, "guest": nil,
	} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b, change)
			if err := s.store.SetToken(b.Context(), "u", "t"); err != nil {
				b.Fatal(err)
			}
			v := edge.Visitor{User: "u", Token: "t"}
			switch name {
			case "jwt":
				v.Token = signedToken(b, "u", nil)
			case "guest":
				v = edge.Visitor{}
			}
			b.ReportAllocs()
			for b.Loop() {
				one := v
				if _, bad := s.edge.Guard.MayEnter(b.Context(), &one, "r"); bad != nil {
					b.Fatal(bad.Why)
				}
			}
		})
	}
}

// With mode hook a service says who somebody is and what they may do, on every way, once for as long as its answer
// counts.
func TestHook_SaysWhoSomebodyIs(t *testing.T) {
	var asked atomic.Int32
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var q pass.Asked
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		switch q.Token {
		case "alice's":
			_, _ = fmt.Fprintf(w, `{"user_id":"alice","role":"vip","can":["send"],"info":{"room":%q,"address":%q},"expires_in_ms":600000}`, q.Room, q.Address)
		case "guest's":
			_, _ = io.WriteString(w, `{}`)
		case "late":
			w.WriteHeader(http.StatusBadGateway)
		case "old":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"code":"token_expired","message":"log in again"}}`)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(hook.Close)
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Auth.Mode, c.Auth.ConnectURL = []string{edge.AuthHook}, hook.URL })
	n, w := dialAs(t, s, "alice's")
	if w.UserID != "alice" || w.Role != "vip" || fmt.Sprint(w.Can) != "[read send]" || w.EndsIn < 590_000 || w.EndsIn > 600_000 {
		t.Errorf("welcome = %+v; want alice, vip, who may send, for ten minutes", w)
	}
	n.send(`{"t":"send","id":"1","body":"x"}`)
	if m := n.wantAll("ack", "batch")["batch"].messages(t)[0]; string(m.User) != `{"room":"r","address":"127.0.0.1"}` {
		t.Errorf("message = %+v; want what the hook was asked", m)
	}
	if _, again := dialAs(t, s, "alice's"); again.UserID != "alice" || asked.Load() != 1 {
		t.Errorf("welcome = %+v, the hook was asked %d times; want once", again, asked.Load())
	}
	if _, w := dialAs(t, s, "guest's"); !w.Guest || fmt.Sprint(w.Can) != "[read]" {
		t.Errorf("welcome = %+v; want a guest", w)
	}
	before := asked.Load()
	if _, w := dialV1(t, s, "r", "", false); !w.Guest || asked.Load() != before {
		t.Errorf("welcome = %+v; want a guest about whom nobody was asked", w)
	}
	askV1(t, s, "token=old", offerV1).want(401, "token_expired", "log in again")
	callV1(t, s, http.MethodGet, pathRoom, "", "", with("Authorization", "Bearer late")).wantCode(t, 503, "unavailable")
	askV1(t, s, "token=x", offerV1).want(403, "forbidden", "")
	askV1(t, s, "user_id=bob&token=alice's", offerV1).want(403, "forbidden", "")
	fast := dial(t, s, "/group/chat/r/alice/alice's")
	fast.wantWelcome()
	dial(t, s, "/group/chat/r/bob/alice's").wantClosed(4403)
	auth := with("Authorization", "Bearer alice's")
	callV1(t, s, http.MethodPost, pathMessages, "", `{"id":"2","body":"x"}`, auth).wantCode(t, 201, "")
	n.want("batch") // of the call
	callV1(t, s, http.MethodDelete, pathMessages+"/1", "", "", auth).wantCode(t, 403, "forbidden")
	// A revocation counts for answers of before, and closes.
	if err := s.store.RevokeUser(t.Context(), "alice", time.Now()); err != nil {
		t.Fatal(err)
	}
	s.recheck(t)
	n.wantClose(4401)
}
