package report

import (
	"fmt"
	"strings"
	"testing"

	"barrage/bench"
)

// TestFindings_WhoIsMissing: what is said of viewers that were not there to the end is true,
// and said once.
func TestFindings_WhoIsMissing(t *testing.T) {
	all := bench.Connections{Wanted: 100, Made: 100}
	f := func(change func(r *bench.Result), want ...string) {
		t.Helper()
		r := bench.Result{Connections: all}
		change(&r)
		var got []string
		for _, f := range findings(&r) {
			if f.Text != "No messages were due." {
				got = append(got, fmt.Sprintf("%s: %s", f.Mood.Word(), f.Text))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("findings of %+v:\n%s\nwant\n%s", r, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	const everybody = "Good: All 100 viewers connected, and none was cut off."
	f(func(*bench.Result) {}, everybody)
	f(func(r *bench.Result) { r.Partial = "it was interrupted" },
		"Incomplete: The run ended before its time: it was interrupted. The figures hold up to that moment.", everybody)
	f(func(r *bench.Result) { r.Partial, r.Client.Died = "worker 1 died", 1 },
		"Incomplete: The run ended before its time: worker 1 died. The figures hold up to that moment.")
	f(func(r *bench.Result) {
		r.Connections.Made, r.Connections.Failed, r.Connections.FailedWhy = 97, 3, "503"
		r.Partial = r.Missing()
	}, "Problem: 3 of 100 viewers could not connect, the last one: 503.")
	f(func(r *bench.Result) {
		r.Connections.Broken, r.Connections.BrokenWhy = 2, "reset"
		r.Partial = "node 1 ended"
	}, "Incomplete: The run ended before its time: node 1 ended. The figures hold up to that moment.",
		"Problem: 2 connections cut off, the last one: reset.")
	f(func(r *bench.Result) { r.Connections.SlowEnded, r.Messages.Uncounted = 5, 7 }, everybody,
		"Note: 7 copies more went to viewers of which nobody knows exactly what they should have got: slow, cut off, late, or of a client process that died.",
		"Note: 5 slow viewers cut off.")
}

// TestVerdict_MarksWhatIsIncomplete whatever the reason.
func TestVerdict_MarksWhatIsIncomplete(t *testing.T) {
	r := bench.Result{Connections: bench.Connections{Wanted: 100, Made: 100, Broken: 2, BrokenWhy: "reset"}}
	r.Partial = r.Missing()
	if got, want := verdictText(&r), "INCOMPLETE, 2 cut off"; got != want {
		t.Errorf("verdict = %q; want %q", got, want)
	}
}
