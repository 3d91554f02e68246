package edge

import (
	"log/slog"
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/internal/chat"
	"barrage/internal/pace"
)

// Purpose is what runs on a socket: chat or a list of FastIM, or barrage.v1. Each is a struct that begins with a
// [Session], a [Member] or a [Deaf], and gives itself to Init.
type Purpose interface {
	// Message takes one message of the client's. It runs in the poller: it does no I/O but non-blocking writes. ErrGone
	// says that no more of its messages are taken.
	Message(op codec.Opcode, payload []byte) error
	// Drained is called when the socket takes bytes again. It runs under nbio's lock of the connection: it may not touch
	// it.
	Drained()
	// Revoked closes the socket of a user whose token counts no more; the state says why.
	Revoked(state chat.TokenState)
	// Flooded closes the socket of a user who sends too much, see Session.Bears.
	Flooded()
	// Barred closes the socket of a user whom a measure keeps out of the room.
	Barred(m chat.Measure)
	// Judged is called when measures about its user have changed, none of which keeps them out. It does not block.
	Judged()
	// Stays is called from time to time while the socket is open. It does not block.
	Stays()
	// Gone gives back what the socket held. It is called once, when the connection has been closed, or was never taken
	// over.
	Gone()

	session() *Session
}

// Newcomer is a purpose whose user shows a token by a frame: until Member.Identify the session has no rights.
type Newcomer interface {
	// NoToken is called again and again once no token was shown within auth.first_frame.
	NoToken()
}

// Session is one WebSocket: its socket, who is at the other end, and what runs on it. It has no goroutine, timer or
// queue of its own. Make it by new, and then with Init. A literal counts as a write to nbio's lock in it, which the
// race detector does not see to be before the poller's.
type Session struct {
	socket

	// Immutable once the poller knows the connection.
	edge    *Edge
	user    string // see rights
	deflate bool   // as agreed on at the handshake

	// Records of what a native socket has done; owned by the poller. They stand here because there is room for them.
	bad   uint8  // ops in a row that could not be taken, and unjoined; or discarding
	likes uint16 // see TakeLikes; and discard
	index int32  // in Sessions.list; guarded by that lock

	// rights are what the token gives. They are there before the poller knows the connection, but for clients that show a
	// token in their first frame. Then user is set before, and a reader of that looks here first.
	rights atomic.Pointer[Rights]

	reader codec.Reader // owned by the poller

	// Atomic; clock seconds.
	received  atomic.Uint32 // last time a byte came
	pinged    atomic.Uint32 // last time we pinged
	prolonged atomic.Uint32 // last time the token's life was prolonged

	nuisance pace.Used     // owned by the poller, see Bears
	ops      pace.Used     // of limits.message_rate, the time of the last op where that is off; owned by the poller
	ticket   atomic.Uint32 // a door.Ticket: the owner of the connection, and what it holds
}

// Init makes the session one of the visitor's, for what runs on it. Nobody else may know the session yet.
func (s *Session) Init(e *Edge, v *Visitor, runs Purpose) {
	s.edge, s.user, s.deflate = e, v.User, v.Deflate
	s.nb.SetSession(runs)
	if v.Rights != nil {
		s.rights.Store(v.Rights)
	}
	s.ticket.Store(uint32(v.ticket))
	s.began.Store(uint32(time.Since(e.started) / time.Second))
	now := e.clock.now()
	s.received.Store(now)
	s.prolonged.Store(now)
}

// came is when the connection came, by the second; wrong where it is closing.
func (s *Session) came() time.Time {
	return s.edge.started.Add(time.Duration(s.began.Load()) * time.Second)
}

// runs is what runs on the session. nbio has a place for it.
func (s *Session) runs() Purpose { return s.nb.Session().(Purpose) }

// Edge is the session's.
func (s *Session) Edge() *Edge { return s.edge }

// User is whose session it is. Nobody but the poller may ask before the session has Rights.
func (s *Session) User() string { return s.user }

// Ticket is whose connection it is, see package door.
func (s *Session) Ticket() door.Ticket { return door.Ticket(s.ticket.Load()) }

// SetRights gives the session the rights of a new token of the same user.
func (s *Session) SetRights(r *Rights) { s.rights.Store(r) }

// read takes what the poller read from the socket. b belongs to the poller, and may
// be changed. It runs in the poller: it does no I/O but non-blocking writes.
func (s *Session) read(b []byte) {
	defer s.recoverBug()
	now := s.edge.clock.now()
	s.received.Store(now)
	s.edge.Stats.BytesIn.Add(uint64(len(b)))
	if s.ending() { // the peer's answer to our close frame, or what it sent before that
		s.discard(len(b))
		return
	}
	err := s.reader.Feed(b, int(s.edge.Config().Server.MaxMessageBytes), s)
	if violation, ok := err.(*codec.ProtocolError); ok { //nolint:errorlint // Feed returns it bare; this is the hot path's exit
		s.CloseWith(CloseProtocolError, violation.Code, violation.Reason)
	}
}

// mostDiscarded bounds what is read from a socket that is closing, in KiB. It is the rest of a message that was too
// long, and what the buffers on the way hold.
const mostDiscarded = 4096

// discarding in Session.bad says that Session.likes counts KiB that were discarded.
const discarding = math.MaxUint8

// unjoined in Session.bad says that the user becomes a member of the room by the first message that is taken, see
// Member.Speak.
const unjoined = 1 << 6

// discard counts what a peer sends that was closed. One that does not stop is cut: reading the rest of its grace would
// be at the cost of others.
func (s *Session) discard(bytes int) {
	if s.bad != discarding {
		s.bad, s.likes = discarding, 0
	}
	if s.likes += uint16(toKibibytes(bytes)); s.likes > mostDiscarded {
		s.kill(ClosePeer)
	}
}

func (s *Session) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing != CloseNone
}

// recoverBug keeps a bug in the handling of one socket from taking all others down.
func (s *Session) recoverBug() {
	if bug := recover(); bug != nil {
		s.edge.Log.Error("BUG: panic while reading from a socket", slog.Any("panic", bug), slog.String("stack", string(debug.Stack())))
		s.Close(CloseInternal)
	}
}
