package faults

import (
	"testing"

	"barrage/internal/redistest"
	"barrage/redisx"
)

// TestFailover_MembersMissOrDoubleNothing has masters killed, and slots moved.
func TestFailover_MembersMissOrDoubleNothing(t *testing.T) {
	t.Parallel()
	t.Run("sentinel failover", func(t *testing.T) {
		t.Parallel()
		group := redistest.StartSentinels(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redisLoses: true, redis: sentinels(group)})
		s.flow(lot)
		s.abreast()
		group.Master.Kill(t)
		s.over()
		s.finish(17, "Sentinel: master killed, replica takes over")
	})
	for i, sharded := range []bool{false, true} {
		how := map[bool]string{false: "PUBLISH", true: "SPUBLISH"}[sharded]
		t.Run("cluster failover, "+how, func(t *testing.T) {
			t.Parallel()
			cluster := redistest.StartCluster(t)
			s := openSite(t, plan{nodes: nodes, rooms: rooms, redisLoses: true, redis: inCluster(cluster, sharded)})
			s.flow(lot)
			s.abreast()
			cluster.Master(t, slotOf(t, cluster, 0)).Kill(t)
			s.over()
			s.finish(18+2*i, "Cluster, "+how+": master killed, replica takes over")
		})
		t.Run("cluster slots moved, "+how, func(t *testing.T) {
			t.Parallel()
			cluster := redistest.StartCluster(t)
			s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: inCluster(cluster, sharded)})
			for range 2 {
				for r := range rooms {
					s.flow(lot / 4)
					s.moveSlot(cluster, slotOf(t, cluster, r))
				}
			}
			s.over()
			s.finish(19+2*i, "Cluster, "+how+": every room's slot moved twice")
		})
	}
}

// inCluster has every node use a cluster.
func inCluster(c *redistest.Cluster, sharded bool) func(int) redisx.Config {
	return func(int) redisx.Config {
		cfg := redisx.DefaultConfig()
		cfg.Addrs, cfg.ShardedPubSub = c.Addrs(), sharded
		return cfg
	}
}

// slotOf is the slot of the room with index r.
func slotOf(t *testing.T, c *redistest.Cluster, r int) int {
	t.Helper()
	return c.Slot(t, "{"+roomID(r)+"}")
}

// moveSlot gives a slot to the next master.
func (s *site) moveSlot(c *redistest.Cluster, slot int) {
	s.t.Helper()
	masters := c.Nodes[:3]
	from := c.Master(s.t, slot)
	for i, m := range masters {
		if m == from {
			c.MigrateSlot(s.t, slot, masters[(i+1)%len(masters)])
			return
		}
	}
	s.t.Fatalf("no master has slot %d", slot)
}
