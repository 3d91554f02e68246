package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// knocker has somebody knock at a door whose time the test makes up.
type knocker struct {
	*door
	now uint32
}

func newKnocker(change func(*LimitsConfig)) *knocker {
	cfg := DefaultConfig()
	cfg.Server.TrustedProxies = []string{"127.0.0.1"}
	if change != nil {
		change(&cfg.Limits)
	}
	k := &knocker{now: 1000}
	k.door = newDoor(&cfg, func() uint32 { return k.now }, func(netip.Addr) {})
	return k
}

func from(addr string) *http.Request {
	return &http.Request{RemoteAddr: "127.0.0.1:80", Header: http.Header{"X-Forwarded-For": {addr}}}
}

// comes has a user come from an address, and returns why not.
func (k *knocker) comes(user, addr string) (v visitor, code string) {
	v.user = user
	if bad := k.knock(&v, from(addr)); bad != nil {
		return v, bad.problemCode()
	}
	return v, ""
}

func TestDoor_ConnectionsOfUserAndAddress(t *testing.T) {
	k := newKnocker(func(c *LimitsConfig) { c.UserConnections, c.IPConnections = 3, 5 })
	var in []visitor
	want := func(user, addr, want string) {
		t.Helper()
		v, got := k.comes(user, addr)
		if got != want {
			t.Errorf("%s from %s: %q; want %q", user, addr, got, want)
		}
		if got == "" {
			in = append(in, v)
		}
	}
	for range 3 {
		want("a", "203.0.113.1", "")
	}
	want("a", "203.0.113.2", "too_many_connections")
	want("b", "203.0.113.1", "")
	want("c", "203.0.113.1", "")
	want("d", "203.0.113.1", "too_many_connections")
	want("d", "203.0.113.2", "")
	k.leave(in[0].user, in[0].from)
	want("a", "203.0.113.1", "")
	want("d", "2001:db8:0:1::1", "")
	for i := range 5 {
		want(fmt.Sprint("six", i), fmt.Sprintf("2001:db8:0:2::%d", i), "") // of one prefix
	}
	want("six", "2001:db8:0:2:ffff::1", "too_many_connections")
	for _, v := range append(in[1:], visitor{}) {
		if v.user != "" {
			k.leave(v.user, v.from)
		}
	}
	if len(k.users) != 0 {
		t.Errorf("users that are counted when all have left: %v", k.users)
	}
	for _, g := range k.from {
		if g.connections != 0 {
			t.Errorf("%v still has %d connections", g.addr, g.connections)
		}
	}
}

func TestDoor_Rates(t *testing.T) {
	k := newKnocker(func(c *LimitsConfig) {
		c.UserConnections, c.IPHandshakes, c.IPHandshakesBurst, c.Handshakes, c.HandshakesBurst = 0, 1, 3, 100, 10
		c.NewRooms, c.NewRoomsBurst, c.HTTPRate, c.HTTPBurst, c.LoginRate, c.LoginBurst = 1, 2, 1, 2, 1, 2
	})
	count := func(do func(i int) *refusal) (taken int, last *refusal) {
		for i := range 50 {
			if bad := do(i); bad != nil {
				last = bad
			} else {
				taken++
			}
		}
		return taken, last
	}
	for what, c := range map[string]struct {
		do           func(i int) *refusal
		taken, later int
		status       int
	}{
		"handshakes of an address": {func(int) *refusal { return k.knock(&visitor{user: "u"}, from("203.0.113.1")) }, 3, 1, 429},
		"new rooms":                {func(int) *refusal { return k.newRoom(from("203.0.113.1")) }, 2, 1, 429},
		"calls":                    {func(int) *refusal { return k.call(from("203.0.113.1")) }, 2, 1, 429},
		"logins":                   {func(int) *refusal { return k.login("u") }, 2, 1, 429},
		"handshakes of the node": {func(i int) *refusal {
			return k.knock(&visitor{user: "u"}, from(fmt.Sprintf("198.51.100.%d", i)))
		}, 10, 10, 503},
	} {
		k.now += 60_000
		taken, last := count(c.do)
		if taken != c.taken || last == nil || last.status != c.status || last.wait <= 0 || last.wait > time.Second {
			t.Errorf("%s: %d of 50 at once, then %+v; want %d, and %d with a time to wait", what, taken, last, c.taken, c.status)
		}
		k.now += 1000
		if taken, _ := count(c.do); taken != c.later {
			t.Errorf("%s: %d a second later; want %d", what, taken, c.later)
		}
	}
	// A peer that is private and no proxy is not counted.
	if taken, _ := count(func(int) *refusal { return k.call(&http.Request{RemoteAddr: "192.168.0.1:1"}) }); taken != 50 {
		t.Errorf("calls of a private peer: %d of 50; want all", taken)
	}
}

func TestDoor_BansGrowAndEnd(t *testing.T) {
	k := newKnocker(nil)
	v, _ := k.comes("u", "203.0.113.1")
	flooded := &session{user: "u", from: v.from}
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		k.banish(flooded)
		bad := k.knock(&visitor{user: "u"}, from("203.0.113.1"))
		if bad == nil || bad.status != 429 || bad.wait != want {
			t.Errorf("%+v; want 429 for %v", bad, want)
		}
		if _, code := k.comes("u", "203.0.113.2"); code != "" {
			t.Errorf("the same user from elsewhere: %q", code)
		}
		if _, code := k.comes("v", "203.0.113.1"); code != "" {
			t.Errorf("somebody else from there: %q", code)
		}
		k.now += uint32(want.Milliseconds())
		if _, code := k.comes("u", "203.0.113.1"); code != "" {
			t.Errorf("after %v: %q", want, code)
		}
		k.users = map[string]int{} // this test is not about connections
	}
	k.now += uint32(2 * banMost.Milliseconds())
	k.banish(flooded)
	if bad := k.knock(&visitor{user: "u"}, from("203.0.113.1")); bad == nil || bad.wait != banFirst {
		t.Errorf("after a long time: %+v; want %v again", bad, banFirst)
	}
}

func TestDoor_Scans(t *testing.T) {
	k := newKnocker(nil)
	var ends []func()
	for range mostScansOfAddr {
		done, bad := k.scan(from("203.0.113.1"))
		if bad != nil {
			t.Fatalf("refused: %+v", bad)
		}
		ends = append(ends, done)
	}
	if _, bad := k.scan(from("203.0.113.1")); bad == nil || bad.status != 429 {
		t.Errorf("one more of the address: %+v; want 429", bad)
	}
	for i := range mostScans - mostScansOfAddr {
		if _, bad := k.scan(from(fmt.Sprintf("198.51.100.%d", i))); bad != nil {
			t.Fatalf("refused: %+v", bad)
		}
	}
	if _, bad := k.scan(from("192.0.2.1")); bad == nil || bad.status != 503 || bad.code != "busy" {
		t.Errorf("one more of the node: %+v; want 503 busy", bad)
	}
	ends[0]()
	if _, bad := k.scan(from("203.0.113.1")); bad != nil {
		t.Errorf("after one has ended: %+v", bad)
	}
}

// TestDoor_SlowBodiesHoldNoScan: a client that sends its parameters slowly takes no place of those who read histories.
func TestDoor_SlowBodiesHoldNoScan(t *testing.T) {
	s := limited(t, nil)
	for _, path := range []string{"/group/listMessage", "/group/listOldMessage", "/group/delMessage"} {
		w := dialTCP(t, s)
		w.mustWrite("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngroupId")
	}
	eventually(t, func() error { return differ("requests under way", s.requests.Load(), 3) })
	s.door.mu.Lock()
	defer s.door.mu.Unlock()
	if s.door.scans != 0 {
		t.Errorf("%d of them hold a place; want none", s.door.scans)
	}
}

// TestDoor_ForgetsAddresses: its tables are bounded, whoever knocks, and forget nobody who is here.
func TestDoor_ForgetsAddresses(t *testing.T) {
	k := newKnocker(func(c *LimitsConfig) { c.Handshakes = 0 })
	here, _ := k.comes("here", "203.0.113.1")
	for i := range mostGuests + 10 {
		addr := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		_ = k.call(from(addr)) // none is refused
		_ = k.login(addr)
		k.banish(&session{user: addr})
	}
	if len(k.from) > mostGuests || len(k.logins) > mostGuests || len(k.bans) > mostGuests || len(k.at) > mostGuests+1 {
		t.Errorf("remembered: %d addresses at %d places, %d logins, %d bans; want at most %d", len(k.from), len(k.at), len(k.logins), len(k.bans), mostGuests)
	}
	if g := k.at[here.from]; g == nil || g.addr.Addr().String() != "203.0.113.1" || g.connections != 1 {
		t.Errorf("who is here was forgotten: %+v", g)
	}
	k.leave("here", here.from)
}

// BenchmarkDoor is what limits cost a handshake.
func BenchmarkDoor(b *testing.B) {
	k := newKnocker(func(c *LimitsConfig) { c.Handshakes, c.IPHandshakes, c.UserConnections = 0, 0, 0 })
	r := from("203.0.113.1")
	v := visitor{user: "u"}
	for b.Loop() {
		if bad := k.knock(&v, r); bad != nil {
			b.Fatal(bad)
		}
		k.leave(v.user, v.from)
	}
}
