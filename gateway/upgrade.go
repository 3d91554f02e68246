package gateway

import (
	"context"
	"errors"
	"net/http"
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
}

// admit does what every WebSocket request goes through before it is known what it is
// for; then come in. who reads the visitor from the request. A refusal that come returns is
// the answer, which write gives.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, who func(*http.Request) (visitor, *refusal),
	write func(http.ResponseWriter, *refusal), come func(context.Context, *visitor) *refusal,
) {
	bad := func() *refusal {
		key, bad := checkHandshake(r)
		if bad != nil {
			return bad
		}
		v, bad := s.identify(r, who)
		if bad != nil {
			return bad
		}
		v.key, v.asOf = key, s.tokens.asOf()
		var no *door.Refused
		if v.ticket, no = s.door.Knock(r); no != nil {
			return turnedAway(no)
		}
		if !s.sessions.reserve() {
			s.door.Leave(v.ticket, v.user)
			s.stats.full.Add(1)
			return s.full()
		}
		ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
		defer cancel()
		bad = come(ctx, &v)
		if bad != nil {
			s.sessions.unreserve()
			s.door.Leave(v.ticket, v.user)
		}
		return bad
	}()
	if bad != nil {
		s.stats.refusedHandshakes.Add(1)
		w.Header().Set("Connection", "close") // no place for strangers who only knock
		write(w, bad)
	}
}

// enter counts the connection as one of its user's; the token has been checked where tokens count.
func (s *Server) enter(v *visitor) *refusal {
	if v.guest {
		return nil // nobody else has the name: their address alone is counted
	}
	return turnedAway(s.door.Enter(&v.ticket, v.user, v.proven))
}

// mayOpen is nil where the room is live, or may be made live for the request.
func (s *Server) mayOpen(ctx context.Context, r *http.Request, id string) *refusal {
	if s.hall.Live(id) {
		return nil
	}
	if bad := turnedAway(s.door.NewRoom(r)); bad != nil {
		return bad
	}
	if err := s.hall.Full(); err != nil {
		return noRoom(err)
	}
	return s.guard.exists(ctx, id)
}

// openRoom opens a room for somebody who may come in.
func (s *Server) openRoom(ctx context.Context, r *http.Request, id string) (*room.Room, *refusal) {
	if bad := s.mayOpen(ctx, r, id); bad != nil {
		return nil, bad
	}
	rm, err := s.hall.Open(ctx, id)
	switch {
	case errors.Is(err, room.ErrTooManyRooms):
		return nil, noRoom(err)
	case err != nil:
		s.log.Warn("cannot open a room", "room", id, "err", err)
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
func (s *Server) identify(r *http.Request, who func(*http.Request) (visitor, *refusal)) (v visitor, bad *refusal) {
	if !origins(s.cfg.CORS.AllowedOrigins).allow(r) {
		return v, refuse(http.StatusForbidden, "origin %q is not in cors.allowed_origins", r.Header.Get("Origin")).as("origin_not_allowed")
	}
	v, bad = who(r)
	if bad == nil && s.draining.Load() {
		bad = leaving
	}
	return v, bad
}

// leaving refuses what comes while the node drains.
var leaving = refuse(http.StatusServiceUnavailable, "the node is leaving, try again").as("draining")

// full refuses one WebSocket too many.
func (s *Server) full() *refusal {
	return refuse(http.StatusServiceUnavailable, "the node is full: %d connections", s.sessions.most).as("full")
}

// takeOver takes the connection from net/http to the pollers and says 101, then
// first, in one write. The session is complete before the poller knows it, so its
// first message cannot come too early. On a refusal the session was never added;
// once nil is returned, gone will be called.
func (s *Server) takeOver(w http.ResponseWriter, v *visitor, c *session, first []byte) *refusal {
	var no *door.Refused
	if v.ticket, no = s.door.Hold(v.ticket, len(first)); no != nil {
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
		s.log.Warn("cannot take a connection over", "err", err)
		_ = conn.Close()
		return answered
	}
	dropAddrs(nb)
	c.nb = nb
	nb.Lock() // nbio takes it before it calls us: so the race detector, too, sees that c is complete
	nb.SetSession(c)
	nb.Unlock()
	s.begin(c, append(switching(v.key, v.more), first...))
	s.tokens.entered(*v)
	if s.draining.Load() {
		c.close(closeRestart) // Drain may have been there before the session was
	}
	return nil
}

// begin gives the session to its poller and says hello. Whoever finds it meanwhile, as
// Drain may, or a client that does not wait for the 101, has to wait: the lock is held.
func (s *Server) begin(c *session, hello []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.sessions.add(c)
	s.stats.handshakes.Add(1)
	if _, err := s.engine.AddConn(c.nb); err != nil {
		s.log.Warn("cannot watch a connection", "err", err) // nbio has closed it and tells gone
		return
	}
	c.unicastLocked(hello)
	c.rest = toKibibytes(int(c.pending.Load())) // it is no answer
	if c.rest == 0 {
		c.free()
	}
}
