package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/lesismal/nbio"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/room"
)

// visitor is who asks for a WebSocket.
type visitor struct {
	user  string
	token string
	key   string // Sec-WebSocket-Key
	more  string // further header lines of the answer
	asOf  uint64 // see rechecks
}

// pathVisitor is who asks for one of FastIM's sockets: the path says it.
func pathVisitor(r *http.Request) (v visitor, bad *refusal) {
	v = visitor{user: strings.Clone(r.PathValue("userId")), token: strings.Clone(r.PathValue("token"))}
	if bad := checkID("userId", v.user); bad != nil {
		return v, bad
	}
	return v, checkText("token", v.token, maxTokenBytes)
}

// notLoggedIn is the frame of contract section 2, item 1.
var notLoggedIn = codec.AppendFrame(nil, codec.OpText, "440")

// chat serves GET /group/chat/{groupId}/{userId}/{token}.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	s.admit(w, r, pathVisitor, writeRefusal, func(ctx context.Context, v visitor) *refusal {
		id := strings.Clone(r.PathValue("groupId"))
		if bad := checkID("groupId", id); bad != nil {
			return bad
		}
		if ok, bad := s.authorized(ctx, v); bad != nil || !ok {
			return s.turnAway(w, v, closeUnauthorized, bad)
		}
		if ok, bad := s.member(ctx, v.user, id); bad != nil || !ok {
			return s.turnAway(w, v, closeForbidden, bad)
		}
		rm, err := s.hall.Open(ctx, id)
		if err != nil {
			s.log.Warn("cannot open a room", "room", id, "err", err)
			return refuse(http.StatusServiceUnavailable, "cannot open the room now: its history cannot be read")
		}
		return s.upgradeToChat(w, v, rm)
	})
}

// list serves GET /group/list/{userId}/{token}.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.admit(w, r, pathVisitor, writeRefusal, func(ctx context.Context, v visitor) *refusal {
		if ok, bad := s.authorized(ctx, v); bad != nil || !ok {
			return s.turnAway(w, v, closeUnauthorized, bad)
		}
		f, err := s.lists.open(ctx, v.user)
		if err != nil {
			s.log.Warn("cannot open a list", "user", v.user, "err", err)
			return refuse(http.StatusServiceUnavailable, "cannot read the user's rooms now")
		}
		return newFastIMList(s, v, f).show(w, v)
	})
}

// admit does what every WebSocket request goes through before it is known what it is
// for; then come in. who reads the visitor from the request. A refusal that come returns is
// the answer, which write gives.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, who func(*http.Request) (visitor, *refusal),
	write func(http.ResponseWriter, *refusal), come func(context.Context, visitor) *refusal,
) {
	bad := func() *refusal {
		key, bad := checkHandshake(r)
		if bad != nil {
			return bad
		}
		v, bad := s.seek(r, who)
		if bad != nil {
			return bad
		}
		v.key, v.asOf = key, s.rechecks.asOf()
		if !s.reserve() {
			s.stats.full.Add(1)
			return s.full()
		}
		ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
		defer cancel()
		bad = come(ctx, v)
		if bad != nil {
			s.unreserve()
		}
		return bad
	}()
	if bad != nil {
		s.stats.refusedHandshakes.Add(1)
		write(w, bad)
	}
}

// seek is who asks for a WebSocket, unless nobody of that page gets one, or nobody at all.
func (s *Server) seek(r *http.Request, who func(*http.Request) (visitor, *refusal)) (v visitor, bad *refusal) {
	if !s.originAllowed(r) {
		return v, refuse(http.StatusForbidden, "origin %q is not in cors.allowed_origins", r.Header.Get("Origin")).as("origin_not_allowed")
	}
	if v, bad = who(r); bad == nil && s.draining.Load() {
		bad = leaving
	}
	return v, bad
}

// leaving refuses what comes while the node drains.
var leaving = refuse(http.StatusServiceUnavailable, "the node is leaving, try again").as("draining")

// full refuses one WebSocket too many.
func (s *Server) full() *refusal {
	return refuse(http.StatusServiceUnavailable, "the node is full: %d connections", s.maxOpen).as("full")
}

// authorized reports whether the token counts; without auth.required any does.
func (s *Server) authorized(ctx context.Context, v visitor) (bool, *refusal) {
	if !s.cfg.Auth.Required {
		return true, nil
	}
	ok, err := s.store.CheckToken(ctx, v.user, v.token)
	if err != nil {
		s.log.Warn("cannot check a token", "user", v.user, "err", err)
		return false, refuse(http.StatusServiceUnavailable, "cannot check the token now")
	}
	return ok, nil
}

// member reports whether the user may be in the room, and with room.auto_join makes
// it so, a moment later: the membership is only what the HTTP API shows, which waits for
// it. So nobody does here, and a store that does not answer keeps nobody out.
func (s *Server) member(ctx context.Context, user, id string) (bool, *refusal) {
	if s.cfg.AutoJoin {
		s.joins.add(chat.Membership{UserID: user, Room: id})
		return true, nil
	}
	ok, err := s.store.IsMember(ctx, user, id)
	if err != nil {
		s.log.Warn("cannot check a membership", "user", user, "room", id, "err", err)
		return false, refuse(http.StatusServiceUnavailable, "cannot check the membership now")
	}
	return ok, nil
}

// turnAway ends a WebSocket right after the handshake, because only there FastIM
// clients look for the reason; or refuses the handshake where that could not even be
// decided.
func (s *Server) turnAway(w http.ResponseWriter, v visitor, why closeReason, undecided *refusal) *refusal {
	if undecided != nil {
		return undecided
	}
	c := new(turnedAway)
	c.init(s, v, c)
	var first []byte
	if why == closeUnauthorized {
		first = notLoggedIn
	}
	if bad := s.takeOver(w, v, &c.session, first); bad != nil {
		return bad
	}
	c.close(why)
	return nil
}

// upgradeToChat makes the request a member of rm. It takes over the hold on rm.
func (s *Server) upgradeToChat(w http.ResponseWriter, v visitor, rm *room.Room) *refusal {
	m := new(fastIMMember)
	m.init(s, v, m)
	return m.enter(w, v, rm.Enter(&m.place, m))
}

// takeOver takes the connection from net/http to the pollers and says 101, then
// first, in one write. The session is complete before the poller knows it, so its
// first message cannot come too early. On a refusal the session was never added;
// once nil is returned, gone will be called.
func (s *Server) takeOver(w http.ResponseWriter, v visitor, c *session, first []byte) *refusal {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return refuse(http.StatusInternalServerError, "cannot take the connection over: %v", err)
	}
	if n := buffered.Reader.Buffered(); n > 0 {
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
	slim(nb)
	c.nb = nb
	nb.Lock() // nbio takes it before it calls us: so the race detector, too, sees that c is complete
	nb.SetSession(c)
	nb.Unlock()
	s.begin(c, append(switching(v.key, v.more), first...))
	s.rechecks.entered(v)
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
	s.add(c)
	if _, err := s.engine.AddConn(c.nb); err != nil {
		s.log.Warn("cannot watch a connection", "err", err) // nbio has closed it and tells gone
		return
	}
	c.unicastLocked(hello)
	c.rest = toKibibytes(int(c.pending.Load())) // it is no answer
}
