package redistest

import (
	"testing"
	"time"
)

// lookEvery is how often [Eventually] looks.
const lookEvery = 2 * time.Millisecond

// Eventually looks every 2 ms whether what is so, until ok says yes. After patience it fails
// the test with the last detail.
func Eventually(tb testing.TB, patience time.Duration, what string, ok func() (done bool, detail string)) {
	tb.Helper()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	deadline := time.Now().Add(patience)
	for {
		done, detail := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("after %v it is still not so that %s: %s", patience, what, detail)
		}
		<-ticker.C
	}
}
