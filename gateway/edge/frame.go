package edge

import (
	"errors"

	"barrage/codec"
)

// This file is what a session does with the frames that codec.Reader has read for it. It runs in the poller.

// ErrGone stops the frame reader: the session is closing.
var ErrGone = errors.New("session is closing")

// Frame takes one message or control frame, see codec.FrameHandler.
func (s *Session) Frame(op codec.Opcode, payload []byte) error {
	switch op {
	case codec.OpText, codec.OpBinary:
		s.edge.Stats.MessagesIn.Add(1)
		if s.edge.Exit.Leaving() {
			s.edge.Stats.Ignored.Add(1)
			return nil
		}
		return s.runs().Message(op, payload)
	case codec.OpPing:
		if !s.Bears(NuisanceFrame) {
			return ErrGone
		}
		var buf [2 + 125]byte
		s.Unicast(codec.AppendFrame(buf[:0], codec.OpPong, payload))
	// a pong only shows life, a small fragment not even that; or what was inflated
	case codec.OpPong, codec.OpContinuation:
		if !s.Bears(NuisanceOf(len(payload))) {
			return ErrGone
		}
	case codec.OpClose:
		code, _, err := codec.ParseClose(payload)
		if err != nil {
			return err
		}
		s.CloseWith(ClosePeer, code, "")
		return ErrGone
	}
	return nil
}

// Deflates reports what was agreed on at the handshake, see codec.FrameHandler.
func (s *Session) Deflates() bool { return s.deflate }

// mostBadOps is how many ops in a row may be bad before the socket is closed. The flag unjoined stands in the same
// byte.
const mostBadOps = 10

const _ = uint(unjoined - 1 - mostBadOps) // else the count would reach the flag

// BadOp counts an op that could not be taken, and reports whether the row of them is too long; GoodOp ends the row.
// Both run in the poller.
func (s *Session) BadOp() (tooMany bool) {
	s.bad++
	return s.bad&^unjoined >= mostBadOps
}

// GoodOp is beside BadOp.
func (s *Session) GoodOp() { s.bad &= unjoined }
