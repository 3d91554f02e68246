package gateway

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bounds of what the door remembers.
const (
	// mostGuests bounds each of its tables of those who are not here: some 10 MB. What is full forgets what is over,
	// and if nothing is, all.
	mostGuests = 100_000
	// banFirst and banMost are how long somebody who flooded stays out: twice as long each time.
	banFirst = 30 * time.Second
	banMost  = 10 * time.Minute
	// mostScans bounds the calls that read or scan a history at one time, on the node and for an address.
	mostScans       = 32
	mostScansOfAddr = 4
)

// door counts who comes in, before anything is asked of the store. Its methods may be called concurrently.
type door struct {
	// Immutable.
	cfg   *LimitsConfig
	addrs *addresses
	now   func() uint32 // Server.millis
	rates struct{ handshakes, ipHandshakes, newRooms, http, login rate }

	mu    sync.Mutex // guards the fields below; a leaf
	all   tat        // of handshakes
	scans int
	users map[string]int // connections of a user
	// from are the addresses that are here or were lately; at finds them by session.from, 0 is nobody.
	from map[netip.Prefix]*guest
	at   []*guest
	free []uint32
	// logins are those of a user, bans of a user at an address.
	logins map[string]tat
	bans   map[banned]ban
}

// guest is what one address has used.
type guest struct {
	addr                       netip.Prefix
	id                         uint32 // its place in door.at
	connections, scans         int
	handshakes, newRooms, http tat
}

type banned struct {
	user string
	addr netip.Prefix
}

// ban ends at until; the next one within banMost of that is twice as long.
type ban struct{ until, long uint32 }

func newDoor(cfg *Config, now func() uint32, warn func(netip.Addr)) *door {
	c := &cfg.Limits
	d := &door{
		cfg: c, addrs: newAddresses(cfg, warn), now: now,
		users: map[string]int{}, from: map[netip.Prefix]*guest{}, at: []*guest{nil}, logins: map[string]tat{}, bans: map[banned]ban{},
	}
	d.rates.handshakes = perSecond(c.Handshakes, c.HandshakesBurst)
	d.rates.ipHandshakes = perSecond(c.IPHandshakes, c.IPHandshakesBurst)
	d.rates.newRooms = perSecond(c.NewRooms, c.NewRoomsBurst)
	d.rates.http = perSecond(c.HTTPRate, c.HTTPBurst)
	d.rates.login = perSecond(c.LoginRate, c.LoginBurst)
	return d
}

// tooMany refuses what is over a limit.
func tooMany(wait time.Duration, format string, args ...any) *refusal {
	return refuse(http.StatusTooManyRequests, format, args...).after(wait)
}

// knock lets a request for a WebSocket come in as far as the checks of its token, and counts it as a connection of v's
// user and address from now on. v.from tells leave whose.
func (d *door) knock(v *visitor, r *http.Request) *refusal {
	if !d.cfg.Enabled {
		return nil
	}
	addr := d.addrs.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	g := d.guestLocked(addr)
	if g != nil {
		if wait := d.rates.ipHandshakes.take(&g.handshakes, now, 1); wait > 0 {
			return tooMany(wait, "too many connections were opened from %v", addr)
		}
		if most := d.cfg.IPConnections; most > 0 && g.connections >= most {
			return tooMany(0, "%v has %d connections, as many as it may", addr, most).as("too_many_connections")
		}
	}
	if b, ok := d.bans[banned{v.user, addr}]; ok && int32(b.until-now) > 0 {
		return tooMany(time.Duration(b.until-now)*time.Millisecond, "too much was sent from here")
	}
	if most := d.cfg.UserConnections; most > 0 && d.users[v.user] >= most {
		return tooMany(0, "user %q has %d connections, as many as a user may have", v.user, most).as("too_many_connections")
	}
	// Last: what one address asks for in vain must not use up what all may.
	if wait := d.rates.handshakes.take(&d.all, now, 1); wait > 0 {
		return refuse(http.StatusServiceUnavailable, "too many clients come at once").as("busy").after(wait)
	}
	d.users[v.user]++
	if g != nil {
		g.connections++
		v.from = g.id
	}
	return nil
}

// leave ends a connection that knock counted.
func (d *door) leave(user string, from uint32) {
	if !d.cfg.Enabled {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users[user]--; d.users[user] <= 0 {
		delete(d.users, user)
	}
	if from > 0 {
		d.at[from].connections--
	}
}

// guestLocked is what the address has used, nil where none is counted. d.mu must be held.
func (d *door) guestLocked(addr netip.Prefix) *guest {
	if !addr.IsValid() {
		return nil
	}
	g := d.from[addr]
	if g != nil {
		return g
	}
	if len(d.from) >= mostGuests {
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
	return g
}

// forgetLocked makes room for other addresses: those without connections go, first the ones that have nothing used up.
// d.mu must be held.
func (d *door) forgetLocked() {
	now := d.now()
	drop := func(which func(*guest) bool) {
		for addr, g := range d.from {
			if g.connections == 0 && g.scans == 0 && which(g) {
				delete(d.from, addr)
				d.at[g.id] = nil
				d.free = append(d.free, g.id)
			}
		}
	}
	drop(func(g *guest) bool {
		return d.rates.ipHandshakes.ahead(g.handshakes, now)+d.rates.newRooms.ahead(g.newRooms, now)+d.rates.http.ahead(g.http, now) == 0
	})
	if len(d.from) >= mostGuests {
		drop(func(*guest) bool { return true })
	}
}

// call lets a request of the HTTP API in.
func (d *door) call(r *http.Request) *refusal {
	return d.take(r, d.rates.http, func(g *guest) *tat { return &g.http }, "too many requests came from %v")
}

// newRoom lets a request make one more room live.
func (d *door) newRoom(r *http.Request) *refusal {
	return d.take(r, d.rates.newRooms, func(g *guest) *tat { return &g.newRooms }, "too many new rooms were opened from %v")
}

func (d *door) take(r *http.Request, limit rate, of func(*guest) *tat, why string) *refusal {
	if !d.cfg.Enabled {
		return nil
	}
	addr := d.addrs.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.guestLocked(addr); g != nil {
		if wait := limit.take(of(g), d.now(), 1); wait > 0 {
			return tooMany(wait, why, addr)
		}
	}
	return nil
}

// login lets a user try to log in.
func (d *door) login(user string) *refusal {
	if !d.cfg.Enabled {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if len(d.logins) >= mostGuests {
		for user, t := range d.logins {
			if d.rates.login.ahead(t, now) == 0 {
				delete(d.logins, user)
			}
		}
		if len(d.logins) >= mostGuests {
			clear(d.logins)
		}
	}
	t := d.logins[user]
	wait := d.rates.login.take(&t, now, 1)
	d.logins[user] = t
	if wait > 0 {
		return tooMany(wait, "user %q logs in too often", user)
	}
	return nil
}

// scan lets a request read or scan a history; it calls done at the end.
func (d *door) scan(r *http.Request) (done func(), bad *refusal) {
	if !d.cfg.Enabled {
		return func() {}, nil
	}
	addr := d.addrs.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.guestLocked(addr)
	switch {
	case g != nil && g.scans >= mostScansOfAddr:
		return nil, tooMany(time.Second, "%d reads of histories are under way from %v", g.scans, addr)
	case d.scans >= mostScans:
		return nil, refuse(http.StatusServiceUnavailable, "%d reads of histories are under way, try again", d.scans).as("busy")
	}
	d.scans++
	if g != nil {
		g.scans++
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.scans--
		if g != nil {
			g.scans--
		}
	}, nil
}

// banish keeps the user of a session that flooded away from its address for a while.
func (d *door) banish(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who := banned{user: s.user}
	if s.from > 0 {
		who.addr = d.at[s.from].addr
	}
	now := d.now()
	if len(d.bans) >= mostGuests {
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
}
