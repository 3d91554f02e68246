package room

import (
	"context"
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
	defer r.mu.Unlock()
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
		r.held = nil // what is missing will show as a gap
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
	if !r.fitsLocked(ev) {
		r.hall.stats.gaps.Add(1)
		r.holding = true
		r.holdLocked(ev)
		r.staleLocked()
		return
	}
	seen := r.pos.Seq + 1 - ev.Seq
	if seen >= uint64(len(ev.Messages)) {
		return
	}
	fresh := make([]codec.Entry, 0, len(ev.Messages))
	for i, m := range ev.Messages[seen:] {
		fresh = append(fresh, codec.Entry{Seq: ev.Seq + seen + uint64(i), JSON: m})
	}
	r.pos = codec.Position{Epoch: ev.Epoch, Seq: fresh[len(fresh)-1].Seq, Total: ev.Total}
	r.deliverLocked(fresh)
}

// recallLocked takes a message out of what new members are given. r.mu must be held.
func (r *Room) recallLocked(ev codec.Event) {
	if ev.Epoch != r.pos.Epoch || !r.newest.remove(ev.Seq) {
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
	if err := r.hall.store.SubscribeRoom(hctx, r.id); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.fetch(hctx)
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
		r.failed = true
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
	was, loaded := r.pos, r.loaded
	r.mu.Unlock()

	h.stats.fetches.Add(1)
	now, err := h.store.Newest(ctx, r.id, r.newest.most)
	var between []codec.Entry
	if err == nil && loaded && lackBetween(was, now) {
		var more codec.History
		more, err = h.store.Since(ctx, r.id, was.Seq, maxFetch)
		between = more.Entries
	}
	if err != nil {
		h.stats.fetchErrors.Add(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		// What is held stays held: it does not fit. Without a gap the room goes on.
		r.holding = !r.loaded || len(r.held) > 0 && !r.fitsLocked(r.held[0])
		r.releaseHeldLocked()
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.catchUpLocked(was, between, now)
	return nil
}

// lackBetween reports whether messages lie between what the room has and the oldest
// that was just read.
func lackBetween(was codec.Position, now codec.History) bool {
	return goesOn(was.Epoch, now.Epoch) && len(now.Entries) > 0 && now.Entries[0].Seq > was.Seq+1
}

// goesOn reports whether a count in epoch now is the one in epoch was; a room that
// never had a message has none.
func goesOn(was, now string) bool { return was == now || was == "" }

func (r *Room) fitsLocked(ev codec.Event) bool {
	return goesOn(r.pos.Epoch, ev.Epoch) && ev.Seq <= r.pos.Seq+1
}

// catchUpLocked moves the room from was to now. r.mu must be held.
func (r *Room) catchUpLocked(was codec.Position, between []codec.Entry, now codec.History) {
	var fresh []codec.Entry
	switch {
	case !r.loaded: // nobody has heard anything yet
	case !goesOn(was.Epoch, now.Epoch) || now.Seq < was.Seq:
		// Counting started again, or lost its end, so numbers say nothing: what stands
		// behind the last message that was delivered is new.
		r.hall.stats.epochs.Add(1)
		fresh = r.behindKnownLocked(now.Entries)
	default:
		next := was.Seq + 1
		for _, part := range [][]codec.Entry{between, now.Entries} {
			for _, e := range part {
				if e.Seq >= next {
					fresh = append(fresh, e)
					next = e.Seq + 1
				}
			}
		}
		if passed := now.Seq - was.Seq; now.Seq > was.Seq && passed > uint64(len(fresh)) {
			r.hall.stats.missed.Add(passed - uint64(len(fresh)))
		}
	}
	r.loaded = true
	r.pos = now.Position
	r.deliverLocked(fresh)
	r.newest.entries = append(r.newest.entries[:0:0], now.Entries...)
	r.changedLocked()
	r.holding = false
	r.releaseHeldLocked()
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

// releaseHeldLocked applies the events that waited, unless they must wait on. An
// event that does not fit even now was lost for good on the way: the room goes on
// behind the hole. r.mu must be held.
func (r *Room) releaseHeldLocked() {
	if r.holding {
		return
	}
	held := r.held
	r.held = nil
	for _, ev := range held {
		if ev.Kind == codec.EventMessages && !r.fitsLocked(ev) {
			if ev.Epoch != r.pos.Epoch {
				continue // of an epoch that is over; what counts was in the history
			}
			r.hall.stats.missed.Add(ev.Seq - r.pos.Seq - 1)
			r.pos.Seq = ev.Seq - 1
		}
		r.applyLocked(ev)
	}
}
