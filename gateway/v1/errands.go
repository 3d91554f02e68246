package v1

import (
	"context"
	"sync"

	"barrage/internal/chat"
	"barrage/internal/errands"
)

// Bounds of what sockets ask for and a poller cannot do, since it takes a call of the store or of a hook.
const (
	// errandQueue is how many of a kind may wait, some 100 bytes each; more are refused.
	errandQueue = 1024
	// errandShare is how many of one asker may: a sixteenth, as of the other queues that people share.
	errandShare = errandQueue / 16
	// recallers is how many recalls are under way at once. Each is a call of the store, and one that finds nothing near
	// by scans a history.
	recallers = 4
	// arrivers is how many tokens that came by a frame are looked at, at once: a store answers in less than a ms.
	arrivers = 8
	// askers is how many of those the connect hook is asked about, at once: half of what it may be asked.
	askers = 32
)

// asker is whose errands count together: those of an address, or of a user where no address is counted. Or they are of
// a socket alone that has yet to show who it is, which has one at most.
type asker struct {
	address int
	user    string
	socket  *member
}

// askerOf is whose the socket's errands are. It runs in the poller.
func askerOf(m *member) asker {
	if from := m.From(); from > 0 {
		return asker{address: from}
	}
	if m.Rights() == nil { // it has yet to show who it is
		return asker{socket: m}
	}
	return asker{user: m.User()}
}

// A queue for each kind of errand: a slow errand holds nothing up in another queue.
func newErrands() *errands.Queue[asker] { return errands.New[asker](errandQueue, errandShare) }

// Run does what sockets ask for, until ctx ends.
func (n *API) Run(ctx context.Context, workers *sync.WaitGroup) {
	n.recalls.Run(ctx, workers, recallers, chat.CallTimeout)
	n.verbs.Run(ctx, workers, recallers, chat.CallTimeout)
	n.arrivals.Run(ctx, workers, arrivers, chat.CallTimeout)
	if n.edge.Guard.AsksHook("") {
		n.questions.Run(ctx, workers, askers, chat.CallTimeout)
	}
}
