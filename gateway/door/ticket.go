package door

import "net/netip"

// Ticket is whose a connection is, and how much of it is unread; the zero value is nobody's.
type Ticket uint32

// A Ticket has the source's id below idBits, then the unread units, then whether the user is counted, and known.
const (
	idBits   = 27
	counted  = 1 << 30
	known    = 1 << 31
	unitMask = mostUnits << idBits
)

func (t Ticket) id() uint32 { return uint32(t) & (1<<idBits - 1) }

// Source distinguishes the address of the ticket from others that are here; 0 where none is counted.
func (t Ticket) Source() int { return int(t.id()) }

// From is the address, or the prefix that counts as one, of a ticket's connection; ok is false where none is counted.
func (d *Door) From(t Ticket) (from netip.Prefix, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if src := d.at[t.id()]; src != nil {
		return src.addr, src.addr.IsValid()
	}
	return from, false
}

// HasUnread reports whether something waits to be read.
func (t Ticket) HasUnread() bool { return t&unitMask != 0 }

// Without is the ticket with nothing unread.
func (t Ticket) Without() Ticket { return t &^ unitMask }

func (t Ticket) units() int { return int(t&unitMask) >> idBits }
