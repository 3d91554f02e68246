package bench

import (
	"strings"
	"testing"
	"time"
)

func TestLines_NoTerminalHasALineAPhase(t *testing.T) {
	var out strings.Builder
	progress, done := Lines(&out, 0)
	progress(Status{Scenario: "storm", Phase: "connect", Begins: true})
	progress(Status{Scenario: "storm", Phase: "connect", Open: 10})
	progress(Status{Scenario: "storm", Peer: "hub", Phase: "measure", Begins: true})
	done()
	if got, want := out.String(), "storm: connect\nstorm on hub: measure\n"; got != want {
		t.Errorf("wrote %q; want %q", got, want)
	}
}

func TestLines_TerminalIsWrittenOver(t *testing.T) {
	var out strings.Builder
	progress, done := Lines(&out, 40)
	s := Status{
		Scenario: "storm", Phase: "measure", Elapsed: 3 * time.Second, Total: 10 * time.Second,
		Open: 5000, Wanted: 5000, Copies: 998_000, P99: 86.2, Broken: 2,
	}
	if got, want := s.String(), "storm measure 3/10s ###.......  5000/5000 connected  2 broken  998k copies/s  p99 86 ms"; got != want {
		t.Errorf("String() = %q; want %q", got, want)
	}
	progress(s)
	done()
	done()
	if got, want := out.String(), "\r\x1b[Kstorm measure 3/10s ###.......  5000/50\r\x1b[K"; got != want {
		t.Errorf("wrote %q; want %q", got, want)
	}
}

func TestShort_CutsOnlyLargeNumbers(t *testing.T) {
	f := func(n uint64, want string) {
		t.Helper()
		if got := short(n); got != want {
			t.Errorf("short(%d) = %s; want %s", n, got, want)
		}
	}
	f(9999, "9999")
	f(998_400, "998k")
	f(19_540_000, "19.5M")
}
