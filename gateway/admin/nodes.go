package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	v1 "barrage/gateway/v1"
)

// This file is the nodes as operators see and direct them. A call about a node can name any node, which is asked
// through the store, see package fleet.

// nodeCalls are the calls about nodes.
type nodeCalls struct{ *Base }

// Questions that nodes ask each other about themselves.
const (
	askDrain  = "drain"
	askLevel  = "log level"
	askConfig = "config"
	askReload = "reload"
)

// mostSpread is the longest time over which clients are sent away, as server.drain_spread has it.
const mostSpread = time.Hour

// join has the node answer what others ask.
func (c nodeCalls) join() {
	fleet.On(c.Fleet, askDrain, c.answerDrain)
	fleet.On(c.Fleet, askLevel, c.answerLevel)
	fleet.On(c.Fleet, askConfig, c.answerConfig)
	fleet.On(c.Fleet, askReload, c.answerReload)
	fleet.On(c.Fleet, askRebalance, c.answerRebalance)
}

// nodeConfig is a node's settings.
type nodeConfig struct {
	Node     string    `json:"node"`
	Hash     string    `json:"hash"`
	Settings []Setting `json:"settings"`
}

// list serves GET /v1/admin/nodes.
func (c nodeCalls) list(ctx context.Context, w http.ResponseWriter, _ *http.Request) *edge.Refusal {
	all, reach := c.Fleet.Nodes(ctx)
	if all == nil {
		all = []fleet.Node{}
	}
	v1.WriteJSON(w, http.StatusOK, struct {
		Nodes  []fleet.Node `json:"nodes"`
		Self   string       `json:"self"`
		Silent []string     `json:"silent"`
		Note   string       `json:"note,omitempty"`
	}{all, c.Edge.Hall.Node(), reach.Silent, reach.Note})
	return nil
}

// askOne serves a call about the node of the address: it answers as that node does.
func askOne[T any](nodes *fleet.Fleet, w http.ResponseWriter, r *http.Request, topic string, args any) *edge.Refusal {
	node := r.PathValue("node")
	if bad := edge.CheckID("node", node); bad != nil {
		return bad
	}
	answer, err := fleet.One[T](r.Context(), nodes, node, topic, args)
	if err != nil {
		return fleetRefusal(err)
	}
	v1.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// show serves GET /v1/admin/nodes/{node}.
func (c nodeCalls) show(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[fleet.Node](c.Fleet, w, r, fleet.AboutNode, nil)
}

// config serves GET /v1/admin/nodes/{node}/config.
func (c nodeCalls) config(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[nodeConfig](c.Fleet, w, r, askConfig, nil)
}

// answerConfig are this node's settings.
func (c nodeCalls) answerConfig(context.Context, struct{}) (shown nodeConfig, err error) {
	settings := c.Node.Settings()
	if settings == nil {
		return shown, &fleet.RefusedError{Status: http.StatusNotImplemented, Why: "this node does not show its settings"}
	}
	return nodeConfig{c.Edge.Hall.Node(), Hash(settings), settings}, nil
}

// drainArgs has a node step aside, or back.
type drainArgs struct {
	Aside  bool   `json:"aside"`
	OverMS *int64 `json:"over_ms"`         // nil: server.drain_spread
	Force  bool   `json:"force,omitempty"` // also while another node does
	By     string `json:"by"`
}

// drain serves POST /v1/admin/nodes/{node}/drain and …/undrain.
func (c nodeCalls) drain(aside bool) call {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
		args := drainArgs{Aside: aside, Force: r.URL.Query().Get("force") == "true", By: operator(ctx).Name}
		if text := r.URL.Query().Get("over"); text != "" && aside {
			over, err := time.ParseDuration(text)
			if err != nil || over < 0 || over > mostSpread {
				return edge.Refuse(http.StatusBadRequest, "over is %q, want a duration from 0s to %v, as 60s", text, mostSpread)
			}
			ms := over.Milliseconds()
			args.OverMS = &ms
		}
		return askOne[fleet.Node](c.Fleet, w, r, askDrain, args)
	}
}

// answerDrain steps aside, or back, and answers as the node is then.
func (c nodeCalls) answerDrain(ctx context.Context, args drainArgs) (n fleet.Node, err error) {
	if c.Edge.Exit.Leaving() {
		return n, errLeaving
	}
	if !args.Aside {
		c.Edge.Exit.StepBack()
		c.API.Desk.NoteNode(ctx, args.By, c.Edge.Hall.Node(), "undrain")
	} else {
		over := c.Edge.Config().Server.DrainSpread
		if args.OverMS != nil {
			over = time.Duration(*args.OverMS) * time.Millisecond
		}
		may := func() error { return c.mayDrain(ctx, over, args.Force) }
		if err := c.Edge.Exit.StepAside(over, may, c.endLease); err != nil {
			return n, err
		}
		c.API.Desk.NoteNode(ctx, args.By, c.Edge.Hall.Node(), "drain")
	}
	_ = c.Fleet.Beat(ctx) // else with the next beat
	return c.Fleet.Self(), nil
}

// errLeaving refuses what would have a node that leaves come back.
var errLeaving = &fleet.RefusedError{Status: http.StatusConflict, Why: "the node is leaving for good"}

// mayDrain takes the lease for the node. A store that is away keeps nobody from sending clients away: nobody else can
// ask for the lease, either.
func (c nodeCalls) mayDrain(ctx context.Context, over time.Duration, force bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // the caller has gone
	}
	// Else a caller who is out of time would pass for a store that is away.
	holder, err := c.Fleet.TakeLease(context.WithoutCancel(ctx), force)
	switch {
	case c.Edge.Exit.Leaving(): // since it was asked whether it leaves
		return errLeaving
	case err != nil:
		c.Log.Warn("cannot ask whether other nodes send their clients away, too", "err", err)
	case holder != c.Edge.Hall.Node() && !force:
		return otherLease(holder)
	}
	c.Log.Info("the node sends its clients away and stays", "connections", c.Edge.Sessions.Open(), "over", over)
	c.Edge.Exit.WarnOfPace(over, "drain over a longer time")
	return nil
}

// endLease gives the lease back, but of a node that is about to leave: that does it once everybody has gone.
func (c nodeCalls) endLease() { c.Fleet.EndLease(context.Background(), c.Edge.Exit.Lame) }

// otherLease refuses what would have two nodes send their clients away at once.
func otherLease(holder string) error {
	return &fleet.RefusedError{Status: http.StatusConflict, Why: fmt.Sprintf("node %s sends its clients away now: wait until it has, or give force", holder)}
}

// levels are the names of what log.level can be.
var levels = map[slog.Level]string{slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warn", slog.LevelError: "error"}

// LevelName is the name of the least level that is logged; empty where nobody can change it.
func LevelName(l *slog.LevelVar) string {
	if l == nil {
		return ""
	}
	return levels[l.Level()]
}

// levelArgs is a level to log from on; empty: as it is.
type levelArgs struct {
	Level string `json:"level"`
	By    string `json:"by,omitempty"`
}

// readLevel serves GET /v1/admin/nodes/{node}/log-level.
func (c nodeCalls) readLevel(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[levelArgs](c.Fleet, w, r, askLevel, levelArgs{})
}

// setLevel serves PUT /v1/admin/nodes/{node}/log-level.
func (c nodeCalls) setLevel(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	r.Body = http.MaxBytesReader(w, r.Body, edge.MaxFormBytes)
	args := levelArgs{By: operator(ctx).Name}
	if bad := v1.ReadJSON(r, &args); bad != nil {
		return bad
	}
	for _, name := range levels {
		if args.Level == name {
			args.By = operator(ctx).Name // whatever the body says
			return askOne[levelArgs](c.Fleet, w, r, askLevel, args)
		}
	}
	return edge.Refuse(http.StatusBadRequest, "level is %.64q, want debug, info, warn or error", args.Level)
}

// answerLevel logs from another level on, and answers which one it is.
func (c nodeCalls) answerLevel(ctx context.Context, args levelArgs) (now levelArgs, err error) {
	if c.Level == nil {
		return now, &fleet.RefusedError{Status: http.StatusNotImplemented, Why: "this node cannot change what it logs"}
	}
	for level, name := range levels {
		if args.Level == name {
			c.Log.Warn("another level is logged from now on", "level", name, "was", LevelName(c.Level), "by", args.By)
			c.Level.Set(level)
			c.API.Desk.NoteNode(ctx, args.By, c.Edge.Hall.Node(), "log_level "+name)
		}
	}
	return levelArgs{Level: LevelName(c.Level)}, nil
}

// reloaded is what a node answers that has read its configuration anew.
type reloaded struct {
	Node    string   `json:"node"`
	Hash    string   `json:"hash"`
	Changed []string `json:"changed"` // keys
}

// reloadArgs has a node read its configuration anew.
type reloadArgs struct {
	By string `json:"by"`
}

// reload serves POST /v1/admin/nodes/{node}/reload.
func (c nodeCalls) reload(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	return askOne[reloaded](c.Fleet, w, r, askReload, reloadArgs{operator(ctx).Name})
}

// maxWhy bounds the text of a refused reload, in bytes: a file may have a thousand mistakes.
const maxWhy = 4 << 10

// oneLine has the problems of a configuration, which stand in lines of their own, follow each other.
var oneLine = strings.NewReplacer(":\n  ", ": ", "\n  ", "; ", "\n", "; ")

// answerReload reads the configuration anew.
func (c nodeCalls) answerReload(ctx context.Context, args reloadArgs) (now reloaded, err error) {
	changed, err := c.Node.Reload(ctx, args.By)
	if refused, ok := err.(*fleet.RefusedError); ok { //nolint:errorlint // it is returned bare
		return now, refused
	}
	if err != nil {
		why := oneLine.Replace("cannot reload: " + err.Error())
		return now, &fleet.RefusedError{Status: http.StatusConflict, Why: strings.ToValidUTF8(why[:min(len(why), maxWhy)], "")}
	}
	if changed == nil {
		changed = []string{}
	}
	return reloaded{c.Edge.Hall.Node(), Hash(c.Node.Settings()), changed}, nil
}

// fleetRefusal is the refusal that a node's is.
func fleetRefusal(err error) *edge.Refusal {
	if p, ok := errors.AsType[*fleet.RefusedError](err); ok {
		bad := edge.Refuse(p.Status, "%s", p.Why)
		if p.Status == http.StatusConflict {
			bad = bad.As("conflict") // other_epoch is of rooms
		}
		return bad
	}
	return edge.Refuse(http.StatusInternalServerError, "%v", err)
}
