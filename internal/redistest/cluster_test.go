package redistest

import (
	"slices"
	"testing"
	"time"
)

func TestStartCluster_MovesSlotsAndFailsOver(t *testing.T) {
	start := time.Now()
	c := StartCluster(t)
	t.Logf("ready after %v", time.Since(start))
	if got := c.Master(t, 0); got != c.Nodes[0] {
		t.Errorf("slot 0 is on %s; want %s", got.Addr, c.Nodes[0].Addr)
	}
	c.Nodes[0].mustDo(t, "SET", "{06S}", "x") // slot 0
	c.MigrateSlot(t, 0, c.Nodes[1])
	if got := c.Nodes[1].text(t, "GET", "{06S}"); got != "x" {
		t.Errorf("the key is %q after its slot has moved; want x", got)
	}
	start = time.Now()
	old := c.KillMaster(t, 16383)
	t.Logf("taken over after %v", time.Since(start))
	if got := c.Master(t, 16383); old != c.Nodes[2] || got != c.Nodes[5] {
		t.Errorf("slot 16383 went from %s to %s; want %s to %s", old.Addr, got.Addr, c.Nodes[2].Addr, c.Nodes[5].Addr)
	}
}

func TestStartSentinels_TakeOverFromAKilledMaster(t *testing.T) {
	start := time.Now()
	s := StartSentinels(t)
	t.Logf("ready after %v", time.Since(start))
	s.Master.mustDo(t, "SET", "before", "x")
	start = time.Now()
	s.KillMaster(t)
	t.Logf("taken over after %v", time.Since(start))
	wantAnswer(t, s.Master, false)
	host, port := s.Replica.hostPort()
	for _, one := range s.Sentinels {
		wantSoon(t, one.Addr+" names the new master", func() bool {
			answer := one.mustDo(t, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MasterName)
			at, err := answer.AsStrSlice()
			return err == nil && slices.Equal(at, []string{host, port})
		})
	}
	s.Replica.mustDo(t, "SET", "after", "y")
	if before, after := s.Replica.text(t, "GET", "before"), s.Replica.text(t, "GET", "after"); before != "x" || after != "y" {
		t.Errorf("the new master has %q and %q; want x of before and y of after", before, after)
	}
}

func TestStartTLS_AnswersOverTLS(t *testing.T) {
	s := StartTLS(t, true)
	if got := s.text(t, "PING"); got != "PONG" {
		t.Errorf("PING = %q; want PONG", got)
	}
}
