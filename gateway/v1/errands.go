package v1

import (
	"context"
	"sync"

	"barrage/gateway/edge"
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

// errands are done away from the pollers, in the order they came. Each is a queue of its own: what is slow in one holds
// nothing up in another.
type errands struct {
	queue chan errand // sent by pollers, received by run; never closed

	mu      sync.Mutex // guards the field below; a leaf
	waiting map[asker]int
}

// errand is what one asker wants done.
type errand struct {
	of asker
	do func(context.Context)
}

// asker is whose errands count together: those of an address, or of a user where no address is counted; or of a socket
// alone that has yet to show who it is, which has one at most.
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

func newErrands() *errands {
	return &errands{queue: make(chan errand, errandQueue), waiting: map[asker]int{}}
}

// add notes one; false where too many wait, all together or of this asker. It never blocks.
func (e *errands) add(of asker, do func(context.Context)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting[of] >= errandShare {
		return false
	}
	select {
	case e.queue <- errand{of, do}:
		e.waiting[of]++
		return true
	default:
		return false
	}
}

// taken counts one less that waits.
func (e *errands) taken(of asker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting[of]--; e.waiting[of] == 0 {
		delete(e.waiting, of)
	}
}

// run works until ctx ends.
func (e *errands) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-e.queue:
			e.taken(one.of)
			within(ctx, one.do)
		}
	}
}

// within does one errand within APITimeout.
func within(ctx context.Context, do func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, edge.APITimeout)
	defer cancel()
	do(ctx)
}
