package room

import (
	"sync"
	"sync/atomic"
	"time"
)

// sweepBudget is how many writes a lane does for one part before the next part has
// its turn. 128 writes of about 7 µs are 0.9 ms: a small room on the lane of a huge
// one waits no longer than that.
const sweepBudget = 128

// shortTurn is how many members a part may have so that its turns come before those of others, see queue. It is an
// eighth of the longest turn.
const shortTurn = 16

// part is the members of one room that stand on one lane and have one encoding.
type part struct {
	// Immutable.
	stream *stream
	lane   *lane

	// mu guards the fields below, and the flags of the part's members.
	mu      sync.Mutex
	mail    []mail // for the lane, in order; bounded by three per member
	queued  bool   // stands in lane.queue, or in room.woken, or is the turn of who left mail
	resting bool   // no sweep before rested
	long    bool   // it had more than shortTurn members in its last turn; written under lane.mu, too
	wanted  bool   // the log grew while the part rested
	oldest  int64  // when the oldest message came that no sweep has begun with, in Unix ms; 0 as came

	// Guarded by room.mu.
	size int // members entered and not left

	// Owned by the lane: by whoever holds lane.mu.
	members []*Member
	pos     int           // members[:pos] have had their turn in this sweep
	goal    uint64        // where the log's head stood when the sweep began, in bytes
	swept   uint64        // every member that is not full has got this far, in bytes
	behind  bool          // a member has more to get than one write carries
	came    int64         // when the oldest message of this sweep came, in Unix ms; 0: there is none, or nobody asks
	spent   time.Duration // the time that this sweep has taken so far
	spare   []mail        // the other half of the mail double buffer
}

// lane is a goroutine that writes logs to sockets.
type lane struct {
	// mu is held for one turn of one part, and guards what the lane owns. The lane's goroutine waits for it; others
	// only try, see inplace.go.
	mu       sync.Mutex
	queue    *queue[*part]
	most     int           // bytes of one write
	interval time.Duration // longest rest
	clock    Clock
	// writer writes what volley has gathered; both nil: writes go one by one. Guarded by mu, as is what they have.
	writer VolleyWriter
	volley *volley
	// pending counts the parts that are queued, visited, or wanted while they rest, and the members that have entered and
	// are not attached yet. Atomic; read by Hall.Flush.
	pending atomic.Int64

	hall *Hall
	// unsampled is how many writes there are until the next sample; guarded by mu.
	unsampled uint64
	check     part         // stands in queue while checked is not 0, see Hall.CheckLanes; has nothing in it
	checked   atomic.Int64 // when it was put there, as the hall counts time
}

func (l *lane) run() {
	for {
		p, ok := l.queue.pop()
		if !ok {
			return
		}
		l.mu.Lock()
		if p == &l.check {
			l.hall.passCheck(l)
		} else {
			l.visit(p)
			l.pending.Add(-1)
		}
		l.mu.Unlock()
	}
}

// close ends the lane's writer. A poller may still visit a part in place.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer != nil {
		l.writer.Close()
		l.writer, l.volley = nil, nil
	}
}

// mailLocked leaves mail for the part's lane, and reports whether the caller has to see to it that it is read. p.mu
// must be held.
func (p *part) mailLocked(x mail) (mine bool) {
	p.mail = append(p.mail, x)
	return p.queueLocked()
}

// wake has the part's lane look at the log, once the part has rested. The argument came is when the oldest of the
// messages came that are new there, in Unix ms. It is 0 where there are none, or nobody asks.
func (p *part) wake(came int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reserveLocked(came) {
		p.pushLocked()
	}
}

// reserve is wake for somebody who sees to it that the part has a turn, if it reports true.
func (p *part) reserve(came int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reserveLocked(came)
}

// reserveLocked reports whether the part has to be given to its lane. p.mu must be held.
func (p *part) reserveLocked(came int64) bool {
	if p.oldest == 0 {
		p.oldest = came
	}
	if p.resting {
		if !p.wanted {
			p.wanted = true
			p.lane.pending.Add(1)
		}
		return false
	}
	return p.queueLocked()
}

// queueLocked notes that the part waits for its lane; false where it does already. p.mu must be held.
func (p *part) queueLocked() bool {
	if p.queued {
		return false
	}
	p.queued = true
	p.lane.pending.Add(1)
	return true
}

// rest keeps the part from being swept for d.
func (p *part) rest(d time.Duration) {
	p.mu.Lock()
	p.resting = true
	p.mu.Unlock()
	p.lane.clock.AfterFunc(d, p.rested)
}

// rested ends a rest.
func (p *part) rested() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = false
	if p.wanted {
		p.wanted = false
		p.enqueueLocked()
		p.lane.pending.Add(-1)
	}
}

func (p *part) enqueueLocked() {
	if p.queueLocked() {
		p.pushLocked()
	}
}

// handOver gives the part, which was reserved, to its lane.
func (p *part) handOver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pushLocked()
}

// pushLocked has the part stand in its lane's queue. p.mu must be held.
func (p *part) pushLocked() {
	if p.long {
		p.lane.queue.pushLong(p)
	} else {
		p.lane.queue.push(p)
	}
}

// visit does one turn of a part: its mail, then up to sweepBudget writes of its sweep. l.mu must be held.
func (l *lane) visit(p *part) {
	p.mu.Lock()
	inbox := p.mail
	p.mail, p.spare = p.spare[:0], nil
	p.queued = false
	resting := p.resting
	if p.pos == 0 && !resting { // a sweep begins
		p.came, p.oldest = p.oldest, 0
	}
	p.mu.Unlock()

	began := l.clock.Now()
	t := turn{part: p, most: l.most, budget: sweepBudget}
	for i, x := range inbox {
		t.read(x)
		inbox[i] = mail{}
	}
	if long := len(p.members) > shortTurn; long != p.long {
		p.mu.Lock()
		p.long = long
		p.mu.Unlock()
	}
	if cap(inbox) <= 1024 { // a burst's buffer is not kept
		p.spare = inbox[:0]
	}
	more := resting && p.unswept() // it may have come just before the rest began
	if !resting {
		more = t.sweep()
		now := l.clock.Now()
		p.spent += now.Sub(began)
		l.sample(now, p.came, t.writes)
		if p.pos == 0 { // the sweep is complete
			l.pace(p)
		}
	}
	if more {
		p.wake(0)
	}
	t.account()
}

// Pacing: after a sweep that took D a part rests for D/restDivisor, at most
// Fanout.Interval. Measured with barrage bench storm, 5,000 viewers × 200 messages/s, medians of 3 alternating runs. No
// rest: 860 ns of CPU a delivery and p99 133 ms. Half of D: 680 ns and 124 ms. All of D: 690 ns and 127 ms. A sweep of
// a small room is over so soon that it never rests.
const (
	restDivisor = 2
	// leastRest is the shortest rest that is worth a timer. A sweep twice as long is one
	// of some 60 members.
	leastRest = 200 * time.Microsecond
)

// pace ends a sweep and has the part rest.
func (l *lane) pace(p *part) {
	if d := min(p.spent/restDivisor, l.interval); d >= leastRest {
		p.rest(d)
	}
	p.spent = 0
}

// turn is one visit of a lane to a part.
type turn struct {
	part   *part
	most   int
	budget int // writes left
	// cached is the view of the member before; in a sweep nearly all members stand at
	// the same place.
	cached   view
	sent     uint64 // frames handed to sockets
	sentSize uint64 // bytes handed to sockets
	skipped  uint64 // frames jumped over
	left     uint64 // frames not sent because the member left
	writes   uint64
	volleyed uint64 // of writes, those that went to the kernel together
}

func (t *turn) read(x mail) {
	p, m := t.part, x.member
	switch x.kind {
	case mailJoin:
		m.index = int32(len(p.members))
		p.members = append(p.members, m)
		t.serveLate(m)
	case mailLeave:
		if x.head > m.cursor.index {
			t.left += x.head - m.cursor.index
		}
		t.setFull(m, false)
		p.remove(m)
	case mailDrained:
		t.setFull(m, false)
		t.serveLate(m)
	}
}

// remove takes m out and keeps members[:pos] the ones that have had their turn.
//
//	[ done .. done | waiting .. waiting ]
//	        ↑ m    pos              last     the last done fills m's place,
//	                                         the last waiting fills that one's
func (p *part) remove(m *Member) {
	hole := int(m.index)
	if hole < p.pos {
		p.pos--
		p.put(p.members[p.pos], hole)
		hole = p.pos
	}
	last := len(p.members) - 1
	if hole < last { // else nobody waits, and the last one may have just moved
		p.put(p.members[last], hole)
	}
	p.members[last] = nil
	p.members = p.members[:last]
	if cap(p.members) > 1024 && len(p.members) < cap(p.members)/4 {
		p.members = append(make([]*Member, 0, 2*len(p.members)), p.members...)
	}
}

func (p *part) put(m *Member, index int) {
	p.members[index] = m
	m.index = int32(index)
}

// sweep goes on with the part's sweep, or starts one where the log has grown. It
// reports whether there is more to do.
func (t *turn) sweep() (more bool) {
	p := t.part
	if p.pos == 0 {
		if !p.unswept() {
			return false
		}
		p.goal, p.behind = p.stream.log.headNow().off, false
		t.cached = view{} // one that a newcomer was served from may end before the batch that headNow has framed
	}
	for p.pos < len(p.members) && t.budget > 0 {
		m := p.members[p.pos]
		p.pos++
		if m.cursor.off < p.goal {
			t.serveInSweep(m)
		}
	}
	t.fire()
	if p.pos < len(p.members) {
		return true
	}
	p.pos, p.swept = 0, p.goal
	return p.unswept()
}

// unswept reports whether the next sweep has something to do.
func (p *part) unswept() bool { return p.behind || p.stream.log.grown(p.swept) }

// serveLate serves a member whose turn in the sweep may be over, while the budget
// lasts; else the next sweep does.
func (t *turn) serveLate(m *Member) {
	if t.budget > 0 {
		t.serve(m)
	} else {
		t.part.behind = true
	}
}

// serveInSweep is serve for a member who may wait for others: nothing looks at its cursor before they fire.
func (t *turn) serveInSweep(m *Member) {
	g := t.part.lane.volley
	if g == nil {
		t.serve(m)
	} else if v := t.due(m); v != nil {
		g.add(m, v)
		if g.full() {
			t.fire()
		}
	}
}

// serve gives m what it has not received, in one write.
func (t *turn) serve(m *Member) {
	if v := t.due(m); v != nil {
		n, full := m.socket.Send(v.b)
		t.answer(m, v, n, full)
	}
}

// due is what m has not received, as much as one write takes, and counts as that write; nil where there is nothing for
// m. It holds until the next call.
func (t *turn) due(m *Member) *view {
	if m.full {
		return nil
	}
	if t.cached.b == nil || t.cached.from != m.cursor {
		v, ok := t.part.stream.log.at(m.cursor, t.most)
		if !ok {
			t.skip(m)
			return nil
		}
		t.cached = v
	}
	if len(t.cached.b) == 0 {
		return nil
	}
	t.budget--
	t.writes++
	return &t.cached
}

// answer notes that m's socket took n bytes of v.
func (t *turn) answer(m *Member, v *view, n int, full bool) {
	next := v.after(n)
	t.sent += next.index - m.cursor.index
	t.sentSize += uint64(n)
	m.cursor = next
	t.setFull(m, full)
	if !full && v.more {
		t.part.behind = true
	}
}

// skip moves a member that has fallen out of the log to its head. Where its encoding has a frame for that, the member
// receives it first.
func (t *turn) skip(m *Member) {
	st := t.part.stream
	head := st.log.headNow()
	if note := st.skipNote(m.cursor.index, head.index); note != nil {
		t.budget--
		n, full := m.socket.Send(note)
		t.setFull(m, full)
		if n < len(note) {
			return // it takes nothing: when it does, it receives a note of what it has missed by then
		}
	}
	t.skipped += head.index - m.cursor.index
	m.cursor = head
}

func (t *turn) setFull(m *Member, full bool) {
	switch {
	case full && !m.full:
		t.part.stream.room.hall.stats.full.Add(1)
	case !full && m.full:
		t.part.stream.room.hall.stats.full.Add(-1)
	}
	m.full = full
}

// account adds the turn to the room's and the hall's counters.
func (t *turn) account() {
	r := t.part.stream.room
	r.copies.sent.Add(t.sent)
	r.copies.skipped.Add(t.skipped)
	r.countLeft(t.left)
	s := &r.hall.stats
	s.sent.Add(t.sent)
	s.sentBytes.Add(t.sentSize)
	s.skipped.Add(t.skipped)
	s.writes.Add(t.writes)
	s.volleyed.Add(t.volleyed)
}
