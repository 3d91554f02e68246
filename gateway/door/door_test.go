package door

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// knocker has somebody knock at a door whose time the test makes up.
type knocker struct {
	*Door
	now uint32
}

func newKnocker(change func(*Limits)) *knocker {
	cfg := Config{Limits: DefaultLimits(), TrustedProxies: []string{"127.0.0.1"}}
	if change != nil {
		change(&cfg.Limits)
	}
	k := &knocker{now: 1000}
	k.Door = New(cfg, func() uint32 { return k.now }, slog.New(slog.DiscardHandler))
	return k
}

func from(addr string) *http.Request {
	return &http.Request{RemoteAddr: "127.0.0.1:80", Header: http.Header{"X-Forwarded-For": {addr}}}
}

// comes has a user come from an address, and returns the limit that it is over.
func (k *knocker) comes(user, addr string) (in uint32, over string) {
	in, no := k.Knock(user, from(addr))
	if no != nil {
		over = no.Limit.String()
	}
	return in, over
}

func TestDoor_ConnectionsOfUserAndAddress(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.UserConnections, c.IPConnections = 3, 5 })
	type connection struct {
		user string
		from uint32
	}
	var in []connection
	want := func(user, addr, want string) {
		t.Helper()
		c, got := k.comes(user, addr)
		if got != want {
			t.Errorf("%s from %s is over %q; want %q", user, addr, got, want)
		}
		if got == "" {
			in = append(in, connection{user, c})
		}
	}
	for range 3 {
		want("a", "203.0.113.1", "")
	}
	want("a", "203.0.113.2", "user_connections")
	want("b", "203.0.113.1", "")
	want("c", "203.0.113.1", "")
	want("d", "203.0.113.1", "ip_connections")
	want("d", "203.0.113.2", "")
	k.Leave(in[0].user, in[0].from)
	want("a", "203.0.113.1", "")
	want("d", "2001:db8:0:1::1", "")
	for i := range 5 {
		want(fmt.Sprint("six", i), fmt.Sprintf("2001:db8:0:2::%d", i), "") // of one prefix
	}
	want("six", "2001:db8:0:2:ffff::1", "ip_connections")
	for _, c := range in[1:] {
		k.Leave(c.user, c.from)
	}
	if len(k.users) != 0 {
		t.Errorf("users that are counted when all have left: %v", k.users)
	}
	for _, g := range k.from {
		if g.connections != 0 {
			t.Errorf("%v still has %d connections", g.addr, g.connections)
		}
	}
	if n, m := k.Over(IPConnections), k.Over(UserConnections); n != 2 || m != 1 {
		t.Errorf("refused for connections of an address %d times, of a user %d times; want 2 and 1", n, m)
	}
}

// TestDoor_Report: the log is told of an address once a minute, whatever it does, with the others that were noted
// meanwhile and not more of them than a log bears.
func TestDoor_Report(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.UserConnections, c.IPConnections = 0, 10 })
	var text strings.Builder
	k.log = slog.New(slog.NewTextHandler(&text, nil))
	told := func() (lines []string) {
		k.Report()
		defer text.Reset()
		return strings.Split(strings.TrimSpace(text.String()), "\n")
	}
	for range 8 {
		_, _ = k.comes("u", "203.0.113.1")
	}
	if got := told(); got[0] != "" {
		t.Errorf("of 8 connections where 10 may be: %q; want nothing", got)
	}
	for range 100 {
		_, _ = k.comes("u", "203.0.113.1")
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "nearly") || !strings.Contains(got[0], "address=203.0.113.1/32 connections=9 limit=10") {
		t.Errorf("of the 9th: %q", got)
	}
	k.now += noteEvery
	_, _ = k.comes("u", "203.0.113.1")
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "over a limit") || !strings.Contains(got[0], "limit=ip_connections") {
		t.Errorf("of one too many, a minute later: %q", got)
	}
	for i := range 100 {
		k.Banish(fmt.Sprint("flood", i), 1)
	}
	got := told()
	if len(got) != mostNotes || !strings.Contains(got[0], "address=203.0.113.1/32 user=flood0 for=30s") || !strings.Contains(got[mostNotes-1], "others=90") {
		t.Errorf("of 100 that flooded: %q; want %d lines, the last with others=90", got, mostNotes)
	}
	if got := told(); got[0] != "" {
		t.Errorf("again: %q; want nothing", got)
	}
}

func TestDoor_Rates(t *testing.T) {
	k := newKnocker(func(c *Limits) {
		c.UserConnections, c.IPHandshakes, c.IPHandshakesBurst, c.Handshakes, c.HandshakesBurst = 0, 1, 3, 100, 10
		c.NewRooms, c.NewRoomsBurst, c.HTTPRate, c.HTTPBurst, c.LoginRate, c.LoginBurst = 1, 2, 1, 2, 1, 2
	})
	count := func(do func(i int) *Refused) (taken int, last *Refused) {
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
		do           func(i int) *Refused
		taken, later int
		limit        Limit
	}{
		"handshakes of an address": {func(int) *Refused { return second(k.Knock("u", from("203.0.113.1"))) }, 3, 1, IPHandshakes},
		"new rooms":                {func(int) *Refused { return k.NewRoom(from("203.0.113.1")) }, 2, 1, NewRooms},
		"calls":                    {func(int) *Refused { return k.Call(from("203.0.113.1")) }, 2, 1, HTTPRate},
		"logins":                   {func(int) *Refused { return k.Login("u") }, 2, 1, LoginRate},
		"handshakes of the node": {func(i int) *Refused {
			return second(k.Knock("u", from(fmt.Sprintf("198.51.100.%d", i))))
		}, 10, 10, Handshakes},
	} {
		k.now += 60_000
		taken, last := count(c.do)
		if taken != c.taken || last == nil || last.Limit != c.limit || last.Wait <= 0 || last.Wait > time.Second {
			t.Errorf("%s: %d of 50 at once, then %+v; want %d, and %v with a time to wait", what, taken, last, c.taken, c.limit)
		}
		k.now += 1000
		if taken, _ := count(c.do); taken != c.later {
			t.Errorf("%s: %d a second later; want %d", what, taken, c.later)
		}
	}
	// A peer that is private and no proxy is not counted.
	if taken, _ := count(func(int) *Refused { return k.Call(&http.Request{RemoteAddr: "192.168.0.1:1"}) }); taken != 50 {
		t.Errorf("calls of a private peer: %d of 50; want all", taken)
	}
}

func TestDoor_BansGrowAndEnd(t *testing.T) {
	k := newKnocker(nil)
	flooded, _ := k.comes("u", "203.0.113.1")
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		k.Banish("u", flooded)
		bad := second(k.Knock("u", from("203.0.113.1")))
		if bad == nil || bad.Limit != Flooding || bad.Wait != want {
			t.Errorf("%+v; want the ban, for %v", bad, want)
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
	k.Banish("u", flooded)
	if bad := second(k.Knock("u", from("203.0.113.1"))); bad == nil || bad.Wait != banFirst {
		t.Errorf("after a long time: %+v; want %v again", bad, banFirst)
	}
}

func TestDoor_Scans(t *testing.T) {
	k := newKnocker(nil)
	var ends []func()
	for range mostScansOfAddr {
		done, bad := k.Scan(from("203.0.113.1"))
		if bad != nil {
			t.Fatalf("refused: %+v", bad)
		}
		ends = append(ends, done)
	}
	if _, bad := k.Scan(from("203.0.113.1")); bad == nil || bad.Limit != IPScans {
		t.Errorf("one more of the address: %+v; want ip_scans", bad)
	}
	for i := range mostScans - mostScansOfAddr {
		if _, bad := k.Scan(from(fmt.Sprintf("198.51.100.%d", i))); bad != nil {
			t.Fatalf("refused: %+v", bad)
		}
	}
	if _, bad := k.Scan(from("192.0.2.1")); bad == nil || bad.Limit != Scans {
		t.Errorf("one more of the node: %+v; want scans", bad)
	}
	ends[0]()
	if _, bad := k.Scan(from("203.0.113.1")); bad != nil {
		t.Errorf("after one has ended: %+v", bad)
	}
}

// TestDoor_ForgetsAddresses: its tables are bounded, whoever knocks, and forget nobody who is here.
func TestDoor_ForgetsAddresses(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.Handshakes = 0 })
	here, _ := k.comes("here", "203.0.113.1")
	for i := range mostGuests + 10 {
		addr := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		_ = k.Call(from(addr)) // none is refused
		_ = k.Login(addr)
		k.Banish(addr, 0)
	}
	if len(k.from) > mostGuests || len(k.logins) > mostGuests || len(k.bans) > mostGuests || len(k.at) > mostGuests+1 {
		t.Errorf("remembered: %d addresses at %d places, %d logins, %d bans; want at most %d", len(k.from), len(k.at), len(k.logins), len(k.bans), mostGuests)
	}
	if g := k.at[here]; g == nil || g.addr.Addr().String() != "203.0.113.1" || g.connections != 1 {
		t.Errorf("who is here was forgotten: %+v", g)
	}
	k.Leave("here", here)
}

// BenchmarkDoor is what limits cost a handshake.
func BenchmarkDoor(b *testing.B) {
	k := newKnocker(func(c *Limits) { c.Handshakes, c.IPHandshakes, c.UserConnections = 0, 0, 0 })
	r := from("203.0.113.1")
	for b.Loop() {
		in, no := k.Knock("u", r)
		if no != nil {
			b.Fatal(no)
		}
		k.Leave("u", in)
	}
}

// second is the refusal that Knock returns.
func second(_ uint32, no *Refused) *Refused { return no }
