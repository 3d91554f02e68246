package room

import (
	"slices"
	"strconv"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is what rooms do for members that speak barrage.v1 (docs/protocol.md).

// The codes of outcomes.
const (
	// CodeExpired: the store was away for too long, and does not have it.
	CodeExpired = "expired"
	// CodeUnconfirmed: the store was away for too long, and may have it or not. Sent again under the same id it is stored
	// once.
	CodeUnconfirmed = "unconfirmed"
	// CodeStore: the store refused it.
	CodeStore = "store_refused"
	// CodeBusy: too many messages wait.
	CodeBusy = "busy"
	// CodeRateLimited: its sender sends too much; see Outcome.Wait.
	CodeRateLimited = "rate_limited"
)

// unlock unlocks r.mu and gives authors the outcomes that were noted under it. The work that Hall.Flush waits for ends
// here. So its effects are counted before, a lane's turn or an answer that waits for its event.
func (r *Room) unlock() {
	o := &r.outbox
	ended := o.over
	o.over = over{}
	if awaits := len(r.follower.early) > 0; awaits != r.awaits {
		r.awaits = awaits
		if awaits {
			r.hall.stats.awaiting.Add(1)
		} else {
			r.hall.stats.awaiting.Add(-1)
		}
	}
	r.mu.Unlock()
	ended.notify(o.tally)
	if acked := r.hall.cfg().Timings.Acked; acked != nil {
		if i := slices.IndexFunc(ended.settled, func(a settled) bool { return a.outcome.Code == "" }); i >= 0 {
			acked(r.hall.since(r.hall.cfg().Clock.Now()) - ended.settled[i].at)
		}
	}
}

// localEpoch is the epoch of messages that members received before the store. r.mu must be held.
func (r *Room) localEpoch() string {
	return chat.LocalEpoch + r.hall.node + "-" + strconv.Itoa(r.locals)
}

// Welcome is what a native member receives first.
type Welcome struct {
	// Position is where the member stands; messages behind it come by themselves.
	chat.Position
	chat.Counters
	// Recovered: Messages are all that the member missed since the position it named.
	// Else they are the newest.
	Recovered bool
	// Messages are oldest first.
	Messages []chat.Entry
	// Modes are the room's, as a JSON object.
	Modes string
	// Recalled are recalls of the last time, oldest first, where the member comes back: it may have missed them. Taken are
	// frames that notify it of what else was taken away: they follow the welcome. Where there may have been more than
	// these name, it is asked to show nothing of before.
	Recalled []chat.Event
	Taken    []string
}

// Since is where a member that comes back has got. The zero value: it begins.
type Since struct {
	Epoch string
	Seq   uint64
	// TS is the timestamp of message Seq. It proves that the number still means the same message: without it
	// nothing but Seq 0 is a place to go on from.
	TS int64
}

// cleared is up to where a member that comes back into an epoch has to show nothing any more. The cause is a clear that
// it may have missed. Within one epoch the modes show those. It received those of earlier epochs before it received its
// own epoch.
func (s Since) cleared(ev chat.Event, now string) (at chat.Place, missed bool) {
	switch generation := chat.Generation(s.Epoch); {
	case s.Epoch == now || chat.Generation(ev.Epoch) < generation:
		return chat.Place{}, false
	case ev.Epoch == s.Epoch:
		return ev.Purge.UpTo, s.Seq <= ev.Purge.UpTo.Seq // a member that had a message behind it was notified
	case generation == 0 || ev.Epoch == now:
		return ev.Purge.UpTo, true
	default: // of an epoch between these, which it does not know: nothing that it received is left
		return chat.Place{Epoch: s.Epoch, Seq: s.Seq}, true
	}
}

// receives reports whether a clear notifies a member that comes back of all that it received before. It does where no
// epoch of the member's is later, as far as its place says.
func (s Since) receives(was *chat.Event) bool {
	return chat.Generation(s.Epoch) <= chat.Generation(was.Epoch)
}

// MaxResume is how many messages a member that comes back may have missed; one that missed more
// begins anew.
const MaxResume = 1000

// Lacks reports whether a member that comes back with since needs more than the room has at hand. Then the caller reads
// the history from message since.Seq on, at most [MaxResume] and one, for [Room.EnterNative].
func (r *Room) Lacks(since Since) bool {
	r.mu.Lock()
	defer r.unlock()
	return r.resumesLocked(since) && r.follower.pos.Seq-since.Seq <= MaxResume && !r.newest.covers(since.Seq)
}

// IsBehind reports whether a member that comes back with since may have received more than the room. Then a message is
// on its way to this node, which another one has given to its members already, or the store has gone back.
func (r *Room) IsBehind(since Since) bool {
	r.mu.Lock()
	defer r.unlock()
	pos := r.follower.pos
	return !r.hall.away.Load() && !r.isLocalLocked() && since.TS != 0 && since.Epoch != "" && since.Epoch == pos.Epoch && since.Seq > pos.Seq
}

// ReadOn has the room read its history, if read, which was just read from since.Seq on, has the message that the member
// received last. It reports whether, and does not wait for that. Where far more is new it does not. The events may be
// on their way still, and messages that one read does not bring would be lost.
func (r *Room) ReadOn(since Since, read chat.History) bool {
	r.mu.Lock()
	defer r.unlock()
	pos := r.follower.pos
	if read.Epoch != pos.Epoch || read.Seq < pos.Seq || read.Seq-pos.Seq > MaxResume || !slices.ContainsFunc(read.Entries, func(e chat.Entry) bool {
		return e.Seq == since.Seq && e.JSON != "" && codec.Timestamp(e.JSON) == since.TS
	}) {
		return false
	}
	r.follower.look() // a read that is under way may have begun before
	r.lagLocked()
	return true
}

// resumesLocked reports whether since can be a place in what the room follows. r.mu must be held.
func (r *Room) resumesLocked(since Since) bool {
	pos := r.follower.pos
	return !r.isLocalLocked() && since.Epoch != "" && since.Epoch == pos.Epoch && since.Seq <= pos.Seq &&
		(since.TS != 0 || since.Seq == 0) && !r.recalls.lacks(since, pos.Epoch)
}

// EnterNative is [Room.Enter] for a member that speaks barrage.v1. read is what the history has from since.Seq
// on, where [Room.Lacks] asked for it.
func (r *Room) EnterNative(m *Member, s Socket, f Encoding, since Since, read chat.History) Welcome {
	r.mu.Lock()
	defer r.unlock()
	a := Welcome{Position: r.positionLocked(), Modes: r.modesLocked()}
	r.enterLocked(m, s, f)
	a.Counters = r.countersLocked()
	st := r.streams[f]
	if st.members == 1 {
		st.epoch, st.next, st.jump, st.counters = a.Epoch, a.Seq+1, false, a.Counters
		st.seqs.begin(st.epoch, st.log.count(), st.next)
	}
	a.Epoch, a.Seq = st.epoch, st.next-1 // the next frame goes on from here
	told := true
	if since.Epoch != "" {
		var events []chat.Event
		if events, told = newestRecalls(r.recalls.events.inOrder()); !told || r.recalls.lacks(since, r.follower.pos.Epoch) {
			had := chat.Place{Epoch: since.Epoch, Seq: since.Seq}
			if had.Epoch == a.Epoch {
				had.Seq = min(had.Seq, a.Seq) // a store that has gone back gives the numbers behind it again
			}
			a.Taken = []string{codec.ClearedText(had)}
		}
		for i, ev := range events {
			switch {
			case ev.Kind == chat.EventRecall:
				a.Recalled = append(a.Recalled, ev)
			case !isClear(ev):
				a.Taken = append(a.Taken, codec.PurgedText(ev.Purge))
			case slices.ContainsFunc(events[:i], func(was chat.Event) bool { return since.receives(&was) && madeAgain(&was, &ev) }):
				// The first one notifies it of that: messages that it has received since then stay.
			default:
				if at, missed := since.cleared(ev, a.Epoch); missed {
					a.Taken = append(a.Taken, codec.ClearedText(at))
				}
			}
		}
	}
	if a.Messages, a.Recovered = r.resumeLocked(since, read); !a.Recovered || !told {
		a.Messages, a.Recovered = r.newest.last(r.hall.cfg().OnJoin), false
	}
	a.Messages = append([]chat.Entry(nil), a.Messages...)
	return a
}

// newestRecalls are those that fit into recallBytes; all says that these are all.
func newestRecalls(events []chat.Event) (newest []chat.Event, all bool) {
	from, size := len(events), 0
	for from > 0 {
		if size += takingBytes(&events[from-1]); size > recallBytes {
			break
		}
		from--
	}
	return events[from:], from == 0
}

// takingBytes is about how large an event is as JSON that takes messages away.
func takingBytes(ev *chat.Event) int {
	if ev.Kind == chat.EventPurge {
		return len(codec.PurgedText(ev.Purge))
	}
	return len(ev.Messages[0])
}

// resumeLocked is all that came behind since; ok is false where that cannot be known. r.mu
// must be held.
func (r *Room) resumeLocked(since Since, read chat.History) (missed []chat.Entry, ok bool) {
	pos := r.follower.pos
	if !r.resumesLocked(since) {
		return nil, false
	}
	if pos.Seq == 0 {
		return nil, true
	}
	all := r.newest.entries
	if !r.newest.covers(since.Seq) {
		n := len(read.Entries)
		if read.Epoch != pos.Epoch || read.Cut || n == 0 || n > MaxResume && read.Entries[n-1].Seq != read.Seq || !r.newest.covers(read.Seq+1) {
			return nil, false
		}
		all = slices.Concat(read.Entries, r.newest.behind(read.Entries[n-1].Seq))
		all = slices.DeleteFunc(all, func(e chat.Entry) bool { return e.Seq > pos.Seq }) // they come by themselves
	}
	if len(all) == 0 || all[0].Seq > since.Seq+1 {
		return nil, false // the messages behind it are not there any more, or were taken back: nobody knows
	}
	for len(all) > 0 && all[0].Seq < since.Seq {
		all = all[1:]
	}
	proved := since.Seq == 0 || r.recalls.names(pos.Epoch, since.Seq, since.TS)
	if len(all) > 0 && all[0].Seq == since.Seq {
		proved = codec.Timestamp(all[0].JSON) == since.TS // else another message has its number: the store has gone back
		all = all[1:]
	}
	if len(read.Entries) > 0 { // some may have been taken back since the history was read
		all = slices.DeleteFunc(slices.Clone(all), func(e chat.Entry) bool { return r.takenBy(e, pos.Epoch) != nil })
	}
	return all, proved && bytesOf(all) <= resumeBytes
}

// Place is the epoch in which a native member counts, and where the room stands in the store as far as the node knows.
// The latter is the zero value where the node does not know it.
func (r *Room) Place(m *Member) (epoch string, known chat.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return m.part.stream.epoch, r.follower.known()
}

// Position is where a room stands in the store, as far as the node knows.
func (h *Hall) Position(id string) chat.Position {
	r := h.lookup(id)
	if r == nil {
		return chat.Position{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.follower.known()
}

// stampLocked is the timestamp of message seq of epoch, 0 where the room does not have it at hand. r.mu must be held.
func (r *Room) stampLocked(epoch string, seq uint64) int64 {
	e, ok := r.newest.at(seq)
	if !ok || epoch != r.follower.pos.Epoch {
		return 0
	}
	return codec.Timestamp(e.JSON)
}

// nativesLocked calls f for each native stream that has members. r.mu must be held.
func (r *Room) nativesLocked(f func(*stream)) {
	for _, st := range r.streams[Native:] {
		if st != nil && st.members > 0 {
			f(st)
		}
	}
}

// sendPlaceLocked sends native members where the room stands, if they believe something
// else. r.mu must be held.
func (r *Room) sendPlaceLocked() {
	if !r.isLocalLocked() {
		r.nativesLocked(func(st *stream) { st.place(r.follower.pos.Epoch, r.follower.pos.Seq) })
	}
}

// sendCountersLocked sends native members what the room counts, if that has changed. r.mu
// must be held.
func (r *Room) sendCountersLocked() {
	r.nativesLocked(func(st *stream) {
		if now := r.countersLocked(); st.counters != now {
			st.counters = now
			st.control(codec.CountersText(now))
		}
	})
}

// SendNative puts text, a frame of barrage.v1 that is no message, before every native member
// of every room.
func (h *Hall) SendNative(text string) {
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nativesLocked(func(st *stream) { st.control(text) })
	})
}
