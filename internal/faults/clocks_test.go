package faults

import (
	"testing"
	"time"

	"barrage/internal/redistest"
)

// TestClocks has clocks that are an hour apart, and one that is set while all talk.
func TestClocks(t *testing.T) {
	t.Parallel()
	apart := func(node int) time.Duration { return time.Duration(node-1) * time.Hour } // behind, right, ahead
	t.Run("of nodes", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, keepsAll...)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), recalls: true, ahead: apart})
		s.recallSome()
		s.crash(server)
		s.recallSome()
		s.finish(38, "recalls; clocks of nodes an hour apart; SIGKILL, started again with its data")
	})
	t.Run("of Redis", func(t *testing.T) {
		t.Parallel()
		server, set := redistest.StartClocked(t)
		s := openSite(t, plan{nodes: nodes, rooms: rooms, redis: direct(server.Addr), recalls: true})
		for _, ahead := range []time.Duration{time.Hour, 0, -time.Hour, 0} {
			s.recallSome()
			set(ahead)
		}
		s.over()
		s.recallSome()
		s.finish(39, "recalls; Redis' clock set an hour ahead, back, an hour behind and back")
	})
}
