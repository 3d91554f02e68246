package room

import (
	"math"

	"barrage/internal/chat"
)

// reading is how a room follows what the store has.
//
//	unread ── history read ──► following ◄── history read ── behind
//	   │                           │                           ▲
//	   └─ it cannot be read ─► blind ─ history read ─► …       │
//	                               └─ a change does not follow, the store stands elsewhere,
//	                                  events may have been missed
type reading uint8

const (
	// unread: no member has come in. The position is unknown.
	unread reading = iota
	// blind: members came in while the history could not be read. The position is unknown.
	blind
	// following: the members have all that the store has up to the position.
	following
	// behind: they lack something, or may; a publisher reads the history.
	behind
)

const (
	// maxParked and maxParkedBytes bound the events that wait for the history; beyond that all are
	// dropped and read. 1,024 events are a second or two of a hot room.
	maxParked      = 1024
	maxParkedBytes = 4 << 20
	// maxEarly bounds the answers that did not follow: of 100 messages at most, each some milliseconds old. From
	// earlyRead on the history is read, so that none has to be dropped.
	maxEarly  = 64
	earlyRead = 48
)

// follower is where a room's members stand in what the store has, and the events that do not
// follow. It knows no room. The zero value is unread.
type follower struct {
	reading reading
	pos     chat.Position // of no meaning while unread or blind
	// blindSince is when the first member came in that is blind, Unix ms by this node's clock. Messages that were sent
	// later are new to it; clocks of nodes that differ make that too much or too little by as much.
	blindSince int64
	// moved is when the position moved last, or there was none yet, in hall.coarse: messages behind it were stored later.
	moved int64
	// left is where the members stood in the epoch before: they have passed its late messages up to there.
	left chat.Position
	// from is the smallest number of this epoch's that the members received, or that was there before them.
	from uint64
	// parked are events that did not follow. Empty while following (I3).
	parked      []chat.Event
	parkedBytes int
	// again: something happened since the read under way began, that only another read shows.
	again bool
	// fetching is how many of parked came before the read under way began.
	fetching int
	// early are answers to this node that did not follow, oldest first. Members get the messages of these by the events;
	// should the store go away before these come, at once. Bounded by maxEarly: older ones come with the history then.
	early []chat.Event
}

// known is where the room stands in the store, the zero value where nobody knows.
func (f *follower) known() chat.Position {
	if f.reading == unread || f.reading == blind {
		return chat.Position{}
	}
	return f.pos
}

// fit is how an event lies to a position.
type fit uint8

const (
	fitsNext  fit = iota // it is the next change
	fitsNot              // something lies between, or nobody knows
	fitsOld              // the position has passed it, or the store counts those numbers again
	fitsAside            // it is no change: a recall, repeated
)

// fits says how an event lies.
func (f *follower) fits(ev *chat.Event) fit {
	switch {
	case ev.Rev == 0:
		return fitsAside
	case f.reading == unread || f.reading == blind:
		return fitsNot
	case ev.Follows(f.pos):
		return fitsNext
	case ev.Epoch == f.pos.Epoch && ev.Rev <= f.pos.Rev:
		return fitsOld
	default:
		return fitsNot
	}
}

// park keeps an event that does not follow until the history was read.
func (f *follower) park(ev chat.Event) {
	size := 0
	for _, m := range ev.Messages {
		size += len(m)
	}
	if len(f.parked) >= maxParked || f.parkedBytes+size > maxParkedBytes {
		f.parked, f.parkedBytes, f.fetching = nil, 0, 0 // the missing messages will show as a gap
	}
	f.parked, f.parkedBytes = append(f.parked, ev), f.parkedBytes+size
	f.lag()
}

// lag notes that the members may lack something.
func (f *follower) lag() {
	if f.reading == following {
		f.reading = behind
	}
}

// wants reports whether the history must be read for members that are there.
func (f *follower) wants() bool { return f.reading == behind || f.reading == blind }

// begin notes that a read begins.
func (f *follower) begin() { f.fetching, f.again = len(f.parked), false }

// look notes that there is something that only the history shows.
func (f *follower) look() { f.again = f.reading != following }

// farthest is the last change in the position's epoch that an event or an answer has named. A store that has not come
// as far, or by another way, has gone back.
func (f *follower) farthest() chat.Position {
	pos := f.pos
	for _, told := range [][]chat.Event{f.parked, f.early} {
		for i := range told {
			if told[i].Epoch == pos.Epoch && told[i].Rev > pos.Rev {
				pos = told[i].After(pos)
			}
		}
	}
	return pos
}

// lastNamed is the last change in each epoch that the position, an event or an answer has named; taken are recalls and
// purges. A store that has not come as far has gone back.
func (f *follower) lastNamed(taken []chat.Event) map[string]uint64 {
	told := map[string]uint64{f.pos.Epoch: f.pos.Rev}
	for _, events := range [][]chat.Event{f.parked, f.early, taken} {
		for i := range events {
			told[events[i].Epoch] = max(told[events[i].Epoch], events[i].Rev)
		}
	}
	return told
}

// reach is the number from which on the history is to be read, so that it covers the answers that the position has
// passed.
func (f *follower) reach() uint64 {
	seq := uint64(math.MaxUint64)
	for i := range f.early {
		if f.passed(&f.early[i]) && f.early[i].Seq > 0 {
			seq = min(seq, f.early[i].Seq)
		}
	}
	return seq
}

// setEarly replaces early, less the oldest that are too many.
func (f *follower) setEarly(early []chat.Event) {
	if f.early = early[max(0, len(early)-maxEarly):]; len(f.early) == 0 {
		f.early = nil
	}
}

// caughtUp moves the position to where the history was read, and gives back the events that waited. In over are those
// that it has passed, and those of other epochs that came before the read began. Everything of them that still counts
// was in the history.
func (f *follower) caughtUp(pos chat.Position) (parked, over []chat.Event) {
	if pos.Epoch != f.pos.Epoch {
		f.left = f.pos
	}
	for i, ev := range f.parked {
		if ev.Rev > 0 && ev.Epoch == f.left.Epoch && ev.Rev <= f.left.Rev {
			continue
		}
		if ev.Rev > 0 && (ev.Epoch == pos.Epoch && ev.Rev <= pos.Rev || ev.Epoch != pos.Epoch && i < f.fetching) {
			over = append(over, ev)
		} else {
			parked = append(parked, ev)
		}
	}
	f.reading, f.pos, f.parked, f.parkedBytes, f.fetching = following, pos, nil, 0, 0
	if f.again {
		f.reading, f.again = behind, false
	}
	return parked, over
}

// passed reports whether the position lies behind an event of its epoch.
func (f *follower) passed(ev *chat.Event) bool { return ev.Epoch == f.pos.Epoch && ev.Rev <= f.pos.Rev }

// splitEarly divides the answers that did not follow, when the history was read just now. The results are those that
// may still come, and those that are over.
func (f *follower) splitEarly() (toCome, over []chat.Event) {
	for _, ev := range f.early {
		if ev.Epoch == f.pos.Epoch && ev.Rev > f.pos.Rev {
			toCome = append(toCome, ev)
		} else {
			over = append(over, ev)
		}
	}
	return toCome, over
}

// goneBack is a place that no count of an epoch has come to: a store that receives it begins a new one.
func goneBack(epoch string) chat.Position {
	return chat.Position{Epoch: epoch, Rev: math.MaxInt64 >> 10} // Lua's numbers are exact to 2^53
}
