package room

import "barrage/internal/chat"

// Standing is where the room stands and what it counts over all nodes, as far as this node knows. The result members is
// how many members it has here. Without members here nobody keeps the counters up to date.
func (r *Room) Standing() (pos chat.Position, counters chat.Counters, members int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.positionLocked(), r.countersLocked(), r.members
}

// Standing is that of a live room, zero for others: no room is opened for it.
func (h *Hall) Standing(id string) (pos chat.Position, counters chat.Counters, members int) {
	if r := h.lookup(id); r != nil {
		return r.Standing()
	}
	return pos, counters, 0
}

// countersLocked are the room's, with at least those members that are here: the store may not know
// all of them. r.mu must be held.
func (r *Room) countersLocked() chat.Counters {
	c := r.counters
	c.Online = max(c.Online, uint64(r.members))
	return c
}

// countLocked takes what the store counts. The store receives again the likes that it has lost. r.mu must be held.
func (r *Room) countLocked(c chat.Counters) {
	c.Likes = max(c.Likes, r.counters.Likes)
	r.counters = c
}

// positionLocked is where the members stand. r.mu must be held.
func (r *Room) positionLocked() chat.Position {
	pos := r.follower.pos
	if r.isLocalLocked() {
		pos = chat.Position{Epoch: r.localEpoch(), Seq: r.localSeq}
	}
	pos.Total = r.totalLocked()
	return pos
}

// isLocalLocked reports whether members have what the store does not have yet, or came in without it. r.mu must
// be held.
func (r *Room) isLocalLocked() bool {
	return r.follower.reading == blind || r.writing != linked && r.localSeq > 0
}
