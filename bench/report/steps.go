package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"barrage/bench"
)

// Steps writes the levels that a search tried, the lowest first, and the last good one.
func Steps(w io.Writer, steps []bench.Step) error {
	sorted := slices.SortedStableFunc(slices.Values(steps), func(a, b bench.Step) int { return cmp.Compare(a.Level, b.Level) })
	rows := [][]string{{"level", "copies", "p50", "p99", "lost", "server", "client", "verdict"}}
	end := "No level was good enough."
	for i := range sorted {
		s := &sorted[i]
		row := append([]string{short(s.Level)}, figureTexts(&s.Result, "copies/s", "p50-ms", "p99-ms", "lost", "server-cores", "client-cores")...)
		verdict := "broke: " + s.Broke
		if s.Limit != "" {
			verdict += " (the limit was the " + s.Limit + ")"
		}
		if s.Broke == "" {
			verdict = "good"
			end = fmt.Sprintf("The last good level is %s: %s.", short(s.Level), sizeText(&s.Result.Scenario, servers(&s.Result)))
		}
		rows = append(rows, append(row, verdict))
	}
	results := make([]bench.Result, len(sorted))
	for i := range sorted {
		results[i] = sorted[i].Result
	}
	return write(w, columns(0, rows)+warningLines(results, func(i int) string { return short(sorted[i].Level) })+end+"\n")
}
