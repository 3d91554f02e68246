package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Storm is one hot room: Viewers members get Rate messages a second for Seconds.
type Storm struct {
	Viewers  int           `json:"viewers"`
	Rate     int           `json:"rate"`
	Duration time.Duration `json:"duration_ns"`
	Body     int           `json:"body_bytes"`
	Sample   int           `json:"sampled_viewers"`
	Silent   int           `json:"silent_viewers"` // further members that never read
	Warmup   time.Duration `json:"warmup_ns"`      // the same before, not measured: fills the sockets of the silent
}

// StormResult is what came of it.
type StormResult struct {
	Storm
	Sent       uint64  `json:"sent"`
	Due        uint64  `json:"due_copies"`
	Delivered  uint64  `json:"delivered_copies"`
	Lost       int64   `json:"lost_copies"`
	Double     uint64  `json:"double_sampled"`
	OutOfOrder uint64  `json:"out_of_order_sampled"`
	PerSecond  float64 `json:"deliveries_per_second"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	P999       float64 `json:"p999_ms"`
	Max        float64 `json:"max_ms"`
	NodeCPU    float64 `json:"node_cpu_ns_per_delivery"`
	ClientCPU  float64 `json:"client_cpu_share"`
	NodeShare  float64 `json:"node_cpu_share"`
	Resident   int64   `json:"node_resident_bytes"`
	Writes     float64 `json:"node_writes"`
}

// senders is how many viewers speak, so that no single socket is the bottleneck.
const senders = 8

// Run runs the storm against a node of its own.
func (c Storm) Run(ctx context.Context, env ...string) (StormResult, error) {
	n, err := StartNode(ctx, env...)
	if err != nil {
		return StormResult{}, err
	}
	defer n.Stop()
	s, err := NewSwarm(n.Public)
	if err != nil {
		return StormResult{}, err
	}
	defer s.Close()
	if err := s.Connect(ctx, c.Viewers, c.Sample, func(i int) string { return fmt.Sprintf("/group/chat/storm/user-%d/t", i) }); err != nil {
		return StormResult{}, err
	}
	silent, err := connectSilent(ctx, n, c.Silent)
	if err != nil {
		return StormResult{}, err
	}
	defer silent.Close()
	if err := s.Watch(time.Second, never); err != nil {
		return StormResult{}, err
	}
	if err := c.warmUp(ctx, s); err != nil {
		return StormResult{}, err
	}
	return c.measure(ctx, n, s)
}

// warmUp lets messages come that are not measured, until all have arrived.
func (c Storm) warmUp(ctx context.Context, s *Swarm) error {
	if c.Warmup <= 0 {
		return nil
	}
	c.Duration = c.Warmup
	due := s.Frames + uint64(c.Viewers)*c.messages()
	finish, err := startSender(ctx, s, c)
	if err != nil {
		return err
	}
	if err := s.Watch(c.Warmup+arrival, func() bool { return s.Frames >= due || s.Broken > 0 }); err != nil {
		return err
	}
	s.forget()
	_, err = finish()
	return err
}

// arrival is how long what is under way at the end may take to come.
const arrival = 10 * time.Second

func never() bool { return false }

// measure lets the messages come and reads what it cost.
func (c Storm) measure(ctx context.Context, n *Node, s *Swarm) (StormResult, error) {
	r := StormResult{Storm: c}
	welcomes := s.Frames
	nodeBefore, err := n.Usage()
	if err != nil {
		return r, err
	}
	before, err := n.Metrics(ctx)
	if err != nil {
		return r, err
	}
	clientBefore, began := ownCPU(), time.Now()
	finish, err := startSender(ctx, s, c)
	if err != nil {
		return r, err
	}
	due := uint64(c.Viewers) * c.messages()
	if err := s.Watch(c.Duration, func() bool { return s.Broken > 0 }); err != nil {
		return r, err
	}
	r.PerSecond = float64(s.Frames-welcomes) / c.Duration.Seconds()
	if err := s.Watch(arrival, func() bool { return s.Frames-welcomes >= due || s.Broken > 0 }); err != nil {
		return r, err
	}
	took := time.Since(began).Seconds()
	nodeAfter, err := n.Usage()
	if err != nil {
		return r, err
	}
	r.ClientCPU = (ownCPU() - clientBefore).Seconds() / took
	r.NodeShare = (nodeAfter.CPU - nodeBefore.CPU).Seconds() / took
	r.Resident = nodeAfter.Resident
	if r.Sent, err = finish(); err != nil {
		return r, fmt.Errorf("cannot send: %w", err)
	}
	if s.Broken > 0 {
		return r, fmt.Errorf("cannot finish: %d viewers were closed, the last one because %w", s.Broken, s.BrokenWhy)
	}
	after, err := n.Metrics(ctx)
	if err != nil {
		return r, err
	}
	r.Writes = after["barrage_writes_total"] - before["barrage_writes_total"]
	r.Due, r.Delivered = r.Sent*uint64(c.Viewers), s.Frames-welcomes
	r.Lost = int64(r.Due) - int64(r.Delivered)
	r.NodeCPU = float64(nodeAfter.CPU-nodeBefore.CPU) / float64(max(r.Delivered, 1))
	r.readSamples(s)
	return r, nil
}

// messages is how many messages the storm has.
func (c Storm) messages() uint64 { return uint64(float64(c.Rate) * c.Duration.Seconds()) }

// readSamples adds what the sampled viewers saw.
func (r *StormResult) readSamples(s *Swarm) {
	h := s.Latency
	r.P50, r.P99, r.P999, r.Max = ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99)), ms(h.ValueAtQuantile(99.9)), ms(h.Max())
	for _, v := range s.viewers {
		if v.sample != nil {
			r.Double += v.sample.double
			r.OutOfOrder += v.sample.outOfOrder
		}
	}
}

func ms(us int64) float64 { return float64(us) / 1000 }

// connectSilent adds members that never read: their swarm is not polled again.
func connectSilent(ctx context.Context, n *Node, count int) (*Swarm, error) {
	s, err := NewSwarm(n.Public)
	if err != nil {
		return nil, err
	}
	if err := s.Connect(ctx, count, 0, func(i int) string { return fmt.Sprintf("/group/chat/storm/silent-%d/t", i) }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// startSender sends the storm's messages when they are due, whatever the server does,
// from a goroutine of its own that ends with the storm. finish waits for it.
func startSender(ctx context.Context, s *Swarm, c Storm) (finish func() (sent uint64, err error), err error) {
	// Descriptors of its own, so that it shares nothing with the swarm's loop.
	var mouths []int
	for i := range senders {
		fd, err := unix.Dup(s.viewers[i%c.Viewers].fd)
		if err != nil {
			return nil, fmt.Errorf("cannot duplicate a socket: %w", err)
		}
		mouths = append(mouths, fd)
	}
	type result struct {
		sent uint64
		err  error
	}
	done := make(chan result, 1) // sent once by the goroutine below
	go func() {
		var r result
		defer func() {
			for _, fd := range mouths {
				_ = unix.Close(fd)
			}
			done <- r
		}()
		total := c.messages()
		start := time.Now()
		for ; r.sent < total; r.sent++ {
			due := start.Add(time.Duration(r.sent) * time.Second / time.Duration(c.Rate))
			if wait := time.Until(due); wait > 0 {
				select {
				case <-ctx.Done():
					r.err = ctx.Err()
					return
				case <-time.After(wait):
				}
			}
			if r.err = say(mouths[r.sent%senders], AppendBody(nil, due, r.sent, c.Body)); r.err != nil {
				return
			}
		}
	}()
	return func() (uint64, error) {
		r := <-done
		return r.sent, r.err
	}, nil
}

// Print writes the result for people.
func (r StormResult) Print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "storm: %d viewers × %d messages/s for %v, %d bytes each", r.Viewers, r.Rate, r.Duration, r.Body)
	if r.Silent > 0 {
		fmt.Fprintf(&b, ", %d further viewers read nothing", r.Silent)
	}
	fmt.Fprintf(&b, "\n  deliveries    %.3g a second (%d of %d, %d lost, %d doubled, %d out of order)\n",
		r.PerSecond, r.Delivered, r.Due, r.Lost, r.Double, r.OutOfOrder)
	fmt.Fprintf(&b, "  latency       p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, max %.1f ms (%d viewers sampled)\n", r.P50, r.P99, r.P999, r.Max, r.Sample)
	fmt.Fprintf(&b, "  node CPU      %.0f ns a delivery, %.2f cores; the client took %.2f\n", r.NodeCPU, r.NodeShare, r.ClientCPU)
	fmt.Fprintf(&b, "  writes        %.3g, %.1f copies each\n", r.Writes, float64(r.Delivered)/max(r.Writes, 1))
	fmt.Fprintf(&b, "  node memory   %.1f MiB resident\n", float64(r.Resident)/(1<<20))
	_, err := io.WriteString(out, b.String())
	return err
}

// JSON writes the result for machines.
func (r StormResult) JSON(out io.Writer) error { return json.NewEncoder(out).Encode(r) }
