package gateway

import (
	"context"
	"net/http"
	"strings"

	"barrage/gateway/door"
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
func (s *Server) diagnose(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if asksDiagnosis(r) {
			if bad := s.wouldRefuse(r); bad != nil {
				writeProblem(w, bad)
				return
			}
		}
		next(w, r)
	}
}

// wouldRefuse does what admit does, and takes nothing.
func (s *Server) wouldRefuse(r *http.Request) (bad *refusal) {
	v, bad := s.identify(r, s.callerOf)
	if bad != nil {
		return bad
	}
	var no *door.Refused
	if v.ticket, no = s.door.Knock(r); no != nil {
		return turnedAway(no)
	}
	defer func() { s.door.Leave(v.ticket, v.user) }()
	if s.sessions.held() >= s.sessions.most {
		return s.full()
	}
	ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
	defer cancel()
	id := r.PathValue("room")
	if bad := checkID("room", id); bad != nil {
		return bad
	}
	if _, bad := s.guard.mayEnter(ctx, &v, id); bad != nil {
		return bad
	}
	if bad := s.enter(&v); bad != nil {
		return bad
	}
	return s.mayOpen(ctx, r, id)
}
