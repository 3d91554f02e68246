package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"barrage/internal/remote"
	"barrage/room"
)

// timings are the histograms of a node. Each is native, for a Prometheus that scrapes those, and has buckets, for all
// others. None has a label of which strangers choose the value: rooms and users stand in /rooms.
type timings struct {
	delivery, hook, store *prometheus.HistogramVec
	ack, handshake, lag   prometheus.Observer
}

// buckets are in seconds, from what Redis needs for a command to what nobody waits for.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// newTimings registers the histograms.
func newTimings(reg prometheus.Registerer) *timings {
	vec := func(name, help string, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: buckets,
			// Neighbours differ by 10 % at most. 160 buckets, what OpenTelemetry takes, reach from 1 µs to 4 s so. Where there
			// are more, they are made wider, or after an hour begun anew.
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, labels)
		reg.MustRegister(v)
		return v
	}
	t := &timings{
		delivery: vec("barrage_delivery_seconds", "Time from receiving a message until the store had it (stored; of each batch, what waited longest). "+
			"And until it was written to a member's socket (socket; one write in 256, and one a second).", "stage"),
		store: vec("barrage_store_seconds", "Time of calls to Redis, with the wait for their turn, by script or command; reading_on is the turn of a long answer alone.", "op"),
		hook:  vec("barrage_hook_seconds", "Time until services of yours answered, or did not.", "hook"),
		ack: vec("barrage_ack_seconds", "Time from receiving a message until its sender was acknowledged; of those acknowledged at a time, "+
			"what waited longest.").WithLabelValues(),
		handshake: vec("barrage_handshake_seconds", "Time from the request for a WebSocket until its client was in, of those let in.").WithLabelValues(),
		lag:       vec("barrage_lane_lag_seconds", "Time until a lane came to what was given to it, looked at once a second.").WithLabelValues(),
	}
	for _, stage := range []string{"stored", "socket"} {
		t.delivery.WithLabelValues(stage)
	}
	return t
}

// of is a function that writes times to a histogram, under a label.
func of(v *prometheus.HistogramVec, label string) func(time.Duration) {
	return observing(v.WithLabelValues(label))
}

// observing is a function that writes times to a histogram.
func observing(o prometheus.Observer) func(time.Duration) {
	return func(took time.Duration) { o.Observe(took.Seconds()) }
}

// rooms are the times that the hall is to report.
func (t *timings) rooms() room.Timings {
	return room.Timings{Stored: of(t.delivery, "stored"), Acked: observing(t.ack), Written: of(t.delivery, "socket"), Lag: observing(t.lag)}
}

// listen has the node's hooks and handshakes report how long they take.
func (t *timings) listen(s *Server) {
	s.edge.OnHandshake = observing(t.handshake)
	s.edge.Guard.OnHook = s.hookCalls
	if s.notifier != nil {
		s.notifier.OnCall(s.hookCalls("webhook"))
	}
}

// hookCalls is a function that is notified of the calls of a hook.
func (s *Server) hookCalls(hook string) remote.OnCall {
	observe := of(s.metrics.timings.hook, hook)
	return func(r *http.Request) func(int, error) {
		began, end := time.Now(), s.traces.Call(hook, r)
		return func(status int, err error) {
			observe(time.Since(began))
			end(status, err)
		}
	}
}

// StoreCall is notified of a call of the store that began then and has ended now; op is its name, one of some 40. Its
// ctx is of whom it was made for, err why it failed.
func (s *Server) StoreCall(ctx context.Context, op string, began time.Time, err error) {
	s.metrics.timings.store.WithLabelValues(op).Observe(time.Since(began).Seconds())
	s.traces.StoreCall(ctx, op, began, err)
}
