package gateway

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// plain bounds the connections of the public port that are no WebSockets: requests, and those who wait with theirs.
// They have three quarters of the reserve of descriptors; the rest is for Redis, listeners, and the moment of an
// upgrade, which takes two. Where one more comes, the one that has waited longest goes: a client that means it sends
// its request at once.
type plain struct {
	most int // immutable after Start

	mu      sync.Mutex // guards the fields below; a leaf
	open    int
	silent  *list.List // of net.Conn, without a request, the longest first
	silence map[net.Conn]*list.Element
}

// state is net/http's word of a connection.
func (p *plain) state(conn net.Conn, state http.ConnState) {
	if oldest := p.changed(conn, state); oldest != nil {
		_ = oldest.Close() // net/http finds out
	}
}

// changed notes the state, and returns a connection that must go.
func (p *plain) changed(conn net.Conn, state http.ConnState) (oldest net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent == nil {
		p.silent, p.silence = list.New(), map[net.Conn]*list.Element{}
	}
	if e := p.silence[conn]; e != nil {
		p.silent.Remove(e)
		delete(p.silence, conn)
	}
	switch state {
	case http.StateNew:
		p.open++
		p.silence[conn] = p.silent.PushBack(conn)
	case http.StateIdle:
		p.silence[conn] = p.silent.PushBack(conn)
	case http.StateActive:
	case http.StateHijacked, http.StateClosed:
		p.open--
	}
	if p.open > p.most && state == http.StateNew {
		oldest = p.silent.Remove(p.silent.Front()).(net.Conn) // it may be the new one
		delete(p.silence, oldest)
	}
	return oldest
}
