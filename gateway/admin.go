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
	mux.HandleFunc("GET /v1/admin/rooms/{room}", s.knownRoom)
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

// registerRoom has a room known before its first message, or ends that: see room.open.
func (s *Server) registerRoom(on bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("room")
		if bad := checkID("room", id); bad != nil {
			writeProblem(w, bad)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
		defer cancel()
		if err := s.store.RegisterRoom(ctx, id, on); err != nil {
			s.log.Warn("cannot register a room", "room", id, "err", err)
			writeProblem(w, refuse(http.StatusServiceUnavailable, "cannot register the room now"))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// knownRoom says whether a room is known, and how many of its members are here.
func (s *Server) knownRoom(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("room")
	if bad := checkID("room", id); bad != nil {
		writeProblem(w, bad)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
	defer cancel()
	known, err := s.store.KnownRoom(ctx, id)
	if err != nil {
		s.log.Warn("cannot look for a room", "room", id, "err", err)
		writeProblem(w, refuse(http.StatusServiceUnavailable, "cannot look for the room now"))
		return
	}
	if !known {
		writeProblem(w, refuse(http.StatusNotFound, "there is no room %q", id).as("no_such_room"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct { // the client has gone: nobody is left to tell
		Room string `json:"room"`
		Live bool   `json:"live"`
	}{id, s.hall.Live(id)})
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
