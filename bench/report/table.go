package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"barrage/bench"
)

// Table writes one result for people: the load that was asked for, its outcome, the figures.
func Table(w io.Writer, r bench.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: %s\n", r.Scenario.Name, spokenTo(&r), strings.Join(settings(&r.Scenario, servers(&r)), "; "))
	if r.Scenario.Question != "" {
		fmt.Fprintf(&b, "  %s\n", r.Scenario.Question)
	}
	b.WriteByte('\n')
	for _, f := range findings(&r) {
		fmt.Fprintf(&b, "  %-11s  %s\n", f.Mood.Word(), f.Text)
	}
	b.WriteByte('\n')
	b.WriteString(quantileTable(&r))
	for _, g := range groupFigures(&r, func(f *figure) bool { return f.unit != millis || f.group == "client" }) {
		var parts []string
		for _, f := range g.Figures {
			if v, ok := f.of(&r); ok && (v != 0 || f.exact) {
				parts = append(parts, f.Text(&r)+" "+f.Name)
			}
		}
		if len(parts) > 0 {
			fmt.Fprintf(&b, "  %-8s  %s\n", g.Name, strings.Join(parts, ", "))
		}
	}
	if m := machineText(&r.Machine); m != "" {
		fmt.Fprintf(&b, "\n  %s\n", m)
	}
	return write(w, b.String())
}

// figureGroup is figures that belong together.
type figureGroup struct {
	Name    string
	Figures []*figure
}

// groupFigures has the figures that r has and want takes.
func groupFigures(r *bench.Result, want func(*figure) bool) (out []figureGroup) {
	for i := range figures {
		f := &figures[i]
		if _, ok := f.of(r); !ok || !want(f) {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Name != f.group {
			out = append(out, figureGroup{Name: f.group})
		}
		g := &out[len(out)-1]
		g.Figures = append(g.Figures, f)
	}
	return out
}

// quantileTable has the distributions that were measured, one a line.
func quantileTable(r *bench.Result) string {
	rows := [][]string{{"", "p50", "p90", "p99", "p99.9", "max", ""}}
	for _, d := range []struct {
		name string
		q    *bench.Quantiles
		of   string
	}{{"latency", &r.Latency, "copies read"}, {"connect", &r.Connect, "handshakes"}, {"welcome", &r.Welcome, "welcomes"}} {
		if d.q.Count == 0 {
			continue
		}
		row := []string{d.name}
		for _, v := range []float64{d.q.P50, d.q.P90, d.q.P99, d.q.P999, d.q.Max} {
			row = append(row, millis.text(v))
		}
		rows = append(rows, append(row, "of "+number(d.q.Count)+" "+d.of))
	}
	if len(rows) == 1 {
		return ""
	}
	return columns(1, rows) + "\n"
}

// machineText is where a result comes from, in one line.
func machineText(m *bench.Machine) string {
	return strings.Join(machineFacts(m), ", ")
}

func machineFacts(m *bench.Machine) (facts []string) {
	add := func(known bool, fact string) {
		if known {
			facts = append(facts, fact)
		}
	}
	add(m.CPU != "", m.CPU)
	add(m.Cores > 0, plural(m.Cores, "core"))
	add(m.Memory > 0, bytes.text(float64(m.Memory)))
	add(m.Kernel != "", m.Kernel)
	add(m.Go != "", m.Go)
	add(m.Barrage != "", "barrage "+m.Barrage)
	return facts
}

// Summary writes one line per result, and their warnings below.
func Summary(w io.Writer, results []bench.Result) error {
	if len(results) == 0 {
		return write(w, "no results\n")
	}
	rows := [][]string{{"scenario", "peer", "viewers", "due", "copies", "p50", "p99", "max", "CPU a copy", "B a viewer", "verdict"}}
	for i := range results {
		r := &results[i]
		due := "—"
		if r.Scenario.Rate > 0 {
			due = perSecond.text(r.Scenario.Rate)
		}
		row := append([]string{r.Scenario.Name, r.Peer, number(r.Connections.Made), due},
			figureTexts(r, "copies/s", "p50-ms", "p99-ms", "max-ms", "cpu-ns/copy", "B/viewer")...)
		rows = append(rows, append(row, verdictText(r)))
	}
	return write(w, columns(2, rows)+warningLines(results, func(i int) string { return results[i].Scenario.Name + " on " + results[i].Peer }))
}

// warningLines has each warning of results once, a line each, with the names of those that
// have it.
func warningLines(results []bench.Result, name func(i int) string) string {
	var texts []string
	names := map[string][]string{}
	for i := range results {
		for _, text := range results[i].Warnings {
			if names[text] == nil {
				texts = append(texts, text)
			}
			if n := name(i); !slices.Contains(names[text], n) {
				names[text] = append(names[text], n)
			}
		}
	}
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "Warning (%s): %s\n", strings.Join(names[text], "; "), text)
	}
	return b.String()
}

// figureOf finds a figure by its name in benchmark lines.
func figureOf(benchstat string) *figure {
	for i := range figures {
		if figures[i].benchstat == benchstat {
			return &figures[i]
		}
	}
	panic("BUG: no figure is called " + benchstat)
}

// figureTexts are what figures say of r.
func figureTexts(r *bench.Result, benchstat ...string) (texts []string) {
	for _, name := range benchstat {
		texts = append(texts, figureOf(name).Text(r))
	}
	return texts
}

// Peers writes, for each load that more than one peer bore, their figures side by side, with the ratio to the first
// peer's. Their warnings stand below. Loads of one peer are left out.
func Peers(w io.Writer, results []bench.Result) error {
	var b strings.Builder
	for _, g := range groupBy(results, func(r *bench.Result) load { return loadOf(&r.Scenario) }) {
		if !severalPeers(g.results) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s\n", g.key.name, sizeText(&g.results[0].Scenario, ""))
		b.WriteString(columns(1, peerRows(g.results)))
		var all []bench.Result
		for _, r := range g.results {
			fmt.Fprintf(&b, "%s: %s\n", r.Peer, verdictText(r))
			all = append(all, *r)
		}
		b.WriteString(warningLines(all, func(i int) string { return all[i].Peer }))
	}
	return write(w, b.String())
}

func severalPeers(results []*bench.Result) bool {
	for _, r := range results {
		if r.Peer != results[0].Peer {
			return true
		}
	}
	return false
}

// peerRows has a line a figure and, from the second result on, a column for the ratio
// to the first one.
func peerRows(results []*bench.Result) [][]string {
	first := results[0]
	label := func(r *bench.Result) string {
		if on := servers(r); on != "" {
			return r.Peer + " (" + on + ")"
		}
		return r.Peer
	}
	head := []string{"", label(first)}
	for _, r := range results[1:] {
		head = append(head, label(r), "ratio")
	}
	rows := [][]string{append(head, "")}
	for i := range figures {
		f := &figures[i]
		if f.better == 0 || f.benchstat == "" || f.Name == "p90" || f.Name == "p99.9" {
			continue
		}
		row := []string{f.group + " " + f.Name, f.Text(first)}
		base, inFirst := f.of(first)
		measured := inFirst
		for _, r := range results[1:] {
			v, ok := f.of(r)
			row = append(row, f.Text(r), ratioText(base, v, inFirst && ok))
			measured = measured || ok
		}
		if measured {
			rows = append(rows, append(row, ""))
		}
	}
	return rows
}

// ratioText is v as so many times base.
func ratioText(base, v float64, known bool) string {
	switch {
	case !known, base == 0 && v == 0:
		return ""
	case base == v:
		return "1×"
	case base == 0:
		return "from 0"
	}
	return short(v/base) + "×"
}

// columns lines up rows: the first left columns to the left, the last one as it is,
// those between to the right.
func columns(left int, rows [][]string) string {
	for c := range left {
		wide := 0
		for _, row := range rows {
			wide = max(wide, utf8.RuneCountInString(row[c]))
		}
		for _, row := range rows {
			row[c] += strings.Repeat(" ", wide-utf8.RuneCountInString(row[c]))
		}
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		last := len(row) - 1
		_, _ = fmt.Fprintln(t, strings.Join(row[:last], "\t")+"\t  "+row[last])
	}
	_ = t.Flush() // into memory
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// write hands text on, without the control characters with which a server's words could
// steer a terminal.
func write(w io.Writer, text string) error {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return utf8.RuneError
		}
		return r
	}, text)
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}
