package faults

import (
	"fmt"
	"strings"
	"time"

	"barrage/room"
)

// tries is what all speakers sent, by id.
func (s *site) tries() map[string][]try {
	all := map[string][]try{}
	for _, p := range s.speakers {
		p.mu.Lock()
		for id, m := range p.said {
			for _, t := range m.tries {
				all[id] = append(all[id], *t)
			}
		}
		p.mu.Unlock()
	}
	return all
}

// awaitAnswers waits until everything that was sent on a node that lives is answered. Of a message that was sent there
// again, only the last try is: it may have taken the others' place.
func (s *site) awaitAnswers() {
	s.t.Helper()
	eventually(s.t, "every send is answered", func() (bool, string) {
		for id, tries := range s.tries() {
			for n, t := range lastTries(tries) {
				if !n.dead.Load() && !t.busy && t.answer == nil {
					return false, fmt.Sprintf("%s has none on %s%s", id, n.name, told(tries))
				}
			}
		}
		return true, ""
	})
}

// lastTries are the last ones on each node.
func lastTries(tries []try) map[*node]try {
	last := map[*node]try{}
	for _, t := range tries {
		last[t.conn.node] = t
	}
	return last
}

// told is what became of the tries.
func told(tries []try) string {
	m := saying{}
	for i := range tries {
		m.tries = append(m.tries, &tries[i])
	}
	return m.String()
}

// about is what is known of a message.
func (v *verdict) about(id string) string {
	return fmt.Sprintf("%s, taken as %v%s", id, v.taken[id], told(v.said[id]))
}

// wasSaidOn reports whether the message with this id was posted on n.
func (v *verdict) wasSaidOn(n *node, id string) bool {
	for _, t := range v.said[id] {
		if t.conn.node == n && !t.busy {
			return true
		}
	}
	return strings.HasPrefix(id, n.name+"-")
}

// checkPosted: every posted message was taken, or its refusal was counted.
func (v *verdict) checkPosted() {
	v.t.Helper()
	v.posted += len(v.said)
	for id, tries := range v.said {
		v.again += len(tries) - 1
		v.countEnd(id)
	}
	for _, n := range v.nodes {
		v.posted += len(n.posted) + n.refused
		v.refused += n.refused
		if n.dead.Load() { // nobody is left to be answered
			continue
		}
		for _, id := range n.posted {
			v.countEnd(id)
		}
		v.checkCounters(n)
	}
}

// countEnd counts a message that Redis never had.
func (v *verdict) countEnd(id string) {
	if v.stored(id) {
		return
	}
	for _, heard := range v.onlyHere {
		if heard[id] {
			v.localOnly++
			return
		}
	}
	v.refused++
}

// stored reports whether Redis has the message, or had it.
func (v *verdict) stored(id string) bool {
	_, kept := v.index[id]
	_, lost := v.gone[id]
	return kept || lost || v.withdrawn[id]
}

// checkCounters: the node counted what it refused. Of the sends whose answer was that nobody
// knows it counts those that Redis did not take then.
func (v *verdict) checkCounters(n *node) {
	v.t.Helper()
	st := n.hall.Stats()
	busy, refused, unconfirmed := n.refused, 0, 0
	for _, tries := range v.said {
		for _, t := range tries {
			switch {
			case t.conn.node != n || t.answer != nil && t.answer.Code == "":
			case t.busy:
				busy++
			case t.answer != nil && t.answer.Code == room.CodeUnconfirmed:
				unconfirmed++
			case t.answer != nil:
				refused++
			}
		}
	}
	shed := uint64(0)
	for _, stage := range st.Shed {
		for _, class := range stage {
			shed += class
		}
	}
	if st.RefusedBusy+shed != uint64(busy) {
		v.t.Errorf("%s: RefusedBusy = %d, %d left out; Post refused %d", n.name, st.RefusedBusy, shed, busy)
	}
	open, here := 0, 0
	for _, id := range n.posted {
		if v.stored(id) {
			continue
		}
		open++
		if v.onlyHere[n][id] {
			here++
		}
	}
	// Redis may have unconfirmed messages all the same.
	sure, doubtful := int(st.RefusedStore+st.RefusedOld+st.RefusedUnauthorized+st.LocalOnly), int(st.Unconfirmed)
	if sure > open+refused || sure+doubtful < open+refused+unconfirmed {
		v.t.Errorf("%s: counted %d refused by the store, %d after too long a wait, %d more of which its members had, %d unconfirmed; of %d messages without an id %d are nowhere, %d sends were refused, %d unconfirmed",
			n.name, st.RefusedStore, st.RefusedOld, st.LocalOnly, doubtful, len(n.posted), open, refused, unconfirmed)
	}
	if least := len(v.onlyHere[n]); int(st.LocalOnly) > here+refused || int(st.LocalOnly)+doubtful < least {
		v.t.Errorf("%s: %d messages were heard only here; LocalOnly = %d, want no more than %d, and with %d unconfirmed no less", n.name, least, st.LocalOnly, here+refused, doubtful)
	}
	if st.RefusedStore != 0 {
		v.t.Errorf("%s: %d messages were refused by the store, which only was away", n.name, st.RefusedStore)
	}
	if st.Waiting != 0 || st.Skipped != 0 || st.Missed != 0 && !v.plan.redisLoses {
		v.t.Errorf("%s: at rest, waiting %d, skipped %d, missed %d; want 0", n.name, st.Waiting, st.Skipped, st.Missed)
	}
}

// checkAnswers: an acknowledged message is in the history, once, as the answer says. One that was refused for good,
// each time, is not.
func (v *verdict) checkAnswers() {
	v.t.Helper()
	for id, tries := range v.said {
		at, kept := v.index[id]
		acknowledged := false
		for _, t := range tries {
			if t.answer == nil {
				continue
			}
			switch t.answer.Code {
			case "":
				if took := t.answered.Sub(tries[0].at); !acknowledged {
					v.slowest = max(v.slowest, took)
				}
				acknowledged = true
				r := roomOf(id)
				if kept && t.answer.Epoch == v.epochs[r] && (t.answer.Seq > 0 || !v.plan.redisLoses) && t.answer.Seq != uint64(at)+v.first[r] {
					v.t.Errorf("%s was acknowledged as %d; it is %d%s", id, t.answer.Seq, uint64(at)+v.first[r], told(tries))
				}
				if kept && !v.plan.redisLoses && t.answer.Epoch != v.epochs[r] {
					v.t.Errorf("%s was acknowledged in %s; its epoch is %s%s", id, t.answer.Epoch, v.epochs[r], told(tries))
				}
			case room.CodeUnconfirmed:
				v.unconfirmed++
			}
		}
		switch {
		case acknowledged && !v.stored(id):
			v.t.Errorf("%s was acknowledged and is nowhere", v.about(id))
		case acknowledged || !v.stored(id):
		case refusedForGood(tries):
			v.t.Errorf("%s was refused for good and is stored", v.about(id))
		}
	}
}

// roomOf is the index of the room that the message called id was sent in.
func roomOf(id string) (r int) {
	_, rest, _ := strings.Cut(id, "-")
	if _, err := fmt.Sscanf(rest, "%d-", &r); err != nil {
		panic(fmt.Sprintf("BUG: %q is no id of a message: %v", id, err))
	}
	return r
}

// awaitAcknowledged waits until some messages that were sent on a node from then on are acknowledged.
func (s *site) awaitAcknowledged(n *node, then time.Time) {
	s.t.Helper()
	const some = 3 // the node finds out after 3 s, and takes no answers then
	eventually(s.t, "messages said on "+n.name+" are acknowledged", func() (bool, string) {
		count := 0
		for _, tries := range s.tries() {
			for _, t := range tries {
				if t.conn.node == n && t.at.After(then) && t.answer != nil && t.answer.Code == "" {
					count++
				}
			}
		}
		return count >= some, fmt.Sprint(count)
	})
}

// refusedForGood reports whether no try of a message can have been stored.
func refusedForGood(tries []try) bool {
	last := lastTries(tries)
	for _, t := range tries {
		final := t.busy || t.answer != nil && t.answer.Code != room.CodeUnconfirmed
		// One that was not answered has its place taken by a later one.
		if replaced := t.answer == nil && last[t.conn.node].conn != t.conn; !final && !replaced || t.conn.node.dead.Load() {
			return false
		}
	}
	return true
}
