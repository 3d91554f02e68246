package room

import "sync"

// queue is a FIFO between goroutines, with a second line for what is long. Each pusher makes sure that a thing stands
// in it at most once, so it is bounded by the number of things there are. It has no capacity, and no policy for a full
// one.
type queue[T any] struct {
	mu sync.Mutex // guards the fields below
	// nonEmpty wakes one goroutine in pop.
	nonEmpty sync.Cond
	short    line[T]
	long     line[T]
	overtook int // how many short ones came out while the first long one waited
	closed   bool
}

// mostOvertake is how many short things come out before a long one that waits. Four short turns of a lane are 64
// writes, 0.3 ms: by that much a long one may wait longer.
const mostOvertake = 4

// line is what waits, the oldest first. The zero value is empty.
type line[T any] struct {
	items []T // items[head:] wait
	head  int
}

func newQueue[T any]() *queue[T] {
	q := &queue[T]{}
	q.nonEmpty.L = &q.mu
	return q
}

func (q *queue[T]) push(t T) { q.pushTo(&q.short, t) }

// pushLong has others overtake t.
func (q *queue[T]) pushLong(t T) { q.pushTo(&q.long, t) }

// pushLast has t come out behind all that waits.
func (q *queue[T]) pushLast(t T) {
	q.mu.Lock()
	l := &q.short
	if q.short.size()+q.overtook < mostOvertake*q.long.size() { // a long one would be the last
		l = &q.long
	}
	l.items = append(l.items, t)
	q.mu.Unlock()
	q.nonEmpty.Signal()
}

func (q *queue[T]) pushTo(l *line[T], t T) {
	q.mu.Lock()
	l.items = append(l.items, t)
	q.mu.Unlock()
	q.nonEmpty.Signal()
}

// empty reports whether nothing waits.
func (q *queue[T]) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.emptyLocked()
}

func (q *queue[T]) emptyLocked() bool { return q.short.size() == 0 && q.long.size() == 0 }

// pop waits for the next thing; ok is false once the queue is closed.
func (q *queue[T]) pop() (t T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.emptyLocked() && !q.closed {
		q.nonEmpty.Wait()
	}
	switch {
	case q.closed:
		return t, false
	case q.short.size() > 0 && (q.long.size() == 0 || q.overtook < mostOvertake):
		if q.long.size() > 0 {
			q.overtook++
		}
		return q.short.pop(), true
	default:
		q.overtook = 0
		return q.long.pop(), true
	}
}

// close wakes every pop with ok = false. Items that still wait are dropped.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.nonEmpty.Broadcast()
}

func (l *line[T]) size() int { return len(l.items) - l.head }

// pop takes the oldest thing out; there must be one.
func (l *line[T]) pop() (t T) {
	var zero T
	t, l.items[l.head] = l.items[l.head], zero
	l.head++
	switch {
	case l.head == len(l.items):
		l.items, l.head = l.items[:0], 0
	case l.head >= 1024 && l.head*2 >= len(l.items): // amortised: each thing moves at most once
		l.items, l.head = l.items[:copy(l.items, l.items[l.head:])], 0
	}
	return t
}
