package gateway

import (
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"barrage/gateway/door"
	"barrage/gateway/edge"
	"barrage/gateway/filter"
	"barrage/gateway/pass"
	"barrage/gateway/review"
	"barrage/gateway/traces"
	"barrage/gateway/webhooks"
	"barrage/internal/chat"
	"barrage/room"
)

// metrics exports the figures of edge and rooms. Nothing is counted twice: the
// figures live where they arise, and are read when somebody looks.
type metrics struct {
	registry *prometheus.Registry
	timings  *timings
	// refused and moderated count where words say what: those of a refusal, a verb and its way.
	refused, moderated *prometheus.CounterVec
}

// Registry is where further parts of the node register their metrics.
func (s *Server) Registry() prometheus.Registerer { return s.metrics.registry }

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// newMetrics has what is counted and measured as it happens. Then come register and listen, when there is a node.
func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.timings = newTimings(m.registry)
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.refused = vec("barrage_refused_handshakes_total", "WebSocket requests answered with an error, by the code that native clients get.", "reason")
	m.moderated = vec("barrage_moderation_total", "Acts of moderators and operators on this node, by verb and way: socket, http or admin.", "verb", "via")
	return m
}

// listen has the node report what it does.
func (m *metrics) listen(s *Server) {
	s.edge.OnRefused = func(why string) { m.refused.WithLabelValues(why).Inc() }
	m.timings.listen(s)
}

// register has the node's figures read.
func (m *metrics) register(s *Server) {
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.registerBuild(s.cfg.Running)
	m.gauge("barrage_connections", "WebSockets open now.", func() float64 { return float64(s.Sessions()) })
	m.gauge("barrage_connections_max", "WebSockets that fit: server.max_connections, or what the limit of open files leaves room for.", func() float64 { return float64(s.edge.Sessions.Most()) })
	m.gauge("barrage_io_uring_lanes", "Lanes that write by io_uring; 0: each write is a send(2). See fanout.io_uring.", func() float64 { return float64(s.edge.RingedLanes()) })
	m.gauge("barrage_ready", "1 when new clients should come here.", func() float64 { return truth(s.Ready() == nil) })
	m.count("barrage_received_messages_total", "Messages from clients.", &s.edge.Stats.MessagesIn)
	m.count("barrage_received_bytes_total", "Bytes from clients after the handshake.", &s.edge.Stats.BytesIn)
	m.count("barrage_unicast_bytes_total", "Bytes for one client alone: welcomes, lists, pongs, closes.", &s.edge.Stats.UnicastBytes)
	m.count("barrage_handshakes_total", "WebSockets let in.", &s.edge.Stats.Handshakes)
	m.count("barrage_full_total", "WebSocket requests turned away for server.max_connections.", &s.edge.Stats.Full)
	m.count("barrage_memberships_refused_total", "Memberships of users who came into one room more than room.rooms_per_user.", &s.edge.Stats.JoinsTooMany)
	m.count("barrage_membership_errors_total", "Memberships that could not be written at a join.", &s.edge.Stats.JoinErrors)
	m.count("barrage_held_untold_total", "Held messages of which moderators were not notified: too many came at once.", &s.edge.Stats.HeldMissed)
	for r := edge.ClosePeer; r < edge.CloseReasons; r++ {
		m.labelled("barrage_closed_total", "WebSockets closed, by reason.", "reason", r.String(), func() float64 { return float64(s.edge.Stats.Closed[r].Load()) })
	}
	m.gauge("barrage_addresses", "Addresses of clients that are remembered for limits.", func() float64 { return float64(s.edge.Door.Addresses()) })
	for _, l := range door.AllLimits() {
		m.labelled("barrage_limited_total", "Requests refused by a limit.", "limit", l.String(), func() float64 { return float64(s.edge.Door.Over(l)) })
	}
	m.registerWords(s.edge.Words)
	m.registerHook(s.edge.Guard)
	m.registerReview(s.edge.Review)
	m.registerReloads(&s.reload)
	m.registerWebhooks(s)
	m.registerTraces(s.traces)
	m.registerRooms(s)
}

// registerBuild reports what program runs.
func (m *metrics) registerBuild(r Running) {
	version, commit, _ := strings.Cut(r.Version, " commit ")
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "barrage_build_info", Help: "1; its labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit, "goversion": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(info)
}

// registerWords exports what the word filter finds.
func (m *metrics) registerWords(w *edge.Words) {
	m.gauge("barrage_filter_stale", "1 while the word filter is not made of the lists that the store has.", func() float64 { return truth(w.Stale()) })
	for a := filter.Flag; a <= filter.Block; a++ {
		m.labelled("barrage_filtered_messages_total", "Messages with terms of the word filter, by the strongest action.", "action", a.String(),
			func() float64 { return float64(w.Found(a)) })
	}
}

// registerHook exports how often the connect hook was asked, or need not be.
func (m *metrics) registerHook(g *edge.Guard) {
	for result, of := range map[string]func(pass.HookStats) uint64{
		"called": func(h pass.HookStats) uint64 { return h.Calls }, "refused": func(h pass.HookStats) uint64 { return h.Refused },
		"failed": func(h pass.HookStats) uint64 { return h.Failures }, "cached": func(h pass.HookStats) uint64 { return h.Cached },
		"shared": func(h pass.HookStats) uint64 { return h.Shared }, "busy": func(h pass.HookStats) uint64 { return h.Busy },
	} {
		m.labelled("barrage_connect_hook_total", "Checks of tokens by the connect hook: calls, and those refused and failed; "+
			"and what needed none: cached, shared with another's, or turned away.", "result", result, func() float64 {
			return float64(of(g.HookStats()))
		})
	}
}

// registerReloads exports how often the configuration was read anew, and a hash of the one that holds.
func (m *metrics) registerReloads(r *reloads) {
	const help = "Times the configuration was read anew, by what came of it; refused: the one of before holds."
	for result, c := range map[string]*atomic.Uint64{"taken": &r.taken, "refused": &r.refused} {
		m.labelled("barrage_config_reloads_total", help, "result", result, func() float64 { return float64(c.Load()) })
	}
	m.registry.MustRegister(&r.hash)
}

// registerTraces exports what became of spans.
func (m *metrics) registerTraces(t *traces.Traces) {
	for result, read := range map[string]func(traces.Stats) uint64{
		"sent": func(s traces.Stats) uint64 { return s.Sent }, "failed": func(s traces.Stats) uint64 { return s.Failed },
		"dropped": func(s traces.Stats) uint64 { return s.Dropped },
	} {
		m.labelled("barrage_trace_spans_total", "Spans of recorded requests: sent, failed (the collector did not take them) and dropped (too many waited for it).",
			"result", result, func() float64 { return float64(read(t.Stats())) })
	}
}

// registerReview exports how questions of the review hook ended, and what became of messages. Where there is no hook,
// these are none; where it is another one since a reload, they begin anew.
func (m *metrics) registerReview(hook func() *review.Hook) {
	add := func(name, help, label, value string, read func(*review.Hook) uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{"hook": "review", label: value},
		}, func() float64 {
			if h := hook(); h != nil {
				return float64(read(h))
			}
			return 0
		}))
	}
	for r := range review.Results {
		add("barrage_hook_questions_total", "Questions to hooks about messages, by how they ended; busy and broken were not asked.", "result", review.ResultNames[r],
			func(h *review.Hook) uint64 { return h.Questions(r) })
	}
	const help = "Messages that hooks decided about, by verdict; fallback: those of questions without an answer."
	for v := chat.VerdictAllow; v <= chat.VerdictMask; v++ {
		add("barrage_hook_messages_total", help, "verdict", v.String(), func(h *review.Hook) uint64 { return h.Verdicts(v) })
	}
	add("barrage_hook_messages_total", help, "verdict", "fallback", (*review.Hook).Fallen)
}

// registerWebhooks exports the figures of webhooks.url.
func (m *metrics) registerWebhooks(s *Server) {
	if s.notifier == nil {
		return
	}
	count := func(name, help, label, value string, read func(webhooks.Stats) uint64) {
		m.labelled(name, help, label, value, func() float64 { return float64(read(s.notifier.Stats())) })
	}
	count("barrage_webhook_events_total", "Events that webhooks.url has taken.", "", "", func(w webhooks.Stats) uint64 { return w.Sent })
	for result, read := range map[string]func(webhooks.Stats) uint64{
		"taken": func(w webhooks.Stats) uint64 { return w.Calls - w.Failed }, "failed": func(w webhooks.Stats) uint64 { return w.Failed },
	} {
		count("barrage_webhook_calls_total", "Calls of webhooks.url, by what became of them.", "result", result, read)
	}
	count("barrage_webhook_retries_total", "Calls of webhooks.url with a batch that it had not taken before.", "", "", func(w webhooks.Stats) uint64 { return w.Retried })
	for reason, read := range map[string]func(webhooks.Stats) uint64{
		"history": func(w webhooks.Stats) uint64 { return w.LostHistory }, "given_up": func(w webhooks.Stats) uint64 { return w.LostGivenUp },
		"store": func(w webhooks.Stats) uint64 { return w.LostStore }, "broken": func(w webhooks.Stats) uint64 { return w.LostBroken },
	} {
		count("barrage_webhook_lost_events_total", "Events that webhooks.url will never get, by reason.", "reason", reason, read)
	}
	m.gauge("barrage_webhook_rosters", "Rosters of rooms whose events this node sends to webhooks.url, of 4 over all nodes.", func() float64 { return float64(s.notifier.Stats().Rosters) })
	m.gauge("barrage_webhook_waiting_rooms", "Rooms with events to send to webhooks.url, of the rosters that this node has.", func() float64 { return float64(s.notifier.Stats().Waiting) })
	m.gauge("barrage_webhook_oldest_seconds", "For how long the first room with events to send to webhooks.url has waited.", func() float64 { return s.notifier.Stats().Oldest.Seconds() })
}

// registerRooms exports the hall's figures. in = sent + skipped + left + what is on
// its way, in copies.
func (m *metrics) registerRooms(s *Server) {
	read := func(f func(room.Stats) float64) func() float64 {
		return func() float64 { return f(s.edge.Hall.Stats()) }
	}
	m.gauge("barrage_rooms", "Rooms live now.", read(func(h room.Stats) float64 { return float64(h.Rooms) }))
	m.gauge("barrage_members", "Members of rooms now.", read(func(h room.Stats) float64 { return float64(h.Members) }))
	m.gauge("barrage_slow_members", "Members whose socket takes no more now.", read(func(h room.Stats) float64 { return float64(h.Full) }))
	m.gauge("barrage_log_bytes", "Bytes of the rooms' logs now.", read(func(h room.Stats) float64 { return float64(h.LogBytes) }))
	m.gauge("barrage_waiting_messages", "Messages on their way to the store.", read(func(h room.Stats) float64 { return float64(h.Waiting) }))
	for _, c := range []struct {
		name, help, label, value string
		read                     func(room.Stats) uint64
	}{
		{"barrage_accepted_messages_total", "Messages that came from the store for live rooms.", "", "", func(h room.Stats) uint64 { return h.Accepted }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "queue_full", func(h room.Stats) uint64 { return h.RefusedBusy }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "unauthorized", func(h room.Stats) uint64 { return h.RefusedUnauthorized }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "store", func(h room.Stats) uint64 { return h.RefusedStore }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "too_old", func(h room.Stats) uint64 { return h.RefusedOld }},
		{"barrage_local_messages_total", "Messages that members of this node had while the store was away.", "", "", func(h room.Stats) uint64 { return h.Local }},
		{"barrage_local_only_messages_total", "Messages that members of this node had while the store was away, and that never reached it.", "", "", func(h room.Stats) uint64 { return h.LocalOnly }},
		{"barrage_unconfirmed_messages_total", "Messages given up after the store was asked: it may have them or not.", "", "", func(h room.Stats) uint64 { return h.Unconfirmed }},
		{"barrage_publish_retries_total", "Batches that were given to the store again.", "", "", func(h room.Stats) uint64 { return h.Retries }},
		{"barrage_repeated_messages_total", "Messages that their sender sent again, answered and not stored again.", "", "", func(h room.Stats) uint64 { return h.Repeats }},
		{"barrage_drifts_total", "Quiet rooms found to lack something, by asking the store.", "", "", func(h room.Stats) uint64 { return h.Drifts }},
		{"barrage_reports_total", "Reports of rooms to the store: members and likes.", "", "", func(h room.Stats) uint64 { return h.Reports }},
		{"barrage_report_errors_total", "Reports of rooms to the store that failed.", "", "", func(h room.Stats) uint64 { return h.ReportErrors }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "rate_limited", func(h room.Stats) uint64 { return s.edge.Stats.RateLimited.Load() + h.RefusedRate }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "rules", func(h room.Stats) uint64 { return h.RefusedRules }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "filter", func(room.Stats) uint64 { return s.edge.Words.Found(filter.Block) + s.edge.Words.Found(filter.Hold) }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "forbidden", func(room.Stats) uint64 { return s.edge.Stats.Forbidden.Load() }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "binary", func(room.Stats) uint64 { return s.edge.Stats.Binary.Load() }},
		{"barrage_dropped_messages_total", "Messages from clients that went nowhere, by reason.", "reason", "not_listening", func(room.Stats) uint64 { return s.edge.Stats.Ignored.Load() }},
		{"barrage_held_messages_total", "Messages that were given to the store to wait for a moderator.", "", "", func(h room.Stats) uint64 { return h.Held }},
		{"barrage_held_dropped_total", "Held messages that had to go for newer ones before a moderator decided.", "", "", func(h room.Stats) uint64 { return h.HeldDropped }},
		{"barrage_offered_copies_total", "Copies of messages, one for each member at the moment a message came: sent, dropped, or on their way.", "", "", func(h room.Stats) uint64 { return h.Offered }},
		{"barrage_sent_copies_total", "Copies of messages that were handed to sockets, one for each member.", "", "", func(h room.Stats) uint64 { return h.Sent }},
		{"barrage_sent_bytes_total", "Bytes of the copies of messages that were handed to sockets, framed.", "", "", func(h room.Stats) uint64 { return h.SentBytes }},
		{"barrage_writes_total", "Writes that carried copies of messages to sockets.", "", "", func(h room.Stats) uint64 { return h.Writes }},
		{"barrage_volley_writes_total", "Writes that went to the kernel together with others, by io_uring; they count in barrage_writes_total too.", "", "", func(h room.Stats) uint64 { return h.Volleyed }},
		{"barrage_dropped_copies_total", "Copies of messages that were not sent, by reason.", "reason", "slow", func(h room.Stats) uint64 { return h.Skipped }},
		{"barrage_dropped_copies_total", "Copies of messages that were not sent, by reason.", "reason", "left", func(h room.Stats) uint64 { return h.Left }},
		{"barrage_welcomes_built_total", "First frames built; members share them.", "", "", func(h room.Stats) uint64 { return h.Welcomes }},
		{"barrage_gaps_total", "Holes noticed in the events that came from the store.", "", "", func(h room.Stats) uint64 { return h.Gaps }},
		{"barrage_history_reads_total", "Reads of history to load a room or to catch up.", "", "", func(h room.Stats) uint64 { return h.Fetches }},
		{"barrage_history_read_errors_total", "Reads of history that failed.", "", "", func(h room.Stats) uint64 { return h.FetchErrors }},
		{"barrage_missed_messages_total", "Messages that were missed, and could not be read from the history any more.", "", "", func(h room.Stats) uint64 { return h.Missed }},
		{"barrage_epochs_total", "Times a room's count started again.", "", "", func(h room.Stats) uint64 { return h.Epochs }},
	} {
		m.labelled(c.name, c.help, c.label, c.value, read(func(h room.Stats) float64 { return float64(c.read(h)) }))
	}
	m.registerShed(s.edge.Hall)
}

// registerShed exports what rooms in a storm left out.
func (m *metrics) registerShed(hall *room.Hall) {
	for reason, text := range room.ShedReasons {
		for class, of := range room.Classes {
			m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "barrage_shed_messages_total", Help: "Messages left out because their room had too many, by reason and by class.",
				ConstLabels: prometheus.Labels{"reason": text, "class": of},
			}, func() float64 { return float64(hall.Stats().Shed[reason][class]) }))
		}
	}
}

func (m *metrics) gauge(name, help string, f func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
}

func (m *metrics) count(name, help string, c *atomic.Uint64) {
	m.labelled(name, help, "", "", func() float64 { return float64(c.Load()) })
}

func (m *metrics) labelled(name, help, label, value string, f func() float64) {
	var labels prometheus.Labels
	if label != "" {
		labels = prometheus.Labels{label: value}
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, f))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
