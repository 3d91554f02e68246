package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"barrage/bench"
	"barrage/bench/swarm"
)

// TestFindings_MissingViewersAreSaidOnce: the report of viewers that were not there to the end is true, and appears
// once.
func TestFindings_MissingViewersAreSaidOnce(t *testing.T) {
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
		"Note: 7 copies more went to viewers of which nobody knows exactly what they should have got: slow, cut off, late, in a room where others spoke, or of a client process that died.",
		"Note: 5 slow viewers cut off.")
}

// TestFindings_RefusalsAreApartFromLosses: refusals are reported by code, and anything wrong with them is a problem.
func TestFindings_RefusalsAreApartFromLosses(t *testing.T) {
	stormy := func() *bench.Result {
		return &bench.Result{
			Dialect: "native", Connections: bench.Connections{Wanted: 90, Made: 90},
			Messages: bench.Messages{
				Offered: 1000, Sent: 1000, Answers: swarm.Answers{Acked: 40, Refused: map[string]uint64{"shed": 900, "slow_mode": 60}},
				Expected: 3600, Delivered: 3600, Sampled: 20, Gifts: swarm.Gifts{Sent: 10, Acked: 10, Expected: 200},
				Seen: []swarm.Seen{{Viewers: 45, Delivered: 1800, Sampled: 10, Alike: 10}, {Viewers: 45, Delivered: 1800, Sampled: 10, Alike: 10}},
			},
		}
	}
	f := func(change func(m *bench.Messages), verdict string, want ...string) {
		t.Helper()
		r := stormy()
		change(&r.Messages)
		var texts []string
		for _, f := range findings(r) {
			texts = append(texts, fmt.Sprintf("%s: %s", f.Mood.Word(), f.Text))
		}
		for _, w := range want {
			if !slices.Contains(texts, w) {
				t.Errorf("findings\n%s\nwant\n%s", strings.Join(texts, "\n"), w)
			}
		}
		if got := verdictText(r); got != verdict {
			t.Errorf("verdict = %q; want %q", got, verdict)
		}
	}
	const (
		refused = "Note: Of 1,000 messages that were sent, 960 refused: 900 shed, 60 slow_mode. No viewer should have those, and latency is of the others."
		came    = "Good: All 3,600 copies that were expected came: 0 lost, 0 doubled, 0 out of order (order: in 20 sampled viewers)."
	)
	f(func(*bench.Messages) {}, "all came, 960 messages refused", refused, came,
		"Good: Viewers saw the same on all nodes, in one order: node 1: 40 copies to each of 45 viewers, of whom 10 looked and 10 saw the same; "+
			"node 2: 40 copies to each of 45 viewers, of whom 10 looked and 10 saw the same.",
		"Good: Of 10 gifts, 0 refused; of their 200 copies at viewers who looked, 0 lost.")
	f(func(m *bench.Messages) { m.Wrong, m.Doubled = 3, 2 }, "2 doubled, 3 of refused messages, 960 messages refused", refused,
		"Problem: Of 3,600 copies that were expected, 2 doubled, 3 of refused messages.")
	f(func(m *bench.Messages) { m.Answers.Acked, m.Answers.Unanswered = 33, 7 }, "all came, 960 messages refused, 7 not answered", refused, came,
		"Warning: Of 1,000 messages that were sent, 7 neither acknowledged nor refused: no answer came, or its connection ended before. Viewers should have them.")
	f(func(m *bench.Messages) { m.Seen[1].Alike = 9 }, "nodes differ, 960 messages refused", refused,
		"Problem: Viewers did not see the same on all nodes: node 1: 40 copies to each of 45 viewers, of whom 10 looked and 10 saw the same; "+
			"node 2: 40 copies to each of 45 viewers, of whom 10 looked and 9 saw the same.")
	f(func(m *bench.Messages) { m.Gifts.Lost, m.Lost = 4, 4 }, "4 lost, 960 messages refused", refused,
		"Problem: Of 200 copies of gifts at viewers who looked, 4 lost.")
}

// TestFindings_WhatSendersAreNotTold: a dialect without a word for refusals has losses, and the servers' own counts
// explain them.
func TestFindings_WhatSendersAreNotTold(t *testing.T) {
	r := bench.Result{
		Dialect: "fastim", Messages: bench.Messages{Offered: 100, Sent: 100, Expected: 1000, Delivered: 300, Lost: 700},
		Server: bench.Server{Dropped: map[string]uint64{"shed": 60, "rate_limited": 10}},
	}
	want := "The servers left out 70 messages (60 shed, 10 rate_limited), for which the dialect has no word: their copies are among those lost."
	if !slices.ContainsFunc(findings(&r), func(f finding) bool { return f.Mood == warning && f.Text == want }) {
		t.Errorf("findings %+v; want %q", findings(&r), want)
	}
	r.Messages.Answers.Acked = 30
	if slices.ContainsFunc(findings(&r), func(f finding) bool { return strings.Contains(f.Text, "no word") }) {
		t.Errorf("findings %+v of a dialect that tells senders", findings(&r))
	}
}

// TestVerdict_MarksWhatIsIncomplete whatever the reason.
func TestVerdict_MarksWhatIsIncomplete(t *testing.T) {
	r := bench.Result{Connections: bench.Connections{Wanted: 100, Made: 100, Broken: 2, BrokenWhy: "reset"}}
	r.Partial = r.Missing()
	if got, want := verdictText(&r), "INCOMPLETE, 2 cut off"; got != want {
		t.Errorf("verdict = %q; want %q", got, want)
	}
}
