package gateway

import (
	"context"
	"net/http"
	"strings"
)

// This file tells pages why their sockets fail: a browser cannot read how a handshake was
// refused, but it can ask GET /v1/rooms/{room}?for=socket.

// asksDiagnosis reports whether the request is that question, or its preflight.
func asksDiagnosis(r *http.Request) bool {
	id, ok := strings.CutPrefix(r.URL.EscapedPath(), "/v1/rooms/")
	return ok && !strings.Contains(id, "/") && r.URL.Query().Get("for") == "socket"
}

// diagnose answers the question with the refusal that a handshake would get now; where
// that would not come before the room's own, next answers. A page whose origin may not open
// sockets may read the answer too, see cors, and learns no more than that here.
func (n *v1) diagnose(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if asksDiagnosis(r) {
			if bad := n.wouldRefuse(r); bad != nil {
				writeProblem(w, bad)
				return
			}
		}
		next(w, r)
	}
}

// wouldRefuse is the refusal of a handshake for the room; nil where it would come in.
func (n *v1) wouldRefuse(r *http.Request) *refusal {
	return n.edge.WouldAdmit(r, n.callerOf, func(ctx context.Context, v *visitor) *refusal {
		id := r.PathValue("room")
		if bad := checkID("room", id); bad != nil {
			return bad
		}
		if _, bad := n.edge.Guard.mayEnter(ctx, v, id); bad != nil {
			return bad
		}
		if bad := n.edge.Enter(v); bad != nil {
			return bad
		}
		return n.edge.MayOpen(ctx, r, id)
	})
}
