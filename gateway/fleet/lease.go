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

// TakeLease gives this node the lease from now on, unless another one has it. It returns who has it. After an error
// nobody knows: the store may have done it all the same, or does it later. Then the node takes it with its next beat,
// if it can, or gives it back with EndLease.
func (f *Fleet) TakeLease(ctx context.Context) (holder string, err error) {
	f.leaseMu.Lock()
	defer f.leaseMu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	holder, err = f.store.TakeLease(ctx, f.node, chat.BeatLife)
	f.lease = f.lease || err != nil || holder == f.node
	return holder, err
}

// keepLease renews the lease where this node has it.
func (f *Fleet) keepLease(ctx context.Context) {
	f.leaseMu.Lock()
	defer f.leaseMu.Unlock()
	if f.lease {
		ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
		defer cancel()
		holder, err := f.store.TakeLease(ctx, f.node, chat.BeatLife)
		f.lease = err != nil || holder == f.node // else again with the next beat
	}
}

// Holder is the node that has the lease; "" for none.
func (f *Fleet) Holder(ctx context.Context) (holder string, err error) {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	return f.store.TakeLease(ctx, "", 0)
}

// endTime bounds EndLease: a drain may have used up all of its own time. A lease that nobody gives back ends by itself.
const endTime = time.Second

// EndLease lets others have the lease, also when ctx has ended.
func (f *Fleet) EndLease(ctx context.Context) {
	f.leaseMu.Lock()
	defer f.leaseMu.Unlock()
	if !f.lease {
		return
	}
	f.lease = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_, _ = f.store.TakeLease(ctx, f.node, 0) // else it ends by itself
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
		holder, err = f.TakeLease(context.WithoutCancel(ctx))
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
