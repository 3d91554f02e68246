package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"barrage/codec"
)

// settle ends the writers and waits until every node has all there is and nothing is on
// its way any more.
func (s *site) settle() {
	s.t.Helper()
	for _, n := range s.nodes {
		n.stopWriting()
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	s.flush(ctx)
	eventually(s.t, "all nodes stand where Redis does", func() (bool, string) {
		for r := range s.plan.rooms {
			h, err := s.alive()[0].store.Newest(ctx, roomID(r), 1)
			if err != nil {
				return false, err.Error()
			}
			for _, n := range s.alive() {
				if why := n.differs(r, h); why != "" {
					return false, why
				}
			}
		}
		return true, ""
	})
	s.flush(ctx) // what made them stand there may be on its way to members
}

// flush waits until nothing is on its way to Redis or to members.
func (s *site) flush(ctx context.Context) {
	s.t.Helper()
	for _, n := range s.alive() {
		if err := n.hall.Flush(ctx); err != nil {
			s.t.Fatalf("%s does not come to rest: %v: %+v", n.name, err, n.hall.Stats())
		}
	}
}

// stopWriting ends the writer. The hall is told the time until close.
func (n *node) stopWriting() {
	n.stopWriter()
	<-n.wrote
}

// differs says how the room with index r is not as h, its newest message, says.
func (n *node) differs(r int, h codec.History) string {
	json, total := n.rooms[r].Newest()
	want := ""
	if len(h.Entries) > 0 {
		want = h.Entries[0].JSON
	}
	if err := n.store.State(); err != nil {
		return fmt.Sprintf("%s: State %v", n.name, err)
	}
	if json != want || total != h.Total {
		return fmt.Sprintf("%s: %s ends in %q of %d; want %q of %d", n.name, roomID(r), json, total, want, h.Total)
	}
	for _, a := range n.hall.Largest(len(n.rooms)) {
		if a.Local {
			return fmt.Sprintf("%s: %s is still local", n.name, a.ID)
		}
	}
	return ""
}

// outcome is what a run came to: a row of the table.
type outcome struct {
	posted, acknowledged, delivered, refused, localOnly, lost int
	duplicates, missing                                       int
	recovery                                                  time.Duration
}

// verdict is verify under way.
type verdict struct {
	*site
	outcome
	taken map[string][]place
	// history has the ids of each room in order, index the place of each in it.
	history [][]string
	epochs  []string
	index   map[string]int
	// gone are messages that the script took and Redis lost.
	gone map[string]place
	// onlyHere counts messages that members of a node had and Redis never did.
	onlyHere map[*node]uint64
}

// verify counts. The site must have settled. What it asserts is the package's promise,
// see docs/faults.md.
func (s *site) verify() outcome {
	s.t.Helper()
	v := &verdict{site: s, taken: s.ledger.all(), index: map[string]int{}, gone: map[string]place{}, onlyHere: map[*node]uint64{}}
	v.acknowledged = s.ledger.acknowledged()
	for r := range s.plan.rooms {
		v.readHistory(r)
	}
	v.checkTaken()
	v.checkPosted()
	for _, m := range s.elders {
		if !m.node.dead {
			v.checkElder(m)
		}
	}
	for _, n := range s.alive() {
		if want := n.hall.Stats().LocalOnly; v.onlyHere[n] != want {
			s.t.Errorf("%s: %d messages were heard only here; LocalOnly = %d", n.name, v.onlyHere[n], want)
		}
	}
	for _, m := range s.late {
		if !m.node.dead {
			v.checkLate(m)
		}
	}
	v.lost = len(v.gone)
	return v.outcome
}

// readHistory reads a room's whole history: no message may be there twice.
func (v *verdict) readHistory(r int) {
	v.t.Helper()
	h, err := v.alive()[0].store.Since(v.t.Context(), roomID(r), 0, historyMessages)
	if err != nil {
		v.t.Fatal(err)
	}
	ids := make([]string, 0, len(h.Entries))
	for i, e := range h.Entries {
		msg, err := codec.ParseMessage(e.JSON)
		if err != nil {
			v.t.Fatal(err)
		}
		id := idOf(msg.Info)
		if e.Seq != uint64(i)+1 {
			v.t.Errorf("%s: %s has number %d at place %d", roomID(r), id, e.Seq, i+1)
		}
		if _, twice := v.index[id]; twice {
			v.t.Errorf("%s: the history has %s twice", roomID(r), id)
		}
		v.index[id] = i
		ids = append(ids, id)
	}
	v.history = append(v.history, ids)
	v.epochs = append(v.epochs, h.Epoch)
}

// checkTaken finds each message that the script took in the history, where it was put,
// or finds that Redis lost it: it stood in an epoch that is over, or its number is
// another's now.
func (v *verdict) checkTaken() {
	v.t.Helper()
	for id, places := range v.taken {
		for _, p := range places {
			r := roomIndex(p.room)
			if v.epochs[r] == p.epoch && p.seq <= uint64(len(v.history[r])) && v.history[r][p.seq-1] == id {
				break
			}
			if v.plan.redisLoses && (p.epoch != v.epochs[r] || p.seq <= uint64(len(v.history[r]))) {
				v.gone[id] = p
				continue
			}
			v.t.Errorf("%s: %s was taken as %d of epoch %s, where it is not", p.room, id, p.seq, p.epoch)
		}
		if _, kept := v.index[id]; kept {
			delete(v.gone, id)
		}
		if len(places) > 1 && !v.plan.redisLoses {
			v.t.Errorf("%s was taken %d times: %v", id, len(places), places)
		}
	}
}

// checkPosted: what was posted was taken, or its refusal was counted.
func (v *verdict) checkPosted() {
	v.t.Helper()
	for _, n := range v.nodes {
		v.posted += len(n.posted) + n.refused
		v.refused += n.refused
		if n.dead { // nobody is left to be told
			continue
		}
		st := n.hall.Stats()
		if st.RefusedBusy != uint64(n.refused) {
			v.t.Errorf("%s: RefusedBusy = %d; Post refused %d", n.name, st.RefusedBusy, n.refused)
		}
		open := 0
		for _, id := range n.posted {
			_, kept := v.index[id]
			_, lost := v.gone[id]
			if !kept && !lost {
				open++
			}
		}
		refused := st.RefusedStore + st.RefusedOld + st.RefusedGate + st.LocalOnly
		if uint64(open) != refused {
			v.t.Errorf("%s: %d of %d messages are nowhere; refused %d by the store, %d after too long a wait, %d more of which its members had: %d",
				n.name, open, len(n.posted), st.RefusedStore, st.RefusedOld, st.LocalOnly, refused)
		}
		if st.Waiting != 0 || st.Skipped != 0 || st.Missed != 0 && !v.plan.redisLoses {
			v.t.Errorf("%s: at rest, waiting %d, skipped %d, missed %d; want 0", n.name, st.Waiting, st.Skipped, st.Missed)
		}
		v.refused += int(st.RefusedStore + st.RefusedOld)
		v.localOnly += int(st.LocalOnly)
	}
}

// checkElder: a member that was there from the beginning has the history, each message
// once. Where its node was never cut off it has it in order; where it was, in two orders
// that are each right: of what came from this node, and of what came from others.
func (v *verdict) checkElder(m *member) {
	v.t.Helper()
	who := fmt.Sprintf("%s in %s", m.node.name, roomID(m.room))
	got := map[string]bool{}
	cutOff := m.node.hall.Stats().Local > 0
	last := map[bool]int{} // place of the last one: of this node's if it was cut off, and of the others
	for _, id := range m.ids() {
		if got[id] {
			v.duplicates++
			v.t.Errorf("%s: got %s twice; it was taken as %v", who, id, v.taken[id])
			continue
		}
		got[id] = true
		v.delivered++
		at, kept := v.index[id]
		switch mine := strings.HasPrefix(id, m.node.name+"-"); {
		case kept:
			group := mine && cutOff
			if len(v.taken[id]) > 1 {
				continue // it came when it was taken first, or when it was tried again
			}
			if at+1 <= last[group] {
				v.t.Errorf("%s: got %s, %d in the history, behind %d", who, id, at+1, last[group])
			}
			last[group] = at + 1
		case v.gone[id] != place{}:
		case mine:
			v.onlyHere[m.node]++
		default:
			v.t.Errorf("%s: got %s, which Redis never had", who, id)
		}
	}
	for i, id := range v.history[m.room] {
		if !got[id] {
			v.missing++
			v.t.Errorf("%s: lacks %s, %d of %d", who, id, i+1, len(v.history[m.room]))
		}
	}
	v.checkGone(who, m, got)
	for _, payload := range m.bad {
		v.t.Errorf("%s: got %q", who, payload)
	}
}

// checkGone: of what Redis lost, members of other nodes may lack the end and nothing
// else: it was taken and its event was lost with Redis. Those of the sender's have all.
func (v *verdict) checkGone(who string, m *member, got map[string]bool) {
	v.t.Helper()
	newest := map[string]uint64{} // by epoch, of those it got from others
	for id, p := range v.gone {
		if got[id] && p.room == roomID(m.room) && !strings.HasPrefix(id, m.node.name+"-") {
			newest[p.epoch] = max(newest[p.epoch], p.seq)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.gone)) {
		p := v.gone[id]
		if got[id] || p.room != roomID(m.room) {
			continue
		}
		if strings.HasPrefix(id, m.node.name+"-") || p.seq < newest[p.epoch] {
			v.t.Errorf("%s: lacks %s, which Redis lost as %d of epoch %s; it has %d", who, id, p.seq, p.epoch, newest[p.epoch])
		}
	}
}

// checkLate: a member that came later got what the elder beside it got since, and none of
// it twice.
func (v *verdict) checkLate(m *member) {
	v.t.Helper()
	who := fmt.Sprintf("a late one of %s in %s", m.node.name, roomID(m.room))
	i := slices.IndexFunc(v.elders, func(e *member) bool { return e.node == m.node && e.room == m.room })
	all, got := v.elders[i].ids(), m.ids()
	if len(got) > len(all) || !slices.Equal(got, all[len(all)-len(got):]) {
		v.t.Errorf("%s: got %d messages that are not the last of the %d of the one beside it", who, len(got), len(all))
	}
	for _, id := range m.welcome {
		if slices.Contains(got, id) {
			v.t.Errorf("%s: got %s, which was in its welcome", who, id)
		}
	}
	if len(m.welcome) > 0 && len(got) > 0 && m.node.hall.Stats().Local == 0 && !v.plan.redisLoses {
		last, first := v.index[m.welcome[len(m.welcome)-1]], v.index[got[0]]
		if first != last+1 {
			v.t.Errorf("%s: its welcome ends with %d of the history, it went on with %d", who, last+1, first+1)
		}
	}
}

// roomIndex is the other way of roomID.
func roomIndex(id string) (i int) {
	if _, err := fmt.Sscanf(id, "room-%d", &i); err != nil {
		panic(fmt.Sprintf("BUG: %q is no room of a site: %v", id, err))
	}
	return i
}
