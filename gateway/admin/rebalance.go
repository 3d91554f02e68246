package admin

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"barrage/gateway/edge"
	"barrage/gateway/fleet"
	v1 "barrage/gateway/v1"
)

// This file has nodes with more clients than others send some away: after a scale-up nothing moves by itself. Clients
// come back where the balancer has them, and resume.

const askRebalance = "rebalance"

// Defaults and bounds of a rebalance. EMQX moves 500 a second; ours resume from the rooms' newest messages, and a new
// node is not warm yet. Up to a tenth above the mean is what balancers make of equal nodes.
const (
	defaultMoves = 200 // a second and node
	mostMoves    = 2000
	defaultOver  = 1.1
	mostOver     = 100
)

// rebalanced is the answer of POST /v1/admin/nodes/rebalance.
type rebalanced struct {
	Mean   float64     `json:"mean"` // connections of the nodes that are ready
	Nodes  []nodeMoves `json:"nodes"`
	Silent []string    `json:"silent"`
	Note   string      `json:"note,omitempty"`
}

// nodeMoves is how many clients a node sends away.
type nodeMoves struct {
	Node        string `json:"node"`
	Connections int    `json:"connections"`
	Moves       int    `json:"moves"`
	Note        string `json:"note,omitempty"` // why it does not
}

// rebalanceArgs has a node send some clients away.
type rebalanceArgs struct {
	Count     int     `json:"count"`
	PerSecond float64 `json:"per_second"`
	By        string  `json:"by"`
}

// rebalance serves POST /v1/admin/nodes/rebalance.
func (c nodeCalls) rebalance(ctx context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	query := r.URL.Query()
	rate, bad := number(query.Get("rate"), "rate", defaultMoves, 1, mostMoves)
	if bad != nil {
		return bad
	}
	over, bad := number(query.Get("over"), "over", defaultOver, 1, mostOver)
	if bad != nil {
		return bad
	}
	if holder, err := c.Fleet.Holder(ctx); err == nil && holder != "" {
		return fleetRefusal(otherLease(holder))
	}
	all, reach := c.Fleet.Nodes(ctx)
	answer := surplus(all, over)
	answer.Silent, answer.Note = reach.Silent, reach.Note
	for i := range answer.Nodes {
		n := &answer.Nodes[i]
		if n.Moves == 0 || query.Get("dry") == "true" {
			continue
		}
		args := rebalanceArgs{n.Moves, rate, operator(ctx).Name}
		if _, err := fleet.One[struct{}](ctx, c.Fleet, n.Node, askRebalance, args); err != nil {
			n.Moves, n.Note = 0, err.Error()
		}
	}
	v1.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// number reads a parameter of a query.
func number(text, name string, otherwise, least, most float64) (float64, *edge.Refusal) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || !(n >= least && n <= most) {
		return 0, edge.Refuse(http.StatusBadRequest, "%s is %.64q, want a number within %v and %v", name, text, least, most)
	}
	return n, nil
}

// surplus is how many clients each node has above so many times the mean. Nodes that are not ready count for nothing:
// they have reasons.
func surplus(all []fleet.Node, over float64) rebalanced {
	r := rebalanced{Nodes: []nodeMoves{}}
	sum := 0
	for _, n := range all {
		if n.State == fleet.Ready {
			sum += n.Connections
			r.Nodes = append(r.Nodes, nodeMoves{Node: n.Node, Connections: n.Connections})
		}
	}
	if len(r.Nodes) == 0 {
		return r
	}
	mean := float64(sum) / float64(len(r.Nodes))
	r.Mean = math.Round(10*mean) / 10
	for i := range r.Nodes {
		n := &r.Nodes[i]
		n.Moves = max(0, n.Connections-int(math.Ceil(over*mean)))
	}
	return r
}

// answerRebalance begins to send clients away.
func (c nodeCalls) answerRebalance(ctx context.Context, args rebalanceArgs) (done struct{}, err error) {
	if !c.Edge.Exit.SendSome(args.Count, args.PerSecond) {
		return done, &fleet.RefusedError{Status: http.StatusConflict, Why: "the node sends clients away already"}
	}
	c.Log.Info("the node has more clients than others, and sends some away", "clients", args.Count, "over",
		time.Duration(float64(args.Count)/args.PerSecond*float64(time.Second)).Round(time.Second))
	c.API.Desk.NoteNode(ctx, args.By, c.Edge.Hall.Node(), "rebalance")
	return done, nil
}
