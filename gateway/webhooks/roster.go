package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"barrage/internal/chat"
	"barrage/internal/signed"
)

const (
	// lookFor is the time between two looks at a roster that has nothing, or that another node has.
	lookFor = time.Second
	// renewEvery is the time between two looks that only renew the lease: a third of it.
	renewEvery = chat.FeedLease / 3
	// mostRooms is how many rooms are taken at once: a hundred quiet ones fill a batch.
	mostRooms = mostEvents
	// readers is how many of them are read at a time.
	readers = 8
)

// roster is one of the rosters as this node has it. One goroutine uses it.
type roster struct {
	// Immutable after New.
	notifier *Notifier
	name     string

	birth  int64
	pieces []piece // read, and not yet in a batch
	batch  *batch  // under way; nil: none
	owed   []json.RawMessage

	// Fields that others may read.
	mine            atomic.Bool
	waiting, oldest atomic.Int64
}

// batch is what one call brings. A batch that is posted again keeps its id and its body.
type batch struct {
	id     string
	body   []byte
	pieces []piece
	events int
	owed   int
	made   time.Time
	tries  int
	again  time.Time // no try before
}

// run looks after the roster.
func (r *roster) run(ctx context.Context) {
	leaving := r.notifier.leaving
	for ctx.Err() == nil {
		wait := r.turn(r.notifier.last)
		if leaving == nil && (wait > 0 || r.notifier.last.Err() != nil) {
			r.leave(ctx)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-leaving:
			<-r.notifier.brought // the last rooms that are due
			leaving = nil
		}
	}
}

// leave gives back what the roster has.
func (r *roster) leave(ctx context.Context) {
	if !r.mine.Load() {
		return
	}
	r.drop(ctx)
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	r.notifier.did(r.name, "leave the events for webhooks.url to another node at once", r.notifier.store.LeaveFeeds(ctx, r.name, r.notifier.node))
}

// drop forgets what was read, so that the node with the roster reads it again.
func (r *roster) drop(ctx context.Context) {
	all := r.pieces
	if r.batch != nil {
		all = append(all, r.batch.pieces...)
	}
	for i := range all {
		all[i].due.Next = time.Millisecond
	}
	r.pieces, r.batch = nil, nil
	r.done(ctx, all)
}

// turn does what there is to do now, one call of the service at most, and returns how long to wait for more.
func (r *roster) turn(ctx context.Context) time.Duration {
	limit := mostRooms
	if len(r.pieces) > 0 || r.batch != nil {
		limit = 0 // it renews the lease
	}
	taken, ok := r.take(ctx, limit)
	if !ok {
		return lookFor
	}
	full := false
	if len(taken.Rooms) > 0 {
		r.read(ctx, taken.Rooms)
		full = len(taken.Rooms) == limit || slices.ContainsFunc(r.pieces, func(p piece) bool { return p.more })
	}
	if r.batch == nil {
		r.batch = r.next()
	}
	if r.batch == nil {
		if full {
			return 0
		}
		return lookFor
	}
	if wait := r.batch.again.Sub(r.notifier.now()); wait > 0 {
		return min(wait, renewEvery)
	}
	if !r.send(ctx) {
		return lookFor
	}
	if full || len(r.pieces) > 0 || taken.Due > limit {
		return 0
	}
	return lookFor
}

// take takes rooms that are due, and reports whether the roster is this node's.
func (r *roster) take(ctx context.Context, limit int) (chat.Roster, bool) {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	taken, err := r.notifier.store.TakeFeeds(ctx, r.name, r.notifier.node, limit, r.birth)
	if !r.notifier.did(r.name, "read which rooms have events for webhooks.url", err) {
		return chat.Roster{}, false // the events that were read stay, and are not sent: another node may have the roster
	}
	r.mine.Store(taken.Mine)
	if !taken.Mine {
		r.pieces, r.batch = nil, nil
		return taken, false
	}
	r.birth = taken.Birth
	r.waiting.Store(int64(taken.Due + len(r.pieces)))
	if r.batch != nil {
		r.waiting.Add(int64(len(r.batch.pieces)))
	}
	if oldest := r.oldest.Load(); limit > 0 || oldest == 0 { // rooms that were taken are not due, and wait all the same
		r.oldest.Store(taken.Oldest)
	}
	return taken, true
}

// read reads what there is to send of rooms.
func (r *roster) read(ctx context.Context, rooms []chat.Due) {
	all := make([]*piece, len(rooms))
	each(len(rooms), func(i int) { all[i] = r.readOne(ctx, rooms[i]) })
	var done []piece
	for _, p := range all {
		switch {
		case p == nil: // it is due again when its hold is over
		case len(p.events) > 0:
			r.pieces = append(r.pieces, *p)
		default:
			done = append(done, *p)
		}
	}
	r.finish(ctx, done)
}

// each calls f for 0 to n-1, a few at a time, and waits.
func each(n int, f func(i int)) {
	var at atomic.Int64
	var all sync.WaitGroup
	for range min(n, readers) {
		all.Go(func() {
			for i := int(at.Add(1)) - 1; i < n; i = int(at.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

func (r *roster) readOne(ctx context.Context, due chat.Due) *piece {
	t := r.notifier
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	feed, err := t.store.ReadFeed(ctx, due.Room, t.to, mostRead)
	if !t.did(r.name, "read the events of a room for webhooks.url", err) {
		return nil
	}
	p := digested(t.groups, due, &feed, r.birth)
	return &p
}

// next makes a batch of pieces, nil where there are none.
func (r *roster) next() *batch {
	if len(r.pieces) == 0 && len(r.owed) == 0 {
		return nil
	}
	b := &batch{id: signed.NewID(), made: r.notifier.now(), owed: min(len(r.owed), mostEvents)}
	events := slices.Clone(r.owed[:b.owed])
	bytes, n := 0, 0
	for _, p := range r.pieces {
		if n+b.owed > 0 && (len(events)+len(p.events) > mostEvents || bytes+p.bytes > mostBytes) {
			break
		}
		events, bytes, n = append(events, p.events...), bytes+p.bytes, n+1
	}
	b.pieces, r.pieces = r.pieces[:n:n], r.pieces[n:]
	b.events, b.body = len(events), bodyOf(b.made, events)
	return b
}

// send posts the batch, and reports whether the service has taken it, or never will.
func (r *roster) send(ctx context.Context) bool {
	t, b := r.notifier, r.batch
	t.counts.calls.Add(1)
	if b.tries > 0 {
		t.counts.retried.Add(1)
	}
	err := t.post(ctx, b)
	if ctx.Err() != nil {
		return false
	}
	b.tries++
	r.log(err, b)
	if err == nil {
		t.counts.sent.Add(uint64(b.events))
		r.owed = r.owed[b.owed:]
		r.batch = nil
		r.finish(ctx, b.pieces)
		return true
	}
	t.counts.failed.Add(1)
	if now := t.now(); now.Sub(b.made) < t.giveUp {
		refused, _ := errors.AsType[*refusal](err)
		b.again = now.Add(waitFor(b.tries, refused.after))
		return false
	}
	r.giveUp(ctx, b, err)
	return true
}

// log logs that the service does not take a batch, once until something else happens. It also logs that it does again.
func (r *roster) log(err error, b *batch) {
	t := r.notifier
	switch {
	case t.failure.IsNew(err):
		t.log.Warn("webhooks.url does not take a batch; trying again", "id", b.id, "events", b.events, "err", err)
	case err == nil && b.tries > 1:
		t.log.Info("webhooks.url takes batches again", "id", b.id, "tries", b.tries)
	}
}

// giveUp goes on behind a batch, and owes the service an event about what it was.
func (r *roster) giveUp(ctx context.Context, b *batch, err error) {
	t := r.notifier
	t.counts.lostGivenUp.Add(uint64(b.events))
	t.log.Error("gave up a batch that webhooks.url did not take", "id", b.id, "events", b.events, "tries", b.tries, "after", t.giveUp, "err", err)
	r.owed = r.owed[b.owed:]
	for _, p := range b.pieces {
		e := event{
			Type: "lost", ID: roomName(p.due.Room) + ":" + b.id, At: t.now().UnixMilli(), Epoch: p.now.Epoch,
			Lost: &lost{What: "events", Count: uint64(len(p.events)), From: p.from, Why: lostGivenUp},
		}
		if p.from > 0 {
			e.Lost.To = p.now.Seq
		}
		if p.due.Room != chat.Everywhere {
			e.Room = p.due.Room
		}
		if len(r.owed) < mostEvents {
			r.owed = append(r.owed, encode(&e))
		}
	}
	r.batch = nil
	r.finish(ctx, b.pieces)
}

// finish moves the bookmarks of pieces whose events are sent, and gives the rooms back.
func (r *roster) finish(ctx context.Context, pieces []piece) {
	if len(pieces) == 0 {
		return
	}
	t := r.notifier
	moved := make([]bool, len(pieces))
	each(len(pieces), func(i int) {
		p := &pieces[i]
		if !p.moved() {
			moved[i] = true
			return
		}
		ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
		defer cancel()
		err := t.store.MoveFeed(ctx, p.due.Room, t.to, p.was, p.now)
		if errors.Is(err, chat.ErrStale) { // another node has sent it
			return
		}
		if moved[i] = t.did(r.name, "note which events webhooks.url has", err); moved[i] {
			t.counts.lostHistory.Add(p.lost)
			t.counts.lostBroken.Add(p.broken)
		}
	})
	done := make([]piece, 0, len(pieces))
	for i := range pieces {
		if moved[i] {
			done = append(done, pieces[i])
		}
	}
	r.done(ctx, done)
}

// done gives rooms back. One that cannot be is due again when its hold is over.
func (r *roster) done(ctx context.Context, pieces []piece) {
	if len(pieces) == 0 {
		return
	}
	rooms := make([]chat.Due, len(pieces))
	for i := range pieces {
		rooms[i] = pieces[i].due
	}
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	r.notifier.did(r.name, "give back rooms whose events webhooks.url has", r.notifier.store.DoneFeeds(ctx, r.name, rooms))
}
