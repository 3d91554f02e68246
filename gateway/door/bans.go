package door

import (
	"net/http"
	"time"
)

// This file keeps those out who flooded.

// ban ends at until; the next one within banMost of that is twice as long.
type ban struct{ until, long uint32 }

// Banish keeps a user who flooded away for a while: everywhere where it was checked who that is, else from the address
// of the ticket. Where neither is known, nobody is kept away.
func (d *Door) Banish(t Ticket, user string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who, ok := d.whoLocked(t, user)
	if !ok {
		return
	}
	now := d.now()
	if len(d.bans) >= mostAbsent {
		clear(d.bans)
	}
	b, again := d.bans[who]
	if long := uint32(banMost / time.Millisecond); again && int32(b.until+long-now) > 0 {
		b.long = min(2*b.long, long)
	} else {
		b.long = uint32(banFirst / time.Millisecond)
	}
	b.until = now + b.long
	d.bans[who] = b
	n := note{text: "a client sent too much, and stays out for a while", args: []any{"user", user, "for", time.Duration(b.long) * time.Millisecond}}
	if src := d.at[t.id()]; src != nil {
		n.addr = src.addr
	}
	d.sayLocked(n)
}

// Banned refuses the call of a user who flooded. checked is as with Enter.
func (d *Door) Banned(r *http.Request, user string, checked bool) *Refused {
	s := d.set.Load()
	if !s.Enabled {
		return nil
	}
	who := who{user: user}
	if !checked {
		if who.addr = s.of(r); !who.addr.IsValid() {
			return nil
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bannedLocked(who)
}

// bannedLocked refuses who must stay out. d.mu must be held.
func (d *Door) bannedLocked(who who) *Refused {
	b, ok := d.bans[who]
	left := int32(b.until - d.now())
	if !ok || left <= 0 {
		return nil
	}
	return d.refuseLocked(Flooding, nil, time.Duration(left)*time.Millisecond, "too much was sent from here")
}
