package room

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets the heap of the models, a few MB of short-lived worlds, grow to five times what lives before it is
// collected. With Go's 100 % the collector takes a third of their time under the race detector.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
