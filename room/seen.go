package room

import (
	"math"
	"time"

	"barrage/internal/chat"
)

const (
	// maxSeen is how many keys one half of seen holds. A room with 1,000 messages a second so knows those of 4 to
	// 8 s. A sender that was not answered tries again within a few seconds.
	maxSeen = 4096
	// sameFor is for how many seconds two messages of one key are the same message. Later the sender may use its id
	// again.
	sameFor = int64(chat.IDLife / time.Second)
)

// seen knows which messages the members of a room have received: the last 4,096 at least. The zero value is ready.
type seen struct {
	now, before half
	// oldest are the oldest messages that were noted when the room was loaded, by key and timestamp. Messages that the
	// history has in front of them were there before the members. Several are noted, since one may be taken back.
	oldest map[key]int64 // bounded by mostOldest
}

const mostOldest = 16

// wasOldest reports whether a message is one of oldest.
func (s *seen) wasOldest(k key, ts int64) bool {
	was, ok := s.oldest[k]
	return ok && was == ts
}

// begins notes one of the oldest messages, as long as there is room.
func (s *seen) begins(k key, ts int64) {
	if len(s.oldest) >= mostOldest {
		return
	}
	if s.oldest == nil {
		s.oldest = map[key]int64{}
	}
	s.oldest[k] = ts
}

// half is what seen learned between two turns.
type half struct {
	of    map[key]sight
	floor int64 // messages older than this may have been there before the members, unnoted
}

// sight is when a message was sent, in Unix milliseconds by whichever clock stamped it. Its field at is when members
// received it, in hall.coarse; 0 where it was there before them.
type sight struct{ ts, at int64 }

// add notes a message that members get now, and reports whether it is new; at is when it was sent, see sight.
func (s *seen) add(k key, ts, at, now int64) (isNew bool) {
	if s.has(k, ts, now) {
		return false
	}
	s.note(k, ts, at)
	return true
}

// These values stand for when members received a message, where that is no time: its timestamp alone decides.
const (
	recalledBefore = -1 // it was taken back before they received it
	foundOlder     = -2 // a new epoch had it in front of all that they have received
)

// note notes a message that is not to be given to anybody any more; at is 0 where it was there before the members.
func (s *seen) note(k key, ts, at int64) {
	if len(s.now.of) >= maxSeen {
		s.before, s.now = s.now, half{}
	}
	if s.now.of == nil {
		s.now = half{map[key]sight{}, math.MaxInt64}
	}
	s.now.of[k] = sight{ts, at}
	// An event that comes live may be stamped by any clock, or report that an old message was taken back. It does not show
	// how far back the members' knowledge goes. The first of a half must do, where nothing better comes.
	if at == 0 || at > recalledBefore && s.now.floor == math.MaxInt64 {
		s.now.floor = min(s.now.floor, ts)
	}
}

// foundOlder reports whether a message is known only as one that was in front of all that members have received.
// Another one behind it is not new for that.
func (s *seen) foundOlder(k key) bool {
	was, ok := s.now.of[k]
	if !ok {
		was = s.before.of[k]
	}
	return was.at == foundOlder
}

// keep notes a message that was there before the members, or that they have received: then it stays noted as it was.
func (s *seen) keep(k key, ts int64) {
	was, ok := s.now.of[k]
	if !ok {
		was = s.before.of[k]
	}
	s.note(k, max(ts, was.ts), was.at) // the newest use of its id
}

// forget notes that a message was taken back: should it come later nobody gets it. A message that members received
// stays as it was noted, so that its id may be used again.
func (s *seen) forget(k key, ts int64) {
	if _, had := s.now.of[k]; had {
		return
	}
	if _, had := s.before.of[k]; had {
		return
	}
	s.note(k, ts, recalledBefore)
}

// begin notes that nothing was there before what is noted.
func (s *seen) begin() {
	if s.now.of == nil {
		s.now.of = map[key]sight{}
	}
	s.now.floor = math.MinInt64
}

// has reports whether members have received the message by now. A key means another message only where that was sent
// much later, and members have not received the first one lately. Clocks that are set show nothing of that.
func (s *seen) has(k key, ts, now int64) bool {
	was, ok := s.now.of[k]
	if !ok {
		was, ok = s.before.of[k]
	}
	return ok && (ts-was.ts <= sameFor*1000 || was.at > 0 && now-was.at <= sameFor)
}

// same reports whether two messages of one key are one, by their timestamps.
func same(a, b int64) bool { return max(a-b, b-a) <= sameFor*1000 }

// older reports whether a message of that time was sent before all that seen knows.
func (s *seen) older(ts int64) bool {
	if s.before.of != nil {
		return ts < s.before.floor
	}
	return s.now.of != nil && ts < s.now.floor
}
