package faults

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// tableFile is where the table is to be written; empty: nowhere.
var tableFile = flag.String("table", "", "write the table of faults to this `file`, docs/faults.md")

// TestMain writes the table and sees to it that nothing is left behind.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run is TestMain with a return.
func run(m *testing.M) int {
	flag.Parse()
	// They wait more than they work.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	if code := m.Run(); code != 0 {
		return code
	}
	// rueidis waits up to a second before it looks at a cluster's topology again, also when
	// its client was closed meanwhile.
	delayed := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")
	if err := goleak.Find(delayed); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		return 1
	}
	if *tableFile == "" {
		return 0
	}
	if err := os.WriteFile(*tableFile, []byte(table.String()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
