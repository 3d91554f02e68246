package swarm

import (
	"testing"
	"time"
)

// TestSender_CountsAllThatWasDue: a rate that nobody can keep ends when it should, and
// all that was due counts, not just what the sender got round to.
func TestSender_CountsAllThatWasDue(t *testing.T) {
	const part = 50 * time.Millisecond
	p := &Plan{Rooms: []Room{{Viewers: 1, Rate: 1e8}}, Senders: 1, Body: 60, Warmup: part, Duration: part, Patience: part}
	s := startSender(p, raw("/"), 0, 1, [][]*speaker{{{fd: -1}}}, time.Now())
	<-s.done
	if offered := s.offered.Load(); offered != 10_000_000 {
		t.Errorf("%d messages were due; want 10,000,000", offered)
	}
	if _, more := s.todo.peek(); !more {
		t.Error("the sender went through all of ten million messages; want it to end with its time")
	}
}

// TestSender_StopOffersWhatIsOverdue: messages that were due when the load was given up count, later ones do not.
func TestSender_StopOffersWhatIsOverdue(t *testing.T) {
	p := &Plan{Rooms: []Room{{Viewers: 1, Rate: 1e6}}, Senders: 1, Body: 60, Duration: time.Hour, Patience: time.Minute}
	at := time.Now().Add(-time.Minute)
	s := startSender(p, raw("/"), 0, 1, [][]*speaker{{{fd: -1}}}, at)
	s.stop()
	<-s.done
	if offered, most := s.offered.Load(), uint64(time.Since(at).Microseconds())+1; offered < 60_000_000 || offered > most {
		t.Errorf("%d messages were due a minute after the load began; want 60,000,000, and at most %d", offered, most)
	}
}
