package report

import (
	"fmt"
	"strings"

	"barrage/bench"
)

// load is what of a scenario decides its figures: results with the same load can be
// compared. It is a key of maps.
type load struct {
	size
	burst    bench.Burst
	slow     bench.Slow
	arrival  bench.Arrival
	comeback bench.Return
}

// size is a load without what happens besides its steady part.
type size struct {
	name                  string
	viewers, rooms, nodes int
	zipf, rate            float64
	body                  int
}

func loadOf(s *bench.Scenario) load {
	f := s.Filled()
	return load{size{f.Name, f.Viewers, f.Rooms, f.Nodes, f.Zipf, f.Rate, f.Body}, f.Burst, f.Slow, f.Arrival, f.Return}
}

// group is the results of one key, in the order they came.
type group[K comparable] struct {
	key     K
	results []*bench.Result
}

// groupBy groups results, in the order in which each key is first met.
func groupBy[K comparable](results []bench.Result, key func(*bench.Result) K) []group[K] {
	var groups []group[K]
	at := map[K]int{}
	for i := range results {
		r := &results[i]
		k := key(r)
		n, ok := at[k]
		if !ok {
			n = len(groups)
			at[k] = n
			groups = append(groups, group[K]{key: k})
		}
		groups[n].results = append(groups[n].results, r)
	}
	return groups
}

// servers is what a load that asks for several nodes, or for a Redis, went to; empty: it
// asked for neither.
func servers(r *bench.Result) string {
	switch nodes := max(r.Scenario.Nodes, 1); {
	case nodes == 1 && r.Target.Redis == "":
		return ""
	case len(r.Target.Addrs) > 0:
		return plural(len(r.Target.Addrs), "target")
	case r.Target.Baseline != "":
		return "1 process"
	default:
		return plural(nodes, "node") + " + Redis"
	}
}

// loadText is a result's load in a few words. It has the size, and what else is other than in the scenario of its name
// that comes with the program, as flags.
func loadText(r *bench.Result) string {
	usual, _ := bench.Named(r.Scenario.Name) // The user's own have nothing that is usual.
	s := usual
	s.Zipf, s.Body, s.Burst = r.Scenario.Zipf, r.Scenario.Body, r.Scenario.Burst
	s.Slow, s.Arrival, s.Return = r.Scenario.Slow, r.Scenario.Arrival, r.Scenario.Return
	parts := append([]string{sizeText(&r.Scenario, servers(r))}, flagTexts(differences(&s, &usual))...)
	return strings.Join(parts, ", ")
}

// sizeText is a scenario's size in a few words: "5,000 viewers, 200 messages/s"; on is where
// it ran, or nothing.
func sizeText(s *bench.Scenario, on string) string {
	parts := []string{plural(s.Viewers, "viewer")}
	if s.Rooms > 1 {
		parts = append(parts, plural(s.Rooms, "room"))
	}
	if on != "" {
		parts = append(parts, on)
	}
	if s.Rate > 0 {
		parts = append(parts, short(s.Rate)+" messages/s")
	}
	return strings.Join(parts, ", ")
}

// settings are a scenario's sentences for people: its viewers, its messages, and all that happens besides; on is where
// it ran, or nothing.
func settings(s *bench.Scenario, on string) []string {
	rooms := "one room"
	if s.Rooms > 1 {
		rooms = plural(s.Rooms, "room") + " of equal size"
		if s.Zipf > 0 {
			rooms = fmt.Sprintf("%s of unequal size (Zipf %s)", plural(s.Rooms, "room"), short(s.Zipf))
		}
	}
	who := plural(s.Viewers, "viewer") + " in " + rooms
	if on != "" {
		who += " on " + on
	}
	if s.Ramp > 0 {
		who += fmt.Sprintf(", %s arriving a second", short(s.Ramp))
	}
	out := []string{who}
	if s.Rate > 0 || s.Burst.Messages > 0 {
		out = append(out, fmt.Sprintf("%s messages/s of %s for %s", short(s.Rate), bytes.text(float64(s.Body)), s.Duration))
	}
	if s.Gifts > 0 {
		out = append(out, percent(s.Gifts)+" of them gifts")
	}
	if s.Deflate {
		out = append(out, "batches deflated")
	}
	if b := s.Burst; b.Messages > 0 {
		out = append(out, fmt.Sprintf("%s more within %s, every %s", plural(b.Messages, "message"), b.Over, b.Every))
	}
	return append(out, happenings(s)...)
}

// spokenTo is a result's peer, in brackets its dialect where that is not FastIM's, and its
// addresses where it has a name of its own.
func spokenTo(r *bench.Result) string {
	to := r.Peer
	if r.Dialect != "" && r.Dialect != "fastim" {
		to += " (" + r.Dialect + ")"
	}
	if addrs := strings.Join(r.Target.Addrs, ","); addrs != "" && addrs != r.Peer {
		to += " at " + addrs
	}
	return to
}

// happenings says what a scenario does besides its steady load.
func happenings(s *bench.Scenario) (out []string) {
	if s.Slow.Share > 0 {
		reads := "nothing after the welcome"
		if s.Slow.BytesPerSecond > 0 {
			reads = bytesPerSecond.text(float64(s.Slow.BytesPerSecond))
		}
		out = append(out, fmt.Sprintf("%s of the viewers read %s", percent(s.Slow.Share), reads))
	}
	if a := s.Arrival; a.Viewers > 0 {
		out = append(out, fmt.Sprintf("%s more arrive after %s, %s", plural(a.Viewers, "viewer"), a.After, pace(a.Rate)))
	}
	if b := s.Return; b.Share > 0 {
		out = append(out, fmt.Sprintf("%s of the viewers are cut off after %s and come back, %s", percent(b.Share), b.After, pace(b.Rate)))
	}
	return out
}

func pace(rate float64) string {
	if rate == 0 {
		return "all at once"
	}
	return short(rate) + " a second"
}

// percent writes a share of 1.
func percent(share float64) string { return short(share*100) + " %" }
