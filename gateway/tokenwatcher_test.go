package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/room"
)

// newStrictServer checks tokens; u and v are logged in with "any" and "t". The rest says
// whether the test makes the passes over changed tokens itself.
func newStrictServer(t *testing.T, manual bool) *Server {
	t.Helper()
	s := newServer(t, func(c *setup) {
		if c.Auth.Mode = []string{AuthRedis}; manual {
			manualSweep(c)
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

// recheck makes a pass.
func (s *Server) recheck(t *testing.T) {
	t.Helper()
	if err := s.edge.Tokens.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Whoever's token is replaced is closed without a word of theirs, on every kind of socket
// as that kind is. Others stay, and so does who comes with the new token.
func TestRecheck_ClosesTheRevoked(t *testing.T) {
	s := newStrictServer(t, false)
	chat, list := join(t, s, "r", "u"), dial(t, s, listPath("u"))
	v1, _ := dialV1(t, s, "r", "user_id=u&token=any", false)
	deflated, _ := dialV1(t, s, "r", "user_id=u&token=any", true)
	other, otherList := join(t, s, "r", "v"), dial(t, s, listPath("v"))
	wantSessions(t, s, 6)
	began := time.Now()
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
	if took := time.Since(began); took > 2*time.Second { // a second, and one for a busy machine
		t.Errorf("the revoked were closed after %v; want at most a second", took)
	}
	other.say("still here")
	other.wantInfo("still here")
	fresh.want("batch")
	otherList.wantText()
	if got := s.edge.Stats.closed[closeUnauthorized].Load() + s.edge.Stats.closed[closeReplaced].Load(); got != 4 {
		t.Errorf("%d sockets were closed for their token; want 4", got)
	}
}

func TestRecheck_NotWithoutAuth(t *testing.T) {
	s := newServer(t, manualSweep)
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
func TestRecheck_TriesAgain(t *testing.T) {
	for _, all := range []bool{false, true} {
		s := newStrictServer(t, true)
		c, other := join(t, s, "r", "u"), join(t, s, "r", "v")
		// A handshake that ends only now would note its user again.
		eventually(t, func() error { return differ("handshakes being answered", s.requests.Load(), 0) })
		s.recheck(t)
		storeOf(s).fail(errAway, "CheckTokens")
		s.setToken(t, "u", "new")
		if all {
			s.TokensChanged(nil, nil)
		}
		<-s.edge.Tokens.kick
		if err := s.edge.Tokens.pass(t.Context()); err == nil {
			t.Error("a pass over a store that is away has no error")
		}
		wantClosedFor(t, s, closeUnauthorized, 0)
		storeOf(s).fail(nil, "CheckTokens")
		if len(s.edge.Tokens.kick) != 1 {
			t.Error("after an error nothing asks for another pass")
		}
		s.recheck(t)
		c.wantFrame(codec.OpText, "440")
		c.wantClosed(codec.CloseNormal)
		eventually(t, func() error { // a handshake may still note its user
			before := storeOf(s).called("CheckTokens")
			s.recheck(t)
			return differ("calls of a pass without anybody noted", storeOf(s).called("CheckTokens")-before, 0)
		})
		other.say("still here")
		other.wantInfo("still here")
	}
}

// A token that is replaced between its check and the moment the session can be found is
// wrong all the same, though the pass for it has been.
func TestRecheck_HandshakeUnderWay(t *testing.T) {
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
		return differ("sessions closed", s.edge.Stats.closed[closeUnauthorized].Load(), 1)
	})
	c.wantFrame(codec.OpText, "440")
	c.wantClosed(codec.CloseNormal)
}

func TestRecheck_BoundsWhatItNotes(t *testing.T) {
	r := newTokenWatcher(&Edge{})
	for i := range mostNoted / 2 {
		r.changed([]string{fmt.Sprint(i)}, []string{fmt.Sprint(i)})
	}
	if n := r.take(); n.all || len(n.users)+len(n.ids) != mostNoted {
		t.Errorf("%d users and %d tokens are noted, all: %v; want %d", len(n.users), len(n.ids), n.all, mostNoted)
	}
	for i := range mostNoted/2 + 1 {
		r.changed([]string{fmt.Sprint(i)}, []string{fmt.Sprint(i)})
	}
	if n := r.take(); !n.all || len(n.users)+len(n.ids) != 0 {
		t.Errorf("%d users and %d tokens are noted, all: %v; want all, without names", len(n.users), len(n.ids), n.all)
	}
	if n := r.take(); n.all || len(n.users)+len(n.ids) != 0 {
		t.Errorf("%d users and %d tokens are noted after that, all: %v; want none", len(n.users), len(n.ids), n.all)
	}
}

// batchStore finds tokens right, unless wrong says otherwise, and keeps the sizes of what it
// was asked.
type batchStore struct {
	nullStore
	wrong func(user string) bool
	busy  atomic.Int32
	sizes []int
}

func (b *batchStore) CheckTokens(_ context.Context, creds []chat.Credential) ([]chat.TokenState, error) {
	if b.busy.Add(1) != 1 {
		panic("BUG: two batches at once")
	}
	defer b.busy.Add(-1)
	b.sizes = append(b.sizes, len(creds))
	states := slices.Repeat([]chat.TokenState{chat.TokenRight}, len(creds))
	for i, c := range creds {
		if b.wrong != nil && b.wrong(c.UserID) {
			states[i] = chat.TokenWrong
		}
	}
	return states, nil
}

// TestRecheck_LostTokens: a store that comes back without its tokens sends nobody away. But whose
// token alone is gone, or among a few, is.
func TestRecheck_LostTokens(t *testing.T) {
	for _, c := range []struct {
		name            string
		sessions, wrong int
		want            int
	}{
		{"most of many", 1000, 501, 0},
		{"half of many", 1000, 500, 500},
		{"all of a few", lostFrom - 1, lostFrom - 1, lostFrom - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, store := newCrowd(t, c.sessions)
			store.wrong = func(user string) bool {
				n, err := strconv.Atoi(strings.TrimPrefix(user, "user-"))
				return err == nil && n < c.wrong
			}
			ended := func(changed []string) int {
				s.TokensChanged(changed, nil)
				ended, err := s.edge.Tokens.find(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return len(ended)
			}
			if got := ended(nil); got != c.want {
				t.Errorf("%d of %d sessions are sent away; want %d", got, c.sessions, c.want)
			}
			if s.edge.Tokens.ended != nil || s.edge.Tokens.checked != 0 {
				t.Error("sessions are kept after the pass")
			}
			if got := ended([]string{"user-0"}); got != 1 {
				t.Errorf("%d are sent away when one user's token is gone; want 1", got)
			}
		})
	}
}

// newCrowd is a server that is not started, with so many sessions that nobody is behind.
func newCrowd(tb testing.TB, sessions int) (*Server, *batchStore) {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Auth.Mode = []string{AuthRedis}
	store := &batchStore{nullStore: nullStore{newFaultyStore(1000).Memory}}
	s := New(cfg, room.DefaultConfig(), store, slog.New(slog.DiscardHandler))
	store.Start(s)
	s.edge.started = time.Now()
	tb.Cleanup(s.edge.Hall.Close)
	r := roomOf(tb, s, "r")
	for i := range sessions {
		s.edge.Sessions.list = append(s.edge.Sessions.list, enterRoom(s, fmt.Sprint("user-", i), r))
	}
	return s, store
}

func TestRecheck_AsksInBatches(t *testing.T) {
	s, store := newCrowd(t, 2*recheckBatch+7)
	refused := new(rejected)
	refused.init(s.edge, &visitor{user: "refused"}, refused)
	refused.closing = closeForbidden
	s.edge.Sessions.list = append(s.edge.Sessions.list, &refused.session)
	s.TokensChanged(nil, nil)
	s.recheck(t)
	if want := []int{recheckBatch, recheckBatch, 7}; !slices.Equal(store.sizes, want) {
		t.Errorf("batches of %v; want %v", store.sizes, want)
	}
	store.sizes = nil
	s.TokensChanged([]string{"user-1", "nobody", "refused", "user-700"}, nil)
	s.recheck(t)
	if want := []int{2}; !slices.Equal(store.sizes, want) {
		t.Errorf("batches of %v; want %v", store.sizes, want)
	}
	if r := s.edge.Tokens; slices.ContainsFunc(r.batch[:cap(r.batch)], func(c *session) bool { return c != nil }) {
		t.Error("sessions are kept after the pass")
	}
}

// BenchmarkSweep_Crowd is one sweep over 100,000 sessions and the pass over changed tokens
// behind it, of so many users.
func BenchmarkSweep_Crowd(b *testing.B) {
	for _, changed := range []int{0, 100, mostNoted} {
		b.Run(fmt.Sprint("changed=", changed), func(b *testing.B) {
			s, _ := newCrowd(b, 100_000)
			users := make([]string, changed)
			for i := range users {
				users[i] = fmt.Sprint("user-", i*100_000/changed)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.edge.Sweep(s.edge.started)
				s.TokensChanged(users, nil)
				if err := s.edge.Tokens.pass(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
