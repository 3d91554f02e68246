package fleet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Two nodes never have the lease at once; whoever has it keeps it by its beats, and gives it back once.
func TestLease_OneNodeHasItAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, nodes := start(t, "a", "b")
		a, b := nodes[0], nodes[1]
		holds := func(what string, f *Fleet, take func(*Fleet) (string, error), holder string) {
			t.Helper()
			got, err := take(f)
			if err != nil || got != holder {
				t.Errorf("%s: %q, %v; want %q", what, got, err, holder)
			}
		}
		take := func(f *Fleet) (string, error) { return f.TakeLease(t.Context()) }
		look := func(f *Fleet) (string, error) { return f.Holder(t.Context()) }
		holds("nobody's", a, look, "")
		holds("a takes it", a, take, "a")
		holds("b does not get it", b, take, "a")
		b.EndLease(t.Context())
		holds("b has none to give back", b, look, "a")
		before, _ := s.leases()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if taken, _ := s.leases(); taken != before+3 {
			t.Errorf("in 30 s a has taken the lease %d times; want with each beat", taken-before)
		}

		// b waits until a has ended, or for as long as it likes.
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		holds("b waits for a second", b, func(f *Fleet) (string, error) { return f.AwaitLease(short) }, "a")
		long, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		ended, end := context.WithCancel(t.Context()) // as of a drain that used all its time
		end()
		time.AfterFunc(5*time.Second, func() { a.EndLease(ended) })
		holds("b waits for a's end", b, func(f *Fleet) (string, error) { return f.AwaitLease(long) }, "b")
		if took := time.Since(began); took < 5*time.Second || took > 5*time.Second+2*leaseEvery {
			t.Errorf("b has waited %v; want 5 s", took)
		}
		before, _ = s.leases()
		a.keepLease(t.Context()) // it is a's no more
		if taken, holder := s.leases(); holder != "b" || taken != before {
			t.Errorf("%q has the lease; want b", holder)
		}
		s.fail(errors.New("away"))
		if _, err := a.AwaitLease(t.Context()); err == nil {
			t.Error("a waits while the store is away")
		}
		s.fail(nil) // which b has the lease in still, and a has asked for it in vain
		a.keepLease(t.Context())
		holds("a takes nothing from b", a, look, "b")
		b.EndLease(t.Context())
		a.keepLease(t.Context()) // nor goes on asking
		holds("nobody asks any more", a, look, "")

		// The store took the call, and a has not heard of it.
		s.fail(errors.New("away"))
		if _, err := a.TakeLease(t.Context()); err == nil {
			t.Error("a has an answer of a store that is away")
		}
		s.fail(nil)
		if _, err := s.TakeLease(t.Context(), "a", time.Hour); err != nil {
			t.Error(err)
		}
		a.keepLease(t.Context())
		holds("a drains on", b, take, "a")
		a.EndLease(t.Context())
		holds("a has given it back", b, look, "")
	})
}
