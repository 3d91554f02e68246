package redisx

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// rueidis has 1024 places in the ring of each connection; a call that finds it full waits and
// ignores its ctx. So no ring may fill: fewer calls than that are let in at a time, over
// all connections.
const (
	// maxCalls is how many calls may be on their way to one Redis.
	maxCalls = 512
	// rangeCalls is how many calls may be on their way to one of the slotRanges of a cluster.
	rangeCalls = 60
	// slotRanges is in how many parts of equal size the 16384 slots of a cluster are cut. A
	// master has its slots in few ranges, so one that hangs has only its own slotRanges fill.
	slotRanges = 16
)

// limiters hold the limiter of each slot range, the last one for calls without a slot. For a single
// Redis that is the only one.
type limiters []*limiter

func newLimiters(cluster bool) limiters {
	if !cluster {
		return limiters{newLimiter(maxCalls)}
	}
	all := make(limiters, slotRanges+1)
	for i := range all {
		all[i] = newLimiter(rangeCalls)
	}
	return all
}

// at is the limiter of a slot, or of a call without one, for which rueidis says 16384.
func (g limiters) at(slot uint16) *limiter { return g[min(int(slot)*slotRanges/slots, len(g)-1)] }

// givenUp is limiter.givenUp of all.
func (g limiters) givenUp() []uint64 {
	all := make([]uint64, len(g))
	for i := range g {
		all[i] = g[i].givenUp()
	}
	return all
}

// waiting reports whether calls that gave up still hold places.
func (g limiters) waiting() bool {
	for i := range g {
		if g[i].waiting() {
			return true
		}
	}
	return false
}

// answered is limiter.answered of all.
func (g limiters) answered(givenUp []uint64) {
	for i := range g {
		g[i].answered(givenUp[i])
	}
}

// limiter lets in a number of calls at a time. A call that gave up waiting still holds its
// place in the ring until Redis answers, which nobody notices. But answers come in the
// order of the calls on each connection. Once every connection has answered a question that was asked later, or has
// broken, all calls that were given up before are over, too.
type limiter struct {
	// Immutable after newLimiter. Holds one value for each place taken.
	places chan struct{}
	// Immutable, too. Holds a value while a call reads pages behind its first one, see Redis.readOn.
	readingOn chan struct{}

	mu sync.Mutex // guards gaveUp, freed and loading
	// gaveUp counts the calls that gave up, freed those of them whose place is free
	// again. Invariant: freed <= gaveUp; gaveUp - freed <= len(places).
	gaveUp, freed uint64
	// loading has the scripts whose text is on its way, by sha; closed when that is over. loads counts those that were.
	loading map[string]chan struct{}
	loads   atomic.Uint64

	replicas replicas
}

func newLimiter(most int) *limiter {
	return &limiter{places: make(chan struct{}, most), readingOn: make(chan struct{}, 1), loading: map[string]chan struct{}{}}
}

// enter takes a place, waiting for one until ctx ends. The caller must leave.
func (g *limiter) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d calls are waiting for an answer already: %w", cap(g.places), ctx.Err())
	}
}

// leave frees the caller's place, unless it gave up waiting for the answer.
func (g *limiter) leave(answered bool) {
	if answered {
		<-g.places
		return
	}
	g.mu.Lock()
	g.gaveUp++
	g.mu.Unlock()
}

// givenUp is how many calls have given up before now.
func (g *limiter) givenUp() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gaveUp
}

// waiting reports whether calls that gave up still hold places.
func (g *limiter) waiting() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.freed < g.gaveUp
}

// answered frees the places of the calls that were the first so many to give up, see givenUp.
func (g *limiter) answered(givenUp uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for ; g.freed < givenUp; g.freed++ {
		<-g.places
	}
}

// load lets the caller send the text of a script, until it calls done. While another one does, done is nil, and over is
// closed when that one has ended. It is closed already where a load has ended since there were so many of them.
func (g *limiter) load(sha string, since uint64) (over <-chan struct{}, done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.loading[sha]; at != nil {
		return at, nil
	}
	at := make(chan struct{})
	if g.loads.Load() != since {
		close(at)
		return at, nil
	}
	g.loading[sha] = at
	return nil, func() {
		g.mu.Lock()
		delete(g.loading, sha)
		g.loads.Add(1)
		g.mu.Unlock()
		close(at)
	}
}
