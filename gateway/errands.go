package gateway

import "context"

// Bounds of what sockets ask for and a poller cannot do, since it takes a call of the store or of a hook.
const (
	// errandQueue is how many of a kind may wait, some 100 bytes each; more are refused.
	errandQueue = 1024
	// recallers is how many recalls are under way at once. Each is a call of the store, and one that finds nothing near
	// by scans a history.
	recallers = 4
	// arrivers is how many tokens that came by a frame are looked at, at once: as many as the connect hook may be asked
	// at a time would be 64, and a store answers in less than a ms.
	arrivers = 32
)

// errands are done away from the pollers, in the order they came. Each is a queue of its own: what is slow in one holds
// nothing up in another.
type errands chan func(context.Context) // sent by pollers, received by run; never closed

func newErrands() errands { return make(errands, errandQueue) }

// add notes one; false where too many wait. It never blocks.
func (e errands) add(do func(context.Context)) bool {
	select {
	case e <- do:
		return true
	default:
		return false
	}
}

// run works until ctx ends.
func (e errands) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case do := <-e:
			within(ctx, do)
		}
	}
}

// within does one errand within apiTimeout.
func within(ctx context.Context, do func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	do(ctx)
}
