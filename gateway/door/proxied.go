package door

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// Listen is a listener whose connections from trusted peers have the client's address in their first bytes, as
// balancers for TCP send them. They speak the PROXY protocol, versions 1 and 2. They have wait for it. Bytes that
// others send are not read as such. met is called with each one when that is read, on the goroutine that reads.
func (d *Door) Listen(ln net.Listener, wait time.Duration, met func(net.Conn)) net.Listener {
	var once sync.Once
	return proxyListener{ln, d, wait, met, func(peer net.Addr, err error) {
		once.Do(func() {
			d.log.Warn("cannot read who is behind a trusted proxy: it must send the PROXY protocol, or leave server.trusted_proxies, "+
				"or turn server.proxy_protocol off", "peer", peer, "err", err)
		})
	}}
}

type proxyListener struct {
	net.Listener
	door *Door
	wait time.Duration // for the first bytes
	met  func(net.Conn)
	warn func(peer net.Addr, err error)
}

// Accept does not wait for the first bytes: that is done by whoever reads.
func (l proxyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || !l.door.set.Load().trusts(readAddr(conn.RemoteAddr().String())) {
		return conn, err
	}
	must, wait := proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(l.wait)
	p := &proxied{Conn: proxyproto.NewConn(conn, must, wait), warn: l.warn}
	p.met = sync.OnceFunc(func() {
		if p.ProxyHeader() != nil {
			l.met(p)
		}
	})
	return p, nil
}

// proxied is a connection from a trusted proxy. Its RemoteAddr is the client's, once that was read.
type proxied struct {
	*proxyproto.Conn
	warn func(peer net.Addr, err error)
	met  func() // waits for the first bytes
}

// Read reads what follows the address. Without one it fails.
func (p *proxied) Read(b []byte) (n int, err error) {
	p.met()
	n, err = p.Conn.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && p.ProxyHeader() == nil {
		p.warn(p.Raw().RemoteAddr(), err)
	}
	return n, err
}

// RemoteAddr is the balancer's own where it does not send the client's: it may send that it does not know.
func (p *proxied) RemoteAddr() net.Addr {
	if addr, ok := p.Conn.RemoteAddr().(*net.TCPAddr); ok {
		return addr
	}
	return p.Raw().RemoteAddr()
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Unwrap is the connection itself of one that a listener of Listen accepted, or of any other. The result clean is false
// where bytes that the client sent were read already.
func Unwrap(conn net.Conn) (raw net.Conn, clean bool) {
	p, ok := conn.(*proxied)
	if !ok {
		return conn, true
	}
	if err := p.SetReadDeadline(past); err != nil {
		return p.Raw(), true // the peer has gone
	}
	n, _ := p.Conn.Read(make([]byte, 1)) // only from its buffer: the deadline is over
	return p.Raw(), n == 0
}
