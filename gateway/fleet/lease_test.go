package fleet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Two nodes never have the lease at once; its holder keeps it by its beats, and gives it back once.
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
		take := func(f *Fleet) (string, error) { return f.TakeLease(t.Context(), false) }
		takeBeside := func(f *Fleet) (string, error) { return f.TakeLease(t.Context(), true) }
		look := func(f *Fleet) (string, error) { return f.Holder(t.Context()) }
		holds("nobody's", a, look, "")
		holds("a takes it", a, take, "a")
		holds("b does not get it", b, take, "a")
		b.EndLease(t.Context(), nil)
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
		time.AfterFunc(5*time.Second, func() { a.EndLease(ended, nil) })
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
		s.fail(nil) // which b has the lease in still, and a drains all the same
		a.keepLease(t.Context())
		b.EndLease(t.Context(), nil)
		a.keepLease(t.Context())
		holds("a has it after b", b, look, "a")
		holds("b does not get it again", b, take, "a")
		a.EndLease(t.Context(), nil)
		b.keepLease(t.Context())
		holds("b does not go on asking", b, look, "")
		holds("a takes it again", a, take, "a")
		holds("b drains beside a", b, takeBeside, "a")
		a.EndLease(t.Context(), func() bool { return true })
		b.keepLease(t.Context())
		holds("a goes on with it", b, look, "a")
		a.EndLease(t.Context(), nil)
		holds("a has given it back", a, look, "")
		b.keepLease(t.Context())
		holds("b has it after a", a, look, "b")
		before, _ = s.leases()
		b.keepLease(t.Context())
		if taken, _ := s.leases(); taken != before+1 {
			t.Errorf("b has renewed its lease %d times; want once", taken-before)
		}
		if err := b.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		b.keepLease(t.Context())
		holds("b has left", a, look, "")
	})
}
