package gather

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func fill(t *testing.T, q *Queue[string], all ...string) {
	t.Helper()
	for _, s := range all {
		if !q.Put(s) {
			t.Fatalf("no place for %q", s)
		}
	}
}

// wantNext: the next batch, and how long it took in the bubble's time.
func wantNext(ctx context.Context, t *testing.T, q *Queue[string], took time.Duration, batch ...string) {
	t.Helper()
	start := time.Now()
	if got := q.Next(ctx, nil); !slices.Equal(got, batch) || time.Since(start) != took {
		t.Errorf("%q after %v; want %q after %v", got, time.Since(start), batch, took)
	}
}

func TestNext_WaitsForOthersOrForAWholeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New[string](Bounds{Most: 8, Batch: 3, For: time.Second}, nil)
		time.AfterFunc(time.Minute, func() { fill(t, q, "a") })
		time.AfterFunc(time.Minute+time.Second/2, func() { fill(t, q, "b") })
		wantNext(t.Context(), t, q, time.Minute+time.Second, "a", "b")
		fill(t, q, "c", "d", "e", "f")
		wantNext(t.Context(), t, q, 0, "c", "d", "e")
		wantNext(t.Context(), t, q, time.Second, "f") // the wake of what is gone is no batch
		fill(t, q, "g")
		time.AfterFunc(time.Second/4, func() { fill(t, q, "h", "i") })
		wantNext(t.Context(), t, q, time.Second/4, "g", "h", "i")
	})
}

func TestNext_AtTheEndTakesWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		q := New[string](Bounds{Most: 8, Batch: 2, For: time.Second}, nil)
		fill(t, q, "a", "b", "c")
		end()
		wantNext(ctx, t, q, 0, "a", "b")
		wantNext(ctx, t, q, 0, "c")
		wantNext(ctx, t, q, 0)
	})
}

func TestPut_IsBoundedInCountAndBytes(t *testing.T) {
	q := New(Bounds{Most: 3, Bytes: 10, Batch: 2, For: time.Second}, func(s string) int { return len(s) })
	for i, c := range []struct {
		text string
		want bool
	}{{"12345678", true}, {"901", false}, {"9", true}, {"0", true}, {"", false}} {
		if got := q.Put(c.text); got != c.want {
			t.Errorf("put %d of %q: %v; want %v", i+1, c.text, got, c.want)
		}
	}
	over, end := context.WithCancel(t.Context())
	end()
	wantNext := func(batch ...string) {
		t.Helper()
		if got := q.Next(over, nil); !slices.Equal(got, batch) {
			t.Errorf("%q; want %q", got, batch)
		}
	}
	wantNext("12345678", "9")
	if q.Put("123456789a") || !q.Put("123456789") {
		t.Error("bytes of what was taken out still count, or those that wait do not")
	}
	wantNext("0", "123456789")
	if q.bytes != 0 || q.items != nil {
		t.Errorf("an empty queue counts %d bytes, and has the array of a wave: %v", q.bytes, q.items != nil)
	}
}
