package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// warmUp is how many viewers connect before the ones that are measured: enough to be a
// wave, after which the node gives memory back as it does after the measured ones.
const warmUp = 1000

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

	// The first thousand pay for what every node has once: pages, pools, code.
	if err := s.Connect(ctx, warmUp, 0, path); err != nil {
		return err
	}
	before, err := rest(s, n)
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
	after, err := rest(s, n)
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

// restQuiet is how long the node's memory must not have shrunk: longer than a node
// takes to see that a wave is over, after which it gives memory back.
const restQuiet = 8 * time.Second

// rest waits until the node's memory has stopped shrinking and reads its usage.
func rest(s *Swarm, n *Node) (Usage, error) {
	least, since := int64(1)<<62, time.Now()
	for time.Since(since) < restQuiet {
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
		if u.Resident < least-least/200 {
			least, since = u.Resident, time.Now()
		}
	}
	return n.Usage()
}
