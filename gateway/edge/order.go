package edge

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/internal/once"
	"barrage/room"
)

// Order holds sockets to the rules of their rooms. It closes those of users who may not be here any more, and notifies
// the others of what holds for them. The rooms judge what these send. Order notifies moderators of messages that wait
// for them, too.
type Order struct {
	edge *Edge
	due  once.Signal

	mu sync.Mutex // guards the fields below; a leaf
	// changed are the users about whom measures have changed, by room; bounded by chat.MaxMeasures for each live room.
	changed map[*room.Room]map[string]struct{}
	// held is what nobody was notified of yet, oldest first; at most mostHeld.
	held []heldChange
}

func newOrder(e *Edge) *Order {
	return &Order{edge: e, due: once.NewSignal(), changed: map[*room.Room]map[string]struct{}{}}
}

// note takes about whom measures have changed, see room.Callbacks.OnRules. It never blocks.
func (o *Order) note(r *room.Room, targets []string) {
	if len(targets) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	users := o.changed[r]
	if users == nil {
		users = make(map[string]struct{}, len(targets))
		o.changed[r] = users
	}
	for _, target := range targets {
		users[target] = struct{}{}
	}
	o.due.Set()
}

// open opens the room whose rules hold in all others, before anybody comes in. It waits for a store that does not
// answer as for a call.
func (o *Order) open(ctx context.Context) {
	if _, err := o.edge.Hall.Open(ctx, chat.Everywhere); err != nil { // the store refuses for good
		o.edge.Log.Warn("bans that hold everywhere are not known here", "err", err)
	}
}

// run looks at the sockets of whom measures have changed, until ctx ends.
func (o *Order) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.due:
			o.look()
			o.notifyHeld()
		}
	}
}

// look looks at the sockets of whom measures have changed.
func (o *Order) look() {
	o.mu.Lock()
	changed := o.changed
	if len(changed) > 0 {
		o.changed = map[*room.Room]map[string]struct{}{}
	}
	o.mu.Unlock()
	if len(changed) == 0 {
		return
	}
	from := map[*room.Room]bool{} // rooms that keep out, or kept out, visitors from somewhere
	for r, users := range changed {
		for user := range users {
			if _, err := netip.ParsePrefix(user); err == nil {
				from[r] = true
			}
		}
	}
	o.edge.Sessions.Each(func(s *Session) {
		if s.Rights() == nil { // it has yet to show who it is
			return
		}
		rm := s.room()
		about, perhaps := false, false
		for r, users := range changed {
			if r != rm && r.ID() != chat.Everywhere {
				continue
			}
			_, is := users[s.user]
			about, perhaps = about || is, perhaps || from[r]
		}
		if about || perhaps {
			o.judge(s, rm, about)
		}
	})
}

// judge closes a socket whose user may not be in the room any more; the room is nil where the socket is in none. Else,
// if the change is about that user, it notifies them of what holds for them now.
func (o *Order) judge(s *Session, rm *room.Room, about bool) {
	from, _ := o.edge.Door.From(s.Ticket())
	if m, bad := o.bars(rm, s.user, s.Rights().Rank(), from); bad {
		s.runs().Barred(m)
	} else if about {
		s.runs().Judged()
	}
}

// bars is the measure that keeps a user with a role of their token, or a visitor from an address, out of a room.
// There is one where ok is true. The room rm is nil for a visitor who goes into none: then only what holds everywhere
// counts.
func (o *Order) bars(rm *room.Room, user string, role chat.Role, from netip.Prefix) (m chat.Measure, ok bool) {
	if rm != nil {
		if m, ok = rm.Bars(user, role, from); ok {
			return m, true
		}
	}
	if all := o.edge.Hall.Lookup(chat.Everywhere); all != nil {
		return all.Bars(user, role, from)
	}
	return chat.Measure{}, false
}

// Bars reports whether a measure keeps a visitor, who comes from somewhere, out of a room, by their token for it.
func (o *Order) Bars(rm *room.Room, v *Visitor, from netip.Prefix) bool {
	_, bad := o.bars(rm, v.User, o.edge.Guard.RightsIn(v, rm.ID()).Rank(), from)
	return bad
}

// Barred refuses a visitor, whose rights are known, who may not be in a room; nil for a visitor who wants into none.
func (e *Edge) Barred(r *http.Request, v *Visitor, rm *room.Room) *Refusal {
	m, bad := e.Order.bars(rm, v.User, v.Rights.Rank(), e.From(r))
	if !bad {
		return nil
	}
	return barred(&m, e.Times.Now())
}

// WouldBar is Barred by the rules of a room that need not be live.
func (e *Edge) WouldBar(ctx context.Context, r *http.Request, v *Visitor, id string) *Refusal {
	if rm := e.Hall.Lookup(id); rm != nil {
		return e.Barred(r, v, rm)
	}
	rules, err := e.store.Rules(ctx, id)
	if err != nil { // as a handshake, which comes in where the store is away
		rules = chat.Rules{}
	}
	if m, bad := room.Bars(rules, v.User, v.Rights.Rank(), e.From(r), e.Times.Now()); bad {
		return barred(&m, e.Times.Now())
	}
	return e.Barred(r, v, nil)
}

// From is where a request comes from; the zero value where nobody knows.
func (e *Edge) From(r *http.Request) netip.Prefix {
	addr := e.Door.ClientOf(r)
	if !addr.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(addr, addr.BitLen())
}

// BarCode is what barrage.v1 calls a measure that keeps somebody out.
func BarCode(m *chat.Measure) string {
	if m.What == chat.Kick {
		return "kicked"
	}
	return "banned"
}

// barred is the refusal that a measure means.
func barred(m *chat.Measure, now time.Time) *Refusal {
	why := "you are banned"
	if m.What == chat.Kick {
		why = "you were thrown out"
	}
	if m.Reason != "" {
		why += ": " + m.Reason
	}
	no := Refuse(http.StatusForbidden, "%s", why).As(BarCode(m))
	no.Until, no.Reason = m.Until, m.Reason
	if wait := time.UnixMilli(m.Until).Sub(now); wait < 24*time.Hour {
		no.Wait = wait
	}
	return no
}

// TokenRole is the highest role that a token gives a user in a room, of those whose sockets are here.
func (e *Edge) TokenRole(id, user string) (role chat.Role) {
	e.Sessions.Each(func(s *Session) {
		if s.user != user {
			return
		}
		r, rm := s.Rights(), s.room()
		if r != nil && rm != nil && rm.ID() == id {
			role = max(role, r.Rank())
		}
	})
	return role
}

// Again judges a session that has just come in: a measure that came while it did has not found it.
func (o *Order) Again(s *Session) {
	if s.Rights() != nil {
		o.judge(s, s.room(), false)
	}
}

// room is the room that a session is in, nil of one that is in none.
func (s *Session) room() *room.Room {
	if m, in := s.runs().(inRoom); in {
		return m.member().Here.Room()
	}
	return nil
}

// Rank is the role of the token, at least that of a moderator where it grants keeping order.
func (r *Rights) Rank() chat.Role {
	role, _ := chat.ParseRole(r.Role)
	if r.Can.Has(pass.Moderate) {
		role = max(role, chat.RoleModerator)
	}
	return role
}

// Voice is what the rules of the room ask about the member, see room.Voiced.
func (m *Member) Voice() room.Voice {
	r := m.Rights()
	return room.Voice{Role: r.Rank(), High: r.Can.Has(pass.High), Tags: r.Tags, Level: r.Level, Since: m.came()}
}

// Muted reports whether the member may not send and like, and for how long; 0 for good.
func (m *Member) Muted() (left time.Duration, is bool) {
	measure, ok := m.Here.Room().Against(m.user, m.Rights().Rank(), chat.Mute)
	if ok && measure.Until < chat.ForGood {
		left = max(time.Until(time.UnixMilli(measure.Until)), time.Millisecond)
	}
	return left, ok
}
