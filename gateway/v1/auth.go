package v1

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/errands"
	"barrage/room"
)

// This file is tokens that come by a frame. They are new ones for a user who is in a room, and the first one of a
// socket that began without.

// refresh takes a new token of somebody who is in the room. It runs in the poller.
func (m *member) refresh(op *codec.Op) {
	id, token := op.ID, op.Token
	if !m.api().checks(token).Add(askerOf(m), func(ctx context.Context) { m.renew(ctx, id, token) }) {
		m.busy(id, tooManyTokens)
	}
}

const tooManyTokens = "too many tokens wait to be checked"

// checks are the errands that look at such a token: those that may wait for a hook hold up no others.
func (n *API) checks(token string) *errands.Queue[asker] {
	if n.edge.Guard.AsksHook(token) {
		return n.questions
	}
	return n.arrivals
}

// renew gives the member the rights of a new token, which must be of the same user. It runs as an errand.
func (m *member) renew(ctx context.Context, id, token string) {
	was, v := m.Rights(), edge.Visitor{Room: m.Here.Room().ID()}
	if !was.Guest {
		v.User = m.User()
	}
	m.Shows(&v, token)
	bad := edge.CheckToken(token)
	if bad == nil {
		bad = m.Edge().Guard.Who(ctx, &v, false)
	}
	if bad == nil && v.Guest != was.Guest {
		bad = edge.Refuse(http.StatusForbidden, "the token is another user's")
	}
	var rs *edge.Rights
	if bad == nil {
		rs, bad = m.Edge().Guard.MayBeIn(ctx, &v, v.Room, pass.Read)
	}
	if bad != nil {
		m.answer(id, bad)
		return
	}
	m.SetRights(rs)
	m.writeText(codec.AuthText(id, rs.ExpiresIn(time.Now()), rs.Can.Names()))
	m.Edge().Tokens.Entered(v)
}

// waiters are the newcomers who have yet to show a token. The zero value has none.
type waiters struct {
	mu  sync.Mutex // guards the fields below; a leaf
	all int
	of  map[int]int // by address, where that is counted
}

// Of the newcomers of a node, one address may have one in waitersShare, but always waitersLeast.
const (
	waitersShare = 4
	waitersLeast = 8
)

// add counts one more from an address, 0 for one that is not counted; false where most wait, or too many from there.
func (w *waiters) add(from int, most int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all >= int(most) || from > 0 && w.of[from] >= max(int(most)/waitersShare, waitersLeast) {
		return false
	}
	if w.of == nil {
		w.of = map[int]int{}
	}
	w.all++
	w.of[from]++
	return true
}

// remove counts one less.
func (w *waiters) remove(from int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all--
	if w.of[from]--; w.of[from] == 0 {
		delete(w.of, from)
	}
}

// newcomer is a native socket that shows its token in its first frame. It is in no room before that.
type newcomer struct {
	member
	at *arrival // until it is in; the poller's, or an errand's that it was given to

	// asked: an errand looks at its token.
	asked atomic.Bool
}

// isIn reports whether it is in its room: then it has rights.
func (c *newcomer) isIn() bool { return c.Rights() != nil }

// waitForToken makes the request a socket that has yet to show its token. Such sockets take the slots of others, so
// they are few, and none stays long, see NoToken.
func (n *API) waitForToken(w http.ResponseWriter, v *edge.Visitor, a arrival) *edge.Refusal {
	c := new(newcomer)
	c.at = &a
	v.More, v.Deflate = a.More, a.Deflate
	c.Init(n.edge, v, c)
	if !n.waiting.add(c.From(), n.edge.Sessions.Few()) {
		return edge.Refuse(http.StatusServiceUnavailable, "too many sockets have yet to show a token").As(room.CodeBusy)
	}
	if bad := c.TakeOver(w, v, nil); bad != nil {
		c.Gone()
		return bad
	}
	return nil
}

// Message takes the token, and when it is in, everything else.
func (c *newcomer) Message(code codec.Opcode, payload []byte) error {
	if c.isIn() {
		return c.member.Message(code, payload)
	}
	if op, err := codec.ParseOp(payload, c.api().maxBody()); err == nil && op.T == codec.OpAuth && code == codec.OpText && !c.asked.Load() {
		c.asked.Store(true)
		if !c.api().checks(op.Token).Add(askerOf(&c.member), func(ctx context.Context) { c.admit(ctx, op.ID, op.Token) }) {
			c.asked.Store(false)
			return c.turnDown(op.ID, room.CodeBusy, tooManyTokens, busyRetry)
		}
		return nil
	}
	c.refused("", "bad_request", `the first frame must be {"t":"auth","token":…}, and nothing else comes before the welcome`, 0)
	c.Close(edge.CloseBadOps)
	return edge.ErrGone
}

// NoToken closes the socket of a client that has shown no token for too long.
func (c *newcomer) NoToken() {
	if !c.asked.Load() {
		c.CloseWith(edge.CloseRevoked, edge.CloseRevoked.Code(), "no token came")
	}
}

// admit looks at the token and lets the client into its room, or sends it the reason why not. It runs as an errand.
func (c *newcomer) admit(ctx context.Context, id, token string) {
	a := c.at
	c.Shows(&a.Visitor, token)
	bad := edge.CheckToken(token)
	var welcome []byte
	if bad == nil {
		welcome, bad = c.api().arrive(ctx, a, &c.member)
	}
	if bad == nil {
		bad = c.Edge().Joins.Join(a.Visitor, a.room, func() *edge.Refusal { return c.begin(a, welcome) })
	}
	if bad != nil {
		c.Edge().Forget(&a.Visitor)
		c.reject(id, bad)
		return
	}
	c.Here.Room().Attach(&c.Here)
	c.Edge().Tokens.Entered(a.Visitor)
	c.Edge().Order.Again(&c.Session)
}

// begin is the moment from which it is in, and sends the welcome. Where the connection was closed meanwhile it leaves
// the room.
func (c *newcomer) begin(a *arrival, welcome []byte) *edge.Refusal {
	if !c.Identify(&a.Visitor, welcome) {
		c.Member.Gone()
		return edge.Answered
	}
	c.at = nil
	c.api().waiting.remove(c.From())
	return nil
}

// reject sends the reason why it does not come in, and closes the socket.
func (c *newcomer) reject(id string, bad *edge.Refusal) {
	if bad.Status == 0 {
		return // it has gone
	}
	c.answer(id, bad)
	switch {
	case bad.Code == string(pass.Replaced):
		c.Close(edge.CloseReplaced)
	case bad.Until != 0:
		c.CloseWith(edge.CloseBarred, edge.CloseBarred.Code(), bad.Code)
	case bad.Status == http.StatusUnauthorized:
		c.Close(edge.CloseRevoked)
	case bad.Status == http.StatusNotFound:
		c.CloseWith(edge.CloseForbidden, edge.CloseForbidden.Code(), "there is no such room")
	case bad.Status == http.StatusBadRequest:
		c.Close(edge.CloseBadOps)
	case retryMS(bad) > 0:
		c.Close(edge.CloseBusy)
	default:
		c.Close(edge.CloseForbidden)
	}
}

func (c *newcomer) Stays() {
	if c.isIn() {
		c.Member.Stays()
	}
}

func (c *newcomer) Judged() {
	if c.isIn() {
		c.member.Judged()
	}
}

func (c *newcomer) Drained() {
	if c.isIn() {
		c.Member.Drained()
	}
}

func (c *newcomer) Gone() {
	if c.isIn() {
		c.Member.Gone()
		return
	}
	c.api().waiting.remove(c.From())
}
