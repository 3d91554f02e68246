//go:build !race

package room

import (
	"math"
	"runtime"
	"testing"
	"time"
)

// fewer: all seeds of models run where the race detector does not.
const fewer = 1

// The race detector makes sync.Pool drop what it is given, at random.

// TestReview_AllocatesNothing: a room without reviews allocates for a message what it does on a node without a hook.
// The cheapest of many messages is compared: occasional growth is not in it.
func TestReview_AllocatesNothing(t *testing.T) {
	cheapest := func(review Reviewer) uint64 {
		f := newFixture(t, nil, Callbacks{Review: review, NewFor: time.Minute})
		r := f.open("1")
		f.moderateElsewhere(modes("slow_ms", "0"))
		f.settle()
		least := uint64(math.MaxUint64)
		for range 200 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f.post(r, "x")
			f.settle()
			runtime.ReadMemStats(&after)
			least = min(least, after.Mallocs-before.Mallocs)
		}
		return least
	}
	if with, without := cheapest(new(asked).review), cheapest(nil); with != without {
		t.Errorf("a message makes %d allocations with a hook, %d without one; want the same", with, without)
	}
}
