package redisx_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"barrage/internal/redistest"
)

// server is the Redis that all tests share which do not break theirs. Each begins by
// emptying it, so they must not run in parallel.
var server *redistest.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run is TestMain with a return, so that the server is stopped.
func run(m *testing.M) int {
	var err error
	if server, err = redistest.New(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop()
	ignore := goleak.IgnoreCurrent() // The goroutine that waits for the server.
	before := openFiles()
	if code := m.Run(); code != 0 {
		return code
	}
	if err := redistest.Left(ignore); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		return 1
	}
	if after := openFiles(); after > before {
		fmt.Fprintf(os.Stderr, "%d files are open after the tests, %d were before\n", after, before)
		return 1
	}
	return 0
}

// openFiles counts the files this process has open.
func openFiles() int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return len(files)
}
