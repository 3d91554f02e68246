package bench

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Hunt is a search for the load that a server bears.
type Hunt struct {
	// Scenario is run at each level, on servers of its own unless targets are named.
	Scenario Scenario
	// Vary is what grows: "rate" or "viewers".
	Vary string
	// From is the first level, To the last one that is tried; 0 From is the scenario's own,
	// 0 To is no end.
	From, To float64
	// P99 is the most latency that is good enough; Loss the largest share of expected
	// copies that may be lost, 0 to 1.
	P99  time.Duration
	Loss float64
}

// Step is one level that was tried.
type Step struct {
	Level  float64
	Result Result
	// Broke says in a sentence what was not as it should be; empty: all was.
	Broke string
	// Limit is what broke: "server", "client" or "machine"; empty: nothing.
	Limit string
}

// Find is what a search came to.
type Find struct {
	// Vary is what grew: "rate" or "viewers".
	Vary string `json:"vary"`
	// P99 in milliseconds and Loss, a share of 1, are what was asked for.
	P99  float64 `json:"p99_ms"`
	Loss float64 `json:"loss"`
	// Good is the last good level; 0: none was good.
	Good float64 `json:"good"`
	// Broken is the lowest level that broke, Limit and Why are what its [Step] says of it;
	// 0: none did.
	Broken float64 `json:"broken"`
	Limit  string  `json:"limit,omitempty"`
	Why    string  `json:"why,omitempty"`
}

const (
	// huntFactor is how much a level grows until one breaks.
	huntFactor = 2
	// huntPrecision is how near the last good and the first broken level come together.
	huntPrecision = 0.1
)

// Validate reports what is wrong with h, its scenario included.
func (h Hunt) Validate() error {
	if h.Vary != "rate" && h.Vary != "viewers" {
		return fmt.Errorf("cannot vary %q: it can be rate or viewers", h.Vary)
	}
	from, least, must := h.from(), math.SmallestNonzeroFloat64, "above 0"
	if h.Vary == "viewers" {
		least, must = 1, "at least 1"
	}
	switch {
	case h.Scenario.Duration <= 0:
		return fmt.Errorf("cannot find the limit of scenario %q: no messages come in it", h.Scenario.Name)
	case !(from >= least && from <= mostRate):
		return fmt.Errorf("cannot begin with %s %v: it must be %s and at most %d", h.Vary, from, must, mostRate)
	case !(h.To >= 0 && h.To <= mostRate):
		return fmt.Errorf("cannot go up to %s %v: it must be a level up to %d, or 0 for no end", h.Vary, h.To, mostRate)
	case h.To != 0 && h.To < from:
		return fmt.Errorf("cannot go from %s %v to %v: the end is before the beginning", h.Vary, from, h.To)
	case h.P99 <= 0:
		return fmt.Errorf("cannot ask for a p99 of %v: it must be above 0", h.P99)
	case !(h.Loss >= 0 && h.Loss <= 1):
		return fmt.Errorf("cannot ask for a loss of %v: it is a share, 0 to 1", h.Loss)
	}
	return h.At(from).Validate()
}

func (h Hunt) from() float64 {
	switch {
	case h.From != 0:
		return h.From
	case h.Vary == "viewers":
		return float64(h.Scenario.Viewers)
	}
	return h.Scenario.Rate
}

// At is the scenario at one level: as asked for, but for what varies.
func (h Hunt) At(level float64) Scenario {
	s := h.Scenario
	if h.Vary == "viewers" {
		s.Viewers = int(level)
	} else {
		s.Rate = level
	}
	return s
}

// Judge says whether r is good enough, and if not, what broke.
func (h Hunt) Judge(level float64, r Result) Step {
	step := Step{Level: level, Result: r}
	loss := float64(r.Messages.Lost) / float64(max(r.Messages.Expected, 1))
	limit := time.Duration(r.Latency.P99 * float64(time.Millisecond))
	switch {
	case r.Partial != "":
		step.Broke = r.Partial
	case loss > h.Loss:
		step.Broke = fmt.Sprintf("%d of %d copies were lost", r.Messages.Lost, r.Messages.Expected)
	case r.Messages.Sent < r.Messages.Offered:
		step.Broke = fmt.Sprintf("%d of %d messages could not be sent", r.Messages.Offered-r.Messages.Sent, r.Messages.Offered)
	case limit > h.P99:
		step.Broke = fmt.Sprintf("p99 is %v, above %v", limit.Round(time.Millisecond/10), h.P99)
	case r.Client.LateP99 > float64(h.P99)/float64(time.Millisecond):
		step.Broke = fmt.Sprintf("the client wrote its messages %.0f ms late", r.Client.LateP99)
	default:
		return step
	}
	step.Limit = r.limit()
	return step
}

// Run raises the level until one breaks, then goes between the last good and the first broken one until they are near.
// The function each receives every step. Run returns the last good level, 0 if there is none. A level that is too large
// for the machine counts as broken. A step that cannot be run for another reason, or was interrupted, ends the search.
func (h Hunt) Run(ctx context.Context, t Target, progress Progress, each func(Step)) (good float64, err error) {
	good, err = search(h.from(), h.To, h.Vary == "viewers", func(level float64) (bool, error) {
		step, err := h.step(ctx, level, t, progress)
		if err != nil {
			return false, err
		}
		each(step)
		return step.Broke == "", cause(ctx, ctx.Err())
	})
	if err != nil {
		err = fmt.Errorf("cannot finish the search: %w", err)
	}
	return good, err
}

// Find is what steps of h, in any order, came to.
func (h Hunt) Find(steps []Step) Find {
	f := Find{Vary: h.Vary, P99: h.P99.Seconds() * 1000, Loss: h.Loss}
	for _, s := range steps {
		if s.Broke == "" {
			f.Good = max(f.Good, s.Level)
		} else if f.Broken == 0 || s.Level < f.Broken {
			f.Broken, f.Limit, f.Why = s.Level, s.Limit, s.Broke
		}
	}
	return f
}

// step tries one level.
func (h Hunt) step(ctx context.Context, level float64, t Target, progress Progress) (Step, error) {
	s := h.At(level)
	var tooLarge string
	if err := Check(s, t); err != nil {
		tooLarge = err.Error()
	}
	if tooLarge != "" {
		return Step{Level: level, Result: Result{Version: formVersion, Peer: t.peer(), Dialect: t.dialect(), Target: t.shown(), Scenario: s}, Broke: tooLarge, Limit: "machine"}, nil
	}
	r, err := Run(ctx, s, t, progress.named(fmt.Sprintf("%s at %s %v", s.Name, h.Vary, level)))
	return h.Judge(level, r), err
}

// search doubles level from from, at most up to to (0: no end), until try returns false. Then it halves what lies
// between until that is within huntPrecision. If whole is set, levels are whole numbers. It returns the largest level
// that was good, 0 if from was not.
func search(from, to float64, whole bool, try func(level float64) (bool, error)) (good float64, err error) {
	if to == 0 {
		to = math.Inf(1)
	}
	rounded := func(level float64) float64 {
		if whole || level >= 100 {
			return math.Round(level)
		}
		return level
	}
	broken := math.Inf(1)
	for level := rounded(from); level > good && level < broken; {
		ok, err := try(level)
		if err != nil {
			return good, err
		}
		if ok {
			good = level
		} else {
			broken = level
		}
		switch {
		case good == 0 || good == to || broken-good <= huntPrecision*good:
			return good, nil
		case math.IsInf(broken, 1):
			level = min(rounded(good*huntFactor), to)
		default:
			level = rounded((good + broken) / 2)
		}
	}
	return good, nil
}
