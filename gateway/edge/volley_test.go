package edge

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"barrage/internal/openfiles"
)

// TestNewWriters_KeepReserve: rings leave open files for those who ask. A node that has too few for them writes
// without, and says so.
func TestNewWriters_KeepReserve(t *testing.T) {
	limit, err := openfiles.Limit()
	if err != nil {
		t.Fatal(err)
	}
	e, most := &Edge{}, openfiles.Reserve(limit)/4
	e.set.Store(&settings{})
	if all := e.newWriters(most + 1); all != nil {
		for _, s := range all {
			s.Close()
		}
		t.Fatalf("%d rings where %d files may be open; want none of more than %d", len(all), limit, most)
	}
	want := fmt.Sprintf("the limit of %d open files leaves room for %d: too many open files; raise the limit of open files (ulimit -n), or set", limit, most)
	if got := fmt.Sprint(e.writers.err); !strings.Contains(got, want) {
		t.Errorf("error %q; want ... %q", got, want)
	}
}

// TestNoRings_SaysWhatToDo: the advice for too little locked memory does not ask to allow what is allowed.
func TestNoRings_SaysWhatToDo(t *testing.T) {
	for why, do := range map[error]string{syscall.EPERM: "allow the node", syscall.ENOMEM: "(ulimit -l)", syscall.EMFILE: "(ulimit -n)"} {
		if got := NoRings(fmt.Errorf("io_uring_setup: %w", why)).Error(); !strings.Contains(got, do) {
			t.Errorf("%v: %q; want %q", why, got, do)
		}
	}
}
