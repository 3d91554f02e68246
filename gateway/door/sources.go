package door

import (
	"net/netip"

	"barrage/internal/pace"
)

// This file is the addresses that the door remembers.

// source is where connections come from, one address or one prefix that counts as one, and what it has used.
type source struct {
	addr                                                      netip.Prefix
	id                                                        uint32 // its place in Door.at
	connections, scans, unread                                int
	handshakes, messages, newRooms, listRooms, http, requests pace.Used
	// until when nothing more is noted of it; 0: nothing was
	noted uint32
}

// sourceLocked is what the address has used, nil where none is counted. d.mu must be held.
func (d *Door) sourceLocked(addr netip.Prefix) *source {
	if !addr.IsValid() {
		return nil
	}
	src := d.from[addr]
	if src != nil {
		return src
	}
	if d.idle >= mostAbsent {
		d.forgetLocked()
	}
	src = &source{addr: addr, id: uint32(len(d.at))}
	if n := len(d.free); n > 0 {
		src.id, d.free = d.free[n-1], d.free[:n-1]
		d.at[src.id] = src
	} else {
		d.at = append(d.at, src)
	}
	d.from[addr] = src
	d.idle++
	return src
}

// forgetLocked makes room for other addresses: those without connections go, first the ones that have nothing used up.
// d.mu must be held.
func (d *Door) forgetLocked() {
	now, rates := d.now(), &d.set.Load().rates
	drop := func(which func(*source) bool) {
		for addr, src := range d.from {
			if src.away() && which(src) {
				delete(d.from, addr)
				d.at[src.id] = nil
				d.free = append(d.free, src.id)
				d.idle--
			}
		}
	}
	drop(func(src *source) bool {
		return rates.ipHandshakes.Ahead(src.handshakes, now)+rates.messages.Ahead(src.messages, now)+rates.newRooms.Ahead(src.newRooms, now)+
			rates.listRooms.Ahead(src.listRooms, now)+rates.http.Ahead(src.http, now)+rates.requests.Ahead(src.requests, now) == 0
	})
	if d.idle >= mostAbsent/2 { // else it would soon be looked through again
		drop(func(*source) bool { return true })
	}
}

// useLocked changes what a source has here; nobody's is nil. d.mu must be held.
func (d *Door) useLocked(src *source, change func()) {
	if src == nil {
		return
	}
	if src.away() {
		d.idle--
	}
	change()
	if src.away() {
		d.idle++
	}
}

// away reports whether the source has nothing here.
func (src *source) away() bool { return src.connections == 0 && src.scans == 0 && src.unread == 0 }
