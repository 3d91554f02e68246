package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"barrage/gateway/pass"
)

// Guard says who may do what, for both protocols; each says it in its own words.
type Guard struct {
	cfg   *EdgeConfig
	store EdgeStore
	log   *slog.Logger
	now   func() time.Time
	jwt   *pass.JWT  // nil without AuthJWT
	hook  *pass.Hook // nil without AuthHook
	// defaultCan is what who shows a token may do where it names no rooms; guests are the rights of who shows none.
	defaultCan pass.Can
	guests     *rights
	logins     *logins
}

// newGuard is for settings that are valid. What the guard needs of files and the network comes with load.
func newGuard(cfg *EdgeConfig, store EdgeStore, log *slog.Logger) *Guard {
	can, _ := pass.ParseCan(cfg.Auth.DefaultCan) // Validate has seen it
	if !cfg.Auth.Required() {
		can = anyone.can // else who proves who they are could do less than who does not
	}
	g := &Guard{cfg: cfg, store: store, log: log, defaultCan: can, guests: &rights{can: pass.Read, guest: true}, logins: newLogins(&cfg.Auth)}
	if cfg.Auth.Guests == GuestsChat {
		g.guests.can |= pass.Send | pass.Like
	}
	return g
}

// load reads what tokens are checked by.
func (g *Guard) load(now func() time.Time) (err error) {
	g.now = now
	if slices.Contains(g.cfg.Auth.Mode, AuthJWT) {
		if g.jwt, err = pass.NewJWT(g.cfg.Auth.JWT(), now, g.log); err != nil {
			return err
		}
	}
	if slices.Contains(g.cfg.Auth.Mode, AuthHook) {
		g.hook = pass.NewHook(g.cfg.Auth.hook(), now, g.log)
	}
	return nil
}

// keepKeys keeps the keys of signed tokens up to date until ctx ends.
func (g *Guard) keepKeys(ctx context.Context) {
	if g.jwt != nil {
		g.jwt.Run(ctx)
	}
}

// Close ends what the guard began. Nothing is asked of it any more.
func (g *Guard) Close() {
	if g.hook != nil {
		g.hook.Close()
	}
}

// asksHook reports whether the connect hook is asked about a token.
func (g *Guard) asksHook(token string) bool {
	return g.hook != nil && (g.jwt == nil || !pass.Looks(token))
}

// member reports whether the user may be in the room. With room.auto_join everybody may, and a store that does not
// answer keeps nobody out: who then comes in becomes a member, see joins.
func (g *Guard) member(ctx context.Context, user, id string) (bool, *refusal) {
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
func (g *Guard) unproven(v visitor) bool {
	return g.cfg.AutoJoin && !v.proven && !v.guest && !g.cfg.AnonymousJoin
}

// mayJoin reports whether users may join rooms by themselves.
func (g *Guard) mayJoin() bool { return g.cfg.AutoJoin || g.cfg.SelfJoin }

// exists is nil where the room may be made live: with room.open: known only if somebody has registered it, or it has
// had messages.
func (g *Guard) exists(ctx context.Context, id string) *refusal {
	if !g.cfg.KnownRooms {
		return nil
	}
	return g.known(ctx, id)
}

// known is nil where the room is known, see Store.KnownRoom.
func (g *Guard) known(ctx context.Context, id string) *refusal {
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
func (g *Guard) mayEnter(ctx context.Context, v *visitor, id string) (*rights, *refusal) {
	if bad := g.who(ctx, v, false); bad != nil {
		return nil, bad
	}
	return g.mayBeIn(ctx, v, id, pass.Read)
}

// mayBeIn are the rights of a visitor in the room who is known. It refuses those who may not do what they want, and who
// are no members of it, nor become some by coming in.
func (g *Guard) mayBeIn(ctx context.Context, v *visitor, id string, want pass.Can) (*rights, *refusal) {
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
func (g *Guard) opens(r *rights) bool { return r.named || !g.cfg.GrantedRooms }

// maySee reports whether the visitor may read the room, if they are a member of it where that counts.
func (g *Guard) maySee(v *visitor, id string) bool {
	r := g.rightsIn(v, id)
	return r.can.Has(pass.Read) && g.opens(r)
}
