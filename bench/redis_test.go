package bench

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

func TestRedis_LeavesNothing(t *testing.T) {
	r, err := startRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := ping(t.Context(), r.addr); err != nil {
		t.Error(err)
	}
	r.stop()
	if ping(t.Context(), r.addr) == nil {
		t.Errorf("somebody answers at %s after stop", r.addr)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", r.dir, err)
	}
}
