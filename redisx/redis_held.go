package redisx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the messages that wait for a moderator in Redis.

// Hold has messages wait for a moderator, and notifies every node.
func (r *Redis) Hold(ctx context.Context, room string, all []chat.Held) (dropped int, err error) {
	if err = r.besideOthers(); err == nil {
		args := []string{r.keys.roomChannel(room), strconv.Itoa(chat.HeldKept), strconv.Itoa(chat.HeldOfUser), strconv.Itoa(chat.HeldBytes), strconv.Itoa(chat.HeldUser)}
		for i := range all {
			args = append(args, all[i].ID, string(all[i].Why), strings.ToValidUTF8(all[i].JSON, "\ufffd"))
		}
		msg, bad := r.runRoom(ctx, r.scripts().hold, room, []string{r.keys.held(room), r.keys.history(room)}, args...)
		var n int64
		if err = bad; err == nil {
			n, err = msg.AsInt64()
		}
		dropped = int(n)
	}
	if err != nil {
		return 0, fmt.Errorf("cannot hold %d messages of room %q (key %q): %w", len(all), room, r.keys.held(room), err)
	}
	return dropped, nil
}

// besideOthers is an error where original FastIM nodes may be there.
func (r *Redis) besideOthers() error {
	if r.keys.fastIM {
		return chat.ErrBeside
	}
	return nil
}

// Held returns the messages that wait for a moderator, the oldest first.
func (r *Redis) Held(ctx context.Context, room string) ([]chat.Held, error) {
	var all []chat.Held
	err := r.besideOthers()
	if err == nil {
		msg, bad := r.runRoom(ctx, r.scripts().held, room, []string{r.keys.held(room)})
		var entries []string
		if err = bad; err == nil {
			entries, err = msg.AsStrSlice()
		}
		for _, entry := range entries {
			h, bad := codec.ParseHeld(entry)
			if bad != nil {
				err = errors.Join(errBadAnswer, bad)
				break
			}
			all = append(all, h)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the held messages of room %q (key %q): %w", room, r.keys.held(room), err)
	}
	return all, nil
}

// Deny takes a message away that waits for a moderator, and notifies every node.
func (r *Redis) Deny(ctx context.Context, room, id string) (chat.Held, error) {
	var held chat.Held
	err := r.besideOthers()
	if err == nil {
		msg, bad := r.runRoom(ctx, r.scripts().deny, room, []string{r.keys.held(room), r.keys.history(room)}, r.keys.roomChannel(room), id)
		switch {
		case bad != nil:
			err = bad
		case msg.IsNil():
			err = chat.ErrNoMessage
		default:
			var entry string
			if entry, err = msg.ToString(); err == nil {
				held, err = codec.ParseHeld(entry)
			}
		}
	}
	if err != nil {
		return chat.Held{}, fmt.Errorf("cannot deny held message %q of room %q (key %q): %w", id, room, r.keys.held(room), err)
	}
	return held, nil
}
