package gateway

import (
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"sync/atomic"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/pace"
)

// purpose is what runs on a socket: one of the protocols. Each is a struct that begins with the [session].
type purpose interface {
	// message takes one message of the client's. It runs in the poller: it does no I/O but non-blocking writes. errGone
	// says that nothing more is listened to.
	message(op codec.Opcode, payload []byte) error
	// drained hears that the socket takes bytes again. It runs under nbio's lock of the connection: it may not touch
	// it.
	drained()
	// revoked says goodbye to somebody whose token counts no more; the state says why.
	revoked(state chat.TokenState)
	// flooded says goodbye to somebody who sends too much, see bears.
	flooded()
	// stays is called from time to time while the socket is open. It does not block.
	stays()
	// gone gives back what the socket held. It is called once, when the connection has been closed, or was never taken
	// over.
	gone()
}

// Newcomer is a purpose whose session has yet to show a token, by a frame.
type Newcomer interface {
	// NoToken tells that it has had auth.first_frame for that.
	NoToken()
}

// session is one WebSocket: its socket, who is at the other end, and what runs on it. It has no goroutine, timer or
// queue of its own. Make it with init.
type session struct {
	socket

	// Immutable once the poller knows the connection.
	edge    *Edge
	user    string // see rights
	runs    purpose
	deflate bool // what was agreed on at the handshake

	// What a native socket has done; owned by the poller. They stand here because there is room for them.
	bad   uint8  // ops in a row that could not be taken, and unjoined; or discarding
	likes uint16 // see takeLikes; and discard
	slot  int32  // place in Sessions.list; guarded by that lock

	// rights are what the token gives. They are there before the poller knows the connection, but for who shows a token
	// in their first frame: then user is set before, and whoever reads that looks here first.
	rights atomic.Pointer[rights]

	reader codec.Reader // owned by the poller

	// Atomic; clock seconds.
	heard     atomic.Uint32 // last time a byte came
	pinged    atomic.Uint32 // last time we pinged
	prolonged atomic.Uint32 // last time the token's life was prolonged

	nuisance pace.Used     // owned by the poller, see bears
	ops      pace.Used     // of limits.message_rate; owned by the poller
	ticket   atomic.Uint32 // a door.Ticket: whose connection it is, and what it holds
}

// init makes the session one of the visitor's, for what runs on it.
func (s *session) init(e *Edge, v *visitor, runs purpose) {
	s.edge, s.user, s.runs, s.deflate = e, v.user, runs, v.deflate
	if v.rights != nil {
		s.rights.Store(v.rights)
	}
	s.ticket.Store(uint32(v.ticket))
	now := e.clock.now()
	s.heard.Store(now)
	s.prolonged.Store(now)
}

// read takes what the poller read from the socket. b belongs to the poller, and may
// be changed. It runs in the poller: it does no I/O but non-blocking writes.
func (s *session) read(b []byte) {
	defer s.recoverBug()
	now := s.edge.clock.now()
	s.heard.Store(now)
	s.edge.Stats.bytesIn.Add(uint64(len(b)))
	if s.ending() { // the peer's answer to our close frame, or what it sent before that
		s.discard(len(b))
		return
	}
	err := s.reader.Feed(b, int(s.edge.Config.Server.MaxMessageBytes), s)
	if violation, ok := err.(*codec.ProtocolError); ok { //nolint:errorlint // Feed returns it bare; this is the hot path's exit
		s.closeWith(closeProtocolError, violation.Code, violation.Reason)
	}
}

// mostDiscarded bounds what is read from a socket that is closing, in KiB: the rest of a message that was too long, and
// what the buffers on the way hold.
const mostDiscarded = 4096

// discarding in session.bad says that session.likes counts KiB that were discarded.
const discarding = math.MaxUint8

// unjoined in session.bad says that the user becomes a member of the room by what they say first, see joins.speaks.
const unjoined = 1 << 6

// discard counts what a peer sends that was closed. One that does not stop is cut: reading the rest of its grace would
// be at the cost of others.
func (s *session) discard(bytes int) {
	if s.bad != discarding {
		s.bad, s.likes = discarding, 0
	}
	if s.likes += uint16(toKibibytes(bytes)); s.likes > mostDiscarded {
		s.kill(closePeer)
	}
}

func (s *session) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing != closeNone
}

// badOp counts an op that could not be taken, and returns how many there were in a row; goodOp ends the row. Both run in
// the poller.
func (s *session) badOp() int {
	s.bad++
	return int(s.bad &^ unjoined)
}

func (s *session) goodOp() { s.bad &= unjoined }

// errGone stops the frame reader: the session is closing.
var errGone = errors.New("session is closing")

// Frame takes one message or control frame, see codec.FrameHandler.
func (s *session) Frame(op codec.Opcode, payload []byte) error {
	switch op {
	case codec.OpText, codec.OpBinary:
		s.edge.Stats.messagesIn.Add(1)
		if s.edge.draining.Load() {
			s.edge.Stats.ignored.Add(1)
			return nil
		}
		return s.runs.message(op, payload)
	case codec.OpPing:
		if !s.bears(nuisanceFrame) {
			return errGone
		}
		var buf [2 + 125]byte
		s.unicast(codec.AppendFrame(buf[:0], codec.OpPong, payload))
	case codec.OpPong, codec.OpContinuation: // a pong only shows life; the reader joins fragments
		if !s.bears(nuisanceFrame) {
			return errGone
		}
	case codec.OpClose:
		code, _, err := codec.ParseClose(payload)
		if err != nil {
			return err
		}
		s.closeWith(closePeer, code, "")
		return errGone
	}
	return nil
}

// Deflates says what was agreed on at the handshake, see codec.FrameHandler.
func (s *session) Deflates() bool { return s.deflate }

// recoverBug keeps a bug in the handling of one socket from taking all others down.
func (s *session) recoverBug() {
	if bug := recover(); bug != nil {
		s.edge.Log.Error("BUG: panic while reading from a socket", slog.Any("panic", bug), slog.String("stack", string(debug.Stack())))
		s.close(closeInternal)
	}
}
