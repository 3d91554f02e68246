package report

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"barrage/bench"
)

func pageOf(t *testing.T, title string, results ...bench.Result) string {
	t.Helper()
	var out strings.Builder
	if err := HTML(&out, title, results); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// dataOf is what a page's script is given, after a look that the charts fit together.
func dataOf(t *testing.T, html string) data {
	t.Helper()
	blocks := between(html, `<script type="application/json" id="data">`, "</script>")
	if len(blocks) != 1 {
		t.Fatalf("%d blocks of data; want 1", len(blocks))
	}
	var d data
	if err := json.Unmarshal([]byte(blocks[0]), &d); err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Charts {
		x := c.X
		if c.Run >= 0 {
			x = d.Runs[c.Run].X
		}
		for _, l := range c.Lines {
			if len(l.Y) != len(x) || len(x) == 0 {
				t.Errorf("chart %q, line %q: %d values at %d places", c.Title, l.Name, len(l.Y), len(x))
			}
		}
		if _, ok := units[c.Unit]; !ok || !strings.Contains(html, c.Unit+": v =>") {
			t.Errorf("chart %q has the unit %q, which cannot be written", c.Title, c.Unit)
		}
	}
	if n := strings.Count(html, `data-chart="`); n != len(d.Charts) {
		t.Errorf("%d places for %d charts", n, len(d.Charts))
	}
	return d
}

func between(text, from, to string) (all []string) {
	for {
		_, rest, ok := strings.Cut(text, from)
		if !ok {
			return all
		}
		inner, rest, _ := strings.Cut(rest, to)
		all, text = append(all, inner), rest
	}
}

func wantText(t *testing.T, html string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(html, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}

func TestHTML_SaysAll(t *testing.T) {
	html := pageOf(t, "The night before", sampleSuite()...)
	wantText(t, html,
		"<title>The night before</title>", "14 September 2026", "AMD EPYC 7B13", "barrage v0.4.0",
		"What do bursts of gifts do", "400 messages more within 1s, every 15s", "<span>barrage bench</span> <span>peers</span> <span>storm</span>",
		"<b>Incomplete</b> <span>The run ended before its time: node 2 of 3", "<b>Problem</b> <span>Of 14,200,000 copies that were expected, 18,204 lost, 3 out of order.",
		"<b>Warning</b> <span>The client used 0.93 of a core", "<b>Good</b> <span>All 60,000,000 copies that were expected came: 0 lost, 0 doubled, 0 out of order (order: in 200 sampled viewers).",
		"Permission is hereby granted", // the license of what is embedded
	)
	d := dataOf(t, html)
	var titles []string
	for _, c := range d.Charts {
		if c.Run == 1 || c.Run < 0 && len(c.Lines) == 2 {
			titles = append(titles, c.Title)
		}
	}
	want := []string{
		"Latency by percentile", "Latency", "Copies read", "CPU", "Server's resident memory", "Messages", "Open connections", "Connections made",
	}
	if !slices.Equal(titles, want) {
		t.Errorf("charts of the storm: %q; want %q", titles, want)
	}
	for _, id := range between(html, `href="#`, `"`) {
		if !strings.Contains(html, `id="`+id+`"`) {
			t.Errorf("a link goes to #%s, which is not there", id)
		}
	}
}

// TestHTML_LoadsNothing shows that a page needs no network and lets no script run but
// its own.
func TestHTML_LoadsNothing(t *testing.T) {
	html := pageOf(t, "x", sampleSuite()...)
	for _, loads := range []string{`\ssrc\s*=`, `href="[^#]`, `<link`, `<img`, `<iframe`, `@import`, `url\(`, `\bfetch\(`, `XMLHttpRequest`, `import\(`, `style="`} {
		if at := regexp.MustCompile(loads).FindString(html); at != "" {
			t.Errorf("the page has %q", at)
		}
	}
	policies := between(html, `http-equiv="Content-Security-Policy" content="`, `"`)
	styles, scripts := between(html, "<style>", "</style>"), between(html, "<script>", "</script>")
	if len(policies) != 1 || len(styles) != 1 || len(scripts) != 1 {
		t.Fatalf("%d policies, %d styles, %d scripts; want 1 each", len(policies), len(styles), len(scripts))
	}
	policy := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policies[0])
	if want := "default-src 'none'; style-src " + hashSource(styles[0]) + "; script-src " + hashSource(scripts[0]); policy != want {
		t.Errorf("policy %s; want %s", policy, want)
	}
}

// TestHTML_HostileTextBecomesNoMarkup puts text from outside into every place that takes one.
func TestHTML_HostileTextBecomesNoMarkup(t *testing.T) {
	const evil = "</script><script>alert(1)</script><!--'\"><img src=x onerror=alert(2)>\u2028{{.}}`${1}"
	r := sampleSuite()[1]
	r.Peer, r.Scenario.Name, r.Scenario.Question, r.Scenario.Env = evil, evil, evil, []string{evil}
	r.Partial, r.Warnings = evil, []string{evil}
	r.Connections.Failed, r.Connections.FailedWhy = 1, evil
	r.Connections.Broken, r.Connections.BrokenWhy = 1, evil
	r.Machine = bench.Machine{CPU: evil, Kernel: evil, Go: evil, Barrage: evil}
	r.Series = slices.Clone(r.Series)
	r.Series[0].Phase = evil
	other := r
	other.Peer = "other"
	html := pageOf(t, evil, r, other)
	if n := strings.Count(html, "<script"); n != 2 {
		t.Errorf("%d scripts; want 2", n)
	}
	if strings.Contains(html, "<img") || strings.Contains(html, "<script>alert") {
		t.Error("text became markup")
	}
	d := dataOf(t, html)
	if got := d.Charts[0].Lines[0].Name; got != evil {
		t.Errorf("the chart's line is called %q; want %q", got, evil)
	}
	if got := d.Runs[0].Phases[0].Name; got != evil {
		t.Errorf("the phase is called %q; want %q", got, evil)
	}
}

func TestHTML_LittleMeasuredMakesFewerCharts(t *testing.T) {
	whole := sampleSuite()[1]
	f := func(name string, charts int, text string, change func(r *bench.Result)) {
		t.Helper()
		r := whole
		change(&r)
		html := pageOf(t, name, r)
		if got := len(dataOf(t, html).Charts); got != charts {
			t.Errorf("%s: %d charts; want %d", name, got, charts)
		}
		wantText(t, html, text)
	}
	f("no series", 1, "No series was recorded", func(r *bench.Result) { r.Series = nil })
	f("one point", 8, "Latency by percentile", func(r *bench.Result) {
		r.Series = []bench.Point{{
			At: 1, Phase: "measure", Open: 1, Made: 1, Offered: 1, Sent: 1, Copies: 1, P50: 1, P99: 1, Max: 1, ServerCores: 1, Resident: 1,
		}}
	})
	f("points of nothing", 1, "Second by second", func(r *bench.Result) { r.Series = make([]bench.Point, 3) })
	f("no latency", 7, "All 5,000 viewers connected", func(r *bench.Result) { r.Latency = bench.Quantiles{} })
	f("one latency", 8, "Latency by percentile", func(r *bench.Result) { r.Latency = bench.Quantiles{Count: 1, P50: 1, P90: 1, P99: 1, P999: 1, Max: 1} })
	f("a histogram that cannot be read", 8, "27.1 ms", func(r *bench.Result) { r.Latency.Histogram = "nonsense" })
	f("nothing", 0, "No viewer connected", func(r *bench.Result) { *r = bench.Result{} })
	wantText(t, pageOf(t, "none"), "There are no results.")
}

func TestHTML_LongSeriesIsTabledInSteps(t *testing.T) {
	r := sampleSuite()[1]
	r.Series = make([]bench.Point, 3600)
	for i := range r.Series {
		r.Series[i] = bench.Point{At: float64(i + 1), Phase: "measure", Open: 1}
	}
	html := pageOf(t, "soak", r)
	wantText(t, html, "Second by second, one row every 30")
	if x := dataOf(t, html).Runs[0].X; len(x) != 3600 || x[3599] != 3600 {
		t.Errorf("the charts have %d points to second %v; want 3600", len(x), x[len(x)-1])
	}
}

func TestHTML_PeersInRoundsStandSideBySide(t *testing.T) {
	suite := sampleSuite()
	again := suite[1]
	again.Latency.P50 = 99
	html := pageOf(t, "peers", suite[1], suite[2], again)
	wantText(t, html, "Medians of several runs", ">barrage, run 2 <")
	if tables := between(html, "Peers side by side", "</thead>"); len(tables) != 1 || strings.Count(tables[0], "<th ") != 5 {
		t.Errorf("tables of peers: %q; want one with two peers and a ratio", tables)
	}
}

func TestHTML_BrokenWriterIsAnError(t *testing.T) {
	if err := HTML(brokenWriter{}, "x", nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v; want %v", err, io.ErrClosedPipe)
	}
}

// TestDistribution_IsTheHistogram compares the drawing with the figures beside it.
func TestDistribution_IsTheHistogram(t *testing.T) {
	suite := sampleSuite()
	storm, hub := &suite[1], &suite[2]
	short := *storm
	short.Latency = bench.Quantiles{Count: 1000, P50: 1, P90: 2, P99: 3, P999: 4, Max: 5}
	c, ok := distribution([]*bench.Result{storm, hub, &short}, []string{"a", "b", "c"})
	if !ok || len(c.Lines) != 3 || !c.Log {
		t.Fatalf("distribution = %d lines, log %v, %v; want 3, true, true", len(c.Lines), c.Log, ok)
	}
	for i, d := range []*bench.Quantiles{&storm.Latency, &hub.Latency, &short.Latency} {
		y := c.Lines[i].Y
		var last float64
		for j, v := range y {
			if v == nil {
				continue
			}
			if *v < last {
				t.Fatalf("line %d falls from %v to %v at %v", i, last, *v, c.X[j])
			}
			last = *v
			if math.Abs(c.X[j]-2) < 0.5*(c.X[1]-c.X[0]) && math.Abs(*v/d.P99-1) > 0.05 {
				t.Errorf("line %d has %v ms at the 99th percentile; want about %v", i, *v, d.P99)
			}
		}
		if math.Abs(last/d.Max-1) > 0.001 {
			t.Errorf("line %d ends at %v ms; want the maximum %v", i, last, d.Max)
		}
	}
	if y := c.Lines[2].Y; y[len(y)-1] != nil {
		t.Errorf("1,000 values are drawn to 1 - 10^-%v", c.X[len(y)-1])
	}
}
