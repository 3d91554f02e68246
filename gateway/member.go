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

// speaks makes the user a member of the room who has come in without a proof of who they are. It runs in the poller.
func (m *member) speaks() {
	if m.bad&unjoined != 0 {
		m.bad &^= unjoined
		m.edge.Joins.speaks(m.user, m.place.Room().ID())
	}
}

func (m *member) stays() {
	if !m.has().guest {
		m.edge.Joins.keep(m.user)
	}
}

func (m *member) drained() { m.place.Room().Drained(&m.place) }

func (m *member) gone() {
	rm := m.place.Room()
	rm.Leave(&m.place)
	rm.Release()
}

// enter takes over the connection of a member that is in its room already, and begins with welcome. On a refusal it
// leaves.
func (m *member) enter(w http.ResponseWriter, v *visitor, welcome []byte) *refusal {
	if m.edge.Guard.unproven(*v) {
		m.bad |= unjoined
	}
	bad := m.edge.Joins.join(*v, m.place.Room().ID(), func() *refusal { return m.takeOver(w, v, welcome) })
	if bad != nil {
		m.gone()
		return bad
	}
	m.place.Room().Attach(&m.place)
	return nil
}

// deaf is a socket that is not listened to.
type deaf struct{ session }

func (d *deaf) message(codec.Opcode, []byte) error { //nolint:unparam // see purpose
	d.edge.Stats.ignored.Add(1)
	return nil
}

func (d *deaf) stays() { d.edge.Joins.keep(d.user) }

func (d *deaf) drained() {} // nobody waits: only members do
