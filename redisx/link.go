package redisx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/once"
)

const (
	// subscribeBatch is how many channels are subscribed to at once. 10 000 channels take 13 ms in batches of 500, 51 ms
	// one by one (measured on 2 cores, loopback).
	subscribeBatch = 500
	// deafAfter is how long Redis may take the node's probes without one, or any other
	// event, coming back. A connection that is open but deaf is made anew then.
	deafAfter = 3 * time.Second
	// deafProbes is that in probes.
	deafProbes = int32(deafAfter / probeEvery)
)

var (
	// errUnwanted is given to those who wait for a subscription that is given up.
	errUnwanted = errors.New("unsubscribed meanwhile")
	// errMoved is given to those who wait for a subscription that another link makes.
	errMoved = errors.New("moved to another connection")
	// errDeaf is why a connection is made anew.
	errDeaf = fmt.Errorf("no probe came back within %v: the connection for events brings nothing", deafAfter)
)

// link is one connection for events, and keeps the subscriptions on the server like those
// that are wanted. One goroutine, run, owns the connection and sends every command. So a late UNSUBSCRIBE cannot
// overtake the next SUBSCRIBE of its channel. And wishes that come and go while a command is on its way cost nothing.
type link struct {
	// Immutable after newLink.
	kind    linkKind
	timeout time.Duration
	// wake signals to run that there is something to look at. One call is enough.
	// Never closed.
	wake once.Signal
	// ask asks whoever sends the probes for one soon. As wake.
	ask once.Signal

	// Atomic.
	// unreturned counts the probes that Redis has taken since the last event.
	unreturned atomic.Int32
	// returned and taken: on this connection a probe has come back, and one was taken since
	// it is there.
	returned, taken atomic.Bool
	rebuilt         atomic.Uint64

	mu sync.Mutex // guards the fields below
	// channels has those that are wanted and those still to be unsubscribed.
	channels map[string]*subscription
	// changed has the channels run must look at. Also those that are gone again.
	changed map[string]struct{}
	probe   string
}

// linkKind is what differs between the links of the topologies.
type linkKind struct {
	// dial acquires a connection. The caller must release it.
	dial func() (conn rueidis.DedicatedClient, release func(), err error)
	// probes begins the channels of the node's probes, on whichever link.
	probes string
	// slotOf is the slot of a channel, nil where channels have none.
	slotOf func(channel string) uint16
	// remap asks for another look at which link has which slots, nil where none has any.
	remap func()
	// deliver takes the events. It never blocks.
	deliver func(rueidis.PubSubMessage)
}

// subscription is what is known of one channel. Guarded by link.mu.
type subscription struct {
	wanted bool
	// asked: SUBSCRIBE was sent on this connection, and no UNSUBSCRIBE after it.
	asked bool
	// confirmed: the server has answered it.
	confirmed bool
	// late: events may have been missed that others received.
	late bool
	// moved: not wanted because another link has it.
	moved bool
	// settled is closed when confirmed becomes true or wanted false; nil: nobody waits.
	settled chan struct{}
}

// newLink is a link whose probes return under the given name, see probeOf.
func newLink(kind linkKind, probe string, timeout time.Duration) *link {
	l := &link{
		kind:     kind,
		timeout:  timeout,
		wake:     once.NewSignal(),
		ask:      once.NewSignal(),
		channels: make(map[string]*subscription),
		changed:  make(map[string]struct{}),
	}
	l.setProbe(probe)
	return l
}

// probeName is the name of the probes that return on this link.
func (l *link) probeName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.probe
}

// setProbe has the link listen to other probes.
func (l *link) setProbe(name string) {
	l.mu.Lock()
	old := l.probe
	l.probe = name
	l.mu.Unlock()
	l.add(probeChannel(name), false)
	if old != "" {
		l.drop(probeChannel(old), false)
	}
	l.unreturned.Store(0)
}

// add asks for channel. late says that events of it may have been missed.
func (l *link) add(channel string, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub := l.channels[channel]
	if sub == nil {
		sub = new(subscription)
		l.channels[channel] = sub
	}
	sub.wanted, sub.moved, sub.late = true, false, sub.late || late
	l.changeLocked(channel)
}

// await returns once the server has confirmed channel, or with an error when ctx ends or
// the channel is dropped first.
func (l *link) await(ctx context.Context, channel string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub := l.channels[channel]
	for sub != nil && sub.wanted && !sub.confirmed {
		if sub.settled == nil {
			sub.settled = make(chan struct{})
		}
		settled := sub.settled
		l.mu.Unlock()
		var err error
		select {
		case <-settled:
		case <-ctx.Done():
			err = ctx.Err()
		}
		l.mu.Lock()
		if err != nil {
			return err
		}
	}
	switch {
	case sub == nil || sub.moved:
		return errMoved
	case !sub.wanted:
		return errUnwanted
	}
	return nil
}

// drop gives channel up, to another link if moved says so. It does not wait. The channel of the link's probes stays:
// without it the link would be deaf.
func (l *link) drop(channel string, moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub := l.channels[channel]
	if sub == nil || !sub.wanted || channel == probeChannel(l.probe) {
		return
	}
	sub.wanted, sub.moved = false, moved
	sub.settleLocked()
	if sub.asked {
		l.changeLocked(channel)
	} else {
		delete(l.channels, channel)
	}
}

// changeLocked has run look at channel. l.mu must be held.
func (l *link) changeLocked(channel string) {
	l.changed[channel] = struct{}{}
	l.nudge()
}

// nudge has run look.
func (l *link) nudge() { l.wake.Set() }

// settleLocked wakes those who wait. link.mu must be held.
func (sub *subscription) settleLocked() {
	if sub.settled != nil {
		close(sub.settled)
		sub.settled = nil
	}
}

// linkCallbacks is how a link reports on its connection. Called by run only.
type linkCallbacks struct {
	// state is called with nil whenever all that is wanted is subscribed on a new
	// connection that is not deaf. It is called with the reason whenever that failed or the connection was lost.
	state func(error)
	// late is called when channels are subscribed whose events may have been missed.
	late func()
}

// run keeps a connection until ctx ends.
func (l *link) run(ctx context.Context, on linkCallbacks) {
	for failures := 0; ; {
		err := l.session(ctx, linkCallbacks{late: on.late, state: func(error) {
			failures = 0
			on.state(nil)
		}})
		if ctx.Err() != nil {
			return
		}
		on.state(err)
		if l.kind.remap != nil {
			l.kind.remap() // The master may be another one now.
		}
		failures++
		pause := time.NewTimer(backoff(failures))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}

// session is the life of one connection. It returns why it ended.
func (l *link) session(ctx context.Context, on linkCallbacks) error {
	conn, release, err := l.kind.dial()
	if err != nil {
		return err
	}
	defer release()
	defer conn.Close() // A connection with subscriptions must not go back to the pool.
	defer l.forget()
	l.unreturned.Store(0)
	l.returned.Store(false)
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: l.onMessage, OnSubscription: l.onSubscription})
	asked, ready, missed := false, false, false
	for {
		late, err := l.reconcile(ctx, conn)
		if err != nil {
			return err
		}
		missed = missed || late
		switch {
		case ready:
		case !asked:
			asked = true
			l.ask.Set()
		case l.returned.Load() && l.taken.Load():
			ready = true
			on.state(nil)
		}
		if ready && missed {
			missed = false
			on.late()
		}
		if l.unreturned.Load() >= deafProbes {
			l.rebuilt.Add(1)
			return errDeaf
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			return cmp.Or(err, rueidis.ErrClosing)
		case <-l.wake:
		}
	}
}

// tookProbe notes that Redis has taken a probe for this link.
func (l *link) tookProbe() {
	l.taken.Store(true)
	l.unreturned.Add(1)
	l.nudge()
}

// onMessage runs on the connection's reader: it never blocks.
func (l *link) onMessage(m rueidis.PubSubMessage) {
	if l.unreturned.Load() != 0 {
		l.unreturned.Store(0)
	}
	if !strings.HasPrefix(m.Channel, l.kind.probes) {
		l.kind.deliver(m)
		return
	}
	if !l.returned.Swap(true) {
		l.nudge()
	}
}

// onSubscription runs on the connection's reader. A server that gives a slot away ends
// the subscriptions there by itself.
func (l *link) onSubscription(s rueidis.PubSubSubscription) {
	if s.Kind != "sunsubscribe" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if sub := l.channels[s.Channel]; sub != nil && sub.asked {
		sub.loseLocked()
		l.changeLocked(s.Channel) // Asked again, it answers where the slot is now.
	}
}

// loseLocked notes that the server has the subscription no longer. link.mu must be held.
func (sub *subscription) loseLocked() {
	sub.asked, sub.confirmed, sub.late = false, false, true
}

// retry looks again at the channels that the server did not take.
func (l *link) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for channel, sub := range l.channels {
		if sub.wanted && !sub.asked {
			l.changeLocked(channel)
		}
	}
}

// reconcile sends what is needed until the server has what is wanted, or has answered that it is not the one to ask.
// The result late says that events may have been missed of what the server has now.
func (l *link) reconcile(ctx context.Context, conn rueidis.DedicatedClient) (late bool, err error) {
	for {
		on, off := l.take(subscribeBatch)
		if len(on)+len(off) == 0 {
			return late, nil
		}
		elsewhere, err := l.send(ctx, conn, on, off)
		if err != nil {
			return late, err
		}
		if l.confirm(on, elsewhere) {
			late = true
		}
		if len(elsewhere) > 0 {
			l.kind.remap()
		}
	}
}

// take returns up to most changed channels, to subscribe and to unsubscribe, and notes
// that they were asked for.
func (l *link) take(most int) (on, off []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for channel := range l.changed {
		if len(on)+len(off) == most {
			break
		}
		delete(l.changed, channel)
		sub := l.channels[channel]
		switch {
		case sub == nil || sub.wanted && sub.asked:
		case sub.wanted:
			sub.asked = true
			on = append(on, channel)
		default:
			delete(l.channels, channel)
			if sub.asked {
				off = append(off, channel)
			}
		}
	}
	return on, off
}

// send returns once the server has answered for every channel. A SUBSCRIBE of rueidis returns at the first channel's
// confirmation; a PING behind it comes after the last. The channels in elsewhere are those that another server has.
func (l *link) send(ctx context.Context, conn rueidis.DedicatedClient, on, off []string) (elsewhere []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	offs, ons := l.bySlot(off), l.bySlot(on)
	cmds := make(rueidis.Commands, 0, len(offs)+len(ons)+1)
	for _, group := range offs {
		if l.kind.slotOf == nil {
			cmds = append(cmds, conn.B().Unsubscribe().Channel(group...).Build())
		} else {
			cmds = append(cmds, conn.B().Sunsubscribe().Channel(group...).Build())
		}
	}
	for _, group := range ons {
		if l.kind.slotOf == nil {
			cmds = append(cmds, conn.B().Subscribe().Channel(group...).Build())
		} else {
			cmds = append(cmds, conn.B().Ssubscribe().Channel(group...).Build())
		}
	}
	for i, res := range conn.DoMulti(ctx, append(cmds, conn.B().Ping().Build())...) {
		err := res.Error()
		switch {
		case err == nil:
		case l.kind.slotOf == nil || !ofSlot(err):
			return nil, err
		case i >= len(offs): // Else it is gone as it should be.
			elsewhere = append(elsewhere, ons[i-len(offs)]...)
		}
	}
	return elsewhere, nil
}

// ofSlot reports whether err says that a server has not got a slot, or not yet.
func ofSlot(err error) bool {
	said, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	_, moved := said.IsMoved()
	_, ask := said.IsAsk()
	return moved || ask || said.IsTryAgain() || said.IsClusterDown()
}

// bySlot puts those channels together that one command may name.
func (l *link) bySlot(channels []string) [][]string {
	if len(channels) == 0 {
		return nil
	}
	if l.kind.slotOf == nil {
		return [][]string{channels}
	}
	groups := make(map[uint16][]string)
	for _, c := range channels {
		slot := l.kind.slotOf(c)
		groups[slot] = append(groups[slot], c)
	}
	all := make([][]string, 0, len(groups))
	for _, group := range groups {
		all = append(all, group)
	}
	return all
}

// confirm wakes those who wait for the channels, but for those that are elsewhere. It
// reports whether events may have been missed of one.
func (l *link) confirm(channels, elsewhere []string) (late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, channel := range channels {
		sub := l.channels[channel] // Never nil: only take removes what was asked for.
		switch {
		case slices.Contains(elsewhere, channel):
			sub.loseLocked()
			if !sub.wanted {
				delete(l.channels, channel)
			}
		case sub.asked: // Else the server has ended it already.
			late = late || sub.late
			sub.confirmed, sub.late = true, false
			sub.settleLocked()
		}
	}
	return late
}

// forget notes that the connection with all its subscriptions is gone.
func (l *link) forget() {
	l.taken.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	for channel, sub := range l.channels {
		if !sub.wanted {
			delete(l.channels, channel)
			continue
		}
		// Not late: the loss of these is reported when the connection is ready.
		sub.asked, sub.confirmed, sub.late = false, false, false
		l.changeLocked(channel)
	}
}
