package fleet

import (
	"context"
	"time"

	"barrage/internal/chat"
)

// This file has nodes send their clients away one after the other: two that do so at once send theirs to each other,
// and to fewer nodes. A node that dies in its turn is forgotten as its beat is.

// TakeTurn has it be this node's turn from now on, unless it is another one's. It returns whose turn it is.
func (f *Fleet) TakeTurn(ctx context.Context) (holder string, err error) {
	f.turnMu.Lock()
	defer f.turnMu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	holder, err = f.store.TakeTurn(ctx, f.node, chat.BeatLife)
	f.turn = f.turn || err == nil && holder == f.node
	return holder, err
}

// keepTurn has the node keep its turn, if it is its.
func (f *Fleet) keepTurn(ctx context.Context) {
	f.turnMu.Lock()
	defer f.turnMu.Unlock()
	if f.turn {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		_, _ = f.store.TakeTurn(ctx, f.node, chat.BeatLife) // else again with the next beat
	}
}

// Turn is whose turn it is; "" for nobody's.
func (f *Fleet) Turn(ctx context.Context) (holder string, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return f.store.TakeTurn(ctx, "", 0)
}

// EndTurn lets others have their turn.
func (f *Fleet) EndTurn(ctx context.Context) {
	f.turnMu.Lock()
	defer f.turnMu.Unlock()
	if !f.turn {
		return
	}
	f.turn = false
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, _ = f.store.TakeTurn(ctx, f.node, 0) // else it ends by itself
}

// turnEvery is how often AwaitTurn looks: a drain takes seconds.
const turnEvery = 200 * time.Millisecond

// AwaitTurn waits until it is this node's turn, and takes it. Where ctx ends first, it returns whose turn it is; where
// the store is away it waits for nobody, and returns the error.
func (f *Fleet) AwaitTurn(ctx context.Context) (holder string, err error) {
	t := time.NewTicker(turnEvery)
	defer t.Stop()
	for {
		// Its own time: whose turn it is counts also where there is none to wait.
		holder, err = f.TakeTurn(context.WithoutCancel(ctx))
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
