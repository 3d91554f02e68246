package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"barrage/internal/chat"
)

// joinStore is a store that only takes memberships, when it is not away.
type joinStore struct {
	Store
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

// runJoins runs a joins over store until the test ends.
func runJoins(t *testing.T, store *joinStore) *Joins {
	t.Helper()
	store.got = map[chat.Membership]int{}
	e := &Edge{store: store, Log: slog.New(slog.DiscardHandler)}
	e.set.Store(&settings{Config: Config{AutoJoin: true, AnonymousJoin: true}})
	e.Guard = newGuard(e.Config(), store, e.Log)
	j := newJoins(e)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { j.run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return j
}

// noteAndQueue is a join that succeeded.
func (j *Joins) noteAndQueue(m chat.Membership) {
	_ = j.Join(Visitor{User: m.UserID}, m.Room, func() *Refusal { return nil }) // no refusal comes of none
}

func wantWritten(t *testing.T, j *Joins) {
	t.Helper()
	if err := WaitUntil(t.Context(), func() bool { return j.waiting.Load() == 0 }); err != nil {
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

// TestJoins_ATrickleIsGathered: users who come one by one, or speak first, do not wake somebody each.
func TestJoins_ATrickleIsGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &joinStore{}
		j := runJoins(t, store)
		const users = 100
		for i := range users { // 2,000 a second, none of them just when a batch goes
			j.put(&queuedJoin{Membership: chat.Membership{UserID: fmt.Sprint(i), Room: "1"}, noted: j.note()})
			time.Sleep(joinGather/10 - 10*time.Microsecond)
		}
		wantWritten(t, j)
		if most := users/10 + 1; len(store.got) != users || store.calls > most {
			t.Errorf("%d memberships were written in %d calls; want %d in at most %d", len(store.got), store.calls, users, most)
		}
	})
}

// CheckTokens finds all wrong.
func (s *joinStore) CheckTokens(_ context.Context, creds []chat.Credential) ([]chat.TokenState, error) {
	return make([]chat.TokenState, len(creds)), nil
}

// State is away while calls fail, if the test wants it reported.
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
			n, errs := store.got[chat.Membership{UserID: "u", Room: "1"}], j.edge.Stats.JoinErrors.Load()
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
	var log strings.Builder
	j.edge.Log = slog.New(slog.NewTextHandler(&log, nil))
	for i := range joinQueue + joinBatch + 10 {
		j.noteAndQueue(chat.Membership{UserID: fmt.Sprint(i), Room: "1"})
	}
	dropped := j.edge.Stats.JoinErrors.Load()
	if dropped < 10 || dropped > joinBatch+10 {
		t.Errorf("%d memberships were dropped; want those above the queue of %d", dropped, joinQueue)
	}
	if n := strings.Count(log.String(), "cannot note memberships"); n != 1 {
		t.Errorf("the log says %d times that the queue is full; want once:\n%s", n, log.String())
	}
	close(store.block)
	wantWritten(t, j)
}

// A queue that is full again and again, as a slow store takes batch after batch, is logged once. One that has been
// empty is logged anew.
func TestJoins_FullQueueIsSaidOnceUntilItIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &joinStore{block: make(chan struct{})}
		j := runJoins(t, store)
		var log strings.Builder
		j.edge.Log = slog.New(slog.NewTextHandler(&log, nil))
		wantSaid := func(when string, want int) {
			t.Helper()
			for had := j.edge.Stats.JoinErrors.Load(); j.edge.Stats.JoinErrors.Load() == had; {
				j.put(&queuedJoin{noted: j.note()})
			}
			if n := strings.Count(log.String(), "cannot note memberships"); n != want {
				t.Fatalf("a queue that is %s: the log says it %d times; want %d", when, n, want)
			}
			synctest.Wait()
		}
		wantSaid("full", 1)
		for range 3 {
			store.block <- struct{}{}
			synctest.Wait()
			wantSaid("full again", 1)
		}
		close(store.block)
		wantWritten(t, j)
		synctest.Wait()
		store.block = make(chan struct{})
		wantSaid("full after it was empty", 2)
		close(store.block)
	})
}

// TestJoins_BoundedInBytes: a stranger's token has up to 4 KiB, and waits with the membership.
func TestJoins_BoundedInBytes(t *testing.T) {
	store := &joinStore{block: make(chan struct{})} // a batch is with it
	j := runJoins(t, store)
	token, places := strings.Repeat("t", 4<<10), 0
	for i := range joinQueue {
		j.put(&queuedJoin{Membership: chat.Membership{UserID: fmt.Sprint(i), Room: "1"}, token: token, noted: j.note()})
		if places = int(j.Waiting()); places <= i {
			break
		}
	}
	if held := (places - joinBatch) * len(token); held > joinBytes || held < joinBytes*9/10 {
		t.Errorf("%d bytes of tokens wait; want at most %d, and most of that", held, joinBytes)
	}
	close(store.block)
	wantWritten(t, j)
}

// TestJoins_SettleWaitsButNotForEver: a user who asks for their rooms waits for the memberships noted before, not for
// later ones, and not for ever.
func TestJoins_SettleWaitsButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &joinStore{block: make(chan struct{})}
		j := runJoins(t, store)
		j.Settle(t.Context()) // nothing was noted
		j.noteAndQueue(chat.Membership{UserID: "u", Room: "1"})
		began := time.Now()
		j.Settle(t.Context())
		if waited := time.Since(began); waited != joinSettle {
			t.Errorf("waited %v for a store that does not answer; want %v", waited, joinSettle)
		}
		go func() { // ends with the first settle
			j.noteAndQueue(chat.Membership{UserID: "later", Room: "1"})
			store.block <- struct{}{}
		}()
		j.Settle(t.Context())
		store.mu.Lock()
		got := len(store.got)
		store.mu.Unlock()
		if got != 1 {
			t.Errorf("%d memberships were written when the wait ended; want the first alone", got)
		}
		close(store.block)
	})
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
			_ = j.Join(Visitor{User: "early"}, "1", func() *Refusal { close(begun); <-letIn; return nil })
		})
		<-begun
		settled := make(chan time.Duration, 1)
		start := time.Now()
		come.Go(func() { j.Settle(t.Context()); settled <- time.Since(start) })
		synctest.Wait()
		for range 5 { // these come later, and are refused
			if bad := j.Join(Visitor{User: "late"}, "1", func() *Refusal { return Leaving }); bad != Leaving {
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

// TestJoins_TooManyAreCounted: a user who comes into one room more than may be is let in, and that is counted.
func TestJoins_TooManyAreCounted(t *testing.T) {
	store := &joinStore{tooMany: true}
	j := runJoins(t, store)
	j.noteAndQueue(chat.Membership{UserID: "u", Room: "1"})
	wantWritten(t, j)
	if got, errs := j.edge.Stats.JoinsTooMany.Load(), j.edge.Stats.JoinErrors.Load(); got != 1 || errs != 0 {
		t.Errorf("memberships too many = %d, errors %d; want 1, 0", got, errs)
	}
}
