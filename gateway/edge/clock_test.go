package edge

import (
	"log/slog"
	"testing"
	"time"
)

// TestClock_AStartThatTakesLongIsNoPause: a client of the first second is there for less than one at its end.
func TestClock_AStartThatTakesLongIsNoPause(t *testing.T) {
	e := newRoomy(t, slog.DiscardHandler, DefaultConfig(), false)
	e.startClock(time.Now().Add(5 * time.Second))
	for i := range 3 {
		e.CheckSessions(e.started.Add(time.Duration(i) * time.Second))
		if got := e.clock.now(); got != uint32(i) {
			t.Errorf("%d s after the start the sessions' clock says %d", i, got)
		}
	}
	e.CheckSessions(e.started.Add(time.Minute))
	if got := e.clock.now(); got != 3 {
		t.Errorf("after a pause it says %d; want 3", got)
	}
}
