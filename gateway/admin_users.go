package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// This file is users as operators see them, on all nodes.

// Bounds of what is said of a user.
const (
	mostSockets = 100 // of a node
	mostRooms   = 50  // whose measures are looked for
)

// userSockets are a user's sockets on one node.
type userSockets struct {
	N       int           `json:"n"` // how many there are
	Sockets []edge.Socket `json:"sockets"`
}

// answerUser are a user's sockets on this node.
func (s adminPort) answerUser(_ context.Context, args json.RawMessage) (any, error) {
	var user string
	if err := json.Unmarshal(args, &user); err != nil {
		return nil, &fleet.RefusedError{Status: http.StatusBadRequest, Why: err.Error()}
	}
	var u userSockets
	u.Sockets, u.N = s.edge.SocketsOf(user, mostSockets)
	return u, nil
}

// userOnNode is beside userSockets, with the node.
type userOnNode struct {
	Node string `json:"node"`
	userSockets
}

// inForceIn is a measure, and where it is in force.
type inForceIn struct {
	Room string `json:"room"` // empty: everywhere
	desk.InForce
}

// userEverywhere serves GET /v1/admin/users/{user}: sockets by node, memberships, and measures. The measures are those
// in force everywhere, in the rooms where the user is now, and in those of which they are a member. The rooms are
// mostRooms in all.
func (s adminPort) userEverywhere(ctx context.Context, w http.ResponseWriter, r *http.Request, _ string) *edge.Refusal {
	user := r.PathValue("user")
	if bad := edge.CheckID("user", user); bad != nil {
		return bad
	}
	rooms, err := s.store.Rooms(ctx, user)
	if err != nil {
		return edge.Cannot(s.log, "read the user's rooms", err)
	}
	replies, reach := fleet.All[userSockets](ctx, s.fleet, askUser, user)
	nodes, in := []userOnNode{}, []string{}
	for _, reply := range replies {
		if reply.Body.N == 0 {
			continue
		}
		nodes = append(nodes, userOnNode{reply.Node, reply.Body})
		for _, k := range reply.Body.Sockets {
			if k.Room != "" && !slices.Contains(in, k.Room) {
				in = append(in, k.Room)
			}
		}
	}
	slices.Sort(in)
	for _, id := range rooms { // who is banned from one has no socket there
		if !slices.Contains(in, id) {
			in = append(in, id)
		}
	}
	measures, bad := s.measuresOf(ctx, user, in[:min(len(in), mostRooms)])
	if bad != nil {
		return bad
	}
	v1.WriteJSON(w, http.StatusOK, struct {
		User     string       `json:"user"`
		Nodes    []userOnNode `json:"nodes"`
		Rooms    []string     `json:"rooms"` // of which they are a member
		Measures []inForceIn  `json:"measures"`
		Silent   []string     `json:"silent"`
		Note     string       `json:"note,omitempty"`
	}{user, nodes, orEmpty(rooms), measures, reach.Silent, reach.Note})
	return nil
}

// measuresOf are those about a user that are in force everywhere, and in rooms.
func (s adminPort) measuresOf(ctx context.Context, user string, rooms []string) ([]inForceIn, *edge.Refusal) {
	all := []inForceIn{}
	for _, id := range append([]string{chat.Everywhere}, rooms...) {
		order, no := s.v1.Desk.Rules(ctx, operator(ctx), id)
		if no != nil {
			return nil, v1.RefusedByDesk(no)
		}
		if id == chat.Everywhere {
			id = ""
		}
		for _, m := range order.Users {
			if m.UserID == user {
				all = append(all, inForceIn{id, m})
			}
		}
	}
	return all, nil
}
