package edge

import (
	"encoding/json"
	"math"
	"time"

	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// Rights are what somebody may do in a room, and for how long. Nobody changes them; a new token brings others.
type Rights struct {
	Can   pass.Can
	Guest bool // the node has given the user id
	// named: the token names the room, so that nobody need be a member who shows it.
	named bool
	// asks: the store is asked again and again whether cred still counts.
	asks bool
	cred chat.Credential
	// ends is when the token's life is over, in Unix ms; 0: nobody knows.
	ends int64
	Role string
	Tags []string // words about the user, for the rules of a room
	// Level is that of pass.Pass.
	Level int64
	Info  json.RawMessage // public data beside the user's messages; nil is none
}

// anyone are the rights where nobody is asked for a proof: everything but to keep order.
var anyone = &Rights{Can: pass.Read | pass.Send | pass.Like | pass.Recall | pass.High}

// MayNot is what those who may only read get for anything else.
const MayNot = "the token does not grant this here"

// ExpiresIn is in how many ms the token's life is over, 0 where nobody knows; 1 where it is over already.
func (r *Rights) ExpiresIn(now time.Time) int64 {
	if r.ends == 0 {
		return 0
	}
	return max(1, r.ends-now.UnixMilli())
}

// ExpiryGrace is how long a socket lives on behind its token's end: the client's answer to that may be on its way. It
// is Centrifugo's.
const ExpiryGrace = 25 * time.Second

// over reports whether the token's life, and the grace behind it, are over.
func (r *Rights) over(now time.Time) bool {
	return r.ends != 0 && now.UnixMilli() >= r.ends+ExpiryGrace.Milliseconds()
}

// MaySay reports whether a message of a kind may be sent; high says that it is above normal, see room.Hall.High.
func (r *Rights) MaySay(high bool) bool {
	return r.Can.Has(pass.Send) && (r.Can.Has(pass.High) || !high)
}

// RightsIn are the visitor's rights in a room; nobody is refused here.
func (g *Guard) RightsIn(v *Visitor, room string) *Rights {
	c := g.set.Load()
	switch {
	case v.pass == nil && v.Guest:
		return c.guests
	case v.pass == nil && !v.Proven:
		return anyone
	}
	r := &Rights{Can: c.defaultCan, Guest: v.Guest, asks: v.Proven || v.cred.ID != "", cred: v.cred}
	if v.Guest {
		r.Can = c.guests.Can
	}
	if p := v.pass; p != nil {
		r.Can, r.Role = p.In(room, r.Can)
		r.named, r.Tags, r.Level = p.Names(room), p.Tags, p.Level
		if p.Info != "" {
			r.Info = json.RawMessage(p.Info)
		}
		if !p.Expires.IsZero() {
			r.ends = max(1, p.Expires.UnixMilli())
		}
	}
	return r
}

// issued is when a token was made, as the store wants it; one that does not say was made at the beginning of time.
func issued(p *pass.Pass) int64 {
	if p.Issued.IsZero() {
		return math.MinInt64
	}
	return p.Issued.UnixMilli()
}
