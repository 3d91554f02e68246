package gateway

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// This file ties the tests of barrage.v1 to its page. The page, docs/protocol.md, has a table for each kind of thing,
// and the tests a map, with a case for each row.

// page is the rows of each table of docs/protocol.md, in cells, by the heading above it.
var page = sync.OnceValue(func() map[string][][]string {
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		panic(err)
	}
	tables, heading := map[string][][]string{}, ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			heading = strings.TrimSpace(name)
		}
		if inner, ok := strings.CutPrefix(line, "| "); ok {
			tables[heading] = append(tables[heading], strings.Split(inner, " | "))
		}
	}
	for heading, rows := range tables {
		tables[heading] = rows[2:] // without the head and the line below it
	}
	return tables
})

// quoted finds what stands in backticks.
var quoted = regexp.MustCompile("`([^`]+)`")

// words are the names in the backticks of a cell.
func words(cell string) (all []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, strings.Split(m[1], ", ")...)
	}
	return all
}

// pageFrames is the fields of each frame from the server, sorted.
var pageFrames = sync.OnceValue(func() map[string][]string {
	frames := map[string][]string{}
	for _, row := range page()["Server to client"] {
		frames[words(row[0])[0]] = slices.Sorted(slices.Values(words(row[1])))
	}
	return frames
})

func TestNative_EveryRowOfThePageHasItsCase(t *testing.T) {
	var refusals, closes, ops, refused []string
	for _, row := range page()["Connect"] {
		for _, code := range words(row[1]) {
			refusals = append(refusals, row[0]+" "+code)
		}
	}
	for _, row := range page()["Close codes"] {
		closes = append(closes, strings.Split(row[0], ", ")...)
	}
	for _, row := range page()["Client to server"] {
		ops = append(ops, words(row[0])...)
	}
	for _, row := range page()["Refused ops"] {
		refused = append(refused, words(row[0])...)
	}
	same := func(what string, rows, cases []string) {
		t.Helper()
		slices.Sort(rows)
		slices.Sort(cases)
		if !slices.Equal(rows, cases) {
			t.Errorf("%s: docs/protocol.md has %q; the tests have %q", what, rows, cases)
		}
	}
	same("refusals before the upgrade", refusals, names(nativeRefusals))
	same("frames from the server", slices.Collect(maps.Keys(pageFrames())), names(nativeFrames))
	same("ops", ops, names(nativeOps))
	same("codes of refused ops", refused, names(nativeRefused))
	same("close codes", closes, names(nativeCloses))
}

func names[V any](cases map[string]V) []string { return slices.Collect(maps.Keys(cases)) }

// and is some cases and more.
func and(some, more map[string]func(*testing.T)) map[string]func(*testing.T) {
	all := maps.Clone(some)
	maps.Copy(all, more)
	return all
}

// runCases runs the case of each row, in order.
func runCases(t *testing.T, cases map[string]func(*testing.T)) {
	t.Helper()
	for _, row := range slices.Sorted(maps.Keys(cases)) {
		t.Run(row, cases[row])
	}
}
