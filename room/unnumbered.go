package room

import "barrage/codec"

// This file is rooms that original FastIM nodes write to as well. Nobody gives numbers there, and equal
// messages are several: a message is one event, and one place in the list.

// arriveUnnumberedLocked takes an event: a new message, or one that was taken back. r.mu must be held.
func (r *Room) arriveUnnumberedLocked(ev codec.Event) {
	f := &r.follower
	if ev.Kind == codec.EventRecall {
		if r.newest.remove(func(e codec.Entry) bool { return e.JSON == ev.Messages[0] }) {
			f.pos.Total = max(f.pos.Total, 1) - 1 // it is the list's length
			f.pos.Seq = f.pos.Total
			r.changedLocked()
			r.lagLocked()
		}
		return
	}
	if f.reading != following {
		f.hold(ev)
		return
	}
	r.giveUnnumberedLocked(ev.Messages)
}

// giveUnnumberedLocked gives the members messages that are new by their place. r.mu must be held.
func (r *Room) giveUnnumberedLocked(messages []string) {
	if len(messages) == 0 {
		return
	}
	entries := make([]codec.Entry, len(messages))
	for i, m := range messages {
		r.follower.pos.Seq++
		r.follower.pos.Total++
		entries[i] = codec.Entry{Seq: r.follower.pos.Seq, JSON: m}
	}
	r.hall.stats.accepted.Add(uint64(len(entries)))
	r.fanOutLocked(entries)
}

// catchUpUnnumberedLocked brings the members to the history now: news is what stands behind what they
// have, then what waited and does not stand there. r.mu must be held.
func (r *Room) catchUpUnnumberedLocked(now *codec.History) {
	f := &r.follower
	fresh := texts(now.Entries)
	switch f.reading {
	case unread, blind:
		fresh = nil
	default:
		fresh = fresh[overlap(texts(r.newest.entries), fresh):]
	}
	var waited []string
	for _, ev := range f.held {
		waited = append(waited, ev.Messages...)
	}
	blindly := f.reading == blind
	f.caughtUp(now.Position)
	f.pos.Seq -= uint64(len(fresh))
	f.pos.Total -= uint64(len(fresh))
	before := texts(now.Entries)
	known := prefix(before, waited)
	if blindly { // what came since the room's events come is news, in the list or not
		f.pos.Seq -= uint64(known)
		f.pos.Total = f.pos.Seq
		known = 0
	}
	r.giveUnnumberedLocked(fresh)
	r.newest.set(now.Entries, nil)
	r.giveUnnumberedLocked(waited[known:])
	r.changedLocked()
	r.tellPlaceLocked()
}

func texts(entries []codec.Entry) []string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.JSON
	}
	return all
}

// overlap is the place in list behind which everything is news to a reader who knows known: where the longest
// run of known ends, of equally long ones the newest of known, then the last in list. What the reader has behind
// it was taken back meanwhile. 0 where nothing is known.
func overlap(known, list []string) int {
	best, length := 0, 0
	for last := len(known); last > length; last-- {
		for end := range len(list) + 1 {
			n := tailOf(known[:last], list[:end])
			if n > length || n == length && n > 0 && best < end && last == len(known) {
				best, length = end, n
			}
		}
	}
	return best
}

// prefix is how many of waited's first texts list ends with, the most that do.
func prefix(list, waited []string) int {
	for n := min(len(waited), len(list)); n > 0; n-- {
		if tailOf(list, waited[:n]) == n {
			return n
		}
	}
	return 0
}

// tailOf is how many texts at the end of a and b are the same.
func tailOf(a, b []string) (n int) {
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
