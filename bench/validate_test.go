package bench

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestScenario_ValidateRefusesWhatCannotBe(t *testing.T) {
	f := func(change func(*Scenario), want string) {
		t.Helper()
		s := Scenario{Name: "x", Viewers: 10, Rate: 1, Duration: Duration(10 * time.Second)}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&s)
		want = `cannot run scenario "x": ` + want
		if err := s.Validate(); err == nil || err.Error() != want {
			t.Errorf("Validate() = %v; want %s", err, want)
		}
	}
	f(func(s *Scenario) { s.Viewers = 0 }, "viewers: 0; at least 1 must be there")
	f(func(s *Scenario) { s.Rooms = 11 }, "rooms: 11 for 10 viewers; each room has at least one")
	f(func(s *Scenario) { s.Rate = -1 }, "rate: -1 messages a second is not within 0 and 1000000000")
	f(func(s *Scenario) { s.Rate = math.Inf(1) }, "rate: +Inf messages a second is not within 0 and 1000000000")
	f(func(s *Scenario) { s.Ramp = math.NaN() }, "ramp: NaN viewers a second is not within 0 and 1000000000")
	f(func(s *Scenario) { s.Zipf = math.NaN() }, "zipf: NaN is not within 0 and 10")
	f(func(s *Scenario) { s.Slow.Share = math.NaN() }, "slow.share: NaN is not within 0 and 1")
	f(func(s *Scenario) { s.Arrival.Rate = math.Inf(1) }, "arrival.rate: +Inf viewers a second is not within 0 and 1000000000")
	f(func(s *Scenario) { s.Return.Rate = math.NaN() }, "return.rate: NaN viewers a second is not within 0 and 1000000000")
	f(func(s *Scenario) { s.Procs = 11 }, "procs: 11 for 10 viewers; each process has at least one")
	f(func(s *Scenario) { s.Body = 39 }, "body: 39 bytes is not within 40 (time and number of a message) and 4096")
	f(func(s *Scenario) { s.Senders = 20_001 }, "senders: 20001 is not within 1 and 20000")
	f(func(s *Scenario) { s.Gifts = 1.01 }, "gifts: 1.01 is not within 0 and 1")
	f(func(s *Scenario) { s.Slow.Share = 1.5 }, "slow.share: 1.5 is not within 0 and 1")
	f(func(s *Scenario) { s.Return.Share = -0.1 }, "return.share: -0.1 is not within 0 and 1")
	f(func(s *Scenario) { s.Duration = 0 }, "duration: 0s leaves no time for messages, arrivals and returns")
	f(func(s *Scenario) { s.Burst = Burst{Messages: 5} }, "burst.every: 0s; bursts need time between them")
	f(func(s *Scenario) { s.Arrival = Arrival{Viewers: 5, After: Duration(time.Minute)} }, "arrival.after: 1m0s is not before the end at 10s")
	f(func(s *Scenario) { s.Env = []string{"PATH=/"} }, `env: "PATH=/" is not of the form BARRAGE_SERVER_POLLERS=1`)
	f(func(s *Scenario) { s.Rate, s.Nodes = -1, -2 }, "rate: -1 messages a second is not within 0 and 1000000000; nodes: -2 is below 1")
}

func TestScenario_FitSaysWhatIsTooLarge(t *testing.T) {
	limits := Limits{Cores: 2, Memory: 1 << 30, OpenFiles: 20_000}
	procs, warning, err := Scenario{Name: "x", Viewers: 15_000}.Fit(limits, true)
	if procs != 1 || warning != "" || err != nil {
		t.Errorf("Fit of 15000 viewers = %d, %q, %v; want 1 process", procs, warning, err)
	}
	procs, warning, err = Scenario{Name: "x", Viewers: 190_000}.Fit(limits, false)
	if want := "190000 viewers may need 2226 MiB of memory, and 1024 MiB are free"; procs != 10 || warning != want || err != nil {
		t.Errorf("Fit of 190000 viewers elsewhere = %d, %q, %v; want 10 processes and %q", procs, warning, err, want)
	}
	f := func(s Scenario, own bool, want string) {
		t.Helper()
		s.Name = "storm"
		want = `cannot run scenario "storm": ` + want
		if _, _, err := s.Fit(limits, own); err == nil || err.Error() != want {
			t.Errorf("Fit(%+v) = %v; want %s", s, err, want)
		}
	}
	f(Scenario{Viewers: 30_000, Procs: 1}, false,
		"30000 viewers in 1 process: 19900 fit the limit of 20000 open files; use --procs 2 or leave it away")
	f(Scenario{Viewers: 30_000}, true,
		"30000 viewers on 1 node: 19000 fit the limit of 20000 open files; use --nodes 2, or name nodes that run elsewhere with --target")
	f(Scenario{Viewers: 30_000, Arrival: Arrival{Viewers: 30_000}, Procs: 3, Nodes: 3}, true,
		"60000 viewers in 3 processes: 59700 fit the limit of 20000 open files; use --procs 4 or leave it away; "+
			"60000 viewers on 3 nodes: 57000 fit the limit of 20000 open files; use --nodes 4, or name nodes that run elsewhere with --target")
	f(Scenario{Viewers: 30_000, Rooms: 3, Senders: 10_000, Rate: 1}, false,
		"20000 senders in one process, which has those of a room: 19900 fit the limit of 20000 open files; use fewer --senders, or more --procs for more rooms")
	limits.OpenFiles = 50
	if _, _, err := (Scenario{Name: "x", Viewers: 1}).Fit(limits, false); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("Fit with 50 open files = %v; want a word about ulimit", err)
	}
}

// TestSized_RatesGrowWithTheCores: twice the cores, twice as many a second.
func TestSized_RatesGrowWithTheCores(t *testing.T) {
	s := Scenario{Viewers: 100, Arrival: Arrival{Viewers: 10, Rate: 5}, Return: Return{Share: 1, Rate: 7}}.sized(Limits{Cores: 2 * madeForCores, OpenFiles: 1 << 20})
	if s.Viewers != 200 || s.Arrival.Viewers != 20 || s.Arrival.Rate != 10 || s.Return.Rate != 14 {
		t.Errorf("sized to %+v; want everything twice", s)
	}
}

func TestSuite_FitsTheMachine(t *testing.T) {
	for _, l := range []Limits{
		{Cores: 2, Memory: 8 << 30, OpenFiles: 20_000},
		{Cores: 64, Memory: 256 << 30, OpenFiles: 1 << 20},
		{Cores: 64, Memory: 256 << 30, OpenFiles: 4096},
		{Cores: 1, Memory: 128 << 20, OpenFiles: 20_000},
	} {
		for _, quick := range []bool{false, true} {
			suite, err := Suite(l, quick)
			if err != nil || len(suite) != len(Names()) {
				t.Fatalf("Suite(%+v) = %d scenarios, %v", l, len(suite), err)
			}
			took := time.Duration(0)
			for _, s := range suite {
				if err := s.Validate(); err != nil {
					t.Error(err)
				}
				if _, warning, err := s.Fit(l, true); err != nil || warning != "" {
					t.Errorf("%s with %+v: %v %s", s.Name, l, err, warning)
				}
				took += time.Duration(s.Warmup + s.Duration + 3*s.Rest)
			}
			if quick && took > 2*time.Minute {
				t.Errorf("a quick suite takes %v without arrivals and starts; want less than 2m", took)
			}
		}
	}
	big, err := Suite(Limits{Cores: 8, OpenFiles: 1 << 20}, false)
	if storm := big[slicesIndex(big, "storm")]; err != nil || storm.Viewers != 20_000 {
		t.Errorf("storm on 8 cores has %d viewers, %v; want 20000", storm.Viewers, err)
	}
}

func slicesIndex(suite []Scenario, name string) int {
	for i, s := range suite {
		if s.Name == name {
			return i
		}
	}
	return -1
}
