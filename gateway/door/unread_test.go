package door

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestDoor_UnreadIsBoundedAndGivenBack: unread answers are bounded for an address and for all. They are given back when
// they were read, and when their reader has gone.
func TestDoor_UnreadIsBoundedAndGivenBack(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.IPHandshakes = 0 })
	const mib = 1 << 20
	var tickets []Ticket
	fill := func(addr string) *Refused {
		ticket, no := k.Knock(from(addr))
		if no != nil {
			t.Fatal(no)
		}
		ticket, no = k.AddUnread(ticket, mib)
		if no != nil {
			k.Leave(ticket, "u")
			return no
		}
		tickets = append(tickets, ticket)
		return nil
	}
	n := 0
	for ; fill("203.0.113.1") == nil; n++ {
	}
	if n != mostUnreadOfAddr/6 {
		t.Errorf("an address has %d unread answers of a MiB, 6 units each; want %d", n, mostUnreadOfAddr/6)
	}
	if no := fill("203.0.113.1"); no == nil || no.Limit != IPUnread || no.Wait <= 0 {
		t.Errorf("one more: %+v; want ip_unread, with a time to wait", no)
	}
	ticket, _ := k.Knock(from("203.0.113.1"))
	if _, no := k.AddUnread(ticket, leastUnread-1); no != nil {
		t.Errorf("a small answer is refused: %+v", no)
	}
	if _, no := k.AddUnread(ticket, leastUnread); no == nil || no.Limit != IPUnread {
		t.Errorf("one that the kernel does not take whole: %+v; want ip_unread", no)
	}
	k.Free(tickets[0])
	tickets[0] = tickets[0].Without()
	k.Leave(tickets[1], "u")
	for range 2 {
		if no := fill("203.0.113.1"); no != nil {
			t.Errorf("after two were read, or have gone: %+v", no)
		}
	}
	k.Free(tickets[2])
	tickets[2] = tickets[2].Without()
	reading, no := k.Scan(from("203.0.113.1"))
	if no != nil {
		t.Fatal(no)
	}
	if no := fill("203.0.113.1"); no != nil {
		t.Errorf("while it is read: %+v", no)
	}
	if _, no := k.Scan(from("203.0.113.1")); no == nil || no.Limit != IPUnread {
		t.Errorf("a call whose answer has no place: %+v; want ip_unread, before anything is read", no)
	}
	if no := reading.Done(mib); no == nil || no.Limit != IPUnread {
		t.Errorf("the answer to a call: %+v; want ip_unread", no)
	}
	reading.Sent()
	for i := 12; fill(fmt.Sprint("203.0.113.", i/6)) == nil; i++ { // several each
		if i > 10_000 {
			t.Fatal("there is no bound for all")
		}
	}
	if k.over[Unread].Load() == 0 || k.unread > mostUnread || k.unread < mostUnread-mostUnits {
		t.Errorf("%d units are unread; want %d at most, and nearly that", k.unread, mostUnread)
	}
	newcomers := 0
	for ; fill(fmt.Sprint("198.51.100.", newcomers)) == nil; newcomers++ {
	}
	if newcomers < mostUnread/6-3 || k.unread > 2*mostUnread {
		t.Errorf("%d who have nothing unread came in, %d units are unread; want some %d, and twice %d at most", newcomers, k.unread, mostUnread/6, mostUnread)
	}
	for i, ticket := range tickets {
		if i != 1 {
			k.Leave(ticket, "u")
		}
	}
	if k.unread != 0 || k.scans != 0 {
		t.Errorf("when all have gone %d units are unread, %d histories are being read", k.unread, k.scans)
	}
}

func TestDoor_ScansAreBoundedByAddressAndNode(t *testing.T) {
	k := newKnocker(nil)
	var all []*Reading
	for range mostScansOfAddr {
		r, bad := k.Scan(from("203.0.113.1"))
		if bad != nil {
			t.Fatalf("refused: %+v", bad)
		}
		all = append(all, r)
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
	if bad := all[0].Done(100); bad != nil {
		t.Error(bad)
	}
	r, bad := k.Scan(from("203.0.113.1"))
	if bad != nil {
		t.Fatalf("after one has ended: %+v", bad)
	}
	// An address that reads is not forgotten.
	k.forgetLocked()
	if g := k.from[netip.MustParsePrefix("203.0.113.1/32")]; g == nil || g.scans != 2 {
		t.Errorf("who reads: %+v; want 2 readings", g)
	}
	for range 2 {
		r.Sent()
	}
	all[0].Sent()
	if k.Scans() != mostScans-1 {
		t.Errorf("%d read; want %d", k.Scans(), mostScans-1)
	}
	var none *Reading // of a door without limits
	if none.Done(1) != nil {
		t.Error("no reading is refused")
	}
	none.Sent()
}

// TestDoor_LargeAnswersAreSeveralRequests: a page of 1 MiB counts as 17 requests of its address, one of 20 KB as one.
func TestDoor_LargeAnswersAreSeveralRequests(t *testing.T) {
	for bytes, most := range map[int]int{20 << 10: 100, chargedUnit - 1: 100, chargedUnit: 50, 1 << 20: 6} {
		k := newKnocker(func(l *Limits) { l.HTTPRate, l.HTTPBurst = 1, 100 })
		pages := 0
		for ; k.Call(from("203.0.113.1")) == nil && pages <= most; pages++ {
			r, bad := k.Scan(from("203.0.113.1"))
			if bad != nil {
				t.Fatalf("refused: %+v", bad)
			}
			if bad := r.Done(bytes); bad != nil {
				t.Fatalf("page %d of %d bytes: %+v", pages, bytes, bad)
			}
			r.Sent()
		}
		if pages != most {
			t.Errorf("%d pages of %d bytes are answered at once; want %d", pages, bytes, most)
		}
		if k.Call(from("203.0.113.2")) != nil {
			t.Error("another address is refused")
		}
		if k.now += 100_000; k.Call(from("203.0.113.1")) != nil {
			t.Errorf("refused after as long as a burst takes, with answers of %d bytes", bytes)
		}
	}
}

// TestDoor_NewcomersKeepAQuarterOfTheBurst: addresses that come as often as they may leave a quarter of the node's
// burst to those that have not come just now.
func TestDoor_NewcomersKeepAQuarterOfTheBurst(t *testing.T) {
	k := newKnocker(func(c *Limits) {
		c.Handshakes, c.HandshakesBurst, c.IPHandshakes, c.IPHandshakesBurst = 100, 400, 20, 200
	})
	over := 0
	for i := range 10 * 200 {
		if _, no := k.Knock(from(fmt.Sprintf("203.0.113.%d", i%10))); no != nil {
			if over++; no.Limit != Handshakes || no.Wait <= 0 || no.Wait > 2*time.Second {
				t.Fatalf("refused: %+v; want handshakes with a time to wait", no)
			}
		}
	}
	if in := 10*200 - over; in != 300 {
		t.Errorf("%d handshakes of ten addresses came in; want 300 of 400", in)
	}
	came := 0
	for i := range 200 {
		if _, no := k.Knock(from(fmt.Sprintf("198.51.100.%d", i))); no == nil {
			came++
		}
	}
	if came != 100 {
		t.Errorf("%d newcomers came in beside them; want 100", came)
	}
	k.now += 4000
	if _, no := k.Knock(from("203.0.113.1")); no != nil {
		t.Errorf("after 4 s an address is refused: %+v", no)
	}
}
