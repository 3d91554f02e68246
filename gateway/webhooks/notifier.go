package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"barrage/internal/chat"
	"barrage/internal/once"
	"barrage/internal/remote"
)

// Store is what the notifier needs of the state that all nodes share. redisx satisfies it, and documents more.
type Store interface {
	ReadFeed(ctx context.Context, room, to string, limit int) (chat.Feed, error)
	MoveFeed(ctx context.Context, room, to string, was *chat.Bookmark, now chat.Bookmark) error
	AddNews(ctx context.Context, room, text string) error
	TakeFeeds(ctx context.Context, roster, node string, limit int, birth int64) (chat.Roster, error)
	DueFeeds(ctx context.Context, roster string, rooms []string) error
	DoneFeeds(ctx context.Context, roster string, rooms []chat.Due) error
	LeaveFeeds(ctx context.Context, roster, node string) error
}

const (
	// rosters is how many rosters there are, over all nodes: that many calls are under way at most. With a service that
	// answers in 20 ms they are 20,000 events a second. Nodes of one cluster must agree on it.
	rosters = 4
	// bringEvery is how long rooms are gathered: one call of the store brings all rooms of that time.
	bringEvery = 200 * time.Millisecond
	// mostBrought bounds the rooms of one call of the store.
	mostBrought = 1000
	// mostFresh bounds the rooms that are fresh while the store is away: as many as may be live. Beyond it a room is
	// looked at when it has something new again, and nothing of it is lost.
	mostFresh = 100_000
)

// Notifier sends events to the service. Make it with [New]; a nil Notifier sends nothing. Its methods may be called
// concurrently.
type Notifier struct {
	// Immutable after New.
	cfg    Config
	groups map[string]bool
	to     string // the name of the service in the store
	client *remote.Client
	store  Store
	node   string
	now    func() time.Time
	log    *slog.Logger
	all    [rosters]*roster
	// giveUp is giveUpAfter; tests have less time.
	giveUp time.Duration

	leaving chan struct{}  // closed by Leave
	brought chan struct{}  // closed when the last rooms are in the store, or the context ended
	gone    sync.WaitGroup // the goroutines
	leave   sync.Once
	due     once.Signal // fresh has rooms
	// last ends leaveFor after Leave was called; hurry ends it. Immutable after Run.
	last  context.Context
	hurry context.CancelFunc

	failure once.Failure // of the service

	mu    sync.Mutex               // guards the fields below; a leaf
	fresh map[string]struct{}      // rooms that may have something new
	away  map[string]*once.Failure // of the store, by roster and what it does not do

	counts struct{ sent, calls, failed, retried, lostHistory, lostGivenUp, lostStore, lostBroken atomic.Uint64 }
}

// Stats counts, since the start.
type Stats struct {
	Sent    uint64 // events that the service has taken
	Calls   uint64 // calls, of which Failed were not taken
	Failed  uint64
	Retried uint64 // calls that were not the first with their batch
	// Lost are events that the service will never receive, by why.
	LostHistory, LostGivenUp, LostStore, LostBroken uint64
	// Waiting is how many rooms have something to send, of the rosters that this node has. Oldest is for how long the
	// first of them has waited; Rosters is how many rosters those are.
	Waiting, Rosters int
	Oldest           time.Duration
}

// New makes a notifier of a valid configuration; nil where there is no service. The name node is this node's among
// those that run, now is the time.
func New(cfg Config, store Store, node string, now func() time.Time, log *slog.Logger) *Notifier {
	if cfg.URL == "" {
		return nil
	}
	to := remote.Service{URL: cfg.URL, Secret: cfg.Secret, Now: now, Timeout: cfg.Timeout, Header: http.Header{"Content-Type": {"application/json"}}}
	t := &Notifier{
		cfg: cfg, groups: map[string]bool{}, to: cfg.name(), client: remote.NewClient(to), store: store, node: node, now: now, log: log,
		leaving: make(chan struct{}), brought: make(chan struct{}), due: once.NewSignal(), fresh: map[string]struct{}{},
		away: map[string]*once.Failure{}, giveUp: giveUpAfter,
	}
	for _, group := range cfg.Events {
		t.groups[group] = true
	}
	for i := range t.all {
		t.all[i] = &roster{notifier: t, name: fmt.Sprintf("%s.%d", t.to, i)}
	}
	return t
}

// OnCall has f notified of each call, see [remote.Client]. Call it before Run.
func (t *Notifier) OnCall(f remote.OnCall) { t.client.OnCall = f }

// Run sends events to the service until ctx ends, or until Leave, by goroutines of workers.
func (t *Notifier) Run(ctx context.Context, workers *sync.WaitGroup) {
	if t == nil {
		return
	}
	t.last, t.hurry = context.WithCancel(ctx)
	start := func(f func()) {
		t.gone.Add(1)
		workers.Go(func() {
			defer t.gone.Done()
			f()
		})
	}
	start(func() { t.bringEach(ctx) })
	for _, r := range t.all {
		start(func() { r.run(ctx) })
	}
}

// leaveFor is how long Leave goes on sending to the service, and no call of it longer. Another node goes on at once; to
// a store in memory what is left by then is lost.
const leaveFor = 3 * time.Second

// Leave sends the service what waits in the rosters that this node has, as far as it takes that within [leaveFor]. It
// leaves the rosters to other nodes. It comes after Run and returns when that is done. Events that the service has not
// taken stay where they are: another node sends them, or this one when it is back. A store in memory goes with its
// node.
func (t *Notifier) Leave() {
	if t == nil {
		return
	}
	t.leave.Do(func() {
		close(t.leaving)
		defer time.AfterFunc(leaveFor, t.hurry).Stop()
		t.gone.Wait()
		t.hurry()
		t.client.CloseIdleConnections()
		if n := t.Stats().Waiting; n > 0 {
			t.log.Warn("left before webhooks.url had all events; the next node that has the store goes on", "rooms", n)
		}
	})
}

// Stats counts, since the start.
func (t *Notifier) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	c := &t.counts
	all := Stats{
		Sent: c.sent.Load(), Calls: c.calls.Load(), Failed: c.failed.Load(), Retried: c.retried.Load(),
		LostHistory: c.lostHistory.Load(), LostGivenUp: c.lostGivenUp.Load(), LostStore: c.lostStore.Load(), LostBroken: c.lostBroken.Load(),
	}
	now := t.now().UnixMilli()
	for _, r := range t.all {
		if !r.mine.Load() {
			continue
		}
		all.Rosters++
		all.Waiting += int(r.waiting.Load())
		if oldest := r.oldest.Load(); oldest > 0 {
			all.Oldest = max(all.Oldest, time.Duration(now-oldest)*time.Millisecond)
		}
	}
	return all
}

// Stored notes that a room may have something new in the store. It never blocks.
func (t *Notifier) Stored(room string) {
	if t == nil || !t.cfg.wants(room) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.fresh[room]; !there && len(t.fresh) >= mostFresh {
		return
	}
	t.fresh[room] = struct{}{}
	t.due.Set()
}

// Notify has the service notified of something that is in no history. Its group is group, the event's type kind, its
// name in the room id, and its time at, in Unix ms. The detail is a JSON object that stands in the event under the
// group's name. Notify returns when the store has it; one that the store does not take is counted as lost.
func (t *Notifier) Notify(ctx context.Context, room, group, kind, id string, at int64, detail json.RawMessage) {
	if t == nil || !t.groups[group] || !t.cfg.wants(room) {
		return
	}
	e := &event{Type: kind, ID: roomName(room) + ":" + id, At: at}
	if room != chat.Everywhere {
		e.Room = room
	}
	switch group {
	case GroupModeration:
		e.Moderation = detail
	case GroupHeld:
		e.Held = detail
	}
	if err := t.store.AddNews(ctx, room, string(encode(e))); err != nil {
		t.counts.lostStore.Add(1)
		t.log.Warn("cannot store an event for webhooks.url: it is lost", "room", room, "type", kind, "id", e.ID, "err", err)
		return
	}
	t.Stored(room)
}

// bringEach brings rooms that are fresh to the store.
func (t *Notifier) bringEach(ctx context.Context) {
	defer close(t.brought)
	for leaving := false; !leaving && ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-t.leaving:
			leaving = true
		case <-t.due:
		}
		if !t.bring(ctx) {
			t.due.Set()
		}
		select {
		case <-ctx.Done():
		case <-t.leaving:
		case <-time.After(bringEvery):
		}
	}
}

// bring has the rooms that are fresh be due in the store, and reports whether all is there. Rooms that the store does
// not take stay.
func (t *Notifier) bring(ctx context.Context) bool {
	t.mu.Lock()
	fresh := t.fresh
	t.fresh = make(map[string]struct{})
	t.mu.Unlock()
	var rooms [rosters][]string
	for room := range fresh {
		i := rosterOf(room)
		rooms[i] = append(rooms[i], room)
	}
	all := true
	for i, r := range t.all {
		for part := range slices.Chunk(rooms[i], mostBrought) {
			if !t.did(r.name, "note which rooms have events for webhooks.url", t.store.DueFeeds(ctx, r.name, part)) {
				all = false
				for _, room := range part {
					t.Stored(room)
				}
			}
		}
	}
	return all
}

// rosterOf is the roster that a room is in, on all nodes the same.
func rosterOf(room string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(room))
	return h.Sum32() % rosters
}

// did reports whether the store did something for a roster, and logs once until it does again that it did not. Rosters
// fail by themselves, and their rooms together: an error is another one where its cause is, whichever key it names.
func (t *Notifier) did(roster, what string, err error) bool {
	key := roster + " " + what
	t.mu.Lock()
	f := t.away[key]
	if f == nil {
		f = new(once.Failure)
		t.away[key] = f
	}
	t.mu.Unlock()
	cause := err
	for next := err; next != nil; next = errors.Unwrap(next) {
		cause = next
	}
	if f.IsNew(cause) && !errors.Is(err, context.Canceled) {
		t.log.Warn("cannot "+what+"; trying again", "err", err)
	}
	return err == nil
}
