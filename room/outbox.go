package room

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"barrage/codec"
)

// Bounds of one batch to the store: as many messages as cost Redis least per
// message (bench/results/redis.txt: 2.7 µs in batches of 50, 16.7 µs alone), far below the 8,000
// arguments that a script may unpack.
const (
	batchMessages = 100
	batchBytes    = 64 << 10
)

// ErrBusy is returned by [Room.Post] when too many messages wait for the store, in the
// room or on the node.
var ErrBusy = errors.New("room: too many messages wait for the store")

// outbox is what of a room is on its way to the store. Guarded by Room.mu.
type outbox struct {
	// out waits; bounded by Config.QueueMessages, together with flight.
	out []post
	// flight is the batch under way, or the one that is tried again. The publisher that
	// serves the room is the only one to change which posts it has.
	flight flight
	// sending: a publisher has flight in its hands.
	sending bool
	// ahead is how many posts of flight and out have been heard.
	ahead int
	// awaited are the batches that the store took and that have not come back, in order.
	awaited []stored
	// limbo are the batches that were given up after they were tried, in order, see limbo.go.
	limbo []flight
}

// stored is a batch that the store has.
type stored struct {
	span
	number uint64 // see flight
	posts  []post
}

// maxAwaited bounds a room's awaited batches. More are forgotten, the oldest first; then
// they are not heard at once should the store go away before they come back, but with
// the rest once it is there again.
const maxAwaited = 64

// post is one message on its way to the store.
type post struct {
	draft codec.Draft
	from  Author
	// heard: the members of this node have had it.
	heard bool
}

// is reports whether a message of the store may be the post. The store moves a ts on behind what its user
// said last, over another node maybe, while the post waited: by most milliseconds.
func (p *post) is(json string, most int64) bool {
	moved := codec.Timestamp(json) - p.draft.TS
	return strings.HasPrefix(json, p.draft.Head) && moved >= 0 && moved <= most
}

// flight is one batch. No posts: none is under way.
type flight struct {
	id     string // see Store.Publish; the node's name and number
	number uint64 // counts up
	posts  []post
	gated  bool  // Hooks.Gate has let all of them in
	tried  bool  // it was given to the store
	came   bool  // its event has come, but for messages that the store had before
	since  int64 // hall.coarse when it was cut, or got into limbo
}

// Post sends a message of user to the room: it will reach the members by way of the
// store, or at once while the store is away. now is the time of receipt. It never
// blocks; full queues are answered with [ErrBusy].
func (r *Room) Post(from Author, user, info string, now time.Time) error {
	return r.post(from, codec.NewDraft(r.id, user, info, now.UnixMilli()))
}

// PostNative is Post for a send of a native client; Hooks.Answer tells what became of it,
// unless an error does.
func (r *Room) PostNative(from Author, user string, op *codec.Op, now time.Time) error {
	return r.post(from, codec.NewNativeDraft(r.id, user, op, now.UnixMilli()))
}

func (r *Room) post(from Author, d codec.Draft) error {
	h := r.hall
	r.mu.Lock()
	defer r.unlock()
	if r.awayLocked() && r.takeOverLocked(from, &d) {
		return nil
	}
	if len(r.out)+len(r.flight.posts) >= h.cfg.QueueMessages || h.stats.waitingBytes.Load() >= int64(h.cfg.QueueBytes) {
		h.stats.refusedBusy.Add(1)
		return ErrBusy
	}
	r.out = append(r.out, post{draft: d, from: from})
	h.stats.waiting.Add(1)
	h.stats.waitingBytes.Add(int64(d.Size()))
	if r.awayLocked() {
		r.hearLocked()
	}
	if !h.away.Load() {
		r.enqueueLocked()
	}
	return nil
}

// takeOverLocked makes from the author of the message that waits under the id of d, if one does: its
// sender was cut, came back and says it again. Who comes back often while the store is away takes
// one place in the queue. r.mu must be held.
func (r *Room) takeOverLocked(from Author, d *codec.Draft) bool {
	if d.ID == "" {
		return false
	}
	for _, waiting := range [][]post{r.flight.posts, r.out} {
		i := slices.IndexFunc(waiting, func(p post) bool { return p.draft.ID == d.ID && p.draft.UserID == d.UserID })
		if i >= 0 {
			waiting[i].from = from
			return true
		}
	}
	return false
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

// serve does one turn of a room: it catches up where something was missed, then
// takes one batch to the store. While the store is away it does nothing: Back comes.
func (r *Room) serve() {
	h := r.hall
	r.mu.Lock()
	r.expireLocked(h.cfg.Clock.Now())
	r.cutLocked()
	// What members have heard goes to the store before its history is read: so what stands
	// there of it is known by its number.
	here := !h.away.Load()
	fetch, send := here && r.stale && r.ahead == 0, here && len(r.flight.posts) > 0
	if fetch {
		r.stale = false
	}
	r.sending = send
	r.unlock()

	if fetch {
		r.refresh()
	}
	if send {
		r.send()
	}

	r.mu.Lock()
	r.queued, r.sending = false, false
	if !r.failed && !h.away.Load() && r.hasWorkLocked() {
		r.enqueueLocked() // behind the others: a hot room does not starve them
	}
	r.mu.Unlock()
}

// hasWorkLocked reports whether the room needs a publisher. r.mu must be held.
func (r *Room) hasWorkLocked() bool { return r.stale || len(r.out)+len(r.flight.posts) > 0 }

// cutLocked makes the next flight where none is under way. r.mu must be held.
func (r *Room) cutLocked() {
	if len(r.flight.posts) > 0 || len(r.out) == 0 {
		return
	}
	n, size := 0, 0
	for n < len(r.out) && n < batchMessages {
		size += r.out[n].draft.Size()
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	number := r.hall.batches.Add(1) // over all rooms: a room that goes and comes again must not use an id twice
	r.flight = flight{
		id:     r.hall.cfg.Node + "." + strconv.FormatUint(number, 10),
		number: number,
		posts:  r.out[:n:n],
		gated:  r.hall.cfg.Gate == nil,
		since:  r.hall.coarse.Load(),
	}
	if r.out = r.out[n:]; len(r.out) == 0 {
		r.out = nil
	}
}

// expireLocked gives up what has waited longer than Config.QueueAge, but for a flight
// that a publisher has in its hands; and what others would have given up by now. r.mu must be held.
func (r *Room) expireLocked(now time.Time) {
	oldest := now.Add(-r.hall.cfg.QueueAge).UnixMilli()
	if r.orphans != nil && r.orphaned*1000 < oldest { // nobody tries them again
		r.orphans = nil
	}
	if f := r.flight; len(f.posts) > 0 && !r.sending && f.posts[0].draft.TS < oldest {
		r.flight = flight{}
		r.giveUpLocked(f)
	}
	r.forgetLimboLocked(func(f flight) bool { return !r.hall.away.Load() && now.Unix()-f.since >= limboLife })
	n := 0
	for n < len(r.out) && r.out[n].draft.TS < oldest {
		n++
	}
	if n > 0 {
		r.giveUpLocked(flight{posts: r.out[:n]})
		r.out = r.out[n:]
	}
}

// giveUpLocked takes f, a batch or what waited, from its way to the store. r.mu must be held.
func (r *Room) giveUpLocked(f flight) {
	if f.tried && r.pos.Epoch != codec.Unnumbered { // else nobody here has heard it before the store
		r.limboLocked(f)
	} else {
		r.refuseLocked(f.posts, CodeExpired)
		r.countGivenUpLocked(f.posts)
	}
	r.hall.log.Warn("gave up messages that waited too long for the store", "room", r.id, "messages", len(f.posts), "of_them_heard_here", heardOf(f.posts), "tried", f.tried)
	r.doneLocked(f.posts)
}

// countGivenUpLocked counts posts that the store will not have. r.mu must be held.
func (r *Room) countGivenUpLocked(posts []post) {
	heard := heardOf(posts)
	r.hall.stats.localOnly.Add(uint64(heard))
	r.hall.stats.refusedOld.Add(uint64(len(posts) - heard))
}

// doneLocked ends the wait of posts. r.mu must be held.
func (r *Room) doneLocked(posts []post) {
	size := 0
	for i := range posts {
		size += posts[i].draft.Size()
	}
	if heard := heardOf(posts); heard > 0 {
		r.ahead -= heard
		r.changedLocked()
	}
	r.hall.stats.waiting.Add(-int64(len(posts)))
	r.hall.stats.waitingBytes.Add(-int64(size))
}

// heardOf is how many of posts were heard; they are the first ones.
func heardOf(posts []post) int {
	n := 0
	for n < len(posts) && posts[n].heard {
		n++
	}
	return n
}

// send is one try to take the flight through the gate to the store.
func (r *Room) send() {
	h := r.hall
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.StoreTimeout)
	defer cancel()
	if err := r.passGate(ctx); err != nil {
		r.sendFailed("cannot check the senders of a batch", err)
		return
	}
	// Only this publisher changes the flight's posts but for heard and from.
	r.mu.Lock()
	f := r.flight
	r.flight.tried = true
	r.mu.Unlock()
	if len(f.posts) == 0 {
		return // the gate let nobody in
	}
	if f.tried {
		h.stats.retries.Add(1)
	}
	drafts := make([]codec.Draft, len(f.posts))
	for i := range f.posts {
		drafts[i] = f.posts[i].draft
	}
	stored, err := h.store.Publish(ctx, r.id, f.id, drafts)
	if err != nil {
		r.sendFailed("cannot publish a batch", err)
		return
	}
	r.mu.Lock()
	defer r.unlock()
	r.answeredLocked()
	r.repeatedLocked(stored.Repeats)
	r.storedLocked(stored.Position)
}

// repeatedLocked takes the posts out of the flight that were stored before, by another
// try of their sender. r.mu must be held.
func (r *Room) repeatedLocked(repeats []codec.Repeat) {
	if len(repeats) == 0 || len(r.flight.posts) == 0 {
		return
	}
	var fresh, old []post
	for i := range r.flight.posts {
		p := r.flight.posts[i]
		if k := slices.IndexFunc(repeats, func(x codec.Repeat) bool { return x.Index == i }); k >= 0 {
			r.answerLocked(&p, "", repeats[k].Seq, repeats[k].TS)
			old = append(old, p)
		} else {
			fresh = append(fresh, p)
		}
	}
	r.hall.stats.repeats.Add(uint64(len(old)))
	r.flight.posts = fresh
	if len(fresh) == 0 {
		r.flight = flight{}
	}
	r.doneLocked(old)
}

// passGate asks Hooks.Gate about the flight, unless it was asked before, and drops the
// posts it does not let in.
func (r *Room) passGate(ctx context.Context) error {
	r.mu.Lock()
	gated, from := r.flight.gated, make([]Author, len(r.flight.posts))
	for i := range r.flight.posts {
		from[i] = r.flight.posts[i].from
	}
	r.mu.Unlock()
	if gated || len(from) == 0 { // its event may have ended it just now
		return nil
	}
	ok, err := r.hall.cfg.Gate(ctx, from)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := -1
	var out []post
	in := slices.DeleteFunc(slices.Clone(r.flight.posts), func(p post) bool {
		i++
		if !ok[i] {
			out = append(out, p)
		}
		return !ok[i]
	})
	r.hall.stats.refusedGate.Add(uint64(len(out)))
	r.flight.posts, r.flight.gated = in, true
	r.doneLocked(out)
	return nil
}

// sendFailed has the flight tried again at the next Tick, or gives it up where that is no
// use.
func (r *Room) sendFailed(what string, err error) {
	r.mu.Lock()
	defer r.unlock()
	n := len(r.flight.posts)
	if errors.Is(err, codec.ErrRefused) {
		posts := r.flight.posts
		r.flight = flight{}
		r.refuseLocked(posts, CodeStore)
		r.hall.stats.refusedStore.Add(uint64(n))
		r.doneLocked(posts)
	} else {
		r.failed = true
	}
	r.hall.log.Warn(what, "room", r.id, "messages", n, "err", err)
}

// storedLocked ends the flight, if it has not ended: the store has it, and pos is behind
// its last message. r.mu must be held.
func (r *Room) storedLocked(pos codec.Position) {
	f := r.flight
	posts := f.posts
	if len(posts) == 0 {
		return
	}
	r.flight = flight{}
	if pos.Epoch != codec.Unnumbered {
		all := span{pos.Epoch, pos.Seq + 1 - uint64(len(posts)), pos.Seq + 1, posts[0].draft.Head}
		n := heardOf(posts)
		if n > 0 {
			r.heard = append(r.heard, span{all.epoch, all.from, all.from + uint64(n), all.head})
		}
		r.setAwaitedLocked(append(r.awaited, stored{all, f.number, posts}))
		if n == 0 || f.came { // else the room has not got there: if its count says so, the store lost the end
			r.forgetPassedLocked(nil)
		}
	} else {
		r.acceptLocked(posts, pos.Seq+1-uint64(len(posts)))
	}
	r.doneLocked(posts)
}

// setAwaitedLocked replaces the batches that must come back. The authors of those too many hear that the store
// has them. r.mu must be held.
func (r *Room) setAwaitedLocked(all []stored) {
	for ; len(all) > maxAwaited; all = all[1:] {
		r.acceptLocked(all[0].posts, all[0].from)
	}
	if len(all) == 0 {
		all = nil
	}
	switch {
	case r.awaited == nil && all != nil:
		r.hall.stats.awaiting.Add(1)
	case r.awaited != nil && all == nil:
		r.hall.stats.awaiting.Add(-1)
	}
	r.awaited = all
}
