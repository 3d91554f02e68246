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
	if !pong(r.addr) {
		t.Errorf("nobody answers at %s", r.addr)
	}
	r.stop()
	if pong(r.addr) {
		t.Errorf("somebody answers at %s after stop", r.addr)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", r.dir, err)
	}
}
