package room

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// This file is what is done where it comes in. Where no call of the store waits, a message of a small room is stored
// and written where it comes in. To wake a publisher and a lane for some ten writes costs as much as some of these. So
// nothing is handed over without something to wait for: a lane at work, a room that lacks something, a caller with
// others to serve.
//
// Nor is a lane woken to note who has come or gone, if it has nothing else to do in that room.
//
// A lane is whoever holds its lock, for one turn of one part. Its goroutine waits for the lock, all others only try. So
// a part is never visited twice at once, and a lane's parts have their turns in the order of its queue.

const (
	// smallRoom is the most members of a room whose messages run through in place. That is as many writes as a lane's turn
	// has, of about 5 µs each, 0.6 ms. With 32, rooms of 100 cost 8.9 to 10 µs of CPU a delivery instead of 6.7 to 6.9.
	// Measured with barrage bench rooms --rooms 100 --zipf 0 --rate 200.
	smallRoom = sweepBudget
	// longestStretch is how long the goroutine of a Hurried author may write for rooms before it hands over what comes
	// next. That is as long as a lane's turn, see sweepBudget.
	longestStretch = time.Millisecond
	// stretchPause ends a stretch: a poller that has read nothing for so long has nobody waiting.
	stretchPause = 50 * time.Microsecond
)

// Stretch is for how long a goroutine has been writing for rooms without a pause. The zero value is ready.
type Stretch struct {
	began, last atomic.Int64 // as the hall counts time; last is when something came in, or was written, for the last time
}

// Hurried is an author whose messages come in on a goroutine that others wait for, a poller.
type Hurried interface {
	Author
	// Stretch is that goroutine's. It may not block.
	Stretch() *Stretch
}

// stretchOf is that of an author; nil where nobody waits for the goroutine.
func stretchOf(from Author) *Stretch {
	if h, ok := from.(Hurried); ok {
		return h.Stretch()
	}
	return nil
}

// lasts reports whether the stretch may go on at now, or begins then; nil is that of a goroutine that nobody waits for.
func (s *Stretch) lasts(now time.Duration) bool {
	if s == nil {
		return true
	}
	if now-time.Duration(s.last.Swap(int64(now))) > stretchPause {
		s.began.Store(int64(now))
	}
	return now-time.Duration(s.began.Load()) < longestStretch
}

// runsThroughLocked reports whether p, the message that has just come, is all there is to do for a small room. If so,
// its author's goroutine may serve the room. A flood goes to a publisher, which stores many at once. r.mu must be held.
func (r *Room) runsThroughLocked(p *post) bool {
	return r.smallLocked() && stretchOf(p.from).lasts(p.at) && !r.queued && !r.failed && r.outbox.size() == 1 && !p.quiet && !r.lacksLocked()
}

// runThrough serves a room on its author's goroutine. A bug there ends the node, as on a publisher's or a lane's. Code
// that recovers from it would go on with a room, a lane or sockets that are locked or half done. Or the kernel would
// still read our bytes.
func (r *Room) runThrough(hurry *Stretch) {
	defer endNode()
	r.serve(hurry)
}

// endNode is deferred by who does a publisher's or a lane's work in place of it.
func endNode() {
	if bug := recover(); bug != nil {
		go panic(fmt.Sprintf("%v, in place:\n%s", bug, debug.Stack())) // ends with the process
		select {}
	}
}

// smallLocked reports whether whoever serves the room visits its parts as well. r.mu must be held.
func (r *Room) smallLocked() bool { return r.hall.Instant() && r.members <= smallRoom }

// wakeLocked has the part's lane look at the log, or the goroutine that serves the room once its lock is free. r.mu
// must be held.
func (r *Room) wakeLocked(p *part, came int64) {
	switch {
	case !r.inPlace:
		p.wake(came)
	case p.reserve(came):
		r.woken = append(r.woken, p)
	}
}

// wokenLocked ends that the room's parts wait for the goroutine that serves it, and returns those that do. r.mu must be
// held.
func (r *Room) wokenLocked() (parts []*part) {
	parts, r.inPlace, r.woken = r.woken, false, nil
	return parts
}

// visitAll visits parts that were reserved, or has their lanes do it. No lock may be held, nor any of the store's: so
// it is never called for an event.
func (h *Hall) visitAll(parts []*part, hurry *Stretch) {
	for _, p := range parts {
		if !p.lane.visitInPlace(p, hurry) {
			p.handOver()
		}
	}
}

// visitInPlace visits a part that was reserved, unless the lane has other work, or the caller has others to serve.
func (l *lane) visitInPlace(p *part, hurry *Stretch) bool {
	if hurry != nil && !hurry.lasts(l.hall.since(l.clock.Now())) || !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	if !l.queue.empty() {
		return false
	}
	l.visit(p)
	l.pending.Add(-1)
	if hurry != nil {
		hurry.last.Store(int64(l.hall.since(l.clock.Now())))
	}
	return true
}

// Instant reports whether no call of the store waits, see Config.Instant.
func (h *Hall) Instant() bool { return h.cfg().Instant }

// readMail has mail read that the caller is to see to, see part.mailLocked: here, where that is all that there is to
// do. To wake a lane for a member that comes or goes is a fifth of a handshake. Measured with barrage bench idle
// --viewers 15000: 44.6 µs of CPU each and 34.7, medians of four in turn. No lock may be held.
func (l *lane) readMail(p *part) {
	if !l.readInPlace(p) {
		p.handOver()
	}
}

func (l *lane) readInPlace(p *part) bool {
	if !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	defer endNode()
	if !l.queue.empty() || p.pos > 0 || p.unswept() {
		return false // a sweep is up to sweepBudget writes
	}
	l.visit(p)
	l.pending.Add(-1)
	return true
}
