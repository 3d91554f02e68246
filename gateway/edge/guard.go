package edge

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"barrage/gateway/pass"
)

// Guard says who somebody is and what they may do, for both protocols; each says it in its own words.
type Guard struct {
	cfg   *Config
	store Store
	log   *slog.Logger
	// Now is Edge.Times.Now; tests set another after Listen.
	Now func() time.Time
	// OnHook hears how long each call of a hook took: connect or login. Who makes the edge sets it before Listen; nil:
	// nobody hears.
	OnHook func(hook string, took time.Duration)
	jwt    *pass.JWT  // nil without AuthJWT
	hook   *pass.Hook // nil without AuthHook
	// defaultCan is what who shows a token may do where it names no rooms; guests are the rights of who shows none.
	defaultCan pass.Can
	guests     *Rights
	logins     *logins
}

// newGuard is for settings that are valid. What the guard needs of files and the network comes with load.
func newGuard(cfg *Config, store Store, log *slog.Logger) *Guard {
	can, _ := pass.ParseCan(cfg.Auth.DefaultCan) // Validate has seen it
	if !cfg.Auth.Required() {
		can = anyone.Can // else who proves who they are could do less than who does not
	}
	g := &Guard{cfg: cfg, store: store, log: log, defaultCan: can, guests: &Rights{Can: pass.Read, Guest: true}, logins: newLogins(&cfg.Auth)}
	if cfg.Auth.Guests == GuestsChat {
		g.guests.Can |= pass.Send | pass.Like
	}
	return g
}

// load reads what tokens are checked by.
func (g *Guard) load(now func() time.Time) (err error) {
	g.Now = now
	if slices.Contains(g.cfg.Auth.Mode, AuthJWT) {
		if g.jwt, err = pass.NewJWT(g.cfg.Auth.JWT(), now, g.log); err != nil {
			return err
		}
	}
	if slices.Contains(g.cfg.Auth.Mode, AuthHook) {
		g.hook = pass.NewHook(g.cfg.Auth.hook(), now, g.log)
	}
	if g.OnHook != nil {
		g.logins.client.OnCall = func(took time.Duration) { g.OnHook("login", took) }
		if g.hook != nil {
			g.hook.OnCall(func(took time.Duration) { g.OnHook("connect", took) })
		}
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

// HookStats are the figures of the connect hook; none where there is none.
func (g *Guard) HookStats() (s pass.HookStats) {
	if g.hook != nil {
		s = g.hook.Stats()
	}
	return s
}

// AsksHook reports whether the connect hook is asked about a token.
func (g *Guard) AsksHook(token string) bool {
	return g.hook != nil && (g.jwt == nil || !pass.Looks(token))
}

// member reports whether the user may be in the room. With room.auto_join everybody may, and a store that does not
// answer keeps nobody out: who then comes in becomes a member, see Joins.
func (g *Guard) member(ctx context.Context, user, id string) (bool, *Refusal) {
	if g.cfg.AutoJoin {
		return true, nil
	}
	ok, err := g.store.IsMember(ctx, user, id)
	if err != nil {
		return false, Cannot(g.log, "check the membership", err, "user", user, "room", id)
	}
	return ok, nil
}

// unproven reports whether nobody has checked who the visitor is, and their handshake therefore makes no member of a
// room that room.auto_join would. Guests never become members.
func (g *Guard) unproven(v Visitor) bool {
	return g.cfg.AutoJoin && !v.Proven && !v.Guest && !g.cfg.AnonymousJoin
}

// MayJoin reports whether users may join rooms by themselves.
func (g *Guard) MayJoin() bool { return g.cfg.AutoJoin || g.cfg.SelfJoin }

// Exists is nil where the room may be made live: with room.open: known only if somebody has registered it, or it has
// had messages.
func (g *Guard) Exists(ctx context.Context, id string) *Refusal {
	if !g.cfg.KnownRooms {
		return nil
	}
	return g.Known(ctx, id)
}

// Known is nil where the room is known, see Store.KnownRoom.
func (g *Guard) Known(ctx context.Context, id string) *Refusal {
	known, err := g.store.KnownRoom(ctx, id)
	switch {
	case err != nil:
		return Cannot(g.log, "look for the room", err, "room", id)
	case !known:
		return Refuse(http.StatusNotFound, "there is no room %q", id).As("no_such_room")
	}
	return nil
}

// MayEnter finds out who the visitor is, and what they may do in the room; it refuses those who may not be in it.
func (g *Guard) MayEnter(ctx context.Context, v *Visitor, id string) (*Rights, *Refusal) {
	if bad := g.Who(ctx, v, false); bad != nil {
		return nil, bad
	}
	return g.MayBeIn(ctx, v, id, pass.Read)
}

// MayBeIn are the rights of a visitor in the room who is known. It refuses those who may not do what they want, and who
// are no members of it, nor become some by coming in.
func (g *Guard) MayBeIn(ctx context.Context, v *Visitor, id string, want pass.Can) (*Rights, *Refusal) {
	r := g.RightsIn(v, id)
	if !r.Can.Has(want) || !g.opens(r) {
		return nil, Refuse(http.StatusForbidden, "%s: room %q, %s", MayNot, id, strings.Join(want.Names(), ", "))
	}
	if r.named {
		return r, nil
	}
	if r.Guest && !g.cfg.AutoJoin { // a guest is nobody's member: the store need not be asked
		return nil, Refuse(http.StatusForbidden, "room %q is for its members", id)
	}
	ok, bad := g.member(ctx, v.User, id)
	if bad == nil && !ok {
		bad = Refuse(http.StatusForbidden, "user %q is not a member of room %q", v.User, id)
	}
	return r, bad
}

// opens reports whether the room of the rights opens to them, where room.open asks for that.
func (g *Guard) opens(r *Rights) bool { return r.named || !g.cfg.GrantedRooms }

// MaySee reports whether the visitor may read the room, if they are a member of it where that counts.
func (g *Guard) MaySee(v *Visitor, id string) bool {
	r := g.RightsIn(v, id)
	return r.Can.Has(pass.Read) && g.opens(r)
}
