package once_test

import (
	"errors"
	"testing"

	"barrage/internal/once"
)

func TestSignal_WakesOnce(t *testing.T) {
	s := once.NewSignal()
	for range 3 {
		s.Set() // never blocks
	}
	<-s
	select {
	case <-s:
		t.Error("woken twice for what was set before the first time")
	default:
	}
	s.Set()
	<-s
}

func TestFailure_IsNewUntilItChanges(t *testing.T) {
	var f once.Failure
	away, full := errors.New("away"), errors.New("full")
	for i, c := range []struct {
		err  error
		want bool
	}{{nil, false}, {away, true}, {away, false}, {full, true}, {away, true}, {nil, false}, {away, true}} {
		if got := f.IsNew(c.err); got != c.want {
			t.Errorf("try %d, %v: new is %v; want %v", i+1, c.err, got, c.want)
		}
	}
}

func TestLogged_EachTextIsNewOnce(t *testing.T) {
	var s once.Logged
	for i, c := range []struct {
		text string
		want bool
	}{{"a", true}, {"a", false}, {"b", true}, {"a", false}, {"b", false}} {
		if got := s.IsNew(c.text); got != c.want {
			t.Errorf("text %d, %q: new is %v; want %v", i+1, c.text, got, c.want)
		}
	}
}
