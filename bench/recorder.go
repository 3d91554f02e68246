package bench

import (
	"context"
	"errors"
	"sync"
	"time"

	"barrage/bench/swarm"
)

// reading is the servers' usage at one time, summed over them, and that of the machine.
type reading struct {
	at time.Time
	Usage
	machine machineTime
	redis   redisUsage
}

// phase is a part of a run, from at on, for total or as long as it takes.
type phase struct {
	name  string
	at    time.Time
	total time.Duration
}

// recorder writes down what happens in a run, second by second, and reports it.
type recorder struct {
	// Immutable after newRecorder.
	progress Progress
	// coming takes the phases of the load, once. Sent by the run, received by record, never
	// closed; capacity 1, so that the run does not wait.
	coming chan []phase
	// over is closed by record when it has entered all of them.
	over chan struct{}

	mu sync.Mutex // guards the fields below, and calls of progress
	// status is where the run is; since is when its phase began.
	status Status
	since  time.Time
	// servers can be read; unread is why the last one could not.
	servers []server
	unread  error
	// redis is where that which joins them is, host:port; empty: there is none. redisUnread is
	// why it could not be read last.
	redis       string
	redisUnread error
	// entered has the usage when a phase of the load began, last is the latest one.
	entered map[string]reading
	last    reading
	most    int64 // resident memory
	points  []Point
	pointed reading   // with the last point
	first   time.Time // seconds of points count from here
}

func newRecorder(progress Progress, status Status) *recorder {
	if progress == nil {
		progress = func(Status) {}
	}
	return &recorder{progress: progress, coming: make(chan []phase, 1), over: make(chan struct{}), status: status, entered: map[string]reading{}}
}

// begin begins a phase now.
func (r *recorder) begin(name string, total time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enterLocked(phase{name, time.Now(), total})
}

// enterLocked begins a phase, unless it has begun; r.mu is held.
func (r *recorder) enterLocked(p phase) {
	if r.status.Phase == p.name {
		return
	}
	r.status.Phase, r.status.Total, r.since = p.name, p.total, p.at
	r.status.Elapsed, r.status.Begins = 0, true
	r.progress(r.status)
	r.status.Begins = false
}

// record takes the client's ticks until they are closed, and a reading of the servers with
// each. It changes phases when they are due.
func (r *recorder) record(ctx context.Context, ticks <-chan swarm.Tick) {
	due := time.NewTimer(time.Hour)
	due.Stop()
	defer due.Stop()
	var ahead []phase
	for {
		select {
		case tick, more := <-ticks:
			if !more {
				return
			}
			r.note(ctx, tick)
			continue
		case ahead = <-r.coming:
		case <-due.C:
			now := r.usage(ctx)
			r.mu.Lock()
			r.entered[ahead[0].name] = now
			r.enterLocked(ahead[0])
			r.mu.Unlock()
			if ahead = ahead[1:]; len(ahead) == 0 {
				close(r.over)
			}
		}
		if len(ahead) > 0 {
			due.Reset(time.Until(ahead[0].at))
		}
	}
}

// usage is what all servers together have used up to now; zero where it cannot be read.
func (r *recorder) usage(ctx context.Context) reading {
	var sum Usage
	var failed error
	for _, s := range r.servers {
		u, err := s.usage(ctx)
		failed = errors.Join(failed, err)
		sum.CPU += u.CPU
		sum.Resident += u.Resident
	}
	var redis redisUsage
	var redisFailed error
	if r.redis != "" {
		redis, redisFailed = readRedis(ctx, r.redis)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redisUnread = redisFailed
	if failed != nil {
		r.unread = failed
		return r.last // A server that ended has used what it had used.
	}
	r.last = reading{time.Now(), sum, readMachineTime(), redis}
	r.most = max(r.most, sum.Resident)
	return r.last
}

// note takes one second of the client's.
func (r *recorder) note(ctx context.Context, t swarm.Tick) {
	now := r.usage(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	p := point(t)
	p.At = t.At.Sub(r.first).Seconds()
	p.Resident = now.Resident
	p.ServerCores = cores(r.pointed, now)
	r.pointed = now
	r.points = append(r.points, p)

	r.status.Elapsed = time.Since(r.since)
	r.status.Open, r.status.Copies, r.status.P99 = p.Open, p.Copies, p.P99
	r.status.Broken += t.Failed + t.Broken
	r.progress(r.status)
}

// cores is CPU seconds a second from a to b.
func cores(a, b reading) float64 {
	took := b.at.Sub(a.at)
	if took <= 0 {
		return 0
	}
	return float64(b.CPU-a.CPU) / float64(took)
}

// counts is what all servers have counted.
func (r *recorder) counts(ctx context.Context) counts {
	sum := counts{dropped: map[string]float64{}}
	for _, s := range r.servers {
		c := s.counts(ctx)
		sum.writes += c.writes
		for reason, n := range c.dropped {
			sum.dropped[reason] += n
		}
	}
	return sum
}
