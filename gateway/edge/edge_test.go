package edge

import (
	"testing"
)

func TestConnectionLimit_FitsTheOpenFiles(t *testing.T) {
	f := func(asked, openFiles, want int, why string) {
		t.Helper()
		got, err := ConnectionLimit(asked, openFiles)
		if got != want || (err == nil) != (why == "") || err != nil && err.Error() != why {
			t.Errorf("ConnectionLimit(%d, %d) = %d, %v; want %d, %s", asked, openFiles, got, err, want, why)
		}
	}
	f(0, 1024, 960, "")
	f(0, 1280, 1216, "")      // the reserve is 64
	f(0, 100_000, 95_000, "") // the reserve is a twentieth
	f(500, 1024, 500, "")     // less than fits
	f(960, 1024, 960, "")     // just fits
	f(0, 65, 1, "")           // the least that can serve
	f(1_000_000, 1<<24, 1e6, "")
	f(961, 1024, 0, "cannot hold server.max_connections 961: the limit of 1024 open files leaves room for 960; raise it (ulimit -n) or lower the setting")
	f(2, 65, 0, "cannot hold server.max_connections 2: the limit of 65 open files leaves room for 1; raise it (ulimit -n) or lower the setting")
	f(0, 64, 0, "cannot serve with 64 open files: raise the limit (ulimit -n) to 1024 or more")
	f(10, 20, 0, "cannot serve with 20 open files: raise the limit (ulimit -n) to 1024 or more")
}

func TestSpareOf_LeavesOutWhatTheNodeHasItself(t *testing.T) {
	f := func(openFiles, pollers, rings, want int) {
		t.Helper()
		if got := spareOf(openFiles, pollers, rings); got != want {
			t.Errorf("spareOf(%d, %d, %d) = %d; want %d", openFiles, pollers, rings, got, want)
		}
	}
	f(1024, 1, 0, 46)
	f(1024, 1, 2, 44)         // a ring a lane
	f(1024, 16, 32, 16)       // never less than a quarter
	f(100_000, 16, 32, 3_701) // of a reserve of 5,000
}
