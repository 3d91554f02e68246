package gateway

import (
	"net/http"

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

// deaf is a socket that is not listened to.
type deaf struct{ session }

func (d *deaf) message(codec.Opcode, []byte) error { //nolint:unparam // see purpose
	d.srv.stats.ignored.Add(1)
	return nil
}

func (d *deaf) drained() {} // nobody waits: only members do
