package redisx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is what Redis keeps to hold order in rooms: their rules, and the log of who changed them.

// Rules returns a room's rules.
func (r *Redis) Rules(ctx context.Context, room string) (chat.Rules, error) {
	if r.keys.fastIM {
		return chat.Rules{}, nil
	}
	msg, err := r.runRoom(ctx, r.scripts().readRules, room, []string{r.keys.rules(room), r.keys.meta(room)}, r.keys.roomChannel(room), seconds(lostRulesWait))
	var rules chat.Rules
	if err == nil && msg.IsString() {
		err = chat.ErrRulesLost
	}
	if err == nil {
		var fields map[string]string
		if fields, err = msg.AsStrMap(); err == nil {
			rules, err = parseRules(fields)
		}
	}
	if err != nil {
		return chat.Rules{}, fmt.Errorf("cannot read the rules of room %q (key %q): %w", room, r.keys.rules(room), err)
	}
	return rules, nil
}

// parseRules makes rules of their fields.
func parseRules(fields map[string]string) (chat.Rules, error) {
	c, err := codec.ParseRulesChange(fields)
	var rules chat.Rules
	if err == nil {
		codec.ApplyRules(&rules, &c)
	}
	return rules, err
}

// ChangeRules does what the change says, and notifies every node.
func (r *Redis) ChangeRules(ctx context.Context, room string, c chat.RulesChange) (chat.Event, error) {
	ev, err := r.changeRules(ctx, room, c)
	if err != nil {
		return chat.Event{}, fmt.Errorf("cannot change the rules of room %q (key %q): %w", room, r.keys.rules(room), err)
	}
	return ev, nil
}

func (r *Redis) changeRules(ctx context.Context, room string, c chat.RulesChange) (chat.Event, error) {
	if r.keys.fastIM {
		return chat.Event{}, chat.ErrBeside
	}
	body := codec.RulesBody(&c)
	args := []string{r.keys.roomChannel(room), randomName(), c.Version, strconv.FormatInt(time.Now().UnixMilli(), 10), body}
	var set, gone []string
	for field, value := range codec.RulesFields(&c) {
		if value == "" {
			gone = append(gone, field)
		} else {
			set = append(set, field, value)
		}
	}
	args = append(append(append(args, strconv.Itoa(len(set)/2)), set...), gone...)
	msg, err := r.runRoom(ctx, r.scripts().changeRules, room, []string{r.keys.rules(room), r.keys.meta(room)}, args...)
	if err != nil {
		return chat.Event{}, err
	}
	if msg.IsNil() {
		return chat.Event{}, chat.ErrStale
	}
	if msg.IsInt64() {
		return chat.Event{}, chat.ErrFull
	}
	head, err := msg.ToString()
	var ev chat.Event
	if err == nil {
		ev, err = codec.ParseEvent(head + "\n" + body)
	}
	if err != nil {
		return chat.Event{}, errors.Join(errBadAnswer, err)
	}
	return ev, nil
}

// Purge takes messages of a user, or all, out of the history, and notifies every node.
func (r *Redis) Purge(ctx context.Context, room string, known chat.Position, p chat.Purge) (chat.Event, int, error) {
	ev, n, err := r.purge(ctx, room, known, p)
	if err != nil {
		return chat.Event{}, 0, fmt.Errorf("cannot take messages of %q out of room %q: %w", p.User, room, err)
	}
	return ev, n, nil
}

func (r *Redis) purge(ctx context.Context, room string, known chat.Position, p chat.Purge) (chat.Event, int, error) {
	if r.keys.fastIM {
		return chat.Event{}, 0, chat.ErrBeside
	}
	var head, quotedHead, until, upTo string
	if p.User != "" {
		n := newNeedle(room, p.User, 0)
		head, quotedHead = n.head, n.quoted().head
	}
	if p.Until != 0 {
		until = strconv.FormatInt(p.Until, 10)
	}
	if p.UpTo != (chat.Place{}) {
		upTo = strconv.FormatUint(p.UpTo.Seq, 10)
	}
	args := append(roomArgs(moderatedName(), r.keys.roomChannel(room)), knownArgs(toStore(known))...)
	args = append(args, p.User, head, quotedHead, strconv.FormatInt(p.Since, 10), until, p.UpTo.Epoch, upTo, codec.PurgeBegin(&p))
	msg, err := r.runRoom(ctx, r.scripts().purge, room, append(r.recallKeys(room), r.keys.lastTSPrefix(room)), args...)
	if err != nil {
		return chat.Event{}, 0, err
	}
	if msg.IsNil() {
		return chat.Event{}, 0, chat.ErrNoMessage
	}
	f, err := msg.ToArray()
	if err != nil || len(f) != 2 {
		return chat.Event{}, 0, errors.Join(errBadAnswer, err)
	}
	ev, err := r.parseRecall(f[0])
	n, bad := f[1].AsInt64()
	return ev, int(n), errors.Join(err, bad)
}

// lostRulesWait is for how long rules that were lost are waited for, from when somebody missed them. A node that has
// them brings them back within some milliseconds, and tries again a second later.
const lostRulesWait = 3 * time.Second

// moderatedName is a name for a recall that is not its sender's.
func moderatedName() string { return codec.ModeratedPrefix + randomName() }

// WriteLog appends an entry, a JSON object, to a room's log of moderation.
func (r *Redis) WriteLog(ctx context.Context, room, entry string) error {
	key := r.keys.modLog(room)
	_, err := r.runRoom(ctx, r.scripts().writeLog, room, []string{key}, entry, strconv.Itoa(chat.LogKept), millis(chat.RulesLife))
	if err != nil {
		return fmt.Errorf("cannot write the log of room %q (key %q): %w", room, key, err)
	}
	return nil
}

// ReadLog returns at most limit entries of a room's log of moderation, the newest first. They are those older than the
// one with an id, or the newest.
func (r *Redis) ReadLog(ctx context.Context, room, before string, limit int) ([]string, error) {
	key := r.keys.modLog(room)
	msg, err := r.runRoom(ctx, r.scripts().readLog, room, []string{key}, strconv.Itoa(limit), beginOf(before))
	var entries []string
	if err == nil {
		entries, err = msg.AsStrSlice()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the log of room %q (key %q): %w", room, key, err)
	}
	return entries, nil
}

// beginOf is what the JSON of an entry with an id begins with, see desk.Entry; empty without an id.
func beginOf(id string) string {
	if id == "" {
		return ""
	}
	return `{"id":"` + id + `",`
}
