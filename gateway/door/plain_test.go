package door

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestPlain_SilentOnesGo: where there are too many, those go that have been silent for longest, and never one that has
// just come, as in a wave.
func TestPlain_SilentOnesGo(t *testing.T) {
	now := time.UnixMilli(0)
	p := NewPlain(3, func() time.Time { return now })
	var conns []net.Conn
	gone := map[int]bool{}
	come := func(state http.ConnState) int {
		i := len(conns)
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = theirs.Close() })
		conns = append(conns, &closing{ours, func() { gone[i] = true }})
		p.State(conns[i], http.StateNew)
		if state != http.StateNew {
			p.State(conns[i], state)
		}
		return i
	}
	want := func(what string, who ...int) {
		t.Helper()
		got := slices.Sorted(maps.Keys(gone))
		if !slices.Equal(got, who) {
			t.Errorf("%s: %v are gone; want %v", what, got, who)
		}
		for _, i := range got {
			p.State(conns[i], http.StateClosed)
		}
		clear(gone)
	}
	first, busy := come(http.StateNew), come(http.StateActive)
	for range 10 {
		come(http.StateNew)
	}
	want("a wave")
	now = now.Add(silentFor - 1)
	p.Sweep()
	want("a moment before")
	now = now.Add(1)
	p.Sweep()
	want("when it is over, down to the bound", first, 2, 3, 4, 5, 6, 7, 8, 9)
	p.State(conns[10], http.StateActive)
	p.State(conns[10], http.StateIdle) // silent again, from now on
	come(http.StateNew)
	want("the one that was silent for longest", 11)
	p.State(conns[busy], http.StateHijacked)
	come(http.StateNew)
	now = now.Add(time.Hour)
	p.Sweep()
	want("a WebSocket is none")
}

// closing is a connection that tells when it is closed.
type closing struct {
	net.Conn
	closed func()
}

func (c *closing) Close() error {
	c.closed()
	return c.Conn.Close()
}
