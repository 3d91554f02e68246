package faults

import (
	"fmt"
	"testing"

	"barrage/internal/redistest"
	"barrage/redisx"
)

// TestBehind_MembersMissOrDoubleNothing has a replica take over that lacks the last messages, and the last recalls.
func TestBehind_MembersMissOrDoubleNothing(t *testing.T) {
	t.Parallel()
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		group := redistest.StartSentinels(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: sentinels(group), redisLoses: true, recalls: true})
		s.killAhead([]*redistest.Server{group.Master}, []*redistest.Server{group.Replica})
		s.finish(35, "recalls; Sentinel: master killed, a replica that lacks the last messages and recalls takes over")
	})
	for i, sharded := range []bool{false, true} {
		how := map[bool]string{false: "PUBLISH", true: "SPUBLISH"}[sharded]
		t.Run("cluster, "+how, func(t *testing.T) {
			t.Parallel()
			cluster := redistest.StartCluster(t)
			s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: inCluster(cluster, sharded), redisLoses: true, recalls: true})
			s.killAhead(cluster.Nodes[:3], cluster.Nodes[3:])
			s.finish(36+i, "recalls; Cluster, "+how+": master killed, a replica that lacks the last messages and recalls takes over")
		})
	}
}

// sentinels has every node ask them for the master.
func sentinels(group *redistest.Sentinels) func(int) redisx.Config {
	return func(int) redisx.Config {
		cfg := redisx.DefaultConfig()
		cfg.Addrs, cfg.SentinelMaster = group.Addrs(), redistest.MasterName
		return cfg
	}
}

// killAhead has replicas receive nothing from their masters any more. When all nodes have received later messages and
// recalls, it kills the master of the first room. Wanderers that left before that come back when there are more
// messages than were lost.
func (s *site) killAhead(masters, replicas []*redistest.Server) {
	s.t.Helper()
	s.recallSome()
	victim, hit := masters[0], map[int]bool{}
	for i, m := range masters {
		redistest.StopReplication(s.t, m, replicas[i])
		if has(s.t, m, 0) {
			victim = m
		}
	}
	for r := range s.plan.rooms {
		hit[r] = has(s.t, victim, r)
	}
	s.recallSome()
	goOn := s.pauseRecalls()
	s.awaitHeard()
	for _, w := range s.wanderers {
		w.leave()
	}
	victim.Kill(s.t)
	goOn()
	s.over()
	s.awaitOvertaken(hit)
	for _, w := range s.wanderers {
		w.comeBack()
	}
	s.recallSome()
}

// has reports whether a server has the room with index r.
func has(t *testing.T, server *redistest.Server, r int) bool {
	t.Helper()
	msg := command(t, server, "KEYS", "gml:*"+roomID(r)+"*")
	keys, err := msg.AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	return len(keys) > 0
}

// awaitOvertaken waits until those rooms have lost something, and have come farther than the wanderers know that left
// them.
func (s *site) awaitOvertaken(rooms map[int]bool) {
	s.t.Helper()
	for _, w := range s.wanderers {
		eventually(s.t, roomID(w.room)+" has come farther than before", func() (bool, string) {
			pos := s.alive()[0].hall.Position(roomID(w.room))
			return !rooms[w.room] || pos.Seq > w.since.Seq && pos.Epoch != w.since.Epoch, fmt.Sprintf("it is at %+v; was at %+v", pos, w.since)
		})
	}
}
