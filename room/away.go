package room

import (
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// While the store is away, chat goes on among the members of this node. They get a message at once, ahead of the store,
// and it waits for the store all the same. When the store is back, messages that are ahead go there first. Then the
// room reads the history and gives its members what came from other nodes meanwhile. Nobody gets a message twice: it is
// known by its key.
//
// Members of one node get such messages before those that other nodes sent meanwhile, others behind them. The one order
// of a room is suspended while the store is away.

// writing is where a room's messages go.
//
//	linked ── the store is away, or a batch is 5 s under way ──► cut
//	cut ── the store takes calls, or answered ──► returning
//	returning ── no message is ahead, and the history was read ──► linked
//	returning ── the store is away again ──► cut
type writing uint8

const (
	// linked: to the store, which brings them to the members. No message that waits is ahead (I4).
	linked writing = iota
	// cut: to the members of this node, and into the outbox.
	cut
	// returning: to the store, behind those that are ahead of it.
	returning
)

// Away notifies the hall that calls to the store fail from now on.
func (h *Hall) Away(reason error) {
	what := "the store is away: chat goes on within this node"
	if h.cfg().NoLocal {
		what = "the store is away: chat waits for it"
	}
	h.log.Warn(what, "err", reason)
	h.away.Store(true)
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.unlock()
		if r.follower.reading != unread {
			r.becomeCutLocked()
		}
	})
}

// Back notifies the hall that the store takes calls again: messages that wait go there.
func (h *Hall) Back() {
	h.away.Store(false)
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.unlock()
		r.failed = false
		r.outbox.flight.since = h.ran.Load() // it may be on its way from now on
		r.becomeReturningLocked()
		if r.hasWorkLocked() {
			r.enqueueLocked()
		}
	})
}

// becomeCutLocked gives the members what waits, and what comes from now on. r.mu must be held.
func (r *Room) becomeCutLocked() {
	if r.hall.cfg().NoLocal {
		return
	}
	if r.writing == linked {
		r.locals++
		r.localSeq = 0
		r.localTS = 0
	}
	r.writing = cut
	r.goAheadLocked()
}

// becomeReturningLocked ends that members get what comes ahead of the store, and has the history read. r.mu must be
// held.
func (r *Room) becomeReturningLocked() {
	if r.writing == cut {
		r.writing = returning
		r.lagLocked()
	}
}

// linkLocked ends the absence where it is over. r.mu must be held.
func (r *Room) linkLocked() {
	if r.writing == returning && r.outbox.ahead == 0 && r.follower.reading == following {
		r.writing, r.newest.ours = linked, nil
		r.changedLocked()
		r.sendPlaceLocked()
	}
}

// aloneAfter is for how many seconds a room's batch may be on its way. Then the room goes on as if the store were away.
// The store may answer others, while the room's part of it, one master of a cluster, does not. A batch takes
// milliseconds, and on a machine that is overloaded a second or two. Going alone then would cost the room its one order
// for nothing. A cluster replaces a master after 15 s.
const aloneAfter = 5

// waitedLocked has the room go on without the store where its batch is on its way for too long. Tick calls it, and r.mu
// must be held.
func (r *Room) waitedLocked() {
	f := &r.outbox.flight
	if r.writing == cut || r.hall.cfg().NoLocal || r.hall.away.Load() || f.open == 0 {
		return
	}
	if r.hall.ran.Load()-f.since < aloneAfter {
		return
	}
	r.hall.log.Warn("the store does not take a room's messages: its chat goes on within this node", "room", r.id)
	r.becomeCutLocked()
	r.lagLocked() // to find out when it is there again, should the batch be given up
}

// reachedLocked notes that the store has done something for the room. r.mu must be held.
func (r *Room) reachedLocked() {
	if !r.hall.away.Load() {
		r.becomeReturningLocked()
	}
}

// goAheadLocked gives the members all that waits for the store. r.mu must be held.
func (r *Room) goAheadLocked() {
	entries := r.notTaken(r.follower.early) // their events may be lost with the store
	r.localTS = max(r.localTS, r.latestNew(entries, r.hall.coarse.Load()))
	r.follower.setEarly(nil)
	entries = append(entries, r.outbox.goAhead(r.stampsLocked(entries))...)
	if len(entries) > 0 {
		r.hall.stats.local.Add(r.giveLocked(entries, r.hall.coarse.Load()))
	}
}

// stampsLocked makes the timestamps of what goes ahead of the store, behind entries. As in the store no two messages of
// a user share one. Those that are fixed are what the store makes of them, as far as the node knows. A FastIM client
// recalls by it what the store has, maybe long after. Of the others no two share one. r.mu must be held.
func (r *Room) stampsLocked(entries []chat.Entry) (stamp func(d *chat.Draft, fixed bool) int64) {
	var newest map[string]int64 // by user
	return func(d *chat.Draft, fixed bool) int64 {
		if newest == nil && (fixed || r.localTS == 0) { // not for each message while the store is away
			newest = map[string]int64{}
			for _, some := range [][]chat.Entry{r.newest.entries, r.newest.ours, entries} {
				for _, e := range some {
					user := codec.Sender(e.JSON)
					newest[user] = max(newest[user], codec.Timestamp(e.JSON))
				}
			}
		}
		ts := d.TS
		if was, ok := newest[d.UserID]; ok {
			ts = max(ts, was+1)
		}
		if !fixed {
			ts = max(ts, r.localTS+1)
		}
		if newest != nil {
			newest[d.UserID] = ts
		}
		r.localTS = max(r.localTS, ts)
		return ts
	}
}

// keepAheadLocked notes again what of the flight members have received: it may have waited for longer than seen
// remembers. It comes before posts are ended by what the store has. r.mu must be held.
func (r *Room) keepAheadLocked() {
	if r.outbox.ahead == 0 {
		return
	}
	now := r.hall.coarse.Load()
	for _, p := range r.outbox.flight.posts {
		if p.ahead && p.end == notYet {
			r.seen.note(p.key, p.draft.TS, now) // also where it is known: it must outlive what comes next
		}
	}
}

// coarseTime is now in seconds, as the hall counts them: elapsed time, whatever is done to the clock.
func (h *Hall) coarseTime(now time.Time) int64 { return h.epoch + int64(h.since(now)/time.Second) }

// since is how long the hall has been there at now. The clocks of all callers are this process's, so that
// it never runs back.
func (h *Hall) since(now time.Time) time.Duration { return now.Sub(h.started) }
