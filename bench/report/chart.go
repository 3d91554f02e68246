package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"barrage/bench"
)

// chart is one drawing, in the form that report.js reads.
type chart struct {
	Title string `json:"title"`
	// Number is its place in the page.
	Number int `json:"-"`
	// About is the text for a reader who does not see the drawing.
	About string `json:"-"`
	// Unit is one of report.js: "perSecond", "millis", "bytes", "cores", "count".
	Unit string `json:"unit"`
	// Log asks for a logarithmic scale of values.
	Log bool `json:"log"`
	// Run is which run's seconds are the other axis; -1: X is, in powers of ten of
	// 1 / (1 - quantile).
	Run   int       `json:"run"`
	X     []float64 `json:"x,omitempty"`
	Lines []line    `json:"lines"`
}

// line is one line of a chart. A nil value is a gap.
type line struct {
	Name string     `json:"name"`
	Y    []*float64 `json:"y"`
}

// run is what the charts over time of one result share.
type run struct {
	X      []float64 `json:"x"`
	Phases []phase   `json:"phases"`
}

// phase is a part of a run, in seconds.
type phase struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// runOf has the seconds and phases of a series.
func runOf(series []bench.Point) run {
	var r run
	for _, p := range series {
		r.X = append(r.X, rounded(p.At))
		if n := len(r.Phases); n > 0 && r.Phases[n-1].Name == p.Phase {
			r.Phases[n-1].To = p.At
			continue
		}
		from := 0.0
		if n := len(r.Phases); n > 0 {
			from = r.Phases[n-1].To
		}
		r.Phases = append(r.Phases, phase{p.Phase, from, p.At})
	}
	return r
}

// timeCharts draws a series; values that were never measured are left out.
func timeCharts(series []bench.Point, n int) []chart {
	if len(series) == 0 {
		return nil
	}
	of := func(name string, value func(*bench.Point) float64) line {
		l := line{Name: name}
		for i := range series {
			v := rounded(value(&series[i]))
			l.Y = append(l.Y, &v)
		}
		return l
	}
	// Seconds in which nothing was measured have no latency, not one of 0.
	gaps := func(l line) line {
		for i, v := range l.Y {
			if *v == 0 {
				l.Y[i] = nil
			}
		}
		return l
	}
	all := []chart{
		{Title: "Latency", Unit: "millis", Lines: []line{
			gaps(of("p50", func(p *bench.Point) float64 { return p.P50 })),
			gaps(of("p99", func(p *bench.Point) float64 { return p.P99 })),
			gaps(of("max", func(p *bench.Point) float64 { return p.Max })),
		}},
		{Title: "Copies read", Unit: "perSecond", Lines: []line{of("copies", func(p *bench.Point) float64 { return float64(p.Copies) })}},
		{Title: "CPU", Unit: "cores", Lines: []line{
			of("server", func(p *bench.Point) float64 { return p.ServerCores }),
			of("client", func(p *bench.Point) float64 { return p.ClientCores }),
		}},
		{Title: "Server's resident memory", Unit: "bytes", Lines: []line{gaps(of("resident", func(p *bench.Point) float64 { return float64(p.Resident) }))}},
		{Title: "Messages", Unit: "perSecond", Lines: []line{
			of("due", func(p *bench.Point) float64 { return float64(p.Offered) }),
			of("sent", func(p *bench.Point) float64 { return float64(p.Sent) }),
		}},
		{Title: "Open connections", Unit: "count", Lines: []line{of("open", func(p *bench.Point) float64 { return float64(p.Open) })}},
		{Title: "Connections made", Unit: "perSecond", Lines: []line{of("made", func(p *bench.Point) float64 { return float64(p.Made) })}},
	}
	var out []chart
	for _, c := range all {
		low, high := extent(c.Lines)
		if high == 0 {
			continue
		}
		c.Run = n
		c.Log = c.Unit == "millis" && high > 30*low
		c.About = about(&c, low, high)
		out = append(out, c)
	}
	return out
}

// extent is the smallest value above 0 and the largest one; 0 where there are none.
func extent(lines []line) (low, high float64) {
	for _, l := range lines {
		for _, v := range l.Y {
			if v == nil {
				continue
			}
			high = max(high, *v)
			if *v > 0 && (low == 0 || *v < low) {
				low = *v
			}
		}
	}
	return low, high
}

// units of charts, by their name in report.js.
var units = map[string]unit{"perSecond": perSecond, "millis": millis, "bytes": bytes, "cores": cores, "count": count}

func about(c *chart, low, high float64) string {
	var names []string
	for _, l := range c.Lines {
		names = append(names, l.Name)
	}
	u := units[c.Unit]
	return fmt.Sprintf("%s over time: %s; from %s to %s. The same figures stand in the table below.", c.Title, strings.Join(names, ", "), u.text(low), u.text(high))
}

// quantileSteps is how many points a distribution is drawn with.
const quantileSteps = 160

// distribution draws the latencies of one scenario's results over each other; false: none
// was measured.
func distribution(results []*bench.Result, labels []string) (chart, bool) {
	c := chart{Title: "Latency by percentile", Unit: "millis", Run: -1}
	most := 0.0
	for _, r := range results {
		most = max(most, nines(r.Latency.Count))
	}
	if most == 0 {
		return chart{}, false
	}
	for i := range quantileSteps + 1 {
		c.X = append(c.X, rounded(most*float64(i)/quantileSteps))
	}
	half := most / quantileSteps / 2
	for i, r := range results {
		at, end := quantileFunc(&r.Latency), nines(r.Latency.Count)
		l := line{Name: labels[i]}
		for _, x := range c.X {
			var y *float64
			if x < end-half {
				y = at(1 - math.Pow(10, -x))
			} else if x < end+half {
				y = at(1) // the place next to where its values end
			}
			l.Y = append(l.Y, y)
		}
		c.Lines = append(c.Lines, l)
	}
	low, high := extent(c.Lines)
	if high == 0 {
		return chart{}, false
	}
	c.Log = high > 30*low
	c.About = fmt.Sprintf("Latency by percentile, on a logarithmic scale; from %s to %s. The same figures stand in the table below.", millis.text(low), millis.text(high))
	return c, true
}

// nines is how far the axis of percentiles goes with n values: 3 for a thousand.
func nines(n int64) float64 {
	if n < 1 {
		return 0
	}
	return max(math.Log10(float64(n)), 1)
}

// quantileFunc gives the latency in milliseconds at a quantile, nil where it is unknown.
// Without a histogram, or with one that cannot be read, only the five of d are known.
func quantileFunc(d *bench.Quantiles) func(q float64) *float64 {
	if d.Count == 0 {
		return func(float64) *float64 { return nil }
	}
	h, err := hdrhistogram.Decode([]byte(d.Histogram))
	if err == nil && h.TotalCount() > 0 {
		return func(q float64) *float64 {
			v := rounded(float64(h.ValueAtQuantile(100*q)) / 1000)
			return &v
		}
	}
	known := []struct{ q, v float64 }{{0.5, d.P50}, {0.9, d.P90}, {0.99, d.P99}, {0.999, d.P999}, {1, d.Max}}
	return func(q float64) *float64 {
		for i, k := range known {
			if q <= k.q {
				if i == 0 && q < k.q {
					return nil
				}
				v := rounded(k.v)
				return &v
			}
		}
		return nil
	}
}

// rounded keeps six digits, which is more than a screen shows.
func rounded(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	p := math.Pow(10, 6-math.Ceil(math.Log10(math.Abs(v))))
	return math.Round(v*p) / p
}
