package room

import (
	"slices"
	"testing"
	"time"

	"barrage/codec"
)

// heard keeps what one of the Timings receives.
type heard []time.Duration

func (h *heard) add(d time.Duration) { *h = append(*h, d) }

// TestTimings_BatchIsTimedByItsOldestMessage has two messages of one batch, of which the first has waited 50 ms, go to
// the store and to a member.
func TestTimings_BatchIsTimedByItsOldestMessage(t *testing.T) {
	var stored, acked, written heard
	f := newFixture(t, nil, Callbacks{Timings: Timings{Stored: stored.add, Acked: acked.add, Written: written.add}})
	r := f.open("1")
	f.join(r)
	f.settle()
	say := func(id string) {
		t.Helper()
		if err := r.PostNative(named("u"), "u", &codec.Op{ID: id, Body: id}, f.clock.Now()); err != nil {
			t.Fatalf("PostNative(%q): %v", id, err)
		}
	}
	say("a")
	f.clock.add(30 * time.Millisecond)
	say("b")
	f.clock.add(20 * time.Millisecond)
	f.settle()
	for name, got := range map[string]heard{"stored": stored, "acked": acked, "written": written} {
		if want := (heard{50 * time.Millisecond}); !slices.Equal(got, want) {
			t.Errorf("%s heard %v; want %v", name, got, want)
		}
	}

	for range 3 {
		f.clock.add(time.Second)
		say(f.clock.Now().String())
		f.settle()
	}
	if len(stored) != 4 || len(written) != 1 {
		t.Errorf("after 3 batches more stored heard %d times, written %d; want 4, and 1 for %d writes", len(stored), len(written), writesPerSample)
	}
	for _, l := range f.hall.lanes { // a second later
		f.hall.passCheck(l)
	}
	say("c")
	f.settle()
	if len(written) != 2 {
		t.Errorf("a second later written heard %d times; want 2", len(written))
	}
}

// TestTimings_WrittenByWrites has a sweep of 1,000 members reported once in 256 writes, with its oldest message.
func TestTimings_WrittenByWrites(t *testing.T) {
	var written heard
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{Timings: Timings{Written: written.add}})
	r := f.open("1")
	all := make([]Member, 1000)
	for i := range all {
		r.Enter(&all[i], nullSocket{})
		r.Attach(&all[i])
	}
	f.settle()
	f.now = f.clock.Now()
	f.post(r, "first") // a millisecond from now
	f.clock.add(time.Millisecond)
	f.clock.add(7 * time.Millisecond)
	f.settle()
	if want := (heard{7 * time.Millisecond, 7 * time.Millisecond, 7 * time.Millisecond, 7 * time.Millisecond}); !slices.Equal(written, want) {
		t.Errorf("written heard %v; want %v", written, want)
	}
}

// TestHall_CheckLanesFindsTheStuckOne has a lane that does not run be known as stuck, and report its lag when it runs.
func TestHall_CheckLanesFindsTheStuckOne(t *testing.T) {
	lags := make(chan time.Duration, 1)
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{Timings: Timings{Lag: func(d time.Duration) { lags <- d }}})
	f.clock.add(time.Second)
	for i, want := range []time.Duration{0, 3 * time.Second, 6 * time.Second} {
		if got := f.hall.CheckLanes(f.clock.Now()); got != want {
			t.Errorf("check %d: stuck for %v; want %v", i, got, want)
		}
		f.clock.add(3 * time.Second)
	}
	l := f.hall.lanes[0]
	if n := waiting(l.queue); n != 1 {
		t.Fatalf("%d checks wait for the lane; want 1", n)
	}
	go l.run()
	defer l.queue.close()
	if got, want := <-lags, 9*time.Second; got != want {
		t.Errorf("the lag heard is %v; want %v", got, want)
	}
	if got := f.hall.CheckLanes(f.clock.Now()); got != 0 {
		t.Errorf("stuck for %v after the lane ran; want 0", got)
	}
}

// TestHall_CheckLanesWaitsForLargeRooms has the lag of a lane be that of the rooms that wait longest.
func TestHall_CheckLanesWaitsForLargeRooms(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{})
	large := f.open("large")
	for range shortTurn + 1 {
		f.join(large)
	}
	f.settle()
	f.post(large, "to many")
	l := f.hall.lanes[0]
	for waiting(l.queue) == 0 {
		f.work()
	}
	f.hall.CheckLanes(f.clock.Now())
	if first, _ := l.queue.pop(); first == &l.check {
		t.Error("the lane comes to the check before the large room that was there first")
	}
}
