package room

import (
	"slices"

	"barrage/codec"
	"barrage/internal/chat"
)

// RoomEvent takes an event of a room from the store. It never blocks. An event may come more than once: as
// the answer to whoever caused it, and from the store.
func (h *Hall) RoomEvent(id string, ev chat.Event) {
	r := h.lookup(id)
	if r == nil {
		return // the last member left; the subscription is about to go
	}
	r.mu.Lock()
	defer r.unlock()
	switch ev.Kind {
	case chat.EventCounters:
		r.countLocked(ev.Counters)
		r.counted++
	case chat.EventRules:
		r.changeRulesLocked(ev.Rules)
	case chat.EventHeld:
		if h.cfg().OnHeld != nil {
			held := ev.Held // else each event that comes is moved to the heap, for the pointer
			h.cfg().OnHeld(r, &held, ev.HeldState)
		}
	case chat.EventLook:
		r.lastEvent = h.coarse.Load()
		h.elsewhere.suspect(id)
		r.follower.look()
		r.lagLocked()
	case chat.EventMessages, chat.EventRecall, chat.EventPurge:
		r.lastEvent = h.coarse.Load()
		if ev.Kind == chat.EventMessages {
			r.stormLocked(ev.Storm)
		}
		if ev.Epoch == "" {
			r.arriveUnnumberedLocked(ev)
			return
		}
		if ev.Kind == chat.EventMessages && chat.BatchOf(ev.Tip) == r.outbox.flight.id { // its answer is slow, or lost
			r.metLocked(ev.Epoch, entriesOf(&ev))
			if r.follower.fits(&ev) != fitsNext && !r.hasHadAll(&ev, r.hall.coarse.Load()) {
				r.addEarlyLocked(ev)
			}
			r.linkLocked()
		}
		r.arriveLocked(&ev, false)
	}
}

// Recalled takes the store's answer to a recall that this node asked for: its members know before whoever
// asked. It never blocks.
func (h *Hall) Recalled(id string, ev chat.Event) {
	if h.cfg().OnStored != nil {
		h.cfg().OnStored(id)
	}
	if r := h.lookup(id); r != nil {
		r.mu.Lock()
		defer r.unlock()
		r.arriveLocked(&ev, true)
	}
}

// Resumed is called when events may have been missed: every live room looks into the store. Events that follow exactly
// go on meanwhile.
func (h *Hall) Resumed() {
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.unlock()
		if r.rules.read { // or they are about to be
			r.staleLocked()
		}
		r.lagLocked()
	})
}

// metLocked ends the posts that came from the store as entries of an epoch, unless only its answer counts. r.mu must be
// held.
func (r *Room) metLocked(epoch string, entries []chat.Entry) {
	r.keepAheadLocked()
	if !r.hall.cfg().OnAnswer {
		r.outbox.met(epoch, entries, r.keyOf)
	}
}

// lagLocked has a publisher read what the room lacks. r.mu must be held.
func (r *Room) lagLocked() {
	r.follower.lag()
	if r.follower.wants() {
		r.enqueueLocked()
	}
}

// entriesOf is the messages of an event.
func entriesOf(ev *chat.Event) []chat.Entry {
	entries := make([]chat.Entry, len(ev.Messages))
	for i, m := range ev.Messages {
		entries[i] = chat.Entry{Seq: ev.Seq + uint64(i), JSON: m}
	}
	return entries
}

// arriveLocked is the only way in for what changed a room in the store. Such a change comes by an event, or as the
// answer to what this node asked for. A message that does not follow waits for the history; that of an answer does not,
// since its event comes too. A recall is done at once, wherever the room stands. r.mu must be held.
func (r *Room) arriveLocked(ev *chat.Event, answer bool) {
	if ev.Recalls() {
		r.recallLocked(ev, r.follower.pos, answer)
	}
	switch r.follower.fits(ev) {
	case fitsNext:
		r.follower.pos, r.follower.moved = ev.After(r.follower.pos), r.hall.coarse.Load()
		if ev.Kind == chat.EventMessages {
			r.hall.stats.accepted.Add(r.giveLocked(entriesOf(ev), r.hall.coarse.Load()))
		}
		r.changedLocked() // the total, if nothing else
		r.passEarlyLocked()
	case fitsOld:
		// Passed before, or of a count that has gone back and has not come so far again.
		again := ev.Rev == r.follower.pos.Rev && ev.Tip == r.follower.pos.Tip // nearly always: its answer was here first
		switch {
		case ev.Kind != chat.EventMessages || again && !answer || r.hasHadAll(ev, r.hall.coarse.Load()):
		case answer: // it was stored before, and the history that was read since had it not
			r.addEarlyLocked(*ev)
		default:
			r.hall.stats.gaps.Add(1)
			r.follower.park(*ev)
			r.lagLocked()
		}
	case fitsNot:
		if answer {
			r.addEarlyLocked(*ev)
			return
		}
		if r.follower.reading == following {
			r.hall.stats.gaps.Add(1)
		}
		r.follower.park(*ev)
		r.lagLocked()
	case fitsAside:
	}
}

// giveLocked gives the members those of entries that they have not received, in order. It returns how many that were.
// The argument at is when they were sent at the earliest, in hall.coarse. Entries without JSON were taken back. It is
// the only place from which messages with keys are fanned out (I1). r.mu must be held.
func (r *Room) giveLocked(entries []chat.Entry, at int64) (given uint64) {
	from, now := 0, r.hall.coarse.Load()
	flush := func(to int) {
		if from < to {
			r.fanOutLocked(entries[from:to]) // all of them have numbers, or none
			given += uint64(to - from)
		}
	}
	for i, e := range entries {
		isNew := false
		if e.JSON != "" {
			isNew = r.seen.add(r.keyOf(e.JSON), codec.Timestamp(e.JSON), at, now)
		}
		if isNew && (e.Seq == 0 || r.recalls.purge(e, r.follower.pos.Epoch) == nil) {
			continue
		}
		flush(i)
		from = i + 1
		if e.Seq == 0 {
			continue // its sender came back and sent it again
		}
		if e.JSON != "" {
			if taken := r.takenBy(e, r.follower.pos.Epoch); taken != nil {
				r.recallLostLocked(taken) // the store lost both, and its sender's node has brought it back
			} else {
				r.hasStored(e)
			}
		}
		r.nativesLocked(func(st *stream) { st.goBehind(r.follower.pos.Epoch, e.Seq) })
	}
	flush(len(entries))
	r.nativesLocked((*stream).sendJump)
	return given
}

// addEarlyLocked keeps an answer that does not follow until its event comes, or the history. Where the room has passed
// it, where it is of another epoch and where many wait, the history is read. r.mu must be held.
func (r *Room) addEarlyLocked(ev chat.Event) {
	f := &r.follower
	if ev.Kind == chat.EventMessages { // a recall is done already
		f.setEarly(append(f.early, ev))
	}
	if f.passed(&ev) || ev.Epoch != f.pos.Epoch || len(f.early) >= earlyRead {
		r.lagLocked()
	}
}

// repeatedLocked takes messages that the store had before, see outbox.landFlight; at is where the room stood then.
// Those that members have not received wait for the history. r.mu must be held.
func (r *Room) repeatedLocked(again []chat.Entry, at *chat.Event) {
	for _, e := range again {
		ev := chat.Event{Kind: chat.EventMessages, Epoch: at.Epoch, Rev: at.Rev, Tip: at.Tip, Seq: e.Seq, Messages: []string{e.JSON}}
		if !r.hasHadAll(&ev, r.hall.coarse.Load()) {
			r.addEarlyLocked(ev)
			r.lagLocked()
		}
	}
}

// passEarlyLocked drops the answers that the room has passed, if their messages were given to the members. Messages
// that were not are looked for in the history. r.mu must be held.
func (r *Room) passEarlyLocked() {
	f := &r.follower
	if len(f.early) == 0 {
		return
	}
	lacks := false
	f.setEarly(slices.DeleteFunc(slices.Clone(f.early), func(ev chat.Event) bool {
		if !f.passed(&ev) {
			return false
		}
		had := r.hasHadAll(&ev, r.hall.coarse.Load())
		lacks = lacks || !had
		return had
	}))
	if lacks {
		r.lagLocked()
	}
}
