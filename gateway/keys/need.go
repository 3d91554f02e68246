package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// contextKey is where [Keys.Need] leaves the key of a request.
type contextKey struct{}

// From is the key of a request that has passed [Keys.Need]; nil of any other.
func From(ctx context.Context) *Key {
	key, _ := ctx.Value(contextKey{}).(*Key)
	return key
}

// Need serves only requests whose key has all of can. Where the pattern of the route has a {room}, the key must be for
// that room as well. The handler next gets the key by [From], and checks the rooms that a query or a body names.
func (k *Keys) Need(can Can, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := k.Of(r)
		room := r.PathValue("room")
		switch {
		case !ok:
			w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110 section 15.5.2
			refuse(w, http.StatusUnauthorized, "unauthenticated", "the key is missing or unknown: send Authorization: Bearer brg_…")
		case !key.Can.Has(can):
			refuse(w, http.StatusForbidden, "forbidden",
				fmt.Sprintf("key %q may not do this: it has %s, and this takes %s", key.Name, key.Can, can))
		case room != "" && !key.MayRoom(room):
			refuse(w, http.StatusForbidden, "forbidden", fmt.Sprintf("key %q is for rooms %q, not for %q", key.Name, key.Rooms, room))
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, key)))
		}
	})
}

// refuse answers as every refusal of the HTTP API: {"error":{"code","message"}}.
func refuse(w http.ResponseWriter, status int, code, message string) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// the client has gone: nobody is left to notify
	_ = json.NewEncoder(w).Encode(map[string]problem{"error": {code, message}})
}
