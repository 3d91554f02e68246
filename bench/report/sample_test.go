package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"barrage/bench"
)

// The samples are what runs on a machine of two cores look like. Arithmetic makes them from fixed seeds, so that every
// way to show them can be pinned.

var sampleMachine = bench.Machine{
	CPU: "AMD EPYC 7B13", Cores: 2, Memory: 8 << 30, Kernel: "Linux 6.18.5", Go: "go1.26.8", Barrage: "v0.4.0",
}

var sampleBegan = time.Date(2026, 9, 14, 9, 30, 0, 0, time.UTC)

func second(n int) bench.Duration { return bench.Duration(time.Duration(n) * time.Second) }

func stormScenario() bench.Scenario {
	return bench.Scenario{
		Name: "storm", Question: "How many copies a second does one hot room give, how late, and is any lost?",
		Viewers: 5000, Rate: 200, Body: 60, Senders: 8, Warmup: second(5), Duration: second(60), Sample: 200, Procs: 1, Nodes: 1,
	}
}

// sampleRun is how a run of a sample goes.
type sampleRun struct {
	peer     string
	scenario bench.Scenario
	median   float64 // latency in milliseconds
	spread   float64 // of its logarithm
	perCopy  float64 // server's CPU, nanoseconds
	viewer   int64   // bytes
	stall    int     // the second of measuring in which all waits; 0: none
	end      int     // the second after which the run ends early; 0: none
	seed     uint64
}

// sample makes a result in the form that the load generator gives.
func sample(c sampleRun) bench.Result {
	random := rand.New(rand.NewPCG(c.seed, 1))
	s := c.scenario
	measured := int(time.Duration(s.Duration).Seconds())
	if c.end > 0 {
		measured = c.end
	}
	r := bench.Result{
		Version: 1, Peer: c.peer, Scenario: s, Machine: sampleMachine,
		Began: sampleBegan.Add(time.Duration(c.seed) * time.Minute), Seconds: float64(measured),
	}
	h := hdrhistogram.New(1, 60_000_000, 3)
	base := int64(24 << 20)
	add := func(p bench.Point) { p.At = float64(len(r.Series) + 1); r.Series = append(r.Series, p) }
	perSecond := 2500
	for open := perSecond; open <= s.Viewers; open += perSecond {
		add(bench.Point{
			Phase: "connect", Open: open, Made: perSecond, ServerCores: 0.8, ClientCores: 0.5,
			Resident: base + int64(open)*c.viewer,
		})
	}
	full := base + int64(s.Viewers)*c.viewer
	for range int(time.Duration(s.Rest).Seconds()) {
		add(bench.Point{Phase: "rest", Open: s.Viewers, ServerCores: 0.01, ClientCores: 0.01, Resident: full})
	}
	warm := int(time.Duration(s.Warmup).Seconds())
	for i := range warm + measured {
		phase, slow := "measure", 1.0
		if i < warm {
			phase = "warmup"
		}
		if at := i - warm; c.stall > 0 && (at == c.stall || at == c.stall+1) {
			slow = 9
		}
		second := hdrhistogram.New(1, 60_000_000, 3)
		for range 2000 {
			v := c.median * slow * math.Exp(c.spread*random.NormFloat64())
			_ = second.RecordValue(int64(v * 1000))
		}
		if phase == "measure" {
			h.Merge(second)
		}
		sent := uint64(s.Rate)
		copies := float64(sent) * float64(s.Viewers) * (1 + 0.01*random.NormFloat64())
		add(bench.Point{
			Phase: phase, Open: s.Viewers, Offered: sent, Sent: sent, Copies: uint64(copies),
			P50: ms(second.ValueAtQuantile(50)), P99: ms(second.ValueAtQuantile(99)), Max: ms(second.Max()),
			ServerCores: c.perCopy * copies / 1e9, ClientCores: 0.35 * copies / 1e6,
			Resident: full + int64(float64(4<<20)*(1-math.Exp(-float64(i)/8))),
		})
	}
	if c.end == 0 {
		add(bench.Point{Phase: "finish", Open: s.Viewers, ServerCores: 0.02, ClientCores: 0.01, Resident: full + 1<<20})
	}
	fill(&r, c, h, full)
	return r
}

func ms(us int64) float64 { return float64(us) / 1000 }

// fill gives r the figures that go with its series.
func fill(r *bench.Result, c sampleRun, h *hdrhistogram.Histogram, full int64) {
	s := &c.scenario
	sent := uint64(s.Rate * r.Seconds)
	copies := sent * uint64(s.Viewers)
	r.Connections = bench.Connections{Wanted: s.Viewers, Made: s.Viewers, PerSecond: 2500}
	r.Messages = bench.Messages{
		Offered: sent, Sent: sent, Expected: copies, Delivered: copies, PerSecond: float64(copies) / max(r.Seconds, 1), Bytes: copies * 141,
		BytesPerCopy: 141 * min(float64(copies), 1), Sampled: s.Filled().Sample,
	}
	r.Latency = quantilesOf(h)
	handshakes := hdrhistogram.New(1, 60_000_000, 3)
	for i := range s.Viewers {
		_ = handshakes.RecordValue(int64(300 + 17*i%9000))
	}
	r.Connect = quantilesOf(handshakes)
	r.Welcome = quantilesOf(handshakes)
	r.Server = bench.Server{
		Nodes: 1, CPUPerCopy: c.perCopy, CPUSeconds: c.perCopy * float64(copies) / 1e9, Cores: c.perCopy * float64(copies) / 1e9 / max(r.Seconds, 1),
		ResidentBefore: full - int64(s.Viewers)*c.viewer, ResidentFull: full, ResidentMost: full + 4<<20, ResidentEnd: full + 1<<20,
		PerConnection: float64(c.viewer), Slope: 310, Writes: float64(copies) / 20.3, HandshakeCPU: 118,
	}
	r.Client = bench.Client{Procs: 1, Cores: 0.35 * float64(copies) / 1e6 / max(r.Seconds, 1), Busiest: 0.35 * float64(copies) / 1e6 / max(r.Seconds, 1), LateP99: 0.21}
	if r.Messages.Offered == 0 {
		r.Server.CPUPerCopy, r.Server.Writes = 0, 0
	}
}

func quantilesOf(h *hdrhistogram.Histogram) bench.Quantiles {
	if h.TotalCount() == 0 {
		return bench.Quantiles{}
	}
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err)
	}
	return bench.Quantiles{
		Count: h.TotalCount(), P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)), P99: ms(h.ValueAtQuantile(99)),
		P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max()), Histogram: string(text),
	}
}

// sampleSuite is a storm against two peers, an idle run with a warning, and a run of
// gifts that ended early and lost some.
//
// A caller that changes a series must copy it first.
func sampleSuite() []bench.Result { return slices.Clone(suiteOnce()) }

var suiteOnce = sync.OnceValue(func() []bench.Result {
	storm := sample(sampleRun{peer: "barrage", scenario: stormScenario(), median: 12, spread: 0.35, perCopy: 640, viewer: 731, seed: 1})
	hub := sample(sampleRun{peer: "hub", scenario: stormScenario(), median: 71, spread: 0.6, perCopy: 1290, viewer: 21_400, stall: 31, seed: 2})
	hub.Warnings = []string{"The client used 0.93 of a core: latencies are partly its own."}
	hub.Server.Writes = 0

	quiet := bench.Scenario{
		Name: "idle", Question: "How much memory does a viewer cost who only reads?",
		Viewers: 15000, Rooms: 15, Rest: second(20), Procs: 1, Nodes: 1,
	}
	idle := sample(sampleRun{peer: "barrage", scenario: quiet, viewer: 731, seed: 3})
	idle.Warnings = []string{"Memory still shrank when it was read: it is an upper bound."}

	burst := bench.Scenario{
		Name: "gift", Question: "What do bursts of gifts do to the latency of everybody else?",
		Viewers: 2000, Rooms: 20, Zipf: 1.1, Rate: 100, Body: 120, Duration: second(120), Warmup: second(5), Nodes: 3,
		Burst: bench.Burst{Every: second(15), Messages: 400, Over: second(1)},
		Slow:  bench.Slow{Share: 0.05, BytesPerSecond: 512}, Env: []string{"BARRAGE_FANOUT_INTERVAL=50ms"},
	}
	gift := sample(sampleRun{peer: "barrage", scenario: burst, median: 4, spread: 0.8, perCopy: 900, viewer: 800, stall: 40, end: 71, seed: 4})
	gift.Partial = "node 2 of 3 at 127.0.0.1:41877 ended: signal: killed"
	gift.Connections.Broken, gift.Connections.BrokenWhy = 667, "read: connection reset by peer"
	gift.Messages.Lost, gift.Messages.Delivered = 18_204, gift.Messages.Expected-18_204
	gift.Messages.OutOfOrder = 3
	gift.Messages.Uncounted = 42_100
	gift.Server.Nodes = 3
	return []bench.Result{idle, storm, hub, gift}
})
