package gateway

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/room"
)

// session is one WebSocket: its socket, who is at the other end, and what it came
// for. It has no goroutine, timer or queue of its own.
type session struct {
	socket

	// Immutable once the poller knows the connection.
	srv   *Server
	user  string
	token string
	room  *room.Room // the room it chats in; nil for a list or a refused session
	feed  *feed      // the list it shows; nil for all others

	member room.Member // its place in room

	reader codec.Reader // owned by the poller
	slot   int32        // place in Server.sessions; guarded by that lock

	flavour room.Flavour // what it speaks; immutable like the above
	bad     uint8        // ops in a row that could not be taken; owned by the poller

	// Atomic; clock seconds.
	heard     atomic.Uint32 // last time a byte came
	pinged    atomic.Uint32 // last time we pinged
	prolonged atomic.Uint32 // last time the token's life was prolonged
}

// read takes what the poller read from the socket. b belongs to the poller, and may
// be changed. It runs in the poller: it does no I/O but non-blocking writes.
func (s *session) read(b []byte) {
	defer s.recoverBug()
	now := s.srv.clock.now()
	s.heard.Store(now)
	s.srv.stats.bytesIn.Add(uint64(len(b)))
	if s.ending() {
		return // the peer's answer to our close frame, or what it sent before that
	}
	err := s.reader.Feed(b, int(s.srv.cfg.Server.MaxMessageBytes), s)
	if violation, ok := err.(*codec.ProtocolError); ok { //nolint:errorlint // Feed returns it bare; this is the hot path's exit
		s.closeWith(closeProtocolError, violation.Code, violation.Reason)
	}
}

func (s *session) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing != closeNone
}

// errGone stops the frame reader: the session is closing.
var errGone = errors.New("session is closing")

// Frame takes one message or control frame, see codec.FrameHandler.
func (s *session) Frame(op codec.Opcode, payload []byte) error {
	switch op {
	case codec.OpText, codec.OpBinary:
		return s.message(op, payload)
	case codec.OpPing:
		var buf [2 + 125]byte
		s.unicast(codec.AppendFrame(buf[:0], codec.OpPong, payload))
	case codec.OpPong, codec.OpContinuation: // a pong only shows life; the reader joins fragments
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
func (s *session) Deflates() bool { return s.flavour == room.Deflated }

// message takes one message from the client. What a list or a refused session says
// is not listened to; errGone says that nothing more is.
func (s *session) message(op codec.Opcode, payload []byte) error {
	s.srv.stats.messagesIn.Add(1)
	if s.room == nil || s.srv.draining.Load() {
		s.srv.stats.ignored.Add(1)
		return nil
	}
	if op == codec.OpBinary {
		s.closeWith(closeProtocolError, codec.CloseUnsupported, "only text messages are understood here")
		return errGone
	}
	if s.flavour != room.FastIM {
		return s.op(payload)
	}
	// A full queue is counted by the room; FastIM clients have no word for it.
	_ = s.room.Post(s, s.user, string(payload), time.Now())
	return nil
}

// recoverBug keeps a bug in the handling of one socket from taking all others down.
func (s *session) recoverBug() {
	if bug := recover(); bug != nil {
		s.srv.log.Error("BUG: panic while reading from a socket", slog.Any("panic", bug), slog.String("stack", string(debug.Stack())))
		s.close(closeInternal)
	}
}
