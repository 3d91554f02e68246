package room

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"barrage/internal/chat"
	"barrage/internal/once"
)

// Store is what rooms need of the state that all nodes share. redisx satisfies it.
// Calls that take a context may block until it ends.
type Store interface {
	// Publish numbers the drafts, appends them to the room's history and notifies every node that is subscribed, as one
	// step, and returns the event. The same batch published again does nothing and returns the same. Behind a later batch
	// of this node in the room an earlier one is not carried out. An error that is chat.ErrRefused says that trying again
	// is no use.
	Publish(ctx context.Context, room string, b chat.Batch) (chat.Stored, error)
	// Report sends the store what this node counts in rooms, and returns where each stands.
	Report(ctx context.Context, node string, reports []chat.Report) ([]chat.Standing, error)
	// Read reads the history of a room that is known to stand at known, the zero value where nothing is known. It returns
	// all messages behind that, and at least the newest ones where there are so many, but no more than most. Where the
	// count is another one it is the newest most. Messages that were taken back are entries without JSON, beside those.
	Read(ctx context.Context, room string, known chat.Position, newest, most int) (chat.History, error)
	// Recall takes the message that user sent at ts back, and notifies every node. Doing it again notifies them again. The
	// error is chat.ErrNoMessage where there is none.
	Recall(ctx context.Context, room, user string, ts int64) (chat.Event, error)
	// Purge takes the messages away that p names, and notifies every node: see redisx.Store. n is how many there were.
	Purge(ctx context.Context, room string, known chat.Position, p chat.Purge) (ev chat.Event, n int, err error)
	// Rules reads the rules of a room, ChangeRules replaces or changes them: see redisx.Store.
	Rules(ctx context.Context, room string) (chat.Rules, error)
	ChangeRules(ctx context.Context, room string, c chat.RulesChange) (chat.Event, error)
	// Screen returns whether drafts of a batch that somebody is to look at are in the room, or have to wait. It leaves
	// their marks: see redisx.Store.
	Screen(ctx context.Context, room, batch string, drafts []chat.Draft) ([]chat.Screened, error)
	// Hold has messages wait for a moderator; dropped is how many others had to go for them. An error with chat.ErrBeside
	// in its chain says that there are no moderators.
	Hold(ctx context.Context, room string, all []chat.Held) (dropped int, err error)
	// SubscribeRoom returns once the room's events reach [Hall.RoomEvent].
	SubscribeRoom(ctx context.Context, room string) error
	// UnsubscribeRoom ends that. It never blocks.
	UnsubscribeRoom(room string)
}

// Clock is the time as lanes see it.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once, d from now, in a goroutine of its own.
	AfterFunc(d time.Duration, f func())
}

// Callbacks are what a hall asks of its surroundings. Every field but Clock may be nil.
type Callbacks struct {
	Clock Clock
	// Authorize is asked before a batch goes to the store: it returns for each author
	// whether the message may go in. It may block until ctx ends, but not with Config.Instant: a poller may wait for it.
	// An error refuses the whole batch for now: it is asked again. It deals with the refused authors itself.
	// While the store is away, members get messages before Authorize is asked.
	Authorize func(ctx context.Context, from []Author) ([]bool, error)
	// Review decides what becomes of messages in rooms that want them reviewed, see chat.Modes; nil: none are. Somebody
	// has come in just now for NewFor.
	Review Reviewer
	NewFor time.Duration
	// OnChange is called when a watched room has new messages or lost one. It is called
	// with the room's lock held: it must not block or call the room.
	OnChange func(r *Room)
	// OnRules is called when a room has other rules, with those about whom measures were taken or lifted. It is called
	// with the room's lock held, as OnChange is.
	OnRules func(r *Room, targets []string)
	// OnHeld is called when a message waits for a moderator, or does no more. It is called with the room's lock held, as
	// OnChange is.
	OnHeld func(r *Room, h *chat.Held, state chat.HeldState)
	// OnHold gets the messages that this node has had wait for a moderator. It may block until ctx ends.
	OnHold func(ctx context.Context, room string, all []chat.Held)
	// OnStored is called when the store may have something new of a room. That is messages of this node, or the coming of
	// its first member here, or the going of its last one. It may be called with the room's lock held: it must not block
	// or call the room.
	OnStored func(room string)
	// For has a call to the store belong to what a message was sent for, of those that have that; nil: to nothing.
	For func(ctx context.Context, from Author) (of context.Context, has bool)
	// NewVolleyWriters makes a VolleyWriter for each of so many lanes, or none: then, and where it is nil, writes go one
	// by one.
	NewVolleyWriters func(lanes int) []VolleyWriter
	// Timings get how long things took.
	Timings Timings
}

const hallShards = 64 // power of two; spreads joins over locks

// Hall is all rooms that are live on a node. Its methods may be called concurrently.
type Hall struct {
	// Immutable after New.
	keys
	node       string
	store      Store
	log        *slog.Logger
	lanes      []*lane
	publishers *queue[*Room]
	reviews    *queue[*Room]   // rooms whose flights wait for a reviewer
	ctx        context.Context // ends at Close; parent of every call to the store
	cancel     context.CancelFunc
	name       string    // begins the ids of messages that come without one
	started    time.Time // see since
	epoch      int64     // Unix seconds at started

	budget    budget
	reporting reporting
	set       atomic.Pointer[settings] // see Reload
	reviewing sync.Once                // starts the reviewers
	workers   sync.WaitGroup           // lanes, publishers, reviewers, reporter
	away      atomic.Bool              // the store takes no calls
	elsewhere elsewhere
	batches   atomic.Uint64 // batches made for the store
	madeIDs   atomic.Uint64 // ids made for messages without one
	due       once.Signal   // wakes the reporter when a second is over
	coarse    atomic.Int64  // the time of the last Tick in seconds, see coarseTime
	ran       atomic.Int64  // coarse without what the node has stood still: by this, members and the store are waited for
	running   running       // it counts ran
	stats     counters

	shards [hallShards]hallShard
}

// settings are what Reload replaces. Nobody changes them.
type settings struct {
	Config
	Callbacks
}

// cfg is what holds now.
func (h *Hall) cfg() *settings { return h.set.Load() }

// Reload has other settings hold from now on. These are OnJoin, Linger, QueueMessages, QueueBytes, QueueAge, UserRate,
// MaxRooms, Storm and Fanout.StuckTimeout of a valid Config, and Review and NewFor of [Callbacks]. All else stays as it
// was for New. Messages that wait stay, also above a bound that is lower now. Where OnJoin is higher, a live room has
// as many once so many came. It must not run beside Close.
func (h *Hall) Reload(cfg Config, review Reviewer, newFor time.Duration) {
	s := *h.cfg()
	s.OnJoin, s.Linger, s.UserRate, s.MaxRooms, s.Storm = cfg.OnJoin, cfg.Linger, cfg.UserRate, cfg.MaxRooms, cfg.Storm
	s.QueueMessages, s.QueueBytes, s.QueueAge = cfg.QueueMessages, cfg.QueueBytes, cfg.QueueAge
	s.Fanout.StuckTimeout = cfg.Fanout.StuckTimeout
	s.Review, s.NewFor = review, newFor
	h.set.Store(&s)
	h.startReviewers()
	h.each(func(r *Room) { // one that is opened meanwhile has it already: each takes the lock that Open holds
		r.mu.Lock()
		r.newest.most, r.welcome = h.keeps(), nil
		r.unlock()
	})
}

// startReviewers starts those who ask, where somebody is asked and they do not run yet.
func (h *Hall) startReviewers() {
	if h.cfg().Review == nil {
		return
	}
	h.reviewing.Do(func() {
		for range reviewers {
			h.workers.Go(h.reviewEach) // ends when Close closes the queue of reviews
		}
	})
}

type hallShard struct {
	mu    sync.Mutex // guards the fields below
	rooms map[string]*Room
}

// New starts a hall over store. Stop it with [Hall.Close]. cfg must be valid.
func New(cfg Config, callbacks Callbacks, store Store, log *slog.Logger) *Hall {
	h := newHall(cfg, callbacks, store, log)
	for _, l := range h.lanes {
		h.workers.Go(l.run) // ends when Close closes the lane's queue
	}
	h.workers.Go(h.reportEach) // ends when Close ends h.ctx
	for range cfg.Publishers {
		h.workers.Go(h.publish) // ends when Close closes the publishers' queue
	}
	h.startReviewers()
	return h
}

// newHall is New without the goroutines; tests step them by hand.
func newHall(cfg Config, callbacks Callbacks, store Store, log *slog.Logger) *Hall {
	h := &Hall{store: store, log: log, publishers: newQueue[*Room](), reviews: newQueue[*Room](), keys: keys{maphash.MakeSeed()}, due: once.NewSignal()}
	h.set.Store(&settings{cfg, callbacks})
	h.node = cmp.Or(cfg.Node, rand.Text()[:12])
	h.budget.most = int64(cfg.Fanout.TotalLogBytes)
	h.name = rand.Text()[:8]
	h.started = callbacks.Clock.Now()
	h.epoch = h.started.Unix()
	h.coarse.Store(h.epoch)
	h.ran.Store(h.epoch)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	lanes := cfg.Fanout.Lanes
	if lanes == 0 {
		lanes = runtime.GOMAXPROCS(0)
	}
	for range lanes {
		h.lanes = append(h.lanes, &lane{queue: newQueue[*part](), most: int(cfg.Fanout.WriteBytes), interval: cfg.Fanout.Interval, clock: callbacks.Clock, hall: h})
	}
	if callbacks.NewVolleyWriters != nil {
		for i, s := range callbacks.NewVolleyWriters(lanes) {
			h.lanes[i].writer, h.lanes[i].volley = s, new(volley)
		}
	}
	for i := range h.shards {
		h.shards[i].rooms = map[string]*Room{}
	}
	return h
}

// Close stops the lanes and publishers and waits for them. Messages that they have not sent by then are lost: call
// [Hall.Flush] before.
func (h *Hall) Close() {
	h.cancel()
	h.publishers.close()
	h.reviews.close()
	for _, l := range h.lanes {
		l.queue.close()
	}
	h.workers.Wait()
	for _, l := range h.lanes {
		l.close()
	}
}

// Node is this node's name, see Config.Node.
func (h *Hall) Node() string { return h.node }

func (h *Hall) shard(id string) (*hallShard, uint64) {
	sum := maphash.String(h.seed, id)
	return &h.shards[sum%hallShards], sum / hallShards
}

// ErrTooManyRooms is in the chain of Open's error where Config.MaxRooms are live.
var ErrTooManyRooms = errors.New("as many rooms are live as may be")

// Full is an error with ErrTooManyRooms in its chain where no further room can be opened, else nil.
func (h *Hall) Full() error {
	if most := h.cfg().MaxRooms; most > 0 && h.stats.rooms.Load() >= int64(most) {
		return fmt.Errorf("%w, %d", ErrTooManyRooms, most)
	}
	return nil
}

// Live reports whether the room is live.
func (h *Hall) Live(id string) bool { return h.lookup(id) != nil }

// Open returns the room, live and loaded; it is made where it did not exist. It
// blocks for the store only when the room is not live yet. Each Open that succeeded
// is followed by one [Room.Release].
func (h *Hall) Open(ctx context.Context, id string) (*Room, error) {
	sh, sum := h.shard(id)
	sh.mu.Lock()
	r := sh.rooms[id]
	if r == nil {
		if err := h.Full(); err != nil && id != chat.Everywhere {
			sh.mu.Unlock()
			return nil, fmt.Errorf("cannot open room %q: %w", id, err)
		}
		r = &Room{id: id, hall: h, home: int(sum % uint64(len(h.lanes))), had: had{keys: h.keys, newest: newest{most: h.keeps()}}, outbox: outbox{tally: &h.stats.tally}, pulse: pulse{at: h.coarse.Load()}}
		sh.rooms[id] = r
		h.countRoom(id, 1)
	}
	r.refs++
	sh.mu.Unlock()
	if err := r.load(ctx); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// Keep has a room that is live and loaded stay so until [Room.LetGo]: no Open waits for the store then. It returns nil
// where there is none. A room that nobody holds does not linger for longer by that.
func (h *Hall) Keep(id string) *Room {
	sh, _ := h.shard(id)
	sh.mu.Lock()
	r := sh.rooms[id]
	if r != nil {
		r.refs++
	}
	sh.mu.Unlock()
	if r != nil && !r.isLoaded() {
		r.LetGo()
		return nil
	}
	return r
}

// LetGo ends what [Hall.Keep] began.
func (r *Room) LetGo() {
	sh, _ := r.hall.shard(r.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r.refs--
}

// countRoom counts a room that goes live, or goes, unless nobody can be in it.
func (h *Hall) countRoom(id string, n int64) {
	if id != chat.Everywhere {
		h.stats.rooms.Add(n)
	}
}

// keeps is how many of a room's newest messages it keeps at least. Beside original nodes they show what members have
// had. When a link is back, events come before the room knows that others were lost, 250 ms at most.
func (h *Hall) keeps() int {
	if h.cfg().NoLocal {
		return max(h.cfg().OnJoin, 256)
	}
	return max(h.cfg().OnJoin, 1)
}

// Release gives back what Open gave. A room that nobody holds goes after
// Config.Linger.
func (r *Room) Release() {
	sh, _ := r.hall.shard(r.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r.refs--
	r.emptySince = r.hall.coarse.Load()
}

// Lookup is the room if it is live, else nil. The caller holds it no longer than a call takes.
func (h *Hall) Lookup(id string) *Room { return h.lookup(id) }

func (h *Hall) lookup(id string) *Room {
	sh, _ := h.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.rooms[id]
}

// each calls f for every live room, without holding a shard's lock.
func (h *Hall) each(f func(*Room)) {
	var rooms []*Room
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		rooms = rooms[:0]
		for _, r := range sh.rooms {
			rooms = append(rooms, r)
		}
		sh.mu.Unlock()
		for _, r := range rooms {
			f(r)
		}
	}
}

// TicksFrom sets when the time until the first Tick begins; before, the hall's making counts.
func (h *Hall) TicksFrom(now time.Time) { h.running.tick(h.since(now), 0) }

// Tick gives the hall the time, about once a second. Rooms that lingered long enough go, and logs that nobody can still
// need are dropped. Calls to the store that failed are tried again, messages that waited too long for it are given up,
// and the reporter has its turn. Ticks come at an interval of every, or at any time where that is 0. One that comes by
// two of them too late found the node standing still: its container was paused, or others had the cores. Then no member
// was given anything, and nobody read the store's answers. stood is for how long it has in all.
func (h *Hall) Tick(now time.Time, every time.Duration) (stood time.Duration) {
	stood = h.running.tick(h.since(now), every)
	coarse, ran := h.coarseTime(now), h.coarseTime(now.Add(-stood))
	h.coarse.Store(coarse)
	h.ran.Store(ran)
	stuck := int64(h.cfg().Fanout.StuckTimeout / time.Second)
	linger := int64(h.cfg().Linger / time.Second)
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.Lock()
		for id, r := range sh.rooms {
			if r.refs == 0 && coarse-r.emptySince >= linger && r.idle() {
				delete(sh.rooms, id)
				r.release()
				h.countRoom(id, -1)
				// Under the lock: an Open that comes right behind must find the
				// subscription gone, so that its own is the later wish.
				h.store.UnsubscribeRoom(id)
			}
		}
		sh.mu.Unlock()
	}
	h.each(func(r *Room) {
		r.mu.Lock()
		for _, st := range r.streams {
			if st != nil {
				st.log.expire(ran - stuck)
			}
		}
		r.expireLocked(now)
		r.outbox.forget(now.UnixMilli(), h.cfg().UserRate)
		r.waitedLocked()
		if r.failed {
			r.failed = false
			if r.hasWorkLocked() {
				r.enqueueLocked()
			}
		}
		r.pulse.tick(coarse)
		r.sendCountersLocked()
		r.sendStormLocked()
		r.unlock()
	})
	h.due.Set()
	return stood
}

// running finds out for how long the node has stood still.
type running struct {
	mu     sync.Mutex    // guards the fields below; a leaf
	ticked time.Duration // the last Tick, see Hall.since
	stood  time.Duration // in all
}

// tick is Hall.Tick at so long since the hall was made.
func (r *running) tick(since, every time.Duration) (stood time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if late := since - r.ticked - every; every > 0 && late > 2*every {
		r.stood += late
	}
	r.ticked = since
	return r.stood
}

// release gives back what the logs of a room that goes hold.
func (r *Room) release() {
	r.mu.Lock()
	defer r.unlock()
	for _, st := range r.streams {
		if st != nil {
			st.log.release()
		}
	}
	r.follower.setEarly(nil)
}

// idle reports whether nothing of the room waits for the store.
func (r *Room) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.queued && r.outbox.size() == 0 && !r.hasWorkLocked()
}

// flushEvery is how often Flush looks.
const flushEvery = 2 * time.Millisecond

// Flush waits until every message that was posted has gone to the store and come back to the members' sockets, or until
// ctx ends. The slow sockets count too.
func (h *Hall) Flush(ctx context.Context) error {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for !h.quiet() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
	return nil
}

// quiet reports whether nothing that was posted is on its way. It goes from the outboxes to the rooms that await an
// event and to the lanes' turns. Where a member is slow, it goes from turn to turn. Each is counted before the one that
// it comes from is done. So they are looked at in that order, and once more while no turn is under way. Beside original
// FastIM nodes members have a message by its event alone, which nobody counts: it may be on its way.
func (h *Hall) quiet() bool {
	if !h.still() {
		return false
	}
	for _, l := range h.lanes {
		l.mu.Lock()
		defer l.mu.Unlock()
	}
	return h.still()
}

func (h *Hall) still() bool {
	return h.stats.tally.posts.Load() == 0 && h.stats.awaiting.Load() == 0 && h.stats.full.Load() == 0 && h.Written()
}

// Written reports whether the lanes have given every member that takes it all that there
// is.
func (h *Hall) Written() bool {
	for _, l := range h.lanes {
		if l.pending.Load() > 0 {
			return false
		}
	}
	return true
}
