package gateway

import (
	"context"
	_ "embed" // openapi.yaml
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the HTTP part of barrage.v1, which openapi.yaml describes: who may do what,
// and what is read. Sending is in v1send.go.

//go:embed openapi.yaml
var openAPI []byte

// openAPIText is the description as JSON.
var openAPIText = sync.OnceValue(func() []byte {
	var doc any
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		panic("BUG: cannot read openapi.yaml: " + err.Error())
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic("BUG: cannot write openapi.yaml as JSON: " + err.Error())
	}
	return text
})

// operation is one thing that can be asked for under /v1.
type operation struct {
	method, path string
	serve        http.HandlerFunc
}

func (s *Server) operations() []operation {
	return []operation{
		{http.MethodGet, "/v1/openapi.json", s.describe},
		{http.MethodPost, "/v1/login", s.v1(s.v1Login)},
		{http.MethodGet, "/v1/rooms/{room}", s.whySocket(s.v1(s.v1Room))},
		{http.MethodGet, "/v1/rooms/{room}/messages", s.v1(s.v1Messages)},
		{http.MethodPost, "/v1/rooms/{room}/messages", s.v1(s.v1Send)},
		{http.MethodDelete, "/v1/rooms/{room}/messages/{seq}", s.v1(s.v1Recall)},
		{http.MethodGet, "/v1/rooms/{room}/ws", s.nativeChat},
	}
}

// routeV1 adds the operations, and answers of the same shape for whatever else is asked
// for under /v1.
func (s *Server) routeV1(mux *http.ServeMux) {
	methods := make(map[string][]string)
	for _, op := range s.operations() {
		mux.HandleFunc(op.method+" "+op.path, op.serve)
		methods[op.path] = append(methods[op.path], op.method)
	}
	for path, allowed := range methods {
		allow := strings.Join(allowed, ", ")
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			writeProblem(w, refuse(http.StatusMethodNotAllowed, "cannot %s %s: the methods are %s", r.Method, r.URL.Path, allow))
		})
	}
	mux.HandleFunc("/v1", nothingHere)
	mux.HandleFunc("/v1/", nothingHere)
}

func nothingHere(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, refuse(http.StatusNotFound, "there is nothing at %s", r.URL.Path))
}

// refuseUnclean answers addresses under /v1 that the mux would redirect to others, which
// mean something else: a room whose id is empty, or two dots.
func refuseUnclean(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.EscapedPath(); strings.HasPrefix(p, "/v1/") && unclean(p) {
			writeProblem(w, refuse(http.StatusBadRequest, "the address %s has empty parts or dots: there is no such room", p))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// unclean reports whether a part of an escaped path is empty, but for the last, or means
// the same or the upper folder. A room may well have // in its id.
func unclean(escaped string) bool {
	parts := strings.Split(escaped, "/")[1:]
	return slices.Contains(parts[:len(parts)-1], "") || slices.ContainsFunc(parts, func(part string) bool {
		plain, err := url.PathUnescape(part)
		return err != nil || plain == "." || plain == ".."
	})
}

// describe serves GET /v1/openapi.json.
func (s *Server) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache") // another node may be newer
	_, _ = w.Write(openAPIText())               // the client has gone: nobody is left to tell
}

// v1 serves one operation: do returns what to answer with, nil for nothing.
func (s *Server) v1(do func(ctx context.Context, r *http.Request) (status int, answer any, bad *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			writeProblem(w, leaving)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
		ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
		defer cancel()
		status, answer, bad := do(ctx, r)
		switch {
		case bad != nil:
			writeProblem(w, bad)
		case answer == nil:
			w.WriteHeader(status)
		default:
			writeJSON(w, status, answer)
		}
	}
}

// cannot is the refusal of what the store did not do.
func (s *Server) cannot(what string, err error) *refusal {
	s.log.Warn("cannot "+what, "err", err)
	return refuse(http.StatusServiceUnavailable, "cannot %s now, try again", what)
}

// caller is who changes something: its token is checked whatever auth.required says.
func (s *Server) caller(ctx context.Context, r *http.Request) (v visitor, bad *refusal) {
	if v, bad = callerOf(r); bad != nil {
		return v, bad
	}
	ok, err := s.store.CheckToken(ctx, v.user, v.token)
	switch {
	case err != nil:
		return v, s.cannot("check the token", err)
	case !ok:
		return v, refuse(http.StatusUnauthorized, "the token is not valid: log in")
	}
	return v, nil
}

// reader finds out which room is to be read and whether the caller may: everybody may,
// unless tokens or memberships count for sockets too. Who only reads becomes no member.
func (s *Server) reader(ctx context.Context, r *http.Request) (id string, bad *refusal) {
	id = r.PathValue("room")
	if bad := checkID("room", id); bad != nil {
		return "", bad
	}
	if !s.cfg.Auth.Required && s.cfg.AutoJoin {
		return id, nil
	}
	v, bad := callerOf(r)
	if bad != nil {
		return "", bad
	}
	switch ok, bad := s.authorized(ctx, v); {
	case bad != nil:
		return "", bad
	case !ok:
		return "", refuse(http.StatusUnauthorized, "the token is not valid: log in")
	}
	if s.cfg.AutoJoin {
		return id, nil
	}
	return id, s.mayBeIn(ctx, v.user, id)
}

// mayBeIn is nil where the user is a member of the room, or becomes one by being there.
func (s *Server) mayBeIn(ctx context.Context, user, id string) *refusal {
	ok, bad := s.member(ctx, user, id)
	if bad == nil && !ok {
		bad = refuse(http.StatusForbidden, "user %q is not a member of room %q", user, id)
	}
	return bad
}

// v1Login serves POST /v1/login.
func (s *Server) v1Login(ctx context.Context, r *http.Request) (int, any, *refusal) {
	var in struct {
		UserID   string `json:"user_id"`
		Password string `json:"password"`
	}
	if bad := readJSON(r, &in); bad != nil {
		return 0, nil, bad
	}
	if bad := checkID("user_id", in.UserID); bad != nil {
		return 0, nil, bad
	}
	if bad := checkText("password", in.Password, maxTokenBytes); bad != nil {
		return 0, nil, bad
	}
	switch ok, err := s.passwordOK(ctx, in.UserID, in.Password); {
	case err != nil:
		return 0, nil, s.cannot("ask auth.login_url", err)
	case !ok:
		return 0, nil, refuse(http.StatusUnauthorized, "the password is not right")
	}
	token, err := s.newToken(ctx, in.UserID)
	if err != nil {
		return 0, nil, s.cannot("log in", err)
	}
	type answer struct {
		Token   string `json:"token"`
		Expires int64  `json:"expires_in_ms"`
	}
	return http.StatusOK, answer{token, chat.TokenLife.Milliseconds()}, nil
}

// onlooker is the name under which a node asks for the counters of rooms of which it has
// no members. Nodes are called otherwise.
const onlooker = "onlooker"

// v1Room serves GET /v1/rooms/{room}.
func (s *Server) v1Room(ctx context.Context, r *http.Request) (int, any, *refusal) {
	id, bad := s.reader(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	rm, err := s.hall.Open(ctx, id)
	if err != nil {
		return 0, nil, s.cannot("open the room", err)
	}
	defer rm.Release()
	pos, counters, members := rm.Standing()
	if members == 0 {
		standings, err := s.store.Report(ctx, onlooker, []chat.Report{{Room: id}})
		if err != nil {
			return 0, nil, s.cannot("read the room's counters", err)
		}
		counters = standings[0].Counters
	}
	type answer struct {
		Room   string `json:"room"`
		Online uint64 `json:"online"`
		Likes  uint64 `json:"likes"`
		Epoch  string `json:"epoch"`
		Seq    uint64 `json:"seq"`
		Total  uint64 `json:"total"`
	}
	return http.StatusOK, answer{id, counters.Online, counters.Likes, pos.Epoch, pos.Seq, pos.Total}, nil
}

// Bounds of a page of messages.
const (
	pageDefault = 50
	pageMost    = 1000
)

// v1Messages serves GET /v1/rooms/{room}/messages.
func (s *Server) v1Messages(ctx context.Context, r *http.Request) (int, any, *refusal) {
	id, bad := s.reader(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	before, after, limit, bad := readPage(r.URL.Query())
	if bad != nil {
		return 0, nil, bad
	}
	h, err := s.store.Page(ctx, id, before, after, limit)
	if err != nil {
		return 0, nil, s.cannot("read the history", err)
	}
	type answer struct {
		Epoch    string            `json:"epoch"`
		Seq      uint64            `json:"seq"`
		Total    uint64            `json:"total"`
		Messages []json.RawMessage `json:"messages"`
	}
	a := answer{h.Epoch, h.Seq, h.Total, make([]json.RawMessage, len(h.Entries))}
	for i, e := range h.Entries {
		if e.JSON == "" {
			a.Messages[i] = codec.AppendRecalledMessage(nil, e.Seq)
		} else {
			a.Messages[i] = codec.AppendNativeMessage(nil, e.Seq, e.JSON)
		}
	}
	return http.StatusOK, a, nil
}

// readPage reads which page is wanted; without before and after it is the newest.
func readPage(q url.Values) (before, after uint64, limit int, bad *refusal) {
	number := func(name string, absent, least, most uint64) uint64 {
		if !q.Has(name) || bad != nil {
			return absent
		}
		n, err := strconv.ParseUint(q.Get(name), 10, 64)
		if err != nil || n < least || n > most {
			bad = refuse(http.StatusBadRequest, "%s is %q, want a whole number from %d to %d", name, q.Get(name), least, most)
		}
		return n
	}
	newest := uint64(0)
	if !q.Has("after") {
		newest = math.MaxInt64
	}
	before = number("before", newest, 1, math.MaxInt64)
	after = number("after", 0, 0, math.MaxInt64)
	limit = int(number("limit", pageDefault, 1, pageMost))
	return before, after, limit, bad
}

// v1Recall serves DELETE /v1/rooms/{room}/messages/{seq}.
func (s *Server) v1Recall(ctx context.Context, r *http.Request) (int, any, *refusal) {
	id := r.PathValue("room")
	if bad := checkID("room", id); bad != nil {
		return 0, nil, bad
	}
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 63)
	if err != nil || seq == 0 {
		return 0, nil, refuse(http.StatusBadRequest, "%q is not the number of a message", r.PathValue("seq"))
	}
	epoch := r.URL.Query().Get("epoch")
	if len(epoch) > codec.MaxEpoch {
		return 0, nil, refuse(http.StatusBadRequest, "epoch has %d bytes, at most %d are allowed", len(epoch), codec.MaxEpoch)
	}
	v, bad := s.caller(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	return http.StatusNoContent, nil, s.recallSeq(ctx, id, v.user, s.hall.Position(id), epoch, seq)
}
