package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"barrage/bench"
)

//go:embed assets/report.html
var pageText string

//go:embed assets/report.css
var styleText string

//go:embed assets/report.js
var scriptText string

//go:embed assets/uplot.min.js
var plotScript string

//go:embed assets/uplot.min.css
var plotStyle string

//go:embed assets/uplot.LICENSE
var plotLicense string

var pageTemplate = template.Must(template.New("report").Parse(pageText))

// page is what report.html shows.
type page struct {
	Title string
	Began time.Time
	// Policy lets a browser load nothing and run no script but ours.
	Policy  string
	Style   template.CSS
	Script  template.JS
	License string
	// Machine is where all results come from; empty: they differ, and each says its own.
	Machine  []string
	Chapters []chapter
	Data     data
}

// data is what report.js draws.
type data struct {
	Runs   []run   `json:"runs"`
	Charts []chart `json:"charts"`
}

// cell is a named text.
type cell struct{ Name, Text string }

// chapter is the results of one scenario.
type chapter struct {
	ID, Name, Question string
	Settings, Command  []string
	// Chart is the distribution's; nil: no latency was measured.
	Chart *chart
	// Percentiles has a head and a row for each percentile.
	Percentiles [][]string
	// Peers compares loads that more than one peer bore.
	Peers   []peerTable
	Results []section
}

// peerTable is a head and rows.
type peerTable struct {
	About string
	Rows  [][]string
}

// section is one result.
type section struct {
	Of                       *bench.Result
	ID, Title, Size, Verdict string
	Mood                     mood
	Summary, Tiles           []cell
	Findings                 []finding
	Groups                   []figureGroup
	Charts                   []chart
	Phases                   []string
	// Seconds has a head and rows of the series, every so many seconds.
	Seconds [][]string
	Every   int
	// Facts are where it ran and, unless all results share one, on which machine.
	Facts []string
}

// HTML writes a page that shows results, sections by scenario, in one file that needs
// nothing else.
func HTML(w io.Writer, title string, results []bench.Result) error {
	p := page{
		Title: title, Style: template.CSS(plotStyle + styleText), Script: template.JS(plotScript + scriptText), License: plotLicense,
	}
	p.Policy = "default-src 'none'; style-src " + hashSource(string(p.Style)) + "; script-src " + hashSource(string(p.Script))
	if oneMachine(results) {
		p.Machine = machineFacts(&results[0].Machine)
	}
	for _, g := range groupBy(results, func(r *bench.Result) string { return r.Scenario.Name }) {
		p.addPart(g.results)
	}
	if err := pageTemplate.Execute(w, &p); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// hashSource is the name of an inline text in a Content-Security-Policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func oneMachine(results []bench.Result) bool {
	return len(results) > 0 && !slices.ContainsFunc(results, func(r bench.Result) bool { return r.Machine != results[0].Machine })
}

// addPart adds the results of one scenario.
func (p *page) addPart(results []*bench.Result) {
	s := &results[0].Scenario
	labels := labelsOf(results)
	t := chapter{
		ID: fmt.Sprintf("s%d", len(p.Chapters)+1), Name: s.Name, Question: s.Question,
		Settings: settings(s, servers(results[0])), Command: command(results),
	}
	if severalPeers(results) {
		t.Settings = settings(s, "") // Each peer has servers of its own.
	}
	if c, ok := distribution(results, labels); ok {
		c = p.draw(c)
		t.Chart, t.Percentiles = &c, percentileRows(results, labels)
	}
	t.Peers = peerTables(results)
	for i, r := range results {
		t.Results = append(t.Results, p.section(r, fmt.Sprintf("%s-%d", t.ID, i+1), labels[i]))
		if p.Began.IsZero() || r.Began.Before(p.Began) {
			p.Began = r.Began
		}
	}
	p.Chapters = append(p.Chapters, t)
}

// peerTables compares the peers of each load, by medians where they ran several times.
func peerTables(results []*bench.Result) (tables []peerTable) {
	values := make([]bench.Result, len(results))
	for i, r := range results {
		values[i] = *r
	}
	for _, g := range groupBy(values, func(r *bench.Result) load { return loadOf(&r.Scenario) }) {
		if !severalPeers(g.results) {
			continue
		}
		var rounds []bench.Result
		for _, r := range g.results {
			rounds = append(rounds, *r)
		}
		about := sizeText(&rounds[0].Scenario, "") + ". "
		medians := bench.Medians(rounds)
		if len(medians) < len(rounds) {
			about += "Medians of several runs, but the most of what went wrong. "
		}
		var columns []*bench.Result
		for i := range medians {
			columns = append(columns, &medians[i])
		}
		tables = append(tables, peerTable{about + "The ratio is to the first peer.", peerRows(columns)})
	}
	return tables
}

// labelsOf distinguishes the results of one scenario: by peer, by load, by number.
func labelsOf(results []*bench.Result) (labels []string) {
	loads, seen := map[load]bool{}, map[string]int{}
	for _, r := range results {
		loads[loadOf(&r.Scenario)] = true
	}
	for _, r := range results {
		label := r.Peer
		if len(loads) > 1 {
			label += ", " + loadText(r)
		}
		seen[label]++
		if n := seen[label]; n > 1 {
			label = fmt.Sprintf("%s, run %d", label, n)
		}
		labels = append(labels, label)
	}
	return labels
}

// draw gives c its place in the page.
func (p *page) draw(c chart) chart {
	c.Number = len(p.Data.Charts)
	p.Data.Charts = append(p.Data.Charts, c)
	return c
}

// summaryFigures are the columns of the table on top, by their names in benchmark lines.
var summaryFigures = []struct{ name, figure string }{
	{"Copies", "copies/s"}, {"p50", "p50-ms"}, {"p99", "p99-ms"}, {"Max", "max-ms"}, {"CPU a copy", "cpu-ns/copy"}, {"Memory a viewer", "B/viewer"},
}

// tileFigures are those at the top of a section.
var tileFigures = []struct{ name, figure string }{
	{"Copies", "copies/s"},
	{"Latency p99", "p99-ms"},
	{"Latency max", "max-ms"},
	{"CPU a copy", "cpu-ns/copy"},
	{"Memory a viewer", "B/viewer"},
	{"Arrivals", "connects/s"},
}

// section shows one result and adds its charts to the page.
func (p *page) section(r *bench.Result, id, label string) section {
	text, m := verdict(r)
	s := section{
		Of: r, ID: id, Title: label, Size: sizeText(&r.Scenario, servers(r)), Verdict: text, Mood: m, Findings: findings(r),
		Groups: groupFigures(r, func(*figure) bool { return true }),
	}
	for _, f := range summaryFigures {
		s.Summary = append(s.Summary, cell{f.name, figureOf(f.figure).Text(r)})
	}
	for _, f := range tileFigures {
		if t := figureOf(f.figure).Text(r); t != "—" {
			s.Tiles = append(s.Tiles, cell{f.name, t})
		}
	}
	if len(r.Target.Addrs) > 0 {
		s.Facts = append(s.Facts, "at "+strings.Join(r.Target.Addrs, ", "))
	}
	if len(p.Machine) == 0 {
		s.Facts = append(s.Facts, machineFacts(&r.Machine)...)
	}
	if len(r.Series) == 0 {
		return s
	}
	seconds := runOf(r.Series)
	for _, ph := range seconds.Phases {
		s.Phases = append(s.Phases, fmt.Sprintf("%s from %s s to %s s", ph.Name, short(ph.From), short(ph.To)))
	}
	for _, c := range timeCharts(r.Series, len(p.Data.Runs)) {
		s.Charts = append(s.Charts, p.draw(c))
	}
	p.Data.Runs = append(p.Data.Runs, seconds)
	s.Seconds, s.Every = secondRows(r.Series)
	return s
}

// mostRows bounds the table of a series; the charts have every second.
const mostRows = 120

// secondRows is a series as a table, every so many points.
func secondRows(series []bench.Point) (rows [][]string, every int) {
	every = (len(series) + mostRows - 1) / mostRows
	rows = append(rows, []string{"Second", "Phase", "Open", "Made", "Due", "Sent", "Copies", "p50", "p99", "Max", "Server CPU", "Client CPU", "Memory"})
	for i := 0; i < len(series); i += every {
		s := &series[i]
		latency := func(v float64) string {
			if v == 0 {
				return "—"
			}
			return millis.text(v)
		}
		rows = append(rows, []string{
			short(s.At), s.Phase, number(s.Open), number(s.Made), number(s.Offered), number(s.Sent), number(s.Copies),
			latency(s.P50), latency(s.P99), latency(s.Max),
			cores.text(s.ServerCores), cores.text(s.ClientCores), bytes.text(float64(s.Resident)),
		})
	}
	return rows, every
}

// percentiles are those of the table beside a distribution. The smallest count that has
// one is a power of ten.
var percentiles = []struct {
	name     string
	quantile float64
	nines    float64
}{
	{"50 %", 0.5, 0},
	{"75 %", 0.75, 0},
	{"90 %", 0.9, 1},
	{"99 %", 0.99, 2},
	{"99.9 %", 0.999, 3},
	{"99.99 %", 0.9999, 4},
	{"99.999 %", 0.99999, 5},
	{"max", 1, 0},
}

// percentileRows is a distribution as a table, a row a result.
func percentileRows(results []*bench.Result, labels []string) [][]string {
	head := []string{""}
	for _, p := range percentiles {
		head = append(head, p.name)
	}
	rows := [][]string{append(head, "of copies read")}
	for i, r := range results {
		row, at := []string{labels[i]}, quantileFunc(&r.Latency)
		for _, p := range percentiles {
			text := "—"
			if v := at(p.quantile); v != nil && p.nines <= nines(r.Latency.Count) {
				text = millis.text(*v)
			}
			row = append(row, text)
		}
		rows = append(rows, append(row, number(r.Latency.Count)))
	}
	return rows
}
