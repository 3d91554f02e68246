package admin

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	"barrage/gateway/pass"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// This file is users as operators see them, on all nodes, and the end of their tokens.

// userCalls are the calls about users and their tokens.
type userCalls struct{ *Base }

// askUser is what nodes ask each other about a user.
const askUser = "user"

func (c userCalls) join() { fleet.On(c.Fleet, askUser, c.answer) }

// Bounds of what is reported of a user.
const (
	mostSockets = 100 // of a node
	mostRooms   = 50  // in which measures are looked for
)

// userSockets are a user's sockets on one node.
type userSockets struct {
	N       int           `json:"n"` // how many there are
	Sockets []edge.Socket `json:"sockets"`
}

// answer are a user's sockets on this node.
func (c userCalls) answer(_ context.Context, user string) (u userSockets, err error) {
	u.Sockets, u.N = c.Edge.SocketsOf(user, mostSockets)
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

// show serves GET /v1/admin/users/{user}: sockets by node, memberships, and measures. The measures are those
// in force everywhere, in the rooms where the user is now, and in those of which they are a member. The rooms are
// mostRooms in all.
func (c userCalls) show(ctx context.Context, w http.ResponseWriter, r *http.Request, _ string) *edge.Refusal {
	user := r.PathValue("user")
	if bad := edge.CheckID("user", user); bad != nil {
		return bad
	}
	rooms, err := c.Store.Rooms(ctx, user)
	if err != nil {
		return edge.Cannot(c.Log, "read the user's rooms", err)
	}
	replies, reach := fleet.All[userSockets](ctx, c.Fleet, askUser, user)
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
	for _, id := range rooms { // a user who is banned from one has no socket there
		if !slices.Contains(in, id) {
			in = append(in, id)
		}
	}
	measures, bad := c.measuresOf(ctx, user, in[:min(len(in), mostRooms)])
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
func (c userCalls) measuresOf(ctx context.Context, user string, rooms []string) ([]inForceIn, *edge.Refusal) {
	all := []inForceIn{}
	for _, id := range append([]string{chat.Everywhere}, rooms...) {
		rules, no := c.API.Desk.Rules(ctx, operator(ctx), id)
		if no != nil {
			return nil, v1.RefusedByDesk(no)
		}
		if id == chat.Everywhere {
			id = ""
		}
		for _, m := range rules.Users {
			if m.UserID == user {
				all = append(all, inForceIn{id, m})
			}
		}
	}
	return all, nil
}

// revokeUser ends every token that a user has now.
func (c userCalls) revokeUser(ctx context.Context, w http.ResponseWriter, r *http.Request, _ string) *edge.Refusal {
	user := r.PathValue("user")
	if bad := edge.CheckID("user", user); bad != nil {
		return bad
	}
	return c.revoke(ctx, w, desk.LogEntry{Verb: "revoke", Target: user}, func() error { return c.Store.RevokeUser(ctx, user, c.Edge.Times.Now()) })
}

// revokeToken ends a signed token by its jti. ?until= is the token's own end in Unix seconds, behind which the store
// need not remember it.
func (c userCalls) revokeToken(ctx context.Context, w http.ResponseWriter, r *http.Request, _ string) *edge.Refusal {
	id, end := r.PathValue("id"), c.Edge.Times.Now().Add(chat.RevokedLife)
	if bad := edge.CheckText("id", id, chat.MaxID); bad != nil {
		return bad
	}
	if text := r.URL.Query().Get("until"); text != "" {
		until, err := strconv.ParseInt(text, 10, 64)
		if err != nil || until < 0 {
			return edge.Refuse(http.StatusBadRequest, "until %q is not a time in Unix seconds", text)
		}
		// it is taken for a while behind its end
		end = time.Unix(min(until, end.Unix()), 0).Add(pass.Leeway + edge.ExpiryGrace)
	}
	return c.revoke(ctx, w, desk.LogEntry{Verb: "revoke_token", Target: id}, func() error { return c.Store.RevokeToken(ctx, id, end) })
}

// revoke ends tokens by do, and writes e into the log.
func (c userCalls) revoke(ctx context.Context, w http.ResponseWriter, e desk.LogEntry, do func() error) *edge.Refusal {
	if err := do(); err != nil {
		return edge.Cannot(c.Log, "revoke tokens", err, "verb", e.Verb, "target", e.Target, "by", operator(ctx).Name)
	}
	c.API.Desk.Note(ctx, operator(ctx), chat.Everywhere, e)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
