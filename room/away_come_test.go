package room

import (
	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the members of the model who come and go, and those who do not read.

// roamer is a native client that leaves with its place and comes back with it over another node.
type roamer struct {
	world *world
	since Since
	visit *member // nil: it is away
	node  *worldNode
	at    Welcome // of this visit
	had   map[string]bool
	backs []Welcome
	froms []Since // of backs
}

// roam has it leave, or come back.
func (m *roamer) roam() {
	x := m.world
	if m.visit != nil {
		m.leave()
		return
	}
	m.node = x.nodes[x.rnd.IntN(len(x.nodes))]
	var read chat.History
	if m.node.room.Lacks(m.since) {
		read, _ = m.node.store.Since(x.t.Context(), "1", max(m.since.Seq, 1)-1, MaxResume+1)
		for range x.rnd.IntN(4) { // others go on meanwhile
			m.node.step()
		}
	}
	m.visit, m.at = m.node.joinNative(m.node.room, m.since, read)
	if m.since.Epoch != "" {
		m.backs, m.froms = append(m.backs, m.at), append(m.froms, m.since)
	}
	if m.at.Recovered && m.since.Epoch != "" && m.at.Epoch != m.since.Epoch {
		x.t.Errorf("a member came back with %+v, is at %+v, and is told that it missed nothing", m.since, m.at.Position)
	}
}

// leave notes the messages that the member received, and where it got.
func (m *roamer) leave() {
	x := m.world
	m.since = Since{Epoch: m.at.Epoch, Seq: m.at.Seq}
	once := map[string]bool{}
	take := func(body string) {
		if once[body] && x.losses == 0 { // else the store may have it twice
			x.t.Errorf("a member that came back as %+v had %s twice", m.at.Position, body)
		}
		m.had[body], once[body] = true, true
	}
	for _, e := range m.at.Messages {
		take(infos(x.t, []string{codec.FastIMText(e.JSON)})[0])
		if e.Seq == m.at.Seq {
			m.since.TS = codec.Timestamp(e.JSON)
		}
	}
	for _, f := range m.visit.frames(x.t) {
		switch f.T {
		case "epoch":
			m.since = Since{Epoch: f.Epoch, Seq: f.Seq, TS: f.TS}
		case "gap":
			m.since.Seq, m.since.TS = f.To, 0
		case "batch":
			for _, msg := range f.Messages {
				take(msg.Body)
				m.since = Since{Epoch: f.Epoch, Seq: msg.Seq, TS: msg.TS}
			}
		}
	}
	m.node.room.Leave(&m.visit.Member)
	m.visit = nil
}

// checkRoamer: a member whose welcome reports that it has all has the messages of the store up to there.
func (x *world) checkRoamer(m *roamer) {
	if m.visit != nil {
		m.leave()
	}
	pos := x.cloud.room("1").position()
	for i, a := range m.backs {
		if !a.Recovered || a.Epoch != pos.Epoch {
			continue
		}
		for _, e := range x.nodes[0].store.stored() {
			if body := infos(x.t, []string{codec.FastIMText(e.JSON)})[0]; e.Seq > m.froms[i].Seq && e.Seq <= a.Seq && !m.had[body] {
				x.t.Errorf("a member came back with %+v, is at %+v, and lacks %s", m.froms[i], a.Position, body)
			}
		}
	}
}

// doze has a member of a node stop reading, or read again.
func (x *world) doze(n *worldNode) {
	if n.dozes = !n.dozes; n.dozes {
		n.slow.stall(x.rnd.IntN(300))
		return
	}
	n.slow.stall(-1)
	n.room.Drained(&n.slow.Member)
}

// wake has all read again.
func (x *world) wake() {
	for _, n := range x.nodes {
		if n.dozes {
			x.doze(n)
		}
	}
}

// sweep has the lanes of a node write what there is.
func (n *worldNode) sweep() {
	for again := true; again; again = n.clock.fire() {
		for _, l := range n.hall.lanes {
			for waiting(l.queue) > 0 {
				p, _ := l.queue.pop()
				l.visit(p)
				l.pending.Add(-1)
			}
		}
	}
}
