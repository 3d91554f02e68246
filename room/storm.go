package room

import (
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is a room that is offered more than it takes. The store has the quota and sends as a level how much is left
// out before it is asked. A sender who is left out receives the time after which to send again. A node whose own queue
// of the room does not empty leaves out more, whatever the quota.

// CodeShed is why a message is refused that the room has no place for.
const CodeShed = "shed"

// Overload of a node: for how long the oldest message of a room may wait for the store. Then messages of class low are
// left out if the room's queue is a quarter full, those of class normal if half full. A queue that only catches up with
// what waited for the store, after a failover, is not so full (internal/faults). A batch takes some milliseconds, and
// below 100 where 5,000 messages a second are offered on two cores. DAGOR, whose requests wait within one machine,
// takes 20 ms.
const (
	overloadLow    = 500 * time.Millisecond
	overloadNormal = time.Second
)

// StormConfig is the config section `storm`.
type StormConfig struct {
	// RoomRate is how many messages a second a room takes, over all nodes; 0 = any number.
	RoomRate int `mapstructure:"room_rate"`
	// RoomBurst is how many it takes at once.
	RoomBurst int `mapstructure:"room_burst"`
	// Reserved is how many percent of both are for what is above normal; 0 to 90.
	Reserved int `mapstructure:"reserved"`
	// HighKinds are the kinds of messages that are above normal, LowKinds those that are left out first.
	HighKinds []string `mapstructure:"high_kinds"`
	LowKinds  []string `mapstructure:"low_kinds"`
}

// shedBy is why a message was left out.
type shedBy uint8

const (
	byLevel    shedBy = iota // on this node, by the level that the store sends
	byQuota                  // in the store
	byOverload               // on this node: its queue of the room does not empty
	shedReasons
)

// ShedReasons are the words of the reasons, for metrics.
var ShedReasons = [shedReasons]string{"level", "quota", "overload"}

// Classes are the words of the classes that may be left out, by class.
var Classes = [chat.ClassSystem]string{"normal", "low", "high"}

// Shed are how many messages were left out, by reason and class.
type Shed [shedReasons][chat.ClassSystem]uint64

// storm is how much a room has to leave out. The zero value: nothing.
type storm struct {
	chat.Storm
	at      int64     // hall.coarse when the store sent it
	sent    bool      // members believe that there is a storm
	dropped [2]uint64 // of classes normal and low, since the last batch
}

// classOf is how much a message matters. kind is its sender's, and needs no more than their token.
func (h *Hall) classOf(kind string, v Voice) chat.Class {
	switch {
	case v.Role >= chat.RoleModerator || kind == codec.KindSystem:
		return chat.ClassSystem
	case kind == codec.KindChat:
		return chat.ClassNormal
	case v.High && h.High(kind):
		return chat.ClassHigh
	case slices.Contains(h.cfg().Storm.LowKinds, strings.ToLower(kind)):
		return chat.ClassLow
	}
	return chat.ClassNormal
}

// High reports whether messages of a kind are above normal: not everybody may send them.
func (h *Hall) High(kind string) bool {
	return slices.Contains(h.cfg().Storm.HighKinds, strings.ToLower(kind))
}

// bounded reports whether a class may be left out before the store is asked.
func bounded(c chat.Class) bool { return c == chat.ClassNormal || c == chat.ClassLow }

// shedLocked returns for how long a message has to wait that the room leaves out, 0 where it does not. While the store
// is away nothing is: messages that wait then wait for that. r.mu must be held.
func (r *Room) shedLocked(d *chat.Draft, now time.Time) (wait time.Duration) {
	if r.writing != linked || !bounded(d.Class) {
		return 0
	}
	if !r.rules.Empty() && r.rules.RoleOf(d.UserID, chat.RoleViewer, now.UnixMilli()) >= chat.RoleModerator {
		d.Class = chat.ClassSystem // whom the room has appointed
		return 0
	}
	how := byLevel
	shift, left := chat.Shift(now)
	if !r.storm.sheds(d, shift) {
		if !r.overloadedLocked(d.Class, now) {
			return 0
		}
		how = byOverload
	}
	r.storm.dropped[d.Class]++
	r.hall.stats.tally.shed[how][d.Class].Add(1)
	return left
}

// sheds reports whether a message is left out by the level, in a shift.
func (s *storm) sheds(d *chat.Draft, shift int64) bool {
	share := min(int(s.Level), chat.StormLow)
	if d.Class == chat.ClassNormal {
		share = int(s.Level) - chat.StormLow
	}
	return share > 0 && cohort(d.UserID, shift) < share
}

// cohort is which of chat.StormLow groups of a room's users one belongs to in a shift, on all nodes. They go round by
// 21 a shift. So wherever more than a sixth is let in, everybody has a turn within a minute. 21 is odd, so in the end
// everybody has one.
func cohort(user string, shift int64) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(user))
	return int((int64(h.Sum32()%chat.StormLow) + 21*(shift%chat.StormLow)) % chat.StormLow)
}

// overloadedLocked reports whether the room's queue does not empty on this node though the store answers. r.mu must be
// held.
func (r *Room) overloadedLocked(c chat.Class, now time.Time) bool {
	o := &r.outbox
	hangs := o.flight.open > 0 && o.flight.tries > 0 && r.hall.ran.Load()-o.flight.since >= 1 // see waitedLocked
	if len(o.waiting) == 0 || hangs {
		return false
	}
	most, share := overloadNormal, 2 // of the queue
	if c == chat.ClassLow {
		most, share = overloadLow, 4
	}
	return o.size()*share >= r.hall.cfg().QueueMessages && r.hall.since(now)-o.waiting[0].at > most
}

// stormLocked takes the storm of an event. r.mu must be held.
func (r *Room) stormLocked(s chat.Storm) {
	if s != r.storm.Storm || s != (chat.Storm{}) {
		r.storm.Storm, r.storm.at = s, r.hall.coarse.Load()
	}
}

// sendStormLocked sends native members how the last second was, and once that a storm is over. r.mu must be held.
func (r *Room) sendStormLocked() {
	s := &r.storm
	if s.Storm != (chat.Storm{}) && r.hall.coarse.Load()-s.at >= chat.StormOver { // the store sends it with each batch
		s.Storm = chat.Storm{}
	}
	if now := s.Storm != (chat.Storm{}); now || s.sent {
		s.sent = now
		r.nativesLocked(func(st *stream) { st.control(codec.StormText(s.Storm)) })
	}
}
