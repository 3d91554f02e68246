package edge

import (
	"net/http"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/room"
)

// Member is a socket that is in a room, whatever it speaks.
type Member struct {
	Session
	// Here is the member as its room has it; entering is the protocol's.
	Here room.Member
}

// inRoom is what runs on a socket, or an author, that is in a room.
type inRoom interface{ member() *Member }

func (m *Member) member() *Member { return m }

// Speak has say post a message, which reports whether it was not refused, and returns its error. A user who has come in
// without a proof of who they are becomes a member of the room by that, see during. It runs in the poller.
func (m *Member) Speak(say func() (said bool, err error)) error {
	if m.bad&unjoined == 0 {
		_, err := say()
		return err
	}
	join := &queuedJoin{Membership: chat.Membership{UserID: m.user, Room: m.Here.Room().ID()}}
	return during(m.edge.Joins, join, func() (said bool, err error) {
		if said, err = say(); said {
			m.bad &^= unjoined
		}
		return said, err
	})
}

// Stretch is that of the member's poller, see room.Hurried.
func (m *Member) Stretch() *room.Stretch { return &m.edge.pollerOf(&m.nb).stretch }

// Stays has a user's memberships live on, see Purpose.
func (m *Member) Stays() {
	if !m.Rights().Guest {
		m.edge.Joins.keep(m.user)
	}
}

// Drained has the room write on, see Purpose.
func (m *Member) Drained() { m.Here.Room().Drained(&m.Here) }

// Gone leaves the room, see Purpose.
func (m *Member) Gone() {
	rm := m.Here.Room()
	rm.Leave(&m.Here)
	rm.Release()
}

// Enter takes over the connection of a member that is in its room already, and begins with welcome. On a refusal it
// leaves.
func (m *Member) Enter(w http.ResponseWriter, v *Visitor, welcome []byte) *Refusal {
	if m.edge.Guard.unproven(*v) {
		m.bad |= unjoined
	}
	bad := m.edge.Joins.Join(*v, m.Here.Room().ID(), func() *Refusal { return m.TakeOver(w, v, welcome) })
	if bad != nil {
		m.Gone()
		return bad
	}
	m.Here.Room().Attach(&m.Here)
	return nil
}

// Deaf is a socket whose messages are ignored.
type Deaf struct{ Session }

// Message counts what comes, see Purpose. ErrGone says that it was too much.
func (d *Deaf) Message(codec.Opcode, []byte) error {
	d.edge.Stats.Ignored.Add(1)
	if !d.Bears(NuisanceFrame) {
		return ErrGone
	}
	return nil
}

// Stays is as a Member's.
func (d *Deaf) Stays() { d.edge.Joins.keep(d.user) }

// Barred closes the socket, see Purpose.
func (d *Deaf) Barred(chat.Measure) { d.Close(CloseForbidden) }

// Judged does nothing: nothing is sent here.
func (d *Deaf) Judged() {}

// Drained does nothing: only members wait.
func (d *Deaf) Drained() {}
