package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Crew is the workers of one load, as their parent sees them. Its methods, Ticks apart,
// are for one goroutine.
type Crew struct {
	// Immutable after Start.
	plan    Plan
	size    int // of hands, once all are there
	hands   []*hand
	kill    context.CancelFunc
	ticks   chan Tick      // closed by Close; has room for what is left at the end
	readers sync.WaitGroup // a reader for each hand

	mu      sync.Mutex    // guards the fields below and those of hands
	changed chan struct{} // closed and made anew with each change
	inAt    time.Time     // when the first wave was over; zero before
	loadAt  time.Time     // zero before the load
	// ready are the seconds of which beats have come and that were not sent, oldest first. The newest second that
	// was sent ended at sentTo.
	ready  []Tick
	sentTo time.Time
}

// hand is one worker, as its parent sees it.
type hand struct {
	// Immutable after Start.
	number int
	worker Worker
	tasks  *json.Encoder

	// Guarded by Crew.mu.
	wave *wave
	sent *sentReport
	done *done
	dead error
	// known is what its beats have reported.
	known Totals
}

// Tick is one second of a load, over all workers.
type Tick struct {
	// At is when the second ended; the last one ends early. Phase is "connect", "rest", "warmup", "measure" or
	// "finish".
	At    time.Time
	Phase string
	Second
	// Latency of sampled copies, in microseconds. The receiver owns it; it takes some
	// 180 KiB, so keep its quantiles rather than itself.
	Latency *hdrhistogram.Histogram

	beats int // how many workers have reported it
}

// Second is what is counted in a second.
type Second struct {
	// Open viewers are connected. The fields that follow count what happened in this second; Broken are none of the slow
	// ones.
	Open    int    `json:"open"`
	Made    int    `json:"made"`
	Failed  int    `json:"failed"`
	Broken  int    `json:"broken"`
	Offered uint64 `json:"offered"`
	Sent    uint64 `json:"sent"`
	Copies  uint64 `json:"copies"`
	Bytes   uint64 `json:"bytes"`
	// CPU is what the workers used.
	CPU time.Duration `json:"cpu"`
}

// closeGrace is how long workers may take to end by themselves.
const closeGrace = 5 * time.Second

// Start launches workers for plan. They live until Close, even if ctx, which is for
// starting alone, ends before.
func Start(ctx context.Context, plan Plan, workers int, launch Launch) (*Crew, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	alive, kill := context.WithCancel(context.WithoutCancel(ctx))
	c := &Crew{
		plan: plan, size: max(workers, 1), kill: kill, ticks: make(chan Tick, mostReady), changed: make(chan struct{}),
	}
	for i := range c.size {
		w, err := launch(alive, i)
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		h := &hand{number: i, worker: w, tasks: json.NewEncoder(w.In), known: newTotals()}
		c.hands = append(c.hands, h)
		c.readers.Go(func() { c.read(h) }) // ends with the worker; Close waits
	}
	for _, h := range c.hands {
		c.assign(h, task{Plan: &planTask{Plan: plan, Worker: h.number, Workers: len(c.hands)}})
	}
	return c, nil
}

// check says what is wrong with a plan.
func (p *Plan) check() error {
	if _, err := newDialect(p); err != nil {
		return err
	}
	if len(p.Targets) == 0 {
		return errors.New("cannot connect: the plan has no targets")
	}
	if _, err := resolve(p.Targets); err != nil {
		return err
	}
	for i, r := range p.Rooms {
		if r.Rate > 0 && p.senders(i) <= 0 {
			return fmt.Errorf("cannot send to room %d: none of its %d viewers can speak, %d are slow", i, r.Viewers, r.Slow)
		}
	}
	return nil
}

// assign sends a task. A worker that cannot take it is about to be found dead.
func (c *Crew) assign(h *hand, t task) { _ = h.tasks.Encode(t) }

func (c *Crew) assignAll(t task) {
	for _, h := range c.hands {
		c.assign(h, t)
	}
}

// read takes a worker's reports until it ends.
func (c *Crew) read(h *hand) {
	dec := json.NewDecoder(h.worker.Out)
	var last string
	for {
		var r report
		err := dec.Decode(&r)
		if err == nil {
			last = r.Error
			c.take(h, r)
			continue
		}
		_, _ = io.Copy(io.Discard, h.worker.Out) // it must not block on what we cannot read
		why := h.worker.Wait()
		switch {
		case last != "":
			why = errors.New(last)
		case why == nil && !errors.Is(err, io.EOF):
			why = fmt.Errorf("its report cannot be read: %w", err)
		case why == nil:
			why = errors.New("it ended")
		}
		c.mu.Lock()
		h.dead = fmt.Errorf("worker %d (pid %d) died: %w", h.number, h.worker.PID, why)
		c.changeLocked()
		c.mu.Unlock()
		return
	}
}

// take notes one report.
func (c *Crew) take(h *hand, r report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.Beat != nil:
		c.takeBeatLocked(h, r.Beat)
	case r.Wave != nil:
		h.wave = r.Wave
	case r.Sent != nil:
		h.sent = r.Sent
	case r.Done != nil:
		d := r.Done
		d.Totals.Latency, d.Totals.Connect = d.Latency.Histogram, d.Connect.Histogram
		d.Totals.Welcome, d.Totals.Late = d.Welcome.Histogram, d.Late.Histogram
		h.done = d
	}
	c.changeLocked()
}

// changeLocked wakes those who wait.
func (c *Crew) changeLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// takeBeatLocked adds a second of one worker to that of all, and to what is known of it.
func (c *Crew) takeBeatLocked(h *hand, b *beat) {
	t, k := c.secondLocked(b.At), &h.known
	t.beats++
	sum(reflect.ValueOf(&t.Second).Elem(), reflect.ValueOf(b.Second))
	k.add(Totals{
		Connections: Connections{
			Wanted: b.Made + b.Failed, Made: b.Made, Failed: b.Failed, FailedWhy: b.FailedWhy, Broken: b.Broken, BrokenWhy: b.BrokenWhy, SlowEnded: b.SlowEnded,
		},
		Messages: Messages{Offered: b.Offered, Sent: b.Sent, Uncounted: b.Copies, Bytes: b.Bytes},
	})
	if b.Latency != nil {
		t.Latency.Merge(b.Latency.Histogram)
		k.Latency.Merge(b.Latency.Histogram)
	}
	c.sendLocked(c.size)
}

// mostReady bounds the seconds that wait for somebody to receive them; those that follow
// grow together with the last.
const mostReady = 16

// secondLocked is the tick of the second that ended at at.
func (c *Crew) secondLocked(at time.Time) *Tick {
	if !at.After(c.sentTo) {
		at = c.sentTo.Add(time.Second) // too late for its own
	}
	i, ok := slices.BinarySearchFunc(c.ready, at, func(t Tick, at time.Time) int { return t.At.Compare(at) })
	if !ok && len(c.ready) < mostReady {
		c.ready = slices.Insert(c.ready, i, Tick{At: at, Phase: c.phaseLocked(at.Add(-time.Second / 2)), Latency: newHistogram()})
	}
	return &c.ready[min(i, len(c.ready)-1)]
}

// sendLocked sends the seconds that so many workers have reported. Those before the latest one go anyway: a worker that
// has not reported them by then is dead, or slow.
func (c *Crew) sendLocked(workers int) {
	for len(c.ready) > 1 || len(c.ready) == 1 && c.ready[0].beats >= workers {
		select {
		case c.ticks <- c.ready[0]:
			c.sentTo, c.ready = c.ready[0].At, c.ready[1:]
		default: // nobody receives
			return
		}
	}
}

// phaseLocked is what went on in the second whose middle is at. A first wave that took
// less than a second shows, too.
func (c *Crew) phaseLocked(at time.Time) string {
	begun := !c.loadAt.IsZero() && !at.Before(c.loadAt)
	measureAt := c.loadAt.Add(c.plan.Warmup)
	switch {
	case begun && at.Before(measureAt):
		return "warmup"
	case begun && at.Before(measureAt.Add(c.plan.Duration)):
		return "measure"
	case begun:
		return "finish"
	case c.inAt.IsZero() || at.Add(-time.Second/2).Before(c.inAt):
		return "connect"
	}
	return "rest"
}

// Ticks has a tick a second from Start on; Close closes it.
func (c *Crew) Ticks() <-chan Tick { return c.ticks }

// all reports whether all workers satisfy ok.
func (c *Crew) all(ok func(h *hand) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !slices.ContainsFunc(c.hands, func(h *hand) bool { return !ok(h) })
}

// wait waits until all workers satisfy ok, or one that does not is dead, or ctx ends.
func (c *Crew) wait(ctx context.Context, ok func(h *hand) bool) error {
	for {
		c.mu.Lock()
		changed := c.changed
		var waitFor, dead *hand
		for _, h := range c.hands {
			switch {
			case ok(h):
			case h.dead != nil:
				dead = h
			default:
				waitFor = h
			}
		}
		c.mu.Unlock()
		switch {
		case dead != nil:
			return dead.dead
		case waitFor == nil:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Connect connects the first wave. It returns nil when all are in and welcomed. Its error
// says how many are, how many are not, and why the last one is not.
func (c *Crew) Connect(ctx context.Context) error {
	c.assignAll(task{Connect: new(time.Now().Add(nap))}) // by then all workers have it
	err := c.wait(ctx, func(h *hand) bool { return h.wave != nil && h.dead == nil })
	wanted, in, failed, why := 0, 0, 0, ""
	for _, r := range c.plan.Rooms {
		wanted += r.Viewers
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inAt = time.Now()
	for _, h := range c.hands {
		w := wave{In: h.known.Made, Failed: h.known.Failed, FailedWhy: h.known.FailedWhy}
		if h.wave != nil {
			w = *h.wave
		}
		in += w.In
		failed += w.Failed
		if w.FailedWhy != "" {
			why = w.FailedWhy
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("cannot connect %d viewers: %d are in, %d failed: %w", wanted, in, failed, err)
	case in < wanted:
		return fmt.Errorf("cannot connect %d viewers: %d are in, %d failed, the last one because %s", wanted, in, failed, why)
	}
	return nil
}

// Load has messages come from at on: the warm-up, then the measured part. It returns when
// both are over, all is sent, and everything expected has come or Patience is over. It
// ends early, with an error, when a worker dies, no viewer that reads is left, or ctx ends.
func (c *Crew) Load(ctx context.Context, at time.Time) error {
	c.mu.Lock()
	c.loadAt = at
	c.mu.Unlock()
	c.assignAll(task{Load: &at})
	if err := c.conclude(ctx); err != nil {
		return fmt.Errorf("cannot finish the load: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	reading, broken, why := 0, 0, ""
	for _, h := range c.hands {
		reading += h.done.Reading
		broken += h.done.Totals.Broken
		if w := h.done.Totals.BrokenWhy; w != "" {
			why = w
		}
	}
	if reading == 0 && broken > 0 {
		return fmt.Errorf("cannot finish the load: no viewer is left, %d broke off, the last one because %s", broken, why)
	}
	return nil
}

// conclude waits until all is sent, sends the workers how much that was, and waits for what they make of it.
func (c *Crew) conclude(ctx context.Context) error {
	if err := c.wait(ctx, func(h *hand) bool { return h.sent != nil && h.dead == nil }); err != nil {
		return err
	}
	c.assignAll(task{Ended: c.messages()})
	return c.wait(ctx, func(h *hand) bool { return h.done != nil && h.dead == nil })
}

// messages is what each room had; the worker that knew may be dead.
func (c *Crew) messages() []roomReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	rooms := make([]roomReport, len(c.plan.Rooms))
	for room := range rooms {
		sent := c.hands[room%len(c.hands)].sent
		if sent == nil {
			rooms[room].Messages = -1
			continue
		}
		rooms[room] = sent.Rooms[room]
	}
	return rooms
}

// Totals returns what is known, over all workers. It is called after Load, or after an error. After an error it first
// stops what still goes on and waits a little for what is under way. Of a worker that died it knows what its last beats
// reported: all of its copies are uncounted.
func (c *Crew) Totals(ctx context.Context) (Totals, error) {
	settled := func(h *hand) bool { return h.done != nil || h.dead != nil }
	if !c.all(settled) {
		c.assignAll(task{Stop: true})
		if err := c.wait(ctx, func(h *hand) bool { return h.sent != nil || h.dead != nil }); err != nil {
			return Totals{}, fmt.Errorf("cannot learn the totals: %w", err)
		}
		c.assignAll(task{Ended: c.messages()})
		if err := c.wait(ctx, settled); err != nil {
			return Totals{}, fmt.Errorf("cannot learn the totals: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := newTotals()
	var sightings []sighting
	for _, h := range c.hands {
		if h.done == nil {
			out.add(h.known)
			out.Dead++
			continue
		}
		out.add(h.done.Totals)
		sightings = append(sightings, h.done.Sightings...)
	}
	out.Disagree = disagree(sightings)
	out.compare(sightings)
	return out, nil
}

// Close ends the workers and waits for them. It is called once.
func (c *Crew) Close() error {
	for _, h := range c.hands {
		_ = h.worker.In.Close()
	}
	timer := time.AfterFunc(closeGrace, c.kill)
	defer timer.Stop()
	c.readers.Wait()
	c.kill()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendLocked(0)
	close(c.ticks)
	return nil
}
