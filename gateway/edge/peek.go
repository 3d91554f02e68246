package edge

import (
	"time"

	"github.com/lesismal/nbio"

	"barrage/room"
)

// This file is what tests of other packages, which go over the wire, see and do of what the wire does not show. Nothing
// else uses it: lint forbids the names.

// Peek is a session in the hands of a test.
type Peek struct{ *Session }

// Pending is how many bytes nbio holds for the session.
func (p Peek) Pending() int64 { return p.pending.Load() }

// Expect has the session take bytes for its own that the test gives to nbio.
func (p Peek) Expect(bytes int) { p.pending.Add(int64(bytes)) }

// Waits reports whether the member's lane wants to be notified when nothing is pending.
func (p Peek) Waits() bool { return p.waiting.Load() }

// Progress and Received are when pending last shrank, and when a byte last came, in clock seconds.
func (p Peek) Progress() uint32 { return p.progress.Load() }

// Received is beside Progress.
func (p Peek) Received() uint32 { return p.received.Load() }

// Conn is nbio's connection.
func (p Peek) Conn() *nbio.Conn { return &p.nb }

// PeekVolleyWriter is one more VolleyWriter, which the test closes; nil where there is no io_uring.
func (e *Edge) PeekVolleyWriter() room.VolleyWriter {
	if all := e.newWriters(1); all != nil {
		return all[0]
	}
	return nil
}

// Read has the session read what a poller would have read.
func (p Peek) Read(b []byte) { p.read(b) }

// Kill cuts the connection.
func (p Peek) Kill(why CloseReason) { p.kill(why) }

// Recover is to be deferred where the session's code panics.
func (p Peek) Recover() func() { return p.recoverBug }

// Stays is what the session check calls twice a day.
func (p Peek) Stays() { p.runs().Stays() }

// Lively has the check inspect the session, from which something came at that second.
func (p Peek) Lively(second uint32) {
	p.edge.clock.set(time.Duration(second) * time.Second)
	p.received.Store(second)
	p.pinged.Store(second)
	p.edge.inspect(p.Session, time.Now())
}

// Came has the connection have come so many seconds after the start.
func (p Peek) Came(second uint32) { p.began.Store(second) }

// PeekClock sets the clock of the session check to so long after the start, which PeekStarted is.
func (e *Edge) PeekClock(since time.Duration) { e.clock.set(since) }

// PeekStarted is beside PeekClock.
func (e *Edge) PeekStarted() time.Time { return e.started }

// PeekDraining sets whether the node leaves.
func (e *Edge) PeekDraining(leaves bool) { e.Exit.leaving.Store(leaves) }

// PeekDue reports whether somebody asks for a round, and takes that back.
func (r *TokenWatcher) PeekDue() bool {
	select {
	case <-r.due:
		return true
	default:
		return false
	}
}

// PeekStill has the edge believe that it has delivered nothing for so long, until its next check of sessions.
func (e *Edge) PeekStill(since time.Duration) { e.delivered.Store(int64(time.Since(e.made) - since)) }

// PeekDirect is how many handshakes net/http had no part in.
func (e *Edge) PeekDirect() uint64 { return e.acceptor.direct.Load() }
