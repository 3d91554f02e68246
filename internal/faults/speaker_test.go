package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"barrage/codec"
	"barrage/room"
)

const (
	// answerWithin is how long a speaker waits for an answer before it takes its connection for dead. The wait is twice as
	// long on each further one, up to three times, and half as long for each answer.
	answerWithin = 500 * time.Millisecond
	// unansweredMost is how many messages of a speaker may be without an answer; web/client bounds them, too. They are
	// sent again at once on each connection. Without a bound, a machine that is too slow for all that has less and less
	// left.
	unansweredMost = 40
	// againAfter is how long a speaker waits before it sends again what was refused for now.
	againAfter = 250 * time.Millisecond
)

// speaker is a client of barrage.v1 that speaks, and listens to answers only. It sends again, with the same id, what
// was not answered for good. Where nothing is answered it connects anew, each other time to another node, as web/client
// does.
type speaker struct {
	// Immutable after newSpeaker.
	site   *site
	name   string // its user
	home   *node  // where it begins
	orders chan func()
	// speaking ends when it is to send nothing new, living when it is to end at once. ended is closed when it has.
	speaking, living         context.Context
	stopSpeaking, stopLiving context.CancelFunc
	ended                    chan struct{}

	// Owned by run.
	steered  bool // the test decides when it connects anew
	connects int

	mu       sync.Mutex // guards the fields below, and the sayings
	conn     *conn
	patience int // how often answerWithin is doubled
	said     map[string]*saying
	open     []*saying // messages that it knows no answer of, in order
}

// conn is one connection of a speaker: the author of what it sends there.
type conn struct {
	// Immutable.
	speaker *speaker
	node    *node
	// deaf: answers are lost on their way to the speaker.
	deaf bool
}

// saying is one message of a speaker.
type saying struct {
	room     int
	id, body string
	tries    []*try
	// over: the speaker has received an answer for good.
	over bool
}

// try is one time that a saying was sent.
type try struct {
	conn *conn
	at   time.Time
	busy bool // Room.PostNative refused it
	// answer is what Settled received, which the speaker may not know of; nil: nothing.
	answer   *room.Outcome
	answered time.Time // when that was
}

// newSpeaker is a speaker that begins at n. Its user is no node's name.
func newSpeaker(n *node) *speaker {
	p := &speaker{
		site: n.site, name: fmt.Sprintf("s%d", n.index), home: n,
		orders: make(chan func()), ended: make(chan struct{}), said: map[string]*saying{},
	}
	p.speaking, p.stopSpeaking = context.WithCancel(context.Background())
	p.living, p.stopLiving = context.WithCancel(context.Background())
	p.conn = &conn{speaker: p, node: n}
	return p
}

// run speaks until it is to send nothing new and everything is answered, or until living ends.
func (p *speaker) run() {
	defer close(p.ended)
	ticker := time.NewTicker(p.site.writeEvery())
	defer ticker.Stop()
	for i := 0; ; {
		select {
		case <-p.living.Done():
			return
		case order := <-p.orders:
			order()
			continue
		case <-ticker.C:
		}
		switch {
		case p.speaking.Err() == nil && (p.unanswered() >= unansweredMost || p.site.behind()):
		case p.speaking.Err() == nil:
			p.saySomething(i)
			i++
		case p.unanswered() == 0:
			return
		}
		p.sayAgain(time.Now())
	}
}

// saySomething sends the i-th message.
func (p *speaker) saySomething(i int) {
	m := &saying{room: i % p.site.plan.rooms, id: fmt.Sprintf("%s-%d-%d", p.name, i%p.site.plan.rooms, i/p.site.plan.rooms)}
	m.body = m.id + p.site.pad(i)
	p.mu.Lock()
	p.said[m.id] = m
	p.open = append(p.open, m)
	p.mu.Unlock()
	p.say(m)
}

// say is one try.
func (p *speaker) say(m *saying) {
	p.mu.Lock()
	t := &try{conn: p.conn, at: time.Now()}
	m.tries = append(m.tries, t)
	p.mu.Unlock()
	op := &codec.Op{T: codec.OpSend, ID: m.id, Body: m.body, Kind: codec.KindChat}
	err := t.conn.node.rooms[m.room].PostNative(t.conn, p.name, op, t.conn.node.clock.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
	case (errors.Is(err, room.ErrBusy) || leftOut(err)) && t.answer == nil:
		t.busy = true
	default:
		p.site.t.Errorf("PostNative of %s: %v; answered %+v", m.id, err, t.answer)
	}
}

// sayAgain sends again what was refused for now, or everything, over a new connection, where an answer is overdue.
func (p *speaker) sayAgain(now time.Time) {
	var again []*saying
	overdue := false
	p.mu.Lock()
	for _, m := range p.open {
		t := m.tries[len(m.tries)-1]
		waits := now.Sub(t.at)
		if t.conn == p.conn && (t.busy || t.answer != nil && !p.conn.deaf) {
			if waits > againAfter {
				again = append(again, m)
			}
		} else if waits > answerWithin<<p.patience {
			overdue = true
		}
	}
	node := p.conn.node
	if overdue {
		p.patience = min(p.patience+1, 3)
	}
	p.mu.Unlock()
	if overdue && !p.steered {
		if p.connects++; p.connects%2 == 1 {
			node = p.site.next(node)
		}
		p.connect(node, false)
		return
	}
	for _, m := range again {
		p.say(m)
	}
}

// connect has the speaker send again over a new connection what it knows no answer of.
func (p *speaker) connect(n *node, deaf bool) {
	p.mu.Lock()
	p.conn = &conn{speaker: p, node: n, deaf: deaf}
	again := append([]*saying(nil), p.open...)
	p.mu.Unlock()
	for _, m := range again {
		p.say(m)
	}
}

// Settled takes an answer, see room.Author.
func (c *conn) Settled(a room.Outcome) {
	p := c.speaker
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.said[a.ID]
	if m == nil {
		p.site.t.Errorf("%s, which was never said, was answered %+v", a.ID, a)
		return
	}
	var t *try
	for _, u := range m.tries {
		if u.conn == c && !u.busy {
			t = u
		}
	}
	if t == nil || t.answer != nil {
		p.site.t.Errorf("%s was answered %+v; the last try over that connection was %+v", a.ID, a, t)
		return
	}
	t.answer, t.answered = &a, time.Now()
	if c != p.conn || c.deaf {
		return
	}
	p.patience = max(p.patience-1, 0)
	// A refusal speaks of one try only: others may be stored yet.
	if a.Code == "" || a.Code != room.CodeUnconfirmed && len(m.tries) == 1 {
		p.closeLocked(m)
	}
}

// closeLocked ends the wait for answers. p.mu must be held.
func (p *speaker) closeLocked(m *saying) {
	m.over = true
	for i, o := range p.open {
		if o == m {
			p.open = append(p.open[:i], p.open[i+1:]...)
			return
		}
	}
}

// unanswered is how many messages the speaker knows no answer of.
func (p *speaker) unanswered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// underWay is how many tries may still be taken, by whichever node: an answer ends those of its node.
func (p *speaker) underWay() (count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.said {
		last := map[*node]*try{}
		for _, t := range m.tries {
			if !t.busy {
				last[t.conn.node] = t
			}
		}
		for _, t := range last {
			if t.answer == nil {
				count++
			}
		}
	}
	return count
}

// unheard is how many of those were acknowledged.
func (p *speaker) unheard() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for _, m := range p.open {
		for _, t := range m.tries {
			if t.answer != nil && t.answer.Code == "" {
				count++
				break
			}
		}
	}
	return count
}

// steer connects the speaker to n. deaf: answers do not reach it any more, and it stays there until the test steers it
// again. A speaker that is not deaf goes its own ways from now on.
func (p *speaker) steer(n *node, deaf bool) {
	p.order(func() {
		p.steered = deaf
		p.connect(n, deaf)
	})
}

// deafen has answers not reach the speaker any more, as on a connection that is about to be
// found dead.
func (p *speaker) deafen() {
	p.order(func() {
		p.steered = true
		p.mu.Lock()
		p.conn.deaf = true
		p.mu.Unlock()
	})
}

// order has run do something, and waits for it.
func (p *speaker) order(f func()) {
	done := make(chan struct{})
	select {
	case p.orders <- func() { defer close(done); f() }:
		<-done
	case <-p.ended:
	}
}

// leave has it connect elsewhere if it is on n, which is dead.
func (p *speaker) leave(n *node) {
	p.order(func() {
		p.mu.Lock()
		there := p.conn.node == n
		p.mu.Unlock()
		if there {
			p.connect(p.site.next(n), false)
		}
	})
}

// String describes what it waits for.
func (p *speaker) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s knows no answer of %d", p.name, p.conn.node.name, len(p.open))
	if len(p.open) > 0 {
		fmt.Fprintf(&b, ", first %s", p.open[0])
	}
	return b.String()
}

// String describes what became of it.
func (m *saying) String() string {
	var b strings.Builder
	b.WriteString(m.id)
	for _, t := range m.tries {
		fmt.Fprintf(&b, "; said on %s: ", t.conn.node.name)
		switch {
		case t.busy:
			b.WriteString("busy")
		case t.answer == nil:
			b.WriteString("no answer")
		case t.answer.Code == "":
			fmt.Fprintf(&b, "acknowledged as %d", t.answer.Seq)
		default:
			b.WriteString(t.answer.Code)
		}
	}
	return b.String()
}
