package edge

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"barrage/gateway/pass"
	"barrage/internal/remote"
)

// Guard finds out who somebody is and what they may do, for both protocols; each reports it in its own words.
type Guard struct {
	store Store
	log   *slog.Logger
	// Now is Edge.Times.Now; tests set another after Listen.
	Now func() time.Time
	// OnHook returns the function that is notified of the calls of a hook: connect, login or review. The maker of the edge
	// sets it before Listen; nil: nobody is notified.
	OnHook func(hook string) remote.OnCall

	set     atomic.Pointer[checks]
	retired sync.WaitGroup // hooks that were replaced, and answer those who have asked
}

// checks are what the guard goes by. Nobody changes them: Reload replaces them as a whole.
type checks struct {
	*Config

	jwt  *pass.JWT  // nil without AuthJWT
	hook *pass.Hook // nil without AuthHook
	// defaultCan is what who shows a token may do where it names no rooms; guests are the rights of who shows none.
	defaultCan pass.Can
	guests     *Rights
	logins     *logins
	replaced   context.Context // ends when others hold
	replace    context.CancelFunc
}

// newGuard is for settings that are valid. Data that the guard needs of files and the network comes with load.
func newGuard(cfg *Config, store Store, log *slog.Logger) *Guard {
	g := &Guard{store: store, log: log}
	g.set.Store(newChecks(cfg))
	return g
}

// newChecks are those that need no files and no services.
func newChecks(cfg *Config) *checks {
	can, _ := pass.ParseCan(cfg.Auth.DefaultCan) // Validate has seen it
	if !cfg.Auth.Required() {
		can = anyone.Can // else a user with a proof could do less than one without
	}
	c := &checks{Config: cfg, defaultCan: can, guests: &Rights{Can: pass.Read, Guest: true}, logins: newLogins(&cfg.Auth)}
	if cfg.Auth.Guests == GuestsChat {
		c.guests.Can |= pass.Send | pass.Like
	}
	c.replaced, c.replace = context.WithCancel(context.Background())
	return c
}

// load reads what tokens are checked by.
func (g *Guard) load(now func() time.Time) error {
	g.Now = now
	c, err := g.prepare(g.set.Load().Config)
	if err == nil {
		g.use(c)
	}
	return err
}

// prepare makes the checks of settings that are valid, and reads the files that they name. Of the checks that hold now
// it takes over what stays the same: keys of issuers, and answers of the connect hook.
func (g *Guard) prepare(cfg *Config) (c *checks, err error) {
	old := g.set.Load()
	c = newChecks(cfg)
	if slices.Contains(cfg.Auth.Mode, AuthJWT) {
		if c.jwt, err = pass.NewJWT(cfg.Auth.JWT(), g.Now, g.log); err != nil {
			return nil, err
		}
		c.jwt.Inherit(old.jwt)
	}
	if slices.Contains(cfg.Auth.Mode, AuthHook) {
		if c.hook = old.hook; c.hook == nil || old.Auth.hook() != cfg.Auth.hook() {
			c.hook = pass.NewHook(cfg.Auth.hook(), g.Now, g.log)
			c.hook.Inherit(old.hook)
		}
	}
	if g.OnHook != nil {
		c.logins.client.OnCall = g.OnHook("login")
		if c.hook != nil && c.hook != old.hook {
			c.hook.OnCall(g.OnHook("connect"))
		}
	}
	return c, nil
}

// use has the checks hold from now on.
func (g *Guard) use(c *checks) {
	old := g.set.Swap(c)
	old.replace()
	old.logins.client.CloseIdleConnections()
	if old.hook != nil && old.hook != c.hook {
		g.retired.Go(old.hook.Finish)
	}
}

// keepKeys keeps the keys of signed tokens up to date until ctx ends.
func (g *Guard) keepKeys(ctx context.Context) {
	for ctx.Err() == nil {
		c := g.set.Load()
		until, stop := context.WithCancel(ctx)
		undo := context.AfterFunc(c.replaced, stop)
		if c.jwt != nil {
			c.jwt.Run(until)
		}
		<-until.Done()
		undo()
		stop()
	}
}

// Close ends what the guard began. Nothing is asked of it any more.
func (g *Guard) Close() {
	if hook := g.set.Load().hook; hook != nil {
		hook.Close()
	}
	g.retired.Wait()
}

// HookStats are the figures of the connect hook; none where there is none.
func (g *Guard) HookStats() (s pass.HookStats) {
	if hook := g.set.Load().hook; hook != nil {
		s = hook.Stats()
	}
	return s
}

// AsksHook reports whether the connect hook is asked about a token.
func (g *Guard) AsksHook(token string) bool {
	c := g.set.Load()
	return c.hook != nil && (c.jwt == nil || !pass.Looks(token))
}

// member reports whether the user may be in the room. With room.auto_join everybody may, and a store that does not
// answer keeps nobody out: a user who then comes in becomes a member, see Joins.
func (g *Guard) member(ctx context.Context, user, id string) (bool, *Refusal) {
	if g.set.Load().AutoJoin {
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
	c := g.set.Load()
	return c.AutoJoin && !v.Proven && !v.Guest && !c.AnonymousJoin
}

// MayJoin reports whether users may join rooms by themselves.
func (g *Guard) MayJoin() bool {
	c := g.set.Load()
	return c.AutoJoin || c.SelfJoin
}

// Exists is nil where the room may be made live: with room.open: known only if somebody has registered it, or it has
// had messages.
func (g *Guard) Exists(ctx context.Context, id string) *Refusal {
	if !g.set.Load().KnownRooms {
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
	if r.Guest && !g.set.Load().AutoJoin { // a guest is nobody's member: the store need not be asked
		return nil, Refuse(http.StatusForbidden, "room %q is for its members", id)
	}
	ok, bad := g.member(ctx, v.User, id)
	if bad == nil && !ok {
		bad = Refuse(http.StatusForbidden, "user %q is not a member of room %q", v.User, id)
	}
	return r, bad
}

// opens reports whether the room of the rights opens to them, where room.open asks for that.
func (g *Guard) opens(r *Rights) bool { return r.named || !g.set.Load().GrantedRooms }

// MaySee reports whether the visitor may read the room, if they are a member of it where that counts.
func (g *Guard) MaySee(v *Visitor, id string) bool {
	r := g.RightsIn(v, id)
	return r.Can.Has(pass.Read) && g.opens(r)
}
