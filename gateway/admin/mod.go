package admin

import (
	"context"
	"net/http"

	"barrage/gateway/edge"
	v1 "barrage/gateway/v1"
)

// This file is order in rooms, kept from the admin port: the same verbs as moderators have, by the desk.

// modCalls are the calls about order in rooms.
type modCalls struct{ *Base }

// do carries out a verb.
func (c modCalls) do(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	r.Body = http.MaxBytesReader(w, r.Body, edge.MaxFormBytes)
	verb, bad := v1.ReadVerb(r)
	if bad != nil {
		return bad
	}
	done, no := c.API.Desk.Do(ctx, operator(ctx), id, &verb)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, done)
	}
	return v1.RefusedByDesk(no)
}

// rules are what is in force.
func (c modCalls) rules(ctx context.Context, w http.ResponseWriter, _ *http.Request, id string) *edge.Refusal {
	o, no := c.API.Desk.Rules(ctx, operator(ctx), id)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, o)
	}
	return v1.RefusedByDesk(no)
}

// log is what moderators and operators did, a page of it.
func (c modCalls) log(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal {
	page, bad := v1.ReadLogPage(r)
	if bad != nil {
		return bad
	}
	log, no := c.API.Desk.Log(ctx, operator(ctx), id, page)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, log)
	}
	return v1.RefusedByDesk(no)
}

// held are the messages that wait for a moderator.
func (c modCalls) held(ctx context.Context, w http.ResponseWriter, _ *http.Request, id string) *edge.Refusal {
	all, no := c.API.Desk.Held(ctx, operator(ctx), id)
	if no == nil {
		v1.WriteJSON(w, http.StatusOK, map[string]any{"held": all})
	}
	return v1.RefusedByDesk(no)
}
