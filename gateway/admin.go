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
)

// adminRoutes are the admin port's: health, metrics, profiles. Never public.
func (s *Server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.ready(), s.store.Notes()) })
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.HandleFunc("GET /rooms", s.largestRooms)
	mux.HandleFunc("PUT /v1/admin/rooms/{room}", s.registerRoom(true))
	mux.HandleFunc("DELETE /v1/admin/rooms/{room}", s.registerRoom(false))
	mux.HandleFunc("GET /v1/admin/rooms/{room}", s.ofRoom(s.knownRoom))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

var errDraining = errors.New("the node is leaving")

// ready says whether new clients should be sent here: nil, or why not.
func (s *Server) ready() error {
	if s.draining.Load() {
		return errDraining
	}
	return s.store.State()
}

// largestRooms lists the rooms with the most members, ?limit=50 of them, with their
// accounts.
func (s *Server) largestRooms(w http.ResponseWriter, r *http.Request) {
	limit := 50
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			http.Error(w, fmt.Sprintf("cannot list rooms: limit %q is not within 1 and 10000", text), http.StatusBadRequest)
			return
		}
		limit = n
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.hall.Largest(limit)) // the client has gone: nobody is left to tell
}

// ofRoom serves an operation about a room, which answers where it refuses nothing.
func (s *Server) ofRoom(do func(ctx context.Context, w http.ResponseWriter, id string) *refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("room")
		bad := checkID("room", id)
		if bad == nil {
			ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
			defer cancel()
			bad = do(ctx, w, id)
		}
		if bad != nil {
			writeProblem(w, bad)
		}
	}
}

// registerRoom has a room known before its first message, or ends that: see room.open.
func (s *Server) registerRoom(on bool) http.HandlerFunc {
	return s.ofRoom(func(ctx context.Context, w http.ResponseWriter, id string) *refusal {
		if err := s.store.RegisterRoom(ctx, id, on); err != nil {
			s.log.Warn("cannot register a room", "room", id, "err", err)
			return refuse(http.StatusServiceUnavailable, "cannot register the room now")
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// knownRoom says of a room that is known whether it is live here.
func (s *Server) knownRoom(ctx context.Context, w http.ResponseWriter, id string) *refusal {
	if bad := s.guard.known(ctx, id); bad != nil {
		return bad
	}
	writeJSON(w, http.StatusOK, struct {
		Room string `json:"room"`
		Live bool   `json:"live"`
	}{id, s.hall.Live(id)})
	return nil
}

func answer(w http.ResponseWriter, err error, notes []string) {
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
