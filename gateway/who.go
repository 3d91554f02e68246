package gateway

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

// who finds out who the visitor is. strict has nobody pass for whom auth.mode says any: then the token must be one that
// a login gave.
func (g *Guard) who(ctx context.Context, v *visitor, strict bool) *refusal {
	if v.token == "" {
		return g.guest(v)
	}
	no := refused(pass.Refuse(pass.Invalid, "the token is not valid: log in"))
	isJWT := g.jwt != nil && pass.Looks(v.token) // judged as one, and by nothing else
	for _, mode := range g.cfg.Auth.Mode {
		if isJWT != (mode == AuthJWT) {
			continue
		}
		if mode == AuthAny && strict {
			if slices.Contains(g.cfg.Auth.Mode, AuthRedis) {
				continue // it was asked before
			}
			mode = AuthRedis
		}
		var mine bool
		var bad *refusal
		switch mode {
		case AuthJWT:
			mine, bad = true, g.signed(ctx, v)
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
func (g *Guard) guest(v *visitor) *refusal {
	if v.user != "" || g.cfg.Auth.Guests == GuestsOff {
		return refuse(http.StatusUnauthorized, "no token: give token=… or the header Authorization: Bearer …")
	}
	v.user, v.guest = newGuestID(), true
	return nil
}

// needUser is nil where the visitor says who they are.
func (g *Guard) needUser(v *visitor) *refusal { return checkUser("user_id", v.user) }

// given looks for the token among those that logins gave. mine is false where it is none of them: then bad is what is
// known of it.
func (g *Guard) given(ctx context.Context, v *visitor) (mine bool, bad *refusal) {
	if v.user == "" {
		return false, refused(pass.Refuse(pass.Invalid, "the token is not valid by itself: user_id is missing"))
	}
	if bad := g.needUser(v); bad != nil {
		return true, bad
	}
	v.cred = chat.Credential{UserID: v.user, Token: v.token}
	state, bad := g.state(ctx, v.cred)
	switch {
	case bad != nil:
		return true, bad
	case state != chat.TokenRight:
		return false, refusedFor(state)
	}
	v.proven = true
	return true, nil
}

// state is what the store knows of a token.
func (g *Guard) state(ctx context.Context, cred chat.Credential) (chat.TokenState, *refusal) {
	state, err := g.store.CheckToken(ctx, cred)
	if err != nil {
		g.log.Warn("cannot check a token", "user", cred.UserID, "err", err)
		return chat.TokenWrong, refuse(http.StatusServiceUnavailable, "cannot check the token now, try again")
	}
	return state, nil
}

// stillCounts is what the store knows now of the token that gave the rights.
func (g *Guard) stillCounts(ctx context.Context, r *rights) (chat.TokenState, *refusal) {
	if !r.asks {
		return chat.TokenRight, nil
	}
	return g.state(ctx, r.cred)
}

// signed checks a JWT.
func (g *Guard) signed(ctx context.Context, v *visitor) *refusal {
	p, no := g.jwt.Check(v.token)
	if no != nil {
		return refused(no)
	}
	return g.take(ctx, v, p)
}

// asked asks the connect hook.
func (g *Guard) asked(ctx context.Context, v *visitor) *refusal {
	p, no := g.hook.Check(ctx, pass.Asked{Room: v.room, User: v.user, Token: v.token, Address: v.address, Origin: v.origin})
	if no != nil {
		return refused(no)
	}
	if p.User != "" && checkUser("user_id", p.User) != nil {
		g.log.Warn("the connect hook names a user who can be none", "user_id", p.User)
		return refused(pass.Refuse(pass.Unavailable, "cannot check the token now: the answer makes no sense"))
	}
	return g.take(ctx, v, p)
}

// freshFor is how young a signed token is whose time of making, in whole seconds, may lie in the second of a revocation
// though it was made after that.
const freshFor = 2 * time.Second

// take has the visitor be whom the pass names, unless it was revoked. A store that does not answer keeps nobody out who
// shows a signed token: the token watcher looks again when it does.
func (g *Guard) take(ctx context.Context, v *visitor, p *pass.Pass) *refusal {
	if v.user != "" && v.user != p.User {
		return refuse(http.StatusForbidden, "the token is not that of user %q", v.user)
	}
	v.pass, v.user, v.guest = p, p.User, p.User == ""
	if !v.guest {
		if bad := checkUser("the token's user", v.user); bad != nil {
			return refuse(http.StatusUnauthorized, "%s", bad.why)
		}
	}
	now := g.now()
	if !p.Expires.IsZero() && !now.Before(p.Expires.Add(expiryGrace)) { // else its socket would be closed at once
		return refused(pass.Refuse(pass.Expired, "the token's life is over since %s", p.Expires.UTC().Format(time.RFC3339)))
	}
	v.cred = chat.Credential{UserID: v.user, Signed: true, ID: p.ID, Issued: min(issued(p), now.UnixMilli())}
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
