package edge

import (
	"barrage/internal/chat"
)

// Socket is a WebSocket as operators see it.
type Socket struct {
	Room    string   `json:"room"` // empty: in none, as a list of FastIM
	Since   int64    `json:"since"`
	Address string   `json:"address,omitempty"` // as limits have it, with its prefix; empty where nobody counts them
	Role    string   `json:"role"`              // of the token
	Guest   bool     `json:"guest"`
	Can     []string `json:"can"`
}

// SocketsOf are a user's sockets on this node, at most so many of them, and how many there are.
func (e *Edge) SocketsOf(user string, most int) (some []Socket, n int) {
	some = []Socket{}
	e.Sessions.Each(func(s *Session) {
		r := s.Rights()
		if r == nil || s.user != user || s.ending() { // without rights nobody knows yet whose it is
			return
		}
		if n++; n > most {
			return
		}
		k := Socket{
			Since: s.came().UnixMilli(),
			Role:  max(r.Rank(), chat.RoleViewer).String(), Guest: r.Guest, Can: r.Can.Names(),
		}
		if rm := s.room(); rm != nil {
			k.Room = rm.ID()
		}
		if from, ok := e.Door.From(s.Ticket()); ok {
			k.Address = from.String()
		}
		some = append(some, k)
	})
	return some, n
}
