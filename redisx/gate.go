package redisx

import (
	"context"
	"fmt"
	"sync"
)

// maxCalls bounds the calls on their way to Redis. rueidis has 1024 places in its
// ring; who finds it full waits and ignores its ctx. So the ring must never fill.
const maxCalls = 512

// gate lets in at most maxCalls calls at a time. A call that gave up waiting still
// holds its place in the ring until Redis answers, which nobody hears. But answers
// come in the order of the calls: once a later call is answered, so are all that were
// given up before it began.
type gate struct {
	// Immutable after newGate. Holds one value for each place taken.
	places chan struct{}

	mu sync.Mutex // guards the fields below
	// gaveUp counts the calls that gave up, freed those of them whose place is free
	// again. Invariant: freed <= gaveUp; gaveUp - freed <= len(places).
	gaveUp, freed uint64
}

func newGate() *gate { return &gate{places: make(chan struct{}, maxCalls)} }

// enter takes a place, waiting for one until ctx ends. The caller must leave with the
// mark it is given.
func (g *gate) enter(ctx context.Context) (mark uint64, err error) {
	select {
	case g.places <- struct{}{}:
	default:
		select {
		case g.places <- struct{}{}:
		case <-ctx.Done():
			return 0, fmt.Errorf("%d calls are waiting for an answer already: %w", maxCalls, ctx.Err())
		}
	}
	return g.mark(), nil
}

// mark remembers which calls have given up before now.
func (g *gate) mark() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gaveUp
}

// leave frees the caller's place, unless it gave up waiting for the answer.
func (g *gate) leave(mark uint64, answered bool) {
	if answered {
		<-g.places
		g.answered(mark)
		return
	}
	g.mu.Lock()
	g.gaveUp++
	g.mu.Unlock()
}

// answered frees the places of the calls that gave up before mark was taken.
func (g *gate) answered(mark uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for ; g.freed < mark; g.freed++ {
		<-g.places
	}
}
