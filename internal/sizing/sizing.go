// Package sizing has the command "barrage size": it says how many nodes a room of so many viewers needs, by figures
// that were measured. It asks no node. Begin with [New].
package sizing

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// Measured figures, in bench/results: a test holds these against the files there.
const (
	// writeCost is the CPU of a write to one viewer, copyCost that of each message in it; 60-byte bodies.
	writeCost = 7 * time.Microsecond
	copyCost  = 13 * time.Nanosecond
	// lateness is the p99 of the delay, as a multiple of the time between two writes to the same viewer: at most 3.2.
	lateness = 3.2
	// overFastIM and overNative are what the wire adds to a body, in bytes.
	overFastIM, overNative = 95, 126
	// viewerBytes is a node's memory for a viewer who comes, gets messages and goes (bench/results/190000.txt),
	// nodeBytes what a node has before anybody comes, without fanout.total_log_bytes.
	viewerBytes, nodeBytes = 970, 30 << 20
	// handshakes are those that a node takes a second: limits.handshakes by default.
	handshakes = 2000
)

// most is the share of a node's cores and of its network that the sheet uses up: a show is not even.
const most = 0.6

// load is what is asked for.
type load struct {
	viewers int
	rate    float64 // messages a second
	bytes   int     // of a body
	p99     time.Duration
	fastIM  bool
	cores   int     // of a node
	network float64 // of a node, in Gbit/s
}

// sheet is what it takes, over all nodes where nothing else is written.
type sheet struct {
	nodes     int     // that carry the load; one more is the spare
	copies    float64 // a second
	writes    float64 // a second
	cores     float64 // busy
	network   float64 // Gbit/s out
	reconnect time.Duration
}

// size sizes a load.
func size(l load) sheet {
	every := l.p99.Seconds() / lateness // between two writes to a viewer, where more than one message is for it
	over := overNative
	if l.fastIM {
		over = overFastIM
	}
	s := sheet{copies: float64(l.viewers) * l.rate}
	s.writes = float64(l.viewers) * min(l.rate, 1/every)
	s.cores = s.writes*writeCost.Seconds() + s.copies*copyCost.Seconds()
	s.network = s.copies * float64(l.bytes+over) * 8 / 1e9
	s.nodes = int(math.Ceil(max(s.cores/(most*float64(l.cores)), s.network/(most*l.network), 1e-9)))
	s.reconnect = time.Duration(float64(l.viewers) / float64(s.nodes+1) / float64(s.nodes) / handshakes * float64(time.Second))
	return s
}

// New is the command.
func New() *cobra.Command {
	l := load{bytes: 60, p99: 250 * time.Millisecond, cores: 4, network: 10}
	cmd := &cobra.Command{
		Use:   "size --viewers N --rate R",
		Short: "Say how many nodes a room needs",
		Long: `Say how many nodes a room of so many viewers and messages a second needs, by the figures of
docs/performance.md. One node more is the spare: the others carry the load when one leaves. At most
60 % of the cores and of the network of a node are used up.

The figures are of a node on two cores of an AMD EPYC, through the loopback interface. Measure yours
with "barrage bench storm --target". A node with cores to spare uses more than the sheet says: it
writes as soon as it can, and is faster than --p99.`,
		Example: `  barrage size --viewers 100000 --rate 20
  barrage size --viewers 100000 --rate 200 --p99 500ms --cores 8 --network 25`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.check(cmd); err != nil {
				return err
			}
			return write(cmd.OutOrStdout(), l, size(l))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&l.viewers, "viewers", 0, "viewers of the room, over all nodes")
	flags.Float64Var(&l.rate, "rate", 0, "messages a second in the room (see storm.room_rate: people read 10 to 20)")
	flags.IntVar(&l.bytes, "bytes", l.bytes, "bytes of a message's body")
	flags.DurationVar(&l.p99, "p99", l.p99, "how late 99 of 100 copies may come")
	flags.BoolVar(&l.fastIM, "fastim", false, "viewers have FastIM's clients: their messages are shorter")
	flags.IntVar(&l.cores, "cores", l.cores, "cores of a node")
	flags.Float64Var(&l.network, "network", l.network, "what a node's network sends, in Gbit/s")
	return cmd
}

// check refuses loads that nobody has.
func (l *load) check(cmd *cobra.Command) error {
	for _, f := range []struct {
		flag       string
		value      float64
		least, top float64
	}{
		{"viewers", float64(l.viewers), 1, 1e9},
		{"rate", l.rate, 0.001, 1e6},
		{"bytes", float64(l.bytes), 0, 1 << 20},
		{"p99", l.p99.Seconds(), 0.02, 60},
		{"cores", float64(l.cores), 1, 1024},
		{"network", l.network, 0.01, 1000},
	} {
		if !(f.value >= f.least && f.value <= f.top) { // also for what is no number
			return cli.Misused(cmd, fmt.Sprintf("cannot size for --%s %v: it is not within %v and %v", f.flag, f.value, f.least, f.top))
		}
	}
	return nil
}

// write prints the sheet.
func write(out io.Writer, l load, s sheet) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, all, node, from string) {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, all, node, from) // Flush has the error
	}
	n, each := float64(s.nodes), math.Ceil(float64(l.viewers)/float64(s.nodes))
	line("", "ALL", "A NODE", "BY")
	line("nodes", fmt.Sprintf("%d + 1 spare", s.nodes), fmt.Sprintf("%d cores, %v Gbit/s", l.cores, l.network), "60 % of a node used, the spare away")
	line("viewers", short(float64(l.viewers)), short(each), "open files: raise ulimit -n above it")
	line("copies/s", short(s.copies), short(s.copies/n), "viewers times messages")
	line("writes/s", short(s.writes), short(s.writes/n), fmt.Sprintf("each viewer at most once in %v", time.Duration(float64(l.p99)/lateness).Round(time.Millisecond)))
	line("busy cores", fmt.Sprintf("%.2f", s.cores), fmt.Sprintf("%.2f", s.cores/n), fmt.Sprintf("%v a write, %v a copy: bench/results/storm.txt", writeCost, copyCost))
	line("network out", fmt.Sprintf("%.2f Gbit/s", s.network), fmt.Sprintf("%.2f Gbit/s", s.network/n), "before TLS; the proxy sends as much")
	line("memory", fmt.Sprintf("%.0f MiB", (float64(l.viewers)*viewerBytes+(n+1)*nodeBytes)/(1<<20)), fmt.Sprintf("%.0f MiB", (each*viewerBytes+nodeBytes)/(1<<20)),
		"and fanout.total_log_bytes; sockets in the kernel apart")
	line("a node ends", "-", fmt.Sprintf("its viewers are back after %v", max(s.reconnect, time.Second).Round(time.Second)), fmt.Sprintf("limits.handshakes, %d a second", handshakes))
	return w.Flush()
}

// short is a number for people: 2.0 million.
func short(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f billion", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f million", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f thousand", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}
