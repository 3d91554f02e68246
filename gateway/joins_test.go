package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"barrage/internal/chat"
)

// joinStore is a store that only takes memberships, when it is not away.
type joinStore struct {
	EdgeStore
	mu   sync.Mutex // guards the fields below
	away int        // calls that fail before one works
	says bool       // State says so
	// tooMany: each membership is one too many.
	tooMany bool
	calls   int
	got     map[chat.Membership]int
	block   chan struct{} // not nil: a call waits for it
}

func (s *joinStore) JoinAll(_ context.Context, all []chat.Membership) (int, error) {
	if s.block != nil {
		<-s.block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.away > 0 {
		s.away--
		return 0, errors.New("away")
	}
	if s.tooMany {
		return len(all), nil
	}
	for _, m := range all {
		s.got[m]++
	}
	return 0, nil
}

// TestJoins_OfALiveRoomCostNoCall but those that write the memberships, behind them.
func TestJoins_OfALiveRoomCostNoCall(t *testing.T) {
	s := newServer(t, manualSweep)
	talker := join(t, s, "r", "talker")
	talker.say("hi")
	talker.wantInfo("hi")
	before := storeOf(s).allCalls()
	const each = 20
	for i := range each {
		dial(t, s, chatPath("r", fmt.Sprint("old", i))).wantText()
		joinV1(t, s, fmt.Sprint("new", i))
	}
	eventually(t, func() error { return differ("memberships waiting", s.edge.Joins.waiting.Load(), 0) })
	after := storeOf(s).allCalls()
	for call, n := range after {
		if call != "JoinAll" && n != before[call] {
			t.Errorf("%d joins made %d calls of %s; want none", 2*each, n-before[call], call)
		}
	}
	if n := after["JoinAll"] - before["JoinAll"]; n < 1 || n > 2*each {
		t.Errorf("%d memberships were written by %d calls", 2*each, n)
	}
}

// runJoins runs a joins over store until the test ends.
func runJoins(t *testing.T, store *joinStore) *Joins {
	t.Helper()
	store.got = map[chat.Membership]int{}
	e := &Edge{store: store, Config: EdgeConfig{AutoJoin: true, AnonymousJoin: true}, Log: slog.New(slog.DiscardHandler)}
	e.Guard = &Guard{cfg: &e.Config}
	j := newJoins(e)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { j.run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return j
}

// noteAndQueue is a join that succeeded.
func (j *Joins) noteAndQueue(m chat.Membership) {
	_ = j.join(visitor{user: m.UserID}, m.Room, func() *refusal { return nil }) // no refusal comes of none
}

func wantWritten(t *testing.T, j *Joins) {
	t.Helper()
	if err := waitUntil(t.Context(), func() bool { return j.waiting.Load() == 0 }); err != nil {
		t.Fatal(err)
	}
}

func TestJoins_WaveIsWrittenInBatches(t *testing.T) {
	store := &joinStore{block: make(chan struct{})}
	j := runJoins(t, store)
	const users = 10 * joinBatch
	for i := range users {
		j.noteAndQueue(chat.Membership{UserID: fmt.Sprint(i), Room: "1"})
	}
	close(store.block)
	wantWritten(t, j)
	if len(store.got) != users || store.calls > users/joinBatch+1 {
		t.Errorf("%d memberships were written in %d calls; want %d in about %d", len(store.got), store.calls, users, users/joinBatch)
	}
}

// CheckTokens finds all wrong.
func (s *joinStore) CheckTokens(_ context.Context, creds []chat.Credential) ([]chat.TokenState, error) {
	return make([]chat.TokenState, len(creds)), nil
}

// State is away while calls fail, if the test wants it said.
func (s *joinStore) State() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.says && s.away > 0 {
		return errors.New("away")
	}
	return nil
}

// TestJoins_FailureIsTriedAgain: some times by a store that says it is there, as long as it
// takes by one that says it is not.
func TestJoins_FailureIsTriedAgain(t *testing.T) {
	f := func(store *joinStore, written int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			j := runJoins(t, store)
			j.noteAndQueue(chat.Membership{UserID: "u", Room: "1"})
			wantWritten(t, j)
			n, errs := store.got[chat.Membership{UserID: "u", Room: "1"}], j.edge.Stats.joinErrors.Load()
			if n != written || errs != uint64(1-written) {
				t.Errorf("after %d calls the membership was written %d times, %d errors; want %d, %d", store.calls, n, errs, written, 1-written)
			}
		})
	}
	f(&joinStore{away: joinTries - 1}, 1)
	f(&joinStore{away: joinTries}, 0)
	f(&joinStore{away: 100 * joinTries, says: true}, 1)
}

func TestJoins_FullQueueDropsAndCounts(t *testing.T) {
	store := &joinStore{block: make(chan struct{})}
	j := runJoins(t, store)
	for i := range joinQueue + joinBatch + 10 {
		j.noteAndQueue(chat.Membership{UserID: fmt.Sprint(i), Room: "1"})
	}
	dropped := j.edge.Stats.joinErrors.Load()
	if dropped < 10 || dropped > joinBatch+10 {
		t.Errorf("%d memberships were dropped; want those above the queue of %d", dropped, joinQueue)
	}
	close(store.block)
	wantWritten(t, j)
}

// TestJoins_Settle: who asks for its rooms waits for the memberships noted before, not for
// later ones, and not for ever.
func TestJoins_Settle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &joinStore{block: make(chan struct{})}
		j := runJoins(t, store)
		j.settle(t.Context()) // nothing was noted
		j.noteAndQueue(chat.Membership{UserID: "u", Room: "1"})
		began := time.Now()
		j.settle(t.Context())
		if waited := time.Since(began); waited != joinSettle {
			t.Errorf("waited %v for a store that does not answer; want %v", waited, joinSettle)
		}
		go func() { // ends with the first settle
			j.noteAndQueue(chat.Membership{UserID: "later", Room: "1"})
			store.block <- struct{}{}
		}()
		j.settle(t.Context())
		store.mu.Lock()
		got := len(store.got)
		store.mu.Unlock()
		if got != 1 {
			t.Errorf("%d memberships were written when the wait ended; want the first alone", got)
		}
		close(store.block)
	})
}

// TestJoins_WhoIsRefusedLeavesNothing: a handshake writes a membership when it has succeeded, and not before.
func TestJoins_WhoIsRefusedLeavesNothing(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Auth.Mode = []string{AuthRedis} })
	token, err := s.edge.Guard.newToken(t.Context(), "known")
	if err != nil {
		t.Fatal(err)
	}
	send := func(request string) {
		t.Helper()
		w, err := dialWire(s, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.conn.Close() }()
		if err := firstOf(w.write(request), w.conn.CloseWrite(), w.conn.SetReadDeadline(time.Now().Add(patience))); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(w.in); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/group/chat/r/nobody/wrong", "/group/chat/r/known/wrong", "/group/list/nobody/wrong"} {
		send(handshake(path))
	}
	for _, user := range []string{"nobody", "known"} {
		send(strings.Replace(handshake("/v1/rooms/r/ws?token=wrong&user_id="+user), "Upgrade: w", "Sec-WebSocket-Protocol: barrage.v1\r\nUpgrade: w", 1))
	}
	// A client that does not wait for the answer is refused when its token was found right.
	send(handshake("/group/chat/r/known/"+token) + "early")
	eventually(t, func() error {
		return firstOf(differ("joins waiting", s.edge.Joins.waiting.Load(), 0), differ("places held", s.edge.Sessions.Held(), 0))
	})
	for _, user := range []string{"nobody", "known"} {
		if rooms, err := s.store.Rooms(t.Context(), user); err != nil || len(rooms) > 0 {
			t.Errorf("rooms of %s, who was refused = %q, %v; want none", user, rooms, err)
		}
	}
	if n := storeOf(s).called("JoinAll"); n != 0 {
		t.Errorf("JoinAll was called %d times", n)
	}
}

// TestJoins_SettleWaitsForThoseBeforeIt: neither a handshake that is refused nor one that comes later stands in for one
// that is not written yet.
func TestJoins_SettleWaitsForThoseBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &joinStore{block: make(chan struct{})}
		j := runJoins(t, store)
		begun, letIn := make(chan struct{}), make(chan struct{})
		var come sync.WaitGroup
		come.Go(func() { // a handshake that is under way, and ends well
			_ = j.join(visitor{user: "early"}, "1", func() *refusal { close(begun); <-letIn; return nil })
		})
		<-begun
		settled := make(chan time.Duration, 1)
		start := time.Now()
		come.Go(func() { j.settle(t.Context()); settled <- time.Since(start) })
		synctest.Wait()
		for range 5 { // these come later, and are refused
			if bad := j.join(visitor{user: "late"}, "1", func() *refusal { return leaving }); bad != leaving {
				t.Error("the refusal was lost")
			}
		}
		notYet := func(when string) {
			t.Helper()
			select {
			case <-settled:
				t.Errorf("settled %s", when)
			case <-time.After(150 * time.Millisecond): // it has looked again and again
			}
		}
		notYet("while the handshake before it is under way")
		close(letIn)
		notYet("before the membership was written that was noted before")
		close(store.block)
		come.Wait()
		if took := <-settled; took < 300*time.Millisecond || took > 400*time.Millisecond {
			t.Errorf("settled after %v; want when it was written, after 300 ms", took)
		}
		if store.got[chat.Membership{UserID: "early", Room: "1"}] != 1 || len(store.got) != 1 {
			t.Errorf("written: %v; want the one of early", store.got)
		}
	})
}

// TestJoins_Anonymous: where nobody checks tokens, a handshake writes a membership only if the token is the user's;
// others become members by what they say first, on either socket.
func TestJoins_Anonymous(t *testing.T) {
	s := newServer(t, func(c *setup) { c.AnonymousJoin = false })
	if err := storeOf(s).SetToken(t.Context(), "known", "t"); err != nil {
		t.Fatal(err)
	}
	want := func(when string, rooms map[string]string) {
		t.Helper()
		eventually(t, func() error { return differ("joins waiting", s.edge.Joins.waiting.Load(), 0) })
		for user, want := range rooms {
			got, err := s.store.Rooms(t.Context(), user)
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s: rooms of %s = %q, %v; want %s", when, user, got, err, want)
			}
		}
	}
	known, wrong := dial(t, s, "/group/chat/r/known/t"), dial(t, s, "/group/chat/q/known/wrong")
	stranger := dial(t, s, "/group/chat/r/stranger/any")
	native, _ := dialV1(t, s, "r", "user_id=native&token=any", false)
	for _, c := range []*client{known, wrong, stranger} {
		c.wantWelcome()
	}
	native.send(`{"t":"like","n":1}`) // is not said
	native.send(`{"t":"dance"}`)
	native.want("refused")
	want("after the handshakes", map[string]string{"known": "[r]", "stranger": "[]", "native": "[]"})
	for range 2 {
		stranger.say("hi")
		stranger.wantInfo("hi")
		native.want("batch")
	}
	native.send(`{"t":"send","id":"1","body":"hi"}`)
	native.wantAll("ack", "batch")
	before := storeOf(s).called("JoinAll")
	want("when they have spoken", map[string]string{"known": "[r]", "stranger": "[r]", "native": "[r]"})
	stranger.say("again")
	native.want("batch")
	if now := storeOf(s).called("JoinAll"); now > before+1 {
		t.Errorf("%d calls for what is said later; want none", now-before)
	}
}

// TestJoins_TooManyAreCounted: who comes into one room more than may be is let in, and that is counted.
func TestJoins_TooManyAreCounted(t *testing.T) {
	store := &joinStore{tooMany: true}
	j := runJoins(t, store)
	j.noteAndQueue(chat.Membership{UserID: "u", Room: "1"})
	wantWritten(t, j)
	if got, errs := j.edge.Stats.joinsTooMany.Load(), j.edge.Stats.joinErrors.Load(); got != 1 || errs != 0 {
		t.Errorf("memberships too many = %d, errors %d; want 1, 0", got, errs)
	}
}

// TestSweep_OpenSocketsKeepMemberships: twice a day each open socket is a use of its user's rooms.
func TestSweep_OpenSocketsKeepMemberships(t *testing.T) {
	s := newServer(t, manualSweep)
	join(t, s, "r", "a")
	dial(t, s, listPath("b"))
	wantSessions(t, s, 2)
	eventually(t, func() error { return differ("joins waiting", s.edge.Joins.waiting.Load(), 0) })
	for second := range uint32(keepEvery) {
		s.edge.clock.set(time.Duration(second) * time.Second)
		s.edge.Sessions.each(func(c *session) {
			now := s.edge.clock.now()
			c.heard.Store(now)
			c.pinged.Store(now)
			s.edge.inspect(c, time.Now())
		})
		if second%64 == 0 {
			eventually(t, func() error { return differ("joins waiting", s.edge.Joins.waiting.Load(), 0) })
		}
	}
	eventually(t, func() error { return differ("joins waiting", s.edge.Joins.waiting.Load(), 0) })
	if noted := storeOf(s).keptCalls(); noted != 2 {
		t.Errorf("memberships were kept %d times in half a day; want once for each socket", noted)
	}
}
