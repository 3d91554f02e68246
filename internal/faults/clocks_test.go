package faults

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"barrage/internal/redistest"
)

// TestClocks_MembersMissOrDoubleNothing has clocks of nodes that are an hour apart, and one of Redis that is set by an
// hour while all talk.
func TestClocks_MembersMissOrDoubleNothing(t *testing.T) {
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
			s.hold(func() {
				set(ahead)
				eventually(t, "the clock is set", func() (bool, string) {
					msg := command(t, server, "TIME")
					now, err := msg.AsStrSlice()
					if err != nil {
						return false, err.Error()
					}
					seconds, err := strconv.ParseInt(now[0], 10, 64)
					return err == nil && time.Until(time.Unix(seconds, 0)).Round(time.Minute) == ahead, now[0]
				})
			})
		}
		s.over()
		s.recallSome()
		s.finish(39, "recalls; Redis' clock set an hour ahead, back, an hour behind and back")
	})
}

// hold does something while no speaker sends anything new, and no sent message is under way. A message that one node
// has answered may be under way at another, where it was sent again.
func (s *site) hold(do func()) {
	s.t.Helper()
	release := make(chan struct{})
	defer close(release)
	for _, p := range s.speakers {
		held := make(chan struct{})
		p.orders <- func() {
			close(held)
			again := time.NewTicker(s.writeEvery())
			defer again.Stop()
			for {
				select {
				case <-release:
					return
				case now := <-again.C:
					p.sayAgain(now) // messages refused for now, and those without an answer
				}
			}
		}
		<-held
	}
	for _, p := range s.speakers {
		eventually(s.t, "all that "+p.name+" said is answered wherever it said it", func() (bool, string) {
			underWay, unanswered := p.underWay(), p.unanswered()
			return underWay+unanswered == 0, fmt.Sprint(underWay, unanswered)
		})
	}
	do()
}
