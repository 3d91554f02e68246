package await_test

import (
	"testing"
	"time"

	"barrage/internal/await"
)

// TestStopwatch_TimeCountsUnlessAProcessorIsMissing holds what counts to the time that has passed: on a quiet machine
// it is all of it, on a busy one less, never more.
func TestStopwatch_TimeCountsUnlessAProcessorIsMissing(t *testing.T) {
	var none *await.Stopwatch
	if got := none.Passed(); got != 0 {
		t.Errorf("without a start %v have passed; want none", got)
	}
	began, w := time.Now(), await.Start()
	<-time.After(20 * time.Millisecond)
	if got := w.Passed(); got > time.Since(began) {
		t.Errorf("%v count of %v", got, time.Since(began))
	}
}
