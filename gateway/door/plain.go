package door

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// How long a connection may be without a request, or with one that is not answered, where there are too many. That is
// where no descriptors are left but those of the reserve. Calls have 5 s for the store.
const (
	silentFor = 500 * time.Millisecond
	activeFor = 6 * time.Second
)

// fairPlain is how many connections a peer may always have. It is what a browser opens to one host, twice.
const fairPlain = 12

// Plain bounds the connections of the public port that are no WebSockets: requests, and those who wait with theirs.
// Where there are more, those go that have made us wait for longest: for a request, for the rest of it, or for being
// read. A peer that has more than its share makes room by itself, at once. So a stranger who opens them as fast as they
// go leaves the others theirs. Proxies that are trusted bring many clients, and are no such peer.
type Plain struct {
	// Immutable.
	most func() int
	now  func() time.Time
	door *Door

	mu    sync.Mutex // guards the fields below; a leaf
	conns map[net.Conn]*plainConn
	// of *plainConn, the one that waits for longest first; the zero Addr has those of proxies
	peers map[netip.Addr]*list.List
	// silent and active have all connections, the one that waits for longest first.
	silent, active *list.List
}

// plainConn is a connection that is in one state since.
type plainConn struct {
	conn    net.Conn
	peer    netip.Addr
	since   time.Time
	in      *list.List    // silent or active
	waits   *list.Element // in it
	ofPeer  *list.Element // in Plain.peers
	closing bool
}

// NewPlain allows as many connections as most returns at the time. now is time.Now.
func (d *Door) NewPlain(most func() int, now func() time.Time) *Plain {
	return &Plain{
		most: most, now: now, door: d,
		conns: map[net.Conn]*plainConn{}, peers: map[netip.Addr]*list.List{}, silent: list.New(), active: list.New(),
	}
}

// State is called by net/http when the state of a connection changes, see http.Server.ConnState.
func (p *Plain) State(conn net.Conn, state http.ConnState) {
	p.note(conn, state)
	if state == http.StateNew {
		closeAll(p.crowdedBy(conn))
	}
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		_ = conn.Close() // net/http finds out
	}
}

func (p *Plain) note(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.conns[conn]
	switch state {
	case http.StateNew:
		c = &plainConn{conn: conn, peer: p.peerOf(conn)}
		p.conns[conn] = c
		p.waitLocked(c, p.silent)
	case http.StateIdle:
		p.waitLocked(c, p.silent)
	case http.StateActive:
		p.waitLocked(c, p.active)
	case http.StateHijacked, http.StateClosed:
		p.dropLocked(c)
		delete(p.conns, conn)
	}
}

// Met is called by a listener of Door.Listen when the client of a connection is known.
func (p *Plain) Met(conn net.Conn) {
	p.know(conn)
	closeAll(p.crowdedBy(conn))
}

// know counts a connection as its client's.
func (p *Plain) know(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.conns[conn]
	if c == nil || c.in == nil {
		return
	}
	in := c.in
	p.dropLocked(c)
	c.peer = p.clientOf(conn)
	p.waitLocked(c, in)
}

// peerOf is whose connection it is; the zero Addr for a trusted proxy's, and where it cannot be known. A connection
// with the PROXY protocol is its balancer's until Met: nobody waits for its first bytes here.
func (p *Plain) peerOf(conn net.Conn) netip.Addr {
	if _, ok := conn.(*proxied); ok {
		return netip.Addr{}
	}
	return p.clientOf(conn)
}

// clientOf is peerOf of a connection whose client is known.
func (p *Plain) clientOf(conn net.Conn) netip.Addr {
	return p.peerAt(readAddr(conn.RemoteAddr().String()))
}

// peerAt is the peer at an address.
func (p *Plain) peerAt(addr netip.Addr) netip.Addr {
	s := p.door.set.Load()
	if s.trusts(addr) {
		return netip.Addr{}
	}
	return s.counted(addr).Addr() // of IPv6 the first of its prefix
}

// waitLocked has the connection wait in a list from now on. p.mu must be held.
func (p *Plain) waitLocked(c *plainConn, in *list.List) {
	if c == nil || c.closing {
		return
	}
	p.dropLocked(c)
	c.since, c.in = p.now(), in
	c.waits = in.PushBack(c)
	of := p.peers[c.peer]
	if of == nil {
		of = list.New()
		p.peers[c.peer] = of
	}
	c.ofPeer = of.PushBack(c)
}

// dropLocked takes a connection out of the lists. p.mu must be held.
func (p *Plain) dropLocked(c *plainConn) {
	if c == nil || c.in == nil {
		return
	}
	c.in.Remove(c.waits)
	c.in = nil
	of := p.peers[c.peer]
	if of.Remove(c.ofPeer); of.Len() == 0 {
		delete(p.peers, c.peer)
	}
}

// crowdedBy is what must go where a new connection is one too many.
func (p *Plain) crowdedBy(conn net.Conn) (gone []net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.conns[conn]; c != nil {
		return p.crowdedLocked(c.peer)
	}
	return p.staleLocked()
}

// Passed is called by an acceptor whose connection is a WebSocket's, and never was counted here. It takes a place all
// the same.
func (p *Plain) Passed(client netip.Addr) {
	p.mu.Lock()
	gone := p.crowdedLocked(p.peerAt(client))
	p.mu.Unlock()
	closeAll(gone)
}

// crowdedLocked is what must go where one more has come from a peer. p.mu must be held.
func (p *Plain) crowdedLocked(peer netip.Addr) (gone []net.Conn) {
	most := p.most()
	if of := p.peers[peer]; of != nil && peer.IsValid() && p.openLocked() > most && of.Len() > max(fairPlain, most/max(1, len(p.peers))) {
		return p.closeLocked(nil, of.Front())
	}
	return p.staleLocked()
}

// Open is how many connections there are.
func (p *Plain) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.openLocked()
}

func (p *Plain) openLocked() int { return p.silent.Len() + p.active.Len() }

// staleLocked are those above the bound that have waited for too long. p.mu must be held.
func (p *Plain) staleLocked() (gone []net.Conn) {
	now := p.now()
	for over := p.openLocked() - p.most(); over > 0; over-- {
		switch e := p.silent.Front(); {
		case e != nil && now.Sub(e.Value.(*plainConn).since) >= silentFor:
			gone = p.closeLocked(gone, e)
		default:
			if e = p.active.Front(); e == nil || now.Sub(e.Value.(*plainConn).since) < activeFor {
				return gone
			}
			gone = p.closeLocked(gone, e)
		}
	}
	return gone
}

// closeLocked appends the connection of an element to those that go. p.mu must be held.
func (p *Plain) closeLocked(gone []net.Conn, e *list.Element) []net.Conn {
	c := e.Value.(*plainConn)
	p.dropLocked(c)
	c.closing = true
	return append(gone, c.conn)
}

// CloseStale closes those that must go. It is also called once a second: without a descriptor left no connection comes
// that would have it look.
func (p *Plain) CloseStale() {
	p.mu.Lock()
	gone := p.staleLocked()
	p.mu.Unlock()
	closeAll(gone)
}
