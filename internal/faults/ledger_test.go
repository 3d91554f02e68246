package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
	"barrage/room"
)

// ledger knows which messages the script took, by its own output: the answer to a batch, or the event it published.
type ledger struct {
	mu    sync.Mutex // guards the fields below
	taken map[string][]place
	// answered are those of them that an answer named.
	answered map[string]bool
}

// place is where the script put a message.
type place struct {
	room  string
	epoch string
	seq   uint64
}

func newLedger() *ledger { return &ledger{taken: map[string][]place{}, answered: map[string]bool{}} }

// take notes that the script put the message of this JSON at p. The same place is noted
// once; a message that is taken twice has two.
func (l *ledger) take(json string, p place, answer bool) {
	msg, err := codec.ParseMessage(json)
	if err != nil {
		panic(fmt.Sprintf("BUG: the store took %q: %v", json, err))
	}
	id := idOf(msg.Info)
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer {
		l.answered[id] = true
	}
	if !slices.Contains(l.taken[id], p) {
		l.taken[id] = append(l.taken[id], p)
	}
}

// all is what was taken so far.
func (l *ledger) all() map[string][]place {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.taken)
}

// acknowledged is how many messages an answer named.
func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answered)
}

// recorder is a node's store that notes the answers.
type recorder struct {
	*redisx.Redis
	node *node
}

var _ room.Store = recorder{}

// Publish notes each batch that the script acknowledged.
func (r recorder) Publish(ctx context.Context, id string, b chat.Batch) (chat.Stored, error) {
	stored, err := r.Redis.Publish(ctx, id, b)
	if err == nil {
		next := stored.Event.Seq
		repeats := stored.Repeats
		for i := range b.Drafts {
			at := place{id, stored.Event.Epoch, next}
			if len(repeats) > 0 && repeats[0].Index == i {
				at.seq, repeats = repeats[0].Seq, repeats[1:]
			} else {
				next++
			}
			r.node.take(string(b.Drafts[i].AppendJSON(nil, b.Drafts[i].TS)), at, true)
		}
	}
	return stored, err
}

// Read notes the recalls that a history has.
func (r recorder) Read(ctx context.Context, id string, known chat.Position, newest, most int) (chat.History, error) {
	h, err := r.Redis.Read(ctx, id, known, newest, most)
	for i := range h.Recalls {
		r.node.site.undone.hear(r.node, &h.Recalls[i])
	}
	return h, err
}

// take notes a message that the script put at p.
func (n *node) take(json string, p place, answer bool) {
	n.site.ledger.take(json, p, answer)
	if n.site.plan.recalls {
		n.site.undone.meet(json)
	}
}

// handler is a node's hall, with a look at the events on their way there.
type handler struct {
	*room.Hall
	node *node
}

var _ redisx.Handler = handler{}

// RoomEvent notes the messages of an event, or that one was taken back.
func (h handler) RoomEvent(id string, ev chat.Event) {
	if ev.Kind == chat.EventMessages {
		for i, json := range ev.Messages {
			h.node.take(json, place{id, ev.Epoch, ev.Seq + uint64(i)}, false)
		}
	}
	h.Hall.RoomEvent(id, ev)
	if ev.Kind == chat.EventRecall {
		h.node.site.undone.hear(h.node, &ev)
	}
}

// UserEvent does nothing: nobody has a list here.
func (handler) UserEvent(string) {}

// TokensChanged does nothing: nobody's token is checked here.
func (handler) TokensChanged([]string, []string) {}

// Asked does nothing: nobody answers questions here.
func (handler) Asked(string) {}
