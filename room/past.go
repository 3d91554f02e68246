package room

import (
	"hash/maphash"

	"barrage/codec"
)

// past is a room's memory of the messages that its position has passed, beyond those it still has: when
// the store loses the end of a count and goes on, they tell what of the history members have had. The
// zero value is ready.
type past struct{ ring[passed] } // bounded by maxPast

// passed is one message.
type passed struct {
	seq uint64
	ts  int64
	sum uint64 // of its JSON
}

// maxPast bounds what a room remembers: 12 KiB. A failover loses the messages of the last second or so.
const maxPast = 512

// sums are those of all that is remembered.
func (p *past) sums() map[uint64]bool {
	all := make(map[uint64]bool, len(p.items))
	for _, x := range p.items {
		all[x.sum] = true
	}
	return all
}

// textSum is what an entry's text is known by in past.
func (h *Hall) textSum(e codec.Entry) uint64 { return maphash.String(h.seed, e.JSON) }

// passLocked notes that the position passes entries. r.mu must be held.
func (r *Room) passLocked(entries []codec.Entry) {
	for _, e := range entries {
		r.past.put(passed{e.Seq, codec.Timestamp(e.JSON), r.hall.textSum(e)}, maxPast)
	}
}
