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
	msg, err := r.runRoom(ctx, r.scripts().readRules, room, []string{r.keys.rules(room), r.keys.meta(room)})
	var rules chat.Rules
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

// ChangeRules does what the change says, and tells every node.
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
	clears, body := "0", codec.RulesBody(&c)
	if c.Clear {
		clears = "1"
	}
	args := []string{r.keys.roomChannel(room), randomName(), c.Version, clears, strconv.FormatInt(time.Now().UnixMilli(), 10), body}
	var set, gone []string
	for field, value := range codec.RulesFields(&c) {
		if value == "" {
			gone = append(gone, field)
		} else {
			set = append(set, field, value)
		}
	}
	if c.Version != "" && c.Cleared != (chat.Place{}) { // restored
		set = append(set, codec.RulesClear, c.Cleared.Epoch+" "+strconv.FormatUint(c.Cleared.Seq, 10))
	}
	args = append(append(append(args, strconv.Itoa(len(set)/2)), set...), gone...)
	msg, err := r.runRoom(ctx, r.scripts().changeRules, room, []string{r.keys.rules(room), r.keys.meta(room), r.keys.history(room)}, args...)
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

// Purge takes a user's newest messages out of the history, and tells every node.
func (r *Redis) Purge(ctx context.Context, room, user string, since int64) ([]chat.Event, error) {
	events, err := r.purge(ctx, room, user, since)
	if err != nil {
		return nil, fmt.Errorf("cannot take the messages of %q out of room %q: %w", user, room, err)
	}
	return events, nil
}

func (r *Redis) purge(ctx context.Context, room, user string, since int64) ([]chat.Event, error) {
	if r.keys.fastIM {
		return nil, chat.ErrBeside
	}
	n := newNeedle(room, user, 0)
	args := roomArgs(moderatedName(), r.keys.roomChannel(room), strconv.FormatInt(since, 10), n.head, n.quoted().head)
	msg, err := r.runRoom(ctx, r.scripts().purge, room, r.recallKeys(room), args...)
	if err != nil {
		return nil, err
	}
	payloads, err := msg.ToArray()
	if err != nil {
		return nil, errors.Join(errBadAnswer, err)
	}
	events := make([]chat.Event, len(payloads))
	for i, p := range payloads {
		if events[i], err = r.parseRecall(p); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// moderatedName is a name for a recall that is not its sender's.
func moderatedName() string { return codec.ModeratedMark + randomName() }

// Notify tells native members of a room on every node something that is no change.
func (r *Redis) Notify(ctx context.Context, room, text string) error {
	var err error
	if !r.keys.fastIM { // no native members there
		payload := string(codec.AppendEvent(nil, &chat.Event{Kind: chat.EventNotice, Messages: []string{text}}))
		_, err = r.runRoom(ctx, r.scripts().notify, room, []string{r.keys.history(room)}, r.keys.quietChannel(room), payload)
	}
	if err != nil {
		return fmt.Errorf("cannot tell room %q: %w", room, err)
	}
	return nil
}

// WriteLog appends an entry, a JSON object, to a room's log of moderation.
func (r *Redis) WriteLog(ctx context.Context, room, entry string) error {
	key := r.keys.modLog(room)
	_, err := r.runRoom(ctx, r.scripts().writeLog, room, []string{key}, entry, strconv.Itoa(chat.LogKept), millis(chat.RulesLife))
	if err != nil {
		return fmt.Errorf("cannot write the log of room %q (key %q): %w", room, key, err)
	}
	return nil
}

// ReadLog returns at most limit entries of a room's log of moderation, the newest first: those older than the one with
// an id, or the newest.
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
