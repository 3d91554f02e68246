// Package breaker keeps calls from services that do not answer.
package breaker

import (
	"sync"
	"time"
)

const (
	// breakAfter is how many calls in a row fail before no more are made. Ten are more than the bad luck of a service
	// that restarts one of several processes.
	breakAfter = 10
	// BreakFor is how long none are made then, and the time between two tries. Services restart in seconds.
	BreakFor = time.Second
)

// Breaker keeps calls from a service that does not answer: they would cost a wait each, and keep it from recovering.
// Its methods may be called concurrently. The zero value lets calls through.
type Breaker struct {
	mu       sync.Mutex // guards the fields below; a leaf
	failures int        // in a row
	until    time.Time  // with breakAfter failures no call is made before it
	trying   bool       // one is under way that finds out whether the service is back
}

// Allow reports whether a call may be made now. The caller reports by Done how it ended.
func (b *Breaker) Allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return true
	}
	if b.trying || now.Before(b.until) {
		return false
	}
	b.trying = true
	return true
}

// Done notes the end of a call; down says that the service did not answer. The result again is true for the first
// answer after no calls were made.
func (b *Breaker) Done(now time.Time, down bool) (again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if !down {
		again = b.failures >= breakAfter
		b.failures = 0
		return again
	}
	b.failures++
	b.until = now.Add(BreakFor)
	return false
}

// Failures is how many calls in a row the service did not answer.
func (b *Breaker) Failures() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures
}
