package gateway

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/gateway/pass"
	"barrage/room"
)

// This file is tokens that come by a frame: new ones for who is in a room, and the first one of a socket that began
// without.

// refresh takes a new token of somebody who is in the room. It runs in the poller.
func (m *nativeMember) refresh(op *codec.Op) {
	id, token := op.ID, op.Token
	if !m.v1.checks(token).add(askerOf(m), func(ctx context.Context) { m.renew(ctx, id, token) }) {
		m.refused(id, room.CodeBusy, "too many tokens wait to be checked", 1000)
	}
}

// checks are the errands that look at such a token: those that may wait for a hook hold up no others.
func (n *v1) checks(token string) *errands {
	if n.edge.Guard.asksHook(token) {
		return n.questions
	}
	return n.arrivals
}

// renew gives the member the rights of a new token, which must be of the same user. It runs as an errand.
func (m *nativeMember) renew(ctx context.Context, id, token string) {
	was, v := m.has(), visitor{room: m.place.Room().ID()}
	if !was.guest {
		v.user = m.user
	}
	m.shows(&v, token)
	bad := checkToken(token)
	if bad == nil {
		bad = m.edge.Guard.who(ctx, &v, false)
	}
	if bad == nil && v.guest != was.guest {
		bad = refuse(http.StatusForbidden, "the token is another user's")
	}
	var rs *rights
	if bad == nil {
		rs, bad = m.edge.Guard.mayBeIn(ctx, &v, v.room, pass.Read)
	}
	if bad != nil {
		m.refused(id, bad.problemCode(), bad.why, bad.retryMS())
		return
	}
	m.rights.Store(rs)
	m.tell(codec.AuthText(id, rs.expiresIn(time.Now()), rs.can.Names()))
	m.edge.Tokens.entered(v)
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

	// asked: an errand looks at its token.
	asked atomic.Bool
}

// isIn reports whether it is in its room: then it has rights.
func (c *newcomer) isIn() bool { return c.has() != nil }

// waitForToken makes the request a socket that has yet to show its token. Such sockets take the places of others, so
// they are few, and none stays long, see inspect.
func (n *v1) waitForToken(w http.ResponseWriter, v *visitor, a arrival) *refusal {
	if most := n.edge.Sessions.Few(); n.waiting.Add(1) > most {
		n.waiting.Add(-1)
		return refuse(http.StatusServiceUnavailable, "too many sockets have yet to show a token").as("busy")
	}
	c := &newcomer{nativeMember: nativeMember{v1: n}, at: &a}
	v.more, v.deflate = a.more, a.deflate
	c.init(n.edge, v, c)
	if bad := c.takeOver(w, v, nil); bad != nil {
		c.gone()
		return bad
	}
	return nil
}

// message takes the token, and when it is in, everything else.
func (c *newcomer) message(code codec.Opcode, payload []byte) error {
	if c.isIn() {
		return c.nativeMember.message(code, payload)
	}
	if op, err := codec.ParseOp(payload, c.v1.maxBody()); err == nil && op.T == codec.OpAuth && code == codec.OpText && !c.asked.Load() {
		c.asked.Store(true)
		if !c.v1.checks(op.Token).add(askerOf(&c.nativeMember), func(ctx context.Context) { c.come(ctx, op.ID, op.Token) }) {
			c.asked.Store(false)
			c.refused(op.ID, room.CodeBusy, "too many tokens wait to be checked", 1000)
		}
		return nil
	}
	c.refused("", "bad_request", `the first frame must be {"t":"auth","token":…}, and nothing else comes before the welcome`, 0)
	c.close(closeBadOps)
	return errGone
}

// NoToken tells a client that it has shown no token for too long.
func (c *newcomer) NoToken() {
	if !c.asked.Load() {
		c.closeWith(closeRevoked, closeRevoked.code(), "no token came")
	}
}

// come looks at the token and lets the client into its room, or says why not. It runs as an errand.
func (c *newcomer) come(ctx context.Context, id, token string) {
	a := c.at
	c.shows(&a.visitor, token)
	bad := checkToken(token)
	var welcome []byte
	if bad == nil {
		welcome, bad = c.v1.arrive(ctx, a, &c.nativeMember)
	}
	if bad == nil {
		bad = c.edge.Joins.join(a.visitor, a.room, func() *refusal { return c.begin(a, welcome) })
	}
	if bad != nil {
		c.edge.Forget(&a.visitor)
		c.turnAway(id, bad)
		return
	}
	c.place.Room().Attach(&c.place)
	c.edge.Tokens.entered(a.visitor)
}

// begin is the moment from which it is in, and says hello. Where the connection was closed meanwhile it leaves the
// room.
func (c *newcomer) begin(a *arrival, welcome []byte) *refusal {
	if !c.identify(&a.visitor, welcome) {
		c.member.gone()
		return answered
	}
	c.at = nil
	c.v1.waiting.Add(-1)
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
	if c.isIn() {
		c.member.stays()
	}
}

func (c *newcomer) drained() {
	if c.isIn() {
		c.member.drained()
	}
}

func (c *newcomer) gone() {
	if c.isIn() {
		c.member.gone()
		return
	}
	c.v1.waiting.Add(-1)
}
