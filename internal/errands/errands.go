// Package errands does away from a poller what would hold it up: a call of the store or of a hook.
package errands

import (
	"context"
	"sync"
	"time"
)

// Queue holds errands until a worker has time, in the order they came. K is whose errands count together. Make it with
// [New]. Its methods may be called concurrently.
type Queue[K comparable] struct {
	queue chan errand[K] // sent by Add, received by workers; never closed
	share int

	mu      sync.Mutex // guards the field below; a leaf
	waiting map[K]int
}

// errand is what one asker wants done.
type errand[K comparable] struct {
	of K
	do func(context.Context)
}

// New makes a queue of at most so many errands that wait, of which one asker may have a share, at least 1.
func New[K comparable](most, share int) *Queue[K] {
	return &Queue[K]{queue: make(chan errand[K], most), share: share, waiting: map[K]int{}}
}

// Add takes an errand of an asker; false where too many wait, all together or of this asker. It never blocks.
func (q *Queue[K]) Add(of K, do func(context.Context)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[of] >= q.share {
		return false
	}
	select {
	case q.queue <- errand[K]{of, do}:
		q.waiting[of]++
		return true
	default:
		return false
	}
}

// Waiting is how many errands wait, and of how many askers.
func (q *Queue[K]) Waiting() (errands, askers int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue), len(q.waiting)
}

// Run starts so many workers, which end with ctx and which wg waits for. Each errand gets a context that lives for life
// at most.
func (q *Queue[K]) Run(ctx context.Context, wg *sync.WaitGroup, workers int, life time.Duration) {
	for range workers {
		wg.Go(func() { q.work(ctx, life) })
	}
}

func (q *Queue[K]) work(ctx context.Context, life time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-q.queue:
			q.taken(one.of)
			within(ctx, life, one.do)
		}
	}
}

// taken counts one less that waits.
func (q *Queue[K]) taken(of K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[of]--; q.waiting[of] == 0 {
		delete(q.waiting, of)
	}
}

func within(ctx context.Context, life time.Duration, do func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	do(ctx)
}
