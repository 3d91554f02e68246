package redistest

import (
	"time"

	"go.uber.org/goleak"
)

// restsFor is how long rueidis may go on after a client was closed. It looks at a cluster's topology again after up to
// a second. After 5 s it closes its connections to nodes that left the cluster (both in cluster.go of v1.0.79). Some
// more for a busy machine.
const restsFor = 8 * time.Second

// Left returns an error that names the goroutines which still run and options don't
// except; nil when there are none. It waits for rueidis to end what it does late. For a
// package's TestMain, after its tests.
func Left(options ...goleak.Option) error {
	until := time.Now().Add(restsFor)
	for {
		err := goleak.Find(options...) // tries for a second
		if err == nil || time.Now().After(until) {
			return err
		}
	}
}
