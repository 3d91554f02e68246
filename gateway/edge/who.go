package edge

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"slices"
	"strings"
	"time"

	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// This file finds out who somebody is: by their token, as auth.mode says, or that they are a guest.

// newGuestID makes the user id of a guest: 60 random bits, so that of a million guests no two have the same.
func newGuestID() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	return "g-" + strings.ToLower(base32.StdEncoding.EncodeToString(raw[:])[:12])
}

// Who finds out who the visitor is. With strict, nobody passes for whom auth.mode says any: then the token must be one
// that a login gave.
func (g *Guard) Who(ctx context.Context, v *Visitor, strict bool) *Refusal {
	if v.Token == "" {
		return g.guest(v)
	}
	c := g.set.Load()
	var no *Refusal
	isJWT := c.jwt != nil && pass.Looks(v.Token) // judged as one, and by nothing else
	for _, mode := range c.Auth.Mode {
		if isJWT != (mode == AuthJWT) {
			continue
		}
		if mode == AuthAny && strict {
			if slices.Contains(c.Auth.Mode, AuthRedis) {
				continue // it was asked before
			}
			mode = AuthRedis
		}
		var mine bool
		var bad *Refusal
		switch mode {
		case AuthJWT:
			mine, bad = true, g.signed(ctx, v, c.jwt)
		case AuthRedis:
			mine, bad = g.given(ctx, v)
		case AuthHook:
			mine, bad = true, g.asked(ctx, v, c.hook)
		case AuthAny:
			mine, bad = true, g.needUser(v)
		}
		if mine {
			return bad
		}
		if bad != nil {
			no = bad // the refusal of one mode, where no other takes the token
		}
	}
	if no == nil {
		no = refusedFor(chat.TokenWrong)
	}
	return no
}

// guest lets somebody in who shows no token.
func (g *Guard) guest(v *Visitor) *Refusal {
	if v.User != "" || g.set.Load().Auth.Guests == GuestsOff {
		return Refuse(http.StatusUnauthorized, "no token: give token=… or the header Authorization: Bearer …")
	}
	v.User, v.Guest = newGuestID(), true
	return nil
}

// needUser is nil where the visitor says who they are.
func (g *Guard) needUser(v *Visitor) *Refusal { return CheckUser("user_id", v.User) }

// given looks for the token among those that logins gave. The result mine is false where it is none of them: then bad
// is what is known of it.
func (g *Guard) given(ctx context.Context, v *Visitor) (mine bool, bad *Refusal) {
	if v.User == "" {
		return false, refused(pass.Refuse(pass.Invalid, "the token is not valid by itself: user_id is missing"))
	}
	if bad := g.needUser(v); bad != nil {
		return true, bad
	}
	v.cred = chat.Credential{UserID: v.User, Token: v.Token}
	state, bad := g.state(ctx, v.cred)
	switch {
	case bad != nil:
		return true, bad
	case state != chat.TokenRight:
		return false, refusedFor(state)
	}
	v.Proven = true
	return true, nil
}

// state is what the store knows of a token.
func (g *Guard) state(ctx context.Context, cred chat.Credential) (chat.TokenState, *Refusal) {
	state, err := g.store.CheckToken(ctx, cred)
	if err != nil {
		return chat.TokenWrong, Cannot(g.log, "check the token", err, "user", cred.UserID)
	}
	return state, nil
}

// StillCounts is what the store knows now of the token that gave the rights.
func (g *Guard) StillCounts(ctx context.Context, r *Rights) (chat.TokenState, *Refusal) {
	if !r.asks {
		return chat.TokenRight, nil
	}
	return g.state(ctx, r.cred)
}

// signed checks a JWT.
func (g *Guard) signed(ctx context.Context, v *Visitor, jwt *pass.JWT) *Refusal {
	p, no := jwt.Check(v.Token)
	if no != nil {
		return refused(no)
	}
	return g.take(ctx, v, p)
}

// asked asks the connect hook.
func (g *Guard) asked(ctx context.Context, v *Visitor, hook *pass.Hook) *Refusal {
	p, no := hook.Check(ctx, pass.Asked{Room: v.Room, User: v.User, Token: v.Token, Address: v.address, Origin: v.origin, From: v.from})
	if no != nil {
		return refused(no)
	}
	if p.User != "" && CheckUser("user_id", p.User) != nil {
		g.log.Warn("the connect hook names a user who can be none", "user_id", p.User)
		return refused(pass.Refuse(pass.Unavailable, "cannot check the token now: the answer makes no sense"))
	}
	return g.take(ctx, v, p)
}

// freshFor is how young a signed token is whose time of making may lie in the second of a revocation though made after
// that. That time is in whole seconds.
const freshFor = 2 * time.Second

// take has the visitor be whom the pass names, unless it was revoked. A store that does not answer keeps nobody out who
// shows a signed token: the token watcher looks again when it does.
func (g *Guard) take(ctx context.Context, v *Visitor, p *pass.Pass) *Refusal {
	if v.User != "" && v.User != p.User {
		return Refuse(http.StatusForbidden, "the token is not that of user %q", v.User)
	}
	v.pass, v.User, v.Guest = p, p.User, p.User == ""
	if !v.Guest {
		if bad := CheckUser("the token's user", v.User); bad != nil {
			return Refuse(http.StatusUnauthorized, "%s", bad.Why)
		}
	}
	now := g.Now()
	if !p.Expires.IsZero() && !now.Before(p.Expires.Add(ExpiryGrace)) { // else its socket would be closed at once
		return refused(pass.Refuse(pass.Expired, "the token's life is over since %s", p.Expires.UTC().Format(time.RFC3339)))
	}
	v.cred = chat.Credential{UserID: v.User, Signed: true, ID: p.ID, Issued: min(issued(p), now.UnixMilli())}
	if v.Guest {
		v.User = newGuestID()
	}
	v.Proven = !v.Guest
	if v.cred.UserID == "" && v.cred.ID == "" {
		return nil // nothing can be revoked
	}
	state, err := g.store.CheckToken(ctx, v.cred)
	if err != nil {
		g.log.Warn("cannot look whether a token is revoked: it counts until the store answers", "user", v.User, "err", err)
		v.unsure = true
		return nil
	}
	switch {
	case state == chat.TokenRight:
		return nil
	case !now.Before(p.Issued) && now.Sub(p.Issued) < freshFor:
		return refused(&pass.Refused{
			Code: pass.Unavailable, Why: "the user's tokens were revoked in the second in which this one was made: get another one", Wait: time.Second,
		})
	default:
		return refusedFor(state)
	}
}

// refused is what a token's refusal is for HTTP.
func refused(no *pass.Refused) *Refusal {
	return Refuse(no.Code.Status(), "%s", no.Why).As(string(no.Code)).After(no.Wait)
}

// refusedFor refuses a token that the store knows not, or not any more.
func refusedFor(state chat.TokenState) *Refusal {
	switch state {
	case chat.TokenReplaced:
		return refused(pass.Refuse(pass.Replaced, "the token was replaced: its user has logged in elsewhere"))
	case chat.TokenRevoked:
		return refused(pass.Refuse(pass.Revoked, "the token was revoked: log in again"))
	default:
		return refused(pass.Refuse(pass.Invalid, "the token is not valid: log in"))
	}
}
