package v1

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"barrage/gateway/edge"
)

// This file is what tests of package gateway, which go over the wire, see and do of what the wire does not show.
// Nothing else uses it: lint forbids the names.

// ProbeWaiting is how many sockets have yet to show a token.
func (n *API) ProbeWaiting() int64 {
	n.waiting.mu.Lock()
	defer n.waiting.mu.Unlock()
	return int64(n.waiting.all)
}

// ProbeRecalls is how many recalls wait, and of how many askers; ProbeArrivals how many tokens that came by a frame.
func (n *API) ProbeRecalls() (queued, askers int) { return n.recalls.Waiting() }

// ProbeArrivals is beside ProbeRecalls.
func (n *API) ProbeArrivals() int {
	waiting, _ := n.arrivals.Waiting()
	return waiting
}

// ProbeSend does the operation sendMessage.
func (n *API) ProbeSend(ctx context.Context, r *http.Request) (status int, answer any, bad *edge.Refusal) {
	return n.send(ctx, r)
}

// ProbeMaxBody is how many bytes the body of a message may have.
func (n *API) ProbeMaxBody() int { return n.maxBody() }

// ProbeOperations are the method and the path of each operation.
func (n *API) ProbeOperations() (all []string) {
	for _, op := range n.operations() {
		all = append(all, op.method+" "+op.path)
	}
	return all
}

// ProbeDescription is openapi.yaml as JSON.
func ProbeDescription() []byte { return openAPIText() }

// ProbeCodes are the words for what is refused.
func ProbeCodes() []string {
	return slices.Concat(slices.Collect(maps.Values(edge.StatusWords)), slices.Collect(maps.Keys(answerTexts)))
}
