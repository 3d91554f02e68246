package bench

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"barrage/bench/swarm"
)

// Where the load itself is in the way.
const (
	busyLoop    = 0.9      // of the one core that a process's loop can use
	lateSending = 5.0      // ms, at the 99th percentile
	fullMachine = 0.95     // of all cores, client and servers together
	finishPhase = "finish" // when what is under way may still come
)

// result is what came of a run; cut is what ended it early, nil: nothing did.
func (r *run) result(o swarm.Totals, cut error) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := Result{
		Version: formVersion, Peer: r.peer(), Dialect: r.dialect(), Target: r.shown(), Scenario: r.Scenario, Machine: r.machine, Began: r.first,
		Seconds:     o.Measured.Elapsed.Seconds(),
		Connections: o.Connections, Messages: o.Messages,
		Latency: quantiles(o.Latency), Connect: quantiles(o.Connect), Welcome: quantiles(o.Welcome),
		Client: client(o), Series: r.points,
	}
	res.Connections.PerSecond = rate(float64(o.FirstMade), o.FirstWave)
	res.Messages.Sampled, res.Messages.PerSecond = r.sampled(), rate(float64(o.Measured.Copies), o.Measured.Elapsed)
	if o.Measured.Copies > 0 {
		res.Messages.BytesPerCopy = float64(o.Measured.Bytes) / float64(o.Measured.Copies)
	}
	res.Partial = res.Missing()
	if cut != nil {
		res.Partial = cut.Error()
	}
	if len(o.Seen) < 2 {
		res.Messages.Seen = nil
	}
	res.Server = r.server(o)
	res.Redis = r.redisUsed(o)
	if begin, end, ok := r.window(); ok {
		res.Client.MachineBusy = begin.machine.busy(end.machine)
	}
	r.warn(&res)
	return res
}

// Missing says which viewers were not there, or not to the end: "3 of 20 viewers could not
// connect, the last one: ...". Slow ones may be missing. Empty: all were there.
func (res *Result) Missing() string {
	c := &res.Connections
	var all []string
	if c.Failed > 0 {
		all = append(all, fmt.Sprintf("%d of %d viewers could not connect, the last one: %s", c.Failed, c.Wanted, c.FailedWhy))
	}
	if c.Broken > 0 {
		all = append(all, fmt.Sprintf("%d of %d connections were cut off, the last one: %s", c.Broken, c.Made, c.BrokenWhy))
	}
	return strings.Join(all, "; ")
}

// client is what the load itself used while it was measured.
func client(o swarm.Totals) Client {
	c := Client{Procs: len(o.Measured.CPU), Died: o.Dead, LateP99: quantiles(o.Late).P99}
	for _, cpu := range o.Measured.CPU {
		cores := rate(cpu.Seconds(), o.Measured.Elapsed)
		c.Cores += cores
		c.Busiest = max(c.Busiest, cores)
	}
	return c
}

// window is the usage when measuring began and ended; false: it never began. r.mu is held.
func (r *run) window() (begin, end reading, ok bool) {
	begin, ok = r.entered["measure"]
	end, whole := r.entered[finishPhase]
	if !whole {
		end = r.last // It was cut short.
	}
	return begin, end, ok
}

// server is what the servers used; r.mu is held.
func (r *run) server(o swarm.Totals) Server {
	if len(r.servers) == 0 || r.last.at.IsZero() {
		return Server{}
	}
	s := Server{
		Nodes: len(r.servers), ResidentBefore: r.before.Resident, ResidentFull: r.full.Resident,
		ResidentMost: r.most, ResidentEnd: r.last.Resident, ResidentLeft: r.left.Resident,
		Writes: max(r.counted.writes, 0), // A node that ended counts no more.
	}
	for reason, n := range r.counted.dropped {
		if n >= 1 {
			if s.Dropped == nil {
				s.Dropped = map[string]uint64{}
			}
			s.Dropped[reason] = uint64(n)
		}
	}
	if o.FirstMade > 0 {
		if r.Rest > 0 { // Otherwise it would be about what handshakes left behind.
			s.PerConnection = float64(s.ResidentFull-s.ResidentBefore) / float64(o.FirstMade)
		}
		s.HandshakeCPU = float64(r.handshakes.Microseconds()) / float64(o.FirstMade)
	}
	if begin, end, ok := r.window(); ok {
		s.CPUSeconds = (end.CPU - begin.CPU).Seconds()
		s.Cores = cores(begin, end)
		s.CPUPerCopy = float64(end.CPU-begin.CPU) / float64(max(o.Measured.Copies, 1))
		s.Slope = slope(r.points)
	}
	return s
}

// redisUsed is what Redis used; r.mu is held.
func (r *run) redisUsed(o swarm.Totals) Redis {
	begin, end, ok := r.window()
	if !ok || !begin.redis.known || !end.redis.known {
		return Redis{}
	}
	cpu, messages := end.redis.cpu-begin.redis.cpu, float64(max(o.Measured.Sent, 1))
	return Redis{
		Cores:         rate(cpu.Seconds(), end.at.Sub(begin.at)),
		CPUPerMessage: cpu.Seconds() * 1e6 / messages, BytesPerMessage: (end.redis.bytes - begin.redis.bytes) / messages,
	}
}

// warn adds what a reader must know before believing the figures.
func (r *run) warn(res *Result) {
	warn := func(format string, args ...any) { res.Warnings = append(res.Warnings, fmt.Sprintf(format, args...)) }
	if r.warning != "" {
		warn("%s", r.warning)
	}
	switch {
	case r.unread != nil && r.last.at.IsZero():
		warn("CPU and memory of the servers are not known: %v", r.unread)
	case r.unread != nil:
		warn("CPU and memory of the servers are those up to the time they could be read: %v", r.unread)
	case len(r.servers) == 0:
		warn("CPU and memory of the servers are not known: name --metrics or --pid")
	}
	if r.redisUnread != nil {
		warn("CPU and traffic of Redis are not known: %v", r.redisUnread)
	}
	c := res.Client
	switch res.limit() {
	case "machine":
		warn("the machine was the limit: %.0f %% of its %d cores were used, %.2f cores by the client and %.2f by servers, so latency is of all of them",
			100*max(c.MachineBusy, (c.Cores+res.Server.Cores)/float64(max(res.Machine.Cores, 1))), res.Machine.Cores, c.Cores, res.Server.Cores)
	case "client":
		if c.Busiest >= busyLoop {
			warn("the client was the bottleneck: its busiest process used %.2f of the one core it can use, so latency may be its own; use --procs %d", c.Busiest, c.Procs+1)
		} else {
			warn("the client was the bottleneck: it wrote messages %.1f ms late (p99), so the load was less even than asked for", c.LateP99)
		}
	}
}

// limit is what could give no more: "machine", "client", or else "server".
func (res *Result) limit() string {
	switch c := res.Client; {
	case c.MachineBusy >= fullMachine, c.Cores+res.Server.Cores >= fullMachine*float64(max(res.Machine.Cores, 1)):
		return "machine"
	case c.Busiest >= busyLoop, c.LateP99 > lateSending:
		return "client"
	}
	return "server"
}

// rate is n a second.
func rate(n float64, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return n / took.Seconds()
}

// quantiles reads a histogram of microseconds.
func quantiles(h *hdrhistogram.Histogram) Quantiles {
	if h == nil || h.TotalCount() == 0 {
		return Quantiles{}
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	// Without its text the figures still hold.
	text, _ := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	return Quantiles{Count: h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000, Histogram: string(text)}
}

// slope is how memory grew over the second half of the time that was measured, in bytes a
// second, by least squares.
func slope(points []Point) float64 {
	var measured []Point
	for _, p := range points {
		if p.Phase == "measure" {
			measured = append(measured, p)
		}
	}
	half := measured[len(measured)/2:]
	if len(half) < 3 {
		return 0
	}
	var t, m float64
	for _, p := range half {
		t += p.At / float64(len(half))
		m += float64(p.Resident) / float64(len(half))
	}
	var up, down float64
	for _, p := range half {
		up += (p.At - t) * (float64(p.Resident) - m)
		down += (p.At - t) * (p.At - t)
	}
	if down == 0 || math.IsNaN(up) {
		return 0
	}
	return up / down
}

// point is one second as the client saw it.
func point(t swarm.Tick) Point {
	q := quantiles(t.Latency)
	return Point{
		Phase: t.Phase, Open: t.Open, Made: t.Made, Offered: t.Offered, Sent: t.Sent, Copies: t.Copies,
		P50: q.P50, P99: q.P99, Max: q.Max, ClientCores: t.CPU.Seconds(),
	}
}
