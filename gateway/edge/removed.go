package edge

import (
	"context"

	"barrage/room"
)

// Private reports whether only members may be in a room.
func (e *Edge) Private() bool { return !e.Config().AutoJoin }

// mayStillSay drops those from ok whose author is a member of the room no more, and ends them.
func (e *Edge) mayStillSay(ctx context.Context, from []room.Author, ok []bool) error {
	for i, a := range from {
		in, is := a.(inRoom)
		if !is || !ok[i] || a.(Author).Rights().named { // a call was checked when it came
			continue
		}
		m := in.member()
		is, err := e.store.IsMember(ctx, m.user, m.Here.Room().ID()) // mostly known here
		if err != nil {
			return err
		}
		if ok[i] = is; !is {
			m.Close(CloseForbidden)
		}
	}
	return nil
}

// Expel ends the sockets of users who were removed from their private room, but where the store seems to have lost
// its memberships.
func (e *Edge) Expel(ctx context.Context) error {
	var all []*Member
	e.Sessions.Each(func(c *Session) {
		if in, is := c.runs().(inRoom); is && c.Rights() != nil && !c.Rights().named {
			all = append(all, in.member())
		}
	})
	var removed []*Member
	for _, m := range all {
		in, err := e.store.IsMember(ctx, m.user, m.Here.Room().ID())
		if err != nil {
			return err
		}
		if !in {
			removed = append(removed, m)
		}
	}
	if mostLost(len(removed), len(all)) {
		e.Log.Warn("the store has lost most memberships: members stay until they speak", "lost", len(removed), "of", len(all))
		return nil
	}
	for _, m := range removed {
		m.Close(CloseForbidden)
	}
	return nil
}
