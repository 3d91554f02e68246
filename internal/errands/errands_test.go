package errands_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"barrage/internal/errands"
)

func TestQueue_DoesErrandsInOrderAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := errands.New[string](10, 10)
		var did []int
		for i := range 5 {
			if !q.Add("alice", func(context.Context) { did = append(did, i) }) {
				t.Fatalf("errand %d is refused; 10 may wait", i)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		q.Run(ctx, &wg, 1, time.Second)
		synctest.Wait()
		if want := []int{0, 1, 2, 3, 4}; !slices.Equal(did, want) {
			t.Errorf("done: %v; want %v", did, want)
		}
		stop()
		wg.Wait()
	})
}

func TestQueue_BoundsAllAndEachAsker(t *testing.T) {
	q := errands.New[string](3, 2)
	add := func(of string, want bool) {
		t.Helper()
		if got := q.Add(of, func(context.Context) {}); got != want {
			t.Errorf("Add(%q) = %v; want %v", of, got, want)
		}
	}
	add("alice", true)
	add("alice", true)
	add("alice", false) // her share
	add("bob", true)
	add("carol", false) // full
	if n, of := q.Waiting(); n != 3 || of != 2 {
		t.Errorf("%d errands of %d askers wait; want 3 of 2", n, of)
	}
}

// TestQueue_AnErrandUnderWayDoesNotWait: an asker with one under way may have a whole share waiting beside it.
func TestQueue_AnErrandUnderWayDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := errands.New[string](10, 1)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		q.Run(ctx, &wg, 1, time.Second)
		var ended error
		q.Add("alice", func(ctx context.Context) { <-ctx.Done(); ended = ctx.Err() })
		synctest.Wait()
		if n, of := q.Waiting(); n != 0 || of != 0 {
			t.Errorf("%d errands of %d askers wait; want none", n, of)
		}
		if !q.Add("alice", func(context.Context) {}) || q.Add("alice", func(context.Context) {}) {
			t.Error("want one more to wait, and no second one")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !errors.Is(ended, context.DeadlineExceeded) {
			t.Errorf("the errand ended by %v; want its life of a second to be over", ended)
		}
		if n, _ := q.Waiting(); n != 0 {
			t.Errorf("%d errands wait; want none", n)
		}
		stop()
		wg.Wait()
	})
}
