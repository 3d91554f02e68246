package room

import "sync"

// queue is a FIFO between goroutines. Whoever pushes makes sure that a thing stands
// in it at most once, so it is bounded by the number of things there are: no
// capacity, no policy for a full one.
type queue[T any] struct {
	mu sync.Mutex // guards the fields below
	// nonEmpty wakes one goroutine in pop.
	nonEmpty sync.Cond
	items    []T // items[head:] wait
	head     int
	closed   bool
}

func newQueue[T any]() *queue[T] {
	q := &queue[T]{}
	q.nonEmpty.L = &q.mu
	return q
}

func (q *queue[T]) push(t T) {
	q.mu.Lock()
	q.items = append(q.items, t)
	q.mu.Unlock()
	q.nonEmpty.Signal()
}

// empty reports whether nothing waits.
func (q *queue[T]) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.head == len(q.items)
}

// pop waits for the next thing; ok is false once the queue is closed.
func (q *queue[T]) pop() (t T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.head == len(q.items) && !q.closed {
		q.nonEmpty.Wait()
	}
	if q.closed {
		return t, false
	}
	var zero T
	t, q.items[q.head] = q.items[q.head], zero
	q.head++
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
	case q.head >= 1024 && q.head*2 >= len(q.items): // amortised: each thing moves at most once
		q.items, q.head = q.items[:copy(q.items, q.items[q.head:])], 0
	}
	return t, true
}

// close wakes every pop with ok = false. What still waits is dropped.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.nonEmpty.Broadcast()
}
