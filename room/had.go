package room

import (
	"hash/maphash"
	"math"
	"slices"
	"strconv"

	"barrage/codec"
	"barrage/internal/chat"
)

// key is what a message is known by, whoever brings it. It is the message's sender and its id, which the sender gave or
// the node that the message came in on. Messages without an id, from histories of older versions, are known by sender
// and timestamp, which the store keeps unique.
type key uint64

// keys makes keys, the same for all rooms of a hall.
type keys struct{ seed maphash.Seed }

// keyOf is the key of a stored message, or of its husk.
func (k keys) keyOf(json string) key {
	user, id, ok := codec.SendKey(json)
	if !ok {
		user, id = codec.Sender(json), strconv.FormatInt(codec.Timestamp(json), 10)
	}
	return k.keyFrom(user, id)
}

// keyOfDraft is the key that a draft will have as a stored message.
func (k keys) keyOfDraft(d *chat.Draft) key {
	user, id, ok := codec.SendKey(d.Head)
	if !ok { // beside original FastIM nodes, where keys are not used
		return 0
	}
	return k.keyFrom(user, id)
}

func (k keys) keyFrom(user, id string) key {
	const odd = 0x9E3779B97F4A7C15 // 2^64 over the golden ratio: user and id do not weigh the same
	return key(maphash.String(k.seed, user)*odd ^ maphash.String(k.seed, id))
}

// had is what the members of a room have received, and what was taken away of it. It knows no room, and no members:
// they have received all the same. now is always in hall.coarse.
type had struct {
	keys
	seen    seen    // the keys
	newest  newest  // the messages that a new member is given
	recalls recalls // the messages that were taken back lately
}

// hasHad reports whether members have received a message.
func (h *had) hasHad(json string, now int64) bool {
	return h.seen.has(h.keyOf(json), codec.Timestamp(json), now)
}

// hasHadAll reports whether members have received all messages of an event.
func (h *had) hasHadAll(ev *chat.Event, now int64) bool {
	return !slices.ContainsFunc(ev.Messages, func(m string) bool { return !h.hasHad(m, now) })
}

// hasStored puts a message that members have received already to those that the store has.
func (h *had) hasStored(e chat.Entry) {
	k := h.keyOf(e.JSON)
	h.newest.stored(e, func(o chat.Entry) bool { return h.keyOf(o.JSON) == k })
}

// latestNew is the greatest timestamp of those of entries that members have not received; 0 of none.
func (h *had) latestNew(entries []chat.Entry, now int64) (ts int64) {
	for _, e := range entries {
		if !h.hasHad(e.JSON, now) {
			ts = max(ts, codec.Timestamp(e.JSON))
		}
	}
	return ts
}

// takenBy is why a message of an epoch is not shown any more, nil where it is: a recall or a purge.
func (h *had) takenBy(e chat.Entry, epoch string) *chat.Event {
	if len(h.recalls.ts) > 0 && h.recalls.has(h.keyOf(e.JSON), codec.Timestamp(e.JSON)) {
		husk, _ := codec.Husk(e.JSON)
		return &chat.Event{Kind: chat.EventRecall, Messages: []string{husk}}
	}
	return h.recalls.purge(e, epoch)
}

// isTakenAway reports whether a message of an event was taken away, also by a clear in another epoch.
func (h *had) isTakenAway(e chat.Entry, epoch string) bool {
	return h.takenBy(e, epoch) != nil || h.recalls.clearedSince(codec.Timestamp(e.JSON), epoch)
}

// notTaken is the messages of events, less what was taken away since. Their numbers are no use to the members.
func (h *had) notTaken(events []chat.Event) (entries []chat.Entry) {
	for i := range events {
		for _, e := range entriesOf(&events[i]) {
			if !h.isTakenAway(e, events[i].Epoch) {
				entries = append(entries, chat.Entry{JSON: e.JSON})
			}
		}
	}
	return entries
}

// lostByStore is what the node received by events that are over, and what the store has lost. The history that was just
// read should have it, and has not. Nobody knows about messages before that history.
func (h *had) lostByStore(over []chat.Event, read *chat.History) (lost []chat.Entry) {
	if len(over) == 0 {
		return nil
	}
	first, whole := uint64(math.MaxUint64), len(read.Entries) == 0
	kept, tombs := map[key]bool{}, map[uint64]bool{}
	for _, e := range read.Entries {
		if e.JSON == "" {
			tombs[e.Seq] = true
		} else {
			kept[h.keyOf(e.JSON)] = true
		}
	}
	if !whole {
		first = read.Entries[0].Seq
		whole = first <= read.First()
	}
	for i := range over {
		if over[i].Kind != chat.EventMessages {
			continue
		}
		sameNumbers := over[i].Epoch == read.Epoch
		for _, e := range entriesOf(&over[i]) {
			inReach := whole || e.Seq >= first || over[i].Seq == 0 || !sameNumbers && e.Seq > read.Begun
			// A tombstone under its number is its own, unless the recall that is known of that number is of another
			// message.
			recalled := sameNumbers && tombs[e.Seq] && !h.recalls.number(e.Seq) || h.isTakenAway(e, over[i].Epoch)
			if inReach && !recalled && !kept[h.keyOf(e.JSON)] {
				lost = append(lost, chat.Entry{JSON: e.JSON})
			}
		}
	}
	return lost
}

// contradicts reports whether a history has another message under a number that members have passed. Then the store has
// gone back, and has come as far again.
func (h *had) contradicts(f *follower, read *chat.History, now int64) bool {
	if f.reading == unread || f.reading == blind || read.Epoch == "" || read.Epoch == chat.Unnumbered {
		return false
	}
	return slices.ContainsFunc(read.Entries, func(e chat.Entry) bool {
		switch {
		// they need not have received older ones
		case e.Seq < f.from || e.Seq > f.pos.Seq || f.pos.Seq-e.Seq > 2*uint64(h.newest.most):
			return false
		case e.JSON == "":
			return !h.explains(e.Seq, read)
		}
		return !h.hasHad(e.JSON, now)
	})
}

// explains reports whether the message that members received under a number of a history may be the one that was taken
// back there. It may, unless the log says that it was another one. A recall that the log lacks proves nothing: the log
// may be lost, or may have no more that are so old.
func (h *had) explains(seq uint64, read *chat.History) bool {
	e, ok := h.newest.at(seq)
	if !ok { // not at hand
		return true
	}
	k := h.keyOf(e.JSON)
	return !slices.ContainsFunc(read.Recalls, func(ev chat.Event) bool {
		return ev.Kind == chat.EventRecall && ev.Seq == seq && h.keyOf(ev.Messages[0]) != k
	})
}

// oldUpTo is how many of a history's entries, the oldest ones, are not new. Members have received those, or they are
// from before members came in.
func (h *had) oldUpTo(f *follower, read *chat.History, now int64) int {
	all := read.Entries
	upTo := func(from int, isNew func(chat.Entry) bool) int {
		if i := slices.IndexFunc(all[from:], isNew); i >= 0 {
			return from + i
		}
		return len(all)
	}
	switch {
	case f.reading == unread:
		return len(all)
	case f.reading == blind: // new is what was sent since, and what came since the room's events come
		heard := uint64(math.MaxUint64)
		if i := slices.IndexFunc(f.parked, func(ev chat.Event) bool { return ev.Kind == chat.EventMessages && ev.Epoch == read.Epoch }); i >= 0 {
			heard = f.parked[i].Seq
		}
		return upTo(0, func(e chat.Entry) bool {
			return e.Seq >= heard || e.JSON != "" && codec.Timestamp(e.JSON) >= f.blindSince
		})
	case read.Epoch == f.pos.Epoch:
		return upTo(0, func(e chat.Entry) bool { return e.Seq > f.pos.Seq })
	default:
		// Another count. Messages that survived of the one before, in front of all that members have received and older than
		// that, are from before they came in.
		before := slices.IndexFunc(all, func(e chat.Entry) bool {
			return e.JSON != "" && h.seen.wasOldest(h.keyOf(e.JSON), codec.Timestamp(e.JSON))
		})
		return upTo(max(before, 0), func(e chat.Entry) bool {
			if e.JSON == "" || e.Seq > read.Begun {
				return e.Seq > read.Begun
			}
			k, ts := h.keyOf(e.JSON), codec.Timestamp(e.JSON)
			return !h.seen.foundOlder(k) && (h.hasHad(e.JSON, now) || !h.seen.older(ts))
		})
	}
}

// lostClear is up to which number of a history that goes on from another epoch the last clear has to be made again.
// Then the store has gone back to data that know nothing of it. 0: it need not. Where these count as the clear did, or
// as the members do, who stand in epoch at, its number is a bound. But the store may have gone on, under numbers that
// were cleared, before anybody noticed. So messages sent later stay, unless members received them.
func (h *had) lostClear(read *chat.History, at string, now int64) (upTo uint64) {
	last, bound, had := h.recalls.clear(), read.Begun, h.hasHad
	switch {
	case read.Before == "" || read.Epoch == at:
		return 0
	case read.Before == at:
		bound = min(bound, h.recalls.cleared)
	case last == nil || last.Purge.UpTo.Seq > 0 && read.Cleared == last.Purge.UpTo.Seq || slices.ContainsFunc(read.Recalls, func(ev chat.Event) bool {
		return isClear(ev) && ev.Purge.Until >= last.Purge.Until
	}):
		return 0
	case read.Before == last.Purge.UpTo.Epoch:
		bound = min(bound, last.Purge.UpTo.Seq)
	default: // their messages may have been sent in front of it or behind
		had = func(string, int64) bool { return false }
	}
	if last == nil {
		return bound
	}
	if len(read.Entries) > 0 {
		upTo = min(bound, read.Entries[0].Seq-1) // the messages that were not read are older
	}
	for _, e := range read.Entries {
		if e.Seq <= bound && e.JSON != "" && (codec.Timestamp(e.JSON) <= last.Purge.Until || had(e.JSON, now)) {
			upTo = e.Seq
		}
	}
	return upTo
}
