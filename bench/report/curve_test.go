package report

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"barrage/bench"
)

// sampleCurves are two curves, the first with two rounds, the second without a figure of one peer.
func sampleCurves() (results []bench.Result) {
	for _, viewers := range []int{10_000, 100, 1000} {
		for round := range 2 {
			for i, peer := range []string{"barrage", "a<b"} {
				s := stormScenario()
				s.Viewers, s.Rooms, s.Rate, s.Duration = viewers, 1, 20_000/float64(viewers), second(5)
				results = append(results, sample(sampleRun{
					peer: peer, scenario: s, median: float64(viewers) / 100, spread: 0.4, perCopy: float64(6000 + 3000*i + 10*round), seed: uint64(20 + i),
				}))
			}
		}
	}
	for _, rooms := range []int{1, 500} {
		for i, peer := range []string{"barrage", "a<b"} {
			s := stormScenario()
			s.Name, s.Viewers, s.Rooms, s.Rate, s.Duration = "rooms", 500, rooms, 4*float64(rooms), second(5)
			r := sample(sampleRun{peer: peer, scenario: s, median: 2, spread: 0.4, perCopy: 9000 + 20*float64(rooms), seed: uint64(30 + i)})
			if i > 0 && rooms == 500 {
				r.Server, r.Messages.Lost = bench.Server{}, 7
				r.Warnings = []string{"name --metrics or --pid"}
			}
			results = append(results, r)
		}
	}
	return results
}

func TestPlot_HasAPointForEachKnownFigure(t *testing.T) {
	var got strings.Builder
	if err := Plot(&got, sampleCurves()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, "plot.svg", got.String())
	texts, circles := 0, 0
	for d := xml.NewDecoder(strings.NewReader(got.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
		if text, ok := token.(xml.CharData); ok && string(text) == "a<b" {
			texts++
		}
	}
	if want := 2*2*3 + 2*2*2 - 1; circles != want || texts != 1 {
		t.Errorf("%d points and %d names of the second peer; want one for each figure that is known, %d, and 1", circles, texts, want)
	}
	if err := Plot(brokenWriter{}, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("into a broken pipe: error %v", err)
	}
}

func TestScale_HoldsAllBetweenTicks(t *testing.T) {
	f := func(values []float64, want scale, ticks ...float64) {
		t.Helper()
		s, ok := around(values)
		if !ok || s != want || !slices.Equal(s.ticks(), ticks) {
			t.Errorf("around %v = %v, %v with ticks %v; want %v with %v", values, s, ok, s.ticks(), want, ticks)
		}
	}
	f([]float64{0, 3, 40}, scale{2, 50}, 2, 5, 10, 20, 50)
	f([]float64{7}, scale{5, 10}, 5, 10)
	f([]float64{5}, scale{5, 10}, 5, 10)
	f([]float64{1, 10}, scale{1, 10}, 1, 2, 5, 10)
	f([]float64{0.03, 0.2}, scale{0.02, 0.2}, 0.02, 0.05, 0.1, 0.2)
	if s, ok := around([]float64{0}); ok {
		t.Errorf("around nothing = %v", s)
	}
}
