package room

import (
	"context"
	"errors"
	"slices"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file brings a room up to the history: loading it, filling a gap and filling up after recalls are one mechanism.

// maxFetch bounds the messages that one read of the history brings; more than that were missed
// for good. It is what a member could be given in a second or two.
const maxFetch = 2000

// isLoaded reports whether the room is ready for members.
func (r *Room) isLoaded() bool {
	r.mu.Lock()
	defer r.unlock()
	return r.follower.reading != unread
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
	hctx, cancel := context.WithTimeout(r.hall.ctx, r.hall.cfg().StoreTimeout)
	defer cancel()
	if r.hall.away.Load() {
		cancel() // wait for nothing; the wish to receive the room's events stands all the same
	}
	err := r.hall.store.SubscribeRoom(hctx, r.id)
	if err == nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = r.readRules(hctx)
		if errors.Is(err, chat.ErrRulesLost) {
			err = nil // nothing is stored that was judged without them
		}
	}
	if err == nil && r.id == chat.Everywhere { // it has rules, and no messages
		r.mu.Lock()
		defer r.unlock()
		r.follower.reading = following
		return nil
	}
	if err == nil {
		err = r.fetch(hctx)
	}
	if err != nil && !errors.Is(err, chat.ErrRefused) {
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
	r.follower.reading, r.follower.moved = blind, r.hall.coarse.Load()
	r.follower.blindSince = r.hall.cfg().Clock.Now().UnixMilli()
	r.rules.stale = r.rules.stale || !r.rules.read
	r.becomeCutLocked()
	if !r.hall.away.Load() { // the store answers others, or Back has been here already
		r.becomeReturningLocked()
	}
}

// fetch reads the room's history and brings the room up to it: messages that members lack are delivered, then the
// events that came meanwhile. Loading, filling a gap and filling up after recalls are all this.
func (r *Room) fetch(ctx context.Context) error {
	h := r.hall
	r.mu.Lock()
	r.follower.begin()
	at, told, reach := r.follower.pos, r.follower.lastNamed(r.recalls.events.items), r.follower.reach()
	newest := r.newest.most
	switch {
	case r.follower.reading != unread && at.Epoch == "": // blind, or the room never had a message: all may be new
		newest = maxFetch
	case h.cfg().NoLocal:
		newest *= 2 // all that members are known to have received, see missing
	}
	r.unlock()

	from := at
	// with the newest message that members have: it shows whether it is the same count
	from.Seq = min(max(at.Seq, 1), reach) - 1
	now, err := r.read(ctx, from, newest)
	if err == nil {
		r.mu.Lock()
		gone := now.Rev < told[now.Epoch] || now.Epoch == at.Epoch && r.contradicts(&r.follower, &now, h.coarse.Load())
		r.unlock()
		if gone {
			now, err = r.read(ctx, goneBack(now.Epoch), newest)
		}
	}
	r.mu.Lock()
	defer r.unlock()
	if err != nil {
		h.stats.fetchErrors.Add(1)
		return err
	}
	r.reachedLocked()
	if now.Epoch == chat.Unnumbered {
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

// read reads the history of a room that is known to stand at a place, and at least the newest messages.
func (r *Room) read(ctx context.Context, known chat.Position, newest int) (chat.History, error) {
	r.hall.stats.fetches.Add(1)
	return r.hall.store.Read(ctx, r.id, known, newest, max(maxFetch, newest))
}

// catchUpLocked brings the members to the history now. r.mu must be held.
func (r *Room) catchUpLocked(now *chat.History) {
	f := &r.follower
	at, sameCount := f.pos, now.Epoch == f.pos.Epoch
	r.metLocked(now.Epoch, now.Entries)
	for i := range now.Recalls {
		r.recallLocked(&now.Recalls[i], now.Position, false)
	}
	r.forgotLocked(sameCount, now)
	r.dropRecalledLocked(sameCount, now)
	r.carryClearLocked(now)
	if !sameCount {
		r.purgesLostLocked(now)
	}
	if f.reading == unread && len(now.Entries) < r.newest.most { // it is all there is
		r.seen.begin()
	}
	coarse := r.hall.coarse.Load()
	had := r.oldUpTo(f, now, coarse)
	for _, e := range now.Entries[:had] {
		if e.JSON != "" {
			k, ts := r.keyOf(e.JSON), codec.Timestamp(e.JSON)
			switch {
			case f.reading == unread:
				r.seen.begins(k, ts)
			case (f.reading == following || f.reading == behind) && !r.hasHad(e.JSON, coarse):
				r.seen.note(k, ts, foundOlder)
				continue
			}
			r.seen.keep(k, ts)
		}
	}
	if f.reading != unread {
		r.missBeforeLocked(now, had)
	}
	var later []chat.Entry
	if sameCount && now.Rev < at.Rev { // the entries behind came while the history was read
		now.Position, later = at, r.newest.behind(now.Seq)
	}
	if len(now.Entries) > 0 && (!sameCount || f.from == 0 || now.Entries[0].Seq < f.from) {
		f.from = now.Entries[0].Seq
	}
	parked, over := f.caughtUp(now.Position)
	if len(over) > 0 && over[0].Epoch != now.Epoch {
		r.hall.elsewhere.suspect(r.id)
	}
	early, passed := f.splitEarly()
	f.setEarly(early)
	r.giveLostLocked(r.lostByStore(append(over, passed...), now))
	r.hall.stats.accepted.Add(r.giveLocked(now.Entries[had:], f.moved))
	f.moved = coarse
	r.newest.set(now.Entries, later)
	r.changedLocked()
	r.sendPlaceLocked()
	for i := range parked {
		r.arriveLocked(&parked[i], false)
	}
}

// giveLostLocked gives the members, without numbers, what the store has taken and has no more: nothing else will bring
// it. r.mu must be held.
func (r *Room) giveLostLocked(lost []chat.Entry) {
	if len(lost) == 0 || r.members == 0 {
		return
	}
	coarse := r.hall.coarse.Load()
	r.localTS = max(r.localTS, r.latestNew(lost, coarse))
	r.hall.stats.local.Add(r.giveLocked(lost, coarse))
	if r.writing == linked {
		r.newest.ours = nil // newcomers are given what the store has
	}
}

// missBeforeLocked notes what lies between the place of the members and what is new in the history, and is not to be
// had. The lock r.mu must be held.
func (r *Room) missBeforeLocked(now *chat.History, had int) {
	from := r.follower.pos.Seq + 1
	switch {
	// nobody knows from where on; that all which is there is new says that there was more
	case r.follower.reading == blind:
		if from = now.First(); had > 0 || len(now.Entries) == 0 {
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

// dropRecalledLocked takes out of the history what this node knows to be taken back and the store shows again. It takes
// back what the store shows no more. r.mu must be held.
func (r *Room) dropRecalledLocked(sameCount bool, now *chat.History) {
	for i, e := range now.Entries {
		if e.JSON == "" {
			if missed, ok := r.newest.at(e.Seq); sameCount && ok { // only the gap in the history shows it
				if husk, ok := codec.Husk(missed.JSON); ok {
					r.recallLocked(&chat.Event{Kind: chat.EventRecall, Epoch: now.Epoch, Seq: e.Seq, Total: now.Total, Messages: []string{husk}}, now.Position, true)
				}
			}
			continue
		}
		if taken := r.takenBy(e, now.Epoch); taken != nil {
			r.recallLostLocked(taken)
			now.Entries[i].JSON = ""
		}
	}
}

// forgotLocked has members show nothing of what they have received, where they may have missed that some of it was
// taken away. Messages that can be compared with the history are the exception. r.mu must be held.
func (r *Room) forgotLocked(sameCount bool, now *chat.History) {
	if !now.Forgot {
		return
	}
	missed := now.Position
	if len(now.Recalls) >= chat.RecallsKept { // the log is full: the changes before it
		missed = placeOf(&now.Recalls[0], now.Position)
	}
	r.recalls.forget(missed)
	at := r.follower.pos
	if r.follower.reading == unread || at.Epoch == "" {
		return
	}
	hide := chat.Place{Epoch: at.Epoch, Seq: at.Seq}
	if known := r.newest.entries; sameCount && len(known) > 0 && len(now.Entries) > 0 {
		hide.Seq = min(hide.Seq, max(known[0].Seq, now.Entries[0].Seq)-1)
		if hide.Seq < now.First() {
			return
		}
	}
	r.nativesLocked(func(st *stream) { st.cleared(hide) })
}

// isClear reports whether an event says that a room was cleared.
func isClear(ev chat.Event) bool { return ev.Kind == chat.EventPurge && ev.Purge.User == "" }

// purgesLostLocked has those purges made once more that the history that was read does not know. That history begins a
// new epoch, and may show again what they took. r.mu must be held.
func (r *Room) purgesLostLocked(now *chat.History) {
	for _, ev := range r.recalls.purges {
		if !isClear(*ev) && !slices.ContainsFunc(now.Recalls, func(logged chat.Event) bool { return sameTaking(&logged, ev) }) {
			r.recallLostLocked(ev)
		}
	}
}

// carryClearLocked notes up to where the room is cleared by the history that was read. Where the members' numbers hold
// there, they are notified of a clear that only this number shows. One that the store has lost is made again. r.mu must
// be held.
func (r *Room) carryClearLocked(now *chat.History) {
	at, was := r.follower.pos, r.recalls.cleared
	if known := r.follower.reading == following || r.follower.reading == behind; known && at.Epoch != "" {
		switch lost := r.lostClear(now, at.Epoch, r.hall.coarse.Load()); {
		case now.Cleared > was && (now.Epoch == at.Epoch || now.Before == at.Epoch):
			if now.Forgot || slices.ContainsFunc(now.Recalls, isClear) {
				break // they were notified already
			}
			r.sendClearedLocked(chat.Place{Epoch: at.Epoch, Seq: now.Cleared})
		case now.Epoch == at.Epoch && now.Rev < at.Rev: // a later one came while the history was read
			return
		case now.Epoch != at.Epoch && now.Cleared < lost:
			again := &chat.Purge{Until: r.recalls.clearedAt(), UpTo: chat.Place{Epoch: now.Epoch, Seq: lost}}
			r.recallLostLocked(&chat.Event{Kind: chat.EventPurge, Purge: again})
			for i := range now.Entries {
				if now.Entries[i].Seq <= lost {
					now.Entries[i].JSON = ""
				}
			}
			now.Cleared = lost
		}
	}
	r.clearedLocked(now.Cleared)
}
