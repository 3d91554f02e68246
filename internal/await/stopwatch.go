package await

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// Stopwatch holds what nodes promise in seconds, on a machine that is busy with other tests, too. Time in which any
// process waited for a processor does not count. A quiet machine has little of it, one beside busy loops little else:
// there a bound holds next to nothing, and the log says so. Make it with [Start].
type Stopwatch struct {
	began  time.Time
	waited time.Duration
}

// Start begins to measure.
func Start() *Stopwatch { return &Stopwatch{time.Now(), waited()} }

// Passed is the time that counts; 0 of nil, which did not begin.
func (w *Stopwatch) Passed() time.Duration {
	if w == nil {
		return 0
	}
	return time.Since(w.began) - (waited() - w.waited)
}

// WantWithin fails the test if it took longer until something.
func (w *Stopwatch) WantWithin(tb testing.TB, what string, most time.Duration) {
	tb.Helper()
	took, counts := time.Since(w.began), w.Passed()
	tb.Logf("%s after %v, %v of it without a processor", what, took, took-counts)
	if took > most && counts < took/2 {
		tb.Log("too little time counts for the bound to say much: this machine is busy")
	}
	if counts > most {
		tb.Errorf("it took %v until %s, %v of it without a processor; want at most %v", took, what, took-counts, most)
	}
}

// waited is how long a process of this machine has waited for a processor, since it runs; 0 where the kernel does not
// report it.
func waited() time.Duration {
	var avg10, avg60, avg300 float64
	var total int64
	text, _ := os.ReadFile("/proc/pressure/cpu")
	_, _ = fmt.Sscanf(string(text), "some avg10=%f avg60=%f avg300=%f total=%d", &avg10, &avg60, &avg300, &total)
	return time.Duration(total) * time.Microsecond
}
