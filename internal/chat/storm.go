package chat

import "time"

// Class is how much a message matters where a room has too many. The zero value is that of most messages.
type Class uint8

// The classes.
const (
	ClassNormal Class = iota
	// ClassLow goes first: notices that a user came in, or follows.
	ClassLow
	// ClassHigh was paid for, or is of a kind that few may send.
	ClassHigh
	// ClassSystem is never left out: the room itself, its moderators, servers.
	ClassSystem
)

// Letter is how a class stands on the wire to the store.
func (c Class) Letter() byte { return "nlhs"[min(c, ClassSystem)] }

// Quota bounds what one room takes, over all nodes together. The zero value is no bound.
type Quota struct {
	// PerSecond is how many messages a second; 0: any number. Burst is how many at once.
	PerSecond, Burst int
	// Reserved is how many percent of both only classes above normal may use.
	Reserved int
}

// Storm is how a room's last second was, where it was offered more than it takes. The zero value: it was not.
type Storm struct {
	// Level is how much is left out before it reaches the store. Up to StormLow it is so many of StormLow parts of what is
	// low. Above that it is all that is low, and of what is normal as many parts as Level is above StormLow.
	Level uint16
	// Offered is how many messages there were on all nodes in the last whole second, Shown how many of them were stored.
	Offered, Shown uint64
}

// Bounds of storms.
const (
	// StormLow is the level at which nothing that is low is taken; StormMost the highest, at which nothing that is normal
	// is taken either.
	StormLow  = 128
	StormMost = 2 * StormLow
	// StormFalls is by how much a level falls in a second at most: in eight seconds from all to nothing.
	StormFalls = 32
	// StormOver is after how many seconds without a message a storm is over.
	StormOver = 3
	// ShiftTime is after what time other users of a room in a storm have their turn. A user who is left out gains nothing
	// by sending a message again before, and messages that somebody sends within that time stay together. A minute has six
	// shifts: nobody waits for long.
	ShiftTime = 10 * time.Second
)

// Shift is the number of the shift at a time, on all nodes the same, and how long it lasts from then on.
func Shift(now time.Time) (n int64, left time.Duration) {
	ms, shift := now.UnixMilli(), ShiftTime.Milliseconds()
	return ms / shift, time.Duration(shift-ms%shift) * time.Millisecond
}
