package room

import (
	"slices"

	"barrage/codec"
	"barrage/internal/chat"
)

// recalls is what was taken away lately, by recalls, purges and clears. The zero value is empty.
type recalls struct {
	events latest[chat.Event] // oldest first, bounded by chat.RecallsKept; each recall has the husk of its message
	purges []*chat.Event      // those of events that are no recalls, oldest first
	// dropped is the epoch and the number that the room had reached when the newest one came that events has no more, or
	// never had.
	dropped chat.Position
	ts      map[key]int64 // of the messages that recalls name
	cleared uint64        // the number up to which the room is cleared, in the follower's epoch
	// lost are recalls and purges that the store does not know any more: a publisher makes them once more. Bounded by
	// chat.RecallsKept: each is among events.
	lost []chat.Event
}

// add notes what was taken away, and reports whether it is new; k is the key of a recalled message. The argument now is
// where the room stands.
func (c *recalls) add(k key, ev chat.Event, now chat.Position, keyOf func(string) key) (isNew bool) {
	if ev.Kind == chat.EventPurge {
		if c.knows(&ev) {
			return false
		}
	} else if c.has(k, codec.Timestamp(ev.Messages[0])) {
		return false
	}
	if old, full := c.events.put(ev, chat.RecallsKept); full {
		c.drop(&old, now, keyOf)
	}
	if ev.Kind == chat.EventPurge {
		c.purges = append(c.purges, &ev)
		return true
	}
	if c.ts == nil {
		c.ts = map[key]int64{}
	}
	c.ts[k] = codec.Timestamp(ev.Messages[0])
	return true
}

// knows reports whether a purge is among events.
func (c *recalls) knows(purge *chat.Event) bool {
	return slices.ContainsFunc(c.purges, func(was *chat.Event) bool { return sameTaking(was, purge) })
}

// drop forgets the oldest of events.
func (c *recalls) drop(old *chat.Event, now chat.Position, keyOf func(string) key) {
	c.forget(placeOf(old, now))
	if old.Kind == chat.EventPurge {
		c.purges = slices.Delete(c.purges, 0, 1)
		return
	}
	if was := keyOf(old.Messages[0]); c.ts[was] == codec.Timestamp(old.Messages[0]) { // else a newer use of its id
		delete(c.ts, was)
	}
}

// placeOf is where the room stood when something was taken away. Total was the room's then: should that have begun anew
// since, then it is too much, and no harm.
func placeOf(ev *chat.Event, now chat.Position) chat.Position {
	at := chat.Position{Epoch: ev.Epoch, Seq: ev.Total + now.First() - 1}
	if ev.Kind == chat.EventPurge {
		at.Seq = max(at.Seq, ev.Seq)
	}
	return at
}

// forget notes that events may lack what was taken away when the room had reached a place.
func (c *recalls) forget(at chat.Position) {
	if at.Epoch != c.dropped.Epoch || at.Seq > c.dropped.Seq {
		c.dropped = at
	}
}

// has reports whether the message was recalled lately.
func (c *recalls) has(k key, ts int64) bool {
	was, ok := c.ts[k]
	return ok && same(was, ts)
}

// purge is the newest one that took a message of an epoch, nil where none did.
func (c *recalls) purge(e chat.Entry, epoch string) *chat.Event {
	if len(c.purges) == 0 {
		return nil
	}
	user, ts := codec.Sender(e.JSON), codec.Timestamp(e.JSON)
	for _, ev := range slices.Backward(c.purges) {
		if ev.Purge.Takes(user, ts, epoch, e.Seq) {
			return ev
		}
	}
	return nil
}

// clear is the last one, as far as events know; nil where they know none.
func (c *recalls) clear() (last *chat.Event) {
	for _, ev := range c.purges {
		if isClear(*ev) && (last == nil || ev.Purge.Until >= last.Purge.Until) {
			last = ev
		}
	}
	return last
}

// again reports whether an event is a clear that was made again, since the store had lost it. Members were notified of
// the first, and messages that they have received since stay.
func (c *recalls) again(ev *chat.Event) bool {
	return slices.ContainsFunc(c.purges, func(was *chat.Event) bool { return madeAgain(was, ev) })
}

// madeAgain reports whether one of two events is the other one made again, a clear: it keeps its time.
func madeAgain(was, ev *chat.Event) bool {
	return isClear(*was) && isClear(*ev) && was.Purge.Until == ev.Purge.Until && was.Epoch != ev.Epoch
}

// clearedAt is when the room was cleared last, in Unix ms, as far as events know; 0 where they do not.
func (c *recalls) clearedAt() int64 {
	if last := c.clear(); last != nil {
		return last.Purge.Until
	}
	return 0
}

// clearedSince reports whether the room was cleared in another epoch than that of a lost message, and later.
func (c *recalls) clearedSince(ts int64, epoch string) bool {
	return slices.ContainsFunc(c.purges, func(ev *chat.Event) bool { return isClear(*ev) && ev.Epoch != epoch && ts <= ev.Purge.Until })
}

// lacks reports whether events may lack what somebody missed who has got to a place, in a room that stands in epoch
// now. A member that received the message behind it was also notified of all that was taken away before.
func (c *recalls) lacks(at Since, now string) bool {
	if at.Epoch == c.dropped.Epoch {
		return at.Seq <= c.dropped.Seq && at.Epoch != ""
	}
	return c.dropped.Epoch != "" && at.Epoch != now
}

// names reports whether message seq of an epoch, with that timestamp, is among what was taken back.
func (c *recalls) names(epoch string, seq uint64, ts int64) bool {
	return slices.ContainsFunc(c.events.items, func(ev chat.Event) bool {
		return ev.Kind == chat.EventRecall && ev.Epoch == epoch && ev.Seq == seq && codec.Timestamp(ev.Messages[0]) == ts
	})
}

// number reports whether a message with that number is among what was taken back, in any epoch. Messages that survive a
// change of epoch keep their numbers.
func (c *recalls) number(seq uint64) bool {
	return slices.ContainsFunc(c.events.items, func(ev chat.Event) bool { return ev.Kind == chat.EventRecall && ev.Seq == seq })
}

// RecallAgain notifies the members of a room once more of a recall that the node remembers, and reports whether there
// was one that is meant. The store may have lost its log since.
func (h *Hall) RecallAgain(id string, meant func(ev *chat.Event) bool) bool {
	r := h.lookup(id)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range slices.Backward(r.recalls.events.inOrder()) {
		if ev.Kind == chat.EventRecall && meant(&ev) {
			r.nativesLocked(func(st *stream) { st.recalled(&ev) })
			return true
		}
	}
	return false
}

// recallLocked takes messages off the members' screens and out of what new members are given. It is idempotent: members
// are notified again only of what is repeated for those who missed it. The argument now is where the room stands in the
// store, and answer says that this node asked for it. r.mu must be held.
func (r *Room) recallLocked(ev *chat.Event, now chat.Position, answer bool) {
	var k key
	if ev.Kind == chat.EventRecall {
		k = r.keyOf(ev.Messages[0])
	}
	again := r.recalls.again(ev) // looked at first: then it is among them
	isNew := r.recalls.add(k, *ev, now, r.keyOf)
	if !again && (isNew || ev.Rev == 0 && !answer) {
		if isClear(*ev) {
			r.sendClearedLocked(ev.Purge.UpTo)
		} else {
			r.nativesLocked(func(st *stream) { st.recalled(ev) })
		}
	}
	var taken func(e chat.Entry) bool
	if ev.Kind == chat.EventRecall {
		ts := codec.Timestamp(ev.Messages[0])
		r.seen.forget(k, ts)
		taken = func(e chat.Entry) bool { return r.keyOf(e.JSON) == k && same(codec.Timestamp(e.JSON), ts) }
	} else {
		if ev.Purge.User == "" && ev.Epoch == r.follower.pos.Epoch {
			r.clearedLocked(max(r.recalls.cleared, ev.Seq)) // an earlier one may come again
		}
		epoch := r.follower.pos.Epoch
		taken = func(e chat.Entry) bool {
			return ev.Purge.Takes(codec.Sender(e.JSON), codec.Timestamp(e.JSON), epoch, e.Seq)
		}
	}
	r.unpinLocked(taken, answer)
	if !r.newest.removeAll(taken) {
		return
	}
	r.changedLocked()
	if n := uint64(len(r.newest.entries)); n < uint64(r.newest.most) && n < r.follower.pos.Total {
		r.lagLocked() // the store may have older ones to fill up with
	}
}

// sendClearedLocked has native members show nothing of up to a place. Messages that members received first go as well:
// the store may have had them before. r.mu must be held.
func (r *Room) sendClearedLocked(at chat.Place) {
	r.nativesLocked(func(st *stream) {
		if here := st.epoch; here == r.localEpoch() {
			st.cleared(chat.Place{Epoch: here, Seq: st.next - 1})
		} else {
			st.cleared(at)
		}
	})
}

// clearedLocked notes that the room is cleared up to a number. r.mu must be held.
func (r *Room) clearedLocked(upTo uint64) {
	if upTo != r.recalls.cleared {
		r.recalls.cleared, r.rules.modes = upTo, ""
	}
}

// recallLostLocked has a publisher make once more what the store has lost. r.mu must be held.
func (r *Room) recallLostLocked(ev *chat.Event) {
	if !slices.ContainsFunc(r.recalls.lost, func(was chat.Event) bool { return sameTaking(&was, ev) }) {
		r.recalls.lost = append(r.recalls.lost, *ev)
		r.enqueueLocked()
	}
}

// sameTaking reports whether two events take the same away.
func sameTaking(a, b *chat.Event) bool {
	if a.Kind == chat.EventPurge && b.Kind == chat.EventPurge {
		p, q := a.Purge, b.Purge
		if p.User == "" {
			return q.User == "" && p.UpTo == q.UpTo
		}
		return p.User == q.User && p.Since == q.Since && p.Until == q.Until // made again it has another place
	}
	return a.Kind == b.Kind && a.Messages[0] == b.Messages[0]
}
