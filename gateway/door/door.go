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

	"barrage/internal/once"
	"barrage/internal/pace"
)

// Bounds of what the door remembers.
const (
	// mostAbsent bounds each of its tables of those who are not here: some 10 MB. A full table forgets entries that are
	// over, and if none is, all.
	mostAbsent = 100_000
	// banFirst and banMost are how long somebody who flooded stays out: twice as long each time.
	banFirst = 30 * time.Second
	banMost  = 10 * time.Minute
	// mostScans bounds the calls that read or scan a history at one time, on the node and for an address. 32 of them at
	// pages of 1 MiB had others wait for 1.7 s (p99) where Redis and node share two cores.
	mostScans       = 8
	mostScansOfAddr = 2
	// mostUnread bounds what waits to be read by clients, in units of unreadUnit bytes, on the node and for an address.
	// That is some 128 and 8 MiB. An address that has none unread may have one more answer, up to twice that.
	mostUnread       = 680
	mostUnreadOfAddr = 42
	unreadUnit       = 192 << 10
	// leastUnread is how many bytes an answer has at least that is counted. The kernel takes some 86 KiB of one with
	// server.send_buffer of 64 KiB. Of 180 KiB, which were not counted once, each of 300 sockets left 98 KiB in the node.
	leastUnread = 96 << 10
	// chargedUnit is how many bytes of a history count as one more request of limits.http_rate. An answer of 1 MiB took
	// Redis and the node some 20 ms, one of 20 KB, 100 messages, less than 1 ms.
	chargedUnit = 64 << 10
	// unitsOfAnswer is what a usual large answer has, a page of 256 KiB: without place for that nothing is read.
	unitsOfAnswer = 2
	// mostUnits is what one ticket can hold: more than any frame has.
	mostUnits = 7
	// mostNotes bounds what waits for LogNotes, noteEvery is the time in ms between two notes about one address.
	mostNotes = 10
	noteEvery = 60_000
	// roomsOfLists is the part of limits.rooms that lists of one address may make live at once, one in so many. People
	// come with hundreds of rooms each, all at once where a node is new.
	roomsOfLists = 20
	// allRequests is how many times limits.http_rate an address may ask for anything at all: pages, paths that do not
	// exist, refused calls. Some 20 µs each, 200 of them a second take half a percent of a core.
	allRequests = 10
	// kept is the part of limits.handshakes_burst for addresses that have not come just now. Some tens of addresses, each
	// with its own burst, leave newcomers that.
	kept = 0.25
	// nearly is the part of limits.ip_connections above which an address is noted.
	nearly = 0.8
)

// Config holds the settings of a door.
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
	IPMessages
	UserConnections
	NewRooms
	HTTPRate
	LoginRate
	IPScans
	Scans
	IPUnread
	Unread
	Flooding
	limits
)

var limitNames = [limits]string{
	"handshakes", "ip_handshakes", "ip_connections", "ip_message_rate", "user_connections", "new_rooms", "http_rate", "login_rate", "ip_scans",
	"scans", "ip_unread", "unread", "flooding",
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
	now  func() uint32
	log  *slog.Logger
	warn func(why string, peer netip.Addr) // logs each reason once

	set atomic.Pointer[settings] // see Reload

	over [limits]atomic.Uint64 // how often somebody was refused for it

	mu            sync.Mutex // guards the fields below; a leaf, but for handshakes' own
	scans, unread int
	users         map[who]int // connections
	// from are the addresses that are here or were lately; at finds them by source.id, 0 is nobody. The number idle counts
	// those that only were.
	from map[netip.Prefix]*source
	at   []*source
	free []uint32
	idle int
	// logins are those of a user at an address, bans of a user who was checked, or of one at an address.
	logins map[who]pace.Used
	bans   map[who]ban
	notes  []note // for LogNotes
	missed int    // notes that had no place
}

// who is a user where somebody has checked that, else a user at an address: a stranger elsewhere may have the name,
// too.
type who struct {
	user string
	addr netip.Prefix
}

// settings are what Reload replaces. Nobody changes them.
type settings struct {
	Limits
	*addresses

	rates struct{ ipHandshakes, messages, newRooms, listRooms, http, requests, login pace.Rate }
	// handshakes are all of the node's. Rates of more than some hundred a second are too coarse in milliseconds.
	handshakes *rate.Limiter
}

// New is for settings that are valid. The clock now is in ms and wraps around. The door writes to log about addresses
// that are over their limits, and about proxies that hide them.
func New(cfg Config, now func() uint32, log *slog.Logger) *Door {
	d := &Door{
		now: now, log: log,
		users: map[who]int{}, from: map[netip.Prefix]*source{}, at: []*source{nil}, logins: map[who]pace.Used{}, bans: map[who]ban{},
	}
	var warned once.Logged
	d.warn = func(why string, peer netip.Addr) {
		if warned.IsNew(why) {
			log.Warn(why, "peer", peer)
		}
	}
	d.Reload(cfg)
	return d
}

// Reload has other settings hold from now on, which are valid. Clients that are here stay, also above a limit that is
// lower now, and stay counted; clients that came while limits were off are not.
func (d *Door) Reload(cfg Config) {
	s := &settings{Limits: cfg.Limits, addresses: newAddresses(&cfg, d.warn)}
	c := &s.Limits
	switch old := d.set.Load(); {
	case old != nil && old.Handshakes == c.Handshakes && old.HandshakesBurst == c.HandshakesBurst:
		s.handshakes = old.handshakes // the part that is used up stays so
	case c.Handshakes > 0:
		s.handshakes = rate.NewLimiter(rate.Limit(c.Handshakes), c.HandshakesBurst)
	default:
		s.handshakes = rate.NewLimiter(rate.Inf, 0)
	}
	s.rates.ipHandshakes = pace.PerSecond(c.IPHandshakes, c.IPHandshakesBurst)
	s.rates.messages = pace.PerSecond(c.IPMessageRate, c.IPMessageBurst)
	s.rates.newRooms = pace.PerSecond(c.NewRooms, c.NewRoomsBurst)
	if c.Rooms > 0 {
		s.rates.listRooms = pace.PerSecond(c.NewRooms, max(c.NewRoomsBurst, c.Rooms/roomsOfLists))
	}
	s.rates.http = pace.PerSecond(c.HTTPRate, c.HTTPBurst)
	s.rates.requests = pace.PerSecond(min(allRequests*c.HTTPRate, maxRate), min(allRequests*c.HTTPBurst, maxBurst))
	s.rates.login = pace.PerSecond(c.LoginRate, c.LoginBurst)
	d.set.Store(s)
}

// refuseLocked refuses what is over a limit. src is whose it is, nil for nobody's. d.mu must be held.
func (d *Door) refuseLocked(l Limit, src *source, wait time.Duration, format string, args ...any) *Refused {
	d.overLocked(l, src)
	return &Refused{l, wait, fmt.Sprintf(format, args...)}
}

// overLocked counts what is over a limit. src is whose it is, nil for nobody's. d.mu must be held.
func (d *Door) overLocked(l Limit, src *source) {
	d.over[l].Add(1)
	if src != nil {
		d.noteLocked(src, "an address is over a limit", "limit", l.String(), "connections", src.connections)
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

// Knock lets a request for a WebSocket come in as far as the checks of its token. From now on it counts as a connection
// of its address.
func (d *Door) Knock(r *http.Request) (t Ticket, no *Refused) {
	s := d.set.Load()
	if !s.Enabled {
		return 0, nil
	}
	addr := s.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	src := d.sourceLocked(addr)
	often := src != nil && s.rates.ipHandshakes.Ahead(src.handshakes, d.now()) > 0
	if src != nil {
		if wait := s.rates.ipHandshakes.Take(&src.handshakes, d.now(), 1); wait > 0 {
			return 0, d.refuseLocked(IPHandshakes, src, wait, "too many connections were opened from %v", addr)
		}
		if most := s.IPConnections; most > 0 && src.connections >= most {
			return 0, d.refuseLocked(IPConnections, src, 0, "%v has %d connections, as many as it may", addr, most)
		}
	}
	// Last: requests that one address makes in vain must not use up the limit of all.
	if wait := s.comeIn(time.UnixMilli(int64(d.now())), often); wait > 0 {
		return 0, d.refuseLocked(Handshakes, nil, wait, "too many clients come at once")
	}
	if src == nil {
		return 0, nil
	}
	d.useLocked(src, func() { src.connections++ })
	if most := s.IPConnections; most > 0 && float64(src.connections) > nearly*float64(most) {
		d.noteLocked(src, "an address has nearly as many connections as it may", "connections", src.connections, "limit", most)
	}
	return Ticket(src.id), nil
}

// comeIn takes one of the node's handshakes, or returns after what time there may be one. The flag often says whether
// the address came just now as well: it leaves the others kept of the burst.
func (s *settings) comeIn(now time.Time, often bool) (wait time.Duration) {
	left := 0
	if often {
		left = int(kept * float64(s.handshakes.Burst()))
	}
	all := s.handshakes.ReserveN(now, 1+left)
	if wait = all.DelayFrom(now); wait > 0 || left > 0 {
		all.CancelAt(now)
	}
	if wait == 0 && left > 0 {
		s.handshakes.AllowN(now, 1)
	}
	return wait
}

// Enter lets the holder of a ticket in as a user, and counts the connection as the user's from now on. The flag checked
// says that somebody has checked who it is. Else the user counts at the address only, and where that is not counted not
// at all. So nobody can use up what another may have by taking their name.
func (d *Door) Enter(t *Ticket, user string, checked bool) *Refused {
	s := d.set.Load()
	if !s.Enabled {
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
	if no := d.bannedLocked(who); no != nil {
		return no
	}
	if most := s.UserConnections; most > 0 && d.users[who] >= most {
		return d.refuseLocked(UserConnections, nil, 0, "user %q has %d connections, as many as a user may have", user, most)
	}
	d.users[who]++
	*t = in | counted
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

// Forget ends what Enter counted for a connection that lives on.
func (d *Door) Forget(t Ticket, user string) {
	if t == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncountLocked(t, user)
}

// uncountLocked counts one connection of a user less, if Enter counted it. d.mu must be held.
func (d *Door) uncountLocked(t Ticket, user string) {
	if t&counted == 0 {
		return
	}
	w, _ := d.whoLocked(t, user)
	if d.users[w]--; d.users[w] <= 0 {
		delete(d.users, w)
	}
}

// Leave ends a connection that Knock counted, and Enter if it did.
func (d *Door) Leave(t Ticket, user string) {
	if t == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.freeLocked(t)
	d.uncountLocked(t, user)
	src := d.at[t.id()]
	d.useLocked(src, func() { src.connections-- })
}

// Call lets a request of the HTTP API in.
func (d *Door) Call(r *http.Request) *Refused {
	s := d.set.Load()
	return d.take(s, HTTPRate, r, s.rates.http, func(src *source) *pace.Used { return &src.http }, "too many requests came from %v")
}

// Request lets a request in, whatever it asks for.
func (d *Door) Request(r *http.Request) *Refused {
	s := d.set.Load()
	return d.take(s, HTTPRate, r, s.rates.requests, func(src *source) *pace.Used { return &src.requests }, "too many requests came from %v")
}

// NewRoom lets a request make one more room live.
func (d *Door) NewRoom(r *http.Request) *Refused {
	s := d.set.Load()
	return d.take(s, NewRooms, r, s.rates.newRooms, func(src *source) *pace.Used { return &src.newRooms }, "too many new rooms were opened from %v")
}

// ListRoom lets a list of the ticket's holder make one more room live.
func (d *Door) ListRoom(t Ticket) bool {
	return d.takeOf(t, NewRooms, func(s *settings) pace.Rate { return s.rates.listRooms }, func(src *source) *pace.Used { return &src.listRooms }) == 0
}

// Message takes one message of all that the ticket's address may send, or returns how long to wait until it could.
func (d *Door) Message(t Ticket) (wait time.Duration) {
	return d.takeOf(t, IPMessages, func(s *settings) pace.Rate { return s.rates.messages }, func(src *source) *pace.Used { return &src.messages })
}

// takeOf takes one unit of what the ticket's address may have.
func (d *Door) takeOf(t Ticket, l Limit, rate func(*settings) pace.Rate, of func(*source) *pace.Used) (wait time.Duration) {
	s := d.set.Load()
	if t.id() == 0 || !s.Enabled {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	src := d.at[t.id()]
	if src == nil { // it has gone
		return 0
	}
	if wait = rate(s).Take(of(src), d.now(), 1); wait > 0 {
		d.overLocked(l, src)
	}
	return wait
}

func (d *Door) take(s *settings, l Limit, r *http.Request, rate pace.Rate, of func(*source) *pace.Used, why string) *Refused {
	if !s.Enabled {
		return nil
	}
	addr := s.of(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if src := d.sourceLocked(addr); src != nil {
		if wait := rate.Take(of(src), d.now(), 1); wait > 0 {
			return d.refuseLocked(l, src, wait, why, addr)
		}
	}
	return nil
}

// Login lets a user try to log in from where the request comes: tries from elsewhere do not keep them out.
func (d *Door) Login(r *http.Request, user string) *Refused {
	s := d.set.Load()
	if !s.Enabled {
		return nil
	}
	who := who{user, s.of(r)}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if len(d.logins) >= mostAbsent {
		for who, u := range d.logins {
			if s.rates.login.Ahead(u, now) == 0 {
				delete(d.logins, who)
			}
		}
		if len(d.logins) >= mostAbsent/2 {
			clear(d.logins)
		}
	}
	u := d.logins[who]
	wait := s.rates.login.Take(&u, now, 1)
	d.logins[who] = u
	if wait > 0 {
		return d.refuseLocked(LoginRate, nil, wait, "user %q logs in too often", user)
	}
	return nil
}

// ClientOf is where a request comes from; not valid where nobody knows.
func (d *Door) ClientOf(r *http.Request) netip.Addr {
	addr, _ := d.set.Load().client(r)
	return addr
}

// SourceOf is as [Ticket.Source] of a request.
func (d *Door) SourceOf(r *http.Request) int {
	s := d.set.Load()
	if !s.Enabled {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if src := d.sourceLocked(s.of(r)); src != nil {
		return int(src.id)
	}
	return 0
}
