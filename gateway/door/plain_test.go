package door

import (
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// crowd is connections of a Plain, whose time the test makes up.
type crowd struct {
	*Plain
	t     *testing.T
	now   time.Time
	conns []net.Conn
	gone  map[int]bool
}

func newCrowd(t *testing.T, most int) *crowd {
	t.Helper()
	c := &crowd{t: t, now: time.UnixMilli(0), gone: map[int]bool{}}
	c.Plain = newKnocker(nil).NewPlain(func() int { return most }, func() time.Time { return c.now })
	return c
}

// come has a connection come from an address, "" for one that is not known.
func (c *crowd) come(from string, states ...http.ConnState) (i int) {
	i = len(c.conns)
	ours, theirs := net.Pipe()
	c.t.Cleanup(func() { _ = theirs.Close() })
	conn := &closing{ours, func() { c.gone[i] = true }, nil}
	if from != "" {
		conn.from = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 1))
	}
	c.conns = append(c.conns, conn)
	for _, state := range append([]http.ConnState{http.StateNew}, states...) {
		c.State(conn, state)
	}
	return i
}

// want wants those to have gone since the last call, and net/http to report it.
func (c *crowd) want(what string, who ...int) {
	c.t.Helper()
	got := slices.Sorted(maps.Keys(c.gone))
	if !slices.Equal(got, who) {
		c.t.Errorf("%s: %v are gone; want %v", what, got, who)
	}
	for _, i := range got {
		c.State(c.conns[i], http.StateClosed)
	}
	clear(c.gone)
}

// TestPlain_SilentOnesGo: where there are too many, those go that have been silent for longest, and never one that has
// just come, as in a wave.
func TestPlain_SilentOnesGo(t *testing.T) {
	c := newCrowd(t, 3)
	first, busy := c.come(""), c.come("", http.StateActive)
	for range 10 {
		c.come("")
	}
	c.want("a wave")
	c.now = c.now.Add(silentFor - 1)
	c.CloseStale()
	c.want("a moment before")
	c.now = c.now.Add(1)
	c.CloseStale()
	c.want("when it is over, down to the bound", first, 2, 3, 4, 5, 6, 7, 8, 9)
	c.State(c.conns[10], http.StateActive)
	c.State(c.conns[10], http.StateIdle) // silent again, from now on
	c.come("")
	c.want("the one that was silent for longest", 11)
	c.State(c.conns[busy], http.StateHijacked)
	c.come("")
	c.now = c.now.Add(time.Hour)
	c.CloseStale()
	c.want("a WebSocket is none")
}

// TestPlain_ActiveOnesGo: those whose request does not end, or whose answer is not read, go too, though later; and
// those whose next request does not come.
func TestPlain_ActiveOnesGo(t *testing.T) {
	c := newCrowd(t, 2)
	slow, idle := c.come("", http.StateActive), c.come("", http.StateActive, http.StateIdle)
	c.come("", http.StateActive)
	c.come("", http.StateActive)
	c.now = c.now.Add(silentFor)
	c.CloseStale()
	c.want("who is silent on a connection that was used", idle)
	c.now = c.now.Add(activeFor - silentFor - 1)
	c.CloseStale()
	c.want("those at work, a moment before")
	c.now = c.now.Add(1)
	c.CloseStale()
	c.want("those at work, down to the bound", slow)
	c.now = c.now.Add(time.Hour)
	c.CloseStale()
	c.want("within the bound")
}

// TestPlain_CrowdingPeerMakesRoomByItself: a client that opens more than a share makes room by itself, whatever its
// connections do, and nobody else does; proxies bring many.
func TestPlain_CrowdingPeerMakesRoomByItself(t *testing.T) {
	c := newCrowd(t, 30)
	const enemy, person, proxy = "203.0.113.66", "198.51.100.1", "127.0.0.1"
	mine := c.come(person, http.StateActive)
	var theirs []int
	for range 29 {
		theirs = append(theirs, c.come(enemy, http.StateActive))
	}
	c.want("up to the bound")
	for k := range 5 {
		theirs = append(theirs, c.come(enemy))
		c.want("one more of the enemy", theirs[k])
	}
	for range 11 {
		c.come(person)
	}
	c.want("more of a person, up to what anybody may have")
	c.come(enemy)
	c.want("one more of the enemy", theirs[5])
	for range 9 {
		c.come(proxy)
	}
	c.want("those of a trusted proxy")
	c.State(c.conns[mine], http.StateIdle)
	for i := range 2 {
		c.come(person)
		c.want("a person who has more than anybody may have", 35+i)
	}
	if n := len(c.peers); n != 3 {
		t.Errorf("%d peers are remembered; want 3", n)
	}
	for i := range c.conns {
		c.State(c.conns[i], http.StateClosed) // some for the second time
	}
	if len(c.peers)+len(c.Plain.conns)+c.openLocked() != 0 {
		t.Errorf("when all have gone, %d peers, %d connections are remembered", len(c.peers), len(c.Plain.conns))
	}
}

// TestPlain_CrowderBehindABalancerMakesRoom: a client that opens more than a share makes room by itself, behind a
// balancer with the PROXY protocol, too. The client does so once it is known who that is.
func TestPlain_CrowderBehindABalancerMakesRoom(t *testing.T) {
	d := New(Config{Limits: DefaultLimits(), TrustedProxies: []string{"10.0.0.0/8"}}, func() uint32 { return 0 }, slog.New(slog.DiscardHandler))
	p := d.NewPlain(func() int { return 30 }, func() time.Time { return time.UnixMilli(0) })
	gone := map[string]int{}
	come := func(client string) {
		t.Helper()
		balancer := &memoryConn{}
		balancer.in.Reset([]byte("PROXY TCP4 " + client + " 127.0.0.1 4711 9000\r\nG"))
		conn, err := d.Listen(oneListener{conn: &closing{balancer, func() { gone[client]++ }, nil}}, time.Second, p.Met).Accept()
		if err != nil {
			t.Fatal(err)
		}
		p.State(conn, http.StateNew)
		if n, err := conn.Read(make([]byte, 10)); n != 1 || err != nil {
			t.Fatalf("%d bytes behind the address, %v; want 1", n, err)
		}
	}
	for range 2 {
		come("198.51.100.1")
	}
	for range 40 {
		come("203.0.113.66")
	}
	come("198.51.100.2")
	if len(gone) != 1 || gone["203.0.113.66"] != 12 {
		t.Errorf("gone are %v; want 12 of the one who crowds, and nobody else's", gone)
	}
}

// closing is a connection that reports when it is closed.
type closing struct {
	net.Conn
	closed func()
	from   net.Addr // nil: not known
}

func (c *closing) Close() error {
	c.closed()
	return c.Conn.Close()
}

func (c *closing) RemoteAddr() net.Addr {
	if c.from == nil {
		return c.Conn.RemoteAddr()
	}
	return c.from
}
