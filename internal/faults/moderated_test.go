package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"barrage/internal/chat"
	"barrage/internal/child"
	"barrage/internal/redistest"
	"barrage/room"
)

// TestModerated_TakenAwayStaysAway takes messages away at once, more of them than a log of recalls has entries, and
// clears a room. They are taken from a node that receives nothing, and from a Redis that comes back with the data of
// before.
func TestModerated_TakenAwayStaysAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := redistest.StartProxy(t, server.Addr)
	s := &site{t: t, plan: plan{nodes: 2, rooms: 1, redis: detour(1, p.Addr, server.Addr)}, ledger: newLedger(), logs: &child.Tail{Least: 32 << 10}, undone: newUndone()}
	t.Cleanup(func() {
		for _, n := range s.nodes {
			n.close()
		}
	})
	for i := range 2 {
		n := s.openNode(i)
		s.nodes, s.onlookers = append(s.nodes, n), append(s.onlookers, n.view(0, true))
		n.idle()
	}
	one := s.nodes[0]
	said := 0
	says := func(user string, times int) {
		t.Helper()
		for range times {
			said++
			if err := one.rooms[0].Post(nil, user, fmt.Sprintf("m%d|", said), time.Now()); err != nil {
				t.Fatal(err)
			}
			if said%500 == 0 {
				s.wantShown("all that was said", said)
			}
		}
	}
	take := func(p chat.Purge) {
		t.Helper()
		ev, _, err := one.store.Purge(t.Context(), roomID(0), one.hall.Position(roomID(0)), p)
		if err != nil {
			t.Fatal(err)
		}
		one.hall.Recalled(roomID(0), ev)
	}
	says("bad", chat.RecallsKept+100)
	s.wantShown("all that was said", said)
	says("good", 3)
	s.wantShown("all that was said", said)
	command(t, server, "SAVE")

	p.Deafen(true)
	take(chat.Purge{User: "bad"})
	eventually(t, "the node finds out that it hears nothing", func() (bool, string) { return s.nodes[1].store.State() != nil, "" })
	p.Deafen(false)
	s.wantShown("what was not purged", 3)

	take(chat.Purge{})
	s.wantShown("nothing, since the room is cleared", 0)
	server.Restart(t) // with what was saved
	eventually(t, "a node has noticed, and made all of it again", func() (bool, string) {
		h, err := one.store.Since(context.Background(), roomID(0), 0, historyMessages)
		return err == nil && len(h.Entries) == 0 && h.Epoch != "" && h.Epoch != s.onlookers[0].order[0].epoch, fmt.Sprint(h.Position, len(h.Entries), err)
	})
	says("good", 2)
	s.wantShown("what was said since", 2)
	for _, n := range s.nodes {
		var native onlooker
		a := n.rooms[0].EnterNative(&native.Member, &native, room.Native, room.Since{}, chat.History{})
		n.rooms[0].Leave(&native.Member)
		if len(a.Messages) != 2 {
			t.Errorf("%s gives newcomers %d messages; want the 2 that were said since", n.name, len(a.Messages))
		}
	}
}

// idle gives the hall the time, and posts nothing.
func (n *node) idle() {
	var ticking context.Context
	ticking, n.stopTicker = context.WithCancel(context.Background())
	n.wrote = make(chan struct{})
	close(n.wrote)
	n.stopWriter = func() {}
	n.ticking.Go(func() { n.tick(ticking) }) // ends with ticking; close waits for it
}

// wantShown waits until each native member shows so many messages.
func (s *site) wantShown(what string, want int) {
	s.t.Helper()
	eventually(s.t, "members show "+what, func() (bool, string) {
		for i, m := range s.onlookers {
			m.mu.Lock()
			got := len(m.screen)
			m.mu.Unlock()
			if got != want {
				return false, fmt.Sprintf("member %d shows %d, want %d", i, got, want)
			}
		}
		return true, ""
	})
}
