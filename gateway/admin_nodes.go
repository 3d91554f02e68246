package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// This file is the nodes as operators see and order them. Whatever is about a node is about any: it is asked through
// the store, see package fleet.

// What nodes ask each other.
const (
	askDrain  = "drain"
	askLevel  = "log level"
	askConfig = "config"
	askReload = "reload"
	askRooms  = "rooms"
	askRoom   = "room"
	askUser   = "user"
)

// mostSpread is the longest time over which clients are sent away, as server.drain_spread has it.
const mostSpread = time.Hour

// join has the node answer what others ask.
func (s adminPort) join() {
	s.fleet.On(askDrain, s.answerDrain)
	s.fleet.On(askLevel, s.answerLevel)
	s.fleet.On(askConfig, func(context.Context, json.RawMessage) (any, error) {
		settings := s.reload.now()
		if settings == nil {
			return nil, &fleet.RefusedError{Status: http.StatusNotImplemented, Why: "this node does not show its settings"}
		}
		return nodeConfig{s.edge.Hall.Node(), hash(settings), settings}, nil
	})
	s.fleet.On(askReload, s.answerReload)
	s.fleet.On(askRebalance, s.answerRebalance)
	s.fleet.On(askRooms, s.answerRooms)
	s.fleet.On(askRoom, s.answerRoom)
	s.fleet.On(askUser, s.answerUser)
}

// nodeConfig is a node's settings.
type nodeConfig struct {
	Node     string    `json:"node"`
	Hash     string    `json:"hash"`
	Settings []Setting `json:"settings"`
}

// nodes serves GET /v1/admin/nodes.
func (s adminPort) nodes(ctx context.Context, w http.ResponseWriter, _ *http.Request) *edge.Refusal {
	all, reach := s.fleet.Nodes(ctx)
	if all == nil {
		all = []fleet.Node{}
	}
	v1.WriteJSON(w, http.StatusOK, struct {
		Nodes  []fleet.Node `json:"nodes"`
		Self   string       `json:"self"`
		Silent []string     `json:"silent"`
		Note   string       `json:"note,omitempty"`
	}{all, s.edge.Hall.Node(), reach.Silent, reach.Note})
	return nil
}

// askOne serves a call about the node of the address: it answers as that node does.
func askOne[T any](s adminPort, w http.ResponseWriter, r *http.Request, topic string, args any) *edge.Refusal {
	node := r.PathValue("node")
	if bad := edge.CheckID("node", node); bad != nil {
		return bad
	}
	answer, err := fleet.One[T](r.Context(), s.fleet, node, topic, args)
	if err != nil {
		return fleetRefusal(err)
	}
	v1.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// node serves GET /v1/admin/nodes/{node}.
func (s adminPort) node(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[fleet.Node](s, w, r, fleet.AboutNode, nil)
}

// config serves GET /v1/admin/nodes/{node}/config.
func (s adminPort) config(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[nodeConfig](s, w, r, askConfig, nil)
}

// drainOrder has a node step aside, or back.
type drainOrder struct {
	Aside  bool   `json:"aside"`
	OverMS *int64 `json:"over_ms"`         // nil: server.drain_spread
	Force  bool   `json:"force,omitempty"` // also while another node does
	By     string `json:"by"`
}

// drain serves POST /v1/admin/nodes/{node}/drain and …/undrain.
func (s adminPort) drain(aside bool) func(context.Context, http.ResponseWriter, *http.Request) *edge.Refusal {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
		order := drainOrder{Aside: aside, Force: r.URL.Query().Get("force") == "true", By: operator(ctx).Name}
		if text := r.URL.Query().Get("over"); text != "" && aside {
			over, err := time.ParseDuration(text)
			if err != nil || over < 0 || over > mostSpread {
				return edge.Refuse(http.StatusBadRequest, "over is %q, want a duration from 0s to %v, as 60s", text, mostSpread)
			}
			ms := over.Milliseconds()
			order.OverMS = &ms
		}
		return askOne[fleet.Node](s, w, r, askDrain, order)
	}
}

// answerDrain steps aside, or back, and answers as the node is then.
func (s adminPort) answerDrain(ctx context.Context, args json.RawMessage) (any, error) {
	var order drainOrder
	if err := json.Unmarshal(args, &order); err != nil {
		return nil, &fleet.RefusedError{Status: http.StatusBadRequest, Why: err.Error()}
	}
	if s.edge.Exit.Leaving() {
		return nil, &fleet.RefusedError{Status: http.StatusConflict, Why: "the node is leaving for good"}
	}
	if !order.Aside {
		s.edge.Exit.StepBack()
		s.noteNode(ctx, order.By, "undrain")
	} else {
		over := s.edge.Config().Server.DrainSpread
		if order.OverMS != nil {
			over = time.Duration(*order.OverMS) * time.Millisecond
		}
		if bad := s.mayDrain(ctx, order.Force); bad != nil {
			return nil, bad
		}
		s.log.Info("the node sends its clients away and stays", "connections", s.Sessions(), "over", over)
		s.noteNode(ctx, order.By, "drain")
		s.edge.Exit.WarnOfPace(over, "drain over a longer time")
		s.edge.Exit.StepAside(s.ctx, &s.workers, over, func() { s.fleet.EndLease(context.WithoutCancel(s.ctx)) })
	}
	_ = s.fleet.Tell(ctx) // else with the next beat
	return s.fleet.Self(), nil
}

// mayDrain takes the lease for the node. A store that is away keeps nobody from sending clients away: nobody else can
// ask for the lease, either.
func (s adminPort) mayDrain(ctx context.Context, force bool) error {
	if s.edge.Exit.Draining() {
		return nil // it does already
	}
	holder, err := s.fleet.TakeLease(ctx)
	switch {
	case err != nil:
		s.log.Warn("cannot ask whether other nodes send their clients away, too", "err", err)
	case holder != s.edge.Hall.Node() && !force:
		return otherLease(holder)
	}
	return nil
}

// otherLease refuses what would have two nodes send their clients away at once.
func otherLease(holder string) error {
	return &fleet.RefusedError{Status: http.StatusConflict, Why: fmt.Sprintf("node %s sends its clients away now: wait until it has, or say force", holder)}
}

// noteNode writes into the log of all rooms what an operator had this node do.
func (s adminPort) noteNode(ctx context.Context, by, verb string) {
	s.v1.Desk.Note(ctx, desk.Actor{Name: by, Role: chat.RoleServer, Via: desk.ViaAdmin}, chat.Everywhere, desk.LogEntry{Verb: verb, Target: s.edge.Hall.Node()})
}

// levelOrder is a level to log from on; empty: as it is.
type levelOrder struct {
	Level string `json:"level"`
	By    string `json:"by,omitempty"`
}

// readLevel serves GET /v1/admin/nodes/{node}/log-level.
func (s adminPort) readLevel(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[levelOrder](s, w, r, askLevel, levelOrder{})
}

// setLevel serves PUT /v1/admin/nodes/{node}/log-level.
func (s adminPort) setLevel(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	r.Body = http.MaxBytesReader(w, r.Body, edge.MaxFormBytes)
	order := levelOrder{By: operator(ctx).Name}
	if bad := v1.ReadJSON(r, &order); bad != nil {
		return bad
	}
	for _, name := range levels {
		if order.Level == name {
			order.By = operator(ctx).Name // whatever the body says
			return askOne[levelOrder](s, w, r, askLevel, order)
		}
	}
	return edge.Refuse(http.StatusBadRequest, "level is %.64q, want debug, info, warn or error", order.Level)
}

// answerLevel logs from another level on, and answers which one it is.
func (s adminPort) answerLevel(ctx context.Context, args json.RawMessage) (any, error) {
	var order levelOrder
	if err := json.Unmarshal(args, &order); err != nil {
		return nil, &fleet.RefusedError{Status: http.StatusBadRequest, Why: err.Error()}
	}
	if s.cfg.Running.Level == nil {
		return nil, &fleet.RefusedError{Status: http.StatusNotImplemented, Why: "this node cannot change what it logs"}
	}
	for level, name := range levels {
		if order.Level == name {
			s.log.Warn("another level is logged from now on", "level", name, "was", s.cfg.Running.level(), "by", order.By)
			s.cfg.Running.Level.Set(level)
			s.noteNode(ctx, order.By, "log_level "+name)
		}
	}
	return levelOrder{Level: s.cfg.Running.level()}, nil
}
