package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"strings"

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

// who finds out who the visitor is. strict has nobody pass for whom auth.mode says any: then the token must be one that
// a login gave.
func (g *guard) who(ctx context.Context, v *visitor, strict bool) *refusal {
	if v.token == "" {
		return g.guest(v)
	}
	no := refused(pass.Refuse(pass.Invalid, "the token is not valid: log in"))
	for _, mode := range g.cfg.Auth.Mode {
		if mode == AuthAny && strict {
			mode = AuthRedis
		}
		var mine bool
		var bad *refusal
		switch mode {
		case AuthJWT:
			mine, bad = g.signed(ctx, v)
		case AuthRedis:
			mine, bad = g.given(ctx, v)
		case AuthHook:
			mine, bad = true, g.asked(ctx, v)
		case AuthAny:
			mine, bad = true, g.needUser(v)
		}
		if mine {
			return bad
		}
		if bad != nil {
			no = bad // what one mode knows of the token, where no other takes it
		}
	}
	return no
}

// guest lets somebody in who shows no token.
func (g *guard) guest(v *visitor) *refusal {
	if v.user != "" || g.cfg.Auth.Guests == GuestsOff {
		return refuse(http.StatusUnauthorized, "no token: give token=… or the header Authorization: Bearer …")
	}
	v.user, v.guest = newGuestID(), true
	return nil
}

// needUser is nil where the visitor says who they are.
func (g *guard) needUser(v *visitor) *refusal { return checkID("user_id", v.user) }

// given looks for the token among those that logins gave. mine is false where it is none of them: then bad is what is
// known of it.
func (g *guard) given(ctx context.Context, v *visitor) (mine bool, bad *refusal) {
	if bad := g.needUser(v); bad != nil {
		return true, bad
	}
	v.cred = chat.Credential{UserID: v.user, Token: v.token}
	state, err := g.store.CheckToken(ctx, v.cred)
	switch {
	case err != nil:
		g.log.Warn("cannot check a token", "user", v.user, "err", err)
		return true, refuse(http.StatusServiceUnavailable, "cannot check the token now, try again")
	case state != chat.TokenRight:
		return false, refusedFor(state)
	}
	v.proven = true
	return true, nil
}

// signed checks a JWT. mine is false for a token of another form.
func (g *guard) signed(ctx context.Context, v *visitor) (mine bool, bad *refusal) {
	if !pass.Looks(v.token) {
		return false, nil
	}
	p, no := g.jwt.Check(v.token)
	if no != nil {
		return true, refused(no)
	}
	return true, g.take(ctx, v, p)
}

// asked asks the connect hook.
func (g *guard) asked(ctx context.Context, v *visitor) *refusal {
	p, no := g.hook.Check(ctx, pass.Asked{Room: v.room, User: v.user, Token: v.token, Address: v.address, Origin: v.origin})
	if no != nil {
		return refused(no)
	}
	return g.take(ctx, v, p)
}

// take has the visitor be whom the pass names, unless it was revoked. A store that does not answer keeps nobody out who
// shows a signed token: the token watcher looks again when it does.
func (g *guard) take(ctx context.Context, v *visitor, p *pass.Pass) *refusal {
	if v.user != "" && v.user != p.User {
		return refuse(http.StatusForbidden, "the token is not that of user %q", v.user)
	}
	v.pass, v.user, v.guest = p, p.User, p.User == ""
	if !v.guest {
		if bad := checkID("the token's user", v.user); bad != nil {
			return refuse(http.StatusUnauthorized, "%s", bad.why)
		}
	}
	v.cred = chat.Credential{UserID: v.user, Signed: true, ID: p.ID, Issued: issued(p)}
	if v.guest {
		v.user = newGuestID()
	}
	v.proven = !v.guest
	if v.cred.UserID == "" && v.cred.ID == "" {
		return nil // nothing can be revoked
	}
	state, err := g.store.CheckToken(ctx, v.cred)
	if err != nil {
		g.log.Warn("cannot look whether a token is revoked: it counts until the store answers", "user", v.user, "err", err)
		v.unsure = true
		return nil
	}
	if state != chat.TokenRight {
		return refusedFor(state)
	}
	return nil
}

// refused is what a token's refusal is for HTTP.
func refused(no *pass.Refused) *refusal {
	return refuse(no.Code.Status(), "%s", no.Why).as(string(no.Code)).after(no.Wait)
}

// refusedFor refuses a token that the store knows not, or not any more.
func refusedFor(state chat.TokenState) *refusal {
	switch state {
	case chat.TokenReplaced:
		return refused(pass.Refuse(pass.Replaced, "the token was replaced: its user has logged in elsewhere"))
	case chat.TokenRevoked:
		return refused(pass.Refuse(pass.Revoked, "the token was revoked: log in again"))
	default:
		return refused(pass.Refuse(pass.Invalid, "the token is not valid: log in"))
	}
}
