package bench

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"barrage/bench/swarm"
)

const (
	// patience is how long what is under way at the end may take to come, and a handshake
	// to be answered.
	patience = 10 * time.Second
	// settle is the least time between the order to send and the first message: all processes must have received it.
	settle = 500 * time.Millisecond
	// totalsPatience is how long the client's processes may take to hand in what they
	// measured.
	totalsPatience = 30 * time.Second
	// earlyMost is how many viewers come to a node before those whose memory is measured. They are enough to be a wave,
	// after which the node gives memory back as it does after the measured ones.
	earlyMost = 1000
	// restQuiet is how long memory must not have shrunk to be at rest. It is longer than a node takes to see that a wave
	// is over, after which the node gives memory back.
	restQuiet = 8 * time.Second
	// restLook is how often memory is looked at meanwhile.
	restLook = 500 * time.Millisecond
)

// Run runs s against t, and calls progress as it goes on. Own nodes, a redis-server and the client's processes are
// started from this very program and have ended when Run returns.
//
// An error without a result (Version 0) means that nothing could be measured. When ctx ends, a server dies or a process
// of the client fails, the result holds what was measured up to then. Its Partial says why, and the error is nil.
func Run(ctx context.Context, s Scenario, t Target, progress Progress) (Result, error) {
	self, err := os.Executable()
	if err != nil {
		return Result{}, fmt.Errorf("cannot find this program: %w", err)
	}
	return runWith(ctx, s, t, progress, swarm.Processes(self, "bench", "worker"))
}

// run is one run of a scenario.
type run struct {
	Scenario
	Target
	*recorder
	addrs   []string // of the servers
	machine Machine
	procs   int
	warning string
	launch  swarm.Launch

	before, full reading       // at rest: without the viewers, with them
	left         reading       // at rest once they have left
	handshakes   time.Duration // CPU of the servers while the first wave connected
	counted      counts        // by the servers, while messages came
}

func runWith(ctx context.Context, s Scenario, t Target, progress Progress, launch swarm.Launch) (Result, error) {
	r, err := prepare(s, t)
	if err != nil {
		return Result{}, err
	}
	r.launch = launch
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.recorder = newRecorder(progress, Status{Peer: t.peer(), Scenario: s.Name, Wanted: r.Viewers + r.Arrival.Viewers})
	r.begin("start", 0)
	c, err := t.open(ctx, r.Scenario, cancel)
	if err != nil {
		return Result{}, cause(ctx, err)
	}
	defer c.close()
	r.servers, r.addrs, r.redis = c.servers, c.addrs, c.joined
	return r.measure(ctx)
}

// Check reports what stands against running s against t on this machine.
func Check(s Scenario, t Target) error {
	_, err := prepare(s, t)
	return err
}

func prepare(s Scenario, t Target) (*run, error) {
	if err := cmp.Or(s.Validate(), t.Validate(), t.Suits(s)); err != nil {
		return nil, err
	}
	machine, limits, err := ThisMachine()
	if err != nil {
		return nil, err
	}
	procs, warning, err := s.Fit(limits, !t.named())
	if err != nil {
		return nil, err
	}
	return &run{Scenario: s.Filled(), Target: t, machine: machine, procs: procs, warning: warning}, nil
}

// early is how many viewers come before those whose memory is measured.
func (s Scenario) early() int {
	if s.Rest == 0 {
		return 0
	}
	return min(earlyMost*max(s.Nodes, 1), s.Viewers)
}

// sampled is how many viewers check everything: all in a room that others may speak in.
func (r *run) sampled() int {
	s := r.Scenario
	if r.Room != "" {
		s.Sample = s.Viewers + s.Arrival.Viewers
	}
	return s.sampled()
}

// plan is the load for the crew. Rooms and users have names that no run had before.
func (r *run) plan() swarm.Plan {
	return swarm.Plan{
		Dialect: r.dialect(), Deflate: r.Deflate, Targets: r.addrs, Path: r.Path, Token: r.Token, Room: r.Room,
		Prefix: "bench-" + strings.ToLower(rand.Text()[:8]) + "-",
		Rooms:  r.rooms(), Ramp: r.Ramp, Body: r.Body, Gifts: r.Gifts, Senders: r.Senders, Sample: r.sampled(),
		Warmup: time.Duration(r.Warmup), Duration: time.Duration(r.Duration),
		Burst:     swarm.Burst{Every: time.Duration(r.Burst.Every), Messages: r.Burst.Messages, Over: time.Duration(r.Burst.Over)},
		SlowBytes: r.Slow.BytesPerSecond,
		Arrival:   swarm.Arrival{After: time.Duration(r.Arrival.After), Rate: r.Arrival.Rate},
		Return:    swarm.Return{Share: r.Return.Share, After: time.Duration(r.Return.After), Rate: r.Return.Rate},
		Patience:  patience,
	}
}

// measure runs the phases. The figures that were measured are kept, whatever ends the phases early.
func (r *run) measure(ctx context.Context) (Result, error) {
	// Processes that we started must outlive ctx: they still have to report what they measured.
	lasting := context.WithoutCancel(ctx)
	settled, leave, err := r.settleEarly(ctx)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	crew, err := swarm.Start(lasting, r.plan(), r.procs, r.launch)
	if err != nil {
		return Result{}, fmt.Errorf("cannot start the client: %w", err)
	}
	var recording sync.WaitGroup
	recording.Go(func() { r.record(lasting, crew.Ticks()) }) // Ends when Close closes the ticks.
	stop := func() error {
		err := crew.Close()
		recording.Wait()
		return err
	}
	r.before, r.first = settled, time.Now()
	cut := r.phases(ctx, crew)
	r.begin("finish", 0)
	handIn, cancel := context.WithTimeout(lasting, totalsPatience)
	defer cancel()
	totals, err := crew.Totals(handIn)
	err = errors.Join(err, stop())
	if cut == nil {
		cut = err
	}
	if r.Rest > 0 && cut == nil {
		r.left, err = r.atRest(ctx)
		cut = cause(ctx, err)
	}
	return r.result(totals, cut), nil
}

// phases lets viewers connect, rest and speak. The error says what cut it short.
func (r *run) phases(ctx context.Context, crew *swarm.Crew) error {
	lasting := context.WithoutCancel(ctx)
	before := r.usage(lasting)
	r.begin("connect", 0)
	err := crew.Connect(ctx)
	r.full = r.usage(lasting)
	r.handshakes = r.full.CPU - before.CPU
	if err == nil && r.Rest > 0 {
		r.full, err = r.atRest(ctx)
	}
	if err != nil || r.Duration == 0 {
		return cause(ctx, err)
	}
	at := time.Now().Add(settle).Truncate(time.Second).Add(time.Second) // ticks are on the second
	begin := at.Add(time.Duration(r.Warmup))
	end := begin.Add(time.Duration(r.Duration))
	ahead := []phase{{"measure", begin, end.Sub(begin)}, {finishPhase, end, 0}}
	if r.Warmup > 0 {
		ahead = append([]phase{{"warmup", at, begin.Sub(at)}}, ahead...)
	}
	r.coming <- ahead
	counted := r.counts(lasting)
	if err = crew.Load(ctx, at); err == nil {
		// The phases are due by now. Without this one would begin "measure" after "finish", where this process stood still.
		select {
		case <-r.over:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	r.counted = r.counts(lasting).since(counted)
	return cause(ctx, err)
}

// cause is why ctx was ended, where that is what lies behind err.
func cause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if why := context.Cause(ctx); !errors.Is(why, context.Canceled) {
		return why
	}
	return errInterrupted
}

// errInterrupted is Ctrl-C, or whatever else ended the caller's context.
var errInterrupted = errors.New("it was interrupted")

// settleEarly lets the viewers come that pay for what every node has once: pages, pools,
// code. It returns the memory with them at rest. They stay until leave.
func (r *run) settleEarly(ctx context.Context) (before reading, leave func(), err error) {
	leave = func() {}
	if r.Rest == 0 {
		return r.usage(context.WithoutCancel(ctx)), leave, nil
	}
	few := *r
	few.Viewers, few.Arrival, few.Slow = r.early(), Arrival{}, Slow{}
	few.Rooms = min(r.Rooms, few.Viewers)
	crew, err := swarm.Start(context.WithoutCancel(ctx), few.plan(), 1, r.launch)
	if err != nil {
		return reading{}, leave, fmt.Errorf("cannot start the client: %w", err)
	}
	leave = func() { _ = crew.Close() } // They were not measured.
	if err = crew.Connect(ctx); err == nil {
		before, err = r.atRest(ctx)
	}
	if err != nil {
		leave()
		return reading{}, func() {}, fmt.Errorf("cannot read the memory of the servers at rest: %w", cause(ctx, err))
	}
	return before, leave, nil
}

// atRest waits until the servers' memory has stopped shrinking, at most for r.Rest, and
// reads it.
func (r *run) atRest(ctx context.Context) (reading, error) {
	r.begin("rest", time.Duration(r.Rest))
	look := time.NewTicker(restLook)
	defer look.Stop()
	now := time.Now()
	least, since, end := r.usage(ctx), now, now.Add(time.Duration(r.Rest))
	for {
		select {
		case <-ctx.Done():
			return reading{}, ctx.Err()
		case now = <-look.C:
		}
		u := r.usage(ctx)
		if u.Resident < least.Resident-least.Resident/200 {
			least, since = u, now
		}
		if now.Sub(since) >= restQuiet || now.After(end) {
			return u, nil
		}
	}
}
