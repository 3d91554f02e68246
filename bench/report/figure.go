package report

import (
	"barrage/bench"
	"barrage/bench/swarm"
)

// figure is one number of a result.
type figure struct {
	group, name string
	unit        unit
	// better is -1 where less is better, 1 where more is, 0 where neither is.
	better int
	// exact figures count faults: compare takes any growth for worse.
	exact bool
	// benchstat is its unit in a Go benchmark line; empty: it is in none.
	benchstat string
	// of is false where the figure was not measured.
	of func(r *bench.Result) (float64, bool)
}

// text is what the figure says of r, "—" where it was not measured.
func (f *figure) text(r *bench.Result) string {
	v, ok := f.of(r)
	if !ok {
		return "—"
	}
	return f.unit.text(v)
}

// figures has every figure that is shown, in the order of showing.
var figures = concat(
	[]figure{
		{"messages", "due", count, 0, false, "", messages(func(m *bench.Messages) float64 { return float64(m.Offered) })},
		{"messages", "sent", count, 0, false, "", messages(func(m *bench.Messages) float64 { return float64(m.Sent) })},
		{"messages", "due but not sent", count, -1, true, "unsent", messages(func(m *bench.Messages) float64 {
			return float64(m.Offered - min(m.Sent, m.Offered))
		})},
		{"messages", "acknowledged", count, 0, false, "", answers(func(a *bench.Answers) uint64 { return a.Acked })},
		{"messages", "refused", count, -1, false, "refused-msgs", answers(func(a *bench.Answers) uint64 { return a.TurnedAway() })},
		{"messages", "not answered", count, -1, true, "unanswered", answers(func(a *bench.Answers) uint64 { return a.Unanswered })},
		{"messages", "left out without a word", count, -1, false, "dropped-msgs", func(r *bench.Result) (float64, bool) {
			return float64(untold(r)), untold(r) > 0
		}},
		{"gifts", "sent", count, 0, false, "", gifts(func(g *swarm.Gifts) uint64 { return g.Sent })},
		{"gifts", "refused", count, -1, false, "refused-gifts", gifts(func(g *swarm.Gifts) uint64 { return g.Refused })},
		{"gifts", "copies lost", count, -1, true, "lost-gifts", gifts(func(g *swarm.Gifts) uint64 { return g.Lost })},
		{"copies", "expected", count, 0, false, "", messages(func(m *bench.Messages) float64 { return float64(m.Expected) })},
		{"copies", "delivered", count, 0, false, "", messages(func(m *bench.Messages) float64 { return float64(m.Delivered) })},
		{"copies", "lost", count, -1, true, "lost", messages(func(m *bench.Messages) float64 { return float64(m.Lost) })},
		{"copies", "doubled", count, -1, true, "doubled", messages(func(m *bench.Messages) float64 { return float64(m.Doubled) })},
		{"copies", "of refused messages", count, -1, true, "wrong", func(r *bench.Result) (float64, bool) {
			return float64(r.Messages.Wrong), r.Messages.Answers.Known()
		}},
		{"copies", "out of order", count, -1, true, "disordered", messages(func(m *bench.Messages) float64 { return float64(m.OutOfOrder) })},
		{"copies", "not counted", count, 0, false, "", messages(func(m *bench.Messages) float64 { return float64(m.Uncounted) })},
		{"copies", "throughput", perSecond, 1, false, "copies/s", messages(func(m *bench.Messages) float64 { return m.PerSecond })},
		{"copies", "wire size", bytes, -1, false, "wire-B/copy", func(r *bench.Result) (float64, bool) {
			return r.Messages.BytesPerCopy, r.Messages.BytesPerCopy > 0
		}},
		{"copies", "read", bytes, 0, false, "", messages(func(m *bench.Messages) float64 { return float64(m.Bytes) })},
	},
	quantiles("latency", "", func(r *bench.Result) *bench.Quantiles { return &r.Latency }),
	[]figure{
		{"viewers", "wanted", count, 0, false, "", always(func(r *bench.Result) float64 { return float64(r.Connections.Wanted) })},
		{"viewers", "connected", count, 0, false, "", always(func(r *bench.Result) float64 { return float64(r.Connections.Made) })},
		{"viewers", "refused", count, -1, true, "refused", always(func(r *bench.Result) float64 { return float64(r.Connections.Failed) })},
		{"viewers", "cut off", count, -1, true, "broken", always(func(r *bench.Result) float64 { return float64(r.Connections.Broken) })},
		{"viewers", "seeing another order", count, -1, true, "disagree", messages(func(m *bench.Messages) float64 { return float64(m.Disagree) })},
		{"viewers", "arrival rate", perSecond, 1, false, "connects/s", func(r *bench.Result) (float64, bool) {
			return r.Connections.PerSecond, r.Connections.PerSecond > 0
		}},
	},
	quantiles("connect", "connect-", func(r *bench.Result) *bench.Quantiles { return &r.Connect }),
	quantiles("welcome", "welcome-", func(r *bench.Result) *bench.Quantiles { return &r.Welcome }),
	[]figure{
		{"server", "CPU", cores, -1, false, "server-cores", server(func(s *bench.Server) float64 { return s.Cores })},
		{"server", "CPU a copy", nanos, -1, false, "cpu-ns/copy", server(func(s *bench.Server) float64 { return s.CPUPerCopy })},
		{"server", "CPU a handshake", micros, -1, false, "cpu-us/connect", server(func(s *bench.Server) float64 { return s.HandshakeCPU })},
		{"server", "copies a write", mean, 0, false, "", func(r *bench.Result) (float64, bool) {
			return float64(r.Messages.Delivered+r.Messages.Uncounted) / max(r.Server.Writes, 1), r.Server.Writes > 0
		}},
		{"Redis", "CPU", cores, -1, false, "redis-cores", redis(func(s *bench.Redis) float64 { return s.Cores })},
		{"Redis", "CPU a message", micros, -1, false, "redis-us/msg", redis(func(s *bench.Redis) float64 { return s.CPUPerMessage })},
		{"Redis", "traffic a message", bytes, -1, false, "redis-B/msg", redis(func(s *bench.Redis) float64 { return s.BytesPerMessage })},
		{"memory", "before", bytes, 0, false, "", server(func(s *bench.Server) float64 { return float64(s.ResidentBefore) })},
		{"memory", "all connected", bytes, -1, false, "", server(func(s *bench.Server) float64 { return float64(s.ResidentFull) })},
		{"memory", "most", bytes, -1, false, "rss-B", server(func(s *bench.Server) float64 { return float64(s.ResidentMost) })},
		{"memory", "at the end", bytes, -1, false, "", server(func(s *bench.Server) float64 { return float64(s.ResidentEnd) })},
		{"memory", "a viewer", bytes, -1, false, "B/viewer", server(func(s *bench.Server) float64 { return s.PerConnection })},
		{"memory", "growth", bytesPerSecond, 0, false, "", func(r *bench.Result) (float64, bool) {
			return r.Server.Slope, r.Server.Nodes > 0 && r.Messages.Offered > 0
		}},
		{"client", "CPU", cores, 0, false, "client-cores", always(func(r *bench.Result) float64 { return r.Client.Cores })},
		{"client", "CPU of its busiest process", cores, 0, false, "", always(func(r *bench.Result) float64 { return r.Client.Busiest })},
		{"client", "lag of sending, p99", millis, 0, false, "", messagesOf(func(r *bench.Result) float64 { return r.Client.LateP99 })},
	},
)

func concat(lists ...[]figure) (all []figure) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// quantiles has the figures of one distribution; unit begins those of benchstat.
func quantiles(group, unit string, of func(*bench.Result) *bench.Quantiles) []figure {
	q := func(name, benchstat string, value func(*bench.Quantiles) float64) figure {
		return figure{group, name, millis, -1, false, unit + benchstat, func(r *bench.Result) (float64, bool) {
			d := of(r)
			return value(d), d.Count > 0
		}}
	}
	return []figure{
		q("p50", "p50-ms", func(d *bench.Quantiles) float64 { return d.P50 }),
		q("p90", "p90-ms", func(d *bench.Quantiles) float64 { return d.P90 }),
		q("p99", "p99-ms", func(d *bench.Quantiles) float64 { return d.P99 }),
		q("p99.9", "p99.9-ms", func(d *bench.Quantiles) float64 { return d.P999 }),
		q("max", "max-ms", func(d *bench.Quantiles) float64 { return d.Max }),
	}
}

func always(of func(*bench.Result) float64) func(*bench.Result) (float64, bool) {
	return func(r *bench.Result) (float64, bool) { return of(r), true }
}

// messagesOf is of figures that mean nothing where no message was due.
func messagesOf(of func(*bench.Result) float64) func(*bench.Result) (float64, bool) {
	return func(r *bench.Result) (float64, bool) { return of(r), r.Messages.Offered > 0 }
}

func messages(of func(*bench.Messages) float64) func(*bench.Result) (float64, bool) {
	return messagesOf(func(r *bench.Result) float64 { return of(&r.Messages) })
}

// answers is of figures that mean nothing where senders are not told.
func answers(of func(*bench.Answers) uint64) func(*bench.Result) (float64, bool) {
	return func(r *bench.Result) (float64, bool) {
		return float64(of(&r.Messages.Answers)), r.Messages.Answers.Known()
	}
}

// gifts is of figures that mean nothing where no gift was sent.
func gifts(of func(*swarm.Gifts) uint64) func(*bench.Result) (float64, bool) {
	return func(r *bench.Result) (float64, bool) {
		return float64(of(&r.Messages.Gifts)), r.Messages.Gifts.Sent > 0
	}
}

// redis is of figures that are unknown without a Redis that could be read.
func redis(of func(*bench.Redis) float64) func(*bench.Result) (float64, bool) {
	return func(r *bench.Result) (float64, bool) {
		v := of(&r.Redis)
		return v, v != 0 && r.Messages.Offered > 0
	}
}

// untold is how many messages the servers left out whose senders were not told.
func untold(r *bench.Result) (sum uint64) {
	if r.Messages.Answers.Known() {
		return 0
	}
	for _, n := range r.Server.Dropped {
		sum += n
	}
	return sum
}

// server is of figures that are unknown without access to the nodes; there, 0 is a
// figure that could not be had.
func server(of func(*bench.Server) float64) func(*bench.Result) (float64, bool) {
	return func(r *bench.Result) (float64, bool) {
		v := of(&r.Server)
		return v, r.Server.Nodes > 0 && v != 0
	}
}
