package faults

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/chat"
	"barrage/internal/child"
	"barrage/redisx"
	"barrage/room"
)

const (
	// patience is how long a test waits for what must happen.
	patience = 30 * time.Second
	// postEvery is how often the writers of a node post, in turn, each time to the next room.
	postEvery = 5 * time.Millisecond
	// paddedEvery: of so many messages of a writer one is as large as the test wants it.
	paddedEvery = 21
	// historyMessages is more than a test posts to a room, so that nothing is trimmed.
	historyMessages = 100_000
)

// keepsAll has a Redis write to its file before it answers. By default it waits with that for up to 2 s while a sync of
// the file is under way, on a busy disk. Changes that it answered meanwhile are lost when it is killed.
var keepsAll = []string{"--appendonly", "yes", "--appendfsync", "always"}

// plan is what a site is made of.
type plan struct {
	nodes, rooms int
	// every is how often the writers of a node post; 0: postEvery.
	every time.Duration
	// redis is how the node with this index reaches Redis.
	redis func(node int) redisx.Config
	// change is given the settings of the node with this index; nil: they stay.
	change func(node int, cfg *room.Config)
	// ahead is how far the clock of the node with this index is ahead; nil: none is.
	ahead func(node int) time.Duration
	// redisLoses: the fault makes Redis lose what it had acknowledged.
	redisLoses bool
	// recalls: every node has native members too, and messages are taken back while they talk.
	recalls bool
	// recallsLost: the fault makes Redis lose recalls that not all nodes have received.
	recallsLost bool
}

// site is some nodes that share a Redis, see the package comment.
type site struct {
	t      *testing.T
	plan   plan
	nodes  []*node
	ledger *ledger
	logs   *child.Tail
	// elders were there from the beginning, late ones came meanwhile.
	elders, late []*member
	// speakers are the writers that speak barrage.v1, one from each node.
	speakers []*speaker
	// recallers are one on each node, onlookers the native members, both where the plan has recalls.
	recallers []*recaller
	onlookers []*onlooker
	// wanderers are native, too: one a room, who leave and come back with their place.
	wanderers []*wanderer
	undone    *undone
	// padding is how many bytes longer than needed each paddedEvery-th message is. Atomic.
	padding atomic.Int64
}

// node is a Barrage node without its sockets.
type node struct {
	site    *site
	name    string
	index   int
	clock   clock
	store   *redisx.Redis
	hall    *room.Hall
	rooms   []*room.Room
	closing sync.Once

	dead atomic.Bool // killed by the test, which is no longer interested in it

	// healed is when the fault was over, Unix milliseconds; 0 = not yet. Atomic.
	healed atomic.Int64
	// recovered is, for each room, when a message of another node came that was posted
	// after that, Unix nanoseconds; 0 = none yet. Atomic.
	recovered []atomic.Int64
	heard     atomic.Int64 // messages that elders were given

	stopTicker, stopWriter context.CancelFunc
	ticking                sync.WaitGroup
	// wrote is closed when the FastIM writer has ended.
	wrote chan struct{}

	// Owned by the FastIM writer until wrote is closed.
	posted  []string // ids that Room.Post took
	refused int      // posts that it did not take
}

// roomID is the id of the site's room with this index.
func roomID(i int) string { return fmt.Sprintf("room-%d", i) }

// openSite starts the nodes with one member in every room each, and their writers.
func openSite(t *testing.T, p plan) *site {
	t.Helper()
	s := &site{t: t, plan: p, ledger: newLedger(), logs: &child.Tail{Least: 32 << 10}, undone: newUndone()}
	t.Cleanup(func() {
		s.stopRecalls()
		for _, p := range s.speakers {
			p.stopLiving()
			<-p.ended
		}
		for _, n := range s.nodes {
			n.close()
		}
		if t.Failed() {
			t.Logf("the nodes' last words:\n%s", s.logs)
		}
	})
	for i := range p.nodes {
		s.nodes = append(s.nodes, s.openNode(i))
	}
	for _, n := range s.nodes {
		for i := range p.rooms {
			s.elders = append(s.elders, n.join(i))
			if p.recalls {
				s.onlookers = append(s.onlookers, n.view(i, true))
			}
		}
	}
	for _, n := range s.nodes {
		n.start()
		p := newSpeaker(n)
		s.speakers = append(s.speakers, p)
		go p.run() // ends with its contexts; the cleanup waits for it
	}
	if p.recalls {
		s.startRecalls()
		s.startWanderers()
	}
	return s
}

// openNode starts a node and waits until it can use Redis.
func (s *site) openNode(i int) *node {
	s.t.Helper()
	n := &node{site: s, name: fmt.Sprintf("n%d", i), index: i, recovered: make([]atomic.Int64, s.plan.rooms)}
	if s.plan.ahead != nil {
		n.clock.ahead = s.plan.ahead(i)
	}
	log := slog.New(slog.NewTextHandler(s.logs, nil)).With("node", n.name)
	cfg := room.DefaultConfig()
	cfg.Node = n.name
	cfg.Publishers = 8
	cfg.Fanout.LogBytes = 64 << 20 // so that nobody skips what comes at once
	if s.plan.change != nil {
		s.plan.change(i, &cfg)
	}
	limits := redisx.Limits{HistoryMessages: historyMessages, HistoryTTL: 24 * time.Hour}
	n.store = redisx.NewRedis(s.plan.redis(i), limits, log)
	n.hall = room.New(cfg, room.Callbacks{Clock: n.clock}, recorder{n.store, n}, log)
	n.store.Start(handler{n.hall, n})
	eventually(s.t, n.name+" can use Redis", func() (bool, string) {
		err := n.store.State()
		return err == nil, fmt.Sprint(err)
	})
	for r := range s.plan.rooms {
		opened, err := n.hall.Open(s.t.Context(), roomID(r))
		if err != nil {
			s.t.Fatal(err)
		}
		n.rooms = append(n.rooms, opened)
	}
	return n
}

// start begins to give the hall the time, and to post.
func (n *node) start() {
	var ticking, writing context.Context
	ticking, n.stopTicker = context.WithCancel(context.Background())
	writing, n.stopWriter = context.WithCancel(context.Background())
	n.wrote = make(chan struct{})
	n.ticking.Go(func() { n.tick(ticking) }) // ends with ticking; close waits for it
	go func() {                              // ends with writing; stopWriting waits for it
		defer close(n.wrote)
		n.write(writing)
	}()
}

// join brings a member into the room with index r.
func (n *node) join(r int) *member {
	n.site.t.Helper()
	m := &member{node: n, room: r}
	frame := n.rooms[r].Enter(&m.Member, m)
	eachFrame(frame, func(payload string) {
		var first struct{ List []chat.Message }
		if err := json.Unmarshal([]byte(payload), &first); err != nil {
			n.site.t.Fatalf("welcome %q: %v", payload, err)
		}
		for _, msg := range first.List {
			m.welcome = append(m.welcome, idOf(msg.Info))
		}
	})
	n.rooms[r].Attach(&m.Member)
	return m
}

// joinLate brings one more member into the first room on every node that lives. Wanderers leave, or come back.
func (s *site) joinLate() {
	s.t.Helper()
	for _, n := range s.alive() {
		s.late = append(s.late, n.join(0))
		if s.plan.recalls {
			s.onlookers = append(s.onlookers, n.view(0, false))
		}
	}
	s.wander()
}

// alive are the nodes that were not killed.
func (s *site) alive() []*node {
	var all []*node
	for _, n := range s.nodes {
		if !n.dead.Load() {
			all = append(all, n)
		}
	}
	return all
}

// next is the node behind n that lives.
func (s *site) next(n *node) *node {
	all := s.alive()
	for _, o := range all {
		if o.index > n.index {
			return o
		}
	}
	return all[0]
}

// heardOf notes a message that a member was given. Messages of speakers may be this node's wherever they began.
func (n *node) heardOf(msg chat.Message, now time.Time) {
	n.heard.Add(1)
	healed := n.healed.Load()
	if healed == 0 || msg.UserID == n.name || strings.HasPrefix(msg.UserID, "s") {
		return
	}
	from := slices.IndexFunc(n.site.nodes, func(o *node) bool { return o.name == msg.UserID })
	if msg.TS-n.site.nodes[from].clock.ahead.Milliseconds() > healed {
		n.recovered[roomIndex(msg.GroupID)].CompareAndSwap(0, now.UnixNano())
	}
}

// tick gives the hall the time until ctx ends.
func (n *node) tick(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			n.hall.Tick(n.clock.Now(), time.Second)
		}
	}
}

// flow waits until on every node that lives so many messages more were given to members.
// It is what a test counts time by.
func (s *site) flow(messages int64) {
	s.t.Helper()
	goals := map[*node]int64{}
	for _, n := range s.alive() {
		goals[n] = n.heard.Load() + messages
	}
	eventually(s.t, fmt.Sprintf("%d more messages were delivered on every node", messages), func() (bool, string) {
		for n, goal := range goals {
			if got := n.heard.Load(); got < goal {
				return false, fmt.Sprintf("%s lacks %d; %v", n.name, goal-got, n.store.State())
			}
		}
		return true, ""
	})
}

// linksMade is how often each node that lives had its subscriptions anew, or dropped an event.
func (s *site) linksMade() (made []uint64) {
	for _, n := range s.alive() {
		c := n.store.Stats()
		made = append(made, c.Reconnects+c.Rebuilt+c.Dropped)
	}
	return made
}

// abreast waits until all nodes have come as far as Redis had. It is for tests that have Redis lose what it has. A node
// that was about to read lacks it then, and not the end alone. Such a node is one whose link broke while another one
// was waited for. So the positions of Redis are read again where a link was made meanwhile. Else it is not: speakers go
// on, and on a busy machine nobody is ever as far as Redis is by now.
func (s *site) abreast() {
	s.t.Helper()
	var had []chat.Position // shorter than there are rooms: to be read
	var made []uint64
	eventually(s.t, "all nodes have come as far as Redis", func() (bool, string) {
		if now := s.linksMade(); !slices.Equal(made, now) {
			had, made = nil, now
		}
		for r := len(had); r < s.plan.rooms; r++ {
			h, err := s.alive()[0].store.Read(s.t.Context(), roomID(r), chat.Position{}, 1, 1)
			if err != nil {
				had = nil
				return false, fmt.Sprint(err)
			}
			had = append(had, h.Position)
		}
		for _, n := range s.alive() {
			for r, want := range had {
				at := n.hall.Position(roomID(r))
				if at.Epoch != want.Epoch { // one may have begun since
					had = nil
				}
				if n.store.State() != nil || at.Epoch != want.Epoch || at.Rev < want.Rev {
					return false, fmt.Sprintf("%s is at %+v of %+v in %s; %v", n.name, at, want, roomID(r), n.store.State())
				}
			}
		}
		return slices.Equal(made, s.linksMade()), "a link was made anew"
	})
}

// over notes that the fault is over, once.
func (s *site) over() {
	now := time.Now().UnixMilli()
	for _, n := range s.nodes {
		n.healed.Store(now)
	}
}

// recovery waits until in each room every node has received a message of another one that was posted after the fault.
// It returns how long after the fault that was.
func (s *site) recovery() time.Duration {
	s.t.Helper()
	var longest time.Duration
	for _, n := range s.alive() {
		for i := range n.recovered {
			eventually(s.t, "new messages of other nodes reach "+n.name+" in "+roomID(i), func() (bool, string) {
				return n.recovered[i].Load() > 0, fmt.Sprint(n.store.State(), ", nobody posts: ", s.behind(), ", ", n.hall.Stats())
			})
			took := time.Unix(0, n.recovered[i].Load()).Sub(time.UnixMilli(n.healed.Load()))
			longest = max(longest, took)
		}
	}
	return longest
}

// close ends a node, once.
func (n *node) close() {
	n.closing.Do(func() {
		if n.wrote != nil {
			n.stopTicker()
			n.ticking.Wait()
			n.stopWriting()
		}
		n.hall.Close()
		n.store.Close()
	})
}

// clock is the machine's, set ahead by so much.
type clock struct{ ahead time.Duration }

// Now is the time that it shows.
func (c clock) Now() time.Time { return time.Now().Add(c.ahead) }

// AfterFunc is elapsed time, which is the same for all.
func (clock) AfterFunc(d time.Duration, f func()) { time.AfterFunc(d, f) }

// writeEvery is how often one of a node's two writers posts.
func (s *site) writeEvery() time.Duration { return 2 * cmp.Or(s.plan.every, postEvery) }

// pad is what follows the id in a writer's i-th message.
func (s *site) pad(i int) string {
	if i%paddedEvery != 0 {
		return ""
	}
	return "|" + strings.Repeat("x", int(s.padding.Load()))
}

// write posts as FastIM clients do until ctx ends.
func (n *node) write(ctx context.Context) {
	ticker := time.NewTicker(n.site.writeEvery())
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if n.site.behind() {
			i-- // posted later
			continue
		}
		r := i % len(n.rooms)
		id := fmt.Sprintf("%s-%d-%d", n.name, r, i/len(n.rooms))
		switch err := n.rooms[r].Post(nil, n.name, id+n.site.pad(i), n.clock.Now()); {
		case err == nil:
			n.posted = append(n.posted, id)
		case errors.Is(err, room.ErrBusy), leftOut(err):
			n.refused++
		default:
			n.site.t.Errorf("Post: %v", err)
		}
	}
}

// leftOut reports whether a room had no place for a post: a short queue is half full for a second on a busy machine.
func leftOut(err error) bool {
	var r *room.RefusedError
	return errors.As(err, &r) && r.Code == room.CodeShed
}

// behindMost is how many messages, each for each member, may be on their way from a node's logs.
const behindMost = 100

// behind reports whether a node does not keep up. Then nobody posts: the limit of a machine is no matter here.
func (s *site) behind() bool {
	for _, n := range s.alive() {
		if c := n.hall.Stats(); c.Offered > c.Sent+c.Skipped+c.Left+behindMost*uint64(c.Members) {
			return true
		}
	}
	return false
}

// eventually is [await.True] with this package's patience.
func eventually(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	await.True(t, patience, what, ok)
}
