package redisx

import (
	"context"
	"hash/maphash"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"

	"barrage/codec"
)

// inboxLen is how many events one worker may be behind; the next ones are dropped.
// Centrifuge found the same number to do.
const inboxLen = 4096

// inbox takes messages off the connection's reader, which must never wait: Redis drops
// a subscriber that does not read. Each channel has its worker, so events stay in order.
type inbox struct {
	// Immutable after newInbox.
	wanted func(channel string) bool
	seed   maphash.Seed
	// queues have one worker each; put sends. Never closed: the reader of a lost
	// connection may still be sending.
	queues []chan rueidis.PubSubMessage

	// Atomic.
	events, dropped, foreign atomic.Uint64
}

// newInbox leaves out what is not wanted any more when its turn comes.
func newInbox(wanted func(channel string) bool) *inbox {
	in := &inbox{wanted: wanted, seed: maphash.MakeSeed()}
	for range max(2, runtime.GOMAXPROCS(0)) {
		in.queues = append(in.queues, make(chan rueidis.PubSubMessage, inboxLen))
	}
	return in
}

// start runs the workers until ctx ends; running waits for them.
func (in *inbox) start(ctx context.Context, running *sync.WaitGroup, h Handler) {
	for _, queue := range in.queues {
		running.Go(func() {
			for {
				select {
				case m := <-queue:
					in.deliver(m, h)
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// put never blocks. What finds no place is dropped and counted: rooms see the gap in
// the sequence numbers.
func (in *inbox) put(m rueidis.PubSubMessage) {
	worker := maphash.String(in.seed, m.Channel) % uint64(len(in.queues))
	select {
	case in.queues[worker] <- m:
	default:
		in.dropped.Add(1)
	}
}

// deliver hands one message to h.
func (in *inbox) deliver(m rueidis.PubSubMessage, h Handler) {
	if !in.wanted(m.Channel) {
		return
	}
	if user, ok := strings.CutPrefix(m.Channel, userChannelPrefix); ok {
		in.events.Add(1)
		h.UserEvent(user)
		return
	}
	ev, err := codec.ParseEvent(m.Message)
	if err != nil {
		in.foreign.Add(1)
		return
	}
	in.events.Add(1)
	h.RoomEvent(strings.TrimPrefix(m.Channel, roomChannelPrefix), ev)
}
