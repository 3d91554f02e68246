package door

import (
	"net/netip"

	"barrage/internal/pace"
)

// This file is the addresses that the door remembers.

// guest is what one address has used.
type guest struct {
	addr                                                      netip.Prefix
	id                                                        uint32 // its place in Door.at
	connections, scans, held                                  int
	handshakes, messages, newRooms, listRooms, http, requests pace.Used
	noted                                                     uint32 // until when nothing more is noted of it; 0: nothing was
}

// guestLocked is what the address has used, nil where none is counted. d.mu must be held.
func (d *Door) guestLocked(addr netip.Prefix) *guest {
	if !addr.IsValid() {
		return nil
	}
	g := d.from[addr]
	if g != nil {
		return g
	}
	if d.idle >= mostGuests {
		d.forgetLocked()
	}
	g = &guest{addr: addr, id: uint32(len(d.at))}
	if n := len(d.free); n > 0 {
		g.id, d.free = d.free[n-1], d.free[:n-1]
		d.at[g.id] = g
	} else {
		d.at = append(d.at, g)
	}
	d.from[addr] = g
	d.idle++
	return g
}

// forgetLocked makes room for other addresses: those without connections go, first the ones that have nothing used up.
// d.mu must be held.
func (d *Door) forgetLocked() {
	now, rates := d.now(), &d.set.Load().rates
	drop := func(which func(*guest) bool) {
		for addr, g := range d.from {
			if g.away() && which(g) {
				delete(d.from, addr)
				d.at[g.id] = nil
				d.free = append(d.free, g.id)
				d.idle--
			}
		}
	}
	drop(func(g *guest) bool {
		return rates.ipHandshakes.Ahead(g.handshakes, now)+rates.messages.Ahead(g.messages, now)+rates.newRooms.Ahead(g.newRooms, now)+
			rates.listRooms.Ahead(g.listRooms, now)+rates.http.Ahead(g.http, now)+rates.requests.Ahead(g.requests, now) == 0
	})
	if d.idle >= mostGuests/2 { // else it would soon be looked through again
		drop(func(*guest) bool { return true })
	}
}

// useLocked changes what a guest has here; nobody's is nil. d.mu must be held.
func (d *Door) useLocked(g *guest, change func()) {
	if g == nil {
		return
	}
	if g.away() {
		d.idle--
	}
	change()
	if g.away() {
		d.idle++
	}
}

// away reports whether the guest has nothing here.
func (g *guest) away() bool { return g.connections == 0 && g.scans == 0 && g.held == 0 }
