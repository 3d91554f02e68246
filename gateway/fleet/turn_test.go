package fleet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Two nodes never have the turn at once; whoever has it keeps it by its beats, and gives it back once.
func TestTurn(t *testing.T) {
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
		take := func(f *Fleet) (string, error) { return f.TakeTurn(t.Context()) }
		look := func(f *Fleet) (string, error) { return f.Turn(t.Context()) }
		holds("nobody's", a, look, "")
		holds("a takes it", a, take, "a")
		holds("b does not get it", b, take, "a")
		b.EndTurn(t.Context())
		holds("b has none to give back", b, look, "a")
		before, _ := s.turns()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if taken, _ := s.turns(); taken != before+3 {
			t.Errorf("in 30 s a has taken its turn %d times; want with each beat", taken-before)
		}

		// b waits until a has ended, or for as long as it likes.
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		holds("b waits for a second", b, func(f *Fleet) (string, error) { return f.AwaitTurn(short) }, "a")
		began := time.Now()
		time.AfterFunc(5*time.Second, func() { a.EndTurn(context.WithoutCancel(t.Context())) })
		holds("b waits for a's end", b, func(f *Fleet) (string, error) { return f.AwaitTurn(t.Context()) }, "b")
		if took := time.Since(began); took < 5*time.Second || took > 5*time.Second+2*turnEvery {
			t.Errorf("b has waited %v; want 5 s", took)
		}
		before, _ = s.turns()
		a.keepTurn(t.Context()) // it is a's no more
		if taken, holder := s.turns(); holder != "b" || taken != before {
			t.Errorf("it is the turn of %q; want b's", holder)
		}
		s.fail(errors.New("away"))
		if _, err := a.AwaitTurn(t.Context()); err == nil {
			t.Error("a waits while the store is away")
		}
	})
}
