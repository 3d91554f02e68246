package room

import (
	"hash/maphash"

	"barrage/codec"
)

// past is a room's memory of the messages that its position has passed, beyond those it still has: when
// the store loses the end of a count and goes on, they tell what of the history members have had. The
// zero value is ready.
type past struct {
	ring []passed // bounded by maxPast
	next int      // where the oldest stands, once the ring is full
}

// passed is one message.
type passed struct {
	seq uint64
	ts  int64
	sum uint64 // of its JSON
}

// maxPast bounds what a room remembers: 12 KiB. A failover loses the messages of the last second or so.
const maxPast = 512

func (p *past) note(x passed) {
	if len(p.ring) < maxPast {
		p.ring = append(p.ring, x)
		return
	}
	p.ring[p.next] = x
	p.next = (p.next + 1) % maxPast
}

// oldest is the zero value where nothing is remembered.
func (p *past) oldest() passed {
	if len(p.ring) == 0 {
		return passed{}
	}
	return p.ring[p.next]
}

// sums are those of all that is remembered.
func (p *past) sums() map[uint64]bool {
	all := make(map[uint64]bool, len(p.ring))
	for _, x := range p.ring {
		all[x.sum] = true
	}
	return all
}

// passLocked notes that the position passes entries. r.mu must be held.
func (r *Room) passLocked(entries []codec.Entry) {
	for _, e := range entries {
		r.past.note(passed{e.Seq, codec.Timestamp(e.JSON), maphash.String(r.hall.seed, e.JSON)})
	}
}
