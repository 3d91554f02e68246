package port_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"barrage/internal/port"
)

// TestHold_KeepsThePortFromOthers: a port that is held refuses connections, can be listened on twice in turn, and is
// given to nobody else.
func TestHold_KeepsThePortFromOthers(t *testing.T) {
	p, err := port.Hold()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	for range 2 {
		if _, err := net.Dial("tcp", p.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("a connection to the port: %v; want that it is refused", err)
		}
		l, err := net.Listen("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Close(), l.Close()
	}
	var all []net.Listener
	for range 500 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, l); l.Addr().String() == p.Addr {
			t.Error("another listener was given the port")
		}
	}
	for _, l := range all {
		_ = l.Close()
	}
}
