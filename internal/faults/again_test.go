package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/internal/redistest"
	"barrage/redisx"
	"barrage/room"
)

// TestAgain_MembersMissOrDoubleNothing has speakers send again what was stored, or may have been.
func TestAgain_MembersMissOrDoubleNothing(t *testing.T) {
	t.Parallel()
	t.Run("hangs for too long", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		quick := func(i int) redisx.Config {
			cfg := direct(server.Addr)(i)
			cfg.Timeout = 500 * time.Millisecond
			return cfg
		}
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: quick, change: func(_ int, cfg *room.Config) {
			cfg.QueueAge = time.Second
		}})
		s.flow(lot)
		server.Pause(t)
		for _, n := range s.nodes {
			eventually(t, n.name+" gives up what waits", func() (bool, string) {
				st := n.hall.Stats()
				return st.LocalOnly > lot/4, fmt.Sprintf("%+v", st)
			})
		}
		eventually(t, "what Redis will do was given up", func() (bool, string) {
			return s.nodes[0].hall.Stats().Unconfirmed+s.nodes[1].hall.Stats().Unconfirmed+s.nodes[2].hall.Stats().Unconfirmed > 0, ""
		})
		server.Resume(t)
		s.over()
		s.finish(9, "SIGSTOP for longer than QueueAge, 1 s here: given up, then done all the same")
	})
	t.Run("out of memory", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr)})
		s.flow(lot)
		command(t, server, "CONFIG", "SET", "maxmemory", "1")
		for _, n := range s.nodes {
			eventually(t, n.name+" chats on by itself", func() (bool, string) {
				return n.hall.Stats().Local > lot, fmt.Sprint(n.store.State())
			})
		}
		command(t, server, "CONFIG", "SET", "maxmemory", "0")
		s.over()
		s.finish(10, "out of memory: CONFIG SET maxmemory, and back")
	})
	t.Run("said again during an outage", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, keepsAll...)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr)})
		s.flow(lot)
		for _, p := range s.speakers {
			p.deafen()
		}
		for _, p := range s.speakers {
			p.awaitUnheard(lot / 8)
		}
		server.Kill(t)
		for i, p := range s.speakers {
			eventually(t, "Redis is away for "+p.at().name, func() (bool, string) { return p.at().store.State() != nil, "" })
			to := p.at()
			if i%2 == 1 {
				to = s.next(to)
			}
			p.steer(to, false)
		}
		for _, n := range s.nodes {
			eventually(t, n.name+" chats on by itself", func() (bool, string) { return n.hall.Stats().Local > lot/4, "" })
		}
		server.Restart(t)
		s.over()
		s.finish(11, "acknowledgements lost, then SIGKILL: sent again while Redis is away")
	})
	t.Run("said again elsewhere", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		w := newWire(t, server.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(0, w.addr, server.Addr)})
		s.flow(lot)
		p := s.speakers[0]
		w.cut()
		p.steer(s.nodes[0], true)
		s.local()
		eventually(t, "much was said on the parted node", func() (bool, string) { return p.unanswered() > lot/8, "" })
		p.steer(s.nodes[1], true)
		p.awaitUnheard(lot / 8)
		p.steer(s.nodes[0], false)
		w.mend()
		s.over()
		s.finish(14, "one node parted: sent there, again on another node, again there")
	})
	t.Run("one master dead", func(t *testing.T) {
		t.Parallel()
		cluster := redistest.StartCluster(t, keepsAll...)
		for _, n := range cluster.Nodes {
			command(t, n, "CONFIG", "SET", "cluster-node-timeout", "60000") // Nobody takes over.
		}
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: inCluster(cluster, false)})
		s.flow(lot)
		victim, hit := s.leastProbed(cluster)
		victim.Kill(t)
		s.awaitAlone(hit)
		victim.Restart(t)
		s.over()
		s.finish(22, "Cluster: one master dead for some 8 s, nobody takes over")
	})
}

// awaitUnheard waits until more than so many messages were acknowledged to the speaker,
// which is deaf.
func (p *speaker) awaitUnheard(count int) {
	p.site.t.Helper()
	eventually(p.site.t, "acknowledgements to "+p.name+" are lost", func() (bool, string) {
		got := p.unheard()
		return got > count, fmt.Sprint(got)
	})
}

// leastProbed is the master with rooms that the fewest nodes send their probes to; and its rooms. So most nodes do not
// take all of Redis for away when that master dies.
func (s *site) leastProbed(c *redistest.Cluster) (victim *redistest.Server, hit []int) {
	s.t.Helper()
	probes, masters := map[*redistest.Server]int{}, map[*redistest.Server][]int{}
	for _, n := range s.nodes {
		probes[c.Master(s.t, c.Slot(s.t, "gmn:\x00node:"+n.store.Node()))]++
	}
	for r := range s.plan.rooms {
		m := c.Master(s.t, slotOf(s.t, c, r))
		masters[m] = append(masters[m], r)
	}
	for _, m := range c.Nodes {
		if masters[m] != nil && (victim == nil || probes[m] < probes[victim]) {
			victim = m
		}
	}
	if probes[victim] == len(s.nodes) {
		s.t.Fatal("all nodes send their probes to the only master with rooms")
	}
	return victim, masters[victim]
}

// awaitAlone waits until on every node members of each of the rooms have received what was posted there from now on.
// They do once the room goes alone. The number of these posts says nothing of time: on a busy machine writers post a
// seventh of what they would.
func (s *site) awaitAlone(hit []int) {
	s.t.Helper()
	const more = lot / 4
	goals := map[*member]int{}
	for _, m := range s.elders {
		if slices.Contains(hit, m.room) {
			goals[m] = m.count(m.node.name) + more
		}
	}
	for m, goal := range goals {
		who := fmt.Sprintf("members of %s hear each other in %s", m.node.name, roomID(m.room))
		eventually(s.t, who, func() (bool, string) {
			got := m.count(m.node.name)
			return got >= goal, fmt.Sprintf("%d of %d came; %v, %+v", more-goal+got, more, m.node.store.State(), m.node.hall.Stats())
		})
	}
}

// count is how many messages of a user it got.
func (m *member) count(user string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := 0
	for _, id := range m.got {
		if strings.HasPrefix(id, user+"-") {
			count++
		}
	}
	return count
}

// at is the node that the speaker is on.
func (p *speaker) at() *node {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn.node
}
