package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"barrage/bench"
)

// pair is two results that belong together.
type pair struct{ before, after *bench.Result }

// pairKey says which results of two runs belong together.
type pairKey struct {
	load load
	peer string
}

func pairOf(r *bench.Result) pairKey { return pairKey{loadOf(&r.Scenario), r.Peer} }

// pairName is how a result is called beside others.
func pairName(r *bench.Result) string {
	return fmt.Sprintf("%s, %s: %s", r.Scenario.Name, r.Peer, loadText(r))
}

// pairUp finds the partners among old results a and new ones b, in order where one load has
// several; alone names those that have none. Where each side has one result, its size must
// be the other's, but not what happens besides: that may be what is compared.
func pairUp(a, b []bench.Result) (pairs []pair, alone []string) {
	key := pairOf
	if len(a) == 1 && len(b) == 1 {
		key = func(r *bench.Result) pairKey { return pairKey{load{size: loadOf(&r.Scenario).size}, r.Peer} }
	}
	left := map[pairKey][]*bench.Result{}
	for i := range b {
		k := key(&b[i])
		left[k] = append(left[k], &b[i])
	}
	for i := range a {
		k := key(&a[i])
		if len(left[k]) == 0 {
			alone = append(alone, "only in the old results: "+pairName(&a[i]))
			continue
		}
		pairs = append(pairs, pair{&a[i], left[k][0]})
		left[k] = left[k][1:]
	}
	for i := range b {
		if k := key(&b[i]); len(left[k]) > 0 && left[k][0] == &b[i] {
			alone = append(alone, "only in the new results: "+pairName(&b[i]))
			left[k] = left[k][1:]
		}
	}
	return pairs, alone
}

// Compare writes old results a beside new ones b, paired by load and peer, in order where one has several. Where a and
// b are one result each, of one size, their bursts, slow viewers, arrivals and returns may differ, and it says how. A
// figure is better or worse if it moved by more than tolerance, a share of the old one (0.1 is a tenth). A fault counts
// from the first one more. It returns how many figures are worse; a run that ended early where the old one did not is
// one of them. Results without a partner are named; it is an error if none has one.
func Compare(w io.Writer, a, b []bench.Result, tolerance float64) (worse int, err error) {
	pairs, alone := pairUp(a, b)
	var out strings.Builder
	for _, p := range pairs {
		worse += comparePair(&out, p.before, p.after, tolerance)
	}
	for _, line := range alone {
		fmt.Fprintln(&out, line)
	}
	if len(pairs) == 0 {
		return 0, errors.Join(write(w, out.String()), errUnpaired)
	}
	if len(alone) > 0 {
		out.WriteByte('\n')
	}
	verb := "figures are"
	if worse == 1 {
		verb = "figure is"
	}
	fmt.Fprintf(&out, "%s %s worse by more than %s", number(worse), verb, percent(tolerance))
	if len(alone) > 0 {
		fmt.Fprintf(&out, ", and %s had no partner", plural(len(alone), "result"))
	}
	return worse, write(w, out.String()+"\n")
}

var errUnpaired = errors.New("cannot compare: no result has a partner in the other file; partners have the same scenario, peer (--peer-name) and load (viewers, rooms, nodes, rate and what else their names say)")

// comparePair writes one pair and returns how many of its figures are worse.
func comparePair(out *strings.Builder, a, b *bench.Result, tolerance float64) (worse int) {
	if loadOf(&a.Scenario) == loadOf(&b.Scenario) {
		fmt.Fprintln(out, pairName(a))
	} else {
		fmt.Fprintf(out, "%s, %s: %s\n", a.Scenario.Name, a.Peer, sizeText(&a.Scenario, servers(a))) // A note has the rest.
	}
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
		rows = append(rows, []string{"  " + f.group + " " + f.Name, f.Text(a), f.Text(b), ratioText(x, y, okA && okB), mark})
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

// askedFor is what r's scenario has other than other's, as flags, without what has a note of
// its own.
func askedFor(r, other *bench.Result) string {
	x, y := r.Scenario, other.Scenario
	x.Duration, x.Deflate = y.Duration, y.Deflate
	return strings.Join(flagTexts(differences(&x, &y)), " ")
}

// pairNotes say why two results are less alike than their loads.
func pairNotes(a, b *bench.Result) (notes []string) {
	for _, r := range []struct {
		name string
		of   *bench.Result
	}{{"old", a}, {"new", b}} {
		if r.of.Partial != "" {
			notes = append(notes, fmt.Sprintf("the %s run is incomplete: %s", r.name, r.of.Partial))
		}
		for _, w := range r.of.Warnings {
			notes = append(notes, fmt.Sprintf("the %s run warns: %s", r.name, w))
		}
	}
	if x, y := a.Scenario.Duration, b.Scenario.Duration; x != y {
		notes = append(notes, fmt.Sprintf("the runs were of %s and %s: counts do not compare", x, y))
	}
	if x, y := askedFor(a, b), askedFor(b, a); x != "" || y != "" {
		notes = append(notes, fmt.Sprintf("the old run had %s, the new one %s", cmp.Or(x, "none of that"), cmp.Or(y, "none of that")))
	}
	if x, y := strings.Join(a.Target.Addrs, ","), strings.Join(b.Target.Addrs, ","); x != "" && y != "" && x != y {
		notes = append(notes, fmt.Sprintf("the old run measured %s, the new one %s", x, y))
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
