package edge

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestTarry_HoldsOnlyThoseWhoCallTooSoon: a client that calls too soon waits for the refusal; others do not, nor does
// one that has gone, nor one too many.
func TestTarry_HoldsOnlyThoseWhoCallTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Edge{Times: Times{Tarry: tarryFor}}
		waited := func(ctx context.Context, status int) time.Duration {
			began := time.Now()
			e.Tarry(ctx, Refuse(status, "no"))
			return time.Since(began)
		}
		for status, want := range map[int]time.Duration{http.StatusTooManyRequests: tarryFor, http.StatusServiceUnavailable: 0, http.StatusForbidden: 0} {
			if got := waited(t.Context(), status); got != want {
				t.Errorf("a refusal with %d waits for %v; want %v", status, got, want)
			}
		}
		gone, cancel := context.WithTimeout(t.Context(), tarryFor/2)
		defer cancel()
		if got := waited(gone, http.StatusTooManyRequests); got != tarryFor/2 {
			t.Errorf("the refusal of a client that goes after %v waits for %v", tarryFor/2, got)
		}
		for range mostTarrying {
			go waited(t.Context(), http.StatusTooManyRequests)
		}
		synctest.Wait()
		if got := waited(t.Context(), http.StatusTooManyRequests); got != 0 {
			t.Errorf("a refusal beside %d waits for %v; want that it comes at once", mostTarrying, got)
		}
		time.Sleep(tarryFor)
		synctest.Wait()
		if got := waited(t.Context(), http.StatusTooManyRequests); got != tarryFor {
			t.Errorf("a refusal after they have gone waits for %v; want %v", got, tarryFor)
		}
	})
}
