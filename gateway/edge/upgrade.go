package edge

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
)

// Visitor is who asks for a WebSocket, or calls. Make it with Edge.Visitor.
type Visitor struct {
	// User is who they say they are, empty where they do not say it; after Guard.Who it is who they are.
	User  string
	Token string // empty where they show none
	// Room, address and origin are where they want to go and where they come from, for the connect hook.
	Room, address, origin string
	from                  int // the address as limits count it, 0 where they do not

	// More is further header lines of the answer, each with its end; Deflate says that one of them agrees to
	// permessage-deflate. Both are the protocol's, before TakeOver.
	More    string
	Deflate bool

	// Findings of Guard.Who. Proven: the token was checked. Guest: they have no user id of their own. In pass stands what
	// the token says of them, nil where it is one of a login or nobody looked at it. In cred stands what the store is
	// asked again. With unsure, the store could not report whether the token is revoked.
	Proven bool
	Guest  bool
	pass   *pass.Pass
	cred   chat.Credential
	unsure bool
	// Rights are theirs in the room that they come into; the protocol sets them, as Guard has them.
	Rights *Rights

	key    string // Sec-WebSocket-Key
	asOf   uint64 // see TokenWatcher
	ticket door.Ticket
}

// Admit does what every WebSocket request goes through before it is known what it is for. Then the protocol lets the
// visitor come in. The function who reads the visitor from the request. A refusal that enter returns is the answer,
// which write gives.
func (e *Edge) Admit(w http.ResponseWriter, r *http.Request, who func(*http.Request) (Visitor, *Refusal),
	write func(http.ResponseWriter, *Refusal), enter func(context.Context, *Visitor) *Refusal,
) {
	began := time.Now()
	bad := func() *Refusal {
		if bad := decided(r); bad != nil {
			return bad
		}
		key, bad := checkHandshake(r)
		if bad != nil {
			e.hintUpgrade(r)
			return bad
		}
		v, bad := e.identify(r, who)
		if bad != nil {
			return bad
		}
		v.key, v.asOf = key, e.Tokens.asOf()
		var no *door.Refused
		if v.ticket, no = e.Door.Knock(r); no != nil {
			return RefusedByDoor(no)
		}
		if !e.Sessions.reserve() {
			e.Door.Leave(v.ticket, v.User)
			e.Stats.Full.Add(1)
			return e.full()
		}
		ctx, cancel := callsOf(w, r)
		defer cancel()
		bad = enter(ctx, &v)
		if bad != nil {
			e.Sessions.unreserve()
			e.Door.Leave(v.ticket, v.User)
		}
		return bad
	}()
	if bad == nil && e.OnHandshake != nil {
		e.OnHandshake(time.Since(began))
	}
	if LeftToHTTP(w, bad) {
		return
	}
	if bad != nil {
		e.Stats.RefusedHandshakes.Add(1)
		if e.OnRefused != nil {
			e.OnRefused(bad.Word())
		}
		w.Header().Set("Connection", "close") // no place for strangers who only knock
		write(w, bad)
	}
}

// noCalls is the context of what may wait for nothing.
var noCalls = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// callsOf is the context of the calls that a handshake takes. One that is served where it was accepted takes none that
// wait, and needs no timer: asksNobody goes by settings that no reload changes. Should it take one all the same, that
// fails where the store is not in memory: others wait to be accepted.
func callsOf(w http.ResponseWriter, r *http.Request) (context.Context, context.CancelFunc) {
	if d := doorwayOf(w); d != nil && d.calls != nil {
		return d.calls, func() {}
	}
	return context.WithTimeout(r.Context(), chat.CallTimeout)
}

// WouldAdmit is the refusal that Admit would give now, nil for none. It takes nothing, nor does enter.
func (e *Edge) WouldAdmit(r *http.Request, who func(*http.Request) (Visitor, *Refusal), enter func(context.Context, *Visitor) *Refusal) *Refusal {
	v, bad := e.identify(r, who)
	if bad != nil {
		return bad
	}
	var no *door.Refused
	if v.ticket, no = e.Door.Knock(r); no != nil {
		return RefusedByDoor(no)
	}
	defer func() { e.Door.Leave(v.ticket, v.User) }()
	if e.Sessions.Taken() >= e.Sessions.Most() {
		return e.full()
	}
	ctx, cancel := context.WithTimeout(r.Context(), chat.CallTimeout)
	defer cancel()
	return enter(ctx, &v)
}

// Visitor is somebody who shows a token, or none, and wants to go into the room. The caller copies user and token where
// they are to outlive the request.
func (e *Edge) Visitor(r *http.Request, user, token, room string) Visitor {
	v := Visitor{User: user, Token: token}
	if e.Guard.set.Load().hook != nil {
		v.Room, v.address, v.origin = strings.Clone(room), e.Door.ClientOf(r).String(), strings.Clone(r.Header.Get("Origin"))
		v.from = e.Door.SourceOf(r)
	}
	return v
}

// Enter counts the connection as one of its user's; the token has been checked where tokens count.
func (e *Edge) Enter(v *Visitor) *Refusal {
	if v.Guest {
		return nil // nobody else has the name: their address alone is counted
	}
	return RefusedByDoor(e.Door.Enter(&v.ticket, v.User, v.Proven))
}

// Forget takes back what Enter counted, of a visitor who does not come in after all.
func (e *Edge) Forget(v *Visitor) { e.Door.Forget(v.ticket, v.User) }

// MayOpen is nil where the room is live, or may be made live for the request.
func (e *Edge) MayOpen(ctx context.Context, r *http.Request, id string) *Refusal {
	if e.Hall.Live(id) {
		return nil
	}
	if bad := RefusedByDoor(e.Door.NewRoom(r)); bad != nil {
		return bad
	}
	if err := e.Hall.Full(); err != nil {
		return noRoom(err)
	}
	return e.Guard.Exists(ctx, id)
}

// MayList reports whether a list of the visitor's may make one more room live.
func (e *Edge) MayList(v *Visitor) bool { return e.Door.ListRoom(v.ticket) }

// ComeIn finds out who the visitor is and what they may do in a room, counts them and opens the room, which the caller
// releases.
func (e *Edge) ComeIn(ctx context.Context, r *http.Request, v *Visitor, id string) (rm *room.Room, bad *Refusal) {
	if v.Rights, bad = e.Guard.MayEnter(ctx, v, id); bad != nil {
		return nil, bad
	}
	if bad := e.Enter(v); bad != nil {
		return nil, bad
	}
	if rm, bad = e.OpenRoom(ctx, r, id); bad != nil {
		return nil, bad
	}
	if bad := e.Barred(r, v, rm); bad != nil {
		rm.Release()
		return nil, bad
	}
	return rm, nil
}

// OpenRoom opens a room for somebody who may come in.
func (e *Edge) OpenRoom(ctx context.Context, r *http.Request, id string) (*room.Room, *Refusal) {
	if bad := e.MayOpen(ctx, r, id); bad != nil {
		return nil, bad
	}
	return e.LoadRoom(ctx, id)
}

// LoadRoom opens a room for a server, which may open any.
func (e *Edge) LoadRoom(ctx context.Context, id string) (*room.Room, *Refusal) {
	rm, err := e.Hall.Open(ctx, id)
	switch {
	case errors.Is(err, room.ErrTooManyRooms):
		return nil, noRoom(err)
	case err != nil:
		return nil, Cannot(e.Log, "open the room", err, "room", id)
	}
	return rm, nil
}

// identify is who asks for a WebSocket, unless nobody of that page gets one, or nobody at all.
func (e *Edge) identify(r *http.Request, who func(*http.Request) (Visitor, *Refusal)) (v Visitor, bad *Refusal) {
	if !e.Allows(r) {
		return v, e.refuseOrigin(r)
	}
	v, bad = who(r)
	if bad == nil && e.Exit.Draining() {
		bad = Leaving
	}
	return v, bad
}

// TakeOver takes the connection from net/http to the pollers and sends 101, then first, in one write. The session is
// complete before the poller knows it, so its first message cannot come too early. On a refusal the session was never
// added; once nil is returned, Purpose.Gone will be called.
func (s *Session) TakeOver(w http.ResponseWriter, v *Visitor, first []byte) *Refusal {
	e := s.edge
	var no *door.Refused
	if v.ticket, no = e.Door.AddUnread(v.ticket, len(first)); no != nil {
		return RefusedByDoor(no)
	}
	s.ticket.Store(uint32(v.ticket))
	fd, bad := e.descriptor(w)
	if bad != nil {
		return bad
	}
	s.nb.Lock() // nbio takes it before it calls us: so the race detector, too, sees that s is complete
	adopt(&s.nb, fd)
	s.nb.Unlock()
	p := make([]byte, 0, codec.SwitchingLen+len(v.More)+len(first))
	e.begin(s, append(codec.AppendSwitching(p, v.key, v.More), first...))
	e.Tokens.Entered(*v)
	if e.Exit.misses() {
		s.Close(CloseRestart)
	}
	e.Order.Again(s)
	return nil
}

// descriptor takes a request's connection from whoever accepted it.
func (e *Edge) descriptor(w http.ResponseWriter) (int, *Refusal) {
	if d := doorwayOf(w); d != nil {
		w.WriteHeader(http.StatusSwitchingProtocols) // for traces
		d.taken = true
		return d.fd, nil
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return -1, Refuse(http.StatusInternalServerError, "cannot take the connection over: %v", err)
	}
	conn, clean := door.Unwrap(conn)
	if r, ok := conn.(*replayed); ok {
		conn, clean = r.TCPConn, clean && len(r.left) == 0
	}
	if buffered.Reader.Buffered() > 0 || !clean {
		// RFC 6455 section 4.1: a client waits for the answer before it sends.
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
		_ = conn.Close()
		return -1, Answered
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		_ = conn.Close()
		return -1, Answered // the peer has gone
	}
	fd, err := descriptorOf(conn)
	if err != nil {
		e.Log.Warn("cannot take a connection over", "err", err)
		return -1, Answered
	}
	return fd, nil
}

// Shows has v be a visitor of the session, who shows a token by a frame. Guard finds out who that is.
func (s *Session) Shows(v *Visitor, token string) {
	v.Token, v.asOf, v.ticket = token, s.edge.Tokens.asOf(), door.Ticket(s.ticket.Load()).Without()
}

// Identify makes a [Newcomer] one of the visitor's, who has shown their token and is in the room, and sends the frame
// first. It is false where the connection was closed meanwhile; the caller leaves the room then.
func (m *Member) Identify(v *Visitor, first []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut == isGone {
		return false
	}
	m.user = v.User
	for t := m.ticket.Load(); !m.ticket.CompareAndSwap(t, t|uint32(v.ticket)); t = m.ticket.Load() {
	}
	if m.edge.Guard.unproven(*v) {
		m.bad |= unjoined
	}
	m.unicastLocked(first)
	m.rights.Store(v.Rights) // from here on others look at the rest
	return true
}

// begin gives the session to its poller and sends hello. The lock is held: a caller that finds the session
// meanwhile has to wait, as Drain or a client that does not await the 101.
func (e *Edge) begin(c *Session, hello []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.Sessions.add(c)
	e.Stats.Handshakes.Add(1)
	if _, err := e.engine.AddConn(&c.nb); err != nil {
		// nbio has closed it and calls gone; its table has room for all that may be open
		e.Log.Warn("cannot watch a connection", "err", err)
		return
	}
	c.unicastLocked(hello)
	c.rest = toKibibytes(int(c.pending.Load())) // it is no answer
	if c.rest == 0 {
		c.free()
	}
}
