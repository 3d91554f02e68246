// Package desk is where order in rooms is kept from. It carries out what moderators want, whether they ask over their
// socket, over HTTP or from the command line. It decides who may act on whom, and changes the room's rules or takes
// messages away in the store. It has this node go by that before it answers, and writes the log. It knows no sockets.
//
// It has no goroutines and no locks of its own; its methods may be called concurrently and block on the store until
// their context ends.
package desk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// Store is what the desk needs of the state that all nodes share. redisx satisfies it.
type Store interface {
	Rules(ctx context.Context, room string) (chat.Rules, error)
	ChangeRules(ctx context.Context, room string, c chat.RulesChange) (chat.Event, error)
	RecallSeq(ctx context.Context, room, user string, known chat.Position, epoch string, seq uint64, notBefore int64) (chat.Event, error)
	Purge(ctx context.Context, room string, known chat.Position, p chat.Purge) (ev chat.Event, n int, err error)
	Page(ctx context.Context, room string, before, after uint64, limit int) (chat.History, error)
	Held(ctx context.Context, room string) ([]chat.Held, error)
	Deny(ctx context.Context, room, id string) (chat.Held, error)
	WriteLog(ctx context.Context, room, entry string) error
	ReadLog(ctx context.Context, room, before string, limit int) ([]string, error)
}

// Hall is what this node knows of rooms. room.Hall satisfies it.
type Hall interface {
	// Position is where a room stands, as far as this node knows.
	Position(room string) chat.Position
	// Live reports whether this node has the room; then it takes a pin off that is recalled.
	Live(room string) bool
	// RulesChanged and Recalled have this node go by what the store answered.
	RulesChanged(room string, ev chat.Event)
	Recalled(room string, ev chat.Event)
}

// Desk carries out verbs. Make it with [New].
type Desk struct {
	store    Store
	hall     Hall
	announce Announce
	// approve stores held messages.
	approve Approve
	// Reviews reports whether this node can have messages reviewed now. The maker of the desk sets it before the first
	// verb; nil: it cannot.
	Reviews func() bool
	// tokenRole is the highest role that a token gives a user in a room, of those whose sockets this node has.
	tokenRole func(room, user string) chat.Role
	// RoleElsewhere is the same of all nodes; nil: there are no others. It may block until ctx ends. The maker of the node
	// sets it before the first verb.
	RoleElsewhere func(ctx context.Context, room, user string) chat.Role

	now func() time.Time
	log *slog.Logger
	// OnEntry receives each entry of a room's log, whether the store has it or not; nil: nobody does. The maker of the
	// node sets it before the first verb. It may block until ctx ends.
	OnEntry func(ctx context.Context, room string, e *LogEntry)
}

// Announce sends a message of the room's own and returns where it is when it is stored.
type Announce func(ctx context.Context, room, user string, op *codec.Op) (Placed, error)

// New makes a desk. announce carries announcements, approve held messages; tokenRole is what a user's tokens say on
// this node; now is the time.
func New(store Store, hall Hall, announce Announce, approve Approve, tokenRole func(room, user string) chat.Role, now func() time.Time, log *slog.Logger) *Desk {
	return &Desk{store: store, hall: hall, announce: announce, approve: approve, tokenRole: tokenRole, now: now, log: log}
}

// Actor is who wants something done.
type Actor struct {
	Name string    // a user id, or the name of a server key
	Role chat.Role // of their token; one who may moderate by a capability alone has that of a moderator
	Via  string    // socket, http or admin
}

// Done is what became of a verb.
type Done struct {
	Verb string `json:"verb"`
	N    int    `json:"n"` // messages that were taken away
	V    string `json:"v"` // the version of the rules, where they changed
	// Seq is the number of the message that was approved or announced, 0 of another verb. Before: it was in the room
	// already.
	Seq    uint64 `json:"seq,omitempty"`
	Before bool   `json:"before,omitempty"`
}

// Do carries out a verb in a room, [chat.Everywhere] for all of them. When it has returned without an error it holds on
// every node.
func (d *Desk) Do(ctx context.Context, a Actor, room string, v *Verb) (Done, *Refused) {
	rules, no := d.readRules(ctx, room)
	if no != nil {
		return Done{}, no
	}
	now := d.now()
	rank := rank(a, &rules, now)
	theirs, about := chat.RoleViewer, *v
	if v.Verb == "delete" && v.UserID == a.Name { // one's own
		about.UserID = ""
	}
	if rank >= chat.RoleModerator { // the sockets of the node are gone through for it
		theirs = d.roleOf(ctx, room, about.UserID, rank, &rules, now)
	}
	if no := may(rank, a.Name, &about, theirs, &rules, now); no != nil {
		return Done{}, no
	}
	if room == chat.Everywhere && measures[v.Verb] != chat.Ban {
		return Done{}, bad("%s is for one room; everywhere there are ban and unban", v.Verb)
	}
	e := LogEntry{ID: rand.Text()[:12], At: now.UnixMilli(), By: a.Name, Role: rank.String(), Via: a.Via, Verb: v.Verb, Reason: v.Reason}
	e.Epoch, e.Since = v.Epoch, v.Since
	if v.Verb == "delete" {
		if no := d.mayDelete(ctx, room, v, rank, &rules, &e); no != nil {
			return Done{}, no
		}
	}
	done, no := d.carryOut(ctx, room, v, rank, &e)
	again := v.Verb == "announce" && done.Before
	if (no == nil || done.V != "" || done.N > 0) && !again { // some of it was done
		e.N, e.V = done.N, done.V
		d.note(ctx, room, &e)
	}
	return done, no
}

// roleOf is the role of a user in a room, on whom somebody of a rank wants to act. It is the one that the room has
// given them, or that of the token of a socket that they have. Other nodes are asked where it may matter: no socket has
// the role of a server.
func (d *Desk) roleOf(ctx context.Context, room, user string, rank chat.Role, rules *chat.Rules, now time.Time) chat.Role {
	if user == "" || rank == chat.RoleServer {
		return chat.RoleViewer
	}
	role := rules.RoleOf(user, d.tokenRole(room, user), now.UnixMilli())
	if role < rank && d.RoleElsewhere != nil {
		role = max(role, d.RoleElsewhere(ctx, room, user))
	}
	return role
}

// may says whether somebody of a rank may do what they want to a user with that role, by the rules of the room.
func may(rank chat.Role, by string, v *Verb, theirs chat.Role, rules *chat.Rules, now time.Time) *Refused {
	if no := mayAct(rank, v, theirs); no != nil {
		return no
	}
	return mayChange(rank, by, v, rules, now)
}

// mayChange says whether somebody of a rank may end, or take the place of, what is in force already. It also says
// whether they may do anything at all where they are kept out themselves.
func mayChange(rank chat.Role, by string, v *Verb, rules *chat.Rules, now time.Time) *Refused {
	ms := now.UnixMilli()
	for _, what := range []chat.What{chat.Ban, chat.Kick, chat.Mute} {
		if m, ok := rules.Find(what, by, ms); ok && m.ByRole > rank {
			return forbidden("nobody keeps order who is kept from it: there is a %s about you", what)
		}
	}
	if _, is := measures[v.Verb]; !is {
		return nil
	}
	what, target := v.target()
	if m, ok := rules.Find(what, target, ms); ok && m.ByRole > rank {
		return forbidden("%.64q has a %s from a higher role, which only that ends or changes", target, what)
	}
	return nil
}

// ViaAdmin is the way of server keys, whose role is above all others.
const ViaAdmin = "admin"

// rank is how far somebody is above others in a room with these rules.
func rank(a Actor, rules *chat.Rules, now time.Time) chat.Role {
	if a.Via == ViaAdmin {
		return chat.RoleServer
	}
	return rules.RoleOf(a.Name, a.Role, now.UnixMilli())
}

// mayAct says whether somebody of a rank may do what they want.
func mayAct(rank chat.Role, v *Verb, theirs chat.Role) *Refused {
	if rank < chat.RoleModerator {
		return forbidden("%s", v.OnlyModerators())
	}
	if v.UserID != "" && theirs >= rank {
		return forbidden("%.64q is %s here, and nobody acts on an equal or higher role", v.UserID, theirs)
	}
	if v.Verb == "role" {
		role, _ := chat.ParseRole(v.Role)
		if rank < chat.RoleOwner || role >= rank {
			return forbidden("only owners give roles, and only lower ones than theirs")
		}
	}
	return nil
}

// carryOut does what the verb says, and notes in e about what.
func (d *Desk) carryOut(ctx context.Context, room string, v *Verb, rank chat.Role, e *LogEntry) (Done, *Refused) {
	switch v.Verb {
	case "delete":
		return d.remove(ctx, room, v, e)
	case "purge":
		return d.purge(ctx, room, v, e)
	case "approve":
		return d.release(ctx, room, v, e)
	case "deny":
		return d.deny(ctx, room, v, e)
	case "announce":
		e.Body = v.Body
		by := e.By
		if e.Via == ViaAdmin { // a key may be called as a user is, who could take it back
			by = chat.ReservedIDs + by // as which no user can speak
		}
		at, err := d.announce(ctx, room, by, &codec.Op{T: codec.OpSend, ID: v.announcement(e.ID), Kind: codec.KindSystem, Body: v.Body, Ext: v.Ext})
		if err != nil {
			return Done{}, d.cannot(v, err)
		}
		e.Seq, e.Epoch = at.Place.Seq, at.Place.Epoch
		return Done{Verb: v.Verb, Seq: at.Place.Seq, Before: at.Before}, nil
	}
	n := 0
	if v.Verb == "clear" {
		var no *Refused
		if n, no = d.takeAway(ctx, room, v, chat.Purge{}); no != nil {
			return Done{}, no
		}
	}
	c, no := d.change(ctx, room, v, rank, e)
	if no != nil {
		return Done{}, no
	}
	ev, err := d.store.ChangeRules(ctx, room, c)
	if err != nil {
		return Done{}, d.cannot(v, err)
	}
	d.hall.RulesChanged(room, ev)
	done := Done{Verb: v.Verb, V: ev.Rules.Version, N: n}
	if v.Verb == "clear" {
		return done, d.denyAll(ctx, room, v, func(codec.HeldInfo, int64) bool { return true })
	}
	if v.Verb == "ban" && v.Purge && v.UserID != "" && room != chat.Everywhere {
		purged, no := d.purge(ctx, room, v, e)
		done.N = purged.N
		return done, no // the ban holds, whatever became of the rest
	}
	return done, nil
}

// change is the change of rules that a verb means.
func (d *Desk) change(ctx context.Context, room string, v *Verb, rank chat.Role, e *LogEntry) (c chat.RulesChange, no *Refused) {
	switch v.Verb {
	case "clear":
		c.Pin = new(chat.Entry) // the pinned message goes with the rest
		return c, nil
	case "unpin":
		c.Pin = new(chat.Entry)
		return c, nil
	case "pin":
		e.Seq = v.Seq
		pinned, no := d.message(ctx, room, v)
		if no == nil && len(pinned.JSON) > maxPinned {
			no = bad("the message has %d bytes, at most %d can be pinned", len(pinned.JSON), maxPinned)
		}
		c.Pin = &pinned
		return c, no
	case "modes":
		if r := string(v.Modes["review"]); r != "" && r != `"off"` && (d.Reviews == nil || !d.Reviews()) {
			return c, bad("review is %s, and this node has nobody to ask: set hook.review_url on all nodes", r)
		}
		c.Modes = make(map[string]string, len(v.Modes))
		for name, value := range v.Modes {
			c.Modes[name] = string(value)
		}
		e.Modes, _ = json.Marshal(v.Modes) // it was JSON
		return c, nil
	}
	m := chat.Measure{Reason: v.Reason, By: e.By, ByRole: rank, At: e.At, Until: v.until(time.UnixMilli(e.At))}
	m.What, m.Target = v.target()
	m.Role, _ = chat.ParseRole(v.Role)
	e.Target = m.Target
	if m.What == chat.Appoint {
		e.Gives = m.Role.String()
	}
	if v.lifts() || m.What == chat.Appoint && m.Role == chat.RoleViewer {
		c.Lift = []chat.Measure{m}
		if m.What == chat.Ban { // also who was only kicked comes in again
			c.Lift = append(c.Lift, chat.Measure{What: chat.Kick, Target: m.Target})
		}
		return c, nil
	}
	e.Until = m.Until
	c.Set = []chat.Measure{m}
	return c, nil
}

// maxPinned bounds a message that is pinned, in bytes: every newcomer is given it.
const maxPinned = 16 << 10

// message is the one that the verb means.
func (d *Desk) message(ctx context.Context, room string, v *Verb) (chat.Entry, *Refused) {
	h, err := d.store.Page(ctx, room, 0, v.Seq-1, 1)
	if err != nil {
		return chat.Entry{}, d.cannot(v, err)
	}
	if v.Epoch != "" && v.Epoch != h.Epoch {
		return chat.Entry{}, refusal(chat.ErrOtherEpoch)
	}
	if len(h.Entries) == 0 || h.Entries[0].Seq != v.Seq || h.Entries[0].JSON == "" {
		return chat.Entry{}, refusal(chat.ErrNoMessage)
	}
	return h.Entries[0], nil
}

// mayDelete says whether somebody of a rank may take a message away. Anybody may name a message again that is gone
// already.
func (d *Desk) mayDelete(ctx context.Context, room string, v *Verb, rank chat.Role, rules *chat.Rules, e *LogEntry) *Refused {
	m, no := d.message(ctx, room, v)
	if no != nil {
		if no.Status == http.StatusServiceUnavailable {
			return no
		}
		return nil // the store knows better
	}
	if author := codec.Sender(m.JSON); author != e.By {
		return mayAct(rank, &Verb{Verb: v.Verb, UserID: author}, d.roleOf(ctx, room, author, rank, rules, time.UnixMilli(e.At)))
	}
	return nil
}

// remove takes one message away. A message that the store has lost stands on screens still: members find it by its
// sender and timestamp, which no other message has.
func (d *Desk) remove(ctx context.Context, room string, v *Verb, e *LogEntry) (Done, *Refused) {
	e.Seq = v.Seq
	ev, err := d.store.RecallSeq(ctx, room, chat.Anybody, d.hall.Position(room), v.Epoch, v.Seq, 0)
	if v.UserID != "" && (errors.Is(err, chat.ErrNoMessage) || errors.Is(err, chat.ErrOtherEpoch)) {
		e.Target = v.UserID
		_, no := d.takeAway(ctx, room, v, chat.Purge{User: v.UserID, Since: v.TS, Until: v.TS})
		return Done{Verb: v.Verb, N: 1}, no
	}
	if err != nil {
		return Done{}, d.cannot(v, err)
	}
	d.hall.Recalled(room, ev)
	e.Target = codec.Sender(ev.Messages[0])
	d.unpin(ctx, room, &ev)
	return Done{Verb: v.Verb, N: 1}, nil
}

// takeAway takes messages away at once, and returns how many the history had.
func (d *Desk) takeAway(ctx context.Context, room string, v *Verb, p chat.Purge) (n int, no *Refused) {
	ev, n, err := d.store.Purge(ctx, room, d.hall.Position(room), p)
	if errors.Is(err, chat.ErrNoMessage) { // nobody ever sent anything
		return 0, nil
	}
	if err != nil {
		return 0, d.cannot(v, err)
	}
	d.hall.Recalled(room, ev)
	d.unpin(ctx, room, &ev)
	return n, nil
}

// unpin takes the pinned message off if it was taken away, in a room that no node may have live. A live room does it by
// itself.
func (d *Desk) unpin(ctx context.Context, room string, ev *chat.Event) {
	if d.hall.Live(room) {
		return
	}
	rules, err := d.store.Rules(ctx, room)
	if pinned := rules.Pinned; err == nil && pinned.JSON != "" && takes(ev, pinned) {
		_, err = d.store.ChangeRules(ctx, room, chat.RulesChange{Pin: new(chat.Entry)})
	}
	if err != nil {
		d.log.Warn("cannot take a pin off whose message was taken away", "room", room, "err", err)
	}
}

// takes reports whether an event took a message away.
func takes(ev *chat.Event, e chat.Entry) bool {
	user, ts := codec.Sender(e.JSON), codec.Timestamp(e.JSON)
	if ev.Kind == chat.EventPurge {
		return ev.Purge.Takes(user, ts, ev.Epoch, e.Seq)
	}
	return codec.Sender(ev.Messages[0]) == user && codec.Timestamp(ev.Messages[0]) == ts
}

// purge takes a user's messages away.
func (d *Desk) purge(ctx context.Context, room string, v *Verb, e *LogEntry) (Done, *Refused) {
	e.Target = v.UserID
	n, no := d.takeAway(ctx, room, v, chat.Purge{User: v.UserID, Since: v.Since})
	if no == nil {
		no = d.denyAll(ctx, room, v, func(info codec.HeldInfo, at int64) bool { return info.UserID == v.UserID && at >= v.Since })
	}
	return Done{Verb: v.Verb, N: n}, no
}

// RoomRules is what is in force in a room, as moderators see it.
type RoomRules struct {
	Modes json.RawMessage `json:"modes"`
	Users []InForce       `json:"users"`
}

// InForce is one measure.
type InForce struct {
	UserID  string `json:"user_id,omitempty"`
	Address string `json:"address,omitempty"`
	What    string `json:"what"`
	Until   int64  `json:"until"` // Unix ms
	Reason  string `json:"reason"`
	By      string `json:"by"`
	At      int64  `json:"at"`
	Role    string `json:"role,omitempty"`
}

// toReadRules is called a verb where the rules of a room are read.
var toReadRules = Verb{Verb: reads + "the rules"}

// readRules returns the rules of a room.
func (d *Desk) readRules(ctx context.Context, room string) (chat.Rules, *Refused) {
	rules, err := d.store.Rules(ctx, room)
	if err != nil {
		return rules, d.cannot(&toReadRules, err)
	}
	return rules, nil
}

// Rules is what is in force in a room, for whoever may moderate it.
func (d *Desk) Rules(ctx context.Context, a Actor, room string) (RoomRules, *Refused) {
	rules, no := d.readRules(ctx, room)
	if no != nil {
		return RoomRules{}, no
	}
	now := d.now()
	if no := may(rank(a, &rules, now), a.Name, &toReadRules, chat.RoleViewer, &rules, now); no != nil {
		return RoomRules{}, no
	}
	all := rules.Measures(now.UnixMilli())
	o := RoomRules{Modes: json.RawMessage(codec.ModesObject(&rules, rules.Cleared.Seq)), Users: make([]InForce, len(all))}
	for i, m := range all {
		f := InForce{UserID: m.Target, What: m.What.String(), Until: m.Until, Reason: m.Reason, By: m.By, At: m.At}
		if m.What == chat.BanAddress {
			f.UserID, f.Address = "", m.Target
		}
		if m.What == chat.Appoint {
			f.Role = m.Role.String()
		}
		o.Users[i] = f
	}
	return o, nil
}
