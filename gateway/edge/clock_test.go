package edge

import (
	"testing"
	"time"
)

// TestClock_StoodStill: what a late look finds is not that all were silent.
func TestClock_StoodStill(t *testing.T) {
	var c clock
	for _, look := range []struct{ at, want time.Duration }{
		{time.Second, 1},
		{2 * time.Second, 2},
		{4900 * time.Millisecond, 4}, // late, as on a busy machine
		{5900 * time.Millisecond, 5},
		{95900 * time.Millisecond, 6}, // paused for 90 s
		{96900 * time.Millisecond, 7},
		{99 * time.Second, 10},
		{200 * time.Second, 11}, // and again
	} {
		c.advance(look.at, time.Second)
		if got := time.Duration(c.now()); got != look.want {
			t.Errorf("%v after the start the clock says %d s; want %d", look.at, got, look.want)
		}
	}
}
