package gateway

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"barrage/internal/chat"
)

// Bounds of the memberships on their way to the store.
const (
	// joinQueue is how many may wait: an arrival wave of some seconds at the 7,000
	// handshakes a second that a core makes. Full: the membership is dropped and counted.
	joinQueue = 32_768
	// joinBatch is how many go in one round trip; far from what fills a pipeline.
	joinBatch = 100
	// joinTries is how often a batch is tried, joinPause after the last time, by a store
	// that says it can be used; while it says it cannot, the batch waits.
	joinTries = 7
	joinPause = 250 * time.Millisecond
	// joinSettle is how long a call of the HTTP API waits for memberships that were noted
	// before it. They are written within a round trip, unless there is an arrival wave.
	joinSettle = time.Second
)

var errJoinQueueFull = errors.New("too many memberships wait for the store")

// joins writes the memberships that room.auto_join makes, away from the handshakes: a
// join of a live room costs no call of the store, and an arrival wave one call for a
// hundred users.
type joins struct {
	srv     *Server
	queue   chan chat.Membership // sent by handshakes, received by run; never closed
	waiting atomic.Int64         // not yet written or given up
	noted   atomic.Int64         // all that ever were; counted after waiting, so noted - waiting is never too much
}

func newJoins(s *Server) *joins {
	return &joins{srv: s, queue: make(chan chat.Membership, joinQueue)}
}

// join makes the user a member of the room, with room.auto_join, if come succeeds: who is refused leaves nothing in the
// store. It is noted before, so that whoever has come finds it, see settle. It never blocks longer than come.
func (j *joins) join(user, id string, come func() *refusal) *refusal {
	if !j.srv.cfg.AutoJoin {
		return come()
	}
	j.waiting.Add(1)
	j.noted.Add(1)
	bad := come()
	if bad != nil {
		j.waiting.Add(-1)
		return bad
	}
	j.queued(chat.Membership{UserID: user, Room: id})
	return nil
}

// queued puts a membership that was noted into the queue.
func (j *joins) queued(m chat.Membership) {
	select {
	case j.queue <- m:
	default:
		j.give(1, errJoinQueueFull)
	}
}

// settle waits until what was noted so far is written, for at most joinSettle: who connected
// and then asks for its rooms shall find them. Without a store there is nothing to wait for.
func (j *joins) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, joinSettle)
	defer cancel()
	upTo := j.noted.Load()
	_ = waitUntil(ctx, func() bool { // Late is no error: the answer is that of a moment ago.
		return j.noted.Load()-j.waiting.Load() >= upTo || j.srv.store.State() != nil
	})
}

// run writes until ctx ends.
func (j *joins) run(ctx context.Context) {
	batch := make([]chat.Membership, 0, joinBatch)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return
		case m := <-j.queue:
			batch = append(batch, m)
		}
		for more := true; more && len(batch) < joinBatch; {
			select {
			case m := <-j.queue:
				batch = append(batch, m)
			default:
				more = false
			}
		}
		j.write(ctx, batch)
	}
}

// write tries a batch until it is written, or often enough.
func (j *joins) write(ctx context.Context, batch []chat.Membership) {
	var refused int
	var err error
	for tries := 0; tries < joinTries && ctx.Err() == nil; {
		call, cancel := context.WithTimeout(ctx, apiTimeout)
		refused, err = j.srv.store.JoinAll(call, batch)
		cancel()
		if err == nil || errors.Is(err, chat.ErrRefused) {
			break
		}
		if j.srv.store.State() == nil {
			tries++
		}
		select {
		case <-ctx.Done():
		case <-time.After(joinPause):
		}
	}
	if refused > 0 && err == nil {
		j.srv.stats.joinsTooMany.Add(uint64(refused))
	}
	j.give(len(batch), err)
}

// give ends the wait for n memberships, which were written if err is nil.
func (j *joins) give(n int, err error) {
	if err != nil {
		j.srv.stats.joinErrors.Add(uint64(n))
		j.srv.log.Warn("cannot write memberships", "count", n, "err", err)
	}
	j.waiting.Add(-int64(n))
}
