package gateway

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(crampedEnv) != "" {
		os.Exit(serveCramped())
	}
	if os.Getenv(floorEnv) != "" {
		os.Exit(readFloor())
	}
	os.Exit(run(m))
}

// run runs the tests, then looks for what they left behind: goroutines, ours or
// nbio's, and open files.
func run(m *testing.M) int {
	prime()
	before := openFiles()
	if code := m.Run(); code != 0 {
		return code
	}
	http.DefaultClient.CloseIdleConnections()
	// net/http waits for half a second before it closes a connection whose request was too large.
	if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		return 1
	}
	for end := time.Now().Add(patience); openFiles() != before; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "%d files are open after the tests, %d were before\n", openFiles(), before)
			return 1
		}
	}
	return 0
}

// prime opens what the Go runtime keeps open for good once the network was used.
func prime() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	_ = ln.Close()
}

// openFiles counts the files this process has open.
func openFiles() int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return len(files)
}
