package door

import "net/netip"

// This file is what the log is told of addresses.

// note is what the log is told of an address.
type note struct {
	text string
	addr netip.Prefix
	args []any
}

// noteLocked has Report tell the log of an address, once a minute. d.mu must be held.
func (d *Door) noteLocked(g *guest, text string, args ...any) {
	if now := d.now(); g.noted == 0 || int32(now-g.noted) >= 0 {
		g.noted = max(1, now+noteEvery)
		d.sayLocked(note{text, g.addr, args})
	}
}

func (d *Door) sayLocked(n note) {
	if len(d.notes) >= mostNotes {
		d.missed++
		return
	}
	d.notes = append(d.notes, n)
}

// Report writes to the log what was noted since the last call. It is called once a second: whoever is refused does not
// wait for the log, and no flood fills it.
func (d *Door) Report() {
	d.mu.Lock()
	notes, missed := d.notes, d.missed
	d.notes, d.missed = nil, 0
	d.mu.Unlock()
	for i, n := range notes {
		args := append([]any{"address", n.addr}, n.args...)
		if missed > 0 && i == len(notes)-1 {
			args = append(args, "others", missed)
		}
		d.log.Warn(n.text, args...)
	}
}
