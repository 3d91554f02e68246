package faults

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"

	"barrage/internal/port"
)

// wire is the network between one node and Redis. When it is cut, connections break and new ones are refused. Where
// bytes must stop without an error it is a redistest.Proxy.
type wire struct {
	// Immutable after newWire.
	t        *testing.T
	addr, to string

	working sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	listener *net.TCPListener
	conns    []net.Conn
}

// newWire is a wire to a server, whole.
func newWire(t *testing.T, to string) *wire {
	t.Helper()
	held, err := port.Hold() // it is ours also while the wire is cut
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Free)
	w := &wire{t: t, addr: held.Addr, to: to}
	w.mend()
	t.Cleanup(w.cut)
	return w
}

// mend has it work, after cut.
func (w *wire) mend() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listener = l.(*net.TCPListener)
	w.working.Go(func() { w.accept(l) }) // ends with l; cut waits for it
}

// cut breaks it.
func (w *wire) cut() {
	w.mu.Lock()
	w.deafen()
	_ = w.listener.Close() // it may be cut already
	for _, c := range w.conns {
		_ = c.Close() // the other end may have done so
	}
	w.conns = nil
	w.mu.Unlock()
	w.working.Wait()
}

// deafen ends listening, which Close alone does not where another test starts a server at that moment. The child has a
// copy of the descriptor until it runs its program, and the port stays in use.
func (w *wire) deafen() {
	var ends error
	raw, err := w.listener.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { ends = syscall.Shutdown(int(fd), syscall.SHUT_RD) })
	}
	if err = errors.Join(err, ends); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ENOTCONN) {
		w.t.Error(err)
	}
}

func (w *wire) accept(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = near.Close() // as the server would
			continue
		}
		w.mu.Lock()
		if w.listener == l {
			w.conns = append(w.conns, near, far)
		}
		w.mu.Unlock()
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			w.working.Go(func() { // ends with either; cut waits for it
				_, _ = io.Copy(pair[0], pair[1]) // it is meant to break
				_, _ = pair[0].Close(), pair[1].Close()
			})
		}
	}
}

// TestWire_IsMendedWhileAnotherHasItsListener has a copy of the listener's descriptor, as a child has between fork and
// exec.
func TestWire_IsMendedWhileAnotherHasItsListener(t *testing.T) {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	w := newWire(t, far.Addr().String())
	for range 2 {
		another, err := w.listener.File()
		if err != nil {
			t.Fatal(err)
		}
		w.cut()
		if _, err := net.Dial("tcp", w.addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a connection to a wire that is cut: %v; want that it is refused", err)
		}
		w.mend()
		if conn, err := net.Dial("tcp", w.addr); err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
		_ = another.Close()
	}
}
