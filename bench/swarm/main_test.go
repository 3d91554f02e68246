package swarm

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// workArg makes the test program a worker.
const workArg = "work"

// TestMain is also what a worker process of a test runs. It fails when a goroutine is
// left behind.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workArg {
		if err := Work(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
