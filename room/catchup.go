package room

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"barrage/codec"
)

const (
	// maxHeld bounds the events that wait for a fetch; beyond it they are dropped and
	// fetched.
	maxHeld = 1024
	// maxFetch bounds the messages one catching up reads; more than that were missed
	// for good. It is what a member could be given in a second or two.
	maxFetch = 2000
)

// RoomEvent takes what the store tells of a room. It never blocks; events of one
// room come in order, never two at once.
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
	r.ownEventLocked(ev)
	if r.holding || !r.loaded {
		r.holdLocked(ev)
		return
	}
	r.applyLocked(ev)
}

// Resumed tells that events may have been missed: every live room looks into the
// store.
func (h *Hall) Resumed() {
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.loaded {
			r.staleLocked()
		}
	})
}

// staleLocked has a publisher fetch what the room lacks. r.mu must be held.
func (r *Room) staleLocked() {
	r.stale = true
	r.enqueueLocked()
}

func (r *Room) holdLocked(ev codec.Event) {
	if len(r.held) >= maxHeld {
		r.held, r.heldOld = nil, 0 // what is missing will show as a gap
	}
	r.held = append(r.held, ev)
}

// applyLocked takes an event that comes next, drops what is known already, and
// starts to catch up where something lies between. r.mu must be held.
func (r *Room) applyLocked(ev codec.Event) {
	if ev.Kind == codec.EventRecall {
		r.recallLocked(ev)
		return
	}
	if ev.Seq == 0 {
		r.applyUnnumberedLocked(ev)
		return
	}
	if !r.fitsLocked(ev) {
		r.hall.stats.gaps.Add(1)
		r.holding = true
		r.holdLocked(ev)
		r.staleLocked()
		return
	}
	fresh := entriesOf(ev)
	seen := r.pos.Seq + 1 - ev.Seq
	if r.contradictsLocked(fresh[:min(seen, uint64(len(fresh)))]) {
		r.holding = true
		r.holdLocked(ev)
		r.staleLocked()
		return
	}
	if seen >= uint64(len(fresh)) {
		return
	}
	fresh = fresh[seen:]
	r.passLocked(fresh)
	r.last = fresh[len(fresh)-1]
	r.pos = codec.Position{Epoch: ev.Epoch, Seq: r.last.Seq, Total: ev.Total}
	r.deliverUnheardLocked(ev.Epoch, fresh)
	r.changedLocked() // the total, if nothing else
	r.forgetPassedLocked(fresh)
}

// applyUnnumberedLocked takes messages of a room that original FastIM servers write to
// as well: known are those whose text is known. r.mu must be held.
func (r *Room) applyUnnumberedLocked(ev codec.Event) {
	var fresh []codec.Entry
	for _, m := range ev.Messages {
		if slices.ContainsFunc(r.newest.entries, func(e codec.Entry) bool { return e.JSON == m }) {
			continue
		}
		r.pos.Seq++
		r.pos.Total++
		fresh = append(fresh, codec.Entry{Seq: r.pos.Seq, JSON: m})
	}
	r.deliverLocked(fresh)
}

// recallLocked takes a message out of what new members are given. r.mu must be held.
func (r *Room) recallLocked(ev codec.Event) {
	known := false
	switch {
	case ev.Seq == 0 && len(ev.Messages) == 1: // nobody gives numbers here: its text says which
		_, known = r.newest.remove(func(e codec.Entry) bool { return e.JSON == ev.Messages[0] })
		r.pos.Total = max(r.pos.Total, 1) - 1 // it is the list's length
	case ev.Epoch == r.pos.Epoch:
		var gone codec.Entry
		gone, known = r.newest.remove(func(e codec.Entry) bool { return e.Seq == ev.Seq })
		by := codec.Sender(gone.JSON)
		r.nativesLocked(func(st *stream) { st.recalled(ev.Seq, by) })
		r.noteRecallLocked(ev.Seq)
	}
	if !known {
		return
	}
	r.changedLocked()
	if n := uint64(len(r.newest.entries)); n < uint64(r.newest.most) && n < r.pos.Total {
		r.staleLocked() // the store may have older ones to fill up with
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

func (r *Room) isLoaded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded
}

// refresh is one try to catch up; Tick brings a failed one back.
func (r *Room) refresh() {
	ctx, cancel := context.WithTimeout(r.hall.ctx, r.hall.cfg.StoreTimeout)
	defer cancel()
	if err := r.fetch(ctx); err != nil {
		r.hall.log.Warn("cannot fetch what a room missed", "room", r.id, "err", err)
		r.mu.Lock()
		r.stale, r.failed = true, true
		r.mu.Unlock()
	}
}

// fetch reads the room's history and brings the room up to it: what members have
// not had is delivered, then the events that came meanwhile. Loading, filling a gap
// and filling up after recalls are all this.
func (r *Room) fetch(ctx context.Context) error {
	h := r.hall
	r.mu.Lock()
	r.holding = true
	r.heldOld = len(r.held)
	was, known := r.pos, []codec.Entry{r.last}
	if n := len(r.newest.entries); n > 0 {
		known = append(known, r.newest.entries[n-1])
	}
	r.mu.Unlock()

	h.stats.fetches.Add(1)
	now, restarted, err := r.read(ctx, was, known)
	if err != nil {
		h.stats.fetchErrors.Add(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		// What is held stays held: it does not fit. Without a gap the room goes on.
		r.holding = !r.loaded || r.blind || len(r.held) > 0 && !r.fitsLocked(r.held[0])
		r.heldOld = 0
		r.releaseHeldLocked()
		return err
	}
	r.mu.Lock()
	defer r.unlock()
	r.catchUpLocked(was, now, restarted)
	return nil
}

// read reads the newest messages of a room that has got as far as was, and all that lie
// between if they are no more than maxFetch. known are the newest messages it knows that
// the store has, the older one last. restarted: the store counted anew, or lost the end of its count and perhaps gave
// those numbers again, so that numbers say nothing. Then as much is read as can be new.
func (r *Room) read(ctx context.Context, was codec.Position, known []codec.Entry) (now codec.History, restarted bool, err error) {
	store, last := r.hall.store, known[len(known)-1]
	now, err = store.Newest(ctx, r.id, r.newest.most)
	if err != nil || !r.isLoaded() {
		return now, false, err
	}
	if now.Epoch == codec.Unnumbered {
		isLast := func(e codec.Entry) bool { return e.JSON == last.JSON }
		if len(now.Entries) >= r.newest.most && !slices.ContainsFunc(now.Entries, isLast) {
			now, err = store.Newest(ctx, r.id, maxFetch)
		}
		return now, false, err
	}
	restarted = !goesOn(was.Epoch, now.Epoch) || now.Seq < was.Seq
	since := was.Seq
	if last.Seq > 0 {
		since = last.Seq - 1 // with last, which tells whether it is the same count
	}
	if !restarted && len(now.Entries) > 0 && now.Entries[0].Seq > since+1 {
		between, err := store.Since(ctx, r.id, since, maxFetch)
		if err != nil {
			return now, false, err
		}
		newer := func(e codec.Entry) bool { return e.Seq >= now.Entries[0].Seq } // it was read later
		if between.Epoch == now.Epoch {
			now.Entries = append(slices.DeleteFunc(between.Entries, newer), now.Entries...)
		}
	}
	restarted = restarted || slices.ContainsFunc(now.Entries, func(e codec.Entry) bool {
		return slices.ContainsFunc(known, func(k codec.Entry) bool { return k.Seq == e.Seq && k.JSON != e.JSON })
	})
	if restarted {
		now, err = store.Newest(ctx, r.id, maxFetch)
	}
	return now, restarted, err
}

// goesOn reports whether a count in epoch now is the one in epoch was; a room that
// never had a message has none.
func goesOn(was, now string) bool { return was == now || was == "" }

func (r *Room) fitsLocked(ev codec.Event) bool {
	return ev.Seq == 0 || goesOn(r.pos.Epoch, ev.Epoch) && ev.Seq <= r.pos.Seq+1
}

// catchUpLocked moves the room from was to now, see read. r.mu must be held.
func (r *Room) catchUpLocked(was codec.Position, now codec.History, restarted bool) {
	if !r.loaded { // who said it over another node may say it again here
		for _, e := range now.Entries {
			r.noteSendLocked(e.JSON)
		}
	}
	if restarted {
		r.doubtLocked() // the ids may be lost too
		r.hall.stats.epochs.Add(1)
		r.noteOrphansLocked(r.newest.entries, now.Entries)
	}
	r.forgetLostLocked(now)
	r.ownReadLocked(now)
	var fresh []codec.Entry
	switch {
	case !r.loaded: // nobody has heard anything yet
	case r.blind:
		fresh = r.sinceHeldLocked(now)
	case now.Epoch == codec.Unnumbered:
		fresh = r.behindKnownLocked(now.Entries)
	case restarted:
		fresh = r.unknownLocked(was, now)
	default:
		fresh = slices.DeleteFunc(slices.Clone(now.Entries), func(e codec.Entry) bool { return e.Seq <= was.Seq })
		if passed := now.Seq - was.Seq; passed > uint64(len(fresh)) {
			r.hall.stats.missed.Add(passed - uint64(len(fresh)))
		}
	}
	if restarted || !r.loaded || r.blind { // the numbers it knows are of another count, or none
		r.past = past{}
		r.passLocked(now.Entries)
	} else {
		r.passLocked(fresh)
	}
	r.loaded, r.blind, r.alone = true, false, false
	r.pos, r.last = now.Position, codec.Entry{}
	if n := len(now.Entries); n > 0 {
		r.last = now.Entries[n-1]
	}
	r.deliverUnheardLocked(now.Epoch, fresh)
	r.newest.set(now.Entries)
	if r.ahead == 0 {
		if r.local {
			r.doubtLocked()
		}
		r.local, r.lastTS, r.newest.ours = false, nil, nil
	} else { // the store went away again meanwhile
		r.stale = true
	}
	r.changedLocked()
	r.forgetPassedLocked(now.Entries)
	r.tellEpochLocked()
	r.holding = false
	r.releaseHeldLocked()
}

// sinceHeldLocked is, for a room whose members came in without the store, what was sent
// since its events come. r.mu must be held.
func (r *Room) sinceHeldLocked(now codec.History) []codec.Entry {
	if len(r.held) == 0 || r.held[0].Epoch != now.Epoch {
		return nil
	}
	i := slices.IndexFunc(now.Entries, func(e codec.Entry) bool { return e.Seq >= r.held[0].Seq })
	if i < 0 {
		return nil
	}
	return slices.Clone(now.Entries[i:])
}

// contradictsLocked reports whether a number means another message than the room has under
// it: a failover lost the newest messages, and their numbers were given again. r.mu must be
// held.
func (r *Room) contradictsLocked(entries []codec.Entry) bool {
	ours := r.newest.entries
	for _, e := range entries {
		if e.Seq == r.last.Seq && e.JSON != r.last.JSON {
			return true
		}
		i, known := slices.BinarySearchFunc(ours, e.Seq, func(o codec.Entry, seq uint64) int { return cmp.Compare(o.Seq, seq) })
		if known && ours[i].JSON != e.JSON {
			return true
		}
	}
	return false
}

// behindKnownLocked is what stands behind the last of the entries that the room
// knows; all of them where it knows none. A message is known by its text, which no
// other in the room shares: user and ts are in it. r.mu must be held.
func (r *Room) behindKnownLocked(entries []codec.Entry) []codec.Entry {
	known := map[string]bool{}
	for _, e := range r.newest.entries {
		known[e.JSON] = true
	}
	for i, e := range slices.Backward(entries) {
		if known[e.JSON] {
			return entries[i+1:]
		}
	}
	return entries
}

// unknownLocked is those of the entries that the room does not know, without the old ones
// before what it knows. A batch that was tried again stands in a new count too, with what
// is new on both sides of it; but where the list was kept, the first entry that the room
// knows is the oldest one it knows. Where the end was lost, numbers tell what is older than
// what the room knows; where more was lost than it knows, only ts can. r.mu must be held.
func (r *Room) unknownLocked(was codec.Position, now codec.History) []codec.Entry {
	sums, oldest := r.past.sums(), r.past.oldest()
	known := func(e codec.Entry) bool { return sums[r.hall.textSum(e)] }
	first := slices.IndexFunc(now.Entries, known)
	old := func(i int, e codec.Entry) bool {
		before := codec.Timestamp(e.JSON) < oldest.ts
		switch {
		case was.Epoch != now.Epoch:
			return before && i < first && r.hall.textSum(now.Entries[first]) == oldest.sum
		case first >= 0:
			return e.Seq < oldest.seq
		default:
			return before
		}
	}
	var fresh []codec.Entry
	for i, e := range now.Entries {
		if !known(e) && !old(i, e) {
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// releaseHeldLocked applies the events that waited, unless they must wait on. One that
// waited before the fetch began and does not fit even now stands behind a hole that is
// there for good: the room goes on behind it. Where one that came later does not fit, the
// next fetch tells. r.mu must be held.
func (r *Room) releaseHeldLocked() {
	if r.holding {
		return
	}
	held, old := r.held, r.heldOld
	r.held, r.heldOld = nil, 0
	for i, ev := range held {
		if r.holding {
			r.holdLocked(ev)
			continue
		}
		if i < old && ev.Kind == codec.EventMessages && !r.fitsLocked(ev) {
			if ev.Epoch != r.pos.Epoch {
				continue // of an epoch that is over; what counts was in the history
			}
			r.hall.stats.missed.Add(ev.Seq - r.pos.Seq - 1)
			r.pos.Seq = ev.Seq - 1
		}
		r.applyLocked(ev)
	}
}
