package door

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"
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

// enters has a user come from an address, see Enter.
func (k *knocker) enters(user, addr string, checked bool) (Ticket, *Refused) {
	t, no := k.Knock(from(addr))
	if no == nil {
		if no = k.Enter(&t, user, checked); no != nil {
			k.Leave(t, user)
		}
	}
	return t, no
}

// comes has a user come whose token was checked, and returns the limit that it is over.
func (k *knocker) comes(user, addr string) (t Ticket, over string) {
	t, no := k.enters(user, addr, true)
	if no != nil {
		over = no.Limit.String()
	}
	return t, over
}

func TestDoor_ConnectionsOfUserAndAddressAreBounded(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.UserConnections, c.IPConnections = 3, 5 })
	type connection struct {
		user   string
		ticket Ticket
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
	k.Leave(in[0].ticket, in[0].user)
	want("a", "203.0.113.1", "")
	want("d", "2001:db8:0:100::1", "")
	for i := range 5 {
		want(fmt.Sprint("six", i), fmt.Sprintf("2001:db8:0:2::%d", i), "") // of one prefix
	}
	want("six", "2001:db8:0:2:ffff::1", "ip_connections")
	for _, c := range in[1:] {
		k.Leave(c.ticket, c.user)
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

// TestDoor_LogNotesAnAddressOnceAMinute: the log gets a note of an address once a minute, whatever the address does.
// The others that were noted meanwhile come with it, and not more of them than a log bears.
func TestDoor_LogNotesAnAddressOnceAMinute(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.UserConnections, c.IPConnections = 0, 10 })
	var text strings.Builder
	k.log = slog.New(slog.NewTextHandler(&text, nil))
	told := func() (lines []string) {
		k.LogNotes()
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
		k.Banish(Ticket(1), fmt.Sprint("flood", i))
	}
	got := told()
	if len(got) != mostNotes || !strings.Contains(got[0], "address=203.0.113.1/32 user=flood0 for=30s") || !strings.Contains(got[mostNotes-1], "others=90") {
		t.Errorf("of 100 that flooded: %q; want %d lines, the last with others=90", got, mostNotes)
	}
	if got := told(); got[0] != "" {
		t.Errorf("again: %q; want nothing", got)
	}
}

func TestDoor_RatesRefuseWithATimeToWait(t *testing.T) {
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
		"handshakes of an address": {func(int) *Refused { return second(k.Knock(from("203.0.113.1"))) }, 3, 1, IPHandshakes},
		"new rooms":                {func(int) *Refused { return k.NewRoom(from("203.0.113.1")) }, 2, 1, NewRooms},
		"calls":                    {func(int) *Refused { return k.Call(from("203.0.113.1")) }, 2, 1, HTTPRate},
		"logins":                   {func(int) *Refused { return k.Login(from("203.0.113.1"), "u") }, 2, 1, LoginRate},
		"handshakes of the node": {func(i int) *Refused {
			return second(k.Knock(from(fmt.Sprintf("198.51.100.%d", i))))
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
	enters := func(user, addr string, checked bool) *Refused {
		t, no := k.enters(user, addr, checked)
		if no == nil {
			k.Leave(t, user)
		}
		return no
	}
	flooded, _ := k.enters("u", "203.0.113.1", false)
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		k.Banish(flooded, "u")
		if bad := enters("u", "203.0.113.1", false); bad == nil || bad.Limit != Flooding || bad.Wait != want {
			t.Errorf("%+v; want the ban, for %v", bad, want)
		}
		if bad := k.Banned(from("203.0.113.1"), "u", false); bad == nil || bad.Limit != Flooding {
			t.Errorf("a call of that user: %+v; want the ban", bad)
		}
		for who, bad := range map[string]*Refused{
			"the name elsewhere":      enters("u", "203.0.113.2", false),
			"the user who is checked": enters("u", "203.0.113.1", true),
			"somebody else there":     enters("v", "203.0.113.1", false),
			"a call of the name":      k.Banned(from("203.0.113.2"), "u", false),
		} {
			if bad != nil {
				t.Errorf("%s is refused: %+v", who, bad)
			}
		}
		k.now += uint32(want.Milliseconds())
		if bad := enters("u", "203.0.113.1", false); bad != nil {
			t.Errorf("after %v: %+v", want, bad)
		}
	}
	k.now += uint32(2 * banMost.Milliseconds())
	k.Banish(flooded, "u")
	if bad := enters("u", "203.0.113.1", false); bad == nil || bad.Wait != banFirst {
		t.Errorf("after a long time: %+v; want %v again", bad, banFirst)
	}
	checked, _ := k.enters("w", "203.0.113.1", true)
	k.Banish(checked, "w")
	if bad := enters("w", "203.0.113.9", true); bad == nil || bad.Limit != Flooding {
		t.Errorf("a checked user from elsewhere: %+v; want the ban", bad)
	}
	k.Banish(0, "x") // nobody knows who that was
	if bad := enters("x", "203.0.113.1", true); bad != nil {
		t.Errorf("whoever has a name that a stranger took: %+v", bad)
	}
}

// TestDoor_NamesAreNobodys: a client that takes a name without a proof uses up nothing that others may have under it.
func TestDoor_NamesAreNobodys(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.UserConnections = 3 })
	want := func(what string, no *Refused, want bool) {
		t.Helper()
		if (no == nil) != want {
			t.Errorf("%s: %+v; want in: %v", what, no, want)
		}
	}
	for range 3 {
		_, no := k.enters("victim", "203.0.113.66", false)
		want("a stranger under the name", no, true)
	}
	_, no := k.enters("victim", "203.0.113.66", false)
	want("a fourth time", no, false)
	_, no = k.enters("victim", "198.51.100.1", false)
	want("the same name from elsewhere", no, true)
	_, no = k.enters("victim", "203.0.113.66", true)
	want("who has a right token, even from there", no, true)
	for i := range 5 { // only their handshakes are counted: their tokens are wrong
		_, no := k.Knock(from("203.0.113.66"))
		want(fmt.Sprint("a wrong token, time ", i), no, true)
	}
	local := &http.Request{RemoteAddr: "192.168.0.1:1"}
	for range 9 {
		ticket, no := k.Knock(local)
		if no == nil {
			no = k.Enter(&ticket, "victim", false)
		}
		want("a name behind a proxy that is not trusted", no, true)
	}
	for range 5 {
		_ = k.Login(from("203.0.113.66"), "victim")
	}
	want("a sixth login of a stranger", k.Login(from("203.0.113.66"), "victim"), false)
	want("a login from elsewhere", k.Login(from("198.51.100.1"), "victim"), true)
}

// TestDoor_HandshakesComeAtTheRateSet: so many a second as the setting says, however many.
func TestDoor_HandshakesComeAtTheRateSet(t *testing.T) {
	for _, perSec := range []float64{7, 2000, 7000} {
		k := newKnocker(func(c *Limits) { c.Handshakes, c.HandshakesBurst, c.IPHandshakes, c.IPConnections = perSec, 10, 0, 0 })
		in := 0
		for range 4000 { // 4 s
			k.now++
			for range 9 {
				if _, no := k.Knock(from("203.0.113.1")); no == nil {
					in++
				} else if no.Limit != Handshakes || no.Wait <= 0 || no.Wait > time.Second {
					t.Fatalf("refused: %+v; want handshakes with a time to wait", no)
				}
			}
		}
		if want := int(4*perSec) + 10; in > want || in < want-8 {
			t.Errorf("at %v a second %d came in in 4 s; want %d", perSec, in, want)
		}
	}
}

// TestDoor_ForgetsAddresses: its tables are bounded, whoever knocks, and forget nobody who is here.
func TestDoor_ForgetsAddresses(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.Handshakes = 0 })
	here, _ := k.comes("here", "203.0.113.1")
	for i := range mostAbsent + 10 {
		addr := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		_ = k.Call(from(addr)) // none is refused
		_ = k.Login(from(addr), addr)
		k.Banish(known, addr)
	}
	if len(k.from) > mostAbsent || len(k.logins) > mostAbsent || len(k.bans) > mostAbsent || len(k.at) > mostAbsent+2 {
		t.Errorf("remembered: %d addresses at %d places, %d logins, %d bans; want at most %d", len(k.from), len(k.at), len(k.logins), len(k.bans), mostAbsent)
	}
	if g := k.at[here.id()]; g == nil || g.addr.Addr().String() != "203.0.113.1" || g.connections != 1 {
		t.Errorf("who is here was forgotten: %+v", g)
	}
	k.Leave(here, "here")
}

// TestDoor_ForgetsTheManyWhenTheyHaveGone: a newcomer costs the same when many more are here than are remembered of
// those who were.
func TestDoor_ForgetsTheManyWhenTheyHaveGone(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.Handshakes = 0 })
	addr := func(i int) string { return netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}).String() }
	for i := range mostAbsent + 20_000 { // some 5 us each; looking for somebody to forget took 20 ms
		if _, no := k.Knock(from(addr(i))); no != nil {
			t.Fatal(no)
		}
	}
	if k.idle != 0 || len(k.from) != mostAbsent+20_000 {
		t.Errorf("%d addresses, %d of them not here; want %d and none", len(k.from), k.idle, mostAbsent+20_000)
	}
	for i := range mostAbsent + 20_000 {
		k.Leave(Ticket(i+1), "")
		if k.idle > mostAbsent+20_000 {
			t.Fatal("more are gone than were here")
		}
	}
	_ = k.Call(from("198.51.100.1"))
	if len(k.from) > mostAbsent {
		t.Errorf("%d addresses are remembered when all have gone; want at most %d", len(k.from), mostAbsent)
	}
}

// TestDoor_SocketsOfAnAddressShareRates: the sockets of an address share rates for what they ask for. Lists may have
// more rooms at once than sockets, and a client that is not counted has what it likes.
func TestDoor_SocketsOfAnAddressShareRates(t *testing.T) {
	k := newKnocker(func(c *Limits) {
		c.IPMessageRate, c.IPMessageBurst = 10, 5
		c.NewRooms, c.NewRoomsBurst, c.Rooms = 1, 2, 200
	})
	one, _ := k.Knock(from("203.0.113.1"))
	two, _ := k.Knock(from("203.0.113.1"))
	other, _ := k.Knock(from("203.0.113.2"))
	for what, c := range map[string]struct {
		take         func(Ticket) bool
		burst, later int
		limit        Limit
	}{
		"messages":       {func(t Ticket) bool { return k.Message(t) == 0 }, 5, 10, IPMessages},
		"rooms of lists": {k.ListRoom, 10, 1, NewRooms},
	} {
		count := func() (taken int) {
			for range 50 {
				for _, t := range []Ticket{one, two} {
					if c.take(t) {
						taken++
					}
				}
				k.now += 20
			}
			return taken
		}
		if got := count(); got > c.burst+c.later || got < c.burst+c.later-1 {
			t.Errorf("%s: %d of 100 within a second; want %d at once and %d later", what, got, c.burst, c.later)
		}
		if k.Over(c.limit) == 0 || !c.take(other) {
			t.Errorf("%s: %d were refused, and another address is too", what, k.Over(c.limit))
		}
		for range 100 {
			if !c.take(0) {
				t.Fatalf("%s: who has no address that counts is refused", what)
			}
		}
	}
	if wait := k.Message(one); wait > 100*time.Millisecond {
		t.Errorf("the wait for a message is %v; want at most 100 ms", wait)
	}
}

// BenchmarkDoor is what limits cost a handshake.
func BenchmarkDoor(b *testing.B) {
	k := newKnocker(func(c *Limits) { c.IPHandshakes, c.UserConnections = 0, 0 })
	k.set.Load().handshakes.SetLimit(rate.Inf)
	r := from("203.0.113.1")
	for b.Loop() {
		t, no := k.Knock(r)
		if no == nil {
			no = k.Enter(&t, "u", true)
		}
		if no != nil {
			b.Fatal(no)
		}
		k.Leave(t, "u")
	}
}

// second is the refusal that Knock returns.
func second(_ Ticket, no *Refused) *Refused { return no }
