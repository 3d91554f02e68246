package gateway

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/gateway/pass"
	"barrage/room"
)

// This file is tokens that come by a frame: new ones for who is in a room, and the first one of a socket that began
// without.

// refresh takes a new token of somebody who is in the room. It runs in the poller.
func (m *nativeMember) refresh(op *codec.Op) {
	id, token := op.ID, op.Token
	if !m.srv.checks(token).add(m.asker(), func(ctx context.Context) { m.renew(ctx, id, token) }) {
		m.refused(id, room.CodeBusy, "too many tokens wait to be checked", 1000)
	}
}

// checks are the errands that look at such a token: those that may wait for a hook hold up no others.
func (s *Server) checks(token string) *errands {
	if s.guard.hook != nil && (s.guard.jwt == nil || !pass.Looks(token)) {
		return s.questions
	}
	return s.arrivals
}

// renew gives the member the rights of a new token, which must be of the same user. It runs as an errand.
func (m *nativeMember) renew(ctx context.Context, id, token string) {
	was, v := m.has(), visitor{user: m.user, token: token, asOf: m.srv.tokens.asOf(), room: m.place.Room().ID()}
	if was.guest {
		v.user = ""
	}
	bad := checkToken(token)
	if bad == nil {
		bad = m.srv.guard.who(ctx, &v, false)
	}
	if bad == nil && v.guest != was.guest {
		bad = refuse(http.StatusForbidden, "the token is another user's")
	}
	var rs *rights
	if bad == nil {
		rs, bad = m.srv.guard.mayBeIn(ctx, &v, v.room, pass.Read)
	}
	if bad != nil {
		m.refused(id, bad.problemCode(), bad.why, bad.retryMS())
		return
	}
	m.rights.Store(rs)
	m.tell(codec.AuthText(id, rs.expiresIn(time.Now()), rs.can.Names()))
	m.srv.tokens.entered(v)
}

// retryMS is after how many ms an op that was refused may be said again; 0: never.
func (f *refusal) retryMS() int64 {
	switch f.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return max(f.wait.Milliseconds(), answerRetry)
	}
	return 0
}

// newcomer is a native socket that shows its token in its first frame. It is in no room before that.
type newcomer struct {
	nativeMember
	at *arrival // until it is in; the poller's, or an errand's that it was given to

	// state is changed with mu held, but by the poller from waits to isAsked.
	state atomic.Uint32
}

// The states of a newcomer.
const (
	waits   = iota // for its first frame
	isAsked        // an errand looks at its token
	isIn           // in its room
	isGone         // the connection was closed before that
)

// waitForToken makes the request a socket that has yet to show its token. Such sockets take the places of others, so
// they are few, and none stays long, see inspect.
func (n *v1) waitForToken(w http.ResponseWriter, v *visitor, a arrival) *refusal {
	if most := n.srv.sessions.most / rejectedShare; n.waiting.Add(1) > int64(max(most, 16)) {
		n.waiting.Add(-1)
		return refuse(http.StatusServiceUnavailable, "too many sockets have yet to show a token").as("busy")
	}
	c := &newcomer{at: &a}
	c.deflate = a.encoding == room.Deflated
	v.more = a.more
	c.init(n.srv, v, c)
	if bad := n.srv.takeOver(w, v, &c.session, nil); bad != nil {
		c.gone()
		return bad
	}
	return nil
}

// message takes the token, and when it is in, everything else.
func (c *newcomer) message(code codec.Opcode, payload []byte) error {
	switch c.state.Load() {
	case isIn:
		return c.nativeMember.message(code, payload)
	case waits:
		op, err := codec.ParseOp(payload, c.srv.v1.maxBody())
		if err != nil || op.T != codec.OpAuth || code != codec.OpText {
			break
		}
		c.state.Store(isAsked)
		if !c.srv.checks(op.Token).add(c.asker(), func(ctx context.Context) { c.come(ctx, op.ID, op.Token) }) {
			c.state.Store(waits)
			c.refused(op.ID, room.CodeBusy, "too many tokens wait to be checked", 1000)
		}
		return nil
	}
	c.refused("", "bad_request", `the first frame must be {"t":"auth","token":…}, and nothing else comes before the welcome`, 0)
	c.close(closeBadOps)
	return errGone
}

// come looks at the token and lets the client into its room, or says why not. It runs as an errand.
func (c *newcomer) come(ctx context.Context, id, token string) {
	a := c.at
	a.token, a.asOf = token, c.srv.tokens.asOf()
	a.ticket = door.Ticket(c.ticket.Load()).Without()
	bad := checkToken(token)
	var welcome []byte
	if bad == nil {
		welcome, bad = c.srv.v1.arrive(ctx, a, &c.nativeMember)
	}
	if bad == nil {
		bad = c.srv.joins.join(a.visitor, a.room, func() *refusal { return c.begin(a, welcome) })
	}
	if bad != nil {
		c.srv.door.Forget(a.ticket, a.user)
		c.turnAway(id, bad)
		return
	}
	c.place.Room().Attach(&c.place)
	c.srv.tokens.entered(a.visitor)
}

// begin is the moment from which it is in, and says hello. Where the connection was closed meanwhile it leaves the
// room.
func (c *newcomer) begin(a *arrival, welcome []byte) *refusal {
	c.mu.Lock()
	if c.state.Load() == isGone {
		c.mu.Unlock()
		c.member.gone()
		return answered
	}
	defer c.mu.Unlock()
	c.user = a.user
	for t := c.ticket.Load(); !c.ticket.CompareAndSwap(t, t|uint32(a.ticket)); t = c.ticket.Load() {
	}
	if c.srv.guard.unproven(a.visitor) {
		c.bad |= unjoined
	}
	c.rights.Store(a.rights)
	c.unicastLocked(welcome)
	c.state.Store(isIn)
	c.at = nil
	c.srv.v1.waiting.Add(-1)
	return nil
}

// turnAway says why it does not come in.
func (c *newcomer) turnAway(id string, bad *refusal) {
	if bad.status == 0 {
		return // it has gone
	}
	c.refused(id, bad.problemCode(), bad.why, bad.retryMS())
	switch {
	case bad.code == string(pass.Replaced):
		c.close(closeReplaced)
	case bad.status == http.StatusUnauthorized:
		c.close(closeRevoked)
	case bad.status == http.StatusBadRequest:
		c.close(closeBadOps)
	case bad.retryMS() > 0:
		c.close(closeBusy)
	default:
		c.close(closeForbidden)
	}
}

func (c *newcomer) stays() {
	if c.state.Load() == isIn {
		c.member.stays()
	}
}

func (c *newcomer) drained() {
	if c.state.Load() == isIn {
		c.member.drained()
	}
}

func (c *newcomer) gone() {
	c.mu.Lock()
	was := c.state.Swap(isGone)
	c.mu.Unlock()
	if was == isIn {
		c.member.gone()
		return
	}
	c.srv.v1.waiting.Add(-1)
}
