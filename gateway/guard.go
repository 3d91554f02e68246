package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"barrage/gateway/pass"
)

// guard says who may do what, for both protocols; each says it in its own words.
type guard struct {
	cfg   *Config
	store Store
	log   *slog.Logger
	now   func() time.Time
	jwt   *pass.JWT  // nil without AuthJWT
	hook  *pass.Hook // nil without AuthHook
	// defaultCan is what who shows a token may do where it names no rooms; guests are the rights of who shows none.
	defaultCan pass.Can
	guests     *rights
	logins     *logins
}

// member reports whether the user may be in the room. With room.auto_join everybody may, and a store that does not
// answer keeps nobody out: who then comes in becomes a member, see joins.
func (g *guard) member(ctx context.Context, user, id string) (bool, *refusal) {
	if g.cfg.AutoJoin {
		return true, nil
	}
	ok, err := g.store.IsMember(ctx, user, id)
	if err != nil {
		g.log.Warn("cannot check a membership", "user", user, "room", id, "err", err)
		return false, refuse(http.StatusServiceUnavailable, "cannot check the membership now")
	}
	return ok, nil
}

// unproven reports whether nobody has checked who the visitor is, and their handshake therefore makes no member of a
// room that room.auto_join would. Guests never become members.
func (g *guard) unproven(v visitor) bool {
	return g.cfg.AutoJoin && !v.proven && !v.guest && !g.cfg.AnonymousJoin
}

// mayJoin reports whether users may join rooms by themselves.
func (g *guard) mayJoin() bool { return g.cfg.AutoJoin || g.cfg.SelfJoin }

// exists is nil where the room may be made live: with room.open: known only if somebody has registered it, or it has
// had messages.
func (g *guard) exists(ctx context.Context, id string) *refusal {
	if !g.cfg.KnownRooms {
		return nil
	}
	return g.known(ctx, id)
}

// known is nil where the room is known, see Store.KnownRoom.
func (g *guard) known(ctx context.Context, id string) *refusal {
	known, err := g.store.KnownRoom(ctx, id)
	switch {
	case err != nil:
		g.log.Warn("cannot look for a room", "room", id, "err", err)
		return refuse(http.StatusServiceUnavailable, "cannot look for the room now")
	case !known:
		return refuse(http.StatusNotFound, "there is no room %q", id).as("no_such_room")
	}
	return nil
}

// mayEnter finds out who the visitor is, and what they may do in the room; it refuses those who may not be in it.
func (g *guard) mayEnter(ctx context.Context, v *visitor, id string) (*rights, *refusal) {
	if bad := g.who(ctx, v, false); bad != nil {
		return nil, bad
	}
	return g.mayBeIn(ctx, v, id, pass.Read)
}

// mayBeIn are the rights of a visitor in the room who is known. It refuses those who may not do what they want, and who
// are no members of it, nor become some by coming in.
func (g *guard) mayBeIn(ctx context.Context, v *visitor, id string, want pass.Can) (*rights, *refusal) {
	r := g.rightsIn(v, id)
	if !r.can.Has(want) || !g.opens(r) {
		return nil, refuse(http.StatusForbidden, "%s: room %q, %s", mayNot, id, strings.Join(want.Names(), ", "))
	}
	if r.named {
		return r, nil
	}
	if r.guest && !g.cfg.AutoJoin { // a guest is nobody's member: the store need not be asked
		return nil, refuse(http.StatusForbidden, "room %q is for its members", id)
	}
	ok, bad := g.member(ctx, v.user, id)
	if bad == nil && !ok {
		bad = refuse(http.StatusForbidden, "user %q is not a member of room %q", v.user, id)
	}
	return r, bad
}

// opens reports whether the room of the rights opens to them, where room.open asks for that.
func (g *guard) opens(r *rights) bool { return r.named || !g.cfg.GrantedRooms }

// maySee reports whether the visitor may read the room, if they are a member of it where that counts.
func (g *guard) maySee(v *visitor, id string) bool {
	r := g.rightsIn(v, id)
	return r.can.Has(pass.Read) && g.opens(r)
}
