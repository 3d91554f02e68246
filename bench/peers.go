package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Measure runs each scenario against each target in turn, in several rounds, so that other load of the machine falls on
// all targets. One that a scenario cannot use is left out of its further rounds; the error names all of those, and the
// results hold the others'.
func Measure(ctx context.Context, scenarios []Scenario, targets []Target, rounds int, progress Progress) ([]Result, error) {
	var results []Result
	var failed error
	for i, s := range scenarios {
		reached := targets
		for round := range rounds {
			name := s.Name
			if len(scenarios) > 1 {
				name = fmt.Sprintf("%d of %d: %s", i+1, len(scenarios), name)
			}
			if rounds > 1 {
				name = fmt.Sprintf("%s, round %d of %d", name, round+1, rounds)
			}
			var again []Target
			for _, t := range reached {
				if ctx.Err() != nil {
					return results, errors.Join(failed, fmt.Errorf("cannot measure the rest: %w", errInterrupted))
				}
				r, err := Run(ctx, s, t, progress.named(name))
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("cannot measure scenario %q on %s: %w", s.Name, t.peer(), err))
					continue
				}
				results, again = append(results, r), append(again, t)
			}
			reached = again
		}
	}
	return results, failed
}

// Medians has one result a peer, in the order of their first ones. Each has the median of each figure over its rounds,
// but the worst of what went wrong and every warning. So nothing hides behind a better round. All other parts that are
// no figures (series, histograms, words) are of the round with the median p99.
func Medians(results []Result) []Result {
	var peers []string
	rounds := map[string][]Result{}
	for _, r := range results {
		if rounds[r.Peer] == nil {
			peers = append(peers, r.Peer)
		}
		rounds[r.Peer] = append(rounds[r.Peer], r)
	}
	medians := make([]Result, len(peers))
	for i, peer := range peers {
		medians[i] = median(rounds[peer])
	}
	return medians
}

func median(rounds []Result) Result {
	rounds = slices.SortedFunc(slices.Values(rounds), func(a, b Result) int { return cmp.Compare(a.Latency.P99, b.Latency.P99) })
	m := rounds[(len(rounds)-1)/2]
	m.Warnings = nil
	for _, part := range []string{"Connections", "Messages", "Latency", "Connect", "Welcome", "Server", "Redis", "Client"} {
		var all []reflect.Value
		for i := range rounds {
			all = append(all, reflect.ValueOf(&rounds[i]).Elem().FieldByName(part))
		}
		medianFields(reflect.ValueOf(&m).Elem().FieldByName(part), all)
	}
	early := ""
	for i := range rounds {
		r := &rounds[i]
		if r.Partial != r.Missing() { // It ended early, which is worse.
			early = cmp.Or(early, r.Partial)
		}
		for _, w := range r.Warnings {
			if !slices.Contains(m.Warnings, w) {
				m.Warnings = append(m.Warnings, w)
			}
		}
		m.Connections.FailedWhy = cmp.Or(m.Connections.FailedWhy, r.Connections.FailedWhy)
		m.Connections.BrokenWhy = cmp.Or(m.Connections.BrokenWhy, r.Connections.BrokenWhy)
		m.Messages.Gifts.Lost = max(m.Messages.Gifts.Lost, r.Messages.Gifts.Lost)
	}
	m.Partial = cmp.Or(early, m.Missing())
	return m
}

// faults are the figures of a result whose worst round counts, by their fields.
var faults = []string{"Failed", "Broken", "Died", "Lost", "Doubled", "Wrong", "OutOfOrder", "Disagree"}

// medianFields sets every number of a struct to its median in all, and faults to the most.
func medianFields(to reflect.Value, all []reflect.Value) {
	for f := range to.NumField() {
		if !to.Field(f).CanInt() && !to.Field(f).CanUint() && !to.Field(f).CanFloat() {
			continue
		}
		values := make([]reflect.Value, len(all))
		for i := range all {
			values[i] = all[i].Field(f)
		}
		slices.SortFunc(values, func(a, b reflect.Value) int {
			switch {
			case a.CanInt():
				return cmp.Compare(a.Int(), b.Int())
			case a.CanUint():
				return cmp.Compare(a.Uint(), b.Uint())
			}
			return cmp.Compare(a.Float(), b.Float())
		})
		which := (len(all) - 1) / 2
		if slices.Contains(faults, to.Type().Field(f).Name) {
			which = len(all) - 1
		}
		to.Field(f).Set(values[which])
	}
}
