package redistest

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// clockC stands between a program and its clock.
//
//go:embed testdata/clock.c
var clockC string

// StartClocked is [Start] for a server whose clock set sets so far ahead of the machine's, or behind it. Elapsed time
// goes on as it does. It skips the test where there is no C compiler.
func StartClocked(tb testing.TB, args ...string) (s *Server, set func(ahead time.Duration)) {
	tb.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		tb.Skipf("cannot set the clock of redis-server: %v: install a C compiler, such as the package gcc", err)
	}
	dir := tb.TempDir()
	source, library, file := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so"), filepath.Join(dir, "ahead")
	if err := os.WriteFile(source, []byte(clockC), 0o600); err != nil {
		tb.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-o", library, source).CombinedOutput(); err != nil {
		tb.Fatalf("cannot compile testdata/clock.c: %v: %s", err, out)
	}
	set = func(ahead time.Duration) {
		tb.Helper()
		next := file + ".next"
		if err := os.WriteFile(next, []byte(strconv.Itoa(int(ahead.Seconds()))), 0o600); err != nil {
			tb.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			tb.Fatal(err)
		}
	}
	set(0)
	s = (&Server{args: args, env: []string{"LD_PRELOAD=" + library, "CLOCK_AHEAD=" + file}}).launchFor(tb)
	return s, set
}
