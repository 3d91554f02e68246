package room

import (
	"context"
	"errors"
	"strconv"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the publishers: they carry batches to the store, read what rooms lack, and repeat recalls
// that the store has lost.

// publish is a publisher. It serves one room at a time, so that at most one batch of a room is on its way. Messages
// that arrive meanwhile are the next batch. An idle room pays one round trip, a hot room's batches grow by themselves.
func (h *Hall) publish() {
	for {
		r, ok := h.publishers.pop()
		if !ok {
			return
		}
		r.serve(nil)
	}
}

// serve does one turn of a room. It gives up what has waited for too long and makes the next batch. Then it reads what
// the room lacks, and then takes that batch to the store. While the store is away it asks nothing of it: Back comes. A
// publisher does it, or, for a small room, the goroutine on which a message came in. The argument hurry is that
// goroutine's, see inplace.go.
func (r *Room) serve(hurry *Stretch) {
	h := r.hall
	r.mu.Lock()
	r.expireLocked(h.cfg().Clock.Now())
	r.outbox.cut(h.ran.Load(), h.cfg().Authorize == nil, h.newBatch)
	// Messages that members have received go to the store before its history is read: so the count that they are led back
	// to has them.
	here := !h.away.Load()
	fetch, send := here && r.follower.wants() && r.outbox.ahead == 0, here && r.outbox.flight.open > 0 && !r.outbox.reviewing
	r.outbox.sending = send
	again, rules, unpin := r.recalls.lost, here && r.rules.stale, here && r.rules.unpin
	if !here {
		again = nil
	}
	r.unlock()

	if unpin {
		r.unpinStored()
	}
	if rules {
		r.refresh("the rules of a room", r.readRules)
	}
	if fetch {
		r.refresh("what a room missed", r.fetch)
	}
	if send {
		r.send()
	}
	if len(again) > 0 {
		r.recallAgain(again)
	}

	r.mu.Lock()
	r.queued, r.outbox.sending = false, false
	if !r.failed && !h.away.Load() && r.hasWorkLocked() {
		r.enqueueLocked() // behind the others: a hot room does not starve them
	}
	woken := r.wokenLocked()
	r.unlock()
	h.visitAll(woken, hurry)
}

// newBatch is the id of the next batch. It counts over all rooms: a room that goes and comes again must
// not use an id twice.
func (h *Hall) newBatch() string {
	var digits [20]byte
	return h.node + "." + string(strconv.AppendUint(digits[:0], h.batches.Add(1), 10))
}

// hasWorkLocked reports whether the room needs a publisher. r.mu must be held.
func (r *Room) hasWorkLocked() bool {
	o := &r.outbox
	return r.lacksLocked() || o.size() > 0 && !o.reviewing
}

// lacksLocked reports whether something else is to be done for the room than to take messages to the store. r.mu must
// be held.
func (r *Room) lacksLocked() bool {
	o := &r.outbox
	reads := r.follower.wants() && (o.ahead == 0 || !o.reviewing) // see serve
	return reads || len(r.recalls.lost) > 0 || r.rules.stale || r.rules.unpin
}

// enqueueLocked gives the room to a publisher, unless a call failed: then the next Tick
// does. r.mu must be held.
func (r *Room) enqueueLocked() {
	if !r.queued && !r.failed {
		r.queued = true
		r.hall.publishers.push(r)
	}
}

// expireLocked gives up what has waited longer than Config.QueueAge. r.mu must be held.
func (r *Room) expireLocked(now time.Time) {
	h := r.hall
	if n, doubtful := r.outbox.expire(h.since(now) - h.cfg().QueueAge); n > 0 {
		r.changedLocked()
		h.log.Warn("gave up messages that waited too long for the store", "room", r.id, "messages", n, "unconfirmed", doubtful)
	}
}

// storeCall bounds a call to the store, or a few in a row. Where none waits there is nothing to bound: a timer a
// message is 2 % of what a small room costs.
func (h *Hall) storeCall() (context.Context, context.CancelFunc) {
	if h.Instant() {
		return h.ctx, func() {}
	}
	return context.WithTimeout(h.ctx, h.cfg().StoreTimeout)
}

// send is one try to authorize the flight and take it to the store.
func (r *Room) send() {
	h := r.hall
	ctx, cancel := h.storeCall()
	defer cancel()
	if err := r.authorize(ctx); err != nil {
		r.sendFailed("cannot check the senders of a batch", err)
		return
	}
	// Only this publisher changes the flight's posts but for how they end and whom they are from.
	r.mu.Lock()
	f := &r.outbox.flight
	fresh := f.open > 0 && f.authorized && r.judgeFlightLocked()
	if f.open == 0 || !f.authorized { // nobody may send, all were met meanwhile, or it has to be asked again
		r.unlock()
		return
	}
	if fresh {
		if places := r.toScreenLocked(); len(places) > 0 {
			r.screen(ctx, places) // which unlocks
			return
		}
	}
	if fresh && r.askReviewLocked() { // else the store may have it already
		r.unlock()
		return
	}
	if all, places := r.outbox.toHold(); len(all) > 0 {
		r.unlock()
		r.holdFlight(ctx, all, places) // the others have the next turn
		return
	}
	b := r.tryLocked()
	r.inPlace = r.smallLocked()
	came := f.posts[0].at
	of := r.forFlightLocked(ctx)
	r.unlock()
	r.publishBatch(of, b, came)
}

// publishBatch gives a batch to the store, and lands the flight with the store's answer. came
// is when the batch's first post was taken. The caller is the room's publisher.
func (r *Room) publishBatch(ctx context.Context, b chat.Batch, came time.Duration) {
	h := r.hall
	stored, err := h.store.Publish(ctx, r.id, b)
	if h.cfg().OnStored != nil && !errors.Is(err, chat.ErrStale) { // whatever the error is, it may be stored
		h.cfg().OnStored(r.id)
	}
	if errors.Is(err, chat.ErrStale) {
		r.mu.Lock()
		defer r.unlock()
		r.outbox.flight.judged, r.rules.stale = false, true
		return
	}
	if err != nil {
		r.sendFailed("cannot publish a batch", err)
		return
	}
	if h.cfg().Timings.Stored != nil {
		h.cfg().Timings.Stored(h.since(h.cfg().Clock.Now()) - came)
	}
	r.mu.Lock()
	defer r.unlock()
	r.reachedLocked()
	r.keepAheadLocked()
	if again, ok := r.outbox.landFlight(b.ID, &stored, r.follower.known()); ok && stored.Event.Epoch != chat.Unnumbered {
		r.repeatedLocked(again, &stored.Event)
		if len(stored.Event.Messages) > 0 {
			r.arriveLocked(&stored.Event, true)
		}
	}
	r.linkLocked()
}

// forFlightLocked is ctx for what the flight's first message that has that was sent for. r.mu must be held.
func (r *Room) forFlightLocked(ctx context.Context) context.Context {
	if r.hall.cfg().For == nil {
		return ctx
	}
	for i := range r.outbox.flight.posts {
		if of, has := r.hall.cfg().For(ctx, r.outbox.flight.posts[i].from); has {
			return of
		}
	}
	return ctx
}

// tryLocked is the flight as the next try takes it to the store. r.mu must be held.
func (r *Room) tryLocked() chat.Batch {
	f := &r.outbox.flight
	if f.tries > 0 {
		r.hall.stats.retries.Add(1)
	}
	b := chat.Batch{ID: f.id, Known: r.follower.farthest(), Try: f.tries, Rules: f.rules, Dropped: r.storm.dropped, Drafts: make([]chat.Draft, len(f.posts))}
	for i := range f.posts {
		b.Drafts[i] = f.posts[i].draft
	}
	f.tries++
	r.storm.dropped = [2]uint64{} // counts that are lost with this try do no harm
	return b
}

// authorize asks Callbacks.Authorize about the flight, unless it was asked before, and drops the
// posts it does not let in.
func (r *Room) authorize(ctx context.Context) error {
	r.mu.Lock()
	from := r.outbox.ask()
	r.unlock()
	if len(from) == 0 { // asked before, or it was met just now
		return nil
	}
	ok, err := r.hall.cfg().Authorize(ctx, from)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.unlock()
	r.outbox.keepAllowed(ok)
	return nil
}

// sendFailed has the flight tried again at the next Tick, or gives it up where that is no
// use.
func (r *Room) sendFailed(what string, err error) {
	r.mu.Lock()
	defer r.unlock()
	n := r.outbox.flight.open
	if errors.Is(err, chat.ErrRefused) {
		r.hall.stats.tally.refusedStore.Add(uint64(r.outbox.finishFlight(refused, Outcome{Code: CodeStore})))
		r.changedLocked()
		r.linkLocked()
	} else {
		r.failed = true
	}
	r.hall.log.Warn(what, "room", r.id, "messages", n, "err", err)
}

// unpinStored is one try to take a pinned message out of the store that was taken back; Tick brings a failed one back.
func (r *Room) unpinStored() {
	ctx, cancel := r.hall.storeCall()
	defer cancel()
	ev, err := r.hall.store.ChangeRules(ctx, r.id, chat.RulesChange{Pin: new(chat.Entry)})
	r.mu.Lock()
	defer r.unlock()
	switch {
	case err == nil:
		r.rules.unpin = false
		r.changeRulesLocked(ev.Rules)
	case errors.Is(err, chat.ErrRefused) || errors.Is(err, chat.ErrBeside):
		r.rules.unpin = false
	default:
		r.failed = true
	}
}

// refresh is one try to read what the room lacks; Tick brings a failed one back. The argument what is that, in words.
func (r *Room) refresh(what string, read func(context.Context) error) {
	ctx, cancel := r.hall.storeCall()
	defer cancel()
	err := read(ctx)
	if err == nil {
		return
	}
	if r.hall.ctx.Err() == nil { // else the node leaves
		r.hall.log.Warn("cannot read "+what, "room", r.id, "err", err)
	}
	r.mu.Lock()
	defer r.unlock()
	r.failed = true
}

// recallAgain makes recalls and purges once more that the store has lost since it has gone back.
func (r *Room) recallAgain(lost []chat.Event) {
	ctx, cancel := r.hall.storeCall()
	defer cancel()
	for i := range lost {
		ev, err := r.takeAgain(ctx, &lost[i])
		if err != nil && !errors.Is(err, chat.ErrNoMessage) && !errors.Is(err, chat.ErrRefused) {
			r.hall.log.Warn("cannot take away what the store shows again", "room", r.id, "err", err)
			r.mu.Lock()
			defer r.unlock()
			r.failed = true
			return
		}
		r.mu.Lock()
		r.recalls.lost = r.recalls.lost[1:]
		if err == nil {
			r.arriveLocked(&ev, true)
		}
		r.unlock()
	}
}

// takeAgain asks the store for a recall or a purge that it has lost.
func (r *Room) takeAgain(ctx context.Context, lost *chat.Event) (ev chat.Event, err error) {
	if lost.Kind == chat.EventRecall {
		return r.hall.store.Recall(ctx, r.id, codec.Sender(lost.Messages[0]), codec.Timestamp(lost.Messages[0]))
	}
	r.mu.Lock()
	known := r.follower.known()
	r.unlock()
	p := *lost.Purge
	if p.User != "" { // the messages that it takes have other numbers now
		p.UpTo = chat.Place{}
	}
	ev, _, err = r.hall.store.Purge(ctx, r.id, known, p)
	return ev, err
}
