package room

import (
	"context"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file has a service look at messages before they are stored, in rooms that want that. Reviewers ask it, so that
// publishers go on with other rooms. The room's flight stays as it is meanwhile, so its messages keep their order. Then
// the rules judge it again, and it goes to the store by the rules of then.
//
//	flight:  cut ── authorized, judged ──► under review ── verdicts ──► judged again ──► the store

const (
	// reviewers is how many questions are under way at once. With answers of 50 ms, 16 are 320 batches a second, of up to
	// 100 messages each. A slower service is not helped by more of them.
	reviewers = 16
	// reviewLinger is how long the first message of a batch waits for others: people notice 100 ms.
	reviewLinger = 10 * time.Millisecond
)

// Reviewer decides what becomes of messages: as many verdicts as drafts, in their order. waited is for how long they
// have waited for their turn. It may block until ctx ends; an answer there always is.
type Reviewer func(ctx context.Context, room string, waited time.Duration, drafts []chat.Draft) []chat.Reviewed

// reviewsLocked reports whether the room wants messages reviewed. r.mu must be held.
func (r *Room) reviewsLocked() bool {
	return r.hall.cfg().Review != nil && (r.rules.Modes.Review == chat.ReviewAll || r.rules.Modes.Review == chat.ReviewNew)
}

// lingersLocked reports whether a message that has just come need not be served yet: others may come, or their batch is
// under review. The lock r.mu must be held.
func (r *Room) lingersLocked() bool {
	if r.outbox.reviewing {
		return true
	}
	if !r.reviewsLocked() || r.outbox.flight.open > 0 || len(r.outbox.waiting) >= BatchMessages {
		return false
	}
	if !r.lingers {
		r.lingers = true
		r.hall.cfg().Clock.AfterFunc(reviewLinger, r.lingered)
	}
	return true
}

// lingered has what has gathered be served.
func (r *Room) lingered() {
	r.mu.Lock()
	defer r.unlock()
	r.lingers = false
	r.goOnLocked()
}

// goOnLocked gives the room to a publisher if there is something to do. r.mu must be held.
func (r *Room) goOnLocked() {
	if !r.hall.away.Load() && r.hasWorkLocked() {
		r.enqueueLocked()
	}
}

// toReviewLocked are the places of posts of the flight that are to be reviewed and were not. r.mu must be held.
func (r *Room) toReviewLocked() (places []int) {
	if !r.reviewsLocked() {
		return nil
	}
	now := r.hall.cfg().Clock.Now()
	for i := range r.outbox.flight.posts {
		p := &r.outbox.flight.posts[i]
		if p.end != notYet || p.reviewed || p.hold != "" || p.draft.Held() != "" {
			continue
		}
		v := voiceOf(p.from)
		isNew := !v.Since.IsZero() && now.Sub(v.Since) < r.hall.cfg().NewFor
		if r.rules.RoleOf(p.draft.UserID, v.Role, now.UnixMilli()) < chat.RoleModerator && (isNew || r.rules.Modes.Review == chat.ReviewAll) {
			places = append(places, i)
		}
	}
	return places
}

// askReviewLocked has the flight reviewed if that is due. r.mu must be held.
func (r *Room) askReviewLocked() bool {
	if len(r.toReviewLocked()) == 0 {
		return false
	}
	r.outbox.reviewing, r.askedAt = true, r.hall.since(r.hall.cfg().Clock.Now())
	r.hall.reviews.push(r)
	return true
}

// reviewEach is a reviewer: it asks about one room's flight at a time.
func (h *Hall) reviewEach() {
	for {
		r, ok := h.reviews.pop()
		if !ok {
			return
		}
		r.review()
	}
}

// review asks about the flight, and does what the answer says.
func (r *Room) review() {
	h := r.hall
	r.mu.Lock()
	review, id, places := h.cfg().Review, r.outbox.flight.id, r.toReviewLocked()
	if review == nil { // nobody is asked any more
		places = nil
	}
	ctx := r.forFlightLocked(h.ctx)
	drafts := make([]chat.Draft, len(places))
	for k, i := range places {
		drafts[k] = r.outbox.flight.posts[i].draft
	}
	waited := h.since(h.cfg().Clock.Now()) - r.askedAt
	r.mu.Unlock()
	var said []chat.Reviewed
	if len(drafts) > 0 { // else the room has other rules by now, or its event was here first
		said = review(ctx, r.id, waited, drafts)
	}
	r.mu.Lock()
	defer r.unlock()
	r.outbox.reviewing = false
	r.outbox.flight.judged = false // the rules may be others
	for k, i := range places {
		if r.outbox.flight.id != id { // all of it has ended
			break
		}
		r.outbox.reviewed(i, said[k])
	}
	r.goOnLocked()
}

// reviewed does what a verdict says about post i of the flight.
func (o *outbox) reviewed(i int, said chat.Reviewed) {
	p := &o.flight.posts[i]
	if p.end != notYet {
		return
	}
	p.reviewed = true
	switch said.Verdict {
	case chat.VerdictAllow:
	case chat.VerdictDeny:
		o.refuse(i, Outcome{Code: CodeBlocked})
	case chat.VerdictHold:
		p.hold, p.quiet = chat.HeldByReview, true
	case chat.VerdictMask:
		was := int64(p.draft.Size())
		p.draft = codec.WithBody(&p.draft, said.Body)
		more := int64(p.draft.Size()) - was
		o.bytes += more
		o.tally.bytes.Add(more)
	}
}
