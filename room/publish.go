package room

import (
	"context"
	"slices"

	"barrage/codec"
)

// publish is a publisher: it serves one room at a time, so that at most one batch
// of a room is on its way and whatever arrives meanwhile is the next batch. An idle
// room pays one round trip, a hot room's batches grow by themselves.
func (h *Hall) publish() {
	for {
		r, ok := h.publishers.pop()
		if !ok {
			return
		}
		r.serve()
	}
}

// serve does one turn of a room: it catches up where something was missed, then
// takes one batch to the store.
func (r *Room) serve() {
	h := r.hall
	r.mu.Lock()
	stale, batch := r.stale, r.takeLocked()
	r.stale = false
	r.mu.Unlock()

	if stale {
		r.refresh()
	}
	if len(batch) > 0 {
		ctx, cancel := context.WithTimeout(h.ctx, h.cfg.StoreTimeout)
		r.send(ctx, batch)
		cancel()
		h.stats.waiting.Add(-int64(len(batch)))
	}

	r.mu.Lock()
	r.queued = false
	if len(r.out) > 0 || r.stale {
		r.enqueueLocked() // behind the others: a hot room does not starve them
	}
	r.mu.Unlock()
}

// takeLocked cuts the next batch off the queue. r.mu must be held.
func (r *Room) takeLocked() []post {
	n, size := 0, 0
	for n < len(r.out) && n < batchMessages {
		size += r.out[n].draft.Size()
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	batch := r.out[:n:n]
	if r.out = r.out[n:]; len(r.out) == 0 {
		r.out = nil
	}
	return batch
}

// send takes a batch through the gate to the store.
func (r *Room) send(ctx context.Context, batch []post) {
	h := r.hall
	if h.cfg.Gate != nil {
		from := make([]Author, len(batch))
		for i := range batch {
			from[i] = batch[i].from
		}
		ok, err := h.cfg.Gate(ctx, from)
		if err != nil {
			h.stats.refusedStore.Add(uint64(len(batch)))
			h.log.Warn("cannot check the senders of a batch", "room", r.id, "messages", len(batch), "err", err)
			return
		}
		i := -1
		all := len(batch)
		batch = slices.DeleteFunc(batch, func(post) bool { i++; return !ok[i] })
		h.stats.refusedGate.Add(uint64(all - len(batch)))
		if len(batch) == 0 {
			return
		}
	}
	drafts := make([]codec.Draft, len(batch))
	for i := range batch {
		drafts[i] = batch[i].draft
	}
	if err := h.store.Publish(ctx, r.id, drafts); err != nil {
		h.stats.refusedStore.Add(uint64(len(batch)))
		h.log.Warn("cannot publish a batch", "room", r.id, "messages", len(batch), "err", err)
	}
}
