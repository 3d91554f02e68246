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
func (s *Server) diagnose(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if asksDiagnosis(r) {
			v, bad := s.identify(r, callerOf)
			if bad == nil {
				if from, no := s.door.Knock(v.user, r); no == nil {
					s.door.Leave(v.user, from)
				} else {
					bad = turnedAway(no)
				}
			}
			if bad == nil && s.sessions.held() >= s.sessions.most {
				bad = s.full()
			}
			if bad == nil {
				ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
				bad = s.mayOpen(ctx, r, r.PathValue("room"))
				cancel()
			}
			if bad != nil {
				writeProblem(w, bad)
				return
			}
		}
		next(w, r)
	}
}
