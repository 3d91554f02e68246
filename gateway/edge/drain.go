package edge

import (
	"context"
	"fmt"
	"time"

	"barrage/codec"
)

// Draining reports whether the node leaves: nobody comes in any more, and nothing that clients say is taken.
func (e *Edge) Draining() bool { return e.draining.Load() }

// Leave has the node leave: see Draining.
func (e *Edge) Leave() { e.draining.Store(true) }

// drainStep is how often SendAway closes some sockets.
const drainStep = 20 * time.Millisecond

// SendAway closes every socket with 1012, evenly over server.drain_spread, so that the
// other nodes do not get all clients at once. When ctx ends it closes the rest at once.
func (e *Edge) SendAway(ctx context.Context) {
	spread := min(e.Config.Server.DrainSpread, e.Config.Server.DrainTimeout/2)
	e.Hall.Announce(codec.ReconnectText(spread.Milliseconds(), "the node is leaving"))
	_ = WaitUntil(ctx, e.Hall.Written) // else the close would overtake it
	var all []*Session
	e.Sessions.Each(func(c *Session) { all = append(all, c) }) // TakeOver closes those that come later
	t := time.NewTicker(drainStep)
	defer t.Stop()
	for left := int(spread/drainStep) + 1; ; left-- {
		some := len(all)
		if ctx.Err() == nil {
			some = (len(all) + left - 1) / max(left, 1)
		}
		for _, c := range all[:some] {
			c.Close(CloseRestart)
		}
		if all = all[some:]; len(all) == 0 {
			return
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
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
