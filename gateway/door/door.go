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

	"golang.org/x/time/rate"

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
	// mostScans bounds the calls that read or scan a history at one time, on the node and for an address. 32 of them at
	// pages of 1 MiB had others wait for 1.7 s (p99) where Redis and node share two cores.
	mostScans       = 8
	mostScansOfAddr = 2
	// mostHeld bounds what waits to be read by clients, in units of heldUnit bytes, on the node and for an address:
	// some 128 and 8 MiB. An address that holds nothing may have one more answer, up to twice that. Smaller answers are
	// not counted: the kernel takes most of them.
	mostHeld       = 680
	mostHeldOfAddr = 42
	heldUnit       = 192 << 10
	// mostUnits is what one ticket can hold: more than any frame has.
	mostUnits = 7
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
	ClientIPHeader string   // empty: X-Forwarded-For
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
	IPHeld
	Held
	Flooding
	limits
)

var limitNames = [limits]string{
	"handshakes", "ip_handshakes", "ip_connections", "user_connections", "new_rooms", "http_rate", "login_rate", "ip_scans",
	"scans", "ip_held", "held", "flooding",
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
	rates struct{ ipHandshakes, newRooms, http, login pace.Rate }
	// handshakes are all of the node's. Rates of more than some hundred a second are too coarse in milliseconds.
	handshakes *rate.Limiter

	over [limits]atomic.Uint64 // how often somebody was refused for it

	mu          sync.Mutex // guards the fields below; a leaf, but for handshakes' own
	scans, held int
	users       map[who]int // connections
	// from are the addresses that are here or were lately; at finds them by guest.id, 0 is nobody. idle is how many of
	// them only were.
	from map[netip.Prefix]*guest
	at   []*guest
	free []uint32
	idle int
	// logins are those of a user at an address, bans of a user who was checked, or of one at an address.
	logins map[who]pace.Used
	bans   map[who]ban
	notes  []note // for Report
	missed int    // notes that had no place
}

// guest is what one address has used.
type guest struct {
	addr                       netip.Prefix
	id                         uint32 // its place in Door.at
	connections, scans, held   int
	handshakes, newRooms, http pace.Used
	noted                      uint32 // until when nothing more is noted of it; 0: nothing was
}

// who is a user where somebody has checked that, else a user at an address: a stranger elsewhere may have the name,
// too.
type who struct {
	user string
	addr netip.Prefix
}

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

// Holds reports whether something is held.
func (t Ticket) Holds() bool { return t&unitMask != 0 }

// Without is the ticket that holds nothing.
func (t Ticket) Without() Ticket { return t &^ unitMask }

func (t Ticket) units() int { return int(t&unitMask) >> idBits }

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
		users: map[who]int{}, from: map[netip.Prefix]*guest{}, at: []*guest{nil}, logins: map[who]pace.Used{}, bans: map[who]ban{},
	}
	d.addrs = newAddresses(&cfg, func(why string, peer netip.Addr) { log.Warn(why, "peer", peer) })
	c := d.cfg
	d.handshakes = rate.NewLimiter(rate.Inf, 0)
	if c.Handshakes > 0 {
		d.handshakes = rate.NewLimiter(rate.Limit(c.Handshakes), c.HandshakesBurst)
	}
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

// Knock lets a request for a WebSocket come in as far as the checks of its token, and counts it as a connection of its
// address from now on.
func (d *Door) Knock(r *http.Request) (t Ticket, no *Refused) {
	if !d.cfg.Enabled {
		return 0, nil
	}
	addr := d.addrs.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.guestLocked(addr)
	if g != nil {
		if wait := d.rates.ipHandshakes.Take(&g.handshakes, d.now(), 1); wait > 0 {
			return 0, d.refuseLocked(IPHandshakes, g, wait, "too many connections were opened from %v", addr)
		}
		if most := d.cfg.IPConnections; most > 0 && g.connections >= most {
			return 0, d.refuseLocked(IPConnections, g, 0, "%v has %d connections, as many as it may", addr, most)
		}
	}
	// Last: what one address asks for in vain must not use up what all may.
	now := time.UnixMilli(int64(d.now()))
	if all := d.handshakes.ReserveN(now, 1); all.DelayFrom(now) > 0 {
		wait := all.DelayFrom(now)
		all.CancelAt(now)
		return 0, d.refuseLocked(Handshakes, nil, wait, "too many clients come at once")
	}
	if g == nil {
		return 0, nil
	}
	d.useLocked(g, func() { g.connections++ })
	if most := d.cfg.IPConnections; most > 0 && float64(g.connections) > nearly*float64(most) {
		d.noteLocked(g, "an address has nearly as many connections as it may", "connections", g.connections, "limit", most)
	}
	return Ticket(g.id), nil
}

// Enter lets the holder of a ticket in as a user, and counts the connection as the user's from now on. checked says
// that somebody has checked who it is. Else the user counts at the address only, and where that is not counted not at
// all: nobody can use up what another may have by taking their name.
func (d *Door) Enter(t *Ticket, user string, checked bool) *Refused {
	if !d.cfg.Enabled {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	in := *t
	if checked {
		in |= known
	}
	who, ok := d.whoLocked(in, user)
	if !ok {
		return nil
	}
	if b, ok := d.bans[who]; ok && int32(b.until-d.now()) > 0 {
		return d.refuseLocked(Flooding, nil, time.Duration(b.until-d.now())*time.Millisecond, "too much was sent from here")
	}
	if most := d.cfg.UserConnections; most > 0 && d.users[who] >= most {
		return d.refuseLocked(UserConnections, nil, 0, "user %q has %d connections, as many as a user may have", user, most)
	}
	d.users[who]++
	*t = in | counted
	return nil
}

// Banned refuses the call of a user who flooded. checked is as with Enter.
func (d *Door) Banned(r *http.Request, user string, checked bool) *Refused {
	if !d.cfg.Enabled {
		return nil
	}
	who := who{user: user}
	if !checked {
		if who.addr = d.addrs.of(r); !who.addr.IsValid() {
			return nil
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if b, ok := d.bans[who]; ok && int32(b.until-d.now()) > 0 {
		return d.refuseLocked(Flooding, nil, time.Duration(b.until-d.now())*time.Millisecond, "too much was sent from here")
	}
	return nil
}

// whoLocked is under whom the user of a ticket counts; ok is false where that is nobody. d.mu must be held.
func (d *Door) whoLocked(t Ticket, user string) (w who, ok bool) {
	w.user = user
	if t&known == 0 && t.id() > 0 {
		w.addr = d.at[t.id()].addr
	}
	return w, t&known != 0 || t.id() > 0
}

// useLocked changes what a guest has here. d.mu must be held.
func (d *Door) useLocked(g *guest, change func()) {
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

// Leave ends a connection that Knock counted, and Enter if it did.
func (d *Door) Leave(t Ticket, user string) {
	if !d.cfg.Enabled {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.freeLocked(t)
	if t&counted != 0 {
		w, _ := d.whoLocked(t, user)
		if d.users[w]--; d.users[w] <= 0 {
			delete(d.users, w)
		}
	}
	if t.id() > 0 {
		g := d.at[t.id()]
		d.useLocked(g, func() { g.connections-- })
	}
}

// Hold takes room for an answer of so many bytes that its client has yet to read. The ticket that it returns is the
// connection's from now on, until Free or Leave; it must hold nothing before.
func (d *Door) Hold(t Ticket, bytes int) (Ticket, *Refused) {
	units := min(unitsOf(bytes), mostUnits)
	if !d.cfg.Enabled || units == 0 {
		return t, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if no := d.holdLocked(d.at[t.id()], units); no != nil {
		return t, no
	}
	return t | Ticket(units)<<idBits, nil
}

// unitsOf rounds up; what is below one unit is not counted.
func unitsOf(bytes int) int {
	if bytes < heldUnit {
		return 0
	}
	return (bytes + heldUnit - 1) / heldUnit
}

func (d *Door) holdLocked(g *guest, units int) *Refused {
	if g != nil && g.held+units > mostHeldOfAddr {
		return d.refuseLocked(IPHeld, g, time.Second, "%v has yet to read what it asked for", g.addr)
	}
	most := mostHeld
	if g != nil && g.held == 0 {
		most *= 2 // others cannot keep it out
	}
	if d.held+units > most {
		return d.refuseLocked(Held, nil, time.Second, "too many clients have yet to read what they asked for, try again")
	}
	d.held += units
	if g != nil {
		d.useLocked(g, func() { g.held += units })
	}
	return nil
}

// Free ends Hold: the client has read it.
func (d *Door) Free(t Ticket) {
	if t.units() == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.freeLocked(t)
}

func (d *Door) freeLocked(t Ticket) {
	units := t.units()
	d.held -= units
	if g := d.at[t.id()]; g != nil && units > 0 {
		d.useLocked(g, func() { g.held -= units })
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
	now := d.now()
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
		return d.rates.ipHandshakes.Ahead(g.handshakes, now)+d.rates.newRooms.Ahead(g.newRooms, now)+d.rates.http.Ahead(g.http, now) == 0
	})
	if d.idle >= mostGuests/2 { // else it would soon be looked through again
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

// Login lets a user try to log in from where the request comes: who tries from elsewhere does not keep them out.
func (d *Door) Login(r *http.Request, user string) *Refused {
	if !d.cfg.Enabled {
		return nil
	}
	who := who{user, d.addrs.of(r)}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if len(d.logins) >= mostGuests {
		for who, u := range d.logins {
			if d.rates.login.Ahead(u, now) == 0 {
				delete(d.logins, who)
			}
		}
		if len(d.logins) >= mostGuests/2 {
			clear(d.logins)
		}
	}
	u := d.logins[who]
	wait := d.rates.login.Take(&u, now, 1)
	d.logins[who] = u
	if wait > 0 {
		return d.refuseLocked(LoginRate, nil, wait, "user %q logs in too often", user)
	}
	return nil
}

// Reading is a call that reads or scans a history. Its methods are called by one goroutine; that of a door without
// limits is nil, which may be used.
type Reading struct {
	door  *Door
	guest *guest // nil: of nobody
	units int    // that its answer holds
	read  bool   // the history is read
}

// Scan lets a request read or scan a history; the caller calls Done when that is done, and Sent when the answer is.
func (d *Door) Scan(r *http.Request) (*Reading, *Refused) {
	if !d.cfg.Enabled {
		return nil, nil
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
		d.useLocked(g, func() { g.scans++ })
	}
	return &Reading{door: d, guest: g}, nil
}

// Done ends the reading, and takes room for an answer of so many bytes.
func (r *Reading) Done(bytes int) *Refused {
	if r == nil || r.read {
		return nil
	}
	d := r.door
	d.mu.Lock()
	defer d.mu.Unlock()
	r.read = true
	d.scans--
	if g := r.guest; g != nil {
		d.useLocked(g, func() { g.scans-- })
	}
	units := unitsOf(bytes)
	if units == 0 {
		return nil
	}
	no := d.holdLocked(r.guest, units)
	if no == nil {
		r.units = units
	}
	return no
}

// Sent says that the answer is on its way. It may be called without Done.
func (r *Reading) Sent() {
	_ = r.Done(0)
	if r == nil || r.units == 0 {
		return
	}
	d := r.door
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held -= r.units
	if g := r.guest; g != nil {
		d.useLocked(g, func() { g.held -= r.units })
	}
	r.units = 0
}

// AddrOf is the address of a request as it is counted; not valid where it is not.
func (d *Door) AddrOf(r *http.Request) netip.Prefix { return d.addrs.of(r) }

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
	n := note{text: "a client sent too much, and stays out for a while", args: []any{"user", user, "for", time.Duration(b.long) * time.Millisecond}}
	if g := d.at[t.id()]; g != nil {
		n.addr = g.addr
	}
	d.sayLocked(n)
}
