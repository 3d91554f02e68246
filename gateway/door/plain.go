package door

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"time"
)

// silentFor is how long a connection may be without a request where there are too many: a busy node reads the requests
// of a wave of newcomers within that.
const silentFor = 2 * time.Second

// Plain bounds the connections of the public port that are no WebSockets: requests, and those who wait with theirs.
// They have three quarters of the reserve of descriptors; the rest is for Redis, listeners, and the moment of an
// upgrade, which takes two. Where there are more, those go that have been silent for longest, silentFor at least: a
// client that means it sends its request at once.
type Plain struct {
	// Immutable.
	most int
	now  func() time.Time

	mu      sync.Mutex // guards the fields below; a leaf
	open    int
	silent  *list.List // of silence, the longest first
	silence map[net.Conn]*list.Element
}

// silence is a connection that is without a request since.
type silence struct {
	conn  net.Conn
	since time.Time
}

// NewPlain allows most connections.
func NewPlain(most int, now func() time.Time) *Plain {
	return &Plain{most: most, now: now, silent: list.New(), silence: map[net.Conn]*list.Element{}}
}

// State is net/http's word of a connection, see http.Server.ConnState.
func (p *Plain) State(conn net.Conn, state http.ConnState) {
	p.note(conn, state)
	if state == http.StateNew {
		p.Sweep()
	}
}

func (p *Plain) note(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.silence[conn]; e != nil {
		p.silent.Remove(e)
		delete(p.silence, conn)
	}
	switch state {
	case http.StateNew:
		p.open++
		p.silence[conn] = p.silent.PushBack(silence{conn, p.now()})
	case http.StateIdle:
		p.silence[conn] = p.silent.PushBack(silence{conn, p.now()})
	case http.StateActive:
	case http.StateHijacked, http.StateClosed:
		p.open--
	}
}

// Sweep closes those that must go. It is also called once a second, because without a descriptor left no connection
// comes that would have it look.
func (p *Plain) Sweep() {
	var gone []net.Conn
	p.mu.Lock()
	for over := p.open - p.most; over > 0; over-- {
		front := p.silent.Front()
		if front == nil || p.now().Sub(front.Value.(silence).since) < silentFor {
			break
		}
		conn := p.silent.Remove(front).(silence).conn
		delete(p.silence, conn)
		gone = append(gone, conn)
	}
	p.mu.Unlock()
	for _, conn := range gone {
		_ = conn.Close() // net/http finds out
	}
}
