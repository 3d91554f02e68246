// Package gather collects what many goroutines have for one that takes it in batches.
package gather

import (
	"context"
	"sync"
	"time"

	"barrage/internal/once"
)

// Bounds are those of a [Queue]; all but Bytes are above zero.
type Bounds struct {
	Most  int           // how many may wait
	Bytes int           // how many bytes may wait; 0: those that Most have
	Batch int           // how many one call of Next takes at most
	For   time.Duration // how long the first of a batch waits for others
}

// Queue is what waits, the oldest first. Make it with [New]. Put may be called concurrently, Next by one goroutine.
type Queue[T any] struct {
	// Immutable after New.
	bounds Bounds
	size   func(T) int // in bytes; nil where they have no bound of their own
	wake   once.Signal // the first is there, or a whole batch

	mu sync.Mutex // guards the fields below; a leaf
	// items holds memory for those that wait alone.
	items []T
	bytes int
}

// New makes an empty queue. The bytes of one thing are size, which always returns the same for it; nil with no bound of
// bytes.
func New[T any](bounds Bounds, size func(T) int) *Queue[T] {
	return &Queue[T]{bounds: bounds, size: size, wake: once.NewSignal()}
}

// Put reports whether the queue had a place for t. It never blocks.
func (q *Queue[T]) Put(t T) bool {
	q.mu.Lock()
	bytes := q.bytes + q.sizeOf(t)
	if len(q.items) >= q.bounds.Most || q.bounds.Bytes > 0 && bytes > q.bounds.Bytes {
		q.mu.Unlock()
		return false
	}
	q.items, q.bytes = append(q.items, t), bytes
	n := len(q.items)
	q.mu.Unlock()
	if n == 1 || n >= q.bounds.Batch { // Those between wake nobody.
		q.wake.Set()
	}
	return true
}

// Next waits for the first thing and for others, at most until there is a whole batch. It appends to batch what it took
// out, the oldest first. When ctx has ended it does not wait: it takes nothing once the queue is empty.
func (q *Queue[T]) Next(ctx context.Context, batch []T) []T {
	var over <-chan time.Time
	for {
		n := q.len()
		if n >= q.bounds.Batch {
			return q.take(batch)
		}
		if n > 0 && over == nil {
			over = time.After(q.bounds.For)
		}
		select {
		case <-ctx.Done():
			return q.take(batch)
		case <-over:
			return q.take(batch)
		case <-q.wake:
		}
	}
}

func (q *Queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

func (q *Queue[T]) take(batch []T) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.items[:min(len(q.items), q.bounds.Batch)]
	for _, t := range out {
		q.bytes -= q.sizeOf(t)
	}
	batch = append(batch, out...)
	clear(out)
	if q.items = q.items[len(out):]; len(q.items) == 0 {
		q.items = nil // the array of a wave is not kept
	}
	return batch
}

func (q *Queue[T]) sizeOf(t T) int {
	if q.size == nil {
		return 0
	}
	return q.size(t)
}
