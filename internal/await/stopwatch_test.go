package await

import (
	"os"
	"testing"
	"time"
)

// TestStopwatch_TimeWithoutAProcessorDoesNotCount has a watch that was started an hour ago, where a processor was
// missing for none of it, and for all of it.
func TestStopwatch_TimeWithoutAProcessorDoesNotCount(t *testing.T) {
	var none *Stopwatch
	if got := none.Passed(); got != 0 {
		t.Errorf("without a start %v have passed; want none", got)
	}
	if text, err := os.ReadFile("/proc/pressure/cpu"); err == nil && len(text) > 0 && waited() == 0 {
		t.Errorf("no process of this machine has waited since it runs, by %q; want what the kernel says", text)
	}
	began := time.Now().Add(-time.Hour)
	for missing, want := range map[time.Duration]time.Duration{0: time.Hour, time.Hour: 0} {
		w := &Stopwatch{began, waited() - missing}
		if got := w.Passed(); (got - want).Abs() > time.Minute {
			t.Errorf("with %v without a processor %v have passed; want %v", missing, got, want)
		}
	}
}
