package room

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"barrage/codec"
)

// splitSize is the number of members up to which a room stays on one lane. Below
// it a sweep takes less than 2 ms (256 writes of about 7 µs), so a second lane would
// save less than waking it costs.
const splitSize = 256

// Bounds of one batch to the store: as many messages as cost Redis least per
// message (measured: 1.9 µs in batches of 50, 10.7 µs alone), far below the 8,000
// arguments that a script may unpack.
const (
	batchMessages = 100
	batchBytes    = 64 << 10
)

// ErrBusy is returned by [Room.Post] when the room's outgoing queue is full.
var ErrBusy = errors.New("room: too many messages wait for the store")

// Author is whoever sent a message; the gateway's sessions. The room only carries
// it to [Config].Gate.
type Author any

// Room is one live room on this node. Get it from [Hall.Open] and give it back with
// [Room.Release]. Its methods may be called concurrently.
type Room struct {
	// Immutable.
	id   string
	hall *Hall
	home int // index of the lane that a small room lives on

	log    log
	copies copies

	// loading serialises loads by Open, so that a burst of joins loads a room once.
	loading sync.Mutex

	mu sync.Mutex // guards the fields below

	// Where the room has got, as far as this node knows.
	pos    codec.Position
	loaded bool
	newest newest // what a new member is given
	// welcome is the first frame for a new member; nil after a change.
	welcome []byte

	// Catching up with the store.
	stale   bool          // a publisher must fetch what is missing
	failed  bool          // a fetch failed; the next Tick makes the room stale again
	holding bool          // events wait in held until the fetch is done
	held    []codec.Event // bounded by maxHeld

	// On the way to the store.
	out     []post // bounded by Config.QueueMessages
	queued  bool   // stands in hall.publishers, or a publisher serves it
	parts   []*part
	members int
	watched int // watchers, see Watch

	// Guarded by hallShard.mu.
	refs       int
	emptySince time.Time // when refs fell to 0
}

type post struct {
	draft codec.Draft
	from  Author
}

// ID is the room's id.
func (r *Room) ID() string { return r.id }

// Enter makes m, whose bytes go to s, a member from now on: m will get every message
// that is not in the welcome. The welcome is one complete frame, shared and
// read-only; the caller sends it, then calls [Room.Attach], so that nothing comes
// before it. Each Enter is followed by one [Room.Leave].
func (r *Room) Enter(m *Member, s Socket) (welcome []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.partForNewMember()
	p.size++
	r.members++
	r.hall.stats.members.Add(1)
	m.socket, m.part, m.cursor = s, p, r.log.headNow()
	return r.welcomeLocked()
}

// partForNewMember is the home part of a small room, else the smallest one.
func (r *Room) partForNewMember() *part {
	if r.parts == nil {
		r.parts = make([]*part, len(r.hall.lanes))
	}
	best := r.home
	if r.members >= splitSize {
		for i, p := range r.parts {
			if p == nil || p.size < r.parts[best].size {
				best = i
			}
			if p == nil {
				break
			}
		}
	}
	if r.parts[best] == nil {
		r.parts[best] = &part{room: r, lane: r.hall.lanes[best]}
		// A new part starts where the log stands: its first member comes now.
		r.parts[best].swept = r.log.headNow().off
	}
	return r.parts[best]
}

// Attach hands m to its lane: from now on bytes come. A member that has left
// meanwhile stays out.
func (r *Room) Attach(m *Member) {
	p := m.part
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.attached || m.left {
		return
	}
	m.attached = true
	p.postLocked(mail{kind: mailJoin, member: m})
}

// Drained tells m's lane that its socket takes bytes again. It never blocks and may
// be called from any goroutine, also after Leave.
func (r *Room) Drained(m *Member) {
	p := m.part
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.attached && !m.left {
		p.postLocked(mail{kind: mailDrained, member: m})
	}
}

// Leave takes m out. Its lane may still be in a Send. A second Leave does nothing.
func (r *Room) Leave(m *Member) {
	p := m.part
	p.mu.Lock()
	attached, again := m.attached, m.left
	m.left = true
	p.mu.Unlock()
	if again {
		return
	}

	r.mu.Lock()
	p.size--
	r.members--
	r.hall.stats.members.Add(-1)
	head := r.log.headNow().index // what comes from now on was not meant for m
	r.mu.Unlock()

	if !attached {
		r.countLeft(head - m.cursor.index)
		return
	}
	p.mu.Lock()
	p.postLocked(mail{kind: mailLeave, member: m, head: head})
	p.mu.Unlock()
}

func (r *Room) countLeft(n uint64) {
	r.copies.left.Add(n)
	r.hall.stats.left.Add(n)
}

// Post sends a message of user to the room: it will reach the members by way of the
// store. now is the time of receipt. It never blocks; a full queue is answered with
// [ErrBusy].
func (r *Room) Post(from Author, user, info string, now time.Time) error {
	d := codec.NewDraft(r.id, user, info, now.UnixMilli())
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.out) >= r.hall.cfg.QueueMessages {
		r.hall.stats.refusedBusy.Add(1)
		return ErrBusy
	}
	r.out = append(r.out, post{d, from})
	r.hall.stats.waiting.Add(1)
	r.enqueueLocked()
	return nil
}

// enqueueLocked gives the room to a publisher. r.mu must be held.
func (r *Room) enqueueLocked() {
	if !r.queued {
		r.queued = true
		r.hall.publishers.push(r)
	}
}

// deliverLocked puts messages into the log and wakes the lanes. r.mu must be held.
func (r *Room) deliverLocked(messages []codec.Entry) {
	if len(messages) == 0 {
		return
	}
	now, most := r.hall.coarse.Load(), int(r.hall.cfg.Fanout.LogBytes)
	for _, e := range messages {
		if r.members > 0 {
			r.log.append(e.JSON, now, most)
		}
		r.newest.push(e)
	}
	r.hall.stats.accepted.Add(uint64(len(messages)))
	offered := uint64(len(messages)) * uint64(r.members)
	r.copies.offered.Add(offered)
	r.hall.stats.offered.Add(offered)
	r.changedLocked()
	for _, p := range r.parts {
		if p != nil && p.size > 0 {
			p.wake()
		}
	}
}

// changedLocked forgets what was made of the old state. r.mu must be held.
func (r *Room) changedLocked() {
	r.welcome = nil
	if r.watched > 0 && r.hall.cfg.OnChange != nil {
		r.hall.cfg.OnChange(r)
	}
}

// welcomeLocked is the first frame of contract section 2, built once per state of
// the room. r.mu must be held.
func (r *Room) welcomeLocked() []byte {
	if r.welcome != nil {
		return r.welcome
	}
	r.hall.stats.welcomes.Add(1)
	list := r.newest.last(r.hall.cfg.OnJoin)
	var b strings.Builder
	b.WriteString(`{"list":[`)
	for i, e := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(e.JSON)
	}
	b.WriteString(`],"total":`)
	b.WriteString(strconv.FormatUint(r.pos.Total, 10))
	b.WriteByte('}')
	r.welcome = codec.AppendFrame(make([]byte, 0, codec.FrameHeaderLen(b.Len())+b.Len()), codec.OpText, b.String())
	return r.welcome
}

// Newest is the room's newest message as plain JSON, "" where it has none, and how
// many messages it ever had.
func (r *Room) Newest() (json string, total uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.newest.last(1); len(l) > 0 {
		json = l[0].JSON
	}
	return json, r.pos.Total
}

// Watch makes the room tell Config.OnChange of every change, until [Room.Unwatch].
func (r *Room) Watch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched++
}

// Unwatch takes one Watch back.
func (r *Room) Unwatch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched--
}

// newest holds the newest messages of a room in order: at least most of them where
// there are so many, at most twice that. The rest is a reserve for recalls.
type newest struct {
	entries []codec.Entry
	most    int // at least 1
}

func (n *newest) push(e codec.Entry) {
	if len(n.entries) >= 2*n.most { // moves each entry once on average
		n.entries = append(n.entries[:0], n.entries[len(n.entries)-n.most+1:]...)
		clear(n.entries[len(n.entries):cap(n.entries)])
	}
	n.entries = append(n.entries, e)
}

// last returns the newest k, oldest first.
func (n *newest) last(k int) []codec.Entry {
	return n.entries[max(0, len(n.entries)-k):]
}

// remove takes the entry with number seq out.
func (n *newest) remove(seq uint64) bool {
	for i := len(n.entries) - 1; i >= 0 && n.entries[i].Seq >= seq; i-- {
		if n.entries[i].Seq == seq {
			n.entries = append(n.entries[:i], n.entries[i+1:]...)
			return true
		}
	}
	return false
}
