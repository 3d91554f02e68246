package edge

import (
	"time"

	"github.com/lesismal/nbio"

	"barrage/room"
)

// This file is what tests of other packages, which go over the wire, see and do of what the wire does not show. Nothing
// else uses it: lint forbids the names.

// Probe is a session in the hands of a test.
type Probe struct{ *Session }

// Pending is how many bytes nbio holds for the session.
func (p Probe) Pending() int64 { return p.pending.Load() }

// Expect has the session take bytes for its own that the test gives to nbio.
func (p Probe) Expect(bytes int) { p.pending.Add(int64(bytes)) }

// Waits reports whether the member's lane wants to hear when nothing is pending.
func (p Probe) Waits() bool { return p.waiting.Load() }

// Progress and Heard are when pending last shrank, and when a byte last came, in clock seconds.
func (p Probe) Progress() uint32 { return p.progress.Load() }

// Heard is beside Progress.
func (p Probe) Heard() uint32 { return p.received.Load() }

// Conn is nbio's connection.
func (p Probe) Conn() *nbio.Conn { return &p.nb }

// ProbeVolleyWriter is one more VolleyWriter, which the test closes; nil where there is no io_uring.
func (e *Edge) ProbeVolleyWriter() room.VolleyWriter {
	if all := e.newWriters(1); all != nil {
		return all[0]
	}
	return nil
}

// Read has the session read what a poller would have read.
func (p Probe) Read(b []byte) { p.read(b) }

// Kill cuts the connection.
func (p Probe) Kill(why CloseReason) { p.kill(why) }

// Recover is to be deferred where the session's code panics.
func (p Probe) Recover() func() { return p.recoverBug }

// Stays is what the session check calls twice a day.
func (p Probe) Stays() { p.runs().Stays() }

// Lively has the check inspect the session, from which something came at that second.
func (p Probe) Lively(second uint32) {
	p.edge.clock.set(time.Duration(second) * time.Second)
	p.received.Store(second)
	p.pinged.Store(second)
	p.edge.inspect(p.Session, time.Now())
}

// ProbeClock sets the clock of the session check to so long after the start, which ProbeStarted is.
func (e *Edge) ProbeClock(since time.Duration) { e.clock.set(since) }

// ProbeStarted is beside ProbeClock.
func (e *Edge) ProbeStarted() time.Time { return e.started }

// ProbeDraining sets whether the node leaves.
func (e *Edge) ProbeDraining(leaves bool) { e.Exit.leaving.Store(leaves) }

// ProbeKicked reports whether somebody asks for a pass, and takes that back.
func (r *TokenWatcher) ProbeKicked() bool {
	select {
	case <-r.kick:
		return true
	default:
		return false
	}
}

// ProbeStill has the edge believe that it has delivered nothing for so long, until its next check of sessions.
func (e *Edge) ProbeStill(since time.Duration) { e.delivered.Store(int64(time.Since(e.made) - since)) }

// ProbeDirect is how many handshakes net/http had no part in.
func (e *Edge) ProbeDirect() uint64 { return e.acceptor.direct.Load() }
