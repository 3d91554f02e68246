package room

import (
	"context"
	"errors"
	"math"
	"slices"

	"barrage/codec"
)

// maxFetch bounds the messages that one read of the history brings; more than that were missed
// for good. It is what a member could be given in a second or two.
const maxFetch = 2000

// RoomEvent takes what the store tells of a room. It never blocks. An event may come more than once: as
// the answer to whoever caused it, and from the store.
func (h *Hall) RoomEvent(id string, ev codec.Event) {
	r := h.lookup(id)
	if r == nil {
		return // the last member left; the subscription is about to go
	}
	r.mu.Lock()
	defer r.unlock()
	if ev.Kind == codec.EventCounters {
		r.standing = ev.Counters
		r.counted++
		return
	}
	r.heardAt = h.coarse.Load()
	switch {
	case ev.Kind == codec.EventLook:
		r.follower.look()
		r.lagLocked()
	case ev.Epoch == "":
		r.arriveUnnumberedLocked(ev)
	default:
		if ev.Kind == codec.EventMessages && codec.BatchOf(ev.Tip) == r.outbox.flight.id { // its answer is slow, or lost
			r.outbox.met(ev.Epoch, entriesOf(&ev), h.keyOf)
			if r.follower.fits(&ev) == fitsNot {
				r.setEarlyLocked(append(r.follower.early, ev))
			}
			r.linkLocked()
		}
		r.arriveLocked(&ev, false)
	}
}

// Recalled takes the store's answer to a recall that this node asked for: its members know before whoever
// asked. It never blocks.
func (h *Hall) Recalled(id string, ev codec.Event) {
	if r := h.lookup(id); r != nil {
		r.mu.Lock()
		defer r.unlock()
		r.arriveLocked(&ev, true)
	}
}

// Resumed tells that events may have been missed: every live room looks into the
// store. What follows exactly goes on meanwhile.
func (h *Hall) Resumed() {
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.unlock()
		r.lagLocked()
	})
}

// lagLocked has a publisher read what the room lacks. r.mu must be held.
func (r *Room) lagLocked() {
	r.follower.lag()
	if r.follower.wants() {
		r.enqueueLocked()
	}
}

// entriesOf is the messages of an event.
func entriesOf(ev *codec.Event) []codec.Entry {
	entries := make([]codec.Entry, len(ev.Messages))
	for i, m := range ev.Messages {
		entries[i] = codec.Entry{Seq: ev.Seq + uint64(i), JSON: m}
	}
	return entries
}

// arriveLocked is the only way in for what changed a room in the store, by an event or as the answer to
// what this node asked for. A message that does not follow waits for the history; that of an answer does
// not, since its event comes too. A recall is done at once, wherever the room stands. r.mu must be held.
func (r *Room) arriveLocked(ev *codec.Event, answer bool) {
	if ev.Kind == codec.EventRecall {
		r.recallLocked(ev, r.follower.pos, answer)
	}
	switch r.follower.fits(ev) {
	case fitsNext:
		r.follower.pos = ev.After(r.follower.pos)
		if ev.Kind == codec.EventMessages {
			r.hall.stats.accepted.Add(r.giveLocked(entriesOf(ev), r.hall.coarse.Load()))
		}
		r.changedLocked() // the total, if nothing else
		r.setEarlyLocked(r.follower.early)
	case fitsOld:
		// Passed before, or of a count that has gone back and has not come so far again.
		again := ev.Rev == r.follower.pos.Rev && ev.Tip == r.follower.pos.Tip // nearly always: its answer was here first
		if !again && !answer && ev.Kind == codec.EventMessages && !r.hadLocked(ev) {
			r.hall.stats.gaps.Add(1)
			r.lagLocked()
		}
	case fitsNot:
		if answer {
			r.setEarlyLocked(append(r.follower.early, *ev))
			return
		}
		if r.follower.reading == following {
			r.hall.stats.gaps.Add(1)
		}
		r.follower.hold(*ev)
		r.lagLocked()
	case fitsAside:
	}
}

// hadLocked reports whether members have had all messages of an event. r.mu must be held.
func (r *Room) hadLocked(ev *codec.Event) bool {
	return !slices.ContainsFunc(ev.Messages, func(m string) bool { return !r.hadMessageLocked(m) })
}

// hadMessageLocked reports whether members have had a message. r.mu must be held.
func (r *Room) hadMessageLocked(json string) bool {
	return r.seen.has(r.hall.keyOf(json), codec.Timestamp(json), r.hall.coarse.Load())
}

// giveLocked gives the members those of entries that they have not had, in order, and returns how many
// that were. at is when they were sent, in hall.coarse, readLate where nobody knows. Entries without JSON were taken
// back. It is the only place from which messages with keys are fanned out (I1). r.mu must be held.
func (r *Room) giveLocked(entries []codec.Entry, at int64) (given uint64) {
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
			isNew = r.seen.add(r.hall.keyOf(e.JSON), codec.Timestamp(e.JSON), at, now)
		}
		if isNew {
			continue
		}
		flush(i)
		from = i + 1
		if e.Seq == 0 {
			continue // its sender came back and said it again
		}
		switch {
		case e.JSON == "":
		case r.wasRecalledLocked(e.JSON):
			r.recallLostLocked(e.JSON) // the store lost both, and its sender's node has brought it back
		default:
			r.storedLocked(e)
		}
		r.nativesLocked(func(st *stream) { st.pass(r.follower.pos.Epoch, e.Seq) })
	}
	flush(len(entries))
	r.nativesLocked((*stream).land)
	return given
}

// storedLocked puts a message that members had already to those that the store has. r.mu must be held.
func (r *Room) storedLocked(e codec.Entry) {
	k := r.hall.keyOf(e.JSON)
	r.newest.stored(e, func(o codec.Entry) bool { return r.hall.keyOf(o.JSON) == k })
}

// setEarlyLocked replaces the answers that did not follow, less those that the room has passed. r.mu must be held.
func (r *Room) setEarlyLocked(early []codec.Event) {
	had := len(r.follower.early) > 0
	r.follower.setEarly(early)
	switch has := len(r.follower.early) > 0; {
	case has && !had:
		r.hall.stats.awaiting.Add(1)
	case had && !has:
		r.hall.stats.awaiting.Add(-1)
	}
}

// load makes the room ready for its first member.
func (r *Room) load(ctx context.Context) error {
	if r.isLoaded() {
		return nil
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	if r.isLoaded() {
		return nil
	}
	// The hall's context, not the caller's: others wait for this load too.
	hctx, cancel := context.WithTimeout(r.hall.ctx, r.hall.cfg.StoreTimeout)
	defer cancel()
	if r.hall.away.Load() {
		cancel() // wait for nothing; the wish to hear of the room stands all the same
	}
	err := r.hall.store.SubscribeRoom(hctx, r.id)
	if err == nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = r.fetch(hctx)
	}
	if err != nil && !errors.Is(err, codec.ErrRefused) {
		r.loadBlind()
		return nil
	}
	return err
}

// loadBlind lets members into a room whose history cannot be read now. r.mu must not be
// held.
func (r *Room) loadBlind() {
	r.mu.Lock()
	defer r.unlock()
	r.follower.reading, r.follower.blindSince = blind, r.hall.cfg.Clock.Now().UnixMilli()
	r.becomeCutLocked()
	if !r.hall.away.Load() { // the store answers others, or Back has been here already
		r.becomeReturningLocked()
	}
}

func (r *Room) isLoaded() bool {
	r.mu.Lock()
	defer r.unlock()
	return r.follower.reading != unread
}

// fetch reads the room's history and brings the room up to it: what members have
// not had is delivered, then the events that came meanwhile. Loading, filling a gap
// and filling up after recalls are all this.
func (r *Room) fetch(ctx context.Context) error {
	h := r.hall
	r.mu.Lock()
	r.follower.begin()
	at, told, goneBack := r.follower.pos, r.follower.farthest(), r.follower.goneBack()
	fromNothing := r.follower.reading != unread && at.Epoch == "" // blind, or the room never had a message
	r.unlock()

	from := at
	from.Seq = max(at.Seq, 1) - 1 // with the newest message that members have: it tells whether it is the same count
	now, err := r.read(ctx, from, fromNothing)
	if err == nil && now.Epoch == at.Epoch && (now.Rev < told || r.contradicts(&now)) {
		now, err = r.read(ctx, goneBack, fromNothing)
	}
	r.mu.Lock()
	defer r.unlock()
	if err != nil {
		h.stats.fetchErrors.Add(1)
		return err
	}
	r.reachedLocked()
	if now.Epoch == codec.Unnumbered {
		r.catchUpUnnumberedLocked(&now)
	} else {
		r.catchUpLocked(&now)
	}
	r.linkLocked()
	if r.follower.wants() { // something came while the history was read
		r.enqueueLocked()
	}
	return nil
}

// contradicts reports whether the history has another message under a number that members have passed: the store
// has gone back, and has come as far again. r.mu must not be held.
func (r *Room) contradicts(now *codec.History) bool {
	r.mu.Lock()
	defer r.unlock()
	f := &r.follower
	if f.reading == unread || f.reading == blind || now.Epoch == "" || now.Epoch == codec.Unnumbered {
		return false
	}
	return slices.ContainsFunc(now.Entries, func(e codec.Entry) bool {
		switch {
		case e.Seq < f.from || e.Seq > f.pos.Seq:
			return false
		case e.JSON == "":
			return !r.explainedLocked(e.Seq, now)
		}
		return !r.hadMessageLocked(e.JSON)
	})
}

// explainedLocked reports whether the message that members had under a number of the history may be the one that was
// taken back there. r.mu must be held.
func (r *Room) explainedLocked(seq uint64, now *codec.History) bool {
	i := slices.IndexFunc(r.newest.entries, func(e codec.Entry) bool { return e.Seq == seq })
	if i < 0 || len(now.Recalls) == 0 { // not at hand, or the log of recalls is lost
		return true
	}
	k := r.hall.keyOf(r.newest.entries[i].JSON)
	return slices.ContainsFunc(now.Recalls, func(ev codec.Event) bool { return r.hall.keyOf(ev.Messages[0]) == k })
}

// read reads the history. fromNothing says that members wait who know no place in it: all may be news.
func (r *Room) read(ctx context.Context, known codec.Position, fromNothing bool) (codec.History, error) {
	r.hall.stats.fetches.Add(1)
	newest := r.newest.most
	switch {
	case fromNothing:
		newest = maxFetch
	case r.hall.cfg.NoLocal:
		newest *= 2 // all that members are known to have had, see missing
	}
	return r.hall.store.Read(ctx, r.id, known, newest, max(maxFetch, newest))
}

// catchUpLocked brings the members to the history now. r.mu must be held.
func (r *Room) catchUpLocked(now *codec.History) {
	f := &r.follower
	at, sameCount := f.pos, now.Epoch == f.pos.Epoch
	r.outbox.met(now.Epoch, now.Entries, r.hall.keyOf)
	for i := range now.Recalls {
		r.recallLocked(&now.Recalls[i], now.Position, false)
	}
	r.dropRecalledLocked(sameCount, now)
	if f.reading == unread && slices.ContainsFunc(now.Entries, func(e codec.Entry) bool { return e.JSON == "" && !r.recalls.number(e.Seq) }) {
		r.recalls.dropped = now.Position // the log of recalls is lost, or has not so many
	}
	if f.reading == unread && len(now.Entries) < r.newest.most { // it is all there is
		r.seen.begin()
	}
	had := r.hadUpToLocked(now)
	for _, e := range now.Entries[:had] {
		if e.JSON != "" {
			r.seen.note(r.hall.keyOf(e.JSON), codec.Timestamp(e.JSON), 0)
		}
	}
	if f.reading != unread {
		r.missBeforeLocked(now, had)
	}
	var later []codec.Entry
	if sameCount && now.Rev < at.Rev { // what follows came while the history was read
		now.Position, later = at, r.newest.behind(now.Seq)
	}
	if len(now.Entries) > 0 && (!sameCount || f.from == 0 || now.Entries[0].Seq < f.from) {
		f.from = now.Entries[0].Seq
	}
	held := f.caughtUp(now.Position)
	r.hall.stats.accepted.Add(r.giveLocked(now.Entries[had:], readLate))
	r.newest.set(now.Entries, later)
	r.changedLocked()
	r.tellPlaceLocked()
	// Answers of another count are in the history that was read, or lost.
	r.setEarlyLocked(slices.DeleteFunc(slices.Clone(f.early), func(ev codec.Event) bool { return ev.Epoch != now.Epoch }))
	for i := range held {
		r.arriveLocked(&held[i], false)
	}
}

// missBeforeLocked notes what lies between the place of the members and the first news of the history, and is not
// to be had. r.mu must be held.
func (r *Room) missBeforeLocked(now *codec.History, had int) {
	from := r.follower.pos.Seq + 1
	switch {
	case r.follower.reading == blind: // nobody knows from where on; that all which is there is news says that there was more
		if from = now.Seq - min(now.Total, now.Seq) + 1; had > 0 || len(now.Entries) == 0 {
			return
		}
	case now.Epoch != r.follower.pos.Epoch:
		r.hall.stats.epochs.Add(1)
		from = min(from, now.Begun+1)
	}
	to := now.Seq + 1
	switch {
	case had < len(now.Entries):
		to = now.Entries[had].Seq
	case had > 0:
		return
	}
	if from < to {
		r.hall.stats.missed.Add(to - from)
		r.nativesLocked(func(st *stream) { st.lose(now.Epoch, from, to-1) })
	}
}

// hadUpToLocked is how many of the history's entries, the oldest ones, are no news: members have had them, or
// they are from before they came in. r.mu must be held.
func (r *Room) hadUpToLocked(now *codec.History) int {
	f := &r.follower
	all := now.Entries
	upTo := func(isNews func(codec.Entry) bool) int {
		if i := slices.IndexFunc(all, isNews); i >= 0 {
			return i
		}
		return len(all)
	}
	switch {
	case f.reading == unread:
		return len(all)
	case f.reading == blind: // news is what was sent since, and what came since the room's events come
		heard := uint64(math.MaxUint64)
		if i := slices.IndexFunc(f.held, func(ev codec.Event) bool { return ev.Kind == codec.EventMessages && ev.Epoch == now.Epoch }); i >= 0 {
			heard = f.held[i].Seq
		}
		return upTo(func(e codec.Entry) bool {
			return e.Seq >= heard || e.JSON != "" && codec.Timestamp(e.JSON) >= f.blindSince
		})
	case now.Epoch == f.pos.Epoch:
		return upTo(func(e codec.Entry) bool { return e.Seq > f.pos.Seq })
	default:
		// Another count. What survived of the one before, in front of all that members have had and
		// older than that, is from before they came in.
		return upTo(func(e codec.Entry) bool {
			return e.Seq > now.Begun || e.JSON != "" && (r.hadMessageLocked(e.JSON) || !r.seen.older(codec.Timestamp(e.JSON)))
		})
	}
}

// dropRecalledLocked takes out of the history what this node knows to be taken back and the store shows
// again, and takes back what the store shows no more. r.mu must be held.
func (r *Room) dropRecalledLocked(sameCount bool, now *codec.History) {
	for i, e := range now.Entries {
		if e.JSON == "" {
			if sameCount {
				r.missedRecallLocked(e.Seq, now)
			}
			continue
		}
		if r.wasRecalledLocked(e.JSON) {
			r.recallLostLocked(e.JSON)
			now.Entries[i].JSON = ""
		}
	}
}

// wasRecalledLocked reports whether this node knows that a message was taken back lately. r.mu must be held.
func (r *Room) wasRecalledLocked(json string) bool {
	return len(r.recalls.ts) > 0 && r.recalls.has(r.hall.keyOf(json), codec.Timestamp(json))
}

// recallLostLocked has a publisher take back once more what the store shows again. r.mu must be held.
func (r *Room) recallLostLocked(json string) {
	if husk, ok := codec.Husk(json); ok && !slices.Contains(r.recalls.lost, husk) {
		r.recalls.lost = append(r.recalls.lost, husk)
		r.enqueueLocked()
	}
}

// missedRecallLocked takes message seq back, of which only the gap in the history tells. r.mu must be held.
func (r *Room) missedRecallLocked(seq uint64, now *codec.History) {
	i := slices.IndexFunc(r.newest.entries, func(e codec.Entry) bool { return e.Seq == seq })
	if i < 0 {
		return
	}
	if husk, ok := codec.Husk(r.newest.entries[i].JSON); ok {
		r.recallLocked(&codec.Event{Kind: codec.EventRecall, Epoch: now.Epoch, Seq: seq, Total: now.Total, Messages: []string{husk}}, now.Position, true)
	}
}
