package room

import (
	"context"
	"slices"

	"barrage/codec"
)

const (
	// reportEvery is how often a room with members is reported although nothing changed, in
	// seconds. A node's report counts for 45 s (redisx.ReportLife), so one may be late by
	// half its time. It is also how soon a room in which nothing is heard finds out that it
	// lacks the last message. 10,000 rooms are 333 scripts a second.
	reportEvery = 30
	// reportBatch is how many rooms go in one round trip: far from what fills a pipeline.
	reportBatch = 500
	// driftAfter is how many seconds nothing must have come for a room before the store's
	// word that it stands elsewhere is believed: what it counts may be on its way.
	driftAfter = 2
)

// Like counts n likes of the room. They reach the store within about a second.
func (r *Room) Like(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.likes += n
}

// Counters are the room's over all nodes, as far as this one knows.
func (r *Room) Counters() codec.Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.standing
}

// reportEach is the reporter: each second it tells the store what changed.
func (h *Hall) reportEach() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.due:
			h.report()
		}
	}
}

// told is one room's report under way.
type told struct {
	room    *Room
	pos     codec.Position // the room's before
	counted uint64         // Room.counted before
}

// report tells the store of each room whose members or likes changed, and of the others
// from time to time, and compares where they stand.
func (h *Hall) report() {
	if h.away.Load() {
		return
	}
	var rooms []told
	var reports []codec.Report
	h.each(func(r *Room) {
		if rep, before, ok := r.takeReport(); ok {
			rooms, reports = append(rooms, before), append(reports, rep)
		}
	})
	for part := range slices.Chunk(reports, reportBatch) {
		ctx, cancel := context.WithTimeout(h.ctx, h.cfg.StoreTimeout)
		standings, err := h.store.Report(ctx, h.cfg.Node, part)
		cancel()
		h.stats.reports.Add(uint64(len(part)))
		if err != nil {
			h.stats.reportErrors.Add(uint64(len(part)))
			h.log.Warn("cannot report rooms", "rooms", len(part), "err", err)
		}
		for i, t := range rooms[:len(part)] {
			if err == nil || i < len(standings) && standings[i] != (codec.Standing{}) {
				t.room.stands(standings[i], t)
			} else {
				t.room.reportFailed()
			}
		}
		rooms = rooms[len(part):]
	}
}

// takeReport is what there is to tell of the room, and where it stands; ok is false where
// there is nothing.
func (r *Room) takeReport() (rep codec.Report, before told, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, members := r.hall.coarse.Load(), uint64(r.members)
	if !r.loaded || members == r.told && r.likes == 0 && (members == 0 || now-r.toldAt < reportEvery) {
		return rep, before, false
	}
	rep = codec.Report{Room: r.id, Online: members, Likes: r.likes}
	r.told, r.toldAt, r.likes = members, now, 0
	return rep, told{r, r.pos, r.counted}, true
}

// reportFailed has the room reported again. Its likes may have been counted, so they are
// not: a lost answer costs at most a second's likes of one room.
func (r *Room) reportFailed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.toldAt = 0
}

// stands takes the store's answer. Where a room stands elsewhere than the store says,
// although nothing came for a while and nothing has moved it since before it was asked,
// something was lost on the way.
func (r *Room) stands(s codec.Standing, before told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counted == before.counted { // else an event came meanwhile, which may be newer
		r.standing = s.Counters
	}
	same := s.Epoch == r.pos.Epoch && s.Seq == r.pos.Seq
	quiet := r.pos == before.pos && !r.holding && !r.stale && r.hall.coarse.Load()-r.heardAt >= driftAfter
	if s.Epoch == codec.Unnumbered || same || !quiet {
		return
	}
	r.hall.stats.drifts.Add(1)
	r.staleLocked()
}
