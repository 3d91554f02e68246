package room

import (
	"context"
	"errors"

	"barrage/internal/chat"
)

// This file asks the store about messages before somebody looks at them: a moderator, or the service of reviews. A
// message that is in the room already is not looked at again, and one that slow mode and the like forbid bothers
// nobody.

// toScreenLocked are the places of posts of the flight that somebody is to look at, and that the store was not asked
// about. The lock r.mu must be held.
func (r *Room) toScreenLocked() (places []int) {
	places = r.toReviewLocked()
	for i := range r.outbox.flight.posts {
		if p := &r.outbox.flight.posts[i]; p.hold != "" && p.end == notYet {
			places = append(places, i)
		}
	}
	kept := places[:0]
	for _, i := range places {
		p := &r.outbox.flight.posts[i]
		if p.draft.ID == "" && p.draft.Marks() == nil { // the store knows nothing of it
			p.screened = true
		}
		if !p.screened {
			kept = append(kept, i)
		}
	}
	return kept
}

// screen is one try to ask the store about posts of the flight, those at places; it begins with r.mu held and ends
// without it. The flight has the next turn: then it is judged again.
func (r *Room) screen(ctx context.Context, places []int) {
	f := &r.outbox.flight
	f.judged = false
	batch, drafts := f.id, make([]chat.Draft, len(places))
	for k, i := range places {
		drafts[k] = f.posts[i].draft
	}
	r.unlock()
	said, err := r.hall.store.Screen(ctx, r.id, batch, drafts)
	if errors.Is(err, chat.ErrBeside) { // no marks there
		said, err = make([]chat.Screened, len(drafts)), nil
	}
	if err != nil {
		r.sendFailed("cannot ask about messages that somebody is to look at", err)
		return
	}
	r.mu.Lock()
	defer r.unlock()
	r.reachedLocked()
	for k, i := range places {
		if r.outbox.flight.id != batch { // all of it has ended
			return
		}
		r.outbox.screened(i, said[k])
	}
	r.outbox.compact()
}

// screened does what the store answers about post i of the flight.
func (o *outbox) screened(i int, said chat.Screened) {
	p := &o.flight.posts[i]
	if p.end != notYet {
		return
	}
	p.screened = true
	p.draft.SetMarks(nil)
	switch {
	case said.TS > 0:
		o.tally.repeats.Add(1)
		o.land(i, repeated, Outcome{Epoch: said.Epoch, Seq: said.Seq, TS: said.TS, Before: true})
	case said.Wait > 0:
		o.refuse(i, Outcome{Code: markCode(said.Mark), Wait: said.Wait})
	}
}
