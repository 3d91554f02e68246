package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/gateway/door"
	"barrage/gateway/edge"
	"barrage/gateway/keys"
	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// With room.open: granted no way leads into a room that the token does not name, nor to its newest message on a list.
func TestGrants_NoWayRound(t *testing.T) {
	s := newServerV1(t, func(c *setup) { signs(c); c.GrantedRooms = true })
	publishMany(t, s, 1)
	eve, guest := signedToken(t, "eve", nil), signedToken(t, "u", grants("r", "read"))
	headers := func(user, token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("userId", user); r.Header.Set("token", token) }
	}
	call := func(path, user, token string, form url.Values) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr().String()+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		headers(user, token)(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	group := url.Values{"groupId": {"r"}, "startPage": {"0"}, "endPage": {"-1"}}
	if got := call("/user/joinGroup", "eve", eve, group); !strings.Contains(got, `"code":100`) {
		t.Errorf("joinGroup = %s; want it refused", got)
	}
	if _, err := s.store.Join(t.Context(), "eve", "r"); err != nil { // though she were a member
		t.Fatal(err)
	}
	if got := call("/group/listMessage", "eve", eve, group); strings.Contains(got, "m1") {
		t.Errorf("listMessage = %s; want it refused", got)
	}
	dial(t, s, "/group/list/eve/"+eve)
	wantSessions(t, s, 1)
	if shown := s.fastIM.Lists.PeekLists("eve")[0].Rooms; shown != 0 {
		t.Errorf("eve's list shows %d rooms; want none", shown)
	}
	if got := call("/user/joinGroup", "u", guest, group); !strings.Contains(got, `"code":200`) {
		t.Errorf("joinGroup of who may = %s; want it done", got)
	}
	list := dial(t, s, "/group/list/u/"+guest)
	if got := list.wantText(); !strings.Contains(got, "m1") {
		t.Errorf("the list of who may shows %s; want the room", got)
	}
}

// All guests of an address share one rate, on sockets and by HTTP.
func TestGuests_ShareTheRateOfTheirAddress(t *testing.T) {
	s := newServerV1(t, func(c *setup) {
		manualCheck(c)
		c.Auth.Mode, c.Auth.Guests = []string{edge.AuthRedis}, edge.GuestsChat
		c.Server.TrustedProxies = []string{"127.0.0.0/8"}
		c.Limits = door.DefaultLimits()
		c.Limits.UserRate, c.Limits.UserBurst = 0.01, 3
	})
	status := func(from string) int {
		return callV1(t, s, http.MethodPost, pathMessages, "", fmt.Sprintf(`{"id":"%d"}`, time.Now().UnixNano()), with("X-Forwarded-For", from)).status
	}
	for range 3 {
		if got := status("203.0.113.7"); got != 201 {
			t.Fatalf("within the burst: %d; want 201", got)
		}
	}
	if got := status("203.0.113.7"); got != 429 {
		t.Errorf("one more of the address: %d; want 429", got)
	}
	if got := status("203.0.113.8"); got != 201 {
		t.Errorf("of another address: %d; want 201", got)
	}
	// A socket of the address is among them.
	conn, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr().String()+v1Path("r", ""), &websocket.DialOptions{ //nolint:bodyclose // coder/websocket closes it
		Subprotocols: []string{subprotocol}, HTTPHeader: http.Header{"X-Forwarded-For": {"203.0.113.7"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	n := &native{t, conn, nil}
	n.want("welcome")
	n.send(`{"t":"send","id":"s","body":"x"}`)
	if f := n.want("refused"); f.Code != "rate_limited" {
		t.Errorf("a socket of the address: %+v; want rate_limited", f)
	}
}

// In which order modes stand does not matter to a token that names its user.
func TestModes_OrderDoesNotMatter(t *testing.T) {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"user_id":"h"}`) }))
	t.Cleanup(hook.Close)
	for _, c := range []struct {
		modes string
		token string // empty: a signed one of u
		user  string
		want  string // the user, or the refusal
	}{
		{"jwt,redis", "", "", "u"},
		{"redis,jwt", "", "", "u"},
		{"redis,jwt,any", "", "", "u"},
		{"jwt,redis", "t", "u", "u"},
		{"redis,jwt", "t", "u", "u"},
		{"jwt,redis", "t", "", "401 unauthenticated"},
		{"redis", "t", "", "401 unauthenticated"},
		{"redis,hook", "x", "", "h"},
		{"redis,hook", "t", "u", "u"},
		{"jwt,hook", "x", "", "h"},
		{"jwt,hook", "", "", "u"},
		{"redis,any", "x", "w", "w"},
		{"redis", "", "u", "401 unauthenticated"}, // a JWT is any text there
		{"jwt,any", "forged", "u", "401 unauthenticated"},
	} {
		t.Run(c.modes+" "+c.token+" "+c.user, func(t *testing.T) {
			s := newServerV1(t, func(cfg *setup) {
				signs(cfg)
				cfg.Auth.Mode, cfg.Auth.ConnectURL = strings.Split(c.modes, ","), hook.URL
			})
			v := edge.Visitor{User: c.user, Token: c.token}
			switch c.token {
			case "":
				v.Token = signedToken(t, "u", nil)
			case "forged":
				v.Token = signedToken(t, "u", nil) + "x"
			}
			bad := s.edge.Guard.Who(t.Context(), &v, false)
			got := v.User
			if bad != nil {
				got = fmt.Sprint(bad.Status, " ", bad.Code)
			}
			if got != c.want {
				t.Errorf("the user is %q; want %q", got, c.want)
			}
		})
	}
}

// A signed token that was made in the second of a revocation may be older or newer: its user comes again with another
// one. A token of the future is no older than its first use.
func TestRevoked_InTheSameSecondIsRefused(t *testing.T) {
	s := newServerV1(t, signs)
	now := time.Now()
	at := func(iat time.Time) string {
		return signedToken(t, "u", func(c *pass.Claims) { c.Issued = iat.Unix() })
	}
	ahead, w := dialAs(t, s, at(now.Add(20*time.Second)))
	if w.UserID != "u" {
		t.Fatalf("welcome = %+v", w)
	}
	if err := s.store.RevokeUser(t.Context(), "u", time.Now()); err != nil {
		t.Fatal(err)
	}
	s.recheck(t)
	ahead.wantClose(4401)
	fresh, old := edge.Visitor{Token: at(now)}, edge.Visitor{Token: at(now.Add(-time.Minute))}
	s.edge.Guard.Now = func() time.Time { return now }
	if bad := s.edge.Guard.Who(t.Context(), &fresh, false); bad == nil || bad.Status != 503 || bad.Wait != time.Second {
		t.Errorf("a token of that second: %+v; want 503, again in a second", bad)
	}
	s.edge.Guard.Now = func() time.Time { return now.Add(freshFor + time.Second) }
	if bad := s.edge.Guard.Who(t.Context(), &fresh, false); bad == nil || bad.Code != "token_revoked" {
		t.Errorf("the same later: %+v; want token_revoked", bad)
	}
	if bad := s.edge.Guard.Who(t.Context(), &old, false); bad == nil || bad.Code != "token_revoked" {
		t.Errorf("an older one: %+v; want token_revoked", bad)
	}
	// One whose socket would be closed at once does not come in.
	late := edge.Visitor{Token: signedToken(t, "v", func(c *pass.Claims) { c.Expires = now.Add(-27 * time.Second).Unix() })}
	s.edge.Guard.Now = func() time.Time { return now }
	if bad := s.edge.Guard.Who(t.Context(), &late, false); bad == nil || bad.Code != "token_expired" {
		t.Errorf("a token that is over for 27 s: %+v; want token_expired", bad)
	}
}

// A token that is revoked until its end stays so for as long as it would be taken; keys for some rooms revoke nothing.
func TestAdmin_RevokeHoldsToTheEndOfTheToken(t *testing.T) {
	text, entry, err := keys.New("some", keys.Moderate, "live-1")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(entry.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(c *setup) { signs(c); c.Admin.Listen, c.Admin.KeysFile = "127.0.0.1:0", path })
	for _, path := range []string{"/v1/admin/users/u/revoke", "/v1/admin/tokens/j/revoke"} {
		if got, body := callAdmin(t, s, http.MethodPost, path, text); got != 403 || !strings.Contains(body, "live-1") {
			t.Errorf("%s by a key for live-1: %d %s; want 403", path, got, body)
		}
	}
	open := newServer(t, func(c *setup) { signs(c); c.Admin.Listen = "127.0.0.1:0" })
	end := time.Now().Add(-5 * time.Second) // it is taken for 30 s more
	token := signedToken(t, "u", func(c *pass.Claims) { c.ID, c.Expires = "j", end.Unix() })
	n, _ := dialAs(t, open, token)
	if got, body := callAdmin(t, open, http.MethodPost, fmt.Sprintf("/v1/admin/tokens/j/revoke?until=%d", end.Unix()), ""); got != 204 {
		t.Fatalf("revoke: %d %s", got, body)
	}
	open.recheck(t)
	n.wantClose(4401)
	askV1(t, open, "token="+token, offerV1).want(401, "token_revoked", "")
	if got, _ := callAdmin(t, open, http.MethodPost, "/v1/admin/tokens/j/revoke?until=-5", ""); got != 400 {
		t.Errorf("until=-5: %d; want 400", got)
	}
}

// A guest at a private room costs no call of the store.
func TestGuests_PrivateRoomsCostNoStoreCall(t *testing.T) {
	s := newServerV1(t, func(c *setup) { c.AutoJoin = false })
	before := callsOf(s)
	for range 10 {
		askV1(t, s, "", offerV1).want(403, "forbidden", "for its members")
	}
	if got := callsOf(s) - before; got != 0 {
		t.Errorf("10 guests cost %d calls of the store; want none", got)
	}
}

// Answers never show a token, whatever is wrong with it, and nobody poses as a guest.
func TestToken_IsNotShown(t *testing.T) {
	s := newServerV1(t, signs)
	token := signedToken(t, "u", nil)
	for what, ask := range map[string]string{
		"line end":     requestV1("r", "", "Sec-WebSocket-Protocol: barrage.v1, "+bearer(token+"\n")+"\r\n"),
		"delete":       requestV1("r", "token="+token+"%7f", offerV1),
		"no protocol":  requestV1("r", "", "Sec-WebSocket-Protocol: "+bearer(token)+"\r\n"),
		"capitals":     requestV1("r", "", "Sec-WebSocket-Protocol: B"+bearer(token)[1:]+"\r\n"),
		"FastIM":       handshake("/group/chat/r/u/" + token + "%0a"),
		"wrong header": requestV1("r", "", offerV1+"Authorization: Bearer "+token+"\u00ff\r\n"),
	} {
		c := dialTCP(t, s)
		c.mustWrite(ask)
		resp, err := c.response()
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(resp.body, part) || strings.Contains(resp.body, bearer(token)[7:40]) {
				t.Errorf("%s: the answer shows the token: %d %s", what, resp.status, resp.body)
			}
		}
	}
	const posed = "g-abcdefgh2345"
	askV1(t, newServerV1(t, nil), "user_id="+posed+"&token=t", offerV1).want(400, "bad_request", "a guest's")
	askV1(t, s, "token="+signedToken(t, posed, nil), offerV1).want(401, "unauthenticated", "a guest's")
	callV1(t, newServerV1(t, nil), http.MethodPost, "/v1/login", "", `{"user_id":"`+posed+`","password":"p"}`).wantCode(t, 400, "bad_request")
	if _, w := dialV1(t, s, "r", "", false); !guestID.MatchString(w.UserID) {
		t.Errorf("a guest is %q; want the form that is reserved", w.UserID)
	}
}

// While the connect hook is slow, tokens that need none are checked at once. A client that has shown a token in time is
// not closed for that.
func TestFirstFrame_SlowHookHoldsUpNobodyElse(t *testing.T) {
	goOn := make(chan struct{})
	var asked atomic.Int32
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-goOn
		_, _ = io.WriteString(w, `{"user_id":"h"}`)
	}))
	t.Cleanup(hook.Close)
	s := newServerV1(t, func(c *setup) {
		signs(c)
		c.Auth.Mode, c.Auth.ConnectURL, c.Auth.ConnectTimeout = []string{edge.AuthJWT, edge.AuthHook}, hook.URL, chat.CallTimeout
	})
	var waiting []*native
	for i := range askers + 3 {
		n := firstFrame(t, s, "")
		n.send(fmt.Sprintf(`{"t":"auth","token":"slow %d"}`, i))
		waiting = append(waiting, n)
		if i >= 15 {
			break // no more than 16 may wait
		}
	}
	n, _ := dialAs(t, s, signedToken(t, "u", nil))
	n.send(`{"t":"auth","id":"a","token":"` + signedToken(t, "u", nil) + `"}`)
	n.want("auth")
	eventually(t, func() error { return differ("tokens the hook is asked about", int(asked.Load()), len(waiting)) })
	s.edge.CheckSessions(s.edge.PeekStarted().Add(6 * time.Second))
	close(goOn)
	for _, n := range waiting {
		n.want("welcome")
	}
}

// Clients without an address that counts have a share of the checks of tokens of their own.
func TestFirstFrame_ManyAtOnceAreAllWelcomed(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Auth.Mode = []string{edge.AuthRedis} })
	goOn := storeOf(s).hold("CheckToken")
	defer goOn()
	var all []*native
	for range 2 * errandShare {
		n := firstFrame(t, s, "&user_id=u")
		n.send(`{"t":"auth","token":"t"}`)
		all = append(all, n)
	}
	eventually(t, func() error { return differ("those who wait", s.v1.PeekArrivals(), 2*errandShare-arrivers) })
	goOn()
	for _, n := range all {
		n.want("welcome")
	}
}

// A login of an original FastIM node, which keeps no list of tokens, replaces ours all the same.
func TestReplaced_LoginBesideFastIMEndsOurs(t *testing.T) {
	s := newServerV1(t, func(c *setup) { manualCheck(c); c.Auth.Mode = []string{edge.AuthRedis} })
	n := joinV1(t, s, "u")
	other := dial(t, s, chatPath("r", "v")[:len(chatPath("r", "v"))-len("any")]+"t")
	other.wantWelcome()
	for i := range 10 { // ours is forgotten behind nine others
		s.setToken(t, "u", fmt.Sprint("theirs-", i))
	}
	s.recheck(t)
	n.wantClose(4410)
	other.say("still here")
	other.wantInfo("still here")
	if bad := s.edge.Guard.Who(context.Background(), &edge.Visitor{User: "u", Token: "t"}, false); bad == nil || bad.Code != "unauthenticated" {
		t.Errorf("a token that was never told of: %+v; want unauthenticated", bad)
	}
}
