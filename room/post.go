package room

import (
	"strconv"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// Post sends a message of user to the room. It will reach the members by way of the store, or at once while the store
// is away. The argument now is the time of receipt. Post never blocks. Full queues are answered with [ErrBusy], users
// who send too much with a [TooFastError]. Messages that the room's rules forbid, or that the room has no place for,
// are answered with a [RefusedError].
func (r *Room) Post(from Author, user, info string, now time.Time) error {
	d := codec.NewDraft(r.id, user, info, now.UnixMilli())
	d.Class = r.hall.classOf(codec.KindChat, voiceOf(from))
	return r.post(from, d, now, posted)
}

// PostNative is Post for a send of a native client; Author.Settled gives its outcome, unless an error does.
func (r *Room) PostNative(from Author, user string, op *codec.Op, now time.Time) error {
	d := codec.NewNativeDraft(r.id, user, op, now.UnixMilli())
	d.Class = r.hall.classOf(op.Kind, voiceOf(from))
	return r.post(from, d, now, posted)
}

// Shadow is PostNative for a message that its sender alone is to believe in. The message is held against the same
// bounds and rules, acknowledged without a number, and stored nowhere.
func (r *Room) Shadow(from Author, user string, op *codec.Op, now time.Time) error {
	return r.post(from, codec.NewNativeDraft(r.id, user, op, now.UnixMilli()), now, shadowed)
}

// way is what is to become of a message.
type way uint8

const (
	posted   way = iota
	shadowed     // its sender alone believes in it
	held         // it waits for a moderator
)

func (r *Room) post(from Author, d chat.Draft, now time.Time, how way) error {
	through, err := r.take(from, d, now, how)
	if through {
		r.runThrough(stretchOf(from))
	}
	return err
}

// take puts a message into the outbox, unless something forbids it. through: the caller is the room's publisher for one
// turn.
func (r *Room) take(from Author, d chat.Draft, now time.Time, how way) (through bool, err error) {
	h := r.hall
	r.mu.Lock()
	defer r.unlock()
	if (r.writing != linked || h.away.Load()) && d.Held() == "" && r.outbox.takeOver(from, &d) {
		return false, nil
	}
	if !r.outbox.takes(d.UserID, h.cfg().QueueMessages, int64(h.cfg().QueueBytes)) {
		h.stats.refusedBusy.Add(1)
		return false, ErrBusy
	}
	if wait := r.pacedLocked(from, &d); wait > 0 {
		h.stats.tally.refusedRate.Add(1)
		return false, &TooFastError{wait}
	}
	switch no := r.judgeLocked(from, &d, now); {
	case no.code != "":
		h.stats.tally.refusedRules.Add(1)
		return false, &RefusedError{no.code, no.wait}
	case no.shadow || how == shadowed:
		h.stats.tally.refusedRules.Add(1)
		if d.ID != "" {
			r.outbox.over.settled = append(r.outbox.over.settled, settled{from, Outcome{ID: d.ID, Epoch: r.follower.pos.Epoch, TS: d.TS}, h.since(now)})
		}
		return false, nil
	}
	if wait := r.shedLocked(&d, now); wait > 0 {
		return false, &RefusedError{CodeShed, wait}
	}
	if d.ID == "" && !h.cfg().NoLocal {
		d.SetMadeID(h.makeID())
	}
	p := post{draft: d, from: from, key: h.keyOfDraft(&d), at: h.since(now), quiet: how == held || d.Held() != "" || r.reviewsLocked()}
	if how == held {
		p.hold = chat.HeldByFilter
	}
	r.outbox.add(p)
	if r.writing == cut {
		r.goAheadLocked()
	}
	if h.away.Load() || r.lingersLocked() {
		return false, nil
	}
	if r.runsThroughLocked(&p) {
		r.queued = true
		return true, nil
	}
	r.enqueueLocked()
	return false, nil
}

// pacedLocked takes one message of Config.UserRate, or returns how long its user has to wait. r.mu must be held.
func (r *Room) pacedLocked(from Author, d *chat.Draft) (wait time.Duration) {
	rate := r.hall.cfg().UserRate
	if rate.Every == 0 || d.Class == chat.ClassSystem {
		return 0
	}
	name := d.UserID
	if known, ok := from.(Known); ok {
		name = known.RateName()
	}
	return r.outbox.paced(name, d.TS, rate)
}

// makeID is the id of a message whose sender gave none. No other message in any room has it: the
// hall's name is 40 random bits, and it counts.
func (h *Hall) makeID() string {
	var digits [13]byte
	return codec.MadeIDPrefix + h.name + string(strconv.AppendUint(digits[:0], h.madeIDs.Add(1), 36))
}
