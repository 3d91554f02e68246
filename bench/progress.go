package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Status is where a run is. It is sent once a phase begins and then once a second.
type Status struct {
	Peer, Scenario string
	// Phase is "start", "rest", "connect", "warmup", "measure" or "finish".
	Phase string
	// Begins is true for the first status of a phase.
	Begins bool
	// Elapsed is the time in this phase, Total how long it is to take; 0: nobody knows.
	Elapsed, Total time.Duration
	// Open viewers of those Wanted.
	Open, Wanted int
	// Broken viewers could not connect, or were cut off other than by our will. How many
	// copies were lost is known in the end only: until then they may still come.
	Broken int
	// Copies came in the last second, P99 is their latency in milliseconds.
	Copies uint64
	P99    float64
}

// Progress receives how a run goes, from one goroutine at a time. It must not block for long. Nil is nobody.
type Progress func(Status)

// named reports the same of a scenario under another name.
func (p Progress) named(name string) Progress {
	if p == nil {
		return nil
	}
	return func(s Status) {
		s.Scenario = name
		p(s)
	}
}

// Lines is a [Progress] for people. It is a line that is written over and over where out is a terminal of so many
// columns. Where out is none, and columns is 0, it is one line a phase. The function done takes the line away; call it
// before anything else is written to the same terminal.
func Lines(out io.Writer, columns int) (progress Progress, done func()) {
	open := false
	done = func() {
		if open {
			_, _ = io.WriteString(out, "\r\x1b[K") // Nothing depends on progress.
			open = false
		}
	}
	progress = func(s Status) {
		switch {
		case columns > 0: // A line that wraps could not be written over.
			line := s.String()
			_, _ = io.WriteString(out, "\r\x1b[K"+line[:min(len(line), columns-1)]) // \x1b[K: erase to the end of the line
			open = true
		case s.Begins:
			_, _ = fmt.Fprintf(out, "%s: %s\n", s.name(), s.Phase)
		}
	}
	return progress, done
}

func (s Status) name() string {
	if s.Peer == "" || s.Peer == ourselves {
		return s.Scenario
	}
	return s.Scenario + " on " + s.Peer
}

// String is "storm measure 3/10s ###.......  5000/5000 connected  998k copies/s  p99 86 ms".
func (s Status) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s ", s.name(), s.Phase)
	elapsed := int(s.Elapsed.Seconds())
	if s.Total > 0 {
		const width = 10
		filled := min(int(width*s.Elapsed/s.Total), width)
		fmt.Fprintf(&b, "%d/%vs %s%s", elapsed, s.Total.Seconds(), strings.Repeat("#", filled), strings.Repeat(".", width-filled))
	} else {
		fmt.Fprintf(&b, "%ds", elapsed)
	}
	if s.Wanted > 0 {
		fmt.Fprintf(&b, "  %d/%d connected", s.Open, s.Wanted)
	}
	if s.Broken > 0 {
		fmt.Fprintf(&b, "  %d broken", s.Broken)
	}
	if s.Phase == "warmup" || s.Phase == "measure" || s.Phase == "finish" {
		fmt.Fprintf(&b, "  %s copies/s  p99 %.0f ms", short(s.Copies), s.P99)
	}
	return b.String()
}

// short is "12", "998k", "19.5M".
func short(n uint64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}
