package breaker

import (
	"testing"
	"time"
)

// TestBreaker_LetsOneTryThroughAfterFailures: after ten failures in a row one call a second is let through, until one
// is answered.
func TestBreaker_LetsOneTryThroughAfterFailures(t *testing.T) {
	t.Parallel()
	var b Breaker
	now := time.Unix(1000, 0)
	for i := range breakAfter {
		if !b.Allow(now) {
			t.Fatalf("call %d is kept back", i)
		}
		b.Done(now, true)
	}
	if b.Allow(now.Add(BreakFor - 1)) {
		t.Error("a call is let through before its time")
	}
	now = now.Add(BreakFor)
	if !b.Allow(now) || b.Allow(now) {
		t.Error("after a while one call is let through, and one alone")
	}
	if b.Done(now, true); b.Allow(now) {
		t.Error("the try failed, and another one is let through at once")
	}
	now = now.Add(BreakFor)
	if !b.Allow(now) || !b.Done(now, false) || b.Failures() != 0 || !b.Allow(now) || !b.Allow(now) {
		t.Error("the service answers again, and calls are kept back")
	}
	if b.Done(now, false) {
		t.Error("an answer among others says that the service is back")
	}
}
