package report

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"barrage/bench"
)

// Benchstat writes results as Go benchmark lines, which benchstat reads: one line a result, several of the same
// scenario are samples of one benchmark. Those that ended early have "/partial=yes" in their name, so that they do not
// mix with whole ones. The outcome of a search is a line of its own, where results are its steps and find is not nil.
func Benchstat(w io.Writer, results []bench.Result, find *bench.Find) error {
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
	if find != nil {
		b.WriteString("Unit good-level better=higher\n")
	}
	cpu := ""
	for i := range results {
		r := &results[i]
		if c := strings.Join(strings.Fields(r.Machine.CPU), " "); c != cpu {
			fmt.Fprintf(&b, "cpu: %s\n", c)
			cpu = c
		}
		b.WriteString(benchName(r, nil) + " 1")
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
	if find != nil && len(results) > 0 {
		fmt.Fprintf(&b, "%s 1 %s good-level\n", benchName(&results[0], find), strconv.FormatFloat(find.Good, 'f', -1, 64))
	}
	return write(w, b.String())
}

// benchName is the name of a result's benchmark. It has the scenario, the peer, the sizes, and what the result spoke
// where that is not FastIM's protocol. It also has whatever else is other than in the scenario of its name that comes
// with the program. The argument find is the search whose benchmark it is, of which r is a step, or nil.
func benchName(r *bench.Result, find *bench.Find) string {
	s := &r.Scenario
	scenario := benchWord(s.Name)
	first, n := utf8.DecodeRuneInString(scenario)
	var name strings.Builder
	name.WriteString("Benchmark" + string(unicode.ToUpper(first)) + scenario[n:])
	add := func(is bool, key, value string) {
		if is && (find == nil || key != find.Vary) {
			name.WriteString("/" + key + "=" + benchWord(value))
		}
	}
	add(true, "peer", r.Peer)
	add(true, "viewers", strconv.Itoa(s.Viewers))
	add(s.Rooms > 1, "rooms", strconv.Itoa(s.Rooms))
	add(s.Nodes > 1, "nodes", strconv.Itoa(s.Nodes))
	add(r.Dialect != "" && r.Dialect != "fastim", "dialect", r.Dialect)
	add(s.Deflate, "deflate", "yes")
	usual, _ := bench.Named(s.Name) // The user's own have nothing that is usual.
	for _, f := range differences(s, &usual) {
		add(!slices.Contains([]string{"viewers", "rooms", "nodes", "deflate", "rate"}, f.name), f.name, f.value)
	}
	add(r.Partial != "" && find == nil, "partial", "yes")
	add(true, "rate", strconv.FormatFloat(s.Rate, 'f', -1, 64))
	if find != nil {
		add(true, "find", find.Vary)
		add(true, "p99-ms", strconv.FormatFloat(find.P99, 'f', -1, 64))
		add(true, "loss", strconv.FormatFloat(find.Loss, 'f', -1, 64))
	}
	return name.String()
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
