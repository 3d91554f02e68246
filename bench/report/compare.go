package report

import (
	"fmt"
	"io"
	"strings"

	"barrage/bench"
)

// pairKey says which results of two runs belong together.
type pairKey struct {
	load load
	peer string
}

func pairOf(r *bench.Result) pairKey { return pairKey{loadOf(&r.Scenario), r.Peer} }

func (k pairKey) String(s *bench.Scenario) string {
	return fmt.Sprintf("%s, %s: %s", k.load.name, k.peer, sizeText(s))
}

// Compare writes old results a beside new ones b, paired by load and peer, in order
// where one has several. A figure is better or worse if it moved by more than
// tolerance, a share of the old one (0.1 is a tenth); a fault counts from the first one
// more. It returns how many figures are worse; a run that ended early where the old one
// did not is one of them. Results without a partner are named.
func Compare(w io.Writer, a, b []bench.Result, tolerance float64) (worse int, err error) {
	var out strings.Builder
	left := map[pairKey][]*bench.Result{}
	for i := range b {
		k := pairOf(&b[i])
		left[k] = append(left[k], &b[i])
	}
	var alone []string
	for i := range a {
		k := pairOf(&a[i])
		if len(left[k]) == 0 {
			alone = append(alone, "only in the old results: "+k.String(&a[i].Scenario))
			continue
		}
		worse += comparePair(&out, &a[i], left[k][0], tolerance)
		left[k] = left[k][1:]
	}
	for i := range b {
		if k := pairOf(&b[i]); len(left[k]) > 0 && left[k][0] == &b[i] {
			alone = append(alone, "only in the new results: "+k.String(&b[i].Scenario))
			left[k] = left[k][1:]
		}
	}
	for _, line := range alone {
		fmt.Fprintln(&out, line)
	}
	if len(alone) > 0 {
		out.WriteByte('\n')
	}
	verb := "figures are"
	if worse == 1 {
		verb = "figure is"
	}
	fmt.Fprintf(&out, "%s %s worse by more than %s\n", number(worse), verb, percent(tolerance))
	return worse, write(w, out.String())
}

// comparePair writes one pair and returns how many of its figures are worse.
func comparePair(out *strings.Builder, a, b *bench.Result, tolerance float64) (worse int) {
	fmt.Fprintln(out, pairOf(a).String(&a.Scenario))
	for _, note := range pairNotes(a, b) {
		fmt.Fprintln(out, "  "+note)
	}
	if a.Partial == "" && b.Partial != "" {
		fmt.Fprintln(out, "  that is worse")
		worse++
	}
	rows := [][]string{{"", "old", "new", "ratio", ""}}
	for i := range figures {
		f := &figures[i]
		if f.better == 0 {
			continue
		}
		x, okA := f.of(a)
		y, okB := f.of(b)
		if !okA && !okB {
			continue
		}
		mark := ""
		if okA && okB {
			mark = f.compare(x, y, tolerance)
		}
		if mark == "worse" {
			worse++
		}
		rows = append(rows, []string{"  " + f.group + " " + f.name, f.text(a), f.text(b), ratioText(x, y, okA && okB), mark})
	}
	out.WriteString(columns(1, rows))
	out.WriteByte('\n')
	return worse
}

// compare says whether y is better or worse than x, beyond tolerance.
func (f *figure) compare(x, y, tolerance float64) string {
	moved := max(y-x, x-y)
	if moved == 0 || (!f.exact && moved <= tolerance*max(x, -x)) {
		return ""
	}
	if (y > x) == (f.better > 0) {
		return "better"
	}
	return "worse"
}

// spoken is a result's dialect, and whether it was compressed.
func spoken(r *bench.Result) string {
	if r.Scenario.Deflate {
		return r.Dialect + ", deflated"
	}
	return r.Dialect
}

// pairNotes say why two results are less alike than their loads.
func pairNotes(a, b *bench.Result) (notes []string) {
	for _, r := range []struct {
		name string
		of   *bench.Result
	}{{"old", a}, {"new", b}} {
		if r.of.Partial != "" {
			notes = append(notes, fmt.Sprintf("the %s run ended early: %s", r.name, r.of.Partial))
		}
		for _, w := range r.of.Warnings {
			notes = append(notes, fmt.Sprintf("the %s run warns: %s", r.name, w))
		}
	}
	if x, y := a.Scenario.Duration, b.Scenario.Duration; x != y {
		notes = append(notes, fmt.Sprintf("the runs were of %s and %s: counts do not compare", span(x), span(y)))
	}
	if x, y := spoken(a), spoken(b); a.Dialect != "" && b.Dialect != "" && x != y {
		notes = append(notes, fmt.Sprintf("the old run spoke %s, the new one %s", x, y))
	}
	x, y := a.Machine, b.Machine
	x.Barrage, y.Barrage = "", ""
	if x != y {
		notes = append(notes, fmt.Sprintf("the machines differ: %s; and %s", machineText(&x), machineText(&y)))
	}
	return notes
}
