package room

import (
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// Timings receive how long things took. They receive so few durations that no message costs more for it, and enough to
// show how most things fared. Any may be nil; then nobody measures it. They may be called concurrently, and must not
// block.
type Timings struct {
	// Stored gets how long it took from receiving a message until the store had it: of each batch, the message that
	// waited longest.
	Stored func(time.Duration)
	// Acked gets the same of messages with an id, until their sender received a number. Of those whose numbers were sent
	// in one go, it gets the one that waited longest.
	Acked func(time.Duration)
	// Written gets how long it took from receiving a message until it was written to a member's socket. A message
	// received on another node counts by that node's clock. Written gets the time of one write in writesPerSample, and
	// of one a second at least: the oldest message of its sweep.
	Written func(time.Duration)
	// Lag gets how long a lane took to come to what was given to it, see Hall.CheckLanes.
	Lag func(time.Duration)
}

// writesPerSample is how many writes of a lane there are for each that Timings.Written gets. That is one every 2 ms
// where a lane does nothing else, at 7 µs a write, and 100 ns to note it. So a room counts as much as it has members.
const writesPerSample = 256

// cameAt is when the first of messages was received by a node, in Unix ms; 0 where nobody asks.
func (h *Hall) cameAt(messages []chat.Entry) int64 {
	if h.cfg().Timings.Written == nil {
		return 0
	}
	return codec.Timestamp(messages[0].JSON)
}

// sample reports to Timings.Written a sweep of messages that came at a time, in Unix ms. So many writes of that sweep
// were just done.
func (l *lane) sample(now time.Time, came int64, writes uint64) {
	if writes < l.unsampled {
		l.unsampled -= writes
		return
	}
	if came == 0 || writes == 0 {
		return
	}
	l.unsampled = writesPerSample
	l.hall.cfg().Timings.Written(max(0, now.Sub(time.UnixMilli(came)))) // another node's clock may be ahead
}

// CheckLanes gives each lane something to come to, unless it has not come to the last one yet. It returns how long the
// slowest of those has not: 0 where all lanes run. One call runs at a time, about once a second.
func (h *Hall) CheckLanes(now time.Time) (stuck time.Duration) {
	for _, l := range h.lanes {
		if sent := l.checked.Load(); sent != 0 {
			stuck = max(stuck, h.since(now)-time.Duration(sent))
			continue
		}
		l.checked.Store(int64(max(1, h.since(now))))
		l.queue.pushLast(&l.check) // how long it waits is what a large room does
	}
	return stuck
}

// passCheck notes that the lane has come to its check, and has it sample its next write. So there is one a second, also
// where there are few. l.mu must be held.
func (h *Hall) passCheck(l *lane) {
	l.unsampled = 0
	took := h.since(h.cfg().Clock.Now()) - time.Duration(l.checked.Swap(0))
	if h.cfg().Timings.Lag != nil {
		h.cfg().Timings.Lag(took)
	}
}
