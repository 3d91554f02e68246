package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/redistest"
	"barrage/redisx"
	"barrage/room"
)

const (
	// recallEvery is how often a node's recaller takes a message back, in turn in each room.
	recallEvery = 50 * time.Millisecond
	// recallNewest: it is one of so many, the newest that the node's members see.
	recallNewest = 8
	// recallAgain: of so many recalls one is asked for again when it was answered.
	recallAgain = 8
	// recallWithin bounds a call, as the gateway does.
	recallWithin = 5 * time.Second
	// mostRecalls bounds those of a room: nodes remember 256.
	mostRecalls = 200
)

// TestRecalls has messages taken back before, during and after a fault.
func TestRecalls(t *testing.T) {
	t.Parallel()
	t.Run("crash with data", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, keepsAll...)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), recalls: true})
		s.recallSome()
		s.crash(server)
		s.recallSome()
		s.finish(29, "recalls; SIGKILL, started again with its data")
	})
	t.Run("deaf connection", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		p := redistest.StartProxy(t, server.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(0, p.Addr, server.Addr), recalls: true})
		s.recallSome()
		p.Deafen(true)
		s.recallSome()
		eventually(t, "the node finds out that it hears nothing", func() (bool, string) {
			return s.nodes[0].store.State() != nil, ""
		})
		p.Deafen(false)
		s.over()
		s.recallSome()
		s.finish(30, "recalls; a connection that brings no events but lives")
	})
	t.Run("node parted", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		w := newWire(t, server.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(0, w.addr, server.Addr), recalls: true})
		s.recallSome()
		w.cut()
		s.local()
		s.recallSome()
		w.mend()
		s.over()
		s.recallSome()
		s.finish(31, "recalls; one node parted from Redis: connections broken, refused")
	})
	t.Run("old snapshot", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), redisLoses: true, recalls: true})
		s.recallSome()
		command(t, server, "SAVE")
		s.recallSome()
		goOn := s.pauseRecalls()
		s.awaitHeard()
		server.Restart(t) // with what was saved
		s.joinLate()
		goOn()
		s.over()
		s.recallSome()
		s.finish(32, "recalls; SIGKILL, started again with a snapshot that lacked the last messages and recalls")
	})
	t.Run("log of recalls lost", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), recalls: true})
		for range 3 {
			for r := range rooms {
				s.recallSome()
				s.loseKeys(server, "gmr", r)
			}
			s.joinLate()
		}
		s.over()
		s.recallSome()
		s.finish(33, "recalls; the log of recalls of every room deleted, times 3")
	})
	t.Run("sentinel failover", func(t *testing.T) {
		t.Parallel()
		group := redistest.StartSentinels(t)
		behind := func(int) redisx.Config {
			cfg := redisx.DefaultConfig()
			cfg.Addrs, cfg.SentinelMaster = group.Addrs(), redistest.MasterName
			return cfg
		}
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: behind, redisLoses: true, recalls: true, recallsLost: true})
		s.recallSome()
		group.Master.Kill(t)
		s.over()
		s.recallSome()
		s.finish(34, "recalls; Sentinel: master killed, replica takes over")
	})
}

// undone knows which messages were taken back, and who has heard of it.
type undone struct {
	// pausing is held by a recaller while it works, and by the test while none may.
	pausing sync.RWMutex

	mu sync.Mutex // guards the fields below
	// ids are what messages are called on the site, by their keys.
	ids map[msgKey]string
	// tried are those whose recall was asked for, told those of which an event told.
	tried, told map[msgKey]bool
	// answered are those whose recall was answered well; each has its room.
	answered map[msgKey]string
	// heard are, for each node, the recalls that it was told of.
	heard map[*node]map[msgKey]bool
	count map[string]int // of answered, by room
}

// msgKey is what a native client knows a message by.
type msgKey struct{ user, id string }

func newUndone() *undone {
	return &undone{
		ids: map[msgKey]string{}, tried: map[msgKey]bool{}, told: map[msgKey]bool{}, answered: map[msgKey]string{},
		heard: map[*node]map[msgKey]bool{}, count: map[string]int{},
	}
}

// clone is what is known now, for who holds other locks.
func (u *undone) clone() *undone {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := newUndone()
	c.ids, c.tried, c.told, c.answered = maps.Clone(u.ids), maps.Clone(u.tried), maps.Clone(u.told), maps.Clone(u.answered)
	for n, heard := range u.heard {
		c.heard[n] = maps.Clone(heard)
	}
	return c
}

// keyOf is the key of a stored message, or of a husk.
func keyOf(json string) msgKey {
	user, id, ok := codec.SendKey(json)
	if !ok { // beside original nodes
		return msgKey{"", json}
	}
	return msgKey{strings.Trim(user, `"`), strings.Trim(id, `"`)} // nothing in them is escaped here
}

// meet learns what a message is called.
func (u *undone) meet(json string) {
	msg, err := codec.ParseMessage(json)
	if err != nil {
		panic(fmt.Sprintf("BUG: the store took %q: %v", json, err))
	}
	u.name(keyOf(json), idOf(msg.Info))
}

func (u *undone) name(k msgKey, id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ids[k] = id
}

// hear notes that a node was told of a recall.
func (u *undone) hear(n *node, ev *chat.Event) {
	k := keyOf(ev.Messages[0])
	u.mu.Lock()
	defer u.mu.Unlock()
	u.told[k] = true
	if u.heard[n] == nil {
		u.heard[n] = map[msgKey]bool{}
	}
	u.heard[n][k] = true
}

// try notes that a recall is asked for.
func (u *undone) try(k msgKey) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tried[k] = true
}

// answer notes that a recall was answered well.
func (u *undone) answer(id string, ev *chat.Event) {
	k := keyOf(ev.Messages[0])
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.answered[k] == "" {
		u.count[id]++
	}
	u.answered[k] = id
}

// full reports whether enough was taken back in a room.
func (u *undone) full(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.count[id] >= mostRecalls
}

// size is how many recalls were answered well.
func (u *undone) size() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.answered)
}

// lacking is an answered recall that a node was not told of.
func (u *undone) lacking(n *node) (k msgKey, found bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for k := range u.answered {
		if !u.heard[n][k] {
			return k, true
		}
	}
	return k, false
}

// known reports whether the message called id may have been taken back.
func (u *undone) known(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, some := range []map[msgKey]bool{u.tried, u.told} {
		for k := range some {
			if u.ids[k] == id {
				return true
			}
		}
	}
	return false
}

// recaller takes messages back on one node, as the gateway does for their senders.
type recaller struct {
	// Immutable.
	node    *node
	screens []*onlooker // by room: the native members that are there from the beginning
	stop    context.CancelFunc
	ended   chan struct{}

	// Owned by run.
	again *shown // what it asks for once more
	done  int
}

// startRecalls begins to take messages back on every node.
func (s *site) startRecalls() {
	for _, n := range s.nodes {
		ctx, stop := context.WithCancel(context.Background())
		screens := s.onlookers[len(s.recallers)*s.plan.rooms:][:s.plan.rooms]
		c := &recaller{node: n, screens: screens, stop: stop, ended: make(chan struct{})}
		s.recallers = append(s.recallers, c)
		go c.run(ctx) // ends with ctx; stopRecalls waits for it
	}
}

// stopRecalls ends that.
func (s *site) stopRecalls() {
	for _, c := range s.recallers {
		c.stop()
		<-c.ended
	}
}

// pauseRecalls has no message taken back until goOn is called.
func (s *site) pauseRecalls() (goOn func()) {
	s.undone.pausing.Lock()
	return s.undone.pausing.Unlock
}

// recallSome waits until traffic has gone on and some messages more were taken back.
func (s *site) recallSome() {
	s.t.Helper()
	was := s.undone.size()
	s.flow(lot / 2)
	eventually(s.t, "messages are taken back", func() (bool, string) {
		got := s.undone.size() - was
		return got >= 2*rooms, fmt.Sprint(got)
	})
}

// awaitHeard waits until every node was told of every recall.
func (s *site) awaitHeard() {
	s.t.Helper()
	for _, n := range s.alive() {
		eventually(s.t, n.name+" hears of all recalls", func() (bool, string) {
			k, lacks := s.undone.lacking(n)
			return !lacks, fmt.Sprint(k)
		})
	}
}

func (c *recaller) run(ctx context.Context) {
	defer close(c.ended)
	ticker := time.NewTicker(recallEvery)
	defer ticker.Stop()
	for i := c.node.index; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.step(i % len(c.node.rooms))
	}
}

// step asks for one recall, in the room with index r if the last one is done.
func (c *recaller) step(r int) {
	u := c.node.site.undone
	u.pausing.RLock()
	defer u.pausing.RUnlock()
	m := c.again
	if m == nil && !u.full(roomID(r)) {
		m = c.screens[r].pick()
	}
	if m == nil {
		return
	}
	id := roomID(m.room)
	u.try(m.key)
	ctx, cancel := context.WithTimeout(context.Background(), recallWithin)
	defer cancel()
	ev, err := c.node.store.Recall(ctx, id, m.key.user, m.ts)
	switch {
	case errors.Is(err, chat.ErrNoMessage): // it is not there yet, or was lost
		c.again = nil
	case err != nil:
		c.again = m
	default:
		c.node.hall.Recalled(id, ev)
		u.answer(id, &ev)
		u.hear(c.node, &ev)
		if c.done++; c.again == nil && c.done%recallAgain == 0 {
			c.again = m
		} else {
			c.again = nil
		}
	}
}

// onlooker is a native member of one room on one node, which keeps a screen.
type onlooker struct {
	room.Member

	// Immutable.
	node  *node
	room  int
	elder bool

	mu sync.Mutex // guards the fields below
	// epoch and last are where it stands.
	epoch  string
	last   uint64
	screen map[msgKey]*shown
	order  []*shown // all that was ever shown, oldest first
	gaps   []gap
	bad    []string // what frames had wrong
}

// shown is a message on a screen.
type shown struct {
	room int
	key  msgKey
	id   string
	ts   int64
}

// gap is numbers that a onlooker was told it will not get.
type gap struct {
	epoch    string
	from, to uint64
}

var _ room.Socket = (*onlooker)(nil)

// nativeFrame is any frame that a room's stream has.
type nativeFrame struct {
	T        string          `json:"t"`
	Epoch    string          `json:"epoch"`
	Seq      uint64          `json:"seq"`
	From     uint64          `json:"from"`
	To       uint64          `json:"to"`
	UserID   string          `json:"user_id"`
	ID       string          `json:"id"`
	Messages []nativeMessage `json:"messages"`
}

type nativeMessage struct {
	Seq    uint64 `json:"seq"`
	UserID string `json:"user_id"`
	ID     string `json:"id"`
	Body   string `json:"body"`
	TS     int64  `json:"ts"`
}

// view brings a native member into the room with index r.
func (n *node) view(r int, elder bool) *onlooker {
	m := &onlooker{node: n, room: r, elder: elder, screen: map[msgKey]*shown{}}
	a := n.rooms[r].EnterNative(&m.Member, m, room.Native, room.Since{}, chat.History{})
	m.mu.Lock()
	m.epoch, m.last = a.Epoch, a.Seq
	for _, msg := range welcomed(a) {
		m.showLocked(msg)
	}
	m.mu.Unlock()
	n.rooms[r].Attach(&m.Member)
	return m
}

// welcomed are the messages of an arrival.
func welcomed(a room.Arrival) (all []nativeMessage) {
	for _, e := range a.Messages {
		var msg nativeMessage
		if err := json.Unmarshal(codec.AppendNativeMessage(nil, e.Seq, e.JSON), &msg); err != nil {
			panic(fmt.Sprintf("BUG: a welcome has %q: %v", e.JSON, err))
		}
		all = append(all, msg)
	}
	return all
}

// Send takes all frames, as a fast socket does.
func (m *onlooker) Send(p []byte) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	eachFrame(p, m.readLocked)
	return len(p), false
}

// readLocked does what a client does with a frame: numbers go on, or the frame says why not. m.mu must be held.
func (m *onlooker) readLocked(text string) {
	var f nativeFrame
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		m.bad = append(m.bad, fmt.Sprintf("%s: %v", text, err))
		return
	}
	switch f.T {
	case "epoch":
		m.epoch, m.last = f.Epoch, f.Seq
	case "gap":
		if f.From != m.last+1 {
			m.bad = append(m.bad, fmt.Sprintf("%s where %d of %s was due", text, m.last+1, m.epoch))
		}
		m.gaps = append(m.gaps, gap{m.epoch, f.From, f.To})
		m.last = f.To
	case "recalled":
		delete(m.screen, msgKey{f.UserID, f.ID})
	case "batch":
		if m.epoch == "" { // a room without messages has none
			m.epoch = f.Epoch
		}
		if f.Epoch != m.epoch {
			m.bad = append(m.bad, fmt.Sprintf("a batch of %s while in %s", f.Epoch, m.epoch))
		}
		for _, msg := range f.Messages {
			if msg.Seq != m.last+1 {
				m.bad = append(m.bad, fmt.Sprintf("message %d of %s where %d was due", msg.Seq, m.epoch, m.last+1))
			}
			m.last = msg.Seq
			m.showLocked(msg)
		}
	}
}

// showLocked puts a message on the screen. m.mu must be held.
func (m *onlooker) showLocked(msg nativeMessage) {
	s := &shown{room: m.room, key: msgKey{msg.UserID, msg.ID}, id: idOf(msg.Body), ts: msg.TS}
	m.node.site.undone.name(s.key, s.id)
	m.screen[s.key] = s
	m.order = append(m.order, s)
}

// pick is one of the newest messages on the screen; nil where it is empty.
func (m *onlooker) pick() *shown {
	m.mu.Lock()
	defer m.mu.Unlock()
	var newest []*shown
	for _, s := range slices.Backward(m.order) {
		if m.screen[s.key] == s {
			newest = append(newest, s)
		}
		if len(newest) == recallNewest {
			break
		}
	}
	if len(newest) == 0 {
		return nil
	}
	return newest[rand.IntN(len(newest))]
}

// checkRecalls: what was answered to be taken back is on no screen, not in the history and in no welcome.
// Where Redis lost recalls that not all had heard of, the screens of those who had are held to it.
func (v *verdict) checkRecalls() {
	v.t.Helper()
	u := v.undone.clone()
	v.t.Logf("%d recalls were answered well, %d asked for", len(u.answered), len(u.tried))
	for k := range u.answered {
		if at, kept := v.index[u.ids[k]]; kept {
			v.t.Errorf("%s was taken back and is in the history at %d", v.about(u.ids[k]), at+1)
		}
	}
	for _, m := range v.onlookers {
		if !m.node.dead.Load() {
			v.checkViewer(m, u)
		}
	}
	for _, n := range v.alive() {
		for r := range n.rooms {
			v.checkWelcomes(n, r, u)
		}
	}
}

// checkViewer: a native member has each message once, numbers that make sense, and nothing that was taken back.
func (v *verdict) checkViewer(m *onlooker, u *undone) {
	v.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	who := fmt.Sprintf("a native one of %s in %s", m.node.name, roomID(m.room))
	for i, bad := range m.bad {
		if i < 5 {
			v.t.Errorf("%s: got %s", who, bad)
		}
	}
	for k := range m.screen {
		if u.answered[k] != "" && (u.heard[m.node][k] || !v.plan.recallsLost) {
			v.t.Errorf("%s: shows %s, which was taken back; its node was told: %v; it stands at %d of %s",
				who, v.about(u.ids[k]), u.heard[m.node][k], m.last, m.epoch)
		}
	}
	had := map[string]bool{}
	for _, s := range m.order {
		if had[s.id] {
			v.t.Errorf("%s: got %s twice", who, v.about(s.id))
		}
		had[s.id] = true
	}
	for _, id := range v.history[m.room] {
		if m.elder && id != "" && !had[id] {
			v.t.Errorf("%s: lacks %s", who, v.about(id))
		}
	}
	for _, g := range m.gaps {
		for seq := g.from; seq <= g.to && g.epoch == v.epochs[m.room] && !v.plan.redisLoses; seq++ {
			if at := seq - v.first[m.room]; at < uint64(len(v.history[m.room])) && v.history[m.room][at] != "" {
				v.t.Errorf("%s: was told that %d is lost, which is %s", who, seq, v.about(v.history[m.room][at]))
			}
		}
	}
}

// checkWelcomes: what who comes in now is shown first has nothing that was taken back, in either protocol.
func (v *verdict) checkWelcomes(n *node, r int, u *undone) {
	v.t.Helper()
	var native onlooker
	a := n.rooms[r].EnterNative(&native.Member, &native, room.Native, room.Since{}, chat.History{})
	for _, msg := range welcomed(a) {
		if u.answered[msgKey{msg.UserID, msg.ID}] != "" {
			v.t.Errorf("%s: the native welcome of %s has %s, which was taken back", n.name, roomID(r), v.about(idOf(msg.Body)))
		}
	}
	back := map[string]bool{}
	for k := range u.answered {
		back[u.ids[k]] = true
	}
	for _, id := range n.join(r).welcome {
		if back[id] {
			v.t.Errorf("%s: the welcome of %s has %s, which was taken back", n.name, roomID(r), v.about(id))
		}
	}
}
