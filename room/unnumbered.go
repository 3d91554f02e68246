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
	list := texts(now.Entries)
	var fresh, waited []string
	for _, ev := range f.held {
		waited = append(waited, ev.Messages...)
	}
	switch f.reading {
	case following, behind:
		known := texts(r.newest.entries)
		place, last := overlap(known, list)
		fresh = without(list[place:], known[last:]) // members had those before what stands in front of them
		waited = without(waited, fresh)
	case unread:
		waited = waited[prefix(list, waited):]
	case blind: // what came since the room's events come is news, in the list or not
	}
	f.caughtUp(now.Position)
	f.pos.Seq -= min(uint64(len(fresh)), f.pos.Seq) // they count themselves
	f.pos.Total = f.pos.Seq
	r.giveUnnumberedLocked(fresh)
	f.pos = now.Position
	r.newest.set(now.Entries, nil)
	r.giveUnnumberedLocked(waited) // which came behind what was read
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
// run of known ends, of equally long ones the newest of known, then the last in list. last says how many of known
// stand up to that place. 0 and 0 where nothing is known.
func overlap(known, list []string) (place, last int) {
	length := 0
	for upTo := len(known); upTo > length; upTo-- {
		for end := range len(list) + 1 {
			n := tailOf(known[:upTo], list[:end])
			if n > length || n == length && n > 0 && upTo == last && place < end {
				place, last, length = end, upTo, n
			}
		}
	}
	return place, last
}

// without is list less what is in gone, each as often as it is there.
func without(list, gone []string) (left []string) {
	times := map[string]int{}
	for _, m := range gone {
		times[m]++
	}
	for _, m := range list {
		if times[m] > 0 {
			times[m]--
			continue
		}
		left = append(left, m)
	}
	return left
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
