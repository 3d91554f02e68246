package room

import (
	"slices"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is rooms that original FastIM nodes write to as well. Nobody gives numbers there, and equal
// messages are several: a message is one event, and one place in the list.
//
// An original node puts a message into the list first and publishes it then. So a read of the list may have it
// before its event comes: promised has such messages, and their events are passed over. Where several are equal,
// nobody knows which of their events were lost: the list is read once more, and its length shows it.

// promises are messages that a room has from the history, and whose events may still come.
type promises struct {
	of    map[string]promise
	until int64 // hall.coarse when they are over
}

// promise is how often an event with a text may come, and how often the list has that text.
type promise struct{ left, all int }

const (
	// promisedFor is for how many seconds after a read its messages' events may still come. On a machine with fourteen
	// busy programs on two cores they came after more than 3.
	promisedFor = 15
	// maxPromised bounds how many are kept: beyond that those of earlier reads go.
	maxPromised = 2 * maxFetch
)

// add notes messages of a list at a time. They are known by what all nodes show of them.
func (p *promises) add(messages []string, list []chat.Entry, now int64) {
	if now > p.until || len(p.of)+len(messages) > maxPromised {
		p.of = nil
	}
	if len(messages) == 0 {
		return
	}
	if p.of == nil {
		p.of = make(map[string]promise, len(messages))
	}
	times := make(map[string]int, len(list))
	for _, t := range texts(list) {
		times[t]++
	}
	for _, m := range messages {
		t := codec.FastIMText(m)
		p.of[t] = promise{p.of[t].left + 1, times[t]}
	}
	p.until = now + promisedFor
}

// keep reports whether the event of a message, which comes at a time, was promised. The result doubtful says that it
// might be the event of another message with the same text.
func (p *promises) keep(message string, now int64) (promised, doubtful bool) {
	if now > p.until {
		p.of = nil
	}
	text := codec.FastIMText(message)
	was := p.of[text]
	if was.left == 0 {
		return false, false
	}
	p.of[text] = promise{was.left - 1, was.all}
	return true, was.all > 1
}

// arriveUnnumberedLocked takes an event: a new message, or one that was taken back. r.mu must be held.
func (r *Room) arriveUnnumberedLocked(ev chat.Event) {
	f := &r.follower
	if ev.Kind == chat.EventRecall {
		r.sendTakenLocked(ev.Messages[0])
		if r.newest.remove(func(e chat.Entry) bool { return e.JSON == ev.Messages[0] }) {
			f.pos.Total = max(f.pos.Total, 1) - 1 // it is the list's length
			f.pos.Seq = f.pos.Total
			r.changedLocked()
			r.lagLocked()
		}
		return
	}
	if f.reading != following {
		f.park(ev)
		return
	}
	promised, doubtful := r.promised.keep(ev.Messages[0], r.hall.coarse.Load())
	if !promised {
		r.giveUnnumberedLocked(ev.Messages)
	}
	if doubtful {
		r.lagLocked()
	}
}

// giveUnnumberedLocked gives the members messages that are new by their place, and returns them as they are
// counted. r.mu must be held.
func (r *Room) giveUnnumberedLocked(messages []string) []chat.Entry {
	if len(messages) == 0 {
		return nil
	}
	entries := make([]chat.Entry, len(messages))
	for i, m := range messages {
		r.follower.pos.Seq++
		r.follower.pos.Total++
		entries[i] = chat.Entry{Seq: r.follower.pos.Seq, JSON: m}
	}
	r.hall.stats.accepted.Add(uint64(len(entries)))
	r.fanOutLocked(entries)
	return entries
}

// catchUpUnnumberedLocked brings the members to the history now. The new messages are those that stand there and
// members have not received, then those that waited and do not stand there. The lock r.mu must be held.
func (r *Room) catchUpUnnumberedLocked(now *chat.History) {
	f, coarse := &r.follower, r.hall.coarse.Load()
	var fresh []string
	blindly := f.reading == blind
	if blindly || f.reading == unread {
		r.promised.add(texts(now.Entries), now.Entries, coarse)
		for _, e := range now.Entries {
			if blindly && codec.Timestamp(e.JSON) >= f.blindSince {
				fresh = append(fresh, e.JSON)
			}
		}
	} else {
		for _, m := range takenBack(r.newest.entries, now.Entries, f.pos.Seq, r.keyOf) {
			r.sendTakenLocked(m)
		}
		fresh = missing(r.newest.entries, now.Entries, f.pos.Seq, now.Seq)
		r.promised.add(fresh, now.Entries, coarse)
	}
	var later []string
	for _, ev := range f.parked {
		for _, m := range ev.Messages {
			promised, doubtful := r.promised.keep(m, coarse)
			if doubtful {
				f.look()
			}
			switch {
			case !promised:
				later = append(later, m)
			case blindly && codec.Timestamp(m) < f.blindSince: // it came since the room's events come, and is new all the same
				fresh = append(fresh, m)
			}
		}
	}
	f.caughtUp(now.Position)
	f.pos.Seq -= min(f.pos.Seq, uint64(len(fresh)))
	r.giveUnnumberedLocked(fresh)
	f.pos.Seq, f.pos.Total = now.Seq, now.Total
	r.newest.set(now.Entries, r.giveUnnumberedLocked(later))
	r.changedLocked()
	r.sendPlaceLocked()
}

// sendTakenLocked notifies native members that a message was taken back, and those that come back later. r.mu must
// be held.
func (r *Room) sendTakenLocked(message string) {
	husk, ok := codec.Husk(message)
	if !ok {
		return // of a form that no recall can name
	}
	ev := chat.Event{Kind: chat.EventRecall, Messages: []string{husk}}
	r.recalls.add(r.keyOf(husk), ev, r.follower.pos, r.keyOf)
	r.nativesLocked(func(st *stream) { st.recalled(&ev) })
}

// border is the part of what is known in which it begins, one in so many: 64 to 128 messages of 256 to 512. Events come
// in another order than the list has, so neighbours of the first ones may have been known too.
const border = 4

// takenBack are messages of known, of which the last stood at place at, that list, the end of the history, has no more.
// Messages that are gone from in front of all that is left may have been trimmed, unless the whole history was known.
// Where nothing is left of several, Redis has lost them, or they have expired. Of equal messages all have to be gone: a
// recall names them alike.
func takenBack(known, list []chat.Entry, at uint64, keyOf func(string) key) (gone []string) {
	left := make(map[key]bool, len(list))
	for _, e := range list {
		left[keyOf(e.JSON)] = true
	}
	from := slices.IndexFunc(known, func(e chat.Entry) bool { return left[keyOf(e.JSON)] })
	switch whole := at <= uint64(len(known)); {
	case whole && (from >= 0 || len(known) == 1):
		from = 0
	case from < 0:
		return nil
	default:
		from += len(known) / border
	}
	for _, e := range known[min(from, len(known)):] {
		if !left[keyOf(e.JSON)] {
			gone = append(gone, e.JSON)
		}
	}
	return gone
}

// texts are the messages of entries as all nodes show them.
func texts(entries []chat.Entry) []string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = codec.FastIMText(e.JSON)
	}
	return all
}

// missing is what list, the end of a history of so many messages, has and members have not received. They had known
// last, and had come to place at. Messages of known that the list has not were taken back. A message that stands in the
// list before the first of known is older than that. Of equal messages as many are new as the list has more than known,
// from where known began by its places. No more of them are new than the list has grown by. Where known begins nothing
// is new, see border.
func missing(known, list []chat.Entry, at, length uint64) (fresh []string) {
	had := make(map[string]int, len(known))
	for _, text := range texts(known) {
		had[text]++
	}
	all := texts(list)
	from, first := 0, -1
	for i, e := range list {
		if e.Seq+uint64(len(known)) <= at {
			from = i + 1
		}
		if first < 0 && had[all[i]] > 0 {
			first = i
		}
	}
	if first < 0 { // nothing is left of known: younger ones are new
		newest := int64(-1)
		for _, e := range known {
			newest = max(newest, codec.Timestamp(e.JSON))
		}
		for _, e := range list {
			if e.Seq > at || codec.Timestamp(e.JSON) > newest {
				fresh = append(fresh, e.JSON)
			}
		}
		return fresh
	}
	newFrom := max(from, first)
	if at > uint64(len(known)) {
		newFrom += len(known) / border
	}
	var places, again []int // of what is new, and of those that equal what was known
	for i := max(from-len(known)/border, first); i < len(list); i++ {
		n, equal := had[all[i]]
		if n > 0 {
			had[all[i]] = n - 1
			continue
		}
		if i < newFrom {
			continue
		}
		if equal {
			again = append(again, i)
		}
		places = append(places, i)
	}
	surplus := max(0, len(places)-int(max(length, at)-at))
	again = again[:min(surplus, len(again))]
	for _, i := range places {
		if len(again) > 0 && again[0] == i {
			again = again[1:]
			continue
		}
		fresh = append(fresh, list[i].JSON)
	}
	return fresh
}
