package redisx_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/redistest"
	"barrage/redisx"
)

// This file is about connections that are open and of no use.

// newProxied is a harness on the shared server, empty, through a proxy.
func newProxied(t *testing.T) (*harness, *redistest.Proxy) {
	t.Helper()
	newRaw(t, server.Addr).do("FLUSHALL")
	p := redistest.StartProxy(t, server.Addr)
	h := newConfigured(t, func(c *redisx.Config) { c.Addrs = []string{p.Addr} })
	h.wantAll(t, "r", "s")
	return h, p
}

// TestRedis_DeafLinkIsNoticedAndRebuilt: Redis answers everything, but no event comes.
func TestRedis_DeafLinkIsNoticedAndRebuilt(t *testing.T) {
	h, p := newProxied(t)
	start, deaf := time.Now(), await.Start()
	p.Deafen(true)
	h.wantState(t, "no probe came back within 3s")
	if took := time.Since(start); took < 2*time.Second { // the first of twelve probes, 250 ms apart, may have been out
		t.Errorf("deaf for %v when it was noticed; want some 3s", took)
	}
	deaf.WantWithin(t, "it was noticed that no event comes", 5*time.Second)
	noError(t, h.SetToken(t.Context(), "u", "x")) // Calls go on meanwhile.
	h.publish(t, "r", "u", 1)
	h.wantAway(t, 0, 0)
	h.wantResumed(t, 0)
	p.Deafen(false)
	h.wantReady(t)
	h.wantResumed(t, 1)
	h.wantAll(t, "r", "s")
	h.wantAway(t, 0, 0)
	if got := h.Stats(); got.Rebuilt < 1 || got.Reconnects != 1 {
		t.Errorf("Stats = %+v; want rebuilt, 1 reconnect", got)
	}
}

// TestRedis_PartitionIsAwayUntilItEnds: nothing goes through, though no connection breaks.
func TestRedis_PartitionIsAwayUntilItEnds(t *testing.T) {
	h, p := newProxied(t)
	p.Cut(true)
	cut := await.Start()
	h.wantAway(t, 1, 0)
	cut.WantWithin(t, "Redis was away", callTimeout+time.Second)
	err := h.SetToken(t.Context(), "u", "x")
	if err == nil || !strings.Contains(err.Error(), "cannot reach Redis") {
		t.Errorf("SetToken: error %v; want: cannot reach", err)
	}
	p.Cut(false)
	h.wantAway(t, 1, 1)
	h.wantAll(t, "r", "s")
}

// TestRedis_ResumedComesAfterBack: a node that reads what it missed when notified must not fail.
func TestRedis_ResumedComesAfterBack(t *testing.T) {
	own := redistest.Start(t)
	h := newNode(t, own.Addr, newRaw(t, own.Addr))
	noError(t, h.SubscribeRoom(t.Context(), "r"))
	want := []string{}
	for round := 1; round <= 3; round++ {
		own.Kill(t)
		h.wantAway(t, round, round-1)
		own.Restart(t)
		h.wantResumed(t, round)
		want = append(want, "away", "back", "resumed")
	}
	if got := h.lifeSoFar(); !slices.Equal(got, want) {
		t.Errorf("calls: %q; want %q", got, want)
	}
}
