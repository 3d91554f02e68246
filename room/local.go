package room

import (
	"math"
	"slices"
	"strings"
	"time"

	"barrage/codec"
)

// While the store is away, chat goes on among the members of this node: a message is heard
// at once and waits for the store all the same. When the store is back, what was heard
// goes there first; then the room reads the history and gives its members what came from
// other nodes meanwhile. Messages that were heard are known by their numbers, which the
// store returns for each batch, or by their batch's id where the event comes first: so
// nobody gets one twice.
//
// Members of one node hear such messages before those that other nodes sent meanwhile,
// others behind them: the one order of a room is suspended while the store is away.

// span is a run of messages that members had before the store: from <= number < to. All
// are of one batch.
type span struct {
	epoch    string
	from, to uint64
	head     string // of the first message, see [codec.Draft]
}

// entriesOf is the messages of an event.
func entriesOf(ev codec.Event) []codec.Entry {
	entries := make([]codec.Entry, 0, len(ev.Messages))
	for i, m := range ev.Messages {
		entries = append(entries, codec.Entry{Seq: ev.Seq + uint64(i), JSON: m})
	}
	return entries
}

// Away tells the hall that calls to the store fail from now on.
func (h *Hall) Away(reason error) {
	what := "the store is away: chat goes on within this node"
	if h.cfg.NoLocal {
		what = "the store is away: chat waits for it"
	}
	h.log.Warn(what, "err", reason)
	h.away.Store(true)
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.unlock()
		r.hearLocked()
	})
}

// Back tells the hall that the store takes calls again: what waits goes there.
func (h *Hall) Back() {
	h.away.Store(false)
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stale = r.stale || r.local
		r.failed = false
		r.flight.since = h.coarse.Load() // it may be on its way from now on
		for i := range r.limbo {
			r.limbo[i].since = h.coarse.Load() // it may be carried out from now on
		}
		if r.hasWorkLocked() {
			r.enqueueLocked()
		}
	})
}

// aloneAfter is for how many seconds a room's batch may be on its way before the room goes on as if the
// store were away, though it answers others: the room's part of it, one master of a cluster, may
// not. A batch takes milliseconds, and on a machine that is overloaded a second or two: going alone
// then would cost the room its one order for nothing. A cluster replaces a master after 15 s.
const aloneAfter = 5

// waitedLocked has the room go on without the store where its batch is on its way for too long.
// r.mu must be held.
func (r *Room) waitedLocked(now time.Time) {
	if r.alone || r.hall.cfg.NoLocal || r.hall.away.Load() || len(r.flight.posts) == 0 || now.Unix()-r.flight.since < aloneAfter {
		return
	}
	r.alone, r.stale = true, true
	r.hall.log.Warn("the store does not take a room's messages: its chat goes on within this node", "room", r.id)
	r.hearLocked()
}

// answeredLocked notes that the store has done something for the room. r.mu must be held.
func (r *Room) answeredLocked() {
	if r.alone {
		r.alone = false
		r.stale = true
	}
}

// awayLocked reports whether the members of this node must do without the store. r.mu must be held.
func (r *Room) awayLocked() bool { return r.alone || r.hall.away.Load() }

// hearLocked gives the members all that waits for the store. r.mu must be held.
func (r *Room) hearLocked() {
	if r.hall.cfg.NoLocal {
		return
	}
	var entries []codec.Entry
	for _, b := range r.awaited { // what tells of them may have been lost with the store
		for i := range b.posts {
			entries, _ = r.hearPostLocked(entries, &b.posts[i])
		}
		r.acceptLocked(b.posts, b.from)
		r.heard = append(r.heard, b.span)
	}
	r.setAwaitedLocked(nil)
	// A flight may be on its way already, so it stays as it is. What has come is not heard again.
	if !r.flight.came {
		for i := range r.flight.posts {
			entries, _ = r.hearPostLocked(entries, &r.flight.posts[i])
		}
	}
	for i := range r.out {
		p := &r.out[i]
		entries, p.draft.TS = r.hearPostLocked(entries, p)
	}
	r.ahead = heardOf(r.flight.posts) + len(r.out)
	if r.ahead+len(entries) == 0 {
		return
	}
	if !r.local {
		r.local, r.localSeq = true, 0
		r.locals++
	}
	r.localSeq += uint64(len(entries))
	r.hall.stats.local.Add(uint64(len(entries)))
	r.fanOutLocked(entries)
}

// hearPostLocked appends p to entries unless it was heard, and returns its ts: the store
// sees to it that no two messages of a user share one, so it must be done here too. r.mu
// must be held.
func (r *Room) hearPostLocked(entries []codec.Entry, p *post) ([]codec.Entry, int64) {
	if p.heard {
		return entries, p.draft.TS
	}
	if r.lastTS == nil {
		r.lastTS = map[string]int64{}
	}
	p.heard = true
	ts := max(p.draft.TS, r.lastTS[p.draft.UserID]+1)
	json := string(p.draft.AppendJSON(nil, ts))
	if p.draft.ID != "" {
		if r.hadSendLocked(json) { // its sender came back and tries again
			return entries, p.draft.TS
		}
		r.noteSendLocked(json)
	}
	r.lastTS[p.draft.UserID] = ts
	return append(entries, codec.Entry{JSON: json}), ts
}

// loadBlind lets members into a room whose history cannot be read now. r.mu must not be
// held.
func (r *Room) loadBlind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded, r.blind, r.local, r.holding = true, true, true, true
	r.locals++
	r.stale = true
	if !r.hall.away.Load() { // Back has been here already
		r.enqueueLocked()
	}
}

// wasHeardLocked reports whether members had the message before the store. r.mu must be
// held.
func (r *Room) wasHeardLocked(epoch string, seq uint64) bool {
	for _, s := range r.heard {
		if s.epoch == epoch && s.from <= seq && seq < s.to {
			return true
		}
	}
	return false
}

// wasHadLocked reports whether members had a message that comes from the store before. r.mu must be held.
func (r *Room) wasHadLocked(epoch string, e codec.Entry) bool {
	return r.wasHeardLocked(epoch, e.Seq) || r.orphans[e.JSON] || r.doubtsLocked() && r.hadSendLocked(e.JSON)
}

// deliverUnheardLocked delivers those of entries that members have not had. r.mu must be held.
func (r *Room) deliverUnheardLocked(epoch string, entries []codec.Entry) {
	if len(r.heard) == 0 && len(r.orphans) == 0 && !r.doubtsLocked() {
		r.deliverLocked(entries)
		return
	}
	from := 0
	for i, e := range entries {
		if !r.wasHadLocked(epoch, e) {
			continue
		}
		r.deliverLocked(entries[from:i])
		from = i + 1
		if !r.local { // else it stands among ours until the history is read
			r.newest.push(e)
		}
	}
	r.deliverLocked(entries[from:])
}

// forgetPassedLocked drops what the room's position has passed, so that it cannot come
// any more, and tells the authors of what has come. came has the messages that moved the
// position. r.mu must be held.
func (r *Room) forgetPassedLocked(came []codec.Entry) {
	passed := func(s span) bool { return s.epoch == r.pos.Epoch && s.to <= r.pos.Seq+1 }
	// While local the position may be one of a count whose end the store has lost: only the history tells.
	if !r.local {
		if r.heard = slices.DeleteFunc(r.heard, passed); len(r.heard) == 0 {
			r.heard = nil
		}
	}
	if len(r.awaited) == 0 {
		return
	}
	r.setAwaitedLocked(slices.DeleteFunc(r.awaited, func(b stored) bool {
		if !passed(b.span) {
			return false
		}
		r.forgetLimboLocked(func(f flight) bool { return f.number < b.number })
		for i := range b.posts {
			p, seq := &b.posts[i], b.from+uint64(i)
			ts := p.draft.TS // the store may have moved it on
			for _, known := range [][]codec.Entry{came, r.newest.entries} {
				if k := slices.IndexFunc(known, func(e codec.Entry) bool { return e.Seq == seq }); k >= 0 {
					ts = codec.Timestamp(known[k].JSON)
					break
				}
			}
			r.answerLocked(p, "", seq, ts)
		}
		return true
	}))
}

// forgetLostLocked drops what the store lost: its numbers are those of others now, or will
// be. r.mu must be held.
func (r *Room) forgetLostLocked(now codec.History) {
	lost := func(s span) bool {
		i := slices.IndexFunc(now.Entries, func(e codec.Entry) bool { return e.Seq == s.from })
		return s.epoch != now.Epoch || s.from > now.Seq || i >= 0 && !strings.HasPrefix(now.Entries[i].JSON, s.head)
	}
	r.heard = slices.DeleteFunc(r.heard, lost)
	r.setAwaitedLocked(slices.DeleteFunc(r.awaited, func(b stored) bool {
		if !lost(b.span) {
			return false
		}
		r.refuseLocked(b.posts, CodeUnconfirmed)
		return true
	}))
}

// noteOrphansLocked remembers what members had and the store lost: a node that was not
// told that its batch was taken tries it again, and then it comes a second time. r.mu must
// be held.
func (r *Room) noteOrphansLocked(had, kept []codec.Entry) {
	r.orphans, r.orphaned = map[string]bool{}, r.hall.coarse.Load()
	for _, e := range had {
		r.orphans[e.JSON] = true
	}
	for _, e := range kept {
		delete(r.orphans, e.JSON)
	}
}

// ownEventLocked ends the flight where ev is what came of it: that is known before the
// store's answer where the answer is slow or lost. r.mu must be held.
func (r *Room) ownEventLocked(ev codec.Event) {
	if ev.Kind != codec.EventMessages || ev.Batch == "" {
		return
	}
	if len(r.flight.posts) > 0 && ev.Batch == r.flight.id {
		if len(ev.Messages) == len(r.flight.posts) {
			r.storedLocked(codec.Position{Epoch: ev.Epoch, Seq: ev.Seq + uint64(len(ev.Messages)) - 1, Total: ev.Total})
			return
		}
		// Where the others are only the answer tells.
		r.flight.came = r.foundLocked(r.flight, ev.Epoch, entriesOf(ev))
		return
	}
	if i := slices.IndexFunc(r.limbo, func(f flight) bool { return f.id == ev.Batch }); i >= 0 {
		r.foundInLimboLocked(i, ev.Epoch, entriesOf(ev))
	}
}

// ownReadLocked ends the flight where the history has it: then its answer and its event
// were lost. And it looks for what is in limbo. r.mu must be held.
func (r *Room) ownReadLocked(now codec.History) {
	if now.Epoch == codec.Unnumbered {
		return
	}
	for i, f := range slices.Backward(r.limbo) {
		if k := whereIs(f.posts, now.Entries); k >= 0 {
			r.foundInLimboLocked(i, now.Epoch, now.Entries[k:])
		}
	}
	f := r.flight
	if !f.tried || len(f.posts) == 0 {
		return
	}
	k := whereIs(f.posts, now.Entries)
	if k < 0 {
		return
	}
	if at, _ := placesIn(f.posts, now.Entries[k:], math.MaxInt64); !slices.Contains(at, 0) {
		r.storedLocked(codec.Position{Epoch: now.Epoch, Seq: at[len(at)-1]})
		return
	}
	r.flight.came = r.foundLocked(f, now.Epoch, now.Entries[k:])
}
