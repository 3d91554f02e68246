package edge

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/room"
)

// Exit is how clients leave the node because it wants that: all of them, or some.
type Exit struct {
	sessions *Sessions
	hall     func() *room.Hall
	log      *slog.Logger
	ctx      context.Context // as workers set by Edge.Run: ends StepAside and SendSome
	workers  *sync.WaitGroup

	lame, leaving atomic.Bool
	closing       atomic.Bool // SendAway or CutOff has begun to look for sessions: they do not find later ones
	aside         aside
	rebalancing   atomic.Bool // see SendSome
}

// Draining reports whether nobody comes in any more: the node leaves, or steps aside.
func (e *Exit) Draining() bool { return e.leaving.Load() || e.aside.on.Load() }

// Lame reports whether new clients should go elsewhere, and are taken all the same.
func (e *Exit) Lame() bool { return e.lame.Load() }

// Leaving reports whether the node leaves for good: nothing that clients send is taken.
func (e *Exit) Leaving() bool { return e.leaving.Load() }

// Leave has the node leave: see Leaving.
func (e *Exit) Leave() { e.leaving.Store(true) }

// misses reports whether a session that is added now may not be found when all are closed: it is closed at once. Before
// that a node that leaves keeps newcomers, until their room's messages are written to them.
func (e *Exit) misses() bool { return e.closing.Load() || e.aside.on.Load() }

// aside is a node that sends its clients to others and stays.
type aside struct {
	on    atomic.Bool
	mu    sync.Mutex         // held while on changes; guards the fields below
	no    context.CancelFunc // ends sending away
	ended chan struct{}      // closed when done of StepAside has returned
}

// StepAside has nobody come in any more, where may allows it. It closes every socket with 1012 over a time, until the
// node ends or steps back. Frames that clients send meanwhile are taken. It does not wait for that, and calls done when
// nobody is sent away any more. Where the node has stepped aside already it does nothing, and does not ask.
func (e *Exit) StepAside(over time.Duration, may func() error, done func()) error {
	a := &e.aside
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.on.Load() {
		return nil
	}
	if err := may(); err != nil {
		return err
	}
	a.on.Store(true)
	ctx, no := context.WithCancel(e.ctx)
	ended := make(chan struct{})
	a.no, a.ended = no, ended
	e.workers.Go(func() {
		defer close(ended)
		defer done()
		e.sendReconnect(ctx, over)
		e.closeEvenly(ctx, over)
	})
	return nil
}

// StepBack lets clients come in again, and sends nobody away any more. It waits for done of StepAside: else that would
// end what may of the next StepAside has begun.
func (e *Exit) StepBack() {
	a := &e.aside
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.on.Swap(false) {
		a.no()
		<-a.ended
	}
}

// drainStep is how often closeEvenly closes some sockets.
const drainStep = 20 * time.Millisecond

// writtenPatience bounds how long a node waits for its rooms' writes before it closes sockets. Rooms that go on may
// always have something to write; the largest take less.
const writtenPatience = time.Second

// SendAway closes every socket with 1012, evenly over spread or what ctx leaves of it. So the other nodes do not get
// all clients at once. Those that are left when ctx ends are closed at once; the error has how many.
func (e *Exit) SendAway(ctx context.Context, spread time.Duration) error {
	e.sendReconnect(ctx, timeWithin(ctx, spread))
	e.closing.Store(true)
	left := e.closeEvenly(ctx, timeWithin(ctx, spread))
	for _, c := range left {
		c.Close(CloseRestart)
	}
	if len(left) > 0 {
		return fmt.Errorf("cannot close connections one after another (%d closed at once): %w", len(left), context.Cause(ctx))
	}
	return nil
}

// timeWithin is d, or what ctx leaves of it but for a tenth: a process may stall.
func timeWithin(ctx context.Context, d time.Duration) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return max(0, min(d, time.Until(end)*9/10))
	}
	return d
}

// Half is a context that ends with ctx, and when half of the time is over that ctx has left now.
func Half(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(end)/2)
}

// sendReconnect sends native clients the time within which to come back. It waits until that is written, for
// writtenPatience and half of the time of ctx at most.
func (e *Exit) sendReconnect(ctx context.Context, within time.Duration) {
	e.hall().SendNative(codec.ReconnectText(within.Milliseconds(), "the node is leaving"))
	ctx, half := Half(ctx)
	defer half()
	ctx, cancel := context.WithTimeout(ctx, writtenPatience)
	defer cancel()
	_ = WaitUntil(ctx, e.hall().Written) // else the close would overtake it
}

// fastRate is how many clients a second other nodes are warned of: limits.handshakes of one that takes them all.
const fastRate = door.DefaultHandshakes

// WarnOfPace logs a warning where clients are sent away faster than other nodes may take them.
func (e *Exit) WarnOfPace(over time.Duration, longer string) {
	if n := e.sessions.Open(); n > fastRate && float64(n) > fastRate*over.Seconds() {
		e.log.Warn("clients are sent away faster than other nodes may take them: "+longer, "connections", n, "over", over,
			"want", (time.Duration(n) * time.Second / fastRate).Round(time.Second))
	}
}

// SendSome has so many clients come back elsewhere, the youngest first, so many a second, until the node ends or
// leaves. Native clients are notified, and resume. It does not wait, and does nothing where that is under way already.
func (e *Exit) SendSome(count int, perSecond float64) (begun bool) {
	if e.Draining() || !e.rebalancing.CompareAndSwap(false, true) {
		return false
	}
	e.workers.Go(func() {
		defer e.rebalancing.Store(false)
		e.sendEvenly(e.ctx, e.youngest(count), perSecond)
	})
	return true
}

// youngest are those sessions that came last.
func (e *Exit) youngest(count int) []*Session {
	type aged struct {
		*Session
		began uint32
	}
	var all []aged
	e.sessions.Each(func(s *Session) { all = append(all, aged{s, s.began.Load()}) })
	slices.SortFunc(all, func(a, b aged) int { return cmp.Compare(b.began, a.began) })
	some := make([]*Session, 0, min(count, len(all)))
	for _, s := range all[:cap(some)] {
		some = append(some, s.Session)
	}
	return some
}

// sendEvenly closes sockets with 1012, so many a second.
func (e *Exit) sendEvenly(ctx context.Context, some []*Session, perSecond float64) {
	t := time.NewTicker(drainStep)
	defer t.Stop()
	for budget := 1.0; len(some) > 0 && ctx.Err() == nil && !e.Draining(); budget += perSecond * drainStep.Seconds() {
		for ; budget >= 1 && len(some) > 0; budget-- {
			if m, ok := some[0].runs().(native); ok && some[0].Rights() != nil {
				m.Notify(codec.ReconnectText(0, "other nodes have fewer clients"))
			}
			some[0].Close(CloseRestart)
			some = some[1:]
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
}

// closeEvenly closes every socket with 1012, evenly over a time. When ctx ends it returns those that are left.
func (e *Exit) closeEvenly(ctx context.Context, spread time.Duration) (left []*Session) {
	e.sessions.Each(func(c *Session) { left = append(left, c) }) // TakeOver closes those that come later
	t := time.NewTicker(drainStep)
	defer t.Stop()
	all, steps := left, int(spread/drainStep)+1
	for step := 1; ctx.Err() == nil; step++ {
		due := min((len(all)*step+steps-1)/steps, len(all)) // by the end of this step
		for _, c := range all[len(all)-len(left) : due] {
			c.Close(CloseRestart)
		}
		if left = all[due:]; len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return left
}

// WaitEmpty waits until every session is gone, and every handshake that was let in.
func (w *Sessions) WaitEmpty(ctx context.Context) error {
	if err := WaitUntil(ctx, func() bool { return w.Taken() == 0 }); err != nil {
		return fmt.Errorf("cannot wait longer for clients to answer the close (%d): %w", w.Taken(), err)
	}
	return nil
}

// WaitUntil looks every few milliseconds whether done, until it is or ctx ends.
func WaitUntil(ctx context.Context, done func() bool) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
	return nil
}

// BeLame has the node report from now on that it is lame: see [Exit.Lame].
//
// Connections that have sent nothing, which the kernel keeps, come out within a second: so they are cut, too, and not
// left behind.
func (e *Edge) BeLame() {
	e.Exit.lame.Store(true)
	_ = deferAccepts(e.acceptor.ln, 0) // closed: nothing comes any more
}

// CutOff ends every socket at once, and then the pollers.
func (e *Edge) CutOff(ctx context.Context) {
	e.Exit.closing.Store(true)
	e.Sessions.Each(func(c *Session) { c.kill(CloseRestart) })
	_ = e.Sessions.WaitEmpty(ctx)
	_ = e.engine.Shutdown(ctx)
}
