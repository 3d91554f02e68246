package door

import "net/netip"

// Ticket is whose a connection is, and how much it holds; the zero value is nobody's.
type Ticket uint32

// What a Ticket has: the guest's id below idBits, then the units held, then whether the user is counted, and known.
const (
	idBits   = 27
	counted  = 1 << 30
	known    = 1 << 31
	unitMask = mostUnits << idBits
)

func (t Ticket) id() uint32 { return uint32(t) & (1<<idBits - 1) }

// Guest tells the address of the ticket from others that are here; 0 where none is counted.
func (t Ticket) Guest() int { return int(t.id()) }

// From is the address, or the prefix that counts as one, of a ticket's connection; ok is false where none is counted.
func (d *Door) From(t Ticket) (from netip.Prefix, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.at[t.id()]; g != nil {
		return g.addr, g.addr.IsValid()
	}
	return from, false
}

// Holds reports whether something is held.
func (t Ticket) Holds() bool { return t&unitMask != 0 }

// Without is the ticket that holds nothing.
func (t Ticket) Without() Ticket { return t &^ unitMask }

func (t Ticket) units() int { return int(t&unitMask) >> idBits }
