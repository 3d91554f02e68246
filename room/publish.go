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

// Post sends a message of user to the room: it will reach the members by way of the
// store, or at once while the store is away. now is the time of receipt. It never
// blocks; full queues are answered with [ErrBusy], users who say too much with a [TooFastError], what the room's rules
// forbid with a [RefusedError].
func (r *Room) Post(from Author, user, info string, now time.Time) error {
	d := codec.NewDraft(r.id, user, info, now.UnixMilli())
	d.Class = r.hall.classOf(codec.KindChat, voiceOf(from))
	return r.post(from, d, now, said)
}

// PostNative is Post for a send of a native client; Author.Answered tells what became of it,
// unless an error does.
func (r *Room) PostNative(from Author, user string, op *codec.Op, now time.Time) error {
	d := codec.NewNativeDraft(r.id, user, op, now.UnixMilli())
	d.Class = r.hall.classOf(op.Kind, voiceOf(from))
	return r.post(from, d, now, said)
}

// Shadow is PostNative for a message that its sender alone is to believe in: it is held against the same bounds and
// rules, acknowledged without a number, and stored nowhere.
func (r *Room) Shadow(from Author, user string, op *codec.Op, now time.Time) error {
	return r.post(from, codec.NewNativeDraft(r.id, user, op, now.UnixMilli()), now, shadowed)
}

// way is what is to become of a message.
type way uint8

const (
	said     way = iota
	shadowed     // its sender alone believes in it
	held         // it waits for a moderator
)

func (r *Room) post(from Author, d chat.Draft, now time.Time, how way) error {
	h := r.hall
	r.mu.Lock()
	defer r.unlock()
	if (r.writing != linked || h.away.Load()) && d.Held == "" && r.outbox.takeOver(from, &d) {
		return nil
	}
	if !r.outbox.takes(d.UserID, h.cfg.QueueMessages, int64(h.cfg.QueueBytes)) {
		h.stats.refusedBusy.Add(1)
		return ErrBusy
	}
	if wait := r.pacedLocked(from, &d); wait > 0 {
		h.stats.tally.refusedRate.Add(1)
		return &TooFastError{wait}
	}
	switch no := r.judgeLocked(from, &d, now); {
	case no.code != "":
		h.stats.tally.refusedRules.Add(1)
		return &RefusedError{no.code, no.wait}
	case no.shadow || how == shadowed:
		h.stats.tally.refusedRules.Add(1)
		if d.ID != "" {
			r.outbox.answers = append(r.outbox.answers, answered{from, Answer{ID: d.ID, Epoch: r.follower.pos.Epoch, TS: d.TS}})
		}
		return nil
	}
	if wait := r.shedLocked(&d, now); wait > 0 {
		return &RefusedError{CodeShed, wait}
	}
	if d.ID == "" && !h.cfg.NoLocal {
		d.SetOrigin(h.newOrigin())
	}
	p := post{draft: d, from: from, key: h.keyOfDraft(&d), at: h.since(now), quiet: how == held || d.Held != "" || r.reviewsLocked()}
	if how == held {
		p.hold = chat.HeldByFilter
	}
	r.outbox.add(p)
	if r.writing == cut {
		r.hearLocked()
	}
	if !h.away.Load() && !r.lingersLocked() {
		r.enqueueLocked()
	}
	return nil
}

// pacedLocked takes one message of Config.UserRate, or says how long its user has to wait. r.mu must be held.
func (r *Room) pacedLocked(from Author, d *chat.Draft) (wait time.Duration) {
	rate := r.hall.cfg.UserRate
	if rate.Every == 0 || d.Class == chat.ClassSystem {
		return 0
	}
	name := d.UserID
	if known, ok := from.(Known); ok {
		name = known.RateName()
	}
	return r.outbox.paced(name, d.TS, rate)
}

// newOrigin is the id of a message whose sender gave none. No other message in any room has it: the
// hall's name is 40 random bits, and it counts.
func (h *Hall) newOrigin() string {
	return codec.OriginMark + h.name + strconv.FormatUint(h.origins.Add(1), 36)
}

// publish is a publisher: it serves one room at a time, so that at most one batch
// of a room is on its way and whatever arrives meanwhile is the next batch. An idle
// room pays one round trip, a hot room's batches grow by themselves.
func (h *Hall) publish() {
	for {
		r, ok := h.publishers.pop()
		if !ok {
			return
		}
		r.serve()
	}
}

// serve does one turn of a room: it reads what the room lacks, then takes one batch to the store. While
// the store is away it does nothing: Back comes.
func (r *Room) serve() {
	h := r.hall
	r.mu.Lock()
	r.expireLocked(h.cfg.Clock.Now())
	r.outbox.cut(h.coarse.Load(), h.cfg.Authorize == nil, h.newBatch)
	// What members have heard goes to the store before its history is read: so the count that
	// they are led back to has it.
	here := !h.away.Load()
	fetch, send := here && r.follower.wants() && r.outbox.heard == 0, here && r.outbox.flight.open > 0 && !r.outbox.reviewing
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
	defer r.unlock()
	r.queued, r.outbox.sending = false, false
	if !r.failed && !h.away.Load() && r.hasWorkLocked() {
		r.enqueueLocked() // behind the others: a hot room does not starve them
	}
}

// newBatch is the id of the next batch. It counts over all rooms: a room that goes and comes again must
// not use an id twice.
func (h *Hall) newBatch() string {
	return h.cfg.Node + "." + strconv.FormatUint(h.batches.Add(1), 10)
}

// hasWorkLocked reports whether the room needs a publisher. r.mu must be held.
func (r *Room) hasWorkLocked() bool {
	o := &r.outbox
	lacks := r.follower.wants() && (o.heard == 0 || !o.reviewing) // see serve
	return lacks || o.size() > 0 && !o.reviewing || len(r.recalls.lost) > 0 || r.rules.stale || r.rules.unpin
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
	if n, doubtful := r.outbox.expire(h.since(now) - h.cfg.QueueAge); n > 0 {
		r.changedLocked()
		h.log.Warn("gave up messages that waited too long for the store", "room", r.id, "messages", n, "unconfirmed", doubtful)
	}
}

// send is one try to authorize the flight and take it to the store.
func (r *Room) send() {
	h := r.hall
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.StoreTimeout)
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
	if fresh && r.askReviewLocked() { // else the store may have it already
		r.unlock()
		return
	}
	if all, places := r.outbox.toHold(); len(all) > 0 {
		r.unlock()
		r.holdFlight(ctx, all, places) // the others have the next turn
		return
	}
	if f.tries > 0 {
		h.stats.retries.Add(1)
	}
	b := chat.Batch{ID: f.id, Known: r.follower.farthest(), Try: f.tries, Rules: f.rules, Dropped: r.storm.dropped, Drafts: make([]chat.Draft, len(f.posts))}
	for i := range f.posts {
		b.Drafts[i] = f.posts[i].draft
	}
	f.tries++
	r.storm.dropped = [2]uint64{} // what is lost with this try was not counted, and no harm
	r.unlock()
	stored, err := h.store.Publish(ctx, r.id, b)
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
	r.mu.Lock()
	defer r.unlock()
	r.reachedLocked()
	r.keepHeardLocked()
	if again, ok := r.outbox.answer(b.ID, &stored, r.knownLocked()); ok && stored.Event.Epoch != chat.Unnumbered {
		r.repeatedLocked(again, &stored.Event)
		if len(stored.Event.Messages) > 0 {
			r.arriveLocked(&stored.Event, true)
		}
	}
	r.linkLocked()
}

// authorize asks Hooks.Authorize about the flight, unless it was asked before, and drops the
// posts it does not let in.
func (r *Room) authorize(ctx context.Context) error {
	r.mu.Lock()
	from := r.outbox.ask()
	r.unlock()
	if len(from) == 0 { // asked before, or it was met just now
		return nil
	}
	ok, err := r.hall.cfg.Authorize(ctx, from)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.unlock()
	r.outbox.admit(ok)
	return nil
}

// sendFailed has the flight tried again at the next Tick, or gives it up where that is no
// use.
func (r *Room) sendFailed(what string, err error) {
	r.mu.Lock()
	defer r.unlock()
	n := r.outbox.flight.open
	if errors.Is(err, chat.ErrRefused) {
		r.hall.stats.tally.refusedStore.Add(uint64(r.outbox.finishFlight(refused, Answer{Code: CodeStore})))
		r.changedLocked()
		r.linkLocked()
	} else {
		r.failed = true
	}
	r.hall.log.Warn(what, "room", r.id, "messages", n, "err", err)
}

// unpinStored is one try to take a pinned message out of the store that was taken back; Tick brings a failed one back.
func (r *Room) unpinStored() {
	ctx, cancel := context.WithTimeout(r.hall.ctx, r.hall.cfg.StoreTimeout)
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

// refresh is one try to read what the room lacks; Tick brings a failed one back. what is that, in words.
func (r *Room) refresh(what string, read func(context.Context) error) {
	ctx, cancel := context.WithTimeout(r.hall.ctx, r.hall.cfg.StoreTimeout)
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

// recallAgain takes back once more what the store shows again since it has gone back. husks are those of
// the messages.
func (r *Room) recallAgain(husks []string) {
	ctx, cancel := context.WithTimeout(r.hall.ctx, r.hall.cfg.StoreTimeout)
	defer cancel()
	for _, husk := range husks {
		ev, err := r.hall.store.Recall(ctx, r.id, codec.Sender(husk), codec.Timestamp(husk))
		if err != nil && !errors.Is(err, chat.ErrNoMessage) && !errors.Is(err, chat.ErrRefused) {
			r.hall.log.Warn("cannot take back what the store shows again", "room", r.id, "err", err)
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
