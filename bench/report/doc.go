// Package report shows results of the load generator: on a terminal ([Table],
// [Summary], [Peers], [Steps], [Compare]), to benchstat ([Benchstat]) and in a browser
// ([HTML]). It computes nothing that is not in a [bench.Result] and changes none.
//
// All ways to show a figure begin with one list of them (figure.go). So a figure has the same name and unit everywhere,
// and a verdict of a run the same words (verdict.go).
//
// The HTML report draws with uPlot 1.6.32 (assets/, MIT, 51 KB of script). A series of an hour zooms smoothly, and the
// report of one run has about 110 KB. The library go-echarts brings 1 MB of script into every report and its own page
// around the charts. Libraries that make SVG in Go (go-analyze/charts, gonum/plot) give pictures that neither zoom nor
// show a value. Those pictures cannot follow the reader's colour scheme either.
//
// Nothing here starts a goroutine.
package report
