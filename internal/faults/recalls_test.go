package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/redistest"
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
	// mostRecalls bounds those of a room: nodes remember 512.
	mostRecalls = 200
)

// TestRecalls_HoldThroughFaults has messages taken back before, during and after a fault.
func TestRecalls_HoldThroughFaults(t *testing.T) {
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
		s.joinLate()
		for _, w := range s.wanderers {
			w.leave()
		}
		server.Restart(t) // with what was saved
		s.awaitOvertaken(map[int]bool{0: true, 1: true, 2: true, 3: true})
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
		s := openSite(t, plan{
			nodes: nodes, rooms: rooms, redis: sentinels(group), redisLoses: true, recalls: true, recallsLost: true,
		})
		s.recallSome()
		s.abreast()
		group.Master.Kill(t)
		s.over()
		s.recallSome()
		s.finish(34, "recalls; Sentinel: master killed, replica takes over")
	})
}

// undone knows which messages were taken back, and which nodes were notified.
type undone struct {
	// pausing is held by a recaller while it works, and by the test while none may.
	pausing sync.RWMutex

	mu sync.Mutex // guards the fields below
	// ids are what messages are called on the site, by their keys.
	ids map[msgKey]string
	// tried are those whose recall was asked for, told those that an event reported.
	tried, told map[msgKey]bool
	// answered are those whose recall was answered well; each has its room.
	answered map[msgKey]string
	// heard are, for each node, the recalls that it was notified of.
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

// clone is what is known now, for callers that hold other locks.
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

// hear notes that a node was notified of a recall.
func (u *undone) hear(n *node, ev *chat.Event) {
	if ev.Kind != chat.EventRecall {
		return
	}
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

// lacking is an answered recall that a node was not notified of.
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
	again *shown // the message whose recall it asks for once more
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
	goOn = sync.OnceFunc(s.undone.pausing.Unlock)
	s.t.Cleanup(goOn) // the recallers must end, also where the test fails meanwhile
	return goOn
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

// awaitHeard waits until every node was notified of every recall.
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
		if c.node.site.behind() { // as speakers do: the limit of a machine is no matter here
			i--
			continue
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
	ev, err := c.recall(m)
	switch {
	case errors.Is(err, chat.ErrNoMessage), errors.Is(err, chat.ErrOtherEpoch): // it is not there yet, or was lost
		c.again = nil
	case err != nil:
		c.again = m
	case keyOf(ev.Messages[0]) != m.key:
		c.node.site.t.Errorf("%+v was to be taken back; it was %+v", m, keyOf(ev.Messages[0]))
	default:
		c.node.hall.Recalled(id, ev)
		u.answer(id, &ev)
		u.hear(c.node, &ev)
		c.node.wantGone(m)
		if c.done++; c.again == nil && c.done%recallAgain == 0 {
			c.again = m
		} else {
			c.again = nil
		}
	}
}

// recall asks for one recall: in turn as FastIM clients do, by timestamp, and as those of barrage.v1 do, by number.
func (c *recaller) recall(m *shown) (chat.Event, error) {
	id := roomID(m.room)
	ctx, cancel := context.WithTimeout(context.Background(), recallWithin)
	defer cancel()
	if c.done%2 == 0 || strings.HasPrefix(m.epoch, chat.LocalEpoch) { // local numbers are nobody else's
		return c.node.store.Recall(ctx, id, m.key.user, m.ts)
	}
	return c.node.store.RecallSeq(ctx, id, m.key.user, c.node.hall.Position(id), m.epoch, m.seq, 0)
}

// wantGone: from the answer to a recall on, nobody who comes in is given the message there.
func (n *node) wantGone(m *shown) {
	var native onlooker
	a := n.rooms[m.room].EnterNative(&native.Member, &native, room.Native, room.Since{}, chat.History{})
	defer n.rooms[m.room].Leave(&native.Member)
	for _, msg := range welcomed(a) {
		if (msgKey{msg.UserID, msg.ID}) == m.key {
			n.site.t.Errorf("%s: the welcome of %s has %s, the recall of which was answered", n.name, roomID(m.room), m.id)
		}
	}
}

// checkRecalls: a message whose recall was answered well is on no screen, not in the history and in no welcome. Where
// Redis lost recalls that not all nodes received, the screens of those that did are held to it.
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
	for _, w := range v.wanderers {
		v.checkWanderer(w, u)
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

// checkWelcomes: the welcome of a newcomer has nothing that was taken back, in either protocol.
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
