package room

import (
	"slices"

	"barrage/codec"
	"barrage/internal/chat"
)

// recalls is what was taken back lately, oldest first. The zero value is empty.
type recalls struct {
	events ring[chat.Event] // bounded by chat.RecallsKept; each has the husk of its message
	// dropped is the epoch and the number that the room had reached when the newest recall came that events has no
	// more.
	dropped chat.Position
	ts      map[key]int64 // of the messages that events name
	// lost are husks of messages that the store shows again since it has gone back: a publisher takes
	// them back once more. Bounded by chat.RecallsKept: each is among events.
	lost []string
}

// add notes a recall, and reports whether it is new. now is where the room stands.
func (c *recalls) add(k key, ev chat.Event, now chat.Position, keyOf func(string) key) (isNew bool) {
	ts := codec.Timestamp(ev.Messages[0])
	if c.has(k, ts) {
		return false
	}
	if c.ts == nil {
		c.ts = map[key]int64{}
	}
	if old, full := c.events.put(ev, chat.RecallsKept); full {
		// Its total was the room's then. Should that have begun anew since, then this is too much, and no harm.
		at := chat.Position{Epoch: old.Epoch, Seq: old.Total + now.First() - 1}
		if at.Epoch != c.dropped.Epoch || at.Seq > c.dropped.Seq {
			c.dropped = at
		}
		if was := keyOf(old.Messages[0]); c.ts[was] == codec.Timestamp(old.Messages[0]) { // else a newer use of its id
			delete(c.ts, was)
		}
	}
	c.ts[k] = ts
	return true
}

// has reports whether the message was taken back lately.
func (c *recalls) has(k key, ts int64) bool {
	was, ok := c.ts[k]
	return ok && same(was, ts)
}

// forgotten reports whether events may lack recalls that came when the room had reached message seq of an epoch, or
// later. Who had the message behind that had them, too, and so had who came over from an earlier epoch.
func (c *recalls) forgotten(epoch string, seq uint64) bool {
	return c.dropped.Epoch == epoch && seq <= c.dropped.Seq
}

// names reports whether message seq of an epoch, with that timestamp, is among what was taken back.
func (c *recalls) names(epoch string, seq uint64, ts int64) bool {
	return slices.ContainsFunc(c.events.items, func(ev chat.Event) bool {
		return ev.Epoch == epoch && ev.Seq == seq && codec.Timestamp(ev.Messages[0]) == ts
	})
}

// number reports whether a message with that number is among what was taken back, in any epoch: those that survive a
// change of epoch keep their numbers.
func (c *recalls) number(seq uint64) bool {
	return slices.ContainsFunc(c.events.items, func(ev chat.Event) bool { return ev.Seq == seq })
}

// RecallAgain tells the members of a room once more of a recall that the node remembers, and reports whether there was
// one that is meant: the store may have lost its log since.
func (h *Hall) RecallAgain(id string, meant func(ev *chat.Event) bool) bool {
	r := h.lookup(id)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range slices.Backward(r.recalls.events.inOrder()) {
		if meant(&ev) {
			r.nativesLocked(func(st *stream) { st.recalled(&ev) })
			return true
		}
	}
	return false
}

// recallLocked takes a message off the members' screens and out of what new members are given. It is
// idempotent: members are told again only of one that is repeated for those who missed it. now is where the room
// stands in the store. r.mu must be held.
func (r *Room) recallLocked(ev *chat.Event, now chat.Position, answer bool) {
	husk := ev.Messages[0]
	k, ts := r.hall.keyOf(husk), codec.Timestamp(husk)
	if isNew := r.recalls.add(k, *ev, now, r.hall.keyOf); isNew || ev.Rev == 0 && !answer {
		r.nativesLocked(func(st *stream) { st.recalled(ev) })
	}
	r.unpinLocked(k, ts, answer)
	r.seen.forget(k, ts)
	known := r.newest.remove(func(e chat.Entry) bool {
		return r.hall.keyOf(e.JSON) == k && same(codec.Timestamp(e.JSON), ts)
	})
	if !known {
		return
	}
	r.changedLocked()
	if n := uint64(len(r.newest.entries)); n < uint64(r.newest.most) && n < r.follower.pos.Total {
		r.lagLocked() // the store may have older ones to fill up with
	}
}
