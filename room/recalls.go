package room

import "barrage/codec"

// maxRecalls bounds the recalls that a room remembers, for members that come back and for a store that
// loses some. The store's log holds 512. A moderator who clears a room takes back some hundreds.
const maxRecalls = 256

// recalls is what was taken back lately, oldest first. The zero value is empty.
type recalls struct {
	events ring[codec.Event] // bounded by maxRecalls; each has the husk of its message
	ts     map[key]int64     // of the messages that events name
	// lost are husks of messages that the store shows again since it has gone back: a publisher takes
	// them back once more. Bounded by maxRecalls: each is among events.
	lost []string
}

// add notes a recall, and reports whether it is new.
func (c *recalls) add(k key, ev codec.Event, keyOf func(string) key) (isNew bool) {
	ts := codec.Timestamp(ev.Messages[0])
	if c.has(k, ts) {
		return false
	}
	if c.ts == nil {
		c.ts = map[key]int64{}
	}
	if old, full := c.events.put(ev, maxRecalls); full {
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

// recallLocked takes a message off the members' screens and out of what new members are given. It is
// idempotent: members are told again only of one that is repeated for those who missed it. r.mu must be held.
func (r *Room) recallLocked(ev *codec.Event, answer bool) {
	husk := ev.Messages[0]
	k, ts := r.hall.keyOf(husk), codec.Timestamp(husk)
	if isNew := r.recalls.add(k, *ev, r.hall.keyOf); isNew || ev.Rev == 0 && !answer {
		r.nativesLocked(func(st *stream) { st.recalled(ev) })
	}
	r.seen.forget(k, ts)
	known := r.newest.remove(func(e codec.Entry) bool {
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
