package fleet

import (
	"context"
	"time"

	"barrage/internal/chat"
)

// This file has nodes send their clients away one after the other. Two that do so at once send theirs to each other,
// and to fewer nodes. The lease of a node that dies ends as its beat does.

// leases is the part of [Store] that keeps the lease.
type leases interface {
	TakeLease(ctx context.Context, node string, life time.Duration) (holder string, err error)
}

// TakeLease takes the lease for this node, and asks for it with each beat until EndLease. It returns who has it now.
// Where another node has it, it goes on asking with beside only. This node sends its clients away all the same then,
// and has the lease after the other one. After an error nobody knows who has it: the store may have done it, or does it
// later.
func (f *Fleet) TakeLease(ctx context.Context, beside bool) (holder string, err error) {
	f.leaseMu.Lock()
	defer f.leaseMu.Unlock()
	holder, err = f.askForLease(ctx, chat.BeatLife)
	f.wantsLease = f.wantsLease || beside || err != nil || holder == f.node
	return holder, err
}

// keepLease asks for the lease again where this node wants it. The store may have lost it.
func (f *Fleet) keepLease(ctx context.Context) {
	f.leaseMu.Lock()
	defer f.leaseMu.Unlock()
	if f.wantsLease {
		_, _ = f.askForLease(ctx, chat.BeatLife) // else with the next beat
	}
}

// askForLease asks for the lease for a while, 0 to give it back. The caller holds leaseMu.
func (f *Fleet) askForLease(ctx context.Context, life time.Duration) (holder string, err error) {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	return f.store.TakeLease(ctx, f.node, life)
}

// Holder is the node that has the lease; "" for none.
func (f *Fleet) Holder(ctx context.Context) (holder string, err error) {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	return f.store.TakeLease(ctx, "", 0)
}

// endTime bounds the call of EndLease: a drain may have used up all of its own time. A lease that nobody gives back
// ends by itself.
const endTime = time.Second

// EndLease lets others have the lease, also when ctx has ended, unless keep says that the node goes on with it; nil =
// never. It waits for a call about the lease that is under way, and then for endTime at most.
func (f *Fleet) EndLease(ctx context.Context, keep func() bool) {
	f.leaseMu.Lock()
	defer f.leaseMu.Unlock()
	if !f.wantsLease || keep != nil && keep() {
		return
	}
	f.wantsLease = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_, _ = f.askForLease(ctx, 0) // else it ends by itself
}

// leaseEvery is how often AwaitLease looks: a drain takes seconds.
const leaseEvery = 200 * time.Millisecond

// AwaitLease waits until no other node has the lease, and takes it. Where ctx ends first, it returns who has it; where
// the store is away it waits for nobody, and returns the error.
func (f *Fleet) AwaitLease(ctx context.Context) (holder string, err error) {
	t := time.NewTicker(leaseEvery)
	defer t.Stop()
	for {
		// Its own time: the holder counts also where there is no time to wait.
		holder, err = f.TakeLease(context.WithoutCancel(ctx), true)
		if err != nil || holder == f.node {
			return holder, err
		}
		select {
		case <-ctx.Done():
			return holder, nil
		case <-t.C:
		}
	}
}
