package room

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/pace"
)

// BatchMessages is how many messages one batch to the store has at most, and one call of a server. They cost Redis
// least then: 2.7 µs a message in batches of 50, 16.7 µs alone (bench/results/redis.txt). They are far below the 8,000
// arguments that a script may unpack.
const BatchMessages = 100

// batchBytes bounds the messages of a batch, but for the first, in bytes.
const batchBytes = 64 << 10

// ErrBusy is returned by [Room.Post] when too many messages wait for the store, in the
// room or on the node.
var ErrBusy = errors.New("room: too many messages wait for the store")

// TooFastError is returned by [Room.Post] when the user sends more than Config.UserRate.
type TooFastError struct {
	Wait time.Duration // after which one more message is taken
}

func (e *TooFastError) Error() string { return "too many at once" }

// Author is who sent a message.
type Author interface {
	// Settled gives the author of a message with an id its outcome. It may not block.
	Settled(a Outcome)
}

// Known is an author that Config.UserRate knows by another name than its user's, "" for one that it does not know.
type Known interface {
	Author
	// RateName may not block.
	RateName() string
}

// Outcome is what became of a message with an id, for its author.
type Outcome struct {
	ID string
	// Code is why it was not taken, "" where it was: then Seq and TS are the message's. Seq counts
	// in Epoch; it is 0 where it has no number any more.
	Code  string
	Epoch string
	Seq   uint64
	TS    int64
	// Before: the store had it already, from its sender, by another try than this.
	Before bool
	// Wait is after what time trying again makes sense, with CodeRateLimited.
	Wait time.Duration
}

// settled is an outcome and its author, who is to get it.
type settled struct {
	author  Author
	outcome Outcome
	at      time.Duration // when the message came, as the hall counts time
}

// end is how a post left the outbox. There are no others (I2).
type end uint8

const (
	notYet      end = iota
	arrived         // the store has it, under the number that it was answered with
	repeated        // the store had it before, under the same id
	refused         // the store does not take it, or its sender may not, or sends too much
	expired         // it waited too long, and the store was never asked
	unconfirmed     // it waited too long, and the store may have it or not
)

// post is one message on its way to the store.
//
//	waiting ── cut into a batch, authorized ──► flying ──► one of five ends
type post struct {
	draft chat.Draft
	key   key
	from  Author
	at    time.Duration // when it came, as the hall counts time
	hold  chat.HeldWhy  // why it is to wait for a moderator; empty: it is not
	ahead bool          // the members of this node received it first
	quiet bool          // they do not, whatever happens
	// screened: the store has let it through to the one who is to look at it, and has its marks.
	screened bool
	// reviewed: the verdict of the review is carried out.
	reviewed bool
	asked    bool // from is whom Callbacks.Authorize is asked about
	end      end
}

// flight is one batch.
type flight struct {
	id         string // see chat.Batch
	posts      []post
	open       int  // how many have not ended
	authorized bool // Callbacks.Authorize has let all of them in
	judged     bool // by the rules below; else they have changed, or nobody has looked yet
	rules      string
	tries      int   // times that it was given to the store
	since      int64 // hall.ran when it was cut, or when the store came back
}

// outbox is what of a room is on its way to the store. It knows no room; posts that have ended stand in
// over until somebody takes it. The zero value is empty.
type outbox struct {
	// waiting is bounded by Config.QueueMessages together with flight.
	waiting []post
	// flight is the batch under way, or the one to be tried again. Only the publisher that serves the
	// room changes which posts it has. Without posts there is none.
	flight flight
	// sending: a publisher has flight in its hands.
	sending bool
	// reviewing: it is under review; then no publisher takes it.
	reviewing bool
	// ahead is how many posts that have not ended members of this node received first.
	ahead int
	// users are those who have posts that have not ended, or have sent something lately; bytes is how large those posts
	// are.
	users map[string]userPosts
	bytes int64
	over  over
	tally *tally
}

// over is what has ended since the room was locked. The tally's posts have it until it is unlocked, see Room.unlock.
type over struct {
	settled []settled
	posts   int64
}

// notify gives authors their outcomes, and takes what has ended off the tally.
func (e *over) notify(t *tally) {
	for _, a := range e.settled {
		a.author.Settled(a.outcome)
	}
	if e.posts > 0 {
		t.posts.Add(-e.posts)
	}
}

// userPosts is what a user sends to the room.
type userPosts struct {
	posts int       // that have not ended
	used  pace.Used // of Config.UserRate
}

// tally counts what waits in all outboxes of a hall. All atomic.
type tally struct {
	posts, bytes                               atomic.Int64
	expired, localOnly, unconfirmed            atomic.Uint64
	refusedUnauthorized, refusedStore, repeats atomic.Uint64
	refusedRate, refusedRules                  atomic.Uint64
	shed                                       [shedReasons][chat.ClassSystem]atomic.Uint64
}

// size is how many posts have not ended.
func (o *outbox) size() int { return len(o.waiting) + o.flight.open }

// add puts a post behind the others.
func (o *outbox) add(p post) {
	o.waiting = append(o.waiting, p)
	size := int64(p.draft.Size())
	o.bytes += size
	u := o.users[p.draft.UserID]
	u.posts++
	o.setUser(p.draft.UserID, u)
	o.tally.posts.Add(1)
	o.tally.bytes.Add(size)
}

// A queue is shared, so that a user who floods is the one who is refused. A user may have one in fairShare of a room's
// where that is half full. A room may have one in fairShare of the node's where that is a quarter full: rooms are
// fewer, and larger. The last quarter is for those who are quiet. These are users who have nothing waiting, so that a
// thousand fill it together, and rooms that have less than one in quietShare. That is 64 KiB of 64 MiB, some hundred
// messages. Queues below smallQueue and smallBytes are not shared: a part of them is nothing.
const (
	fairShare  = 16
	quietShare = 1024
	smallQueue = 256
	smallBytes = 1 << 20
)

// takes reports whether there is a place for one more post of a user, in the room and on the node. The room may have
// most posts, and all rooms of the node together mostBytes.
func (o *outbox) takes(user string, most int, mostBytes int64) bool {
	n, all := o.size(), o.tally.bytes.Load()
	if n >= most || all >= mostBytes {
		return false
	}
	crowded := most >= smallQueue && 2*n >= most && int64(o.users[user].posts) >= share(int64(n), int64(most), 1)
	crowding := mostBytes >= smallBytes && 4*all >= mostBytes && o.bytes >= share(all, mostBytes, mostBytes/quietShare)
	return !crowded && !crowding
}

// share is what one may have of a queue that has all of most; quiet is what one may have of its last quarter.
func share(all, most, quiet int64) int64 {
	if 4*all >= 3*most {
		return quiet
	}
	return most / fairShare
}

// paced takes one message of a user's rate at ts in Unix ms, or returns how long to wait until it could.
func (o *outbox) paced(user string, ts int64, rate pace.Rate) (wait time.Duration) {
	if user == "" {
		return 0
	}
	u := o.users[user]
	if wait = rate.Take(&u.used, uint32(ts), 1); wait == 0 {
		o.setUser(user, u)
	}
	return wait
}

// setUser remembers what there is to know of a user.
func (o *outbox) setUser(user string, u userPosts) {
	switch {
	case u == userPosts{}:
		delete(o.users, user)
	case o.users == nil:
		o.users = map[string]userPosts{user: u}
	default:
		o.users[user] = u
	}
}

// forget drops those users whose rate is unused at ts.
func (o *outbox) forget(ts int64, rate pace.Rate) {
	for user, u := range o.users {
		if u.used != 0 && rate.Ahead(u.used, uint32(ts)) == 0 {
			u.used = 0
			o.setUser(user, u)
		}
	}
}

// takeOver makes from the author of the message that waits under the id of d, if one does. Its sender was cut, came
// back and sends it again. A sender that comes back often takes one place.
func (o *outbox) takeOver(from Author, d *chat.Draft) bool {
	if d.ID == "" {
		return false
	}
	for _, posts := range [][]post{o.flight.posts, o.waiting} {
		i := slices.IndexFunc(posts, func(p post) bool {
			return p.end == notYet && p.draft.ID == d.ID && p.draft.UserID == d.UserID
		})
		if i >= 0 {
			posts[i].from, posts[i].asked = from, false
			return true
		}
	}
	return false
}

// cut makes the next flight where none is under way; name gives it its id.
func (o *outbox) cut(now int64, authorized bool, name func() string) {
	if o.flight.open > 0 || len(o.waiting) == 0 {
		return
	}
	n, size := 0, 0
	for n < len(o.waiting) && n < BatchMessages {
		size += o.waiting[n].draft.Size()
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	o.flight = flight{id: name(), posts: o.waiting[:n:n], open: n, authorized: authorized, since: now}
	if o.waiting = o.waiting[n:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
}

// finish ends a post, unless it has ended.
func (o *outbox) finish(p *post, how end, a Outcome) {
	if p.end != notYet {
		return
	}
	p.end = how
	size := int64(p.draft.Size())
	o.over.posts++
	o.bytes -= size
	o.tally.bytes.Add(-size) // at once: an author that gets the outcome has room for the next one
	u := o.users[p.draft.UserID]
	u.posts--
	o.setUser(p.draft.UserID, u)
	if p.ahead {
		o.ahead--
	}
	if (p.draft.ID != "" || p.draft.Held() != "") && p.from != nil {
		a.ID = p.draft.ID
		o.over.settled = append(o.over.settled, settled{p.from, a, p.at})
	}
}

// finishFlight ends what has not ended of the flight, and the flight.
func (o *outbox) finishFlight(how end, a Outcome) (n int) {
	n = o.flight.open
	for i := range o.flight.posts {
		o.finish(&o.flight.posts[i], how, a)
	}
	o.flight = flight{}
	return n
}

// land ends post i of the flight, and the flight with its last one.
func (o *outbox) land(i int, how end, a Outcome) {
	if o.flight.posts[i].end != notYet {
		return
	}
	o.finish(&o.flight.posts[i], how, a)
	if o.flight.open--; o.flight.open == 0 {
		o.flight = flight{}
	}
}

// landFlight ends what the store has answered of the flight with the id. The result ok is false where that flight has
// ended: its event was here first, or the history. Messages in again are those that the store had before and that
// members lack, unless an event or the history has brought them. An earlier try has stored them, or they lie behind at,
// where the room stands, or in another epoch. Their Seq is 0 where they have no number any more.
func (o *outbox) landFlight(id string, stored *chat.Stored, at chat.Position) (again []chat.Entry, ok bool) {
	if o.flight.id != id {
		return nil, false
	}
	tries, code := o.flight.tries, ""
	if stored.Doubtful {
		code = CodeUnconfirmed
	}
	o.tally.repeats.Add(uint64(len(stored.Repeats)))
	repeats, refusals, seq, next := stored.Repeats, stored.Refused, stored.Event.Seq, 0
	for i := 0; i < len(o.flight.posts); i++ { // the last one to land takes the flight away
		if len(repeats) > 0 && repeats[0].Index == i {
			p := &o.flight.posts[i]
			mine := tries > 1 && repeats[0].TS >= p.draft.TS // else somebody else's was first
			if p.end == notYet && (mine || repeats[0].Seq > 0 && (stored.Event.Epoch != at.Epoch || repeats[0].Seq > at.Seq)) {
				again = append(again, chat.Entry{Seq: repeats[0].Seq, JSON: p.draft.JSON(repeats[0].TS)})
			}
			o.land(i, repeated, Outcome{Code: code, Epoch: stored.Event.Epoch, Seq: repeats[0].Seq, TS: repeats[0].TS, Before: !mine})
			repeats = repeats[1:]
			continue
		}
		if len(refusals) > 0 && refusals[0].Index == i {
			o.refuse(i, Outcome{Code: markCode(refusals[0].Mark), Wait: refusals[0].Wait})
			refusals = refusals[1:]
			continue
		}
		if next >= len(stored.Event.Messages) {
			break // a store that answers for less than it was given: the rest is tried again
		}
		o.land(i, arrived, Outcome{Code: code, Epoch: stored.Event.Epoch, Seq: seq, TS: codec.Timestamp(stored.Event.Messages[next])})
		seq, next = seq+1, next+1
	}
	return again, true
}

// refuse ends post i of the flight: the room's rules forbid it, or its user sends too much, or the room has too much.
func (o *outbox) refuse(i int, a Outcome) {
	o.alone(i)
	switch class := o.flight.posts[i].draft.Class; {
	case a.Code == CodeRateLimited:
		o.tally.refusedRate.Add(1)
	case a.Code != CodeShed:
		o.tally.refusedRules.Add(1)
	case class < chat.ClassSystem:
		o.tally.shed[byQuota][class].Add(1)
	}
	o.land(i, refused, a)
}

// alone counts post i of the flight as received by nobody else, if members here have received it.
func (o *outbox) alone(i int) {
	if o.flight.posts[i].ahead && o.flight.posts[i].end == notYet {
		o.tally.localOnly.Add(1)
	}
}

// compact takes out of the flight what has ended. Nobody may have it in his hands.
func (o *outbox) compact() {
	f := &o.flight
	if f.open < len(f.posts) {
		f.posts = slices.DeleteFunc(slices.Clone(f.posts), func(p post) bool { return p.end != notYet })
	}
}

// met ends those of the flight's posts that came from the store as entries of an epoch: its answer was slow, or lost.
func (o *outbox) met(epoch string, entries []chat.Entry, keyOf func(string) key) {
	if o.flight.tries == 0 {
		return
	}
	next := 0 // the flight's own come in its order
	for i := range entries {
		if o.flight.open == 0 {
			return
		}
		ts := codec.Timestamp(entries[i].JSON)
		if j := o.flight.find(next, keyOf(entries[i].JSON), ts); j >= 0 {
			o.land(j, arrived, Outcome{Epoch: epoch, Seq: entries[i].Seq, TS: ts})
			next = j + 1
		}
	}
}

// find is the place of a post that has not ended, by its key and a time near its own, -1 where there is none. It looks
// from a place on, and then before that.
func (f *flight) find(from int, k key, ts int64) int {
	for i := range f.posts {
		j := (from + i) % len(f.posts)
		if p := &f.posts[j]; p.end == notYet && p.key == k && same(p.draft.TS, ts) {
			return j
		}
	}
	return -1
}

// expire gives up what came before oldest, but for a flight that a publisher or a reviewer has in its hands. It
// returns how many posts that were, and how many of them the store may have.
func (o *outbox) expire(oldest time.Duration) (n, doubtful int) {
	ahead := o.ahead
	if f := &o.flight; f.open > 0 && !o.sending && !o.reviewing && f.posts[0].at < oldest {
		if f.tries > 0 {
			doubtful = o.finishFlight(unconfirmed, Outcome{Code: CodeUnconfirmed})
			ahead = o.ahead // members here received some of these, others may yet
		} else {
			n = o.finishFlight(expired, Outcome{Code: CodeExpired})
		}
	}
	late := 0
	for late < len(o.waiting) && o.waiting[late].at < oldest {
		o.finish(&o.waiting[late], expired, Outcome{Code: CodeExpired})
		late++
	}
	if o.waiting = o.waiting[late:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
	n += late
	o.tally.unconfirmed.Add(uint64(doubtful))
	o.tally.localOnly.Add(uint64(ahead - o.ahead))
	o.tally.expired.Add(uint64(n - (ahead - o.ahead)))
	return n + doubtful, doubtful
}

// ask returns whom Callbacks.Authorize is to be asked about, none where it was asked before.
func (o *outbox) ask() []Author {
	if o.flight.authorized {
		return nil
	}
	from := make([]Author, len(o.flight.posts))
	for i := range o.flight.posts {
		from[i], o.flight.posts[i].asked = o.flight.posts[i].from, true
	}
	return from
}

// keepAllowed takes those posts out of the flight whose senders may not; they know. Where somebody has taken a message
// over from one of them meanwhile, the flight has to ask again.
func (o *outbox) keepAllowed(ok []bool) {
	var in []post
	all := true
	for i := range o.flight.posts {
		p := &o.flight.posts[i]
		if ok[i] || !p.asked {
			in, all = append(in, *p), all && ok[i]
			continue
		}
		p.from = nil
		o.finish(p, refused, Outcome{})
		o.tally.refusedUnauthorized.Add(1)
	}
	o.flight.posts, o.flight.open, o.flight.authorized = in, len(in), all
	if len(in) == 0 {
		o.flight = flight{}
	}
}

// goAhead marks all that waits as ahead of the store, but what is quiet, and returns what was not before, oldest first.
// A post gets the timestamp that stamp makes of its own, and keeps it. A batch that may be under way stays as it is.
// Its posts are shown with what the store makes of theirs, as far as stamp knows. Those are fixed.
func (o *outbox) goAhead(stamp func(d *chat.Draft, fixed bool) int64) (entries []chat.Entry) {
	for k, posts := range [][]post{o.flight.posts, o.waiting} {
		fixed := k == 0 && o.flight.tries > 0
		for i := range posts {
			p := &posts[i]
			if p.ahead || p.quiet || p.end != notYet {
				continue
			}
			p.ahead = true
			o.ahead++
			ts := stamp(&p.draft, fixed)
			if !fixed {
				p.draft.TS = ts
			}
			entries = append(entries, chat.Entry{JSON: p.draft.JSON(ts)})
		}
	}
	return entries
}
