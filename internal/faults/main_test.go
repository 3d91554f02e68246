package faults

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"barrage/internal/redistest"
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
	if err := redistest.Left(); err != nil {
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
