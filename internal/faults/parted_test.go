package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/internal/chat"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// TestParted_MembersMissOrDoubleNothing has node 0 parted from Redis, and node 2 killed.
func TestParted_MembersMissOrDoubleNothing(t *testing.T) {
	t.Parallel()
	t.Run("node parted, connections broken", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		w := newWire(t, server.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(0, w.addr, server.Addr)})
		s.flow(lot)
		w.cut()
		s.local()
		w.mend()
		s.over()
		s.finish(12, "one node parted from Redis: connections broken, refused")
	})
	t.Run("node parted, silence", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		p := redistest.StartProxy(t, server.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(0, p.Addr, server.Addr)})
		s.flow(lot)
		p.Cut(true)
		s.local()
		p.Cut(false)
		s.over()
		s.finish(13, "one node parted from Redis: nothing comes, connections stay")
	})
	t.Run("deaf connection", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		p := redistest.StartProxy(t, server.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(0, p.Addr, server.Addr)})
		s.flow(lot)
		s.speakers[0].steer(s.nodes[0], false)
		p.Deafen(true)
		s.awaitAcknowledged(s.nodes[0], time.Now()) // by the answer: no event comes before Deafen(false)
		eventually(t, "the node finds out that it hears nothing", func() (bool, string) { return s.nodes[0].store.State() != nil, "" })
		p.Deafen(false)
		s.over()
		s.finish(15, "a connection that brings no events but lives")
	})
	t.Run("node killed", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		w := newWire(t, server.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(2, w.addr, server.Addr)})
		s.flow(lot)
		s.joinLate()
		s.awaitOnline(0, 2*nodes)
		s.kill(s.nodes[2], w)
		s.over()
		s.recovery()
		forgetReport(t, server, 0, s.nodes[2].name)
		s.joinLate() // so that the others report
		s.awaitOnline(0, 3*(nodes-1))
		s.finish(16, "one node killed; its share of online ends after ReportLife")
	})
}

// detour has one node reach Redis at another address.
func detour(node int, addr, others string) func(int) redisx.Config {
	return func(i int) redisx.Config {
		if i == node {
			return direct(addr)(i)
		}
		return direct(others)(i)
	}
}

// local waits until the first node, which cannot reach Redis, goes on by itself, and lets members
// join there meanwhile.
func (s *site) local() {
	s.t.Helper()
	n := s.nodes[0]
	was := n.hall.Stats().Local
	s.joinLate()
	eventually(s.t, n.name+" chats on by itself", func() (bool, string) {
		return n.hall.Stats().Local > was+lot/4, fmt.Sprint(n.store.State())
	})
	s.joinLate()
}

// kill ends a node as SIGKILL does: nothing leaves it any more. Speakers there come back on another one.
func (s *site) kill(n *node, w *wire) {
	n.dead.Store(true)
	w.cut()
	for _, p := range s.speakers {
		p.leave(n)
	}
	n.close()
}

// awaitOnline waits until every node reports that so many are in the room with index r.
func (s *site) awaitOnline(r int, want uint64) {
	s.t.Helper()
	for _, n := range s.alive() {
		eventually(s.t, fmt.Sprintf("%s counts %d in %s", n.name, want, roomID(r)), func() (bool, string) {
			got := n.rooms[r].Counters().Online
			return got == want, fmt.Sprint(got)
		})
	}
}

// forgetReport makes what a node reported of a room too old to count.
func forgetReport(t *testing.T, server *redistest.Server, r int, node string) {
	t.Helper()
	key := "gmo:" + roomID(r)
	msg := command(t, server, "HGET", key, node)
	report, err := msg.ToString()
	if err != nil {
		t.Fatal(err)
	}
	online, _, _ := strings.Cut(report, " ")
	command(t, server, "HSET", key, node, fmt.Sprint(online, " ", time.Now().Add(-chat.ReportLife).Unix()))
}

// TestLag_NumbersGivenAgainHideNothing has the address of Redis move to a replica that lacks the last messages. The
// numbers of these are given again, and one node only looks when all of them are.
func TestLag_NumbersGivenAgainHideNothing(t *testing.T) {
	t.Parallel()
	old := redistest.Start(t)
	young := redistest.StartReplica(t, old)
	wires := []*wire{}
	for range nodes {
		wires = append(wires, newWire(t, old.Addr))
	}
	s := openSite(t, plan{nodes: nodes, rooms: rooms, redisLoses: true, redis: func(i int) redisx.Config {
		return direct(wires[i].addr)(i)
	}})
	s.flow(lot)
	command(t, young, "REPLICAOF", "NO", "ONE")
	s.flow(lot)
	s.abreast()
	for _, w := range wires {
		w.cut()
		w.to = young.Addr
	}
	s.joinLate()
	for _, w := range wires[1:] {
		w.mend()
	}
	s.overtake(old, young)
	wires[0].mend()
	s.over()
	s.finish(23, "address moved to a replica that lacked the last messages, one node finds it later")
}

// overtake waits until every room has more messages in young than in old.
func (s *site) overtake(old, young *redistest.Server) {
	s.t.Helper()
	length := func(server *redistest.Server, r int) int64 {
		msg := command(s.t, server, "LLEN", "gml:"+roomID(r))
		n, err := msg.AsInt64()
		if err != nil {
			s.t.Fatal(err)
		}
		return n
	}
	for r := range s.plan.rooms {
		eventually(s.t, roomID(r)+" has more messages than were lost", func() (bool, string) {
			was, is := length(old, r), length(young, r)
			return is > was+lot/rooms, fmt.Sprint(is, " of ", was)
		})
	}
}
