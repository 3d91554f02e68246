package redisx

import (
	"context"
	"hash/maphash"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"

	"barrage/internal/once"
)

// How far one worker may be behind; messages that come then are dropped.
const (
	// inboxLen is in events. Centrifuge found the same number to do.
	inboxLen = 4096
	// inboxBytes is 256 of the largest batches, and 4 KiB for each of inboxLen.
	inboxBytes = 16 << 20
)

// inbox takes messages off the connection's reader, which must never wait: Redis drops
// a subscriber that does not read. Each room has its worker, so its events stay in order.
type inbox struct {
	// Immutable after newInbox.
	keys    keys
	wanted  func(channel string) bool
	seed    maphash.Seed
	workers []*inboxWorker

	// Atomic.
	events, dropped, foreign atomic.Uint64
}

// inboxWorker is what put sends to one worker. Never closed: the reader of a lost
// connection may still be sending.
type inboxWorker struct {
	queue chan rueidis.PubSubMessage
	bytes atomic.Int64 // of the texts in queue; of one that finds no place, too, for a moment
	// full signals that a message found no place in the queue. One signal is enough.
	full once.Signal
}

// newInbox leaves out what is not wanted any more when its turn comes.
func newInbox(names keys, wanted func(channel string) bool) *inbox {
	in := &inbox{keys: names, wanted: wanted, seed: maphash.MakeSeed()}
	for range max(2, runtime.GOMAXPROCS(0)) {
		in.workers = append(in.workers, &inboxWorker{
			queue: make(chan rueidis.PubSubMessage, inboxLen),
			full:  once.NewSignal(),
		})
	}
	return in
}

// start runs the workers until ctx ends; running waits for them.
func (in *inbox) start(ctx context.Context, running *sync.WaitGroup, h Handler) {
	for _, w := range in.workers {
		running.Go(func() { in.work(ctx, w, h) })
	}
}

// work delivers what is put until ctx ends. Where something was dropped it calls Resumed when the queue is empty. An
// earlier call would have h read the store again and again while it cannot keep up.
func (in *inbox) work(ctx context.Context, w *inboxWorker, h Handler) {
	dropped := false
	for {
		select {
		case m := <-w.queue:
			w.bytes.Add(-int64(len(m.Message)))
			in.deliver(m, h)
		case <-w.full:
			dropped = true
		case <-ctx.Done():
			return
		}
		if dropped && len(w.queue) == 0 {
			dropped = false
			h.Resumed()
		}
	}
}

// put never blocks. A message that finds no place is dropped and counted; the worker notifies the handler.
func (in *inbox) put(m rueidis.PubSubMessage) {
	_, id, _ := strings.Cut(m.Channel, ":") // A room may have two channels.
	w := in.workers[maphash.String(in.seed, id)%uint64(len(in.workers))]
	size := int64(len(m.Message))
	if w.bytes.Add(size) <= inboxBytes {
		select {
		case w.queue <- m:
			return
		default:
		}
	}
	w.bytes.Add(-size)
	in.dropped.Add(1)
	w.full.Set()
}

// deliver hands one message to h.
func (in *inbox) deliver(m rueidis.PubSubMessage, h Handler) {
	if m.Channel == askChannel {
		in.events.Add(1)
		h.Asked(m.Message)
		return
	}
	if !in.wanted(m.Channel) {
		return
	}
	if user, ok := strings.CutPrefix(m.Channel, userChannelPrefix); ok {
		in.events.Add(1)
		h.UserEvent(user)
		return
	}
	room, ev, err := in.keys.parseEvent(m.Channel, m.Message)
	if err != nil {
		in.foreign.Add(1)
		return
	}
	in.events.Add(1)
	h.RoomEvent(room, ev)
}
