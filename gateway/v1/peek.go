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

// PeekWaiting is how many sockets have yet to show a token.
func (n *API) PeekWaiting() int64 {
	n.waiting.mu.Lock()
	defer n.waiting.mu.Unlock()
	return int64(n.waiting.all)
}

// PeekRecalls is how many recalls wait, and of how many askers; PeekArrivals how many tokens that came by a frame.
func (n *API) PeekRecalls() (queued, askers int) { return n.recalls.Waiting() }

// PeekArrivals is beside PeekRecalls.
func (n *API) PeekArrivals() int {
	waiting, _ := n.arrivals.Waiting()
	return waiting
}

// PeekSend does the operation sendMessage.
func (n *API) PeekSend(ctx context.Context, r *http.Request) (status int, answer any, bad *edge.Refusal) {
	return n.send(ctx, r)
}

// PeekMaxBody is how many bytes the body of a message may have.
func (n *API) PeekMaxBody() int { return n.maxBody() }

// PeekOperations are the method and the path of each operation.
func (n *API) PeekOperations() (all []string) {
	for _, op := range n.operations() {
		all = append(all, op.method+" "+op.path)
	}
	return all
}

// PeekDescription is openapi.yaml as JSON.
func PeekDescription() []byte { return openAPIText() }

// PeekCodes are the words for what is refused.
func PeekCodes() []string {
	return slices.Concat(slices.Collect(maps.Values(edge.StatusWords)), slices.Collect(maps.Keys(answerTexts)))
}
