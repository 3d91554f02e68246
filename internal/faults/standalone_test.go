package faults

import (
	"testing"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/redistest"
	"barrage/redisx"
	"barrage/room"
)

// lot is how many messages each node's members are given between two steps of a test.
const lot = 200

// direct has every node use the server at addr.
func direct(addr string) func(int) redisx.Config {
	return func(int) redisx.Config {
		cfg := redisx.DefaultConfig()
		cfg.Addrs = []string{addr}
		return cfg
	}
}

// finish is the end of every test: traffic goes on, ends, and is counted.
func (s *site) finish(place int, fault string) {
	s.t.Helper()
	recovery := s.recovery()
	s.joinLate()
	s.flow(lot)
	s.settle()
	o := s.verify()
	o.recovery = recovery
	table.add(s.t, place, fault, o)
}

// command runs a command past the nodes.
func command(t *testing.T, server *redistest.Server, args ...string) rueidis.RedisMessage {
	t.Helper()
	msg, err := server.Do(args...)
	if err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("%q: %v", args, err)
	}
	return msg
}

// nodes and rooms are how large sites are.
const nodes, rooms = 3, 4

// TestStandalone_MembersMissOrDoubleNothing has things happen to a single Redis.
func TestStandalone_MembersMissOrDoubleNothing(t *testing.T) {
	t.Parallel()
	t.Run("pubsub connections killed", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr)})
		s.killConnections(server, "pubsub")
		s.finish(1, "CLIENT KILL TYPE pubsub, 20 times")
	})
	t.Run("command connections killed", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr)})
		s.killConnections(server, "normal")
		s.finish(2, "CLIENT KILL TYPE normal, 20 times")
	})
	t.Run("paused", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr)})
		s.flow(lot)
		server.Pause(t)
		s.joinLate()
		<-time.After(2 * time.Second) // the time of SIGSTOP is the fault itself
		server.Resume(t)
		s.over()
		s.finish(3, "SIGSTOP for 2 s")
	})
	t.Run("crash with data", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, keepsAll...)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr)})
		s.crash(server)
		s.finish(4, "SIGKILL, started again with its data")
	})
	t.Run("crash without data", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), redisLoses: true})
		s.crash(server)
		s.finish(5, "SIGKILL, started again empty")
	})
	t.Run("flushed", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), redisLoses: true})
		s.flow(lot)
		s.abreast()
		table.noteVersion(t, server)
		command(t, server, "FLUSHALL")
		s.over()
		s.finish(6, "FLUSHALL")
	})
	t.Run("output buffer overrun", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, "--client-output-buffer-limit", "pubsub 16kb 8kb 1")
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr)})
		s.flow(lot)
		s.padding.Store(20 << 10)
		s.flow(2 * lot)
		s.padding.Store(0)
		s.over()
		s.finish(7, "output buffer overrun: a limit of 16 KB, some messages of 20 KB")
	})
	t.Run("away for too long", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, keepsAll...)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), change: func(i int, cfg *room.Config) {
			cfg.QueueAge = time.Second
			cfg.NoLocal = i == 0
			if i == 1 {
				cfg.QueueMessages = 10
			}
		}})
		s.flow(lot)
		server.Kill(t)
		eventually(t, "every way to refuse was gone", func() (bool, string) {
			old, busy, only := s.nodes[0].hall.Stats().RefusedOld, s.nodes[1].hall.Stats().RefusedBusy, s.nodes[2].hall.Stats().LocalOnly
			return old > 50 && busy > 50 && only > 50, ""
		})
		server.Restart(t)
		s.over()
		s.finish(8, "away for longer than QueueAge, 1 s here")
	})
}

// killConnections kills connections of this type again and again.
func (s *site) killConnections(server *redistest.Server, kind string) {
	s.t.Helper()
	for range 20 {
		s.flow(lot / 4)
		s.joinLate()
		command(s.t, server, "CLIENT", "KILL", "TYPE", kind)
	}
	s.over()
}

// crash kills the server and starts it again when everybody has found out.
func (s *site) crash(server *redistest.Server) {
	s.t.Helper()
	s.flow(lot)
	s.abreast()
	server.Kill(s.t)
	s.joinLate()
	for _, n := range s.nodes {
		eventually(s.t, n.name+" chats on by itself", func() (bool, string) { return n.hall.Stats().Local > lot/4, "" })
	}
	s.joinLate()
	server.Restart(s.t)
	s.over()
}
