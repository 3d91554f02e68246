package room

import (
	"testing"
	"time"
)

// lateClock calls late when it is asked for the time.
type lateClock struct {
	*fakeClock
	late func()
}

func (c *lateClock) Now() time.Time {
	if c.late != nil {
		c.late()
	}
	return c.fakeClock.Now()
}

// A message comes between the last look of a sweep at the log and the rest behind it. The message goes out after the
// rest, and does not wait for the next one.
func TestLane_MessageAtTheBeginningOfARest(t *testing.T) {
	const members = 100 // a sweep of 0.7 ms, in one turn
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{})
	clock := &lateClock{fakeClock: f.clock}
	f.hall.lanes[0].clock = clock
	r := f.open("1")
	all := make([]Member, members)
	for i := range all {
		r.Enter(&all[i], slowSocket{f.clock})
		r.Attach(&all[i])
	}
	f.settle()

	f.post(r, "first")
	asked := 0
	clock.late = func() {
		if asked++; asked == 2 { // a turn asks before its sweep and behind it
			f.post(r, "late")
			late, _ := f.hall.publishers.pop()
			late.serve(nil)
		}
	}
	f.settle()
	if len(f.clock.rests) == 0 || asked < 2 {
		t.Fatalf("the room rested %v, asked %d times for the time; want a rest", f.clock.rests, asked)
	}
	if s := f.hall.Stats(); s.Sent != 2*members {
		t.Errorf("%d copies sent; want %d", s.Sent, 2*members)
	}
}
