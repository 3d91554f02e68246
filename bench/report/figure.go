package report

import (
	"slices"

	"barrage/bench"
)

// figure is one number of a result.
type figure struct {
	group, Name string
	unit        unit
	// better is -1 where less is better, 1 where more is, 0 where neither is.
	better int
	// exact figures count faults: compare takes any growth for worse.
	exact bool
	// benchstat is its unit in a Go benchmark line; empty: it is in none.
	benchstat string
	// known says whether value was measured in r.
	known func(r *bench.Result, value float64) bool
	value func(r *bench.Result) float64
}

// of is false where the figure was not measured.
func (f *figure) of(r *bench.Result) (float64, bool) {
	v := f.value(r)
	return v, f.known(r, v)
}

// When figures are known.
func always(*bench.Result, float64) bool      { return true }
func there(_ *bench.Result, v float64) bool   { return v > 0 }
func due(r *bench.Result, _ float64) bool     { return r.Messages.Offered > 0 }
func told(r *bench.Result, _ float64) bool    { return r.Messages.Answers.Known() } // senders receive outcomes
func giving(r *bench.Result, _ float64) bool  { return r.Messages.Gifts.Sent > 0 }
func writing(r *bench.Result, _ float64) bool { return r.Server.Writes > 0 }
func loaded(r *bench.Result, _ float64) bool  { return r.Server.Nodes > 0 && r.Messages.Offered > 0 }
func served(r *bench.Result, v float64) bool  { return r.Server.Nodes > 0 && v != 0 } // 0 could not be had
func joined(r *bench.Result, v float64) bool  { return r.Messages.Offered > 0 && v != 0 }

// Text is what the figure says of r, "—" where it was not measured.
func (f *figure) Text(r *bench.Result) string {
	v, ok := f.of(r)
	if !ok {
		return "—"
	}
	return f.unit.text(v)
}

// figures has every figure that is shown, in the order of showing.
var figures = slices.Concat(
	[]figure{
		{"messages", "due", count, 0, false, "", due, func(r *bench.Result) float64 { return float64(r.Messages.Offered) }},
		{"messages", "sent", count, 0, false, "", due, func(r *bench.Result) float64 { return float64(r.Messages.Sent) }},
		{"messages", "due but not sent", count, -1, true, "unsent", due, func(r *bench.Result) float64 {
			return float64(r.Messages.Offered - min(r.Messages.Sent, r.Messages.Offered))
		}},
		{"messages", "acknowledged", count, 0, false, "", told, func(r *bench.Result) float64 { return float64(r.Messages.Answers.Acked) }},
		{"messages", "refused", count, -1, false, "refused-msgs", told, func(r *bench.Result) float64 { return float64(r.Messages.Answers.TurnedAway()) }},
		{"messages", "not answered", count, -1, true, "unanswered", told, func(r *bench.Result) float64 { return float64(r.Messages.Answers.Unanswered) }},
		{"messages", "left out without a word", count, -1, false, "dropped-msgs", there, func(r *bench.Result) float64 { return float64(untold(r)) }},
		{"gifts", "sent", count, 0, false, "", giving, func(r *bench.Result) float64 { return float64(r.Messages.Gifts.Sent) }},
		{"gifts", "refused", count, -1, false, "refused-gifts", giving, func(r *bench.Result) float64 { return float64(r.Messages.Gifts.Refused) }},
		{"gifts", "copies lost", count, -1, true, "lost-gifts", giving, func(r *bench.Result) float64 { return float64(r.Messages.Gifts.Lost) }},
		{"copies", "expected", count, 0, false, "", due, func(r *bench.Result) float64 { return float64(r.Messages.Expected) }},
		{"copies", "delivered", count, 0, false, "", due, func(r *bench.Result) float64 { return float64(r.Messages.Delivered) }},
		{"copies", "lost", count, -1, true, "lost", due, func(r *bench.Result) float64 { return float64(r.Messages.Lost) }},
		{"copies", "doubled", count, -1, true, "doubled", due, func(r *bench.Result) float64 { return float64(r.Messages.Doubled) }},
		{"copies", "of refused messages", count, -1, true, "wrong", told, func(r *bench.Result) float64 { return float64(r.Messages.Wrong) }},
		{"copies", "out of order", count, -1, true, "disordered", due, func(r *bench.Result) float64 { return float64(r.Messages.OutOfOrder) }},
		{"copies", "not counted", count, 0, false, "", due, func(r *bench.Result) float64 { return float64(r.Messages.Uncounted) }},
		{"copies", "throughput", perSecond, 1, false, "copies/s", due, func(r *bench.Result) float64 { return r.Messages.PerSecond }},
		{"copies", "wire size", bytes, -1, false, "wire-B/copy", there, func(r *bench.Result) float64 { return r.Messages.BytesPerCopy }},
		{"copies", "read", bytes, 0, false, "", due, func(r *bench.Result) float64 { return float64(r.Messages.Bytes) }},
	},
	quantiles("latency", "", func(r *bench.Result) *bench.Quantiles { return &r.Latency }),
	[]figure{
		{"viewers", "wanted", count, 0, false, "", always, func(r *bench.Result) float64 { return float64(r.Connections.Wanted) }},
		{"viewers", "connected", count, 0, false, "", always, func(r *bench.Result) float64 { return float64(r.Connections.Made) }},
		{"viewers", "refused", count, -1, true, "refused", always, func(r *bench.Result) float64 { return float64(r.Connections.Failed) }},
		{"viewers", "cut off", count, -1, true, "broken", always, func(r *bench.Result) float64 { return float64(r.Connections.Broken) }},
		{"viewers", "seeing another order", count, -1, true, "disagree", due, func(r *bench.Result) float64 { return float64(r.Messages.Disagree) }},
		{"viewers", "arrival rate", perSecond, 1, false, "connects/s", there, func(r *bench.Result) float64 { return r.Connections.PerSecond }},
	},
	quantiles("connect", "connect-", func(r *bench.Result) *bench.Quantiles { return &r.Connect }),
	quantiles("welcome", "welcome-", func(r *bench.Result) *bench.Quantiles { return &r.Welcome }),
	[]figure{
		{"server", "CPU", cores, -1, false, "server-cores", served, func(r *bench.Result) float64 { return r.Server.Cores }},
		{"server", "CPU a copy", nanos, -1, false, "cpu-ns/copy", served, func(r *bench.Result) float64 { return r.Server.CPUPerCopy }},
		{"server", "CPU a handshake", micros, -1, false, "cpu-us/connect", served, func(r *bench.Result) float64 { return r.Server.HandshakeCPU }},
		{"server", "copies a write", mean, 0, false, "", writing, func(r *bench.Result) float64 {
			return float64(r.Messages.Delivered+r.Messages.Uncounted) / max(r.Server.Writes, 1)
		}},
		{"Redis", "CPU", cores, -1, false, "redis-cores", joined, func(r *bench.Result) float64 { return r.Redis.Cores }},
		{"Redis", "CPU a message", micros, -1, false, "redis-us/msg", joined, func(r *bench.Result) float64 { return r.Redis.CPUPerMessage }},
		{"Redis", "traffic a message", bytes, -1, false, "redis-B/msg", joined, func(r *bench.Result) float64 { return r.Redis.BytesPerMessage }},
		{"memory", "before", bytes, 0, false, "", served, func(r *bench.Result) float64 { return float64(r.Server.ResidentBefore) }},
		{"memory", "all connected", bytes, -1, false, "", served, func(r *bench.Result) float64 { return float64(r.Server.ResidentFull) }},
		{"memory", "most", bytes, -1, false, "rss-B", served, func(r *bench.Result) float64 { return float64(r.Server.ResidentMost) }},
		{"memory", "at the end", bytes, -1, false, "", served, func(r *bench.Result) float64 { return float64(r.Server.ResidentEnd) }},
		{"memory", "after all left", bytes, -1, false, "", served, func(r *bench.Result) float64 { return float64(r.Server.ResidentLeft) }},
		{"memory", "a viewer", bytes, -1, false, "B/viewer", served, func(r *bench.Result) float64 { return r.Server.PerConnection }},
		{"memory", "growth", bytesPerSecond, 0, false, "", loaded, func(r *bench.Result) float64 { return r.Server.Slope }},
		{"client", "CPU", cores, 0, false, "client-cores", always, func(r *bench.Result) float64 { return r.Client.Cores }},
		{"client", "CPU of its busiest process", cores, 0, false, "", always, func(r *bench.Result) float64 { return r.Client.Busiest }},
		{"client", "lag of sending, p99", millis, 0, false, "", due, func(r *bench.Result) float64 { return r.Client.LateP99 }},
	},
)

// quantiles has the figures of one distribution; unit begins those of benchstat.
func quantiles(group, unit string, of func(*bench.Result) *bench.Quantiles) []figure {
	q := func(name, benchstat string, value func(*bench.Quantiles) float64) figure {
		return figure{
			group, name, millis, -1, false, unit + benchstat,
			func(r *bench.Result, _ float64) bool { return of(r).Count > 0 },
			func(r *bench.Result) float64 { return value(of(r)) },
		}
	}
	return []figure{
		q("p50", "p50-ms", func(d *bench.Quantiles) float64 { return d.P50 }),
		q("p90", "p90-ms", func(d *bench.Quantiles) float64 { return d.P90 }),
		q("p99", "p99-ms", func(d *bench.Quantiles) float64 { return d.P99 }),
		q("p99.9", "p99.9-ms", func(d *bench.Quantiles) float64 { return d.P999 }),
		q("max", "max-ms", func(d *bench.Quantiles) float64 { return d.Max }),
	}
}

// untold is how many messages the servers left out whose senders were not notified.
func untold(r *bench.Result) (sum uint64) {
	if r.Messages.Answers.Known() {
		return 0
	}
	for _, n := range r.Server.Dropped {
		sum += n
	}
	return sum
}
