package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Idle connects viewers one after the other to rooms of size members and lets them
// be. It prints what one costs the node: resident memory, which is heap, stacks and
// runtime, in bytes; the kernel's part, about 3.5 KB a socket, is not in it.
func Idle(ctx context.Context, out io.Writer, viewers, size int) error {
	n, err := StartNode(ctx)
	if err != nil {
		return err
	}
	defer n.Stop()
	s, err := NewSwarm(n.Public)
	if err != nil {
		return err
	}
	defer s.Close()
	path := func(i int) string { return fmt.Sprintf("/group/chat/room-%d/user-%d/t", i/size, i) }

	// The first hundred pay for what every node has once: pages, pools, code.
	if err := s.Connect(ctx, 100, 0, path); err != nil {
		return err
	}
	before, err := rest(ctx, n, s)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.Connect(ctx, viewers, 0, path); err != nil {
		return err
	}
	took := time.Since(began)
	peak, err := n.Usage()
	if err != nil {
		return err
	}
	after, err := rest(ctx, n, s)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "idle: %d viewers in rooms of %d, connected in %.1fs (%.0f a second)\n",
		viewers, size, took.Seconds(), float64(viewers)/took.Seconds())
	fmt.Fprintf(&b, "  resident per viewer  %.0f bytes at rest, %.0f right after the arrival\n",
		per(after.Resident-before.Resident, viewers), per(peak.Resident-before.Resident, viewers))
	fmt.Fprintf(&b, "  resident in all      %.1f MiB\n", float64(after.Resident)/(1<<20))
	fmt.Fprintf(&b, "  CPU per handshake    %.0f µs\n", float64((peak.CPU-before.CPU).Microseconds())/float64(viewers))
	_, err = io.WriteString(out, b.String())
	return err
}

func per(bytes int64, n int) float64 { return float64(bytes) / float64(n) }

// rest waits until the node's memory has stopped shrinking, which takes Go's runtime
// some seconds after a wave of handshakes, and reads its usage.
func rest(ctx context.Context, n *Node, s *Swarm) (Usage, error) {
	least, since := int64(1)<<62, 0
	for since < 6 {
		if err := n.CollectGarbage(ctx); err != nil {
			return Usage{}, err
		}
		if err := s.Watch(500*time.Millisecond, func() bool { return s.Broken > 0 }); err != nil {
			return Usage{}, err
		}
		if s.Broken > 0 {
			return Usage{}, fmt.Errorf("cannot measure: %d viewers were closed, the last one because %w", s.Broken, s.BrokenWhy)
		}
		u, err := n.Usage()
		if err != nil {
			return Usage{}, err
		}
		if since++; u.Resident < least-least/200 {
			least, since = u.Resident, 0
		}
	}
	return n.Usage()
}
