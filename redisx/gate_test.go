package redisx

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestGate_Full(t *testing.T) {
	g := newGate()
	for range maxCalls {
		enter(t, g)
	}
	wantFull(t, g)
	g.leave(0, true)
	enter(t, g)
	wantFull(t, g)
}

// TestGate_GivenUp: the place of a call that gave up is free only after a call that
// began later was answered.
func TestGate_GivenUp(t *testing.T) {
	g := newGate()
	early := enter(t, g)
	for range 10 {
		g.leave(enter(t, g), false)
	}
	wantPlaces(t, g, 11)
	g.leave(early, true) // says nothing about those ten
	wantPlaces(t, g, 10)

	late := enter(t, g)
	g.leave(enter(t, g), false)
	wantPlaces(t, g, 12)
	g.leave(late, true)
	wantPlaces(t, g, 1)
	g.answered(g.mark())
	wantPlaces(t, g, 0)
	g.answered(g.mark())
	wantPlaces(t, g, 0)
}

func enter(t *testing.T, g *gate) uint64 {
	t.Helper()
	mark, err := g.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

func wantFull(t *testing.T, g *gate) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.enter(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "512 calls") {
		t.Fatalf("enter of a full gate: error %v; want the ctx's, and how many calls wait", err)
	}
}

func wantPlaces(t *testing.T, g *gate, want int) {
	t.Helper()
	if got := len(g.places); got != want {
		t.Fatalf("%d places are taken; want %d", got, want)
	}
}
