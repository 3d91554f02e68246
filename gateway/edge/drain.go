package edge

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"barrage/codec"
)

// Draining reports whether nobody comes in any more: the node leaves, or steps aside.
func (e *Edge) Draining() bool { return e.leaving.Load() || e.aside.on.Load() }

// Leaving reports whether the node leaves for good: nothing that clients say is taken.
func (e *Edge) Leaving() bool { return e.leaving.Load() }

// Leave has the node leave: see Leaving.
func (e *Edge) Leave() { e.leaving.Store(true) }

// aside is a node that sends its clients to others and stays.
type aside struct {
	on atomic.Bool
	mu sync.Mutex         // held while on changes; guards the field below
	no context.CancelFunc // ends sending away; nil: nobody was sent
}

// StepAside has nobody come in any more, and closes every socket with 1012 over a time, until ctx ends or StepBack.
// What clients say meanwhile is taken. It does not wait, and does nothing where that is so already.
func (e *Edge) StepAside(ctx context.Context, workers *sync.WaitGroup, over time.Duration) {
	a := &e.aside
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.on.Swap(true) {
		return
	}
	ctx, a.no = context.WithCancel(ctx)
	workers.Go(func() {
		written, cancel := context.WithTimeout(ctx, writtenPatience)
		e.announce(written, over)
		cancel()
		e.closeEvenly(ctx, over)
	})
}

// StepBack lets clients come in again, and sends nobody away any more.
func (e *Edge) StepBack() {
	a := &e.aside
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.on.Swap(false) {
		a.no()
	}
}

// drainStep is how often closeEvenly closes some sockets.
const drainStep = 20 * time.Millisecond

// writtenPatience bounds the wait for what was said before sockets are closed of a node whose rooms go on, and may
// always have something to write: the largest rooms take less.
const writtenPatience = time.Second

// SendAway closes every socket with 1012, evenly over server.drain_spread, so that the
// other nodes do not get all clients at once. When ctx ends it closes the rest at once.
func (e *Edge) SendAway(ctx context.Context) {
	spread := min(e.Config().Server.DrainSpread, e.Config().Server.DrainTimeout/2)
	e.announce(ctx, spread)
	for _, c := range e.closeEvenly(ctx, spread) {
		c.Close(CloseRestart)
	}
}

// announce tells native clients to come back within a time, and waits until that is written or ctx ends.
func (e *Edge) announce(ctx context.Context, within time.Duration) {
	e.Hall.Announce(codec.ReconnectText(within.Milliseconds(), "the node is leaving"))
	_ = WaitUntil(ctx, e.Hall.Written) // else the close would overtake it
}

// closeEvenly closes every socket with 1012, evenly over a time. When ctx ends it returns those that are left.
func (e *Edge) closeEvenly(ctx context.Context, spread time.Duration) (left []*Session) {
	e.Sessions.Each(func(c *Session) { left = append(left, c) }) // TakeOver closes those that come later
	t := time.NewTicker(drainStep)
	defer t.Stop()
	all, steps := left, int(spread/drainStep)+1
	for step := 1; ctx.Err() == nil; step++ {
		due := min((len(all)*step+steps-1)/steps, len(all)) // by the end of this step
		for _, c := range all[len(all)-len(left) : due] {
			c.Close(CloseRestart)
		}
		if left = all[due:]; len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return left
}

// WaitEmpty waits until every session is gone, and every handshake that was let in.
func (e *Edge) WaitEmpty(ctx context.Context) error {
	if err := WaitUntil(ctx, func() bool { return e.Sessions.Held() == 0 }); err != nil {
		return fmt.Errorf("cannot wait longer for %d clients to answer the close: %w", e.Sessions.Held(), err)
	}
	return nil
}

// WaitUntil looks every few milliseconds whether done, until it is or ctx ends.
func WaitUntil(ctx context.Context, done func() bool) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
	return nil
}

// CutOff ends every socket at once, and then the pollers.
func (e *Edge) CutOff(ctx context.Context) {
	e.Sessions.Each(func(c *Session) { c.kill(CloseRestart) })
	_ = e.WaitEmpty(ctx)
	_ = e.engine.Shutdown(ctx)
}
