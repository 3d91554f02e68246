package room

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"barrage/internal/chat"
	"barrage/internal/once"
)

const (
	// reportEvery is [chat.ReportEvery] in seconds.
	reportEvery = int64(chat.ReportEvery / time.Second)
	// reportBeside is reportEvery beside original FastIM nodes, for rooms without members too. A recall by such a node
	// shows in the length of the history alone.
	reportBeside = 2
	// reportAgain is how many seconds after a failure a room is reported again.
	reportAgain = 5
	// reportBatch is how many rooms go in one round trip: far from what fills a pipeline.
	reportBatch = 500
	// driftAfter is how many seconds nothing must have come for a room before the store's answer that it stands elsewhere
	// is believed. Changes that the store counts may be on their way.
	driftAfter = 2
)

// Like counts n likes of the room. They reach the store within about a second.
func (r *Room) Like(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.likes += n
}

// Counters are the room's over all nodes, as far as this one knows.
func (r *Room) Counters() chat.Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.countersLocked()
}

// reportEach is the reporter: each second it sends the store what changed.
func (h *Hall) reportEach() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.due:
			h.Report(h.ctx)
			h.lookElsewhere(h.ctx)
		}
	}
}

// reported is one room's report under way.
type reported struct {
	room    *Room
	likes   uint64        // that it has
	pos     chat.Position // the room's before
	counted uint64        // Room.counted before
	rules   string        // the version of the room's rules before
	open    bool          // it has members
}

// Report sends the store a report of each room whose members or likes changed, and from time to time of the others. It
// also compares where they stand. The reporter calls it; so does whoever has closed all sockets and leaves: then the
// node counts no more. It may block on the store until ctx ends.
func (h *Hall) Report(ctx context.Context) {
	h.reporting.mu.Lock()
	defer h.reporting.mu.Unlock()
	if h.away.Load() {
		return
	}
	var rooms []reported
	var reports []chat.Report
	h.each(func(r *Room) {
		if rep, before, ok := r.takeReport(); ok {
			rooms, reports = append(rooms, before), append(reports, rep)
		}
	})
	for some := range slices.Chunk(reports, reportBatch) {
		callCtx, cancel := context.WithTimeout(ctx, h.cfg().StoreTimeout)
		standings, err := h.store.Report(callCtx, h.node, some)
		cancel()
		h.stats.reports.Add(uint64(len(some)))
		failed := 0
		for i, t := range rooms[:len(some)] {
			if err == nil || i < len(standings) && standings[i] != (chat.Standing{}) {
				t.room.stands(standings[i], t)
			} else {
				t.room.reportFailed(t, errors.Is(err, chat.ErrRefused))
				failed++
			}
		}
		h.stats.reportErrors.Add(uint64(failed))
		h.reporting.logged(h.log, failed, err)
		rooms = rooms[len(some):]
	}
}

// takeReport is what there is to report of the room, and where it stands; ok is false where
// there is nothing.
func (r *Room) takeReport() (rep chat.Report, before reported, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, members := r.hall.coarse.Load(), uint64(r.members)
	changed := members != r.reportedMembers || r.likes > 0
	due := (members > 0 || r.id == chat.Everywhere) && now-r.reportedAt >= reportEvery
	if r.hall.cfg().NoLocal { // lists may show rooms without members
		due = now-r.reportedAt >= reportBeside
	}
	if r.follower.reading == unread || now < r.reportFrom || !changed && !due {
		return rep, before, false
	}
	rep = chat.Report{Room: r.id, Online: members, Likes: r.likes, KnownLikes: r.counters.Likes, Known: r.follower.pos}
	r.reportedMembers, r.reportedAt, r.likes = members, now, 0
	return rep, reported{r, rep.Likes, r.follower.pos, r.counted, r.rules.Version, members > 0}, true
}

// reportFailed has the room reported again, a while later. Unless the store refused them its likes may have been
// counted, so they are not reported again. A lost answer costs at most a second's likes of one room.
func (r *Room) reportFailed(t reported, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reportedAt, r.reportFrom = 0, r.hall.coarse.Load()+reportAgain
	if refused {
		r.likes += t.likes
	}
}

// reporting is what the hall's reports share.
type reporting struct {
	mu      sync.Mutex // held during a report
	failure once.Failure
}

// logged logs err unless it was the last one logged.
func (r *reporting) logged(log *slog.Logger, failed int, err error) {
	if r.failure.IsNew(err) {
		log.Warn("cannot report rooms; trying again", "rooms", failed, "every", reportAgain*time.Second, "err", err)
	}
}

// stands takes the store's answer. A room may stand elsewhere than the store answers, although nothing came for a while
// and nothing has moved it since before the question. Then something was lost on the way.
func (r *Room) stands(s chat.Standing, before reported) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counted == before.counted { // else an event came meanwhile, which may be newer
		r.countLocked(s.Counters)
	}
	if r.open != before.open && r.hall.cfg().OnStored != nil {
		r.hall.cfg().OnStored(r.id)
	}
	r.open = before.open
	if r.rules.read && s.Rules != before.rules && r.rules.Version == before.rules {
		r.staleLocked()
	}
	f := &r.follower
	if f.reading != following {
		return
	}
	quiet := f.pos.Same(before.pos) && r.hall.coarse.Load()-r.lastEvent >= driftAfter
	// Beside original nodes a message is in the history before its event comes: a shorter one has lost some.
	shorter := s.Epoch == chat.Unnumbered && s.Seq < min(before.pos.Seq, f.pos.Seq)
	if s.Epoch != before.pos.Epoch && before.pos.Epoch != "" || shorter {
		r.hall.elsewhere.suspect(r.id)
	}
	if !s.Same(f.pos) && quiet || shorter {
		r.hall.stats.drifts.Add(1)
		r.lagLocked()
	}
}
