package v1

import (
	"bytes"
	"context"
	_ "embed" // openapi.yaml
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"barrage/codec"
	"barrage/gateway/desk"
	"barrage/gateway/door"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/internal/errands"
)

// This file is the HTTP part of barrage.v1, which openapi.yaml describes: the permissions of callers, and what they
// read. Sending is in send.go.

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

// Store is what barrage.v1 needs of the state that all nodes share.
type Store interface {
	// Report gives and takes counters, see room.Store.
	Report(ctx context.Context, node string, reports []chat.Report) ([]chat.Standing, error)
	// Since reads the messages numbered above seq, at most limit, oldest first.
	Since(ctx context.Context, room string, seq uint64, limit int) (chat.History, error)
	// RecallSeq takes message seq of epoch back, if it is user's and not older than notBefore, in
	// Unix ms. Else the error has chat.ErrNoMessage, ErrNotYours, ErrTooOld or ErrOtherEpoch in its chain.
	RecallSeq(ctx context.Context, room, user string, known chat.Position, epoch string, seq uint64, notBefore int64) (chat.Event, error)
	// Page reads at most limit messages in order: the oldest behind after, or the newest
	// before before where that is not 0. Recalled ones are entries without JSON.
	Page(ctx context.Context, room string, before, after uint64, limit int) (chat.History, error)
}

// API is the protocol barrage.v1: its HTTP calls and its socket. Make it with New.
type API struct {
	edge  *edge.Edge
	store Store
	// recalls, arrivals and questions are what sockets ask for, see checks.
	recalls, arrivals, questions *errands.Queue[asker]
	waiting                      waiters // sockets that have yet to show a token
	// verbs are what moderators want. Desk carries them out; gateway.New sets it before the first request.
	verbs *errands.Queue[asker]
	Desk  *desk.Desk
}

// New is the protocol of a node over its edge, whose Hall is set before the first request.
func New(e *edge.Edge, store Store) *API {
	n := &API{edge: e, store: store, recalls: newErrands(), arrivals: newErrands(), questions: newErrands(), verbs: newErrands()}
	e.Native = n
	e.Paths = append(e.Paths, edge.SocketPath{Begin: roomsPath, End: "/ws", Room: true})
	return n
}

// NewDesk makes the desk that carries out what moderators want.
func (n *API) NewDesk(store desk.Store) {
	n.Desk = desk.New(store, n.edge.Hall, n.announce, n.approve, n.edge.TokenRole, func() time.Time { return n.edge.Times.Now() }, n.edge.Log)
	n.Desk.Reviews = func() bool { return n.edge.Review() != nil }
}

// operation is one thing that can be asked for under /v1.
type operation struct {
	method, path string
	serve        http.HandlerFunc
}

// roomsPath begins the paths of all that is one room's.
const roomsPath = "/v1/rooms/"

func (n *API) operations() []operation {
	return []operation{
		{http.MethodGet, "/v1/openapi.json", n.describe},
		{http.MethodPost, "/v1/login", n.serve(n.login)},
		{http.MethodGet, roomsPath + "{room}", n.diagnose(n.serve(n.room))},
		{http.MethodGet, roomsPath + "{room}/messages", n.scan(n.messages)},
		{http.MethodPost, roomsPath + "{room}/messages", n.serve(n.send)},
		{http.MethodDelete, roomsPath + "{room}/messages/{seq}", n.scan(n.recall)},
		{http.MethodPost, roomsPath + "{room}/mod", n.serve(n.moderate)},
		{http.MethodGet, roomsPath + "{room}/mod", n.scan(n.order)},
		{http.MethodGet, roomsPath + "{room}/mod/log", n.scan(n.modLog)},
		{http.MethodGet, roomsPath + "{room}/mod/held", n.scan(n.held)},
		{http.MethodGet, roomsPath + "{room}/ws", n.socket},
	}
}

// Route adds the operations, and answers of the same shape for whatever else is asked
// for under /v1.
func (n *API) Route(mux *http.ServeMux) {
	methods := make(map[string][]string)
	for _, op := range n.operations() {
		mux.HandleFunc(op.method+" "+op.path, op.serve)
		methods[op.path] = append(methods[op.path], op.method)
	}
	for path, allowed := range methods {
		allow := strings.Join(allowed, ", ")
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			WriteProblem(w, edge.Refuse(http.StatusMethodNotAllowed, "cannot %s %s: the methods are %s", r.Method, r.URL.Path, allow))
		})
	}
	mux.HandleFunc("/v1", nothingHere)
	mux.HandleFunc("/v1/", nothingHere)
}

func nothingHere(w http.ResponseWriter, r *http.Request) {
	WriteProblem(w, edge.Refuse(http.StatusNotFound, "there is nothing at %s", r.URL.Path))
}

// RefuseUnclean answers addresses under /v1 that the mux would redirect to others, which
// mean something else: a room whose id is empty, or two dots.
func RefuseUnclean(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.EscapedPath(); strings.HasPrefix(p, "/v1/") && unclean(p) {
			WriteProblem(w, edge.Refuse(http.StatusBadRequest, "the address %s has empty parts or dots: there is no such room", p))
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
func (n *API) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache") // another node may be newer
	_, _ = w.Write(openAPIText())               // the client has gone: nobody is left to notify
}

// operate does one operation: it returns the body of the response, nil for none.
type operate func(ctx context.Context, r *http.Request) (status int, body any, bad *edge.Refusal)

// scan serves an operation that reads or scans a history.
func (n *API) scan(do operate) http.HandlerFunc { return n.serveAs(do, n.edge.Door.Scan) }

// serve serves one that does not.
func (n *API) serve(do operate) http.HandlerFunc {
	return n.serveAs(do, func(*http.Request) (*door.Reading, *door.Refused) { return nil, nil })
}

func (n *API) serveAs(do operate, scan func(*http.Request) (*door.Reading, *door.Refused)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n.edge.Exit.Leaving() {
			WriteProblem(w, edge.Leaving)
			return
		}
		if bad := edge.RefusedByDoor(n.edge.Door.Call(r)); bad != nil {
			n.refuse(w, r, bad)
			return
		}
		reading, no := scan(r)
		if no != nil {
			n.refuse(w, r, edge.RefusedByDoor(no))
			return
		}
		defer reading.Sent()
		r.Body = http.MaxBytesReader(w, r.Body, edge.MaxFormBytes)
		ctx, cancel := context.WithTimeout(r.Context(), chat.CallTimeout)
		defer cancel()
		status, body, bad := do(ctx, r)
		var text []byte
		if bad == nil && body != nil {
			text = encodeJSON(body)
			bad = edge.RefusedByDoor(reading.Done(len(text)))
		}
		switch {
		case bad != nil:
			n.refuse(w, r, bad)
		case body == nil:
			w.WriteHeader(status)
		default:
			sendJSON(w, status, text)
		}
	}
}

// refuse answers a call that is refused.
func (n *API) refuse(w http.ResponseWriter, r *http.Request, bad *edge.Refusal) {
	n.edge.Tarry(r.Context(), bad)
	WriteProblem(w, bad)
}

// cannot is the refusal of what the store did not do.
func (n *API) cannot(do string, err error) *edge.Refusal { return edge.Cannot(n.edge.Log, do, err) }

// caller is who changes something in the room, and may do what they want there: whatever auth.mode says, somebody must
// have given them their token.
func (n *API) caller(ctx context.Context, r *http.Request, id string, want pass.Can) (v edge.Visitor, rs *edge.Rights, bad *edge.Refusal) {
	if v, bad = n.callerOf(r); bad != nil {
		return v, nil, bad
	}
	if bad = n.edge.Guard.Who(ctx, &v, true); bad != nil {
		return v, nil, bad
	}
	rs, bad = n.edge.Guard.MayBeIn(ctx, &v, id, want)
	return v, rs, bad
}

// present is a caller whom no measure keeps out of the room.
func (n *API) present(ctx context.Context, r *http.Request, id string, want pass.Can) (v edge.Visitor, bad *edge.Refusal) {
	v, rs, bad := n.caller(ctx, r, id, want)
	if v.Rights = rs; bad == nil {
		bad = n.edge.WouldBar(ctx, r, &v, id)
	}
	return v, bad
}

// reader finds out which room is to be read and whether the caller may: everybody may, unless tokens or memberships
// count for sockets too. A caller who only reads becomes no member.
func (n *API) reader(ctx context.Context, r *http.Request) (id string, bad *edge.Refusal) {
	id = r.PathValue("room")
	if bad := edge.CheckID("room", id); bad != nil {
		return "", bad
	}
	if !n.edge.Config().Auth.Required() && n.edge.Config().AutoJoin && !n.edge.Config().GrantedRooms {
		return id, nil
	}
	v, bad := n.callerOf(r)
	if bad != nil {
		return "", bad
	}
	if v.Rights, bad = n.edge.Guard.MayEnter(ctx, &v, id); bad != nil {
		return id, bad
	}
	return id, n.edge.WouldBar(ctx, r, &v, id)
}

// login serves POST /v1/login.
func (n *API) login(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	var in struct {
		UserID   string `json:"user_id"`
		Password string `json:"password"`
	}
	if bad := readJSON(r, &in); bad != nil {
		return 0, nil, bad
	}
	if bad := edge.CheckUser("user_id", in.UserID); bad != nil {
		return 0, nil, bad
	}
	if bad := edge.CheckText("password", in.Password, edge.MaxPasswordBytes); bad != nil {
		return 0, nil, bad
	}
	if bad := edge.RefusedByDoor(n.edge.Door.Login(r, in.UserID)); bad != nil {
		return 0, nil, bad
	}
	token, err := n.edge.Guard.LogIn(ctx, in.UserID, in.Password)
	switch {
	case errors.Is(err, edge.ErrNoLogins):
		return 0, nil, edge.Refuse(http.StatusForbidden, "%v", err)
	case errors.Is(err, edge.ErrWrongPassword):
		return 0, nil, edge.Refuse(http.StatusUnauthorized, "%v", err)
	case err != nil:
		return 0, nil, n.cannot("log in", err)
	}
	type body struct {
		Token   string `json:"token"`
		Expires int64  `json:"expires_in_ms"`
	}
	return http.StatusOK, body{token, chat.TokenLife.Milliseconds()}, nil
}

// onlooker is the name under which a node asks for the counters of rooms of which it has
// no members. Nodes are called otherwise.
const onlooker = "onlooker"

// room serves GET /v1/rooms/{room}.
func (n *API) room(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id, bad := n.reader(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	pos, counters, bad := n.Standing(ctx, id)
	if bad != nil {
		return 0, nil, bad
	}
	type body struct {
		Room   string `json:"room"`
		Online uint64 `json:"online"`
		Likes  uint64 `json:"likes"`
		Epoch  string `json:"epoch"`
		Seq    uint64 `json:"seq"`
		Total  uint64 `json:"total"`
	}
	return http.StatusOK, body{id, counters.Online, counters.Likes, pos.Epoch, pos.Seq, pos.Total}, nil
}

// Standing is where a room stands and what it counts, whether it is live here or not.
func (n *API) Standing(ctx context.Context, id string) (pos chat.Position, counters chat.Counters, bad *edge.Refusal) {
	pos, counters, members := n.edge.Hall.Standing(id)
	if members > 0 {
		return pos, counters, nil
	}
	// Nobody here keeps them up to date, and a room that is only asked for is not opened.
	standings, err := n.store.Report(ctx, onlooker, []chat.Report{{Room: id}})
	if err != nil {
		return pos, counters, n.cannot("read the room's counters", err)
	}
	h, err := n.store.Page(ctx, id, math.MaxInt64, 0, 1) // one entry: no scan
	if err != nil {
		return pos, counters, n.cannot("open the room", err)
	}
	return h.Position, standings[0].Counters, nil
}

// Bounds of a page of messages.
const (
	pageDefault = 50
	pageMost    = 1000
)

// messages serves GET /v1/rooms/{room}/messages.
func (n *API) messages(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id, bad := n.reader(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	h, bad := n.Page(ctx, r.URL.Query(), id)
	if bad != nil {
		return 0, nil, bad
	}
	return http.StatusOK, pageText(&h), nil
}

// Page is the page of a room's history that a query asks for by before, after and limit. Its caller has found out that
// the asker may read it.
func (n *API) Page(ctx context.Context, q url.Values, id string) (h chat.History, bad *edge.Refusal) {
	before, after, limit, bad := readPage(q)
	if bad != nil {
		return h, bad
	}
	h, err := n.store.Page(ctx, id, before, after, limit)
	if err != nil {
		return h, n.cannot("read the history", err)
	}
	return h, nil
}

// WritePage answers with a page of a history.
func WritePage(w http.ResponseWriter, h *chat.History) { WriteJSON(w, http.StatusOK, pageText(h)) }

// pageText is a page of a history as an answer.
func pageText(h *chat.History) encoded {
	size := 128
	for _, e := range h.Entries {
		size += len(e.JSON) + 64
	}
	text := fmt.Appendf(make(encoded, 0, size), `{"epoch":%s,"seq":%d,"total":%d,"messages":[`, bytes.TrimSpace(encodeJSON(h.Epoch)), h.Seq, h.Total)
	for i, e := range h.Entries {
		if i > 0 {
			text = append(text, ',')
		}
		if e.JSON == "" {
			text = codec.AppendRecalledMessage(text, e.Seq)
		} else {
			text = codec.AppendNativeMessage(text, e.Seq, e.JSON)
		}
	}
	return append(text, "]}"...)
}

// readPage reads which page is wanted; without before and after it is the newest.
func readPage(q url.Values) (before, after uint64, limit int, bad *edge.Refusal) {
	number := func(name string, absent, least, most uint64) (n uint64) {
		if bad == nil {
			n, bad = edge.Whole(q, name, absent, least, most)
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

// recall serves DELETE /v1/rooms/{room}/messages/{seq}.
func (n *API) recall(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id := r.PathValue("room")
	if bad := edge.CheckID("room", id); bad != nil {
		return 0, nil, bad
	}
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 63)
	if err != nil || seq == 0 {
		return 0, nil, edge.Refuse(http.StatusBadRequest, "%q is not the number of a message", r.PathValue("seq"))
	}
	epoch := r.URL.Query().Get("epoch")
	if len(epoch) > codec.MaxEpoch {
		return 0, nil, edge.Refuse(http.StatusBadRequest, "epoch has %d bytes, at most %d are allowed", len(epoch), codec.MaxEpoch)
	}
	v, bad := n.present(ctx, r, id, pass.Recall)
	if bad != nil {
		return 0, nil, bad
	}
	return http.StatusNoContent, nil, n.recallSeq(ctx, id, v.User, n.edge.Hall.Position(id), epoch, seq)
}
