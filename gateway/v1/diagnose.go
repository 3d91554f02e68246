package v1

import (
	"context"
	"net/http"
	"strings"

	"barrage/gateway/edge"
)

// This file answers pages that ask why their sockets fail: a browser cannot read how a handshake was refused, but it
// can ask GET /v1/rooms/{room}?for=socket.

// AsksDiagnosis reports whether the request is that question, or its preflight.
func AsksDiagnosis(r *http.Request) bool {
	id, ok := strings.CutPrefix(r.URL.EscapedPath(), roomsPath)
	return ok && !strings.Contains(id, "/") && r.URL.Query().Get("for") == "socket"
}

// diagnose answers the question with the refusal that a handshake would get now; where
// that would not come before the room's own, next answers. A page whose origin may not open
// sockets may read the answer too, as package gateway has it, and learns no more than that here.
func (n *API) diagnose(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if AsksDiagnosis(r) {
			if bad := n.wouldRefuse(r); bad != nil {
				WriteProblem(w, bad)
				return
			}
		}
		next(w, r)
	}
}

// wouldRefuse is the refusal of a handshake for the room; nil where it would come in.
func (n *API) wouldRefuse(r *http.Request) *edge.Refusal {
	return n.edge.WouldAdmit(r, n.callerOf, func(ctx context.Context, v *edge.Visitor) *edge.Refusal {
		id := r.PathValue("room")
		if bad := edge.CheckID("room", id); bad != nil {
			return bad
		}
		var bad *edge.Refusal
		if v.Rights, bad = n.edge.Guard.MayEnter(ctx, v, id); bad != nil {
			return bad
		}
		if bad := n.edge.Enter(v); bad != nil {
			return bad
		}
		if bad := n.edge.MayOpen(ctx, r, id); bad != nil {
			return bad
		}
		return n.edge.WouldBar(ctx, r, v, id)
	})
}
