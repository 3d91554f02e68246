// Package door lets people in: it counts who comes, from where and how often, before anything is asked of the store.
// It knows the client's address also behind proxies, and closes connections that ask for nothing.
package door

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"barrage/internal/pace"
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
	// mostNotes bounds what waits for Report, noteEvery is the time in ms between two notes about one address.
	mostNotes = 10
	noteEvery = 60_000
	// nearly is the part of limits.ip_connections above which an address is noted.
	nearly = 0.8
)

// Config is what a door is told.
type Config struct {
	Limits         Limits
	TrustedProxies []string // addresses and prefixes, see ParsePrefixes
	ClientIPHeader string   // empty: X-Forwarded-For, or Forwarded
}

// Limit is why somebody is refused. Its String is the key of the limit where it has one.
type Limit uint8

// The limits.
const (
	Handshakes Limit = iota
	IPHandshakes
	IPConnections
	UserConnections
	NewRooms
	HTTPRate
	LoginRate
	IPScans
	Scans
	Flooding
	limits
)

var limitNames = [limits]string{
	"handshakes", "ip_handshakes", "ip_connections", "user_connections", "new_rooms", "http_rate", "login_rate", "ip_scans",
	"scans", "flooding",
}

func (l Limit) String() string { return limitNames[l] }

// AllLimits are all of them.
func AllLimits() []Limit {
	all := make([]Limit, limits)
	for i := range all {
		all[i] = Limit(i)
	}
	return all
}

// Refused is why somebody may not come in, and after what time trying again makes sense; 0: nobody knows.
type Refused struct {
	Limit Limit
	Wait  time.Duration
	Why   string
}

// Door counts who comes in. Its methods may be called concurrently. Make it with [New].
type Door struct {
	// Immutable.
	cfg   *Limits
	addrs *addresses
	now   func() uint32
	log   *slog.Logger
	rates struct{ handshakes, ipHandshakes, newRooms, http, login pace.Rate }

	over [limits]atomic.Uint64 // how often somebody was refused for it

	mu    sync.Mutex // guards the fields below; a leaf
	all   pace.Used  // of handshakes
	scans int
	users map[string]int // connections of a user
	// from are the addresses that are here or were lately; at finds them by guest.id, 0 is nobody.
	from map[netip.Prefix]*guest
	at   []*guest
	free []uint32
	// logins are those of a user, bans of a user at an address.
	logins map[string]pace.Used
	bans   map[banned]ban
	notes  []note // for Report
	missed int    // notes that had no place
}

// guest is what one address has used.
type guest struct {
	addr                       netip.Prefix
	id                         uint32 // its place in Door.at
	connections, scans         int
	handshakes, newRooms, http pace.Used
	noted                      uint32 // until when nothing more is noted of it; 0: nothing was
}

type banned struct {
	user string
	addr netip.Prefix
}

// ban ends at until; the next one within banMost of that is twice as long.
type ban struct{ until, long uint32 }

// note is what the log is told of an address.
type note struct {
	text string
	addr netip.Prefix
	args []any
}

// New is for settings that are valid. now is a clock in ms that wraps around; log is told of addresses that are over
// their limits, and of proxies that hide them.
func New(cfg Config, now func() uint32, log *slog.Logger) *Door {
	d := &Door{
		cfg: &cfg.Limits, now: now, log: log,
		users: map[string]int{}, from: map[netip.Prefix]*guest{}, at: []*guest{nil}, logins: map[string]pace.Used{}, bans: map[banned]ban{},
	}
	d.addrs = newAddresses(&cfg, func(why string, peer netip.Addr) { log.Warn(why, "peer", peer) })
	c := d.cfg
	d.rates.handshakes = pace.PerSecond(c.Handshakes, c.HandshakesBurst)
	d.rates.ipHandshakes = pace.PerSecond(c.IPHandshakes, c.IPHandshakesBurst)
	d.rates.newRooms = pace.PerSecond(c.NewRooms, c.NewRoomsBurst)
	d.rates.http = pace.PerSecond(c.HTTPRate, c.HTTPBurst)
	d.rates.login = pace.PerSecond(c.LoginRate, c.LoginBurst)
	return d
}

// refuseLocked refuses what is over a limit. g is whose it is, nil for nobody's. d.mu must be held.
func (d *Door) refuseLocked(l Limit, g *guest, wait time.Duration, format string, args ...any) *Refused {
	d.over[l].Add(1)
	if g != nil {
		d.noteLocked(g, "an address is over a limit", "limit", l.String(), "connections", g.connections)
	}
	return &Refused{l, wait, fmt.Sprintf(format, args...)}
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

// Over is how often somebody was refused for a limit.
func (d *Door) Over(l Limit) uint64 { return d.over[l].Load() }

// Addresses is how many addresses are remembered.
func (d *Door) Addresses() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.from)
}

// Scans is how many calls read or scan a history now.
func (d *Door) Scans() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.scans
}

// Knock lets a request for a WebSocket come in as far as the checks of its token, and counts it as a connection of the
// user and of its address from now on. from tells Leave whose.
func (d *Door) Knock(user string, r *http.Request) (from uint32, no *Refused) {
	if !d.cfg.Enabled {
		return 0, nil
	}
	addr := d.addrs.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	g := d.guestLocked(addr)
	if g != nil {
		if wait := d.rates.ipHandshakes.Take(&g.handshakes, now, 1); wait > 0 {
			return 0, d.refuseLocked(IPHandshakes, g, wait, "too many connections were opened from %v", addr)
		}
		if most := d.cfg.IPConnections; most > 0 && g.connections >= most {
			return 0, d.refuseLocked(IPConnections, g, 0, "%v has %d connections, as many as it may", addr, most)
		}
	}
	if b, ok := d.bans[banned{user, addr}]; ok && int32(b.until-now) > 0 {
		return 0, d.refuseLocked(Flooding, nil, time.Duration(b.until-now)*time.Millisecond, "too much was sent from here")
	}
	if most := d.cfg.UserConnections; most > 0 && d.users[user] >= most {
		return 0, d.refuseLocked(UserConnections, nil, 0, "user %q has %d connections, as many as a user may have", user, most)
	}
	// Last: what one address asks for in vain must not use up what all may.
	if wait := d.rates.handshakes.Take(&d.all, now, 1); wait > 0 {
		return 0, d.refuseLocked(Handshakes, nil, wait, "too many clients come at once")
	}
	d.users[user]++
	if g != nil {
		g.connections++
		from = g.id
		if most := d.cfg.IPConnections; most > 0 && float64(g.connections) > nearly*float64(most) {
			d.noteLocked(g, "an address has nearly as many connections as it may", "connections", g.connections, "limit", most)
		}
	}
	return from, nil
}

// Leave ends a connection that Knock counted.
func (d *Door) Leave(user string, from uint32) {
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
func (d *Door) guestLocked(addr netip.Prefix) *guest {
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
func (d *Door) forgetLocked() {
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
		return d.rates.ipHandshakes.Ahead(g.handshakes, now)+d.rates.newRooms.Ahead(g.newRooms, now)+d.rates.http.Ahead(g.http, now) == 0
	})
	if len(d.from) >= mostGuests {
		drop(func(*guest) bool { return true })
	}
}

// Call lets a request of the HTTP API in.
func (d *Door) Call(r *http.Request) *Refused {
	return d.take(HTTPRate, r, d.rates.http, func(g *guest) *pace.Used { return &g.http }, "too many requests came from %v")
}

// NewRoom lets a request make one more room live.
func (d *Door) NewRoom(r *http.Request) *Refused {
	return d.take(NewRooms, r, d.rates.newRooms, func(g *guest) *pace.Used { return &g.newRooms }, "too many new rooms were opened from %v")
}

func (d *Door) take(l Limit, r *http.Request, rate pace.Rate, of func(*guest) *pace.Used, why string) *Refused {
	if !d.cfg.Enabled {
		return nil
	}
	addr := d.addrs.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.guestLocked(addr); g != nil {
		if wait := rate.Take(of(g), d.now(), 1); wait > 0 {
			return d.refuseLocked(l, g, wait, why, addr)
		}
	}
	return nil
}

// Login lets a user try to log in.
func (d *Door) Login(user string) *Refused {
	if !d.cfg.Enabled {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if len(d.logins) >= mostGuests {
		for user, u := range d.logins {
			if d.rates.login.Ahead(u, now) == 0 {
				delete(d.logins, user)
			}
		}
		if len(d.logins) >= mostGuests {
			clear(d.logins)
		}
	}
	u := d.logins[user]
	wait := d.rates.login.Take(&u, now, 1)
	d.logins[user] = u
	if wait > 0 {
		return d.refuseLocked(LoginRate, nil, wait, "user %q logs in too often", user)
	}
	return nil
}

// Scan lets a request read or scan a history; it calls done at the end.
func (d *Door) Scan(r *http.Request) (done func(), no *Refused) {
	if !d.cfg.Enabled {
		return func() {}, nil
	}
	addr := d.addrs.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.guestLocked(addr)
	switch {
	case g != nil && g.scans >= mostScansOfAddr:
		return nil, d.refuseLocked(IPScans, g, time.Second, "%d reads of histories are under way from %v", g.scans, addr)
	case d.scans >= mostScans:
		return nil, d.refuseLocked(Scans, nil, 0, "%d reads of histories are under way, try again", d.scans)
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

// Banish keeps a user who flooded away from the address of the connection that Knock counted for it, for a while.
func (d *Door) Banish(user string, from uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who := banned{user: user}
	if from > 0 {
		who.addr = d.at[from].addr
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
	d.sayLocked(note{"a client sent too much, and stays out for a while", who.addr, []any{"user", user, "for", time.Duration(b.long) * time.Millisecond}})
}
