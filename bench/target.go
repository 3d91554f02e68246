package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"barrage/bench/swarm"
)

// ourselves is the peer that our own nodes are.
const ourselves = "barrage"

// Baselines are the servers that are built in to compare with: a plain hub, and the least that can be.
func Baselines() []string { return []string{"hub", "bare"} }

// Target is what a scenario runs against. The zero value is nodes of our own, as many as
// the scenario has.
//
// In a [Result] it says where the load went; the name and the dialect stand beside it there.
type Target struct {
	// Peer is the name of what is measured; empty is the addresses, and "barrage" where
	// there are none.
	Peer string `json:"-"`
	// Baseline makes it that server of package baseline, one of [Baselines], in a process of its own.
	Baseline string `json:"baseline,omitempty"`
	// Redis is the host:port of the Redis that joins our own nodes. Where it is empty, several nodes get a redis-server of
	// their own, and one keeps everything in memory.
	Redis string `json:"redis,omitempty"`

	// Addrs are host:port of servers that run already. The rest is about them.
	Addrs []string `json:"addrs,omitempty"`
	// Dialect is "fastim", "native", "raw" or "centrifugo"; empty is "fastim". Own nodes
	// speak the first two.
	Dialect string `json:"-"`
	// Token is what every viewer shows to be let in. An empty one is "t", and none in the dialect "centrifugo". The
	// dialect "raw" has no place for one but Path.
	Token string `json:"token,omitempty"`
	// Path is the address of a room's socket where the dialect leaves it open; {room} and
	// {user} are put in.
	Path string `json:"path,omitempty"`
	// Room is the id of a room on the servers that all viewers go into, which others may be in; empty: rooms that nobody
	// knows. The dialect must say whose a message is: "fastim" or "native".
	Room string `json:"room,omitempty"`
	// Metrics are host:port of Prometheus' /metrics of the servers, PIDs their processes on
	// this machine; the first of both are one server's, and so on. Without either, CPU and
	// memory are not known.
	Metrics []string `json:"metrics,omitempty"`
	PIDs    []int    `json:"pids,omitempty"`
}

// Validate reports an address that is none, and a dialect that does not exist. Whether
// somebody answers there is not asked.
func (t Target) Validate() error {
	if err := swarm.CheckDialect(t.dialect()); err != nil {
		return err
	}
	addrs := slices.Concat(t.Addrs, t.Metrics)
	if t.Redis != "" {
		addrs = append(addrs, t.Redis)
	}
	for _, addr := range addrs {
		if strings.Contains(addr, "/") {
			return fmt.Errorf("cannot use the address %q: it is host:port, without ws:// or http:// and without a path (--path has that of a room); "+
				"TLS is ended before Barrage, so wss:// and https:// cannot be measured: name the server behind the proxy", addr)
		}
		_, port, err := net.SplitHostPort(addr)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return fmt.Errorf("cannot use the address %q: it is not of the form host:port, as 127.0.0.1:9000", addr)
		}
	}
	if t.Token != "" && t.Dialect == "raw" {
		return errors.New("cannot show a token in the dialect raw: put it in the path, as /{room}?token=…")
	}
	return nil
}

// hiddenToken stands in results for a token that was used.
const hiddenToken = "…"

// shown is t as others may see it.
func (t Target) shown() Target {
	if t.Token != "" {
		t.Token = hiddenToken
	}
	return t
}

// named reports whether t are servers that run already.
func (t Target) named() bool { return len(t.Addrs) > 0 }

func (t Target) peer() string {
	switch {
	case t.Peer != "":
		return t.Peer
	case t.Baseline != "":
		return t.Baseline
	case t.named():
		return strings.Join(t.Addrs, ",")
	}
	return ourselves
}

// dialect is what the servers speak.
func (t Target) dialect() string { return cmp.Or(t.Dialect, "fastim") }

// Suits reports whether t can be asked for what s wants. It can be asked for all but compression and gifts, which only
// the native dialect has, and limits. Only nodes of our own can keep limits. A room of the target's is one room, in a
// dialect that says whose a message is.
func (t Target) Suits(s Scenario) error {
	if s.Gifts > 0 && t.dialect() != "native" {
		return fmt.Errorf("cannot run scenario %q with gifts on %s: it speaks %s, and only the native dialect has kinds of messages; use --dialect native", s.Name, t.peer(), t.dialect())
	}
	if t.Room != "" && t.dialect() != "fastim" && t.dialect() != "native" {
		return fmt.Errorf("cannot run scenario %q in room %q on %s: it speaks %s, which does not name the sender of a message; use --dialect fastim or native", s.Name, t.Room, t.peer(), t.dialect())
	}
	if t.Room != "" && s.Rooms > 1 {
		return fmt.Errorf("cannot run scenario %q in room %q: it has %d rooms; use --rooms 1", s.Name, t.Room, s.Rooms)
	}
	if s.Limits && (t.named() || t.Baseline != "") {
		return fmt.Errorf("cannot run scenario %q with limits on %s: only nodes that are started here can be given them; set \"limits\" in its config", s.Name, t.peer())
	}
	if s.Deflate && t.dialect() != "native" {
		return fmt.Errorf("cannot run scenario %q with deflate on %s: it speaks %s, and only the native dialect has compressed batches; use --dialect native", s.Name, t.peer(), t.dialect())
	}
	return nil
}

// dialPatience is how long a target may take to accept a connection.
const dialPatience = 3 * time.Second

// cluster is the servers of one run.
type cluster struct {
	addrs   []string
	servers []server
	nodes   []*Node // ours
	redis   *redis  // ours; nil: none
	joined  string  // host:port of the Redis that joins our nodes; empty: none
	watches sync.WaitGroup
}

// open starts the servers of s, or looks whether those that are named answer. The function died is called once for each
// of ours that ends before close. Close the cluster.
func (t Target) open(ctx context.Context, s Scenario, died func(error)) (*cluster, error) {
	c := &cluster{}
	if t.named() {
		c.addrs = t.Addrs
		for _, addr := range t.Addrs {
			conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, "tcp", addr)
			if err != nil {
				return nil, fmt.Errorf("cannot reach the target %s: %w", addr, err)
			}
			_ = conn.Close() // It answers.
		}
		c.servers = t.known()
		return c, nil
	}
	if err := c.start(ctx, t, s, died); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// known is where the usage of named servers can be read.
func (t Target) known() []server {
	servers := make([]server, max(len(t.PIDs), len(t.Metrics)))
	for i, pid := range t.PIDs {
		servers[i].pid = pid
	}
	for i, addr := range t.Metrics {
		servers[i].metrics = addr
	}
	return servers
}

func (c *cluster) start(ctx context.Context, t Target, s Scenario, died func(error)) error {
	env := append([]string{fmt.Sprint("BARRAGE_LIMITS_ENABLED=", s.Limits)}, s.Env...)
	switch {
	case t.Baseline != "": // It knows of no Redis.
	case t.Redis != "":
		if err := ping(ctx, t.Redis); err != nil {
			return fmt.Errorf("cannot reach the Redis %s: %w", t.Redis, err)
		}
	case s.Nodes > 1:
		r, err := startRedis(ctx)
		if err != nil {
			return err
		}
		c.redis, t.Redis = r, r.addr
		c.watches.Go(func() { // Ends with it; close waits for it.
			died(fmt.Errorf("redis-server ended: %w", r.Why()))
		})
	}
	c.joined = t.Redis
	if t.Redis != "" {
		env = append([]string{"BARRAGE_REDIS_ADDRS=" + t.Redis}, env...)
	}
	nodes := s.Nodes
	begin := func() (*Node, error) { return StartNode(ctx, env...) }
	if t.Baseline != "" {
		nodes, begin = 1, func() (*Node, error) { return StartBaseline(ctx, t.Baseline) }
	}
	for i := range nodes {
		n, err := begin()
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
		c.addrs = append(c.addrs, n.Public)
		c.servers = append(c.servers, server{pid: n.Cmd.Process.Pid, metrics: n.Admin})
		c.watches.Go(func() { // Ends with the node; close waits for it.
			died(fmt.Errorf("node %d ended: %w", i+1, n.Why()))
		})
	}
	return nil
}

// close ends what we started and waits for it.
func (c *cluster) close() {
	for _, n := range c.nodes {
		n.Stop()
	}
	if c.redis != nil {
		c.redis.Stop()
	}
	c.watches.Wait()
}
