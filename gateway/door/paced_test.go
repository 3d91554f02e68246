package door

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// endless is a listener to which connections come as fast as they are taken.
type endless struct{ net.Listener }

func (endless) Accept() (net.Conn, error) { return nil, nil }

// TestDoor_Pace: connections are accepted as fast as the node takes handshakes and calls, evenly.
func TestDoor_Pace(t *testing.T) {
	for _, c := range []struct {
		change func(*Limits)
		most   int // in 100 ms
	}{
		{func(c *Limits) { c.Handshakes = 500 }, 110},
		{func(c *Limits) { c.Handshakes = 1 }, 1},
		{func(c *Limits) { c.Handshakes = 0 }, 0},
		{func(c *Limits) { c.Enabled = false }, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ln := newKnocker(c.change).Pace(endless{})
			if c.most == 0 {
				if _, paced := ln.(pacedListener); paced {
					t.Error("connections are paced without a limit")
				}
				return
			}
			n := 0
			for begun := time.Now(); ; n++ {
				if _, err := ln.Accept(); err != nil {
					t.Fatal(err)
				}
				if time.Since(begun) > 100*time.Millisecond {
					break
				}
			}
			if n > c.most || n < c.most*9/10 {
				t.Errorf("%d connections are accepted in 100 ms; want %d", n, c.most)
			}
		})
	}
}
