package bench

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"barrage/bench/swarm"
)

func TestResult_SaysWhatTheLimitWas(t *testing.T) {
	f := func(c Client, servers float64, limit, warning string) {
		t.Helper()
		r := &run{recorder: newRecorder(nil, Status{})}
		r.servers = []server{{pid: 1}}
		res := Result{Machine: Machine{Cores: 4}, Client: c, Server: Server{Cores: servers}}
		if got := res.limit(); got != limit {
			t.Errorf("limit() with %+v = %s; want %s", c, got, limit)
		}
		r.warn(&res)
		if got := strings.Join(res.Warnings, "\n"); got != warning {
			t.Errorf("warnings with %+v:\n%s\nwant\n%s", c, got, warning)
		}
	}
	f(Client{Procs: 1, Cores: 0.5, Busiest: 0.5, LateP99: 5, MachineBusy: 0.9}, 2, "server", "")
	f(Client{Procs: 2, Cores: 1.2, Busiest: 0.92}, 1, "client",
		"the client was the bottleneck: its busiest process used 0.92 of the one core it can use, so latency may be its own; use --procs 3")
	f(Client{Procs: 1, Cores: 0.2, Busiest: 0.2, LateP99: 7.25}, 1, "client",
		"the client was the bottleneck: it wrote messages 7.2 ms late (p99), so the load was less even than asked for")
	f(Client{Procs: 1, Cores: 0.9, Busiest: 0.9}, 2.95, "machine",
		"the machine was the limit: 96 % of its 4 cores were used, 0.90 cores by the client and 2.95 by servers, so latency is of all of them")
	f(Client{Procs: 1, Cores: 0.2, Busiest: 0.2, MachineBusy: 0.97}, 1, "machine",
		"the machine was the limit: 97 % of its 4 cores were used, 0.20 cores by the client and 1.00 by servers, so latency is of all of them")
}

// TestResult_PartialSaysWhatIsMissing: figures that are not of all viewers have a mark, and the cause that cut the run
// short goes first.
func TestResult_PartialSaysWhatIsMissing(t *testing.T) {
	f := func(o swarm.Totals, cut error, want string) {
		t.Helper()
		r := &run{recorder: newRecorder(nil, Status{})}
		if res := r.result(o, cut); res.Partial != want {
			t.Errorf("Partial of %+v, cut by %v = %q; want %q", o, cut, res.Partial, want)
		}
	}
	f(swarm.Totals{Connections: swarm.Connections{Wanted: 9, Made: 9, SlowEnded: 3}}, nil, "")
	f(swarm.Totals{Connections: swarm.Connections{Wanted: 9, Made: 7, Failed: 2, FailedWhy: "503"}}, nil, "2 of 9 viewers could not connect, the last one: 503")
	f(swarm.Totals{Connections: swarm.Connections{Wanted: 9, Made: 9, Broken: 4, BrokenWhy: "reset"}}, nil, "4 of 9 connections were cut off, the last one: reset")
	f(swarm.Totals{Connections: swarm.Connections{Wanted: 9, Made: 7, Failed: 2, FailedWhy: "503", Broken: 4, BrokenWhy: "reset"}}, nil,
		"2 of 9 viewers could not connect, the last one: 503; 4 of 7 connections were cut off, the last one: reset")
	f(swarm.Totals{Connections: swarm.Connections{Wanted: 9, Made: 9, Broken: 9, BrokenWhy: "reset"}}, errors.New("node 1 ended"), "node 1 ended")
}

func TestClient_TellsTheBusiestProcess(t *testing.T) {
	late := hdrhistogram.New(1, 1_000_000, 3)
	for i := range int64(100) {
		_ = late.RecordValue(1000 * (i + 1))
	}
	c := client(swarm.Totals{Late: late, Measured: swarm.Measured{Elapsed: 2 * time.Second, CPU: []time.Duration{time.Second, 500 * time.Millisecond}}})
	if c.Procs != 2 || c.Cores != 0.75 || c.Busiest != 0.5 || c.LateP99 < 98.9 || c.LateP99 > 99.1 {
		t.Errorf("client = %+v; want 0.75 cores, 0.5 the busiest, 99 ms late", c)
	}
}

func TestQuantiles_TurnMicrosecondsToMilliseconds(t *testing.T) {
	h := hdrhistogram.New(1, 1_000_000, 3)
	for i := range int64(1000) {
		_ = h.RecordValue(i + 1)
	}
	q := quantiles(h)
	if q.Count != 1000 || q.P50 != 0.5 || q.P90 != 0.9 || q.P99 != 0.99 || q.P999 != 0.999 || q.Max != 1 {
		t.Errorf("quantiles of 1 to 1000 µs = %+v", q)
	}
	back, err := hdrhistogram.Decode([]byte(q.Histogram))
	if err != nil || back.TotalCount() != 1000 || back.Max() != 1000 {
		t.Errorf("Histogram decodes to %v, %v", back, err)
	}
	if q := quantiles(nil); q != (Quantiles{}) {
		t.Errorf("quantiles of nothing = %+v", q)
	}
}
