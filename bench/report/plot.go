package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"

	"barrage/bench"
)

// Sizes of a plot in pixels: of a panel's frame, and of what is left free around it.
const (
	panelWide, panelHigh   = 380, 230
	panelLeft, panelRight  = 64, 24
	panelTop, panelBottom  = 30, 46
	plotTop                = 34 // the names of the peers
	panelsWide, panelsHigh = panelLeft + panelWide + panelRight, panelTop + panelHigh + panelBottom
	plotStyles             = `text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600}.g{stroke:#e3e3e3}.f{fill:none;stroke:#999}.l{fill:none;stroke-width:2}`
	top                    = 10 // a decade
)

// colors of peers, in their order; a reader who sees none distinguishes them by the dashes.
var (
	colors = []string{"#0b7285", "#d9480f", "#495057", "#862e9c", "#2b8a3e"}
	dashes = []string{"", "7 4", "2 3", "9 3 2 3", "4 2"}
)

// scale is a logarithmic axis between two values above 0.
type scale struct{ from, to float64 }

// at is where v stands, 0 to 1.
func (s scale) at(v float64) float64 { return math.Log(v/s.from) / math.Log(s.to/s.from) }

// around is the scale that begins and ends with ticks and holds all values; false: none is above 0.
func around(values []float64) (s scale, ok bool) {
	s = scale{math.Inf(1), 0}
	for _, v := range values {
		if v > 0 {
			s.from, s.to = min(s.from, v), max(s.to, v)
		}
	}
	if s.to == 0 {
		return s, false
	}
	ticks := scale{s.from / top, s.to * top}.ticks()
	first := 0
	for first+1 < len(ticks) && ticks[first+1] <= s.from {
		first++
	}
	last := first + 1
	for ticks[last] < s.to {
		last++
	}
	return scale{ticks[first], ticks[last]}, true
}

// ticks are 1, 2 and 5 of each decade.
func (s scale) ticks() (all []float64) {
	for decade := math.Floor(math.Log10(s.from)); decade <= math.Log10(s.to); decade++ {
		for _, step := range []float64{1, 2, 5} {
			if tick := step * math.Pow(top, decade); tick >= s.from && tick <= s.to {
				all = append(all, tick)
			}
		}
	}
	return all
}

// Plot writes the curves of results as an SVG: a column a curve, a row a figure, both axes logarithmic.
func Plot(w io.Writer, results []bench.Result) error {
	all := curvesOf(results)
	var b strings.Builder
	wide, high := max(len(all), 1)*panelsWide, plotTop+len(curveFigures)*panelsHigh
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img"><style>%s</style>`+"\n", wide, high, plotStyles)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	peers := map[string]int{}
	for column := range all {
		c := &all[column]
		for _, peer := range c.peers {
			if _, known := peers[peer]; known {
				continue
			}
			n := len(peers)
			peers[peer] = n
			x := panelLeft + 150*n
			fmt.Fprintf(&b, `<path class="l" %s d="M%d 20h28"/><text x="%d" y="24">%s</text>`+"\n", stroke(n), x, x+34, html.EscapeString(peer))
		}
		for row := range curveFigures {
			c.panel(&b, column*panelsWide+panelLeft, plotTop+row*panelsHigh+panelTop, row, peers)
		}
	}
	b.WriteString("</svg>\n")
	return write(w, b.String())
}

// stroke is how the n-th peer's line looks.
func stroke(n int) string {
	return fmt.Sprintf(`stroke="%s" stroke-dasharray="%s"`, colors[n%len(colors)], dashes[n%len(dashes)])
}

// panel draws one figure of a curve with its frame's corner at left, top.
func (c *curve) panel(b *strings.Builder, left, upper, row int, peers map[string]int) {
	f := figureOf(curveFigures[row].figure)
	var values []float64
	for i := range c.levels {
		for _, r := range c.at[i] {
			if v, ok := f.of(r); ok {
				values = append(values, v)
			}
		}
	}
	across := scale{c.levels[0], max(c.levels[len(c.levels)-1], c.levels[0]*2)} // wider than nothing
	up, some := around(values)
	x := func(v float64) float64 { return float64(left) + panelWide*across.at(v) }
	y := func(v float64) float64 { return float64(upper) + panelHigh*(1-up.at(v)) }
	text := func(class, anchor string, x, y float64, s string) {
		fmt.Fprintf(b, `<text class="%s" text-anchor="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, anchor, x, y, html.EscapeString(s))
	}
	text("t", "start", float64(left), float64(upper-10), curveFigures[row].title)
	text("", "middle", float64(left+panelWide/2), float64(upper+panelHigh+34), c.axis+"; "+c.about)
	for _, level := range c.levels {
		fmt.Fprintf(b, `<path class="g" d="M%.1f %dv%d"/>`+"\n", x(level), upper, panelHigh)
		text("", "middle", x(level), float64(upper+panelHigh+16), grouped(level))
	}
	if some {
		for _, tick := range up.ticks() {
			fmt.Fprintf(b, `<path class="g" d="M%d %.1fh%d"/>`+"\n", left, y(tick), panelWide)
			text("", "end", float64(left-6), y(tick)+4, f.unit.text(tick))
		}
		for _, peer := range c.peers {
			c.line(b, f, peer, peers[peer], x, y)
		}
	}
	fmt.Fprintf(b, `<rect class="f" x="%d" y="%d" width="%d" height="%d"/>`+"\n", left, upper, panelWide, panelHigh)
}

// line draws what a peer has of a figure, with each value under the cursor.
func (c *curve) line(b *strings.Builder, f *figure, peer string, n int, x, y func(float64) float64) {
	path, points, move := "", "", "M"
	for i, level := range c.levels {
		r := c.at[i][peer]
		v, ok := 0.0, false
		if r != nil {
			v, ok = f.of(r)
		}
		if !ok || v <= 0 {
			move = "M"
			continue
		}
		path += fmt.Sprintf("%s%.1f %.1f", move, x(level), y(v))
		points += fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s, %s %s: %s</title></circle>`+"\n",
			x(level), y(v), colors[n%len(colors)], html.EscapeString(peer), grouped(level), c.axis, f.unit.text(v))
		move = "L"
	}
	fmt.Fprintf(b, `<path class="l" %s d="%s"/>`+"\n%s", stroke(n), path, points)
}
