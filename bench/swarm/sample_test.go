package swarm

import (
	"testing"
	"time"
)

// samplePlan has a room with 4 senders and 1000 messages.
func samplePlan() *Plan {
	return &Plan{Senders: 4, Duration: 10 * time.Second, Rooms: []Room{{Viewers: 10, Rate: 100}}}
}

func TestSample_FindsDoublesAndDisorder(t *testing.T) {
	s := newSample(samplePlan(), 0)
	for _, number := range []uint64{
		0, 1, 3, 2, // other senders: no order between them
		2,    // twice
		8, 4, // sender 0 out of order
		900, 901, // a leap
		8,  // twice, though long ago
		12, // out of order again, and new
	} {
		s.note(number)
	}
	if s.doubled != 2 || s.outOfOrder != 2 || s.found != 9 {
		t.Errorf("%d doubled, %d out of order, %d found; want 2, 2, 9", s.doubled, s.outOfOrder, s.found)
	}
}

// TestSample_RemembersARing: with fewer bits than messages the newest are remembered, and one further behind passes for
// a double.
func TestSample_RemembersARing(t *testing.T) {
	s := newSample(samplePlan(), 0)
	size := uint64(len(s.seen.Bits) * 64)
	for n := range 3 * size {
		if !s.note(n) {
			t.Fatalf("message %d passed for a double", n)
		}
	}
	for _, n := range []uint64{3*size - 1, 2 * size, 2*size - 1, 0} {
		if s.note(n) {
			t.Errorf("message %d came twice and was not noticed", n)
		}
	}
	if s.found != 3*size || s.doubled != 4 {
		t.Errorf("%d found, %d doubled; want %d, 4", s.found, s.doubled, 3*size)
	}
}

func TestDisagree_ComparesOnlyWhatIsAlike(t *testing.T) {
	see := func(room int32, numbers ...uint64) sighting {
		s := newSample(samplePlan(), 0)
		for _, n := range numbers {
			s.note(n)
		}
		return sighting{room, s.found, s.set, s.order, 0, true}
	}
	all := []sighting{
		see(0, 0, 1, 2), see(0, 0, 1, 2),
		see(0, 1, 0, 2), // another order
		see(0, 1, 2),    // came later
		see(0, 0, 2, 3), // lost one
		see(1, 2, 1, 0), // another room
		see(0, 0, 1, 1, 2),
	}
	for range all { // whichever of them is known first
		if n := disagree(all); n != 1 {
			t.Errorf("disagree = %d in the order %v; want 1", n, all)
		}
		all = append(all[1:], all[0])
	}
}
