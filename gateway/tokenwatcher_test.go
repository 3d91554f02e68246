package gateway

import (
	"sync"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/await"
	"barrage/internal/chat"
)

// newStrictServer checks tokens; u and v are logged in with "any" and "t". With manual the test makes the rounds over
// changed tokens itself.
func newStrictServer(t *testing.T, manual bool) *Server {
	t.Helper()
	s := newServer(t, func(c *setup) {
		if c.Auth.Mode = []string{edge.AuthRedis}; manual {
			manualCheck(c)
		}
	})
	for _, user := range []string{"u", "v"} {
		s.setToken(t, user, "any")
	}
	return s
}

func (s *Server) setToken(tb testing.TB, user, token string) {
	tb.Helper()
	if err := s.store.SetToken(tb.Context(), user, token); err != nil {
		tb.Fatal(err)
	}
}

// recheck makes a round.
func (s *Server) recheck(t *testing.T) {
	t.Helper()
	if err := s.edge.Tokens.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A user whose token is replaced is closed without a message of theirs, on every kind of socket as that kind is. Others
// stay, and so does a client that comes with the new token.
func TestTokenWatcher_ClosesTheRevoked(t *testing.T) {
	s := newStrictServer(t, false)
	chat, list := join(t, s, "r", "u"), dial(t, s, listPath("u"))
	v1, _ := dialV1(t, s, "r", "user_id=u&token=any", false)
	deflated, _ := dialV1(t, s, "r", "user_id=u&token=any", true)
	other, otherList := join(t, s, "r", "v"), dial(t, s, listPath("v"))
	wantSessions(t, s, 6)
	replaced := await.Start()
	s.setToken(t, "u", "new")
	fresh, _ := dialV1(t, s, "r", "user_id=u&token=new", false)
	for _, c := range []*client{chat, list} {
		c.wantFrame(codec.OpText, "440")
		if reason := c.wantClosed(codec.CloseNormal); reason != "not logged in" {
			t.Errorf("reason = %q", reason)
		}
	}
	v1.wantClose(4410)
	deflated.wantClose(4410)
	replaced.WantWithin(t, "the revoked were closed", 2*time.Second) // a second, and one for the rest
	other.say("still here")
	other.wantInfo("still here")
	fresh.want("batch")
	otherList.wantText()
	eventually(t, func() error { // one counts when its close frame is out
		closed := &s.edge.Stats.Closed
		return differ("sockets closed for their token", closed[edge.CloseUnauthorized].Load()+closed[edge.CloseReplaced].Load(), 4)
	})
}

// A user's messages and a round over the tokens may find it out at the same moment: the user is notified once.
func TestTokenWatcher_SaysSoOnce(t *testing.T) {
	s := newStrictServer(t, true)
	for range 50 {
		c := join(t, s, "r", "u")
		session, found := sessionOf(t, s, "u"), make(chan struct{})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				<-found
				session.Checked(chat.TokenWrong)
			})
		}
		close(found)
		c.wantFrame(codec.OpText, "440")
		c.wantClosed(codec.CloseNormal)
		all.Wait()
		_ = c.conn.Close()
		wantSessions(t, s, 0)
	}
}

func TestTokenWatcher_AsksNothingWithoutAuth(t *testing.T) {
	s := newServer(t, manualCheck)
	c := join(t, s, "r", "u")
	s.setToken(t, "u", "new")
	s.TokensChanged(nil, nil)
	s.recheck(t)
	if n := storeOf(s).called("CheckTokens"); n != 0 {
		t.Errorf("%d checks of tokens; want none", n)
	}
	c.say("still here")
	c.wantInfo("still here")
}

// A store that does not answer keeps everybody, and is asked again.
func TestTokenWatcher_TriesAgain(t *testing.T) {
	for _, all := range []bool{false, true} {
		s := newStrictServer(t, true)
		c, other := join(t, s, "r", "u"), join(t, s, "r", "v")
		// A handshake that ends only now would note its user again.
		eventually(t, func() error { return differ("handshakes being answered", s.front.underWay.Load(), 0) })
		s.recheck(t)
		storeOf(s).fail(errAway, "CheckTokens")
		s.setToken(t, "u", "new")
		if all {
			s.TokensChanged(nil, nil)
		}
		eventually(t, func() error { return differ("asked for a round", s.edge.Tokens.PeekDue(), true) })
		if err := s.edge.Tokens.Round(t.Context()); err == nil {
			t.Error("a round over a store that is away has no error")
		}
		wantClosedFor(t, s, edge.CloseUnauthorized, 0)
		storeOf(s).fail(nil, "CheckTokens")
		if !s.edge.Tokens.PeekDue() {
			t.Error("after an error nothing asks for another round")
		}
		s.recheck(t)
		c.wantFrame(codec.OpText, "440")
		c.wantClosed(codec.CloseNormal)
		eventually(t, func() error { // a handshake may still note its user
			before := storeOf(s).called("CheckTokens")
			s.recheck(t)
			return differ("calls of a round without anybody noted", storeOf(s).called("CheckTokens")-before, 0)
		})
		other.say("still here")
		other.wantInfo("still here")
	}
}

// A token is replaced between its check and the moment the session can be found. It is wrong all the same, though the
// round for it has been.
func TestTokenWatcher_HandshakeUnderWayIsClosedToo(t *testing.T) {
	s := newStrictServer(t, true)
	s.recheck(t)
	goOn := storeOf(s).hold("Read") // the room is read behind the check
	defer goOn()
	got := make(chan *wire, 1)
	go func() { // ends with the handshake, which the test waits for
		c, _ := connect(s, chatPath("r", "u"))
		got <- c
	}()
	eventually(t, func() error { return differ("rooms that are read", storeOf(s).called("Read"), 1) })
	s.setToken(t, "u", "new")
	s.recheck(t)
	goOn()
	c := &client{<-got, t}
	if c.wire == nil {
		t.Fatal("the handshake failed")
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	c.wantWelcome()
	eventually(t, func() error {
		s.recheck(t)
		return differ("sessions closed", s.edge.Stats.Closed[edge.CloseUnauthorized].Load(), 1)
	})
	c.wantFrame(codec.OpText, "440")
	c.wantClosed(codec.CloseNormal)
}
