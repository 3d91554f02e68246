package edge

import (
	"context"
	"time"
	"unsafe"

	"barrage/codec"
	"barrage/internal/chat"
)

// closeGrace is how long in seconds a peer has to answer a close frame before the
// connection is cut.
const closeGrace = 5

// checkSessions is the one clock of all sessions. It pings the silent, closes the dead and the stuck, gives the hall
// the time, and gives memory back when a wave is over. 500,000 stamps take it 0.4 ms (measured).
func (e *Edge) checkSessions(ctx context.Context) {
	t := time.NewTicker(e.Times.Check)
	defer t.Stop()
	var trim memTrim
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			e.CheckSessions(now)
			e.checkLanes(time.Now()) // not the tick's time, which is an old one where the node stood still
			if trim.due(e.Stats.Handshakes.Load(), e.Sessions.Open()) {
				trimMemory()
			}
		}
	}
}

// StuckAfter is after how long a lane that has not come to its check is one that hangs. No sweep takes so long, nor
// does a machine that is busy, and it is five looks of the check.
const StuckAfter = 5 * time.Second

// checkLanes looks whether the lanes deliver.
func (e *Edge) checkLanes(now time.Time) {
	if stuck := e.Hall.CheckLanes(now); stuck < StuckAfter {
		e.delivered.Store(int64(now.Sub(e.made)))
	} else if stuck < StuckAfter+e.Times.Check {
		e.Log.Error("a lane delivers nothing: see the goroutines of /debug/pprof", "for", stuck)
	}
}

// SinceDelivery is how long ago the node was last found to deliver: its check of sessions ran, and so did all lanes.
func (e *Edge) SinceDelivery() time.Duration {
	return time.Since(e.made) - time.Duration(e.delivered.Load())
}

// CheckSessions is one such check. One runs at a time.
func (e *Edge) CheckSessions(now time.Time) {
	e.clock.set(now.Sub(e.started) - e.Hall.Tick(now, e.Times.Check))
	e.Plain.CloseStale()
	e.Door.LogNotes()
	e.Sessions.Each(func(c *Session) { e.inspect(c, now) })
}

// seconds is d in clock seconds, at least 1.
func seconds(d time.Duration) uint32 { return max(1, uint32(d/time.Second)) }

// keepEvery is how often in seconds an open socket counts as a use of its user's memberships. It is twice a day, so
// that they live on with room.membership_ttl of two days.
const keepEvery = 12 * 3600

// pingFrame is an empty ping.
var pingFrame = codec.AppendFrame(nil, codec.OpPing, "")

func (e *Edge) inspect(c *Session, at time.Time) {
	now := e.clock.now()
	if c.inspectClosing(now) {
		return
	}
	switch r := c.Rights(); {
	case r == nil:
		if n, is := c.runs().(Newcomer); is && now-c.prolonged.Load() >= seconds(e.Config().Auth.FirstFrame) {
			n.NoToken()
		}
		return
	case r.over(at):
		c.runs().Revoked(chat.TokenWrong)
		return
	}
	if c.pending.Load() > 0 {
		if now-c.progress.Load() >= seconds(e.Config().StuckTimeout) {
			c.Close(CloseStuck) // a client that reads on within closeGrace learns why
		}
		return // a peer that is being written to is alive
	}
	if now%keepEvery == uint32(uintptr(unsafe.Pointer(c))>>4)%keepEvery { // each in a second of its own
		c.runs().Stays()
	}
	silent := now - c.received.Load()
	switch {
	case silent >= seconds(e.Config().Server.IdleTimeout):
		c.Close(CloseIdle)
	case silent >= seconds(e.Config().Server.PingInterval) && now-c.pinged.Load() >= seconds(e.Config().Server.PingInterval):
		c.pinged.Store(now)
		c.Unicast(pingFrame)
	}
}

// inspectClosing reports whether the session is closing, and helps it along.
func (s *Session) inspectClosing(now uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == CloseNone {
		return false
	}
	s.shutLocked()
	if now-s.began.Load() >= closeGrace {
		s.killLocked()
	}
	return true
}
