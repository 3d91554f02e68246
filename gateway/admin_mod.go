package gateway

import (
	"context"
	"net/http"

	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/keys"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// This file is order in rooms, kept from the admin port: the same verbs as moderators have, by the desk.

// aboutRoom is a call about the rules of a room.
type aboutRoom func(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal

// inRoom is a call about the room of the address.
func inRoom(do aboutRoom) func(context.Context, http.ResponseWriter, *http.Request) *edge.Refusal {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
		id := r.PathValue("room")
		if bad := edge.CheckID("room", id); bad != nil {
			return bad
		}
		return do(ctx, w, r, id)
	}
}

// everywhere is a call about what holds in all rooms: a key that is for some of them may not.
func everywhere(do aboutRoom) func(context.Context, http.ResponseWriter, *http.Request) *edge.Refusal {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
		if key := keys.From(ctx); key != nil && key.Rooms != "" && key.Rooms != "*" {
			return edge.Refuse(http.StatusForbidden, "key %q is for rooms %q, and this is about all of them", key.Name, key.Rooms)
		}
		return do(ctx, w, r, chat.Everywhere)
	}
}

// operator is who calls: the name of their key, or of this machine.
func operator(ctx context.Context) desk.Actor {
	a := desk.Actor{Name: "this machine", Role: chat.RoleServer, Via: desk.ViaAdmin}
	if key := keys.From(ctx); key != nil {
		a.Name = key.Name
	}
	return a
}

// moderate carries out a verb.
func (s adminPort) moderate(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	r.Body = http.MaxBytesReader(w, r.Body, edge.MaxFormBytes)
	verb, bad := v1.ReadVerb(r)
	if bad != nil {
		return bad
	}
	done, no := s.v1.Desk.Do(ctx, operator(ctx), id, &verb)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, done)
	}
	return v1.RefusedByDesk(no)
}

// order says what is in force.
func (s adminPort) order(ctx context.Context, w http.ResponseWriter, _ *http.Request, id string) *edge.Refusal {
	o, no := s.v1.Desk.Rules(ctx, operator(ctx), id)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, o)
	}
	return v1.RefusedByDesk(no)
}

// modLog says who changed it.
func (s adminPort) modLog(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	page, bad := v1.ReadLogPage(r)
	if bad != nil {
		return bad
	}
	log, no := s.v1.Desk.Log(ctx, operator(ctx), id, page)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, log)
	}
	return v1.RefusedByDesk(no)
}

// held says which messages wait for a moderator.
func (s adminPort) held(ctx context.Context, w http.ResponseWriter, _ *http.Request, id string) *edge.Refusal {
	all, no := s.v1.Desk.Held(ctx, operator(ctx), id)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, map[string]any{"held": all})
	}
	return v1.RefusedByDesk(no)
}
