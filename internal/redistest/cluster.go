package redistest

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/await"
	"barrage/internal/port"
)

const (
	// readyTimeout bounds the time until servers that were started know each other, and
	// until others take over for one that was killed.
	readyTimeout = 20 * time.Second
	// nodeTimeout is after how many milliseconds without an answer the nodes of a cluster
	// take one for dead.
	nodeTimeout = "1500"
	// quick has a replica synchronised at once.
	quick = "--repl-diskless-sync-delay"
)

// Do runs one command. Its answer may be an error.
func (s *Server) Do(args ...string) (rueidis.RedisMessage, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:       []string{s.Addr},
		TLSConfig:         s.secure,
		ForceSingleClient: true,
		DisableCache:      true,
		DisableRetry:      true,
		Dialer:            net.Dialer{Timeout: readyTimeout},
		ConnWriteTimeout:  readyTimeout,
		// A client for one command: the memory that rueidis sets aside for many, 1 MiB, took a tenth of the CPU time of
		// redisx's tests.
		ReadBufferEachConn: 4096, WriteBufferEachConn: 4096, RingScaleEachConn: 1,
	})
	if client == nil {
		return rueidis.RedisMessage{}, err
	}
	defer client.Close()
	if err != nil {
		return rueidis.RedisMessage{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	return client.Do(ctx, client.B().Arbitrary(args...).Build()).ToMessage()
}

// mustDo is Do that must not fail.
func (s *Server) mustDo(tb testing.TB, args ...string) rueidis.RedisMessage {
	tb.Helper()
	msg, err := s.Do(args...)
	if err != nil {
		tb.Fatalf("%q on %s: %v", args, s.Addr, err)
	}
	return msg
}

// text is mustDo for a command that answers with a text.
func (s *Server) text(tb testing.TB, args ...string) string {
	tb.Helper()
	msg := s.mustDo(tb, args...)
	text, err := msg.ToString()
	if err != nil {
		tb.Fatalf("%q on %s: %v", args, s.Addr, err)
	}
	return text
}

// hostPort is Addr in two.
func (s *Server) hostPort() (host, port string) {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		panic("BUG: no address: " + err.Error())
	}
	return host, port
}

// wantSoon waits until ok, as long as servers may take.
func wantSoon(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	await.True(tb, readyTimeout, what, func() (bool, string) { return ok(), "" })
}

// StartReplica starts a server that copies master, and waits until it has, and master knows it.
func StartReplica(tb testing.TB, master *Server, args ...string) *Server {
	tb.Helper()
	master.mustDo(tb, "CONFIG", "SET", strings.TrimPrefix(quick, "--"), "0")
	host, port := master.hostPort()
	s := Start(tb, append([]string{"--replicaof", host + " " + port, quick, "0"}, args...)...)
	awaitCopy(tb, s)
	_, own := s.hostPort()
	wantSoon(tb, "the master counts the replica", func() bool {
		return strings.Contains(master.text(tb, "INFO", "replication"), "port="+own+",state=online,")
	})
	return s
}

// awaitCopy waits until a replica has all that its master has.
func awaitCopy(tb testing.TB, s *Server) {
	tb.Helper()
	wantSoon(tb, "the replica is synchronised", func() bool {
		return strings.Contains(s.text(tb, "INFO", "replication"), "master_link_status:up")
	})
}

// awaitCopied waits until a replica has acknowledged all that master has now: any other loss with a dying master is
// chance.
func awaitCopied(tb testing.TB, master *Server) {
	tb.Helper()
	offsets := func(name string) []int64 {
		var all []int64
		for _, found := range regexp.MustCompile(name+`(\d+)`).FindAllStringSubmatch(master.text(tb, "INFO", "replication"), -1) {
			n, err := strconv.ParseInt(found[1], 10, 64)
			if err != nil {
				tb.Fatal(err)
			}
			all = append(all, n)
		}
		return all
	}
	want := offsets("master_repl_offset:")[0]
	wantSoon(tb, "a replica has all that its master has", func() bool {
		return slices.ContainsFunc(offsets(",offset="), func(n int64) bool { return n >= want })
	})
}

// StopReplication has replica receive nothing from master any more, for good: it keeps what it has, and may still take
// over.
func StopReplication(tb testing.TB, master, replica *Server) {
	tb.Helper()
	replica.mustDo(tb, "CONFIG", "SET", "masteruser", "nobody")
	replica.mustDo(tb, "CONFIG", "SET", "masterauth", "x")
	master.mustDo(tb, "CLIENT", "KILL", "TYPE", "replica")
	wantSoon(tb, "the replica hears nothing", func() bool {
		return strings.Contains(replica.text(tb, "INFO", "replication"), "master_link_status:down")
	})
}

// Cluster is a cluster of masters and one replica of each. Use [StartCluster].
type Cluster struct {
	// Nodes are all its servers. First come the masters, as they were at the start, in the order of their slots; then
	// their replicas, in the same order.
	Nodes []*Server
}

// masters is how many masters a cluster has.
const masters = 3

// StartCluster starts three masters with a replica each, and returns when the cluster is
// complete.
func StartCluster(tb testing.TB, args ...string) *Cluster {
	tb.Helper()
	c := &Cluster{}
	for range 2 * masters {
		bus, err := port.Hold()
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(bus.Free)
		_, busPort, _ := net.SplitHostPort(bus.Addr)
		c.Nodes = append(c.Nodes, Start(tb, append([]string{
			"--cluster-enabled", "yes", "--cluster-port", busPort, "--cluster-node-timeout", nodeTimeout,
			"--cluster-replica-validity-factor", "0", quick, "0",
		}, args...)...))
	}
	const slots = 16384
	for i, n := range c.Nodes {
		n.mustDo(tb, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i < masters {
			n.mustDo(tb, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/masters), strconv.Itoa((i+1)*slots/masters-1))
		}
		host, port := n.hostPort()
		c.Nodes[0].mustDo(tb, "CLUSTER", "MEET", host, port, n.busPort())
	}
	wantSoon(tb, "all nodes of the cluster know each other", func() bool {
		return !slices.ContainsFunc(c.Nodes, func(n *Server) bool {
			return strings.Count(n.text(tb, "CLUSTER", "NODES"), " connected") != len(c.Nodes)
		})
	})
	for i, n := range c.Nodes[masters:] {
		n.mustDo(tb, "CLUSTER", "REPLICATE", c.Nodes[i].text(tb, "CLUSTER", "MYID"))
	}
	for _, n := range c.Nodes[masters:] {
		awaitCopy(tb, n)
	}
	c.AwaitReady(tb)
	return c
}

// busPort is the port on which the nodes of a cluster talk to each other.
func (s *Server) busPort() string {
	return s.args[slices.Index(s.args, "--cluster-port")+1]
}

// Addrs are the addresses of all nodes.
func (c *Cluster) Addrs() []string { return addrs(c.Nodes) }

// addrs are the addresses of servers.
func addrs(servers []*Server) []string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.Addr
	}
	return all
}

// AwaitReady waits until all nodes that run agree that every slot has its master and
// every master that is alive its replica.
func (c *Cluster) AwaitReady(tb testing.TB) {
	tb.Helper()
	wantSoon(tb, "the cluster is ready", func() bool {
		return !slices.ContainsFunc(c.Nodes, func(n *Server) bool {
			return n.process != nil && !strings.Contains(n.text(tb, "CLUSTER", "INFO"), "cluster_state:ok")
		})
	})
}

// Master is the node that has slot now.
func (c *Cluster) Master(tb testing.TB, slot int) *Server {
	tb.Helper()
	for _, n := range c.Nodes {
		if n.process == nil {
			continue
		}
		answer := n.mustDo(tb, "CLUSTER", "SLOTS")
		ranges, err := answer.ToArray()
		if err != nil {
			tb.Fatal(err)
		}
		for _, r := range ranges {
			f, _ := r.ToArray()
			first, _ := f[0].AsInt64()
			last, _ := f[1].AsInt64()
			if int64(slot) < first || int64(slot) > last {
				continue
			}
			at, _ := f[2].ToArray()
			port, _ := at[1].AsInt64()
			for _, m := range c.Nodes {
				if _, p := m.hostPort(); p == strconv.FormatInt(port, 10) {
					return m
				}
			}
		}
	}
	tb.Fatalf("no node has slot %d", slot)
	return nil
}

// KillMaster kills the node that has slot once its replica has all that it has, returns when another has it, and gives
// the killed one.
func (c *Cluster) KillMaster(tb testing.TB, slot int) *Server {
	tb.Helper()
	old := c.Master(tb, slot)
	awaitCopied(tb, old)
	old.Kill(tb)
	wantSoon(tb, "a replica has taken over", func() bool { return c.Master(tb, slot) != old })
	c.AwaitReady(tb)
	return old
}

// MigrateSlot moves a slot with all its keys to another master. Those who use it are
// not disturbed.
func (c *Cluster) MigrateSlot(tb testing.TB, slot int, to *Server) {
	tb.Helper()
	from, number := c.Master(tb, slot), strconv.Itoa(slot)
	fromID, toID := from.text(tb, "CLUSTER", "MYID"), to.text(tb, "CLUSTER", "MYID")
	to.mustDo(tb, "CLUSTER", "SETSLOT", number, "IMPORTING", fromID)
	from.mustDo(tb, "CLUSTER", "SETSLOT", number, "MIGRATING", toID)
	host, port := to.hostPort()
	for {
		msg := from.mustDo(tb, "CLUSTER", "GETKEYSINSLOT", number, "100")
		keys, err := msg.AsStrSlice()
		if err != nil {
			tb.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		from.mustDo(tb, append([]string{"MIGRATE", host, port, "", "0", "5000", "KEYS"}, keys...)...)
	}
	to.mustDo(tb, "CLUSTER", "SETSLOT", number, "NODE", toID)
	from.mustDo(tb, "CLUSTER", "SETSLOT", number, "NODE", toID)
	wantSoon(tb, "the cluster knows where the slot is", func() bool { return c.Master(tb, slot) == to })
}

// Slot is the slot of a key.
func (c *Cluster) Slot(tb testing.TB, key string) int {
	tb.Helper()
	answer := c.Nodes[0].mustDo(tb, "CLUSTER", "KEYSLOT", key)
	slot, err := answer.AsInt64()
	if err != nil {
		tb.Fatal(err)
	}
	return int(slot)
}
