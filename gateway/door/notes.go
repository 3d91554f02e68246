package door

import "net/netip"

// This file writes to the log about addresses.

// note is a line of the log about an address.
type note struct {
	text string
	addr netip.Prefix
	args []any
}

// noteLocked has LogNotes write to the log about an address, once a minute. d.mu must be held.
func (d *Door) noteLocked(src *source, text string, args ...any) {
	if now := d.now(); src.noted == 0 || int32(now-src.noted) >= 0 {
		src.noted = max(1, now+noteEvery)
		d.sayLocked(note{text, src.addr, args})
	}
}

func (d *Door) sayLocked(n note) {
	if len(d.notes) >= mostNotes {
		d.missed++
		return
	}
	d.notes = append(d.notes, n)
}

// LogNotes writes to the log what was noted since the last call. It is called once a second: a refused client does not
// wait for the log, and no flood fills it.
func (d *Door) LogNotes() {
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
