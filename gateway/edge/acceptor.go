package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Bounds of the acceptor.
const (
	// mostAsking is how many handshakes may wait for the store at once, a goroutine each; more are net/http's. There is
	// no queue: nobody waits behind a store that hangs.
	mostAsking = 1024
	// deferAccept is for how many seconds at least the kernel keeps a connection that has sent nothing.
	deferAccept = 1
)

// Acceptor accepts the connections of the public port. The kernel shows it one when its first bytes are there, or a
// second later. A plain handshake that has come whole is served at once, on the goroutine that accepted it, by the same
// handler that net/http has. Where the handler takes the connection over, net/http never receives it. Everything else
// goes to net/http with the bytes that were read: pages, calls, refusals, slow clients, TLS, whatever is in doubt. So
// all answers but 101, and all time limits, are net/http's.
//
// It is the listener that net/http accepts from.
type Acceptor struct {
	edge   *Edge
	ln     *net.TCPListener
	file   *os.File      // the listener's once more: a net.TCPListener does not lend its own to Go's poller
	others chan net.Conn // to net/http
	asking atomic.Int64
	direct atomic.Uint64 // handshakes that net/http had no part in
	done   chan struct{} // closed by Close

	// Set before run.
	serve   http.Handler
	workers *sync.WaitGroup // those who wait for the store
	close   func() error
}

func newAcceptor(e *Edge, ln *net.TCPListener) (*Acceptor, error) {
	if err := deferAccepts(ln, deferAccept); err != nil {
		return nil, err
	}
	file, err := ln.File()
	if err != nil {
		return nil, err
	}
	a := &Acceptor{edge: e, ln: ln, file: file, others: make(chan net.Conn), done: make(chan struct{})}
	a.close = sync.OnceValue(func() error {
		close(a.done)
		return errors.Join(a.file.Close(), a.ln.Close())
	})
	return a, nil
}

// deferAccepts has the kernel keep connections that have sent nothing for some seconds; 0: it shows them at once.
// Accepted sockets send at once what they are given, as Go has them.
func deferAccepts(ln *net.TCPListener, seconds int) error {
	rc, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = rc.Control(func(fd uintptr) {
		set = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, seconds),
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		)
	})
	return errors.Join(err, set)
}

// Accept is net/http's: the next connection that is not ours.
func (a *Acceptor) Accept() (net.Conn, error) {
	select {
	case c := <-a.others:
		return c, nil
	case <-a.done:
		return nil, net.ErrClosed
	}
}

// Close ends accepting.
func (a *Acceptor) Close() error { return a.close() }

// Addr is where it listens.
func (a *Acceptor) Addr() net.Addr { return a.ln.Addr() }

// accepted is a connection from the kernel.
type accepted struct {
	fd   int
	peer netip.AddrPort // not valid: it is not known
}

// run accepts until the listener is closed; ctx is that of handshakes which wait for the store. Several may run: one of
// them waits for a connection, the others for their turn to do so. Each is done with one before it takes the next:
// nobody makes room for a connection that net/http has not received.
func (a *Acceptor) run(ctx context.Context) {
	raw, err := a.file.SyscallConn()
	if err != nil {
		return // closed already
	}
	in := newRequestReader(a.edge.Paths)
	for pause := time.Duration(0); ; {
		var c accepted
		var errno syscall.Errno
		if err := raw.Read(func(ln uintptr) bool {
			c, errno = acceptOne(ln)
			return errno != syscall.EAGAIN
		}); err != nil {
			return // closed
		}
		if errno == 0 {
			pause = 0
			a.first(ctx, c, in)
		} else if pause = a.backOff(pause, errno); pause == 0 {
			return
		}
	}
}

// backOff waits where no descriptor is left, as net/http does: twice as long as the last time, 5 ms to 1 s. It returns
// how long, 0 where the acceptor is closed.
func (a *Acceptor) backOff(last time.Duration, why error) time.Duration {
	a.edge.Log.Debug("cannot accept", "err", why)
	last = min(max(2*last, 5*time.Millisecond), time.Second)
	select {
	case <-a.done:
		return 0
	case <-time.After(last):
		return last
	}
}

// Accept begins to accept: connections that become no session are served by net/http's server from the listener of
// Listen, whose handler is serve.
func (e *Edge) Accept(ctx context.Context, serve http.Handler, workers *sync.WaitGroup) {
	a := e.acceptor
	a.serve, a.workers = serve, workers
	for range e.pollers() {
		workers.Go(func() { a.run(ctx) }) // ends when the server closes the listener
	}
}

// acceptOne accepts a connection. An error but EAGAIN is one that waiting may mend.
func acceptOne(ln uintptr) (accepted, syscall.Errno) {
	for {
		var from syscall.RawSockaddrAny
		size := uint32(unsafe.Sizeof(from))
		fd, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, ln, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)),
			syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return accepted{int(fd), peerOf(&from)}, 0
		case syscall.EINTR, syscall.ECONNABORTED:
		default:
			return accepted{}, errno
		}
	}
}

// peerOf is the address that the kernel reports; the zero value of one with a zone, which has a name.
func peerOf(from *syscall.RawSockaddrAny) netip.AddrPort {
	switch from.Addr.Family {
	case syscall.AF_INET:
		a := (*syscall.RawSockaddrInet4)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), ntohs(a.Port))
	case syscall.AF_INET6:
		if a := (*syscall.RawSockaddrInet6)(unsafe.Pointer(from)); a.Scope_id == 0 {
			return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), ntohs(a.Port))
		}
	}
	return netip.AddrPort{}
}

// ntohs reads a port as the kernel writes it.
func ntohs(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}

// first takes what a connection sends first.
func (a *Acceptor) first(ctx context.Context, c accepted, in *requestReader) {
	e := a.edge
	// The address behind it comes first.
	if !c.peer.IsValid() || e.Config().Server.ProxyProtocol && e.Door.Trusts(c.peer.Addr()) {
		a.toHTTP(c.fd, nil, nil)
		return
	}
	r, p := in.read(c, int(e.Config().Server.MaxHeaderBytes))
	if r == nil {
		a.toHTTP(c.fd, p, nil)
		return
	}
	calls, done := e.asksNobody(r)
	switch {
	case calls != nil:
		a.admit(&doorway{fd: c.fd, calls: calls}, c, p, r)
		done()
	case a.asking.Add(1) > mostAsking:
		a.asking.Add(-1)
		a.toHTTP(c.fd, p, nil)
	default:
		p = append([]byte(nil), p...)
		a.workers.Go(func() { // ends with its answers, which have chat.CallTimeout and ctx
			defer a.asking.Add(-1)
			a.admit(&doorway{fd: c.fd}, c, p, r.WithContext(ctx))
		})
	}
}

// asksNobody is the context for the calls of a handshake that is let in, or refused, without one that may wait; nil
// where one may. Where the store is in memory none waits: only what takes long is left to others. That is to look at a
// signature, and at what a user lacks who was here before. Else nothing may be to be checked, and the room has to be
// there. It stays until done.
func (e *Edge) asksNobody(r *http.Request) (calls context.Context, done func()) {
	cfg := e.Config()
	id, _ := e.Paths.at(r.URL.Path)
	switch {
	case id == "" || r.URL.RawPath != "" || // a slash may be part of an id, and the room another one
		e.Guard.set.Load().hook != nil || Asks(r, "since"):
		return nil, nil
	case e.Hall.Instant() && !slices.Contains(cfg.Auth.Mode, AuthJWT):
		return context.Background(), func() {}
	case cfg.Auth.checks() || !cfg.AutoJoin:
		return nil, nil
	}
	rm := e.Hall.Keep(id)
	if rm == nil {
		return nil, nil
	}
	return noCalls, rm.LetGo
}

// admit serves a handshake, and leaves what is no session then to net/http.
func (a *Acceptor) admit(d *doorway, c accepted, p []byte, r *http.Request) {
	defer func() {
		if bug := recover(); bug != nil {
			a.edge.Log.Error("BUG: panic while serving a handshake", slog.Any("panic", bug), slog.String("stack", string(debug.Stack())))
			if !d.taken {
				_ = syscall.Close(c.fd)
			}
		}
	}()
	a.serve.ServeHTTP(d, r)
	if d.taken {
		a.direct.Add(1)
		a.edge.Plain.Passed(c.peer.Addr())
		return
	}
	d.taken = true // whatever happens, toHTTP closes it
	a.toHTTP(c.fd, p, d)
}

// doorway receives the answers to a handshake that net/http has not seen. It keeps none: net/http sends them, after the
// handlers have seen the request again.
type doorway struct {
	fd      int
	calls   context.Context // of a handshake that is served by the goroutine that accepted it, see asksNobody; else nil
	header  http.Header
	taken   bool     // the connection is a session's, or toHTTP's
	refused *Refusal // see LeftToHTTP
}

func (d *doorway) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}

// doorwayOf is the doorway below what handlers have put around it; nil: net/http has the request.
func doorwayOf(w http.ResponseWriter) *doorway {
	for {
		switch at := w.(type) {
		case *doorway:
			return at
		case interface{ Unwrap() http.ResponseWriter }:
			w = at.Unwrap()
		default:
			return nil
		}
	}
}

func (d *doorway) Write(p []byte) (int, error) { return len(p), nil }
func (d *doorway) WriteHeader(int)             {}

// LeftToHTTP reports whether net/http has yet to see a request that was refused, nil for one that was let in. It will,
// and the refusal is Admit's to write then.
func LeftToHTTP(w http.ResponseWriter, refused *Refusal) bool {
	d := doorwayOf(w)
	if d == nil {
		return false
	}
	if d.refused = refused; refused != nil {
		w.WriteHeader(refused.Status) // for traces
	}
	return true
}

// toHTTP hands a connection to net/http, with what was read of it. The doorway says what became of its request, and is
// nil where no handler has seen it.
func (a *Acceptor) toHTTP(fd int, read []byte, seen *doorway) {
	f := os.NewFile(uintptr(fd), "")
	defer func() { _ = f.Close() }()
	conn, err := net.FileConn(f) // duplicates the descriptor
	for wait := time.Duration(0); errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE); conn, err = net.FileConn(f) {
		if wait = a.backOff(wait, err); wait == 0 {
			return
		}
	}
	if err != nil {
		return // it has gone
	}
	tcp := conn.(*net.TCPConn)
	if tcp.RemoteAddr() == nil { // it was reset: the kernel does not report whose it was, and nobody is there to answer
		_ = tcp.Close()
		return
	}
	_ = tcp.SetKeepAlive(false) // FileConn turns it on; an error: it has gone
	c := &replayed{TCPConn: tcp, left: append([]byte(nil), read...), seen: seen}
	select {
	case a.others <- c:
	case <-a.done:
		_ = tcp.Close()
	}
}

// replayed is a connection of which something was read already.
type replayed struct {
	*net.TCPConn
	left []byte
	seen *doorway // where handlers have seen its request, nil: they have not
}

func (c *replayed) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return c.TCPConn.Read(p)
	}
	n := copy(p, c.left)
	if c.left = c.left[n:]; len(c.left) == 0 {
		c.left = nil
	}
	return n, nil
}

type seenKey struct{}

// ConnContext has net/http pass on to Seen and Admit what became of a connection's request, see
// http.Server.ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if r, ok := c.(*replayed); ok && r.seen != nil {
		return context.WithValue(ctx, seenKey{}, r.seen)
	}
	return ctx
}

// Seen reports whether the handlers have seen the request before net/http had it: the counter of requests has counted
// it. It reports that of all requests of the connection, so that one must be the last.
func Seen(r *http.Request) bool { return r.Context().Value(seenKey{}) != nil }

// decided is what was decided about a request before net/http had it; nil: nothing.
func decided(r *http.Request) *Refusal {
	if d, ok := r.Context().Value(seenKey{}).(*doorway); ok {
		return d.refused
	}
	return nil
}
