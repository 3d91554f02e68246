package gateway

import (
	"context"
	"time"

	"barrage/room"
)

// expelEvery is how often the members of private rooms are looked through. Who is removed and says something goes at
// once; who only reads, within this.
const expelEvery = time.Minute

// inRoom is an author, or what runs on a socket, that is in a room as a user.
type inRoom interface {
	who() (user string, id string)
	// expelled tells that the user is a member of the room no more.
	expelled()
}

func (m *member) who() (user, id string) { return m.user, m.place.Room().ID() }

func (m *member) expelled() { m.close(closeForbidden) }

// private reports whether only members may be in a room.
func (s *Server) private() bool { return !s.cfg.AutoJoin }

// mayStillSay drops those from ok whose author is a member of the room no more, and ends them.
func (s *Server) mayStillSay(ctx context.Context, from []room.Author, ok []bool) error {
	for i, a := range from {
		m, is := a.(inRoom)
		if !is || !ok[i] || a.(author).has().named { // a call was checked when it came
			continue
		}
		user, id := m.who()
		in, err := s.store.IsMember(ctx, user, id) // mostly known here
		if err != nil {
			return err
		}
		if ok[i] = in; !in {
			m.expelled()
		}
	}
	return nil
}

// expel ends the sockets of users who were removed from their private room, until ctx ends.
func (s *Server) expel(ctx context.Context) {
	t := time.NewTicker(expelEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := s.expelOnce(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("cannot look for members who were removed; trying again", "err", err)
			}
		}
	}
}

func (s *Server) expelOnce(ctx context.Context) error {
	if err := s.lists.recheck(ctx); err != nil {
		return err
	}
	var all []inRoom
	s.sessions.each(func(c *session) {
		if m, is := c.runs.(inRoom); is && c.has() != nil && !c.has().named {
			all = append(all, m)
		}
	})
	var removed []inRoom
	for _, m := range all {
		user, id := m.who()
		in, err := s.store.IsMember(ctx, user, id)
		if err != nil {
			return err
		}
		if !in {
			removed = append(removed, m)
		}
	}
	if len(removed) >= lostFrom && 2*len(removed) > len(all) {
		s.log.Warn("the store has lost most memberships: members stay until they speak", "lost", len(removed), "of", len(all))
		return nil
	}
	for _, m := range removed {
		m.expelled()
	}
	return nil
}
