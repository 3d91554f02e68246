package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	"barrage/gateway/keys"
	"barrage/gateway/traces"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
	"barrage/web"
)

// Path begins the addresses of calls that operators make; all else on the admin port is for machines.
const Path = "/v1/admin/"

// consolePath is the page that moderators work with.
const consolePath = "/console"

// Node is what the port asks its node for. gateway.Server satisfies it.
type Node interface {
	// Ready reports whether new clients should be sent here: nil, or why not.
	Ready() error
	// SinceDelivery is how long ago the node was last found to deliver.
	SinceDelivery() time.Duration
	// Settings are those that hold; nil: nobody may see them.
	Settings() []Setting
	// Reload reads the configuration anew and returns the keys that have changed; by is the name of who wants that.
	Reload(ctx context.Context, by string) (changed []string, err error)
}

// Store is what the port needs of the state that all nodes share. redisx satisfies it.
type Store interface {
	// RevokeUser ends all tokens of a user that were made until then, RevokeToken a signed one by its name.
	RevokeUser(ctx context.Context, user string, then time.Time) error
	RevokeToken(ctx context.Context, id string, end time.Time) error
	// RegisterRoom registers a room, or ends that.
	RegisterRoom(ctx context.Context, room string, on bool) error
	// Rooms are those of which a user is a member.
	Rooms(ctx context.Context, user string) ([]string, error)
	// Page reads at most limit messages in order: the oldest behind after, or the newest before before where that is
	// not 0.
	Page(ctx context.Context, room string, before, after uint64, limit int) (chat.History, error)
	// Rules are those of a room, ChangeRules changes them.
	Rules(ctx context.Context, room string) (chat.Rules, error)
	ChangeRules(ctx context.Context, room string, c chat.RulesChange) (chat.Event, error)
	// ReadTerms is the text of a list of terms of the word filter, empty where there is none. WriteTerms keeps it, or
	// takes it away where it is empty.
	ReadTerms(ctx context.Context, name string) (string, error)
	WriteTerms(ctx context.Context, name, text string) error
	// Notes are what of this node's promises the store's settings do not keep, a sentence each.
	Notes() []string
}

// Base is what all calls stand on: the node, and what it is put together from. All fields are set but Level.
type Base struct {
	Node  Node
	Edge  *edge.Edge
	API   *v1.API
	Store Store
	Fleet *fleet.Fleet
	Level *slog.LevelVar // the least level that is logged; nil: nobody can change it
	Log   *slog.Logger
}

// Port is the admin port of a node. Make it with [New]; call LoadKeys before Handler and Public.
type Port struct {
	*Base
	metrics  http.Handler   // GET /metrics
	traces   *traces.Traces // nil: there are none
	keysFile string
	keys     *keys.Keys // server keys; nil: none are needed

	nodes nodeCalls
	rooms roomCalls
	users userCalls
	mod   modCalls
	terms termCalls
}

// New is the port of a node, over its parts, with a handler of GET /metrics and traces, nil where there are none. From
// then on the node answers what other nodes ask for operators.
func New(cfg Config, base Base, metrics http.Handler, spans *traces.Traces) *Port {
	b := &base
	p := &Port{Base: b, metrics: metrics, traces: spans, keysFile: cfg.KeysFile, nodes: nodeCalls{b}, rooms: roomCalls{Base: b}, users: userCalls{b}, mod: modCalls{b}, terms: termCalls{b}}
	p.nodes.join()
	p.rooms.join()
	p.users.join()
	return p
}

// LoadKeys reads the server keys of admin.keys_file, where there is one.
func (p *Port) LoadKeys() (err error) {
	if p.keysFile != "" {
		p.keys, err = p.readKeys()
	}
	return err
}

// ReloadKeys reads the server keys again, if there are any. Then adopt has them hold; it cannot fail.
func (p *Port) ReloadKeys() (adopt func(), err error) {
	if p.keys == nil {
		return func() {}, nil
	}
	fresh, err := p.readKeys()
	return func() { p.keys.Adopt(fresh) }, err
}

func (p *Port) readKeys() (*keys.Keys, error) {
	all, warning, err := keys.Load(p.keysFile)
	if warning != "" {
		p.Log.Warn(warning)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read admin.keys_file: %w", err)
	}
	return all, nil
}

// operations are what can be asked for on the admin port, method and path, by what a key must be able to do for it.
// With 0 no key is needed.
func (p *Port) operations() map[keys.Can]map[string]http.HandlerFunc {
	return map[keys.Can]map[string]http.HandlerFunc{
		0: {
			"GET /{$}":                   p.index,
			"GET " + consolePath:         web.Page("console.html", nil).ServeHTTP,
			"GET /healthz":               func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, alive(p.Node.SinceDelivery()), nil) },
			"GET /readyz":                func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, p.Node.Ready(), p.Store.Notes()) },
			"GET /v1/admin/openapi.yaml": describe,
		},
		keys.Ops: {
			"GET /metrics":             p.metrics.ServeHTTP,
			"GET /rooms":               p.rooms.largest,
			"GET /debug/pprof/":        pprof.Index,
			"GET /debug/pprof/profile": pprof.Profile,
			"GET /debug/pprof/trace":   pprof.Trace,

			"GET /v1/admin/nodes":                  serve(p.nodes.list),
			"GET /v1/admin/nodes/{node}":           serve(p.nodes.show),
			"POST /v1/admin/nodes/{node}/drain":    serve(p.nodes.drain(true)),
			"POST /v1/admin/nodes/{node}/undrain":  serve(p.nodes.drain(false)),
			"GET /v1/admin/nodes/{node}/log-level": serve(p.nodes.readLevel),
			"PUT /v1/admin/nodes/{node}/log-level": serve(p.nodes.setLevel),
			"GET /v1/admin/nodes/{node}/config":    serve(p.nodes.config),
			"POST /v1/admin/nodes/{node}/reload":   serve(p.nodes.reload),
			"POST /v1/admin/nodes/rebalance":       serve(p.nodes.rebalance),
			"GET /v1/admin/rooms":                  serve(p.rooms.list),
		},
		keys.Rooms: {
			"GET /v1/admin/rooms/{room}":        serve(inRoom(p.rooms.show)),
			"PUT /v1/admin/rooms/{room}":        serve(inRoom(p.rooms.register(true))),
			"DELETE /v1/admin/rooms/{room}":     serve(inRoom(p.rooms.register(false))),
			"GET /v1/admin/rooms/{room}/export": p.rooms.export,
		},
		keys.Publish: {
			"POST /v1/admin/rooms/{room}/messages": serve(inRoom(p.API.Publish)),
		},
		keys.Moderate: {
			"GET /v1/admin/users/{user}":           serve(everywhere(p.users.show)),
			"POST /v1/admin/users/{user}/revoke":   serve(everywhere(p.users.revokeUser)),
			"POST /v1/admin/tokens/{id}/revoke":    serve(everywhere(p.users.revokeToken)),
			"GET /v1/admin/rooms/{room}/messages":  serve(inRoom(p.rooms.messages)),
			"POST /v1/admin/rooms/{room}/mod":      serve(inRoom(p.mod.do)),
			"GET /v1/admin/rooms/{room}/mod":       serve(inRoom(p.mod.rules)),
			"GET /v1/admin/rooms/{room}/mod/log":   serve(inRoom(p.mod.log)),
			"GET /v1/admin/rooms/{room}/mod/held":  serve(inRoom(p.mod.held)),
			"POST /v1/admin/everywhere/mod":        serve(everywhere(p.mod.do)),
			"GET /v1/admin/everywhere/mod":         serve(everywhere(p.mod.rules)),
			"GET /v1/admin/everywhere/mod/log":     serve(everywhere(p.mod.log)),
			"GET /v1/admin/filter":                 serve(p.terms.lists),
			"POST /v1/admin/filter/test":           serve(p.terms.test),
			"PUT /v1/admin/filter/lists/{name}":    serve(ofList(p.terms.put)),
			"GET /v1/admin/filter/lists/{name}":    serve(ofList(p.terms.get)),
			"DELETE /v1/admin/filter/lists/{name}": serve(ofList(p.terms.delete)),
		},
	}
}

// Handler serves the admin port: health, metrics, profiles, and calls for operators. Never public. Without keys
// everybody on this machine may do anything.
func (p *Port) Handler() http.Handler {
	mux := http.NewServeMux()
	for can, routes := range p.operations() {
		for route, do := range routes {
			if p.keys != nil && can != 0 {
				do = p.keys.Need(can, do).ServeHTTP
			}
			mux.HandleFunc(route, do)
		}
	}
	return sameSite(p.traces.Serve(v1.RefuseUnclean(mux), Path, true), p.keys == nil)
}

// Public serves the calls under [Path] on the public port, where admin.public is on. Each needs a key that may do it. A
// request without a key counts against limits.http_rate.
func (p *Port) Public() http.Handler {
	mux := http.NewServeMux()
	for can, routes := range p.operations() {
		for route, do := range routes {
			if strings.Contains(route, " "+Path) {
				mux.Handle(route, p.keys.Need(can, do))
			}
		}
	}
	keyed := sameSite(mux, false)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := p.keys.Of(r); !ok {
			if bad := edge.RefusedByDoor(p.Edge.Door.Call(r)); bad != nil {
				v1.WriteProblem(w, bad)
				return
			}
		}
		keyed.ServeHTTP(w, r)
	})
}

// call is an operation, which answers where it refuses nothing.
type call func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal

// serve makes a call, within chat.CallTimeout.
func serve(do call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), chat.CallTimeout)
		defer cancel()
		if bad := do(ctx, w, r); bad != nil {
			v1.WriteProblem(w, bad)
		}
	}
}

// roomCall is a call about a room.
type roomCall func(ctx context.Context, w http.ResponseWriter, r *http.Request, id string) *edge.Refusal

// inRoom is a call about the room of the address.
func inRoom(do roomCall) call {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
		id := r.PathValue("room")
		if bad := edge.CheckID("room", id); bad != nil {
			return bad
		}
		return do(ctx, w, r, id)
	}
}

// everywhere is a call about what holds in all rooms: a key that is for some of them may not.
func everywhere(do roomCall) call {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
		if key := keys.From(ctx); key != nil && key.Rooms != "" && key.Rooms != "*" {
			return edge.Refuse(http.StatusForbidden, "key %q is for rooms %q, and this is about all of them", key.Name, key.Rooms)
		}
		return do(ctx, w, r, chat.Everywhere)
	}
}

// operator is who calls: the name of their key, or of this machine.
func operator(ctx context.Context) desk.Actor {
	a := desk.Actor{Name: "this machine", Role: chat.RoleServer, Via: desk.ViaAdmin}
	if key := keys.From(ctx); key != nil {
		a.Name = key.Name
	}
	return a
}
