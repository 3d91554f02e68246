package gateway

import (
	"net/http"
	"time"

	"barrage/codec"
	"barrage/room"
)

// member is a socket that is in a room, whatever it speaks.
type member struct {
	session
	place room.Member
}

func (m *member) drained() { m.place.Room().Drained(&m.place) }

func (m *member) gone() {
	rm := m.place.Room()
	rm.Leave(&m.place)
	rm.Release()
}

// enter takes over the connection of a member that is in its room already, and begins with welcome. On a refusal it
// leaves.
func (m *member) enter(w http.ResponseWriter, v visitor, welcome []byte) *refusal {
	if bad := m.srv.takeOver(w, v, &m.session, welcome); bad != nil {
		m.gone()
		return bad
	}
	m.place.Room().Attach(&m.place)
	return nil
}

// text reports whether a message is text; else the socket is closed.
func (m *member) text(op codec.Opcode) bool {
	if op == codec.OpBinary {
		m.closeWith(closeProtocolError, codec.CloseUnsupported, "only text messages are understood here")
		return false
	}
	return true
}

// fastIMMember is a socket of FastIM's chat (contract section 2).
type fastIMMember struct{ member }

// message says all that comes in the room.
func (m *fastIMMember) message(op codec.Opcode, payload []byte) error {
	if !m.text(op) {
		return errGone
	}
	// A full queue is counted by the room; FastIM clients have no word for it.
	_ = m.place.Room().Post(m, m.user, string(payload), time.Now())
	return nil
}

func (m *fastIMMember) revoked() { m.notLoggedIn() }

// Answered is never called: FastIM's messages have no ids.
func (m *fastIMMember) Answered(room.Answer) {}

// notLoggedIn says FastIM's goodbye to somebody without a token that counts.
func (s *session) notLoggedIn() {
	s.unicast(notLoggedIn)
	s.close(closeUnauthorized)
}

// deaf is a socket that is not listened to.
type deaf struct{ session }

func (d *deaf) message(codec.Opcode, []byte) error { //nolint:unparam // see purpose
	d.srv.stats.ignored.Add(1)
	return nil
}

func (d *deaf) drained() {} // nobody waits: only members do

// turnedAway is a socket that is closed as soon as it is open, because only there FastIM's clients look for the reason.
type turnedAway struct{ deaf }

func (*turnedAway) revoked() {} // it is being closed
func (*turnedAway) gone()    {}
