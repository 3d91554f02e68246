package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lesismal/nbio"

	"barrage/gateway/door"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
)

// visitor is who asks for a WebSocket.
type visitor struct {
	user   string // who they say they are; after guard.who who they are
	token  string
	key    string // Sec-WebSocket-Key
	more   string // further header lines of the answer
	asOf   uint64 // see tokenWatcher
	ticket door.Ticket
	// room, address and origin are where they want to go and where they come from, for the connect hook.
	room, address, origin string

	// What guard.who found out. pass is what the token says of them, nil where it is one of a login or nobody looked at
	// it; cred is what the store is asked again. proven: the token was checked. guest: they have no user id of their
	// own. unsure: the store could not say whether the token is revoked.
	pass   *pass.Pass
	cred   chat.Credential
	proven bool
	guest  bool
	unsure bool
	rights *rights // in the room they come into
	// deflate: it was agreed on that messages may be deflated.
	deflate bool
}

// Admit does what every WebSocket request goes through before it is known what it is
// for; then come in. who reads the visitor from the request. A refusal that come returns is
// the answer, which write gives.
func (e *Edge) Admit(w http.ResponseWriter, r *http.Request, who func(*http.Request) (visitor, *refusal),
	write func(http.ResponseWriter, *refusal), come func(context.Context, *visitor) *refusal,
) {
	bad := func() *refusal {
		key, bad := checkHandshake(r)
		if bad != nil {
			return bad
		}
		v, bad := e.identify(r, who)
		if bad != nil {
			return bad
		}
		v.key, v.asOf = key, e.Tokens.asOf()
		var no *door.Refused
		if v.ticket, no = e.Door.Knock(r); no != nil {
			return turnedAway(no)
		}
		if !e.Sessions.reserve() {
			e.Door.Leave(v.ticket, v.user)
			e.Stats.full.Add(1)
			return e.full()
		}
		ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
		defer cancel()
		bad = come(ctx, &v)
		if bad != nil {
			e.Sessions.unreserve()
			e.Door.Leave(v.ticket, v.user)
		}
		return bad
	}()
	if bad != nil {
		e.Stats.refusedHandshakes.Add(1)
		w.Header().Set("Connection", "close") // no place for strangers who only knock
		write(w, bad)
	}
}

// WouldAdmit is the refusal that Admit would give, and takes nothing.
func (e *Edge) WouldAdmit(r *http.Request, who func(*http.Request) (visitor, *refusal), come func(context.Context, *visitor) *refusal) *refusal {
	v, bad := e.identify(r, who)
	if bad != nil {
		return bad
	}
	var no *door.Refused
	if v.ticket, no = e.Door.Knock(r); no != nil {
		return turnedAway(no)
	}
	defer func() { e.Door.Leave(v.ticket, v.user) }()
	if e.Sessions.Held() >= e.Sessions.Most() {
		return e.full()
	}
	ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
	defer cancel()
	return come(ctx, &v)
}

// visitor is somebody who shows a token, or none, and wants to go into the room. What outlives the request the caller
// has copied; room is copied here.
func (e *Edge) visitor(r *http.Request, user, token, room string) visitor {
	v := visitor{user: user, token: token}
	if e.Guard.hook != nil {
		v.room, v.address, v.origin = strings.Clone(room), e.Door.ClientOf(r), strings.Clone(r.Header.Get("Origin"))
	}
	return v
}

// Enter counts the connection as one of its user's; the token has been checked where tokens count.
func (e *Edge) Enter(v *visitor) *refusal {
	if v.guest {
		return nil // nobody else has the name: their address alone is counted
	}
	return turnedAway(e.Door.Enter(&v.ticket, v.user, v.proven))
}

// Forget takes back what Enter counted, of a visitor who does not come in after all.
func (e *Edge) Forget(v *visitor) { e.Door.Forget(v.ticket, v.user) }

// MayOpen is nil where the room is live, or may be made live for the request.
func (e *Edge) MayOpen(ctx context.Context, r *http.Request, id string) *refusal {
	if e.Hall.Live(id) {
		return nil
	}
	if bad := turnedAway(e.Door.NewRoom(r)); bad != nil {
		return bad
	}
	if err := e.Hall.Full(); err != nil {
		return noRoom(err)
	}
	return e.Guard.exists(ctx, id)
}

// OpenRoom opens a room for somebody who may come in.
func (e *Edge) OpenRoom(ctx context.Context, r *http.Request, id string) (*room.Room, *refusal) {
	if bad := e.MayOpen(ctx, r, id); bad != nil {
		return nil, bad
	}
	rm, err := e.Hall.Open(ctx, id)
	switch {
	case errors.Is(err, room.ErrTooManyRooms):
		return nil, noRoom(err)
	case err != nil:
		e.Log.Warn("cannot open a room", "room", id, "err", err)
		return nil, refuse(http.StatusServiceUnavailable, "cannot open the room now: its history cannot be read")
	}
	return rm, nil
}

// turnedAway is the door's refusal as answers have it; nil of nil.
func turnedAway(no *door.Refused) *refusal {
	if no == nil {
		return nil
	}
	switch no.Limit {
	case door.Handshakes, door.Scans, door.Held:
		return refuse(http.StatusServiceUnavailable, "%s", no.Why).as("busy").after(no.Wait)
	case door.UserConnections, door.IPConnections:
		return refuse(http.StatusTooManyRequests, "%s", no.Why).as("too_many_connections")
	default:
		return refuse(http.StatusTooManyRequests, "%s", no.Why).after(no.Wait)
	}
}

// noRoom refuses one more room than may be live.
func noRoom(err error) *refusal {
	return refuse(http.StatusServiceUnavailable, "%v", err).as("no_room")
}

// identify is who asks for a WebSocket, unless nobody of that page gets one, or nobody at all.
func (e *Edge) identify(r *http.Request, who func(*http.Request) (visitor, *refusal)) (v visitor, bad *refusal) {
	if !origins(e.Config.CORS.AllowedOrigins).allow(r) {
		return v, refuse(http.StatusForbidden, "origin %q is not in cors.allowed_origins", r.Header.Get("Origin")).as("origin_not_allowed")
	}
	v, bad = who(r)
	if bad == nil && e.draining.Load() {
		bad = leaving
	}
	return v, bad
}

// leaving refuses what comes while the node drains.
var leaving = refuse(http.StatusServiceUnavailable, "the node is leaving, try again").as("draining")

// full refuses one WebSocket too many.
func (e *Edge) full() *refusal {
	return refuse(http.StatusServiceUnavailable, "the node is full: %d connections", e.Sessions.most).as("full")
}

// takeOver takes the connection from net/http to the pollers and says 101, then
// first, in one write. The session is complete before the poller knows it, so its
// first message cannot come too early. On a refusal the session was never added;
// once nil is returned, gone will be called.
func (c *session) takeOver(w http.ResponseWriter, v *visitor, first []byte) *refusal {
	e := c.edge
	var no *door.Refused
	if v.ticket, no = e.Door.Hold(v.ticket, len(first)); no != nil {
		return turnedAway(no)
	}
	c.ticket.Store(uint32(v.ticket))
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return refuse(http.StatusInternalServerError, "cannot take the connection over: %v", err)
	}
	conn, clean := door.Unwrap(conn)
	if buffered.Reader.Buffered() > 0 || !clean {
		// RFC 6455 section 4.1: a client waits for the answer before it sends.
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
		_ = conn.Close()
		return answered
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		_ = conn.Close()
		return answered // the peer has gone
	}
	nb, err := nbio.NBConn(conn) // duplicates the descriptor and closes conn
	if err != nil {
		e.Log.Warn("cannot take a connection over", "err", err)
		_ = conn.Close()
		return answered
	}
	dropAddrs(nb)
	c.nb = nb
	nb.Lock() // nbio takes it before it calls us: so the race detector, too, sees that c is complete
	nb.SetSession(c)
	nb.Unlock()
	e.begin(c, append(switching(v.key, v.more), first...))
	e.Tokens.entered(*v)
	if e.draining.Load() {
		c.close(closeRestart) // Drain may have been there before the session was
	}
	return nil
}

// shows has v be the session's user, who shows a token by a frame.
func (c *session) shows(v *visitor, token string) {
	v.token, v.asOf, v.ticket = token, c.edge.Tokens.asOf(), door.Ticket(c.ticket.Load()).Without()
}

// identify makes the session one of the visitor's, who has shown their token by a frame, and says first. It is false
// where the connection was closed meanwhile.
func (m *member) identify(v *visitor, first []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut == isGone {
		return false
	}
	m.user = v.user
	for t := m.ticket.Load(); !m.ticket.CompareAndSwap(t, t|uint32(v.ticket)); t = m.ticket.Load() {
	}
	if m.edge.Guard.unproven(*v) {
		m.bad |= unjoined
	}
	m.unicastLocked(first)
	m.rights.Store(v.rights) // from here on others look at the rest
	return true
}

// begin gives the session to its poller and says hello. Whoever finds it meanwhile, as
// Drain may, or a client that does not wait for the 101, has to wait: the lock is held.
func (e *Edge) begin(c *session, hello []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.Sessions.add(c)
	e.Stats.handshakes.Add(1)
	if _, err := e.engine.AddConn(c.nb); err != nil {
		e.Log.Warn("cannot watch a connection", "err", err) // nbio has closed it and tells gone
		return
	}
	c.unicastLocked(hello)
	c.rest = toKibibytes(int(c.pending.Load())) // it is no answer
	if c.rest == 0 {
		c.free()
	}
}
