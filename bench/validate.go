package bench

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of a scenario's figures; the reasons stand with the errors.
const (
	leastBody, mostBody = 40, 4096
	mostSenders         = 20_000 // as many as a process holds
	defaultSenders      = 8
	defaultBody         = 60
	defaultSample       = 200
	mostRate            = 1_000_000_000 // a second: times are in nanoseconds
)

// Filled is s with the defaults that its fields' comments name in the place of zeros.
// Procs stays 0.
func (s Scenario) Filled() Scenario {
	for _, f := range []struct {
		field *int
		is    int
	}{{&s.Rooms, 1}, {&s.Body, defaultBody}, {&s.Senders, defaultSenders}, {&s.Sample, defaultSample}, {&s.Nodes, 1}} {
		if *f.field == 0 {
			*f.field = f.is
		}
	}
	return s
}

// Validate reports all that is wrong with s by itself, whatever the machine; [Scenario.Fit]
// has the rest. It is nil or one error with all problems.
func (s Scenario) Validate() error {
	s = s.Filled()
	var problems []string
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	check(s.Viewers > 0, "viewers: %d; at least 1 must be there", s.Viewers)
	check(s.Rooms > 0, "rooms: %d is below 1", s.Rooms)
	check(s.Viewers <= 0 || s.Rooms <= s.Viewers, "rooms: %d for %d viewers; each room has at least one", s.Rooms, s.Viewers)
	check(s.Zipf >= 0 && s.Zipf <= 10, "zipf: %v is not within 0 and 10", s.Zipf)
	check(isRate(s.Ramp), "ramp: %v viewers a second is not within 0 and %d", s.Ramp, mostRate)
	check(isRate(s.Rate), "rate: %v messages a second is not within 0 and %d", s.Rate, mostRate)
	check(s.Body >= leastBody && s.Body <= mostBody, "body: %d bytes is not within %d (time and number of a message) and %d", s.Body, leastBody, mostBody)
	check(s.Gifts >= 0 && s.Gifts <= 1, "gifts: %v is not within 0 and 1", s.Gifts)
	check(s.Senders >= 1 && s.Senders <= mostSenders, "senders: %d is not within 1 and %d", s.Senders, mostSenders)
	check(s.Sample > 0, "sample: %d; someone must measure latency", s.Sample)
	check(s.Procs >= 0, "procs: %d is negative", s.Procs)
	check(s.Viewers <= 0 || s.Procs <= s.Viewers, "procs: %d for %d viewers; each process has at least one", s.Procs, s.Viewers)
	check(s.Nodes > 0, "nodes: %d is below 1", s.Nodes)
	check(s.Warmup >= 0, "warmup: %v is negative", time.Duration(s.Warmup))
	check(s.Rest >= 0, "rest: %v is negative", time.Duration(s.Rest))
	s.checkLoad(check)
	for _, setting := range s.Env {
		name, _, ok := strings.Cut(setting, "=")
		check(ok && strings.HasPrefix(name, "BARRAGE_"), "env: %q is not of the form BARRAGE_SERVER_POLLERS=1", setting)
	}
	if len(problems) > 0 {
		return fmt.Errorf("cannot run scenario %q: %w", s.Name, errors.New(strings.Join(problems, "; ")))
	}
	return nil
}

// isRate reports whether something can happen so often a second; NaN it cannot.
func isRate(x float64) bool { return x >= 0 && x <= mostRate }

// checkLoad checks what happens while messages come.
func (s Scenario) checkLoad(check func(ok bool, format string, args ...any)) {
	duration := time.Duration(s.Duration)
	check(duration >= 0, "duration: %v is negative", duration)
	loaded := s.Rate > 0 || s.Burst.Messages > 0 || s.Arrival.Viewers > 0 || s.Return.Share > 0 || s.Warmup > 0
	check(duration != 0 || !loaded, "duration: 0s leaves no time for messages, arrivals and returns")
	check(s.Burst.Messages >= 0, "burst.messages: %d is negative", s.Burst.Messages)
	check(s.Burst.Over >= 0, "burst.over: %v is negative", time.Duration(s.Burst.Over))
	check(s.Burst.Messages <= 0 || s.Burst.Every > 0, "burst.every: %v; bursts need time between them", time.Duration(s.Burst.Every))
	check(s.Burst.Messages <= 0 || s.Burst.Over <= s.Burst.Every, "burst.over: %v is longer than burst.every, %v", time.Duration(s.Burst.Over), time.Duration(s.Burst.Every))
	check(s.Slow.Share >= 0 && s.Slow.Share <= 1, "slow.share: %v is not within 0 and 1", s.Slow.Share)
	check(s.Slow.BytesPerSecond >= 0, "slow.bytes_per_second: %d is negative", s.Slow.BytesPerSecond)
	check(s.Arrival.Viewers >= 0, "arrival.viewers: %d is negative", s.Arrival.Viewers)
	check(isRate(s.Arrival.Rate), "arrival.rate: %v viewers a second is not within 0 and %d", s.Arrival.Rate, mostRate)
	check(s.Return.Share >= 0 && s.Return.Share <= 1, "return.share: %v is not within 0 and 1", s.Return.Share)
	check(isRate(s.Return.Rate), "return.rate: %v viewers a second is not within 0 and %d", s.Return.Rate, mostRate)
	for _, moment := range []struct {
		name  string
		after Duration
		used  bool
	}{{"arrival.after", s.Arrival.After, s.Arrival.Viewers > 0}, {"return.after", s.Return.After, s.Return.Share > 0}} {
		check(moment.after >= 0, "%s: %v is negative", moment.name, time.Duration(moment.after))
		check(!moment.used || duration <= 0 || time.Duration(moment.after) < duration, "%s: %v is not before the end at %v", moment.name, time.Duration(moment.after), duration)
	}
}
