package door

import (
	"net/http"
	"time"
)

// This file is what waits to be read: by the store's scripts, and by clients.

// AddUnread takes room for an answer of so many bytes that its client has yet to read. The ticket that it returns is
// the connection's from now on, until Free or Leave; it must have nothing unread before.
func (d *Door) AddUnread(t Ticket, bytes int) (Ticket, *Refused) {
	units := min(unitsOf(bytes), mostUnits)
	if !d.set.Load().Enabled || units == 0 {
		return t, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if no := d.addUnreadLocked(d.at[t.id()], units); no != nil {
		return t, no
	}
	return t | Ticket(units)<<idBits, nil
}

// unitsOf rounds up; less than leastUnread is not counted.
func unitsOf(bytes int) int {
	if bytes < leastUnread {
		return 0
	}
	return (bytes + unreadUnit - 1) / unreadUnit
}

func (d *Door) addUnreadLocked(src *source, units int) *Refused {
	no := d.fitsLocked(src, units)
	if no == nil {
		d.changeUnreadLocked(src, units)
	}
	return no
}

// fitsLocked is nil where there is room for so many units. d.mu must be held.
func (d *Door) fitsLocked(src *source, units int) *Refused {
	if src != nil && src.unread+units > mostUnreadOfAddr {
		return d.refuseLocked(IPUnread, src, time.Second, "%v has yet to read what it asked for", src.addr)
	}
	most := mostUnread
	if src != nil && src.unread == 0 {
		most *= 2 // others cannot keep it out
	}
	if d.unread+units > most {
		return d.refuseLocked(Unread, nil, time.Second, "too many clients have yet to read what they asked for, try again")
	}
	return nil
}

// changeUnreadLocked counts units more, or fewer. d.mu must be held.
func (d *Door) changeUnreadLocked(src *source, units int) {
	d.unread += units
	d.useLocked(src, func() { src.unread += units })
}

// Free ends AddUnread: the client has read it.
func (d *Door) Free(t Ticket) {
	if t.units() == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.freeLocked(t)
}

func (d *Door) freeLocked(t Ticket) { d.changeUnreadLocked(d.at[t.id()], -t.units()) }

// Reading is a call that reads or scans a history. Its methods are called by one goroutine; that of a door without
// limits is nil, which may be used.
type Reading struct {
	door   *Door
	source *source // nil: of nobody
	units  int     // of its answer, unread
	read   bool    // the history is read
}

// Scan lets a request read or scan a history; the caller calls Done when that is done, and Sent when the answer is.
func (d *Door) Scan(r *http.Request) (*Reading, *Refused) {
	s := d.set.Load()
	if !s.Enabled {
		return nil, nil
	}
	addr := s.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	src := d.sourceLocked(addr)
	switch {
	case src != nil && src.scans >= mostScansOfAddr:
		return nil, d.refuseLocked(IPScans, src, time.Second, "%d reads of histories are under way from %v", src.scans, addr)
	case d.scans >= mostScans:
		return nil, d.refuseLocked(Scans, nil, 0, "%d reads of histories are under way, try again", d.scans)
	}
	if no := d.fitsLocked(src, unitsOfAnswer); no != nil { // before the history is read, which is what costs
		return nil, no
	}
	d.changeScansLocked(src, 1)
	return &Reading{door: d, source: src}, nil
}

// changeScansLocked counts n readings more, or fewer. d.mu must be held.
func (d *Door) changeScansLocked(src *source, n int) {
	d.scans += n
	d.useLocked(src, func() { src.scans += n })
}

// Done ends the reading, and takes room for an answer of so many bytes. A large one counts as further requests of its
// address, one for each chargedUnit.
func (r *Reading) Done(bytes int) *Refused {
	if r == nil || r.read {
		return nil
	}
	d := r.door
	d.mu.Lock()
	defer d.mu.Unlock()
	r.read = true
	d.changeScansLocked(r.source, -1)
	if r.source != nil {
		d.set.Load().rates.http.Charge(&r.source.http, d.now(), uint32(bytes/chargedUnit))
	}
	units := unitsOf(bytes)
	if units == 0 {
		return nil
	}
	no := d.addUnreadLocked(r.source, units)
	if no == nil {
		r.units = units
	}
	return no
}

// Sent reports that the answer is on its way. It may be called without Done.
func (r *Reading) Sent() {
	_ = r.Done(0)
	if r == nil || r.units == 0 {
		return
	}
	d := r.door
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changeUnreadLocked(r.source, -r.units)
	r.units = 0
}
