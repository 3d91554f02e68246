package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// settle ends the writers and waits until every node has all there is and nothing is on
// its way any more.
func (s *site) settle() {
	s.t.Helper()
	s.stopRecalls()
	for _, n := range s.nodes {
		n.stopWriting()
	}
	for _, p := range s.speakers {
		p.stopSpeaking()
	}
	for _, p := range s.speakers {
		eventually(s.t, p.name+" has an answer to everything", func() (bool, string) {
			select {
			case <-p.ended:
				return true, ""
			default:
				return false, p.String()
			}
		})
	}
	s.flush()
	eventually(s.t, "all nodes stand where Redis does", func() (bool, string) {
		for r := range s.plan.rooms {
			h, err := s.alive()[0].store.Read(s.t.Context(), roomID(r), chat.Position{}, 1, 1)
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
	s.flush() // events that made them stand there may be on their way to members
	s.awaitAnswers()
}

// flush waits until nothing is on its way to Redis or to members.
func (s *site) flush() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for _, n := range s.alive() {
		if err := n.hall.Flush(ctx); err != nil {
			s.t.Fatalf("%s does not come to rest: %v: %+v", n.name, err, n.hall.Stats())
		}
	}
}

// stopWriting ends the writer. The hall receives the time until close.
func (n *node) stopWriting() {
	n.stopWriter()
	<-n.wrote
}

// differs reports how the room with index r is not as h, its newest message, says.
func (n *node) differs(r int, h chat.History) string {
	json, total := n.rooms[r].Newest()
	want := ""
	if len(h.Entries) > 0 {
		want = codec.FastIMText(h.Entries[0].JSON)
	}
	if err := n.store.State(); err != nil {
		return fmt.Sprintf("%s: State %v", n.name, err)
	}
	if json != want || total != h.Total {
		return fmt.Sprintf("%s: %s ends in %q of %d; want %q of %d", n.name, roomID(r), json, total, want, h.Total)
	}
	for _, a := range n.hall.Largest(len(n.rooms), "members", "") {
		if a.Local {
			return fmt.Sprintf("%s: %s is still local", n.name, a.ID)
		}
	}
	return ""
}

// outcome is what a run came to: a row of the table.
type outcome struct {
	posted, again, acknowledged, unconfirmed, refused, localOnly, lost int
	delivered, duplicates, missing                                     int
	recovery                                                           time.Duration
	slowest                                                            time.Duration // acknowledgement
}

// verdict is verify under way.
type verdict struct {
	*site
	outcome
	taken map[string][]place
	// history has the ids of each room in order, '' where one was taken back; index is the place of each in it.
	history [][]string
	epochs  []string
	// first are the numbers of the rooms' oldest messages.
	first []uint64
	index map[string]int
	// gone are messages that the script took and Redis lost.
	gone map[string]place
	// withdrawn are messages that the script took, and took out again.
	withdrawn map[string]bool
	// onlyHere are, for each node, the messages that its members had and Redis never did.
	onlyHere map[*node]map[string]bool
	// behind are, for each node, its own messages that its members had behind later ones of its own.
	behind map[*node]map[string]bool
	// said are the tries of what speakers sent.
	said map[string][]try
}

// verify counts. The site must have settled. Its assertions are the package's promise, see docs/faults.md.
func (s *site) verify() outcome {
	s.t.Helper()
	v := &verdict{
		site: s, taken: s.ledger.all(), said: s.tries(),
		index: map[string]int{}, gone: map[string]place{}, withdrawn: map[string]bool{},
		onlyHere: map[*node]map[string]bool{}, behind: map[*node]map[string]bool{},
	}
	v.acknowledged = s.ledger.acknowledged()
	for r := range s.plan.rooms {
		v.readHistory(r)
	}
	v.checkTaken()
	for _, n := range s.nodes {
		v.onlyHere[n], v.behind[n] = map[string]bool{}, map[string]bool{}
	}
	for _, m := range s.elders {
		if !m.node.dead.Load() {
			v.checkElder(m)
		}
	}
	for n, ids := range v.behind {
		if most := n.hall.Stats().Unconfirmed; uint64(len(ids)) > most {
			v.t.Errorf("%s: %d of its own messages came behind later ones; want at most the %d that it gave up unconfirmed: %v", n.name, len(ids), most, ids)
		}
	}
	v.checkPosted()
	v.checkAnswers()
	for _, m := range s.late {
		if !m.node.dead.Load() {
			v.checkLate(m)
		}
	}
	if s.plan.recalls {
		v.checkRecalls()
	}
	v.lost = len(v.gone)
	return v.outcome
}

// readHistory reads a room's whole history: no message may be there twice.
func (v *verdict) readHistory(r int) {
	v.t.Helper()
	var h chat.History
	eventually(v.t, "the history of "+roomID(r)+" can be read", func() (bool, string) { // a busy machine may take its time
		var err error
		h, err = v.alive()[0].store.Since(v.t.Context(), roomID(r), 0, historyMessages)
		return err == nil, fmt.Sprint(err)
	})
	first := uint64(1)
	if len(h.Entries) > 0 && v.plan.redisLoses {
		first = h.Entries[0].Seq
	}
	ids := make([]string, 0, len(h.Entries))
	for _, e := range h.Entries {
		msg, err := codec.ParseMessage(e.JSON)
		if err != nil {
			v.t.Fatal(err)
		}
		id := idOf(msg.Info)
		for v.plan.recalls && uint64(len(ids)) < e.Seq-first {
			ids = append(ids, "")
		}
		if e.Seq != first+uint64(len(ids)) {
			v.t.Errorf("%s: %s has number %d at place %d", roomID(r), id, e.Seq, len(ids)+1)
		}
		if _, twice := v.index[id]; twice {
			v.t.Errorf("%s: the history has %s twice", roomID(r), id)
		}
		v.index[id] = len(ids)
		ids = append(ids, id)
	}
	for v.plan.recalls && uint64(len(ids)) < h.Seq+1-first {
		ids = append(ids, "")
	}
	v.first = append(v.first, first)
	v.history = append(v.history, ids)
	v.epochs = append(v.epochs, h.Epoch)
}

// checkTaken finds each message that the script took in the history, where it was put, or finds that Redis lost it. A
// lost message stood in an epoch that is over, or its number is another's now.
func (v *verdict) checkTaken() {
	v.t.Helper()
	for id, places := range v.taken {
		for _, p := range places {
			r := roomIndex(p.room)
			at := p.seq - v.first[r] // wraps around where the number is below
			if v.epochs[r] == p.epoch && at < uint64(len(v.history[r])) && v.history[r][at] == id {
				break
			}
			_, kept := v.index[id]
			if !kept && v.undone.known(id) && (v.plan.redisLoses || at < uint64(len(v.history[r])) && v.history[r][at] == "") {
				v.withdrawn[id] = true
				break
			}
			if v.plan.redisLoses && (p.epoch != v.epochs[r] || p.seq < v.first[r] || at < uint64(len(v.history[r]))) {
				v.gone[id] = p
				continue
			}
			v.t.Errorf("%s: %s was taken as %d of epoch %s, where it is not", p.room, id, p.seq, p.epoch)
		}
		if _, kept := v.index[id]; kept || v.withdrawn[id] {
			delete(v.gone, id)
		}
		if len(places) > 1 && !v.plan.redisLoses {
			v.t.Errorf("%s was taken %d times: %v", id, len(places), places)
		}
	}
}

// checkElder: a member that was there from the beginning has the history, each message once. Where its node was never
// cut off it has it in order. Where it was, it has two orders that are each right. One is of what came from this node,
// the other of what came from others.
func (v *verdict) checkElder(m *member) {
	v.t.Helper()
	who := fmt.Sprintf("%s in %s", m.node.name, roomID(m.room))
	got := map[string]bool{}
	var twice, lacks []string
	cutOff := m.node.hall.Stats().Local > 0
	last := map[bool]int{} // place of the last one: of this node's if it was cut off, and of the others
	for _, id := range m.ids() {
		if got[id] {
			twice = append(twice, id)
			continue
		}
		got[id] = true
		v.delivered++
		at, kept := v.index[id]
		switch mine := v.wasSaidOn(m.node, id); {
		case kept:
			group := mine && cutOff
			if len(v.taken[id]) > 1 || cutOff && len(v.said[id]) > 1 {
				continue // it came when it was taken, or received, first or when it was tried again
			}
			if at+1 <= last[group] && group && m.node.hall.Stats().Unconfirmed > 0 {
				v.behind[m.node][id] = true // given up before its members received it, and stored all the same
				continue
			}
			if at+1 <= last[group] {
				v.t.Errorf("%s: got %s, %d in the history, behind %s, which is %d", who, v.about(id), at+1,
					v.about(v.history[m.room][last[group]-1]), last[group])
			}
			last[group] = at + 1
		case v.gone[id] != place{}, v.withdrawn[id]:
		case mine:
			v.onlyHere[m.node][id] = true
		default:
			v.t.Errorf("%s: got %s, which Redis never had", who, id)
		}
	}
	for _, id := range v.history[m.room] {
		if !got[id] && id != "" {
			lacks = append(lacks, id)
		}
	}
	v.duplicates += len(twice)
	v.missing += len(lacks)
	if len(twice) > 0 {
		v.t.Errorf("%s: got %d twice, first %s; all: %v", who, len(twice), v.about(twice[0]), twice)
	}
	if len(lacks) > 0 {
		v.t.Errorf("%s: lacks %d of %d, first %s; all: %v", who, len(lacks), len(v.history[m.room]), v.about(lacks[0]), lacks)
	}
	v.checkGone(who, m, got)
	for _, payload := range m.bad {
		v.t.Errorf("%s: got %q", who, payload)
	}
}

// checkGone: of what Redis lost, members of other nodes may lack the end and nothing else. A message there was taken,
// and its event was lost with Redis. Members of the sender's node have all.
func (v *verdict) checkGone(who string, m *member, got map[string]bool) {
	v.t.Helper()
	newest := map[string]uint64{} // by epoch, of those it got from others
	for id, p := range v.gone {
		if got[id] && p.room == roomID(m.room) && !v.wasSaidOn(m.node, id) {
			newest[p.epoch] = max(newest[p.epoch], p.seq)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.gone)) {
		p := v.gone[id]
		if got[id] || p.room != roomID(m.room) {
			continue
		}
		mine := v.wasSaidOn(m.node, id) && len(v.said[id]) < 2 // else another node may have got it there
		if mine || p.seq < newest[p.epoch] {
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
	var twice []string
	for _, id := range m.welcome {
		if slices.Contains(got, id) {
			twice = append(twice, id)
		}
	}
	if len(twice) > 0 {
		v.t.Errorf("%s: got %d that were in its welcome, first %s; all: %v", who, len(twice), v.about(twice[0]), twice)
	}
	if len(m.welcome) > 0 && len(got) > 0 && m.node.hall.Stats().Local == 0 && !v.plan.redisLoses {
		last, ended := v.index[m.welcome[len(m.welcome)-1]]
		first, began := v.index[got[0]]
		between := func() string { return strings.Join(v.history[m.room][last+1:first], "") } // of those taken back nothing
		if ended && began && (first <= last || between() != "") {
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
