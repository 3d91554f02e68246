package edge

import (
	"context"

	"barrage/room"
)

// inRoom is an author, or what runs on a socket, that is in a room as a user.
type inRoom interface {
	who() (user string, id string)
	// expelled tells that the user is a member of the room no more.
	expelled()
}

func (m *Member) who() (user, id string) { return m.user, m.Place.Room().ID() }

func (m *Member) expelled() { m.Close(CloseForbidden) }

// Private reports whether only members may be in a room.
func (e *Edge) Private() bool { return !e.Config().AutoJoin }

// mayStillSay drops those from ok whose author is a member of the room no more, and ends them.
func (e *Edge) mayStillSay(ctx context.Context, from []room.Author, ok []bool) error {
	for i, a := range from {
		m, is := a.(inRoom)
		if !is || !ok[i] || a.(Author).Rights().named { // a call was checked when it came
			continue
		}
		user, id := m.who()
		in, err := e.store.IsMember(ctx, user, id) // mostly known here
		if err != nil {
			return err
		}
		if ok[i] = in; !in {
			m.expelled()
		}
	}
	return nil
}

// Expel ends the sockets of users who were removed from their private room, but where the store seems to have lost
// its memberships.
func (e *Edge) Expel(ctx context.Context) error {
	var all []inRoom
	e.Sessions.Each(func(c *Session) {
		if m, is := c.runs().(inRoom); is && c.Rights() != nil && !c.Rights().named {
			all = append(all, m)
		}
	})
	var removed []inRoom
	for _, m := range all {
		user, id := m.who()
		in, err := e.store.IsMember(ctx, user, id)
		if err != nil {
			return err
		}
		if !in {
			removed = append(removed, m)
		}
	}
	if len(removed) >= lostFrom && 2*len(removed) > len(all) {
		e.Log.Warn("the store has lost most memberships: members stay until they speak", "lost", len(removed), "of", len(all))
		return nil
	}
	for _, m := range removed {
		m.expelled()
	}
	return nil
}
