package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
)

// call makes an API call of user "u" with token "t".
func callAPI(tb testing.TB, s *Server, path string, form url.Values) (status int, body string, header http.Header) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://"+s.Addr().String()+path, strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("userId", "u")
	req.Header.Set("token", "t")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// A store that fails is our fault and passes: 503, when to come back, and an envelope.
func TestAPI_StoreAwayIsA503WithRetryAfter(t *testing.T) {
	s := newServer(t, nil)
	if err := s.store.SetToken(t.Context(), "u", "t"); err != nil {
		t.Fatal(err)
	}
	old := url.Values{"groupId": {"g"}, "userId": {"u"}, "ts": {"1"}, "count": {"1"}}
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	f := func(broken, path string, form url.Values, msg string) {
		t.Helper()
		storeOf(s).fail(errAway, broken)
		defer storeOf(s).fail(nil, broken)
		status, body, header := callAPI(t, s, path, form)
		if want := `{"code":503,"msg":"` + msg + `","data":null}`; status != 503 || body != want {
			t.Errorf("%s with a broken %s = %d %s; want 503 %s", path, broken, status, body, want)
		}
		if n, err := strconv.Atoi(header.Get("Retry-After")); err != nil || n < 1 || n > 5 {
			t.Errorf("%s: Retry-After = %q; want 1 to 5", path, header.Get("Retry-After"))
		}
	}
	f("SetToken", "/user/login", url.Values{"userId": {"u"}, "password": {"p"}}, "cannot log in now, try again")
	f("CheckToken", "/user/listGroup", nil, "cannot check the token now, try again")
	f("Join", "/user/joinGroup", url.Values{"groupId": {"g"}}, "cannot join the group now, try again")
	f("Rooms", "/user/listGroup", nil, "cannot list the groups now, try again")
	f("Range", "/group/listMessage", url.Values{"groupId": {"g"}, "startPage": {"0"}, "endPage": {"-1"}}, "cannot read the history now, try again")
	f("Before", "/group/listMessage", old, "cannot read the history now, try again")
	f("Before", "/group/listOldMessage", old, "cannot read the history now, try again")
	f("Recall", "/group/delMessage", url.Values{"groupId": {"g"}, "ts": {now}}, "cannot recall the message now, try again")
	if status, body, _ := callAPI(t, s, "/user/listGroup", nil); status != 200 || body != `{"code":200,"msg":"操作成功","data":[]}` {
		t.Errorf("with the store back: %d %s", status, body)
	}
}

// A group is listed as it is called, though its id look like the fields of a message that FastIM clients do not get.
func TestAPI_GroupsAreListedAsTheyAre(t *testing.T) {
	s := newServer(t, nil)
	if err := s.store.SetToken(t.Context(), "u", "t"); err != nil {
		t.Fatal(err)
	}
	const group = `a,"x":{b,"ts":c`
	if status, body, _ := callAPI(t, s, "/user/joinGroup", url.Values{"groupId": {group}}); status != 200 {
		t.Fatalf("joinGroup = %d %s; want it done", status, body)
	}
	status, body, _ := callAPI(t, s, "/user/listGroup", nil)
	if want := `{"code":200,"msg":"操作成功","data":["a,\"x\":{b,\"ts\":c"]}`; status != 200 || body != want {
		t.Errorf("listGroup = %d %s; want %s", status, body, want)
	}
}

// Handshakes report the reason, too, where they cannot do without the store.
func TestHandshake_StoreAwayIsA503ThatSaysWhy(t *testing.T) {
	f := func(broken, why string, change func(*setup)) {
		t.Helper()
		s := newServer(t, change)
		storeOf(s).fail(failure(broken), broken)
		if err := wantStatus(s, handshake(chatPath("r", "u")), http.StatusServiceUnavailable); err != nil {
			t.Errorf("with a broken %s: %v", broken, err)
		}
		w, err := dialWire(s, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.conn.Close() }()
		err = w.upgrade(chatPath("r", "u"))
		if err == nil || err.Error() != "refused with 503: "+why {
			t.Errorf("with a broken %s: %v; want 503 %s", broken, err, why)
		}
		eventually(t, func() error { return differ("slots taken", s.edge.Sessions.Taken(), 0) })
	}
	f("CheckToken", "cannot check the token now, try again", func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	f("IsMember", "cannot check the membership now, try again", func(c *setup) { c.AutoJoin = false })
	f("Read", "cannot open the room now, try again", nil)
}

func TestReady_SaysWhyNot(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	f := func(path string, status int, want string) {
		t.Helper()
		resp, err := http.Get("http://" + s.AdminAddr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != status || string(b) != want {
			t.Errorf("%s = %d %q, %v; want %d %q", path, resp.StatusCode, b, err, status, want)
		}
	}
	f("/readyz", 200, "ok\n")
	storeOf(s).fail(errAway, "State")
	f("/readyz", 503, "store is away\n")
	f("/healthz", 200, "ok\n") // a restart would not bring the store back
}

// newAuthorizingServer checks tokens; a and b are logged in with "any".
func newAuthorizingServer(t *testing.T) *Server {
	t.Helper()
	s := newServer(t, func(c *setup) { manualCheck(c); c.Auth.Mode = []string{edge.AuthRedis} })
	for _, user := range []string{"a", "b"} {
		if err := s.store.SetToken(t.Context(), user, "any"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Without a word from the store about the senders a batch waits, and everybody stays.
func TestAuthorize_StoreAwayKeepsTheBatch(t *testing.T) {
	s := newAuthorizingServer(t)
	a, b := join(t, s, "r", "a"), join(t, s, "r", "b")
	storeOf(s).fail(errAway, "CheckTokens")
	a.say("patient")
	eventually(t, func() error {
		return differ("the senders were checked", storeOf(s).called("CheckTokens") > 0, true)
	})
	storeOf(s).fail(nil, "CheckTokens")
	a.say("heard")
	eventually(t, func() error {
		s.edge.Hall.Tick(time.Now(), 0)
		return differ("messages waiting", s.edge.Hall.Stats().Waiting, 0)
	})
	a.wantInfo("patient")
	a.wantInfo("heard")
	b.wantInfo("patient")
	b.wantInfo("heard")
	eventually(t, func() error { return differ("messages waiting", s.edge.Hall.Stats().Waiting, 0) })
	if h := s.edge.Hall.Stats(); h.RefusedUnauthorized != 0 {
		t.Errorf("stats %+v; want nobody refused", h)
	}
	wantClosedFor(t, s, edge.CloseUnauthorized, 0)
}

// In one batch the message of a revoked token is refused, the other one goes through.
func TestAuthorize_RevokedTokenStopsOneAuthor(t *testing.T) {
	s := newAuthorizingServer(t)
	a, b := join(t, s, "r", "a"), join(t, s, "r", "b")
	goOn := storeOf(s).hold("CheckTokens")
	a.say("opens a batch of its own")
	eventually(t, func() error { return differ("batches whose senders are checked", storeOf(s).called("CheckTokens"), 1) })
	a.say("last words")
	b.say("next")
	eventually(t, func() error { return differ("messages waiting", s.edge.Hall.Stats().Waiting, 3) })
	if err := s.store.SetToken(t.Context(), "a", "other"); err != nil {
		t.Fatal(err)
	}
	goOn()
	b.wantInfo("next")
	a.wantFrame(codec.OpText, "440")
	if reason := a.wantClosed(codec.CloseNormal); reason != "not logged in" {
		t.Errorf("reason = %q", reason)
	}
	wantClosedFor(t, s, edge.CloseUnauthorized, 1)
	eventually(t, func() error { // a message counts once it is with the lanes, whose members may have it by then
		h := s.edge.Hall.Stats()
		return errors.Join(differ("messages refused", h.RefusedUnauthorized, 2), differ("messages accepted", h.Accepted, 1))
	})
}

// The token of somebody who chats does not run out.
func TestAuthorize_ProlongsTokens(t *testing.T) {
	s := newAuthorizingServer(t)
	a := join(t, s, "r", "a")
	say := func(want int) {
		t.Helper()
		a.say("x")
		a.wantInfo("x")
		if got := storeOf(s).called("ProlongTokens"); got != want {
			t.Errorf("the token was prolonged %d times; want %d", got, want)
		}
	}
	say(0) // it was prolonged at the handshake
	s.edge.PeekClock(time.Hour - time.Second)
	say(0)
	s.edge.PeekClock(time.Hour)
	say(1)
	say(1)
	storeOf(s).fail(errAway, "ProlongTokens") // is no reason to refuse what was checked
	s.edge.PeekClock(2 * time.Hour)
	say(2)
}

// A batch of many whose tokens are due waits for one call, not for one of each: its room waits, and other rooms do.
func TestAuthorize_ProlongsAllAtOnce(t *testing.T) {
	s := newAuthorizingServer(t)
	s.setToken(t, "c", "any")
	a, b, c := join(t, s, "r", "a"), join(t, s, "r", "b"), join(t, s, "r", "c")
	goOn := storeOf(s).hold("CheckTokens")
	c.say("opens a batch of its own")
	eventually(t, func() error { return differ("batches whose senders are checked", storeOf(s).called("CheckTokens"), 1) })
	handshakes := storeOf(s).called("CheckToken")
	for _, c := range []*client{a, b, a, b} {
		c.say("in the next one")
	}
	eventually(t, func() error { return differ("messages waiting", s.edge.Hall.Stats().Waiting, 5) })
	s.edge.PeekClock(time.Hour)
	goOn()
	a.wantInfo("opens a batch of its own")
	for range 4 {
		a.wantInfo("in the next one")
	}
	// That of c by the first batch, those of a and b by the second.
	if got, each := storeOf(s).called("ProlongTokens"), storeOf(s).called("CheckToken")-handshakes; got != 2 || each != 0 {
		t.Errorf("%d calls prolong tokens, and %d one each; want 2 and none", got, each)
	}
}

// A hook that takes too long, or answers anything but 200, lets nobody in.
func TestLogin_HookLetsInByA200Alone(t *testing.T) {
	answer, asked := make(chan int, 1), make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.FormValue("userId") + " " + r.FormValue("password")
		select {
		case status := <-answer:
			w.WriteHeader(status)
		case <-r.Context().Done(): // the caller has given up
		}
	}))
	defer hook.Close()
	s := newServer(t, func(c *setup) { c.Auth.LoginURL, c.Auth.LoginTimeout = hook.URL, time.Second })
	form := url.Values{"userId": {"ü&"}, "password": {"p=1"}}
	f := func(what string, ok bool) {
		t.Helper()
		status, body, _ := callAPI(t, s, "/user/login", form)
		if got := <-asked; got != "ü& p=1" {
			t.Errorf("%s: the hook was asked for %q", what, got)
		}
		refused := `{"code":100,"msg":"登录失败","data":null}`
		if status != 200 || (body != refused) != ok {
			t.Errorf("%s: login = %d %s; want it to pass: %v", what, status, body, ok)
		}
	}
	answer <- 200
	f("200", true)
	answer <- 403
	f("403", false)
	answer <- 204
	f("204", false)
	begun := time.Now()
	f("no answer", false)
	if took := time.Since(begun); took < time.Second {
		t.Errorf("the hook was given %v; want 1s", took)
	}
	hook.Close()
	if status, body, _ := callAPI(t, s, "/user/login", form); status != 200 || !strings.Contains(body, "登录失败") {
		t.Errorf("without a hook: login = %d %s; want it refused", status, body)
	}
}
