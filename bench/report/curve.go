package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"barrage/bench"
)

// curve is what peers did at the same delivery rate in one size after the other.
type curve struct {
	axis  string // the quantity that grows: "viewers" or "rooms"
	about string // the quantities that stay
	peers []string
	// levels in order, and the medians at each of them, by peer.
	levels []float64
	at     []map[string]*bench.Result
}

// curveFigures are what is drawn of each peer, by their names in benchmark lines.
var curveFigures = []struct{ title, figure string }{
	{"server's CPU a delivery", "cpu-ns/copy"},
	{"p99 of latency", "p99-ms"},
}

// curvesOf has one curve a scenario, in the order of results, each with the medians of its rounds.
func curvesOf(results []bench.Result) (all []curve) {
	for _, g := range groupBy(results, func(r *bench.Result) string { return r.Scenario.Name }) {
		first := &g.results[0].Scenario
		c := curve{axis: "viewers"}
		level := func(r *bench.Result) float64 { return float64(r.Scenario.Viewers) }
		if slices.ContainsFunc(g.results, func(r *bench.Result) bool { return r.Scenario.Rooms != first.Rooms }) {
			c.axis, level = "rooms", func(r *bench.Result) float64 { return float64(r.Scenario.Rooms) }
		}
		c.about = grouped(first.Rate*float64(first.Viewers)/float64(max(first.Rooms, 1))) + " deliveries a second to "
		switch {
		case c.axis == "rooms":
			c.about += plural(first.Viewers, "viewer")
		case first.Rooms > 1:
			c.about += plural(first.Rooms, "room")
		default:
			c.about += "one room"
		}
		var flat []bench.Result
		for _, r := range g.results {
			flat = append(flat, *r)
			if !slices.Contains(c.peers, r.Peer) {
				c.peers = append(c.peers, r.Peer)
			}
		}
		levels := groupBy(flat, level)
		slices.SortFunc(levels, func(a, b group[float64]) int { return cmp.Compare(a.key, b.key) })
		for _, l := range levels {
			var rounds []bench.Result
			for _, r := range l.results {
				rounds = append(rounds, *r)
			}
			at := map[string]*bench.Result{}
			for _, m := range bench.Medians(rounds) {
				at[m.Peer] = &m
			}
			c.levels, c.at = append(c.levels, l.key), append(c.at, at)
		}
		all = append(all, c)
	}
	return all
}

// Curves writes the figures of each curve, a line a level, and below what went wrong and the warnings.
func Curves(w io.Writer, results []bench.Result) error {
	var b strings.Builder
	for _, c := range curvesOf(results) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", c.about)
		rows := [][]string{{c.axis}}
		for _, f := range curveFigures {
			for i, peer := range c.peers {
				title := peer
				if i == 0 {
					title = f.title + ": " + peer
				}
				rows[0] = append(rows[0], title)
			}
		}
		rows[0] = append(rows[0], "")
		for i, level := range c.levels {
			row := []string{short(level)}
			for _, f := range curveFigures {
				for _, peer := range c.peers {
					text := "—"
					if r := c.at[i][peer]; r != nil {
						text = figureOf(f.figure).Text(r)
					}
					row = append(row, text)
				}
			}
			rows = append(rows, append(row, ""))
		}
		b.WriteString(columns(0, rows))
	}
	name := func(i int) string { return fmt.Sprintf("%s, %s", results[i].Peer, sizeText(&results[i].Scenario, "")) }
	for i := range results {
		for _, f := range findings(&results[i]) {
			if f.Mood >= problem {
				fmt.Fprintf(&b, "%s (%s): %s\n", f.Mood.Word(), name(i), f.Text)
			}
		}
	}
	return write(w, b.String()+warningLines(results, name))
}
