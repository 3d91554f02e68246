package redisx

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestLimiter_FullLetsInOneForOne(t *testing.T) {
	g := newLimiter(maxCalls)
	for range maxCalls {
		enter(t, g)
	}
	wantFull(t, g)
	g.leave(true)
	enter(t, g)
	wantFull(t, g)
}

// TestLimiter_GivenUpPlacesWaitForAnAnswer: the place of a call that gave up is free only after a question that
// was asked later was answered.
func TestLimiter_GivenUpPlacesWaitForAnAnswer(t *testing.T) {
	g := newLimiter(maxCalls)
	early := g.givenUp()
	for range 10 {
		enter(t, g)
		g.leave(false)
	}
	wantPlaces(t, g, 10)
	g.answered(early) // says nothing about those ten
	wantPlaces(t, g, 10)

	late := g.givenUp()
	enter(t, g)
	g.leave(false)
	enter(t, g)
	g.leave(true) // nor does another call: it may have had another connection
	wantPlaces(t, g, 11)
	g.answered(late)
	wantPlaces(t, g, 1)
	if !g.waiting() {
		t.Error("waiting = false with one that gave up")
	}
	g.answered(g.givenUp())
	g.answered(g.givenUp())
	wantPlaces(t, g, 0)
	if g.waiting() {
		t.Error("waiting = true with none that gave up")
	}
}

// TestLimiters_ClusterRangesKeepTheirOwnPlaces: the slotRanges together must leave room in one connection's ring, and a
// master that hangs must not take the places of the others.
func TestLimiters_ClusterRangesKeepTheirOwnPlaces(t *testing.T) {
	all := newLimiters(true)
	const ring = 1024
	places := 0
	for _, g := range all {
		places += cap(g.places)
	}
	if places >= ring {
		t.Errorf("%d calls are let in; want fewer than %d", places, ring)
	}
	for slot, want := range map[uint16]int{0: 0, 1023: 0, 1024: 1, 16383: 15, 16384: 16} {
		if all.at(slot) != all[want] {
			t.Errorf("slot %d is not in slot range %d", slot, want)
		}
	}
	for range rangeCalls {
		enter(t, all.at(0))
	}
	wantFull(t, all.at(5))
	enter(t, all.at(16383))
	all.at(7).leave(false)
	givenUp := all.givenUp()
	if !all.waiting() {
		t.Error("waiting = false with one that gave up")
	}
	all.answered(givenUp)
	enter(t, all.at(9))
}

func TestLimiters_SingleRedisHasOne(t *testing.T) {
	all := newLimiters(false)
	if len(all) != 1 || all.at(0) != all[0] || all.at(16384) != all[0] {
		t.Errorf("a single Redis has %d limiters; want one for all", len(all))
	}
}

func enter(t *testing.T, g *limiter) {
	t.Helper()
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func wantFull(t *testing.T, g *limiter) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := g.enter(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "calls are waiting") {
		t.Fatalf("enter of a full limiter: error %v; want the ctx's, and how many calls wait", err)
	}
}

func wantPlaces(t *testing.T, g *limiter, want int) {
	t.Helper()
	if got := len(g.places); got != want {
		t.Fatalf("%d places are taken; want %d", got, want)
	}
}
