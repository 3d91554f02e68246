package report

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"barrage/bench"
)

// Benchstat writes results as Go benchmark lines, which benchstat reads: one line a
// result, several of the same sizes are samples of one benchmark. Those that ended early
// have "/partial=yes" in their name, so that they do not mix with whole ones.
func Benchstat(w io.Writer, results []bench.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: barrage/bench\n", runtime.GOOS, runtime.GOARCH)
	for i := range figures {
		f := &figures[i]
		if f.benchstat != "" && f.better > 0 {
			fmt.Fprintf(&b, "Unit %s better=higher\n", f.benchstat)
		} else if f.benchstat != "" && f.better < 0 {
			fmt.Fprintf(&b, "Unit %s better=lower\n", f.benchstat)
		}
	}
	cpu := ""
	for i := range results {
		r := &results[i]
		if c := strings.Join(strings.Fields(r.Machine.CPU), " "); c != cpu {
			fmt.Fprintf(&b, "cpu: %s\n", c)
			cpu = c
		}
		b.WriteString(benchName(r) + " 1")
		for j := range figures {
			f := &figures[j]
			if v, ok := f.of(r); ok && f.benchstat != "" {
				if v != math.Trunc(v) {
					v = rounded(v)
				}
				fmt.Fprintf(&b, " %s %s", strconv.FormatFloat(v, 'f', -1, 64), f.benchstat)
			}
		}
		b.WriteByte('\n')
	}
	return write(w, b.String())
}

// benchName is the name of a result's benchmark: its scenario, its peer, its sizes, and what
// it spoke where that is not FastIM's protocol.
func benchName(r *bench.Result) string {
	s := &r.Scenario
	name := benchWord(s.Name)
	first, n := utf8.DecodeRuneInString(name)
	name = "Benchmark" + string(unicode.ToUpper(first)) + name[n:] + "/peer=" + benchWord(r.Peer)
	name += "/viewers=" + strconv.Itoa(s.Viewers)
	if s.Rooms > 1 {
		name += "/rooms=" + strconv.Itoa(s.Rooms)
	}
	if s.Nodes > 1 {
		name += "/nodes=" + strconv.Itoa(s.Nodes)
	}
	if r.Dialect != "" && r.Dialect != "fastim" {
		name += "/dialect=" + benchWord(r.Dialect)
	}
	if s.Deflate {
		name += "/deflate=yes"
	}
	if r.Partial != "" {
		name += "/partial=yes"
	}
	return name + "/rate=" + strconv.FormatFloat(s.Rate, 'f', -1, 64)
}

// benchWord makes s fit to stand in a benchmark's name.
func benchWord(s string) string {
	if s == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '=' || !unicode.IsPrint(r) || unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, s)
}
