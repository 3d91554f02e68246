package edge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"barrage/internal/chat"
	"barrage/internal/gather"
	"barrage/internal/once"
)

// Bounds of the memberships on their way to the store.
const (
	// joinQueue is how many may wait: an arrival wave of a second at the 25,000 handshakes a second that a core makes. All
	// take joinBytes at most: that many with names and tokens of 400 bytes, and a stranger's token may have 4 KiB. Full:
	// the membership is dropped and counted.
	joinQueue = 32_768
	joinBytes = 16 << 20
	// joinBatch is how many go in one round trip; far from what fills a pipeline.
	joinBatch = 100
	// joinGather is for how long more is gathered for a batch. To wake a goroutine for each user who comes, or
	// speaks first, is a tenth of what a small room costs. As long as Settle waits anyway, see WaitUntil.
	joinGather = 5 * time.Millisecond
	// joinTries is how often a batch is tried, joinPause after the last time, by a store that reports that it can be used.
	// While it reports that it cannot, the batch waits.
	joinTries = 7
	joinPause = 250 * time.Millisecond
	// joinSettle is how long a call of the HTTP API waits for memberships that were noted
	// before it. They are written within a round trip, unless there is an arrival wave.
	joinSettle = time.Second
)

var errJoinQueueFull = errors.New("too many memberships wait for the store")

// Joins writes the memberships that room.auto_join makes, away from the handshakes. A join of a live room costs no call
// of the store, and an arrival wave one call for a hundred users.
type Joins struct {
	edge    *Edge
	queue   *gather.Queue[*queuedJoin] // put by handshakes, taken by run
	waiting atomic.Int64               // not yet written or given up
	full    once.Failure               // the failures of queue that were logged

	mu sync.Mutex // guards the fields below; a leaf
	// now is the round in which memberships are noted now, open how many of each are not written or given up. A caller
	// that waits begins another one, and waits for those before it.
	now  uint64
	open map[uint64]int
}

// queuedJoin is a membership on its way. One without a room only keeps those that the user has.
type queuedJoin struct {
	chat.Membership
	token  string // where onlyIf is set
	noted  uint64 // its round
	onlyIf bool   // the token is the user's
}

// size is how many bytes it takes while it waits.
func (m *queuedJoin) size() int {
	return int(unsafe.Sizeof(*m)) + len(m.UserID) + len(m.Room) + len(m.token)
}

func newJoins(e *Edge) *Joins {
	bounds := gather.Bounds{Most: joinQueue, Bytes: joinBytes, Batch: joinBatch, For: joinGather}
	return &Joins{edge: e, queue: gather.New(bounds, (*queuedJoin).size), open: map[uint64]int{}}
}

// Join makes the user of v a member of the room, with room.auto_join, if enter succeeds. A user who is refused leaves
// nothing in the store. A user who has come finds the membership, see Settle. It never blocks longer than enter.
func (j *Joins) Join(v Visitor, id string, enter func() *Refusal) *Refusal {
	return j.Say(v, id, func() (said bool, bad *Refusal) {
		bad = enter()
		return bad == nil, bad
	})
}

// Say is Join with a message, if say reports that it was posted: one that a moderator has to see first is not, nor
// refused.
func (j *Joins) Say(v Visitor, id string, say func() (said bool, bad *Refusal)) *Refusal {
	if !j.edge.Config().AutoJoin || v.Guest { // a guest is nobody who could come again
		_, bad := say()
		return bad
	}
	m := &queuedJoin{Membership: chat.Membership{UserID: v.User, Room: id}, onlyIf: j.edge.Guard.unproven(v)}
	if m.onlyIf {
		m.token = v.Token
	}
	return during(j, m, say)
}

// during has m written if say reports that something was said, and returns its error. It is noted before: a client that
// receives the welcome, the message or its ack finds the membership.
func during[E any](j *Joins, m *queuedJoin, say func() (said bool, bad E)) E {
	m.noted = j.note()
	said, bad := say()
	if said {
		j.put(m)
	} else {
		j.done(m.noted)
	}
	return bad
}

// keep has the user's memberships live on: somebody is here.
func (j *Joins) keep(user string) {
	j.put(&queuedJoin{Membership: chat.Membership{UserID: user}, noted: j.note()})
}

func (j *Joins) note() (noted uint64) {
	j.waiting.Add(1)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open[j.now]++
	return j.now
}

func (j *Joins) done(noted uint64) {
	j.mu.Lock()
	if j.open[noted]--; j.open[noted] == 0 {
		delete(j.open, noted)
	}
	j.mu.Unlock()
	j.waiting.Add(-1)
}

// put puts a membership that was noted into the queue. It never blocks.
func (j *Joins) put(m *queuedJoin) {
	if j.queue.Put(m) {
		return
	}
	if j.full.IsNew(errJoinQueueFull) { // one line in the log, however many it drops
		j.edge.Log.Warn("cannot note memberships", "err", errJoinQueueFull)
	}
	j.edge.Stats.JoinErrors.Add(1)
	j.done(m.noted)
}

// Waiting is how many are not yet written or given up.
func (j *Joins) Waiting() int64 { return j.waiting.Load() }

// Settle waits until the joins that were noted so far are written, for at most joinSettle. A user who connected and
// then asks for their rooms shall find them. Without a store there is nothing to wait for.
func (j *Joins) Settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, joinSettle)
	defer cancel()
	j.mu.Lock()
	upTo := j.now
	j.now++
	j.mu.Unlock()
	_ = WaitUntil(ctx, func() bool { // Late is no error: the answer is that of a moment ago.
		return j.written(upTo) || j.edge.store.State() != nil
	})
}

// written reports whether nothing is open that was noted in a round or before.
func (j *Joins) written(upTo uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for noted := range j.open { // a few: one for each that waits
		if noted <= upTo {
			return false
		}
	}
	return true
}

// run writes until ctx ends.
func (j *Joins) run(ctx context.Context) {
	batch := make([]*queuedJoin, 0, joinBatch)
	for {
		batch = j.queue.Next(ctx, batch[:0])
		if ctx.Err() != nil {
			return
		}
		if len(batch) < joinBatch { // They were all.
			_ = j.full.IsNew(nil)
		}
		j.write(ctx, batch)
		for _, m := range batch {
			j.done(m.noted)
		}
		clear(batch)
	}
}

// write tries a batch until it is written, or often enough.
func (j *Joins) write(ctx context.Context, batch []*queuedJoin) {
	var err error
	for tries := 0; tries < joinTries && ctx.Err() == nil; {
		if err = j.try(ctx, batch); err == nil || errors.Is(err, chat.ErrRefused) {
			break
		}
		if j.edge.store.State() == nil {
			tries++
		}
		select {
		case <-ctx.Done():
		case <-time.After(joinPause):
		}
	}
	if err != nil {
		j.failed(len(batch), err)
	}
}

// try writes those of a batch whose tokens count, where that is asked for.
func (j *Joins) try(ctx context.Context, batch []*queuedJoin) error {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	var creds []chat.Credential
	for _, m := range batch {
		if m.onlyIf {
			creds = append(creds, chat.Credential{UserID: m.UserID, Token: m.token})
		}
	}
	var proven []chat.TokenState
	var err error
	if len(creds) > 0 {
		if proven, err = j.edge.store.CheckTokens(ctx, creds); err != nil {
			return err
		}
	}
	all := make([]chat.Membership, 0, len(batch))
	for _, m := range batch {
		if m.onlyIf {
			state := proven[0]
			if proven = proven[1:]; state != chat.TokenRight {
				continue
			}
		}
		all = append(all, m.Membership)
	}
	refused, err := j.edge.store.JoinAll(ctx, all)
	if err == nil {
		j.edge.Stats.JoinsTooMany.Add(uint64(refused))
	}
	return err
}

// failed counts n memberships that were not written.
func (j *Joins) failed(n int, err error) {
	j.edge.Stats.JoinErrors.Add(uint64(n))
	j.edge.Log.Warn("cannot write memberships", "count", n, "err", err)
}
