package faults

import (
	"fmt"
	"testing"
	"time"

	"barrage/internal/redistest"
)

// TestLossy_MembersMissOrDoubleNothing has Redis come back with less than it had, under the same names.
func TestLossy_MembersMissOrDoubleNothing(t *testing.T) {
	t.Parallel()
	for place, times := range map[int]int{24: 1, 25: 3} {
		t.Run(fmt.Sprintf("old snapshot, times %d", times), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), redisLoses: true})
			for range times {
				s.flow(lot)
				command(t, server, "SAVE")
				s.flow(lot)
				s.abreast()
				server.Restart(t) // with what was saved
				s.joinLate()
			}
			s.over()
			s.finish(place, fmt.Sprintf("SIGKILL, started again with a snapshot that lacked the last messages, times %d", times))
		})
	}
	t.Run("old snapshot, after a while alone", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), redisLoses: true})
		s.flow(lot)
		command(t, server, "SAVE")
		s.crash(server)
		s.finish(26, "the same, started when all nodes chatted by themselves")
	})
	t.Run("keys lost", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), redisLoses: true, recalls: true})
		for _, kind := range []string{"gml", "gmm", "gmu", "gmi", "gmo", "gmr"} {
			s.recallSome()
			for _, p := range s.speakers {
				p.deafen()
			}
			for _, p := range s.speakers {
				p.awaitUnheard(rooms)
			}
			for r := range rooms {
				s.flow(lot / 8)
				s.loseKeys(server, kind, r)
			}
			for _, p := range s.speakers { // and sends again what was stored
				p.steer(s.next(p.at()), false)
			}
			s.joinLate()
		}
		s.over()
		s.finish(27, "recalls; every key of every room deleted in turn, as eviction does")
	})
	t.Run("lagging replica behind a slow link", func(t *testing.T) {
		t.Parallel()
		old := redistest.Start(t)
		young := redistest.StartReplica(t, old)
		slow := redistest.StartProxy(t, young.Addr)
		slow.Slow(20 * time.Millisecond)
		w := newWire(t, old.Addr)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: detour(-1, "", w.addr), redisLoses: true})
		s.flow(lot)
		command(t, young, "REPLICAOF", "NO", "ONE")
		s.flow(lot)
		s.abreast()
		w.cut()
		w.to = slow.Addr
		w.mend()
		s.over()
		s.finish(28, "address moved to a replica that lacked the last messages, commands take 20 ms")
	})
}

// loseKeys deletes the keys of this kind of the room with index r.
func (s *site) loseKeys(server *redistest.Server, kind string, r int) {
	s.t.Helper()
	msg := command(s.t, server, "KEYS", kind+":"+roomID(r)+"*")
	keys, err := msg.AsStrSlice()
	if err != nil {
		s.t.Fatal(err)
	}
	if len(keys) == 0 && kind != "gmo" && kind != "gmr" { // these come with reports and recalls
		s.t.Fatalf("%s has no key of the kind %s", roomID(r), kind)
	}
	for _, key := range keys {
		command(s.t, server, "DEL", key)
	}
}
