package fastim

import (
	"net/http"
	"slices"
	"strings"

	"barrage/gateway/edge"
)

// writeRefusal answers a handshake in plain words.
func writeRefusal(w http.ResponseWriter, f *edge.Refusal) {
	if f.Status == 0 { // answered
		return
	}
	f.SetHeaders(w.Header())
	http.Error(w, f.Why, f.Status)
}

// RefuseEmptyIDs answers socket addresses with an empty part, which the mux would
// redirect to an address that means something else. A slash behind all parts is none.
func RefuseEmptyIDs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		for _, socket := range [...]struct {
			path string
			ids  int
			have string
		}{{chatPath, 3, "groupId, userId and token"}, {listPath, 2, "userId and token"}} {
			rest, ok := strings.CutPrefix(path, socket.path)
			if !ok {
				continue
			}
			ids := socket.ids
			parts := strings.SplitN(rest, "/", ids+2)
			if len(parts) == ids+1 && parts[ids] == "" {
				parts = parts[:ids]
			}
			if slices.Contains(parts, "") {
				writeRefusal(w, edge.Refuse(http.StatusBadRequest, "cannot upgrade: %s must not be empty in %q", socket.have, path))
				return
			}
		}
		if plain := strings.TrimLeft(path, "/"); (strings.HasPrefix(plain, "user/") || strings.HasPrefix(plain, "group/")) && strings.Contains(path, "//") {
			writeRefusal(w, edge.Refuse(http.StatusBadRequest, "the address %q has empty parts", path))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers a call that is refused.
func (f *FastIM) refuse(w http.ResponseWriter, r *http.Request, bad *edge.Refusal) {
	f.edge.Tarry(r.Context(), bad)
	if bad.Status == http.StatusTooManyRequests {
		bad.SetHeaders(w.Header())
		w.Header().Set("Connection", "close") // without reading the rest of the request
	}
	e := envelope{bad.Status, bad.Why, nil}
	e.send(w, e.encode())
}
