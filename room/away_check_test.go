package room

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is what the model of the away protocol holds.

// checkStates holds what is true at any time (I2 is held by outbox.finish, I1 by giveLocked being alone).
func (x *world) checkStates() {
	for _, n := range x.nodes {
		r := n.room
		heard, open := 0, 0
		for _, posts := range [][]post{r.outbox.flight.posts, r.outbox.waiting} {
			for _, p := range posts {
				if p.end == notYet {
					open++
					if p.ahead {
						heard++
					}
				}
			}
		}
		if r.follower.reading == following && len(r.follower.parked) > 0 {
			x.t.Errorf("I3: %d events are parked while following", len(r.follower.parked))
		}
		if r.writing == linked && heard > 0 {
			x.t.Errorf("I4: %d messages that wait were heard while linked", heard)
		}
		if heard != r.outbox.ahead || open != r.outbox.size() {
			x.t.Errorf("the outbox says that %d of %d were heard; it is %d of %d", r.outbox.ahead, r.outbox.size(), heard, open)
		}
	}
}

func (x *world) check() {
	stored := x.nodes[0].store.stored()
	var history []string
	for _, e := range stored {
		history = append(history, infos(x.t, []string{e.JSON})[0])
	}
	if d := doubles(history); d != "" {
		if x.losses == 0 {
			x.t.Errorf("%s is stored twice: %v", d, history)
		}
	}
	if now := x.cloud.room("1").Epoch; x.losses == 0 && now != "" && now != "e1" {
		x.t.Errorf("the store has lost nothing, and the room is in epoch %s", now)
	}
	for body := range x.recalled {
		if slices.Contains(history, body) {
			x.t.Errorf("%s was taken back and is in the history", body)
		}
	}
	for body := range x.purged {
		if slices.Contains(history, body) {
			x.t.Errorf("%s was purged and is in the history", body)
		}
	}
	for body := range x.cleared {
		if slices.Contains(history, body) {
			x.t.Errorf("%s was cleared and is in the history", body)
		}
	}
	for id, a := range x.answers {
		if a.Code == "" && x.losses == 0 && !x.tried[id] && !slices.Contains(history, id) {
			x.t.Errorf("%s was acknowledged and is not stored", id)
		}
		if a.Code == "" && a.Seq > 0 && x.losses == 0 {
			for _, e := range stored {
				if e.Seq == a.Seq && infos(x.t, []string{e.JSON})[0] != id {
					x.t.Errorf("%s was acknowledged with number %d, which is %s", id, a.Seq, e.JSON)
				}
			}
		}
	}
	for i, n := range x.nodes {
		x.checkNode(i, n, history)
	}
	for _, m := range x.roamers {
		x.checkRoamer(m)
	}
}

func (x *world) checkNode(i int, n *worldNode, history []string) {
	r, s := n.room, n.hall.Stats()
	if s.Waiting != 0 || n.hall.stats.tally.bytes.Load() != 0 || n.hall.stats.awaiting.Load() != 0 || r.outbox.ahead != 0 || r.writing != linked || r.follower.reading != following {
		x.t.Errorf("n%d at rest: %d wait (%d bytes), %d rooms await theirs, heard %d, writing %d, reading %d", i, s.Waiting,
			n.hall.stats.tally.bytes.Load(), n.hall.stats.awaiting.Load(), r.outbox.ahead, r.writing, r.follower.reading)
	}
	if pos := x.cloud.room("1").position(); !pos.Same(r.follower.pos) {
		x.t.Errorf("n%d stands at %+v; the store at %+v", i, r.follower.pos, pos)
	}
	var newest []string
	for _, e := range r.newest.last(50) {
		newest = append(newest, infos(x.t, []string{codec.FastIMText(e.JSON)})[0])
	}
	if want := history[max(0, len(history)-50):]; !slices.Equal(newest, want) {
		x.t.Errorf("n%d gives newcomers %v; the store has %v", i, newest, want)
	}
	for _, m := range n.elders {
		had := infos(x.t, m.texts(x.t))
		x.checkHad(fmt.Sprintf("n%d's member", i), had, history)
		x.checkOwn(n.hall.node, had)
		if s.Unconfirmed == 0 { // else an unconfirmed message, never delivered, may come late
			x.checkOrder(n.hall.node, had, history)
		}
	}
	for _, m := range n.late {
		if d := doubles(infos(x.t, m.texts(x.t))); d != "" {
			x.t.Errorf("a later member of n%d had %s twice", i, d)
		}
	}
	for k, m := range n.natives {
		had := x.checkNative(fmt.Sprintf("n%d's native member %d", i, k), m, k == 0)
		if k == 0 {
			x.checkHad(fmt.Sprintf("n%d's native member", i), had, history)
		}
	}
}

// checkHad: nothing twice, and all that the store has.
func (x *world) checkHad(who string, had, history []string) {
	if d := doubles(had); d != "" {
		x.t.Errorf("%s had %s twice: %v", who, d, had)
	}
	for _, h := range had {
		if h[0] == 'h' {
			x.t.Errorf("%s had %s as a new one, which was there before", who, h)
			return
		}
	}
	for _, h := range history {
		if !x.tiny && h[0] != 'h' && !slices.Contains(had, h) && (x.losses == 0 || !x.unsure[h]) {
			x.t.Errorf("%s lacks %s: had %v; the store %v", who, h, had, history)
			return
		}
	}
}

// checkQuiet: at rest no node reads, begins an epoch or sends frames, and native members stand where their room does.
func (x *world) checkQuiet() {
	epoch, reads, frames := x.cloud.room("1").Epoch, 0, 0
	for _, n := range x.nodes {
		reads += n.store.callsOf("Read")
		for _, m := range n.natives {
			frames += len(m.texts(x.t))
		}
	}
	for range 3 {
		x.tick(driftAfter*time.Second + chat.ReportEvery)
		for _, n := range x.nodes {
			n.hall.Report(x.t.Context())
			n.settle()
		}
	}
	for _, n := range x.nodes {
		reads -= n.store.callsOf("Read")
		for _, m := range n.natives {
			frames -= len(m.texts(x.t))
		}
		if len(n.room.follower.early) > 0 || len(n.room.recalls.lost) > 0 {
			x.t.Errorf("at rest: early %v, lost recalls %v", n.room.follower.early, n.room.recalls.lost)
		}
		for k, m := range n.natives {
			epoch, seq := "", uint64(0)
			for _, f := range m.frames(x.t) {
				switch f.T {
				case "batch":
					epoch, seq = f.Epoch, f.Messages[len(f.Messages)-1].Seq
				case "epoch":
					epoch, seq = f.Epoch, f.Seq
				case "gap":
					seq = f.To
				}
			}
			if pos := n.room.follower.pos; epoch != "" && (epoch != pos.Epoch || seq != pos.Seq) {
				x.t.Errorf("native %d of %s is left at %s/%d; the room is at %s/%d", k, n.hall.node, epoch, seq, pos.Epoch, pos.Seq)
			}
		}
	}
	if now := x.cloud.room("1").Epoch; now != epoch || reads != 0 || frames > 0 {
		x.t.Errorf("at rest the epoch went from %s to %s, %d reads, %d frames", epoch, now, -reads, -frames)
	}
}

// checkOwn: the members of a node have what was acknowledged there, also what the store has lost.
func (x *world) checkOwn(node string, had []string) {
	for id, a := range x.answers {
		if !x.tiny && !x.logLost && a.Code == "" && x.by[id] == node && !x.twice[id] && !x.tried[id] && !slices.Contains(had, id) {
			x.t.Errorf("a member of %s lacks %s, which was acknowledged there as %+v: %v", node, id, a, had)
		}
	}
}

// checkOrder: the messages of a node are in order for its members, and so are those of all others.
func (x *world) checkOrder(node string, had, history []string) {
	if x.losses > 0 {
		return
	}
	last := map[bool]int{}
	for _, body := range had {
		at := slices.Index(history, body)
		if at < 0 || body[0] != 'p' { // others may have been sent on several nodes
			continue
		}
		mine := x.by[body] == node
		if at < last[mine] {
			x.t.Errorf("a member of %s had %s of %s, number %d of the history, behind %d: %v; the store %v", node, body, x.by[body], at+1, last[mine]+1, had, history)
			return
		}
		last[mine] = at
	}
}

// checkNative reads a native member's frames as a client does. Numbers go on, or an epoch or a gap says why not, and no
// gap names what the store has. checkNative returns the bodies.
func (x *world) checkNative(who string, m *member, first bool) (had []string) {
	epoch, last, begun := x.begun.Epoch, x.begun.Seq, first
	if !first {
		epoch, last = "", 0
	}
	type shown struct {
		body, user, id string
		ts             int64
		epoch          string
		seq            uint64
	}
	screen := []shown{}
	drop := func(gone func(s shown) bool) { screen = slices.DeleteFunc(screen, gone) }
	inStore := map[uint64]bool{}
	room := x.cloud.room("1")
	for _, e := range room.entries {
		inStore[e.Seq] = e.JSON != ""
	}
	for _, text := range m.texts(x.t) {
		var f struct {
			frame
			UserID string `json:"user_id"`
			ID     string `json:"id"`
			Since  int64  `json:"since"`
			Until  int64  `json:"until"`
		}
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			x.t.Fatal(err)
		}
		switch f.T {
		case "epoch":
			epoch, last, begun = f.Epoch, f.Seq, true
		case "gap":
			if begun && (f.From > last+1 || f.From <= last && f.Reason != codec.GapSlow) { // the last gap may be named again
				x.t.Errorf("%s: %s where %d was due", who, text, last+1)
			}
			// else what was lost may have come back
			for seq := f.From; seq <= f.To && epoch == room.Epoch && x.losses <= 1 && f.Reason != codec.GapSlow; seq++ {
				if inStore[seq] {
					x.t.Errorf("%s: %s, but the store has it", who, text)
				}
			}
			last, begun = f.To, true
		case "recalled":
			drop(func(s shown) bool { return s.user == f.UserID && s.id == f.ID })
		case "purged":
			drop(func(s shown) bool { return s.user == f.UserID && f.Since <= s.ts && s.ts <= f.Until })
		case "cleared": // as the page does: messages before one that stays, or behind none, go
			end := slices.IndexFunc(screen, func(s shown) bool { return s.epoch == f.Epoch && s.seq > f.Seq })
			for i := len(screen) - 1; end < 0 && i >= 0 && f.Epoch != epoch; i-- {
				if screen[i].epoch == f.Epoch {
					end = i + 1
				}
			}
			if end < 0 {
				end = len(screen)
			}
			screen = screen[end:]
		case "batch":
			if epoch == "" || !begun {
				epoch, last, begun = f.Epoch, f.Seq-1, true
			}
			if f.Epoch != epoch {
				x.t.Errorf("%s: a batch of %s while in %s", who, f.Epoch, epoch)
			}
			for _, msg := range f.Messages {
				if msg.Seq != last+1 {
					x.t.Errorf("%s: message %d of %s where %d was due", who, msg.Seq, epoch, last+1)
				}
				last = msg.Seq
				had = append(had, msg.Body)
				screen = append(screen, shown{msg.Body, msg.UserID, msg.ID, msg.TS, epoch, msg.Seq})
			}
		}
	}
	for _, s := range screen {
		_, cleared := x.cleared[s.body]
		purge, purged := x.purged[s.body]
		purged = purged && s.ts >= purge.Since // else members received it before the store, which gave it another ts
		if (x.recalled[s.body] || purged) && !x.forgotten[s.body] || cleared {
			x.t.Errorf("%s still shows %s, which was taken away", who, s.body)
		}
	}
	return had
}

// doubles is one of those that are there twice.
func doubles(all []string) string {
	seen := map[string]bool{}
	for _, s := range all {
		if seen[s] {
			return s
		}
		seen[s] = true
	}
	return ""
}
