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
	Store
	mu    sync.Mutex // guards the fields below
	away  int        // calls that fail before one works
	says  bool       // State says so
	calls int
	got   map[chat.Membership]int
	block chan struct{} // not nil: a call waits for it
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
	eventually(t, func() error { return differ("memberships waiting", s.joins.waiting.Load(), 0) })
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
func runJoins(t *testing.T, store *joinStore) *joins {
	t.Helper()
	store.got = map[chat.Membership]int{}
	j := newJoins(&Server{store: store, cfg: Config{AutoJoin: true}, log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { j.run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return j
}

// noteAndQueue is a join that succeeded.
func (j *joins) noteAndQueue(m chat.Membership) {
	_ = j.join(m.UserID, m.Room, func() *refusal { return nil }) // no refusal comes of none
}

func wantWritten(t *testing.T, j *joins) {
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
			n, errs := store.got[chat.Membership{UserID: "u", Room: "1"}], j.srv.stats.joinErrors.Load()
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
	dropped := j.srv.stats.joinErrors.Load()
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
	s := newServer(t, func(c *setup) { c.Auth.Required = true })
	token, err := s.guard.newToken(t.Context(), "known")
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
		return firstOf(differ("joins waiting", s.joins.waiting.Load(), 0), differ("places held", s.sessions.held(), 0))
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
