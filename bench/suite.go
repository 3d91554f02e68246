package bench

import (
	"math"
	"time"
)

// The files' sizes are made for so many cores.
const madeForCores = 2

// Quick bounds: the whole suite within three minutes on two cores.
const (
	quickDuration = Duration(6 * time.Second)
	quickWarmup   = Duration(4 * time.Second)
	quickRest     = Duration(9 * time.Second)
)

// Suite is every scenario that comes with the program, in order, with sizes fit for the machine. Viewers and the rates
// of arrivals and returns grow with its cores, and shrink to what its open files and memory hold. The flag quick makes
// the scenarios short, and a soak says little then.
func Suite(l Limits, quick bool) ([]Scenario, error) {
	var suite []Scenario
	for _, name := range Names() {
		s, err := Named(name)
		if err != nil {
			return nil, err
		}
		if quick {
			s = s.Short()
		}
		suite = append(suite, s.sized(l))
	}
	return suite, nil
}

// sized fits s to the machine, the nodes on it included.
func (s Scenario) sized(l Limits) Scenario {
	s = s.Filled()
	factor := float64(max(l.Cores, 1)) / madeForCores
	most := s.Nodes * nodeFits(l.OpenFiles)
	if l.Memory > 0 {
		most = min(most, int(l.Memory/2/(viewerBytes+nodeViewerBytes))) // half is for everybody else
	}
	factor = min(factor, float64(most-s.early())/float64(s.connections()-s.early()))
	s.Viewers = max(int(float64(s.Viewers)*factor), s.Rooms)
	s.Arrival.Viewers = int(float64(s.Arrival.Viewers) * factor)
	s.Arrival.Rate *= factor
	s.Return.Rate *= factor
	return s
}

// Short is s in a few seconds, for a quick look or a step of a search. Bursts, arrivals and
// returns keep their place in it.
func (s Scenario) Short() Scenario {
	factor := float64(quickDuration) / float64(max(s.Duration, quickDuration))
	s.Duration = min(s.Duration, quickDuration)
	s.Warmup = min(s.Warmup, quickWarmup)
	s.Rest = min(s.Rest, quickRest)
	for _, d := range []*Duration{&s.Burst.Every, &s.Burst.Over, &s.Arrival.After, &s.Return.After} {
		*d = Duration(math.Round(float64(*d) * factor))
	}
	s.Burst.Messages = int(float64(s.Burst.Messages) * factor)
	s.Arrival.Viewers = int(float64(s.Arrival.Viewers) * factor)
	return s
}
