package gateway

import "sync"

// sessions is all WebSockets of the node, and those that were promised a place.
type sessions struct {
	most int // immutable after Start

	mu sync.Mutex // guards the fields below; a leaf
	// list is dense; session.slot is the place.
	list []*session
	// promised counts handshakes that were let in and are not in list yet.
	promised int
}

// open is how many there are.
func (w *sessions) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list)
}

// held is how many places are taken, by those who are there and by those to whom one was promised.
func (w *sessions) held() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list) + w.promised
}

// each calls f for every session, without holding the lock. It goes from the end to
// the front: a session that leaves meanwhile is replaced by the last one, which has
// had its turn, so none is missed.
func (w *sessions) each(f func(*session)) {
	var some [256]*session
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

// reserve promises a place for one more WebSocket; a false answer promises nothing.
func (w *sessions) reserve() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list)+w.promised >= w.most {
		return false
	}
	w.promised++
	return true
}

// unreserve takes a promise back that came to nothing.
func (w *sessions) unreserve() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.promised--
}

// add turns a promise into a session.
func (w *sessions) add(c *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.promised--
	c.slot = int32(len(w.list))
	w.list = append(w.list, c)
}

// remove takes a session out.
func (w *sessions) remove(c *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.list) - 1
	w.list[c.slot] = w.list[last]
	w.list[c.slot].slot = c.slot
	w.list[last] = nil
	w.list = w.list[:last]
}
