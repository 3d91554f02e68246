package edge

import "sync"

// Sessions is all WebSockets of the node, and those that were promised a slot.
type Sessions struct {
	most int // immutable after Edge.Listen

	mu sync.Mutex // guards the fields below; a leaf
	// list is dense; Session.index is where.
	list []*Session
	// promised counts handshakes that were let in and are not in list yet.
	promised int
}

// Most is how many fit. Valid after Edge.Listen.
func (w *Sessions) Most() int { return w.most }

// Few is how many of the slots those may have who take them from others: a twentieth. Visitors to whom a socket
// reports why they do not come in are counted apart from those who have yet to show a token there.
func (w *Sessions) Few() int64 { return int64(max(w.most/20, 16)) }

// Open is how many there are.
func (w *Sessions) Open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list)
}

// Taken is how many slots are taken, by those who are there and by those to whom one was promised.
func (w *Sessions) Taken() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list) + w.promised
}

// Each calls f for every session, without holding the lock. It goes from the end to the front. A session that leaves
// meanwhile is replaced by the last one, which has had its turn, so none is missed.
func (w *Sessions) Each(f func(*Session)) {
	var some [256]*Session
	w.mu.Lock()
	to := len(w.list)
	w.mu.Unlock()
	for to > 0 {
		w.mu.Lock()
		to = min(to, len(w.list))
		from := max(0, to-len(some))
		n := copy(some[:], w.list[from:to])
		w.mu.Unlock()
		for _, c := range some[:n] {
			f(c)
		}
		to = from
	}
}

// reserve promises a slot for one more WebSocket; a false answer promises nothing.
func (w *Sessions) reserve() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list)+w.promised >= w.most {
		return false
	}
	w.promised++
	return true
}

// unreserve takes a promise back that came to nothing.
func (w *Sessions) unreserve() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.promised--
}

// add turns a promise into a session.
func (w *Sessions) add(c *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.promised--
	c.index = int32(len(w.list))
	w.list = append(w.list, c)
}

// remove takes a session out.
func (w *Sessions) remove(c *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.list) - 1
	w.list[c.index] = w.list[last]
	w.list[c.index].index = c.index
	w.list[last] = nil
	w.list = w.list[:last]
}
