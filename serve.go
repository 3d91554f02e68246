package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"barrage/gateway"
	"barrage/internal/cgroup"
	"barrage/internal/cli"
	"barrage/internal/config"
	"barrage/internal/doctor"
	"barrage/internal/systemd"
	"barrage/redisx"
	"barrage/room"
)

// Where packages that do not know each other meet.
var (
	_ gateway.Store  = redisx.Store(nil)
	_ redisx.Handler = (*gateway.Server)(nil)
)

const _ = uint(redisx.MaxBatch - room.BatchMessages) // a room's batch is one Publish

// gcPercent is Go's GOGC where the environment does not set it. A node's heap is
// connections that stay, so half of Go's default costs little CPU and bounds what a wave
// of handshakes leaves behind. Right after 10,000 of them a connection costs 1.8 KB resident, not 2.9 (barrage bench
// idle).
const gcPercent = 50

// newStore is Redis where addresses are set, else this node's memory. It sets what rooms have to know of their store;
// onCall is notified of the calls to Redis.
func newStore(cfg *config.Config, rooms *room.Config, log *slog.Logger, onCall func(context.Context, string, time.Time, error)) redisx.Store {
	if len(cfg.Redis.Addrs) == 0 {
		log.Info("no redis.addrs: everything stays in this node's memory")
		rooms.Instant = true
		return redisx.NewMemory(cfg.StoreLimits(), time.Now)
	}
	shared := redisx.NewRedis(cfg.Redis, cfg.StoreLimits(), log)
	shared.OnCall, rooms.Node = onCall, shared.Node()
	return shared
}

// serve is a [serveFunc].
func serve(ctx context.Context, setup *setup, log *slog.Logger, listens cli.Reporter) error {
	cfg := setup.cfg
	signals := make(chan os.Signal, 1) // sent by the runtime, never closed; one that waits is enough
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if bound := cgroup.Memory("/"); bound > 0 && os.Getenv("GOMEMLIMIT") == "" {
		share := bound / 100 * cgroup.Share
		debug.SetMemoryLimit(share)
		log.Info("Go keeps to its share of the cgroup's memory: GOMEMLIMIT is not set", "cgroup_bytes", bound, "go_bytes", share)
	}
	warnOfMachine(log, doctor.Machine(&cfg, os.Environ()))
	var node *gateway.Server // set before the store starts, and so before its first call
	rooms := cfg.Rooms()
	store := newStore(&cfg, &rooms, log, func(ctx context.Context, op string, began time.Time, err error) { node.StoreCall(ctx, op, began, err) })
	setup.store = store
	of := cfg.Gateway()
	of.Running = setup.running()
	var err error
	if of.Running.Listener, err = systemd.Listener(); err != nil {
		return err
	}
	node = gateway.New(of, rooms, store, log)
	registerStore(node.Registry(), store)
	store.Start(node)
	defer store.Close()
	if err := node.Start(); err != nil {
		return err
	}
	defer node.Close()
	greet(os.Stdout, node.Addr(), node.AdminAddr(), cfg.Redis.Addrs)
	if err := listens.Report(node.Addr(), node.AdminAddr()); err != nil {
		return err
	}
	var watched sync.WaitGroup
	alive, end := context.WithCancel(context.Background()) // also while it drains
	defer watched.Wait()
	defer end()
	systemd.Ready(alive, &watched, node.SinceDelivery, log)
	setup.reloads(ctx, node, signals)
	most := node.DrainTimeout()
	systemd.Leaving(most, log)
	log.Info("draining", "connections", node.Sessions(), "at_most", most)
	leave, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	if err := node.Drain(leave); err != nil {
		log.Warn("left before all was done", "err", err)
	}
	return nil
}

// warnOfMachine logs in one line what of the kernel's settings does not suit many clients.
func warnOfMachine(log *slog.Logger, found []doctor.Finding) {
	var attrs []any
	for _, f := range found {
		if f.State != doctor.OK {
			attrs = append(attrs, f.Check, f.Value)
		}
	}
	if len(attrs) > 0 {
		log.Warn("this machine is not set up for many clients: \"barrage doctor\" says how to mend each", attrs...)
	}
}

// greet writes what to open in a browser, and where the rooms are kept.
func greet(w io.Writer, public, admin net.Addr, redis []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  room      http://%s/\n  crowd     http://%[1]s/?demo=1\n  sockets   http://%[1]s/test/websocket\n", cli.Reachable(public))
	if admin != nil {
		fmt.Fprintf(&b, "  operate   http://%s/\n", cli.Reachable(admin))
	}
	if len(redis) == 0 {
		fmt.Fprintf(&b, "  rooms     in memory: gone when this ends; BARRAGE_REDIS_ADDRS=host:6379 keeps and shares them\n")
	} else {
		fmt.Fprintf(&b, "  rooms     in Redis at %s\n", strings.Join(redis, ", "))
	}
	fmt.Fprintf(&b, "\n  Another port: barrage serve --listen :8000. Ctrl-C ends it.\n\n")
	_, _ = io.WriteString(w, b.String()) // a closed terminal is no reason to stop
}

// registerStore exports the store's figures.
func registerStore(reg prometheus.Registerer, store redisx.Store) {
	gauge := func(name, help string, read func(redisx.Stats) float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return read(store.Stats()) }))
	}
	count := func(name, help string, read func(redisx.Stats) uint64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(read(store.Stats())) }))
	}
	gauge("barrage_store_connected", "1 while the store can be used.", func(s redisx.Stats) float64 {
		if s.Connected {
			return 1
		}
		return 0
	})
	gauge("barrage_store_subscriptions", "Rooms and users this node has subscribed to.", func(s redisx.Stats) float64 { return float64(s.Subscriptions) })
	count("barrage_store_calls_total", "Calls to the store.", func(s redisx.Stats) uint64 { return s.Calls })
	count("barrage_store_errors_total", "Calls to the store that failed.", func(s redisx.Stats) uint64 { return s.Errors })
	count("barrage_store_reconnects_total", "Times the subscriptions were lost and made again.", func(s redisx.Stats) uint64 { return s.Reconnects })
	count("barrage_store_rebuilt_total", "Connections for events that were open and brought nothing, and were made anew.", func(s redisx.Stats) uint64 { return s.Rebuilt })
	count("barrage_store_events_total", "Events that came from the store.", func(s redisx.Stats) uint64 { return s.Events })
	count("barrage_store_dropped_events_total", "Events dropped because the node did not keep up; rooms and lists fetch what they missed.", func(s redisx.Stats) uint64 { return s.Dropped })
	count("barrage_store_foreign_events_total", "Payloads on our channels that are no event of ours.", func(s redisx.Stats) uint64 { return s.Foreign })
	count("barrage_store_few_replicas_total", "Batches that fewer replicas than redis.min_replicas acknowledged in time: stored and sent, and answered with unconfirmed.", func(s redisx.Stats) uint64 { return s.FewReplicas })
	count("barrage_store_unreadable_entries_total", "Entries of histories that are no message.", func(s redisx.Stats) uint64 { return s.Unreadable })
}
