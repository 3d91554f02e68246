package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/keys"
	"barrage/gateway/pass"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
	"barrage/web"
)

// adminPath begins the addresses of calls that operators make; what else is on the admin port is for machines.
const adminPath = "/v1/admin/"

// consolePath is the page that moderators work with.
const consolePath = "/console"

// adminPort serves what operators ask a node for.
type adminPort struct{ *Server }

// operations are what can be asked for on the admin port, method and path, by what a key must be able to do for it.
// With 0 no key is needed.
func (s adminPort) operations() map[keys.Can]map[string]http.HandlerFunc {
	return map[keys.Can]map[string]http.HandlerFunc{
		0: {
			"GET /{$}":                   s.index,
			"GET " + consolePath:         web.Page("console.html", nil).ServeHTTP,
			"GET /healthz":               func(w http.ResponseWriter, _ *http.Request) { tellHealth(w, alive(s.SinceDelivery()), nil) },
			"GET /readyz":                func(w http.ResponseWriter, _ *http.Request) { tellHealth(w, s.ready(), s.store.Notes()) },
			"GET /v1/admin/openapi.yaml": describeAdmin,
		},
		keys.Ops: {
			"GET /metrics":             s.metrics.handler().ServeHTTP,
			"GET /rooms":               s.largestRooms,
			"GET /debug/pprof/":        pprof.Index,
			"GET /debug/pprof/profile": pprof.Profile,
			"GET /debug/pprof/trace":   pprof.Trace,

			"GET /v1/admin/nodes":                  administer(s.nodes),
			"GET /v1/admin/nodes/{node}":           administer(s.node),
			"POST /v1/admin/nodes/{node}/drain":    administer(s.drain(true)),
			"POST /v1/admin/nodes/{node}/undrain":  administer(s.drain(false)),
			"GET /v1/admin/nodes/{node}/log-level": administer(s.readLevel),
			"PUT /v1/admin/nodes/{node}/log-level": administer(s.setLevel),
			"GET /v1/admin/nodes/{node}/config":    administer(s.config),
			"POST /v1/admin/nodes/{node}/reload":   administer(s.reloadNode),
			"POST /v1/admin/nodes/rebalance":       administer(s.rebalance),
			"GET /v1/admin/rooms":                  administer(s.roomsEverywhere),
		},
		keys.Rooms: {
			"GET /v1/admin/rooms/{room}":        administer(inRoom(s.roomEverywhere)),
			"PUT /v1/admin/rooms/{room}":        s.registerRoom(true),
			"DELETE /v1/admin/rooms/{room}":     s.registerRoom(false),
			"GET /v1/admin/rooms/{room}/export": s.export,
		},
		keys.Publish: {
			"POST /v1/admin/rooms/{room}/messages": administer(inRoom(s.v1.Publish)),
		},
		keys.Moderate: {
			"GET /v1/admin/users/{user}":           administer(everywhere(s.userEverywhere)),
			"POST /v1/admin/users/{user}/revoke":   administer(s.revokeUser),
			"POST /v1/admin/tokens/{id}/revoke":    administer(s.revokeToken),
			"GET /v1/admin/rooms/{room}/messages":  administer(inRoom(s.messages)),
			"POST /v1/admin/rooms/{room}/mod":      administer(inRoom(s.moderate)),
			"GET /v1/admin/rooms/{room}/mod":       administer(inRoom(s.order)),
			"GET /v1/admin/rooms/{room}/mod/log":   administer(inRoom(s.modLog)),
			"GET /v1/admin/rooms/{room}/mod/held":  administer(inRoom(s.held)),
			"POST /v1/admin/everywhere/mod":        administer(everywhere(s.moderate)),
			"GET /v1/admin/everywhere/mod":         administer(everywhere(s.order)),
			"GET /v1/admin/everywhere/mod/log":     administer(everywhere(s.modLog)),
			"GET /v1/admin/filter":                 administer(s.filterLists),
			"POST /v1/admin/filter/test":           administer(s.filterTest),
			"PUT /v1/admin/filter/lists/{name}":    administer(ofList(s.putTerms)),
			"GET /v1/admin/filter/lists/{name}":    administer(ofList(s.getTerms)),
			"DELETE /v1/admin/filter/lists/{name}": administer(ofList(s.deleteTerms)),
		},
	}
}

// routes are the admin port's: health, metrics, profiles, and calls for operators. Never public. all are the
// server keys; nil has everybody do anything, who is on this machine.
func (s adminPort) routes(all *keys.Keys) http.Handler {
	mux := http.NewServeMux()
	for can, routes := range s.operations() {
		for route, serve := range routes {
			if all != nil && can != 0 {
				serve = all.Need(can, serve).ServeHTTP
			}
			mux.HandleFunc(route, serve)
		}
	}
	return v1.RefuseUnclean(mux)
}

// publicRoutes are what of that is served on the public port, where admin.public says so. They are the calls under
// /v1/admin/, each with a key that may do it. Who shows none counts against limits.http_rate.
func (s adminPort) publicRoutes(all *keys.Keys) http.Handler {
	mux := http.NewServeMux()
	for can, routes := range s.operations() {
		for route, serve := range routes {
			if strings.Contains(route, " "+adminPath) {
				mux.Handle(route, all.Need(can, serve))
			}
		}
	}
	keyed := guardAdmin(mux, false)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := all.Of(r); !ok {
			if bad := edge.RefusedByDoor(s.edge.Door.Call(r)); bad != nil {
				v1.WriteProblem(w, bad)
				return
			}
		}
		keyed.ServeHTTP(w, r)
	})
}

// loadKeys reads the server keys; nil where there is no file.
func (s *Server) loadKeys() (*keys.Keys, error) {
	if s.cfg.Admin.KeysFile == "" {
		return nil, nil //nolint:nilnil // no keys are no error
	}
	all, warning, err := keys.Load(s.cfg.Admin.KeysFile)
	if warning != "" {
		s.log.Warn(warning)
	}
	return all, err
}

// administer serves an operation of the admin port, which answers where it refuses nothing.
func administer(do func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), chat.CallTimeout)
		defer cancel()
		if bad := do(ctx, w, r); bad != nil {
			v1.WriteProblem(w, bad)
		}
	}
}

// revokeUser ends every token that a user has now.
func (s adminPort) revokeUser(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	user := r.PathValue("user")
	if bad := edge.CheckID("user", user); bad != nil {
		return bad
	}
	return s.revoke(ctx, w, desk.LogEntry{Verb: "revoke", Target: user}, func() error { return s.store.RevokeUser(ctx, user, s.edge.Times.Now()) })
}

// revokeToken ends a signed token by its jti. ?until= is the token's own end in Unix seconds, behind which the store
// need not remember it.
func (s adminPort) revokeToken(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	id, end := r.PathValue("id"), s.edge.Times.Now().Add(chat.RevokedLife)
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
	return s.revoke(ctx, w, desk.LogEntry{Verb: "revoke_token", Target: id}, func() error { return s.store.RevokeToken(ctx, id, end) })
}

// revoke does it where the key of the request may, and says so in the log.
func (s adminPort) revoke(ctx context.Context, w http.ResponseWriter, e desk.LogEntry, do func() error) *edge.Refusal {
	if key := keys.From(ctx); key != nil && key.Rooms != "" && key.Rooms != "*" {
		return edge.Refuse(http.StatusForbidden, "key %q is for rooms %q, and a token may be for others", key.Name, key.Rooms)
	}
	if err := do(); err != nil {
		return edge.Cannot(s.log, "revoke tokens", err, "verb", e.Verb, "target", e.Target, "by", operator(ctx).Name)
	}
	s.v1.Desk.Note(ctx, operator(ctx), chat.Everywhere, e)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deadAfter is after how long without a delivery a node is to be started again: 30 s, as WatchdogSec of systemd's unit.
const deadAfter = 6 * edge.StuckAfter

// alive says whether the process does its work, whatever its surroundings do: nil, or why not.
func alive(since time.Duration) error {
	if since >= deadAfter {
		return fmt.Errorf("nothing was delivered for %v: a lane or the clock stands still", since.Round(time.Second))
	}
	return nil
}

var errDraining = errors.New("the node is leaving")

// ready says whether new clients should be sent here: nil, or why not.
func (s *Server) ready() error {
	if s.edge.Exit.Draining() || s.edge.Exit.Lame() {
		return errDraining
	}
	return s.store.State()
}

// largestRooms lists the rooms with the most members, ?limit=50 of them, with their
// accounts.
func (s adminPort) largestRooms(w http.ResponseWriter, r *http.Request) {
	limit, bad := edge.Whole(r.URL.Query(), "limit", 50, 1, 10_000)
	if bad != nil {
		http.Error(w, "cannot list rooms: "+bad.Why, bad.Status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// the client has gone: nobody is left to tell
	_ = json.NewEncoder(w).Encode(s.edge.Hall.Largest(int(limit), "members", ""))
}

// ofRoom is administer for an operation about a room.
func ofRoom(do func(ctx context.Context, w http.ResponseWriter, id string) *edge.Refusal) http.HandlerFunc {
	return administer(func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
		id := r.PathValue("room")
		if bad := edge.CheckID("room", id); bad != nil {
			return bad
		}
		return do(ctx, w, id)
	})
}

// registerRoom has a room known before its first message, or ends that: see room.open.
func (s adminPort) registerRoom(on bool) http.HandlerFunc {
	return ofRoom(func(ctx context.Context, w http.ResponseWriter, id string) *edge.Refusal {
		if err := s.store.RegisterRoom(ctx, id, on); err != nil {
			return edge.Cannot(s.log, "register the room", err, "room", id)
		}
		verb := "register"
		if !on {
			verb = "unregister"
		}
		s.v1.Desk.Note(ctx, operator(ctx), id, desk.LogEntry{Verb: verb})
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

func tellHealth(w http.ResponseWriter, err error, notes []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, err.Error()+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
	for _, note := range notes {
		_, _ = io.WriteString(w, "note: "+note+"\n")
	}
}
