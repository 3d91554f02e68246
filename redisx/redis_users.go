package redisx

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/rueidis"

	"barrage/codec"
)

// This file holds what Redis keeps of users: tokens and rooms. Values may be quoted,
// as original FastIM nodes write them; ours are plain.

// SetToken makes token the user's only one, for TokenLife.
func (r *Redis) SetToken(ctx context.Context, user, token string) error {
	key := tokenKey(user)
	if _, err := r.do(ctx, r.client.B().Set().Key(key).Value(token).Px(TokenLife).Build()); err != nil {
		return fmt.Errorf("cannot set token at key %q: %w", key, err)
	}
	return nil
}

// CheckToken reports whether token is the user's, and prolongs its life if so.
func (r *Redis) CheckToken(ctx context.Context, user, token string) (bool, error) {
	key := tokenKey(user)
	msg, err := r.run(ctx, checkTokenScript, []string{key}, token, quoted(token), millis(TokenLife))
	if err != nil {
		return false, fmt.Errorf("cannot check token at key %q: %w", key, err)
	}
	return msg.AsBool()
}

// CheckTokens reports for each of creds whether it is right. A key of the wrong type
// counts as no token.
func (r *Redis) CheckTokens(ctx context.Context, creds []codec.Credential) ([]bool, error) {
	right := make([]bool, len(creds))
	if len(creds) == 0 {
		return right, nil
	}
	keys := make([]string, len(creds))
	for i, c := range creds {
		keys[i] = tokenKey(c.UserID)
	}
	msg, err := r.do(ctx, r.client.B().Mget().Key(keys...).Build())
	if err != nil {
		return nil, fmt.Errorf("cannot check %d tokens: %w", len(creds), err)
	}
	values, err := msg.ToArray()
	if err != nil {
		return nil, fmt.Errorf("cannot check %d tokens: %w", len(creds), err)
	}
	for i, v := range values {
		if text, err := v.ToString(); err == nil { // Else there is no token.
			right[i] = text == creds[i].Token || plainText(text) == creds[i].Token
		}
	}
	return right, nil
}

// Join adds room to the user's rooms and tells every node that watches the user.
func (r *Redis) Join(ctx context.Context, user, room string) (bool, error) {
	key := roomsKey(user)
	msg, err := r.run(ctx, joinScript, []string{key}, room, quoted(room), userChannel(user))
	if err != nil {
		return false, fmt.Errorf("cannot add room %q to key %q: %w", room, key, err)
	}
	return msg.AsBool()
}

// JoinAll is Join for many, pipelined.
func (r *Redis) JoinAll(ctx context.Context, all []codec.Membership) error {
	if len(all) == 0 {
		return nil
	}
	execs := make([]rueidis.LuaExec, len(all))
	for i, m := range all {
		execs[i] = rueidis.LuaExec{Keys: []string{roomsKey(m.UserID)}, Args: []string{m.Room, quoted(m.Room), userChannel(m.UserID)}}
	}
	_, err := r.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		results := joinScript.ExecMulti(ctx, r.client, execs...)
		for _, one := range results {
			if one.Error() != nil {
				return one
			}
		}
		return results[0]
	})
	if err != nil {
		return fmt.Errorf("cannot write %d memberships: %w", len(all), err)
	}
	return nil
}

// IsMember reports whether room is among the user's rooms.
func (r *Redis) IsMember(ctx context.Context, user, room string) (bool, error) {
	key := roomsKey(user)
	msg, err := r.do(ctx, r.client.B().Smismember().Key(key).Member(room, quoted(room)).Build())
	if err != nil {
		return false, fmt.Errorf("cannot look for room %q in key %q: %w", room, key, err)
	}
	found, err := msg.AsIntSlice()
	return slices.Contains(found, 1), err
}

// Rooms returns the user's rooms, sorted.
func (r *Redis) Rooms(ctx context.Context, user string) ([]string, error) {
	key := roomsKey(user)
	rooms, err := r.doStrings(ctx, r.client.B().Smembers().Key(key).Build())
	if err != nil {
		return nil, fmt.Errorf("cannot read rooms in key %q: %w", key, err)
	}
	for i, room := range rooms {
		rooms[i] = plainText(room)
	}
	slices.Sort(rooms)
	return slices.Compact(rooms), nil
}
