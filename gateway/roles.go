package gateway

import (
	"context"

	"barrage/gateway/fleet"
	"barrage/internal/chat"
)

// This file is the roles that tokens give, which the node alone knows that has the user's socket. Moderators are held
// against them on every node.

// askRole is what a node asks the others before a moderator acts on somebody.
const askRole = "role"

// whoseRole is a user in a room.
type whoseRole struct {
	Room string `json:"room"`
	User string `json:"user"`
}

// answerRole is the highest role that the user's tokens give on this node.
func (s *Server) answerRole(_ context.Context, of whoseRole) (string, error) {
	return s.edge.TokenRole(of.Room, of.User).String(), nil
}

// roleElsewhere is the highest role that the user's tokens give on any node: desk.Desk's RoleElsewhere. Nodes that do
// not answer are waited for for a second, then the others decide.
func (s *Server) roleElsewhere(ctx context.Context, room, user string) (role chat.Role) {
	replies, _ := fleet.All[string](ctx, s.fleet, askRole, whoseRole{room, user})
	for _, reply := range replies {
		if r, ok := chat.ParseRole(reply.Body); ok {
			role = max(role, r)
		}
	}
	return role
}
