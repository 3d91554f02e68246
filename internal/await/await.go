// Package await has tests wait for what comes by itself, as an event of another node: no sleep is right on every
// machine. Its stopwatch holds how long that may take.
package await

import (
	"fmt"
	"testing"
	"time"
)

// lookEvery is how often a test looks: some looks a round trip to a node or to Redis on this machine.
const lookEvery = 2 * time.Millisecond

// NoError looks every 2 ms, until check has no complaint. After patience it fails the test with the last one.
func NoError(tb testing.TB, patience time.Duration, check func() error) {
	tb.Helper()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); ; <-ticker.C {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("still after %v: %v", patience, err)
		}
	}
}

// True is NoError of a check that reports whether what is so, with a detail.
func True(tb testing.TB, patience time.Duration, what string, ok func() (done bool, detail string)) {
	tb.Helper()
	NoError(tb, patience, func() error {
		done, detail := ok()
		if done {
			return nil
		}
		return fmt.Errorf("it is not so that %s: %s", what, detail)
	})
}
