package hostile

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// table is where the rows go; empty: nowhere.
var table = flag.String("table", "", "add a row for each attack to this file, and hold how long people wait: on a quiet machine")

// row adds what an attack did to the table.
func row(t *testing.T, calm, hostile figures, grown int64) {
	t.Helper()
	if *table == "" {
		return
	}
	f, err := os.OpenFile(*table, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(f, "| %s | %d of %d | %v | %v | %d MiB |\n", strings.TrimPrefix(t.Name(), "Test"), hostile.lost, hostile.sent,
		calm.p99.Round(100*time.Microsecond), hostile.p99.Round(100*time.Microsecond), max(grown, 0)>>20)
	if err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
