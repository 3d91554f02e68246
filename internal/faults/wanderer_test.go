package faults

import (
	"context"
	"fmt"
	"maps"
	"time"

	"barrage/internal/chat"
	"barrage/room"
)

// wanderer is a client of barrage.v1 in one room. It leaves with its place and comes back with it over another node, as
// the gateway's sockets do. Only the test calls its methods.
type wanderer struct {
	// Immutable.
	site *site
	room int

	next   int       // index of the node that it comes back over
	visit  *onlooker // nil: it is away
	since  room.Since
	screen map[msgKey]*shown // of the visit before
	had    map[string]bool   // ids of all that it was shown on the visits before
	backs  []comeback
	bad    []string // the errors in frames
}

// comeback is what a wanderer received when it came back.
type comeback struct {
	node      *node
	since     room.Since
	to        chat.Position
	recovered bool
}

// resumeWithin bounds a read of what was missed.
const resumeWithin = 500 * time.Millisecond

// startWanderers brings one into each room; every other one leaves again.
func (s *site) startWanderers() {
	for r := range s.plan.rooms {
		w := &wanderer{site: s, room: r, next: r % s.plan.nodes, had: map[string]bool{}}
		s.wanderers = append(s.wanderers, w)
		if w.comeBack(); r%2 == 0 {
			w.leave()
		}
	}
}

// wander has those leave who are there, and those come back who are not.
func (s *site) wander() {
	for _, w := range s.wanderers {
		if w.visit == nil {
			w.comeBack()
		} else {
			w.leave()
		}
	}
}

// leave ends the visit, if it is there.
func (w *wanderer) leave() {
	m := w.visit
	if m == nil {
		return
	}
	m.mu.Lock()
	m.left = true
	w.since = room.Since{Epoch: m.epoch, Seq: m.last, TS: m.stamp}
	m.mu.Unlock()
	m.node.rooms[w.room].Leave(&m.Member)
	w.screen, w.visit, w.bad = m.screen, nil, append(w.bad, m.bad...)
	once := map[string]*shown{}
	for _, s := range m.order {
		if was := once[s.id]; was != nil {
			w.bad = append(w.bad, fmt.Sprintf("%s twice, as %d of %s and %d of %s; came back %+v", s.id, was.seq, was.epoch, s.seq, s.epoch, w.backs))
		}
		w.had[s.id], once[s.id] = true, s
	}
}

// comeBack begins a visit, over the next node that lives.
func (w *wanderer) comeBack() {
	w.site.t.Helper()
	if w.visit != nil {
		return
	}
	n := w.site.alive()[w.next%len(w.site.alive())]
	w.next++
	r := n.rooms[w.room]
	var read chat.History
	if r.Lacks(w.since) {
		ctx, cancel := context.WithTimeout(context.Background(), resumeWithin)
		read, _ = n.store.Since(ctx, roomID(w.room), max(w.since.Seq, 1)-1, room.MaxResume+1) // then it is not resumed
		cancel()
	}
	m := &onlooker{node: n, room: w.room, screen: map[msgKey]*shown{}}
	a := r.EnterNative(&m.Member, m, room.Native, w.since, read)
	m.mu.Lock()
	if a.Recovered { // else it begins anew, with what it is given
		m.screen = maps.Clone(w.screen)
	}
	m.epoch, m.last = a.Epoch, a.Seq
	for _, ev := range a.Recalled {
		delete(m.screen, keyOf(ev.Messages[0]))
	}
	for _, msg := range welcomed(a) {
		if msg.Seq == a.Seq {
			m.stamp = msg.TS
		}
		m.showLocked(msg)
	}
	if a.Recovered && len(a.Messages) == 0 && a.Seq == w.since.Seq {
		m.stamp = w.since.TS
	}
	m.mu.Unlock()
	w.visit = m
	if w.since.Epoch != "" {
		w.backs = append(w.backs, comeback{n, w.since, a.Position, a.Recovered})
	}
	r.Attach(&m.Member)
}

// checkWanderer: a wanderer that was notified that it has all has all, and its screen shows nothing that was taken
// back.
func (v *verdict) checkWanderer(w *wanderer, u *undone) {
	v.t.Helper()
	w.comeBack()
	v.flush()
	last := w.visit
	w.leave()
	recovered := 0
	for _, b := range w.backs {
		if !b.recovered {
			continue
		}
		recovered++
		if b.to.Epoch != b.since.Epoch {
			v.t.Errorf("%s: came back with %+v, is at %+v, and is told that it missed nothing else", roomID(w.room), b.since, b.to)
		}
		for at, id := range v.history[w.room] {
			seq := v.first[w.room] + uint64(at)
			if b.to.Epoch == v.epochs[w.room] && id != "" && seq > b.since.Seq && seq <= b.to.Seq && !w.had[id] {
				v.t.Errorf("%s: came back with %+v over %s, is at %+v, and lacks %s", roomID(w.room), b.since, b.node.name, b.to, v.about(id))
			}
		}
	}
	v.t.Logf("a wanderer in %s came back %d times, %d with all", roomID(w.room), len(w.backs), recovered)
	for k := range last.screen {
		if u.answered[k] != "" && (u.heard[last.node][k] || !v.plan.recallsLost) {
			v.t.Errorf("%s: a wanderer shows %s, which was taken back", roomID(w.room), v.about(u.ids[k]))
		}
	}
	for _, bad := range w.bad {
		v.t.Errorf("%s: a wanderer got %s", roomID(w.room), bad)
	}
}
