package redisx

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// This file holds what Redis keeps of users: tokens and rooms. Values may be quoted,
// as original FastIM nodes write them; ours are plain.

// knownFor is how long a node may go by what it has read of a key, unless Redis tells it
// of a change. What it knows of a token it knows no longer than the token lives.
const knownFor = chat.TokenLife

// prolongBelow is how little of a token's life may be left before it begins anew.
const prolongBelow = chat.TokenLife - time.Hour

// SetToken makes token the user's only one, for chat.TokenLife. It returns when this node
// has forgotten the old one: the word of that comes before the second answer.
func (r *Redis) SetToken(ctx context.Context, user, token string) error {
	key := r.keys.token(user)
	value, _ := r.written(token)
	_, err := r.counted(r.callAt(ctx, r.limiters.at(r.slotOf(key)), func(ctx context.Context) rueidis.RedisResult {
		answers := r.client.DoMulti(ctx,
			r.client.B().Set().Key(key).Value(value).Px(chat.TokenLife).Build(),
			r.client.B().Exists().Key(key).Build())
		if answers[0].Error() != nil {
			return answers[0]
		}
		return answers[1]
	}))
	if err != nil {
		return fmt.Errorf("cannot set token at key %q: %w", key, err)
	}
	return nil
}

// CheckToken reports whether token is the user's, and prolongs its life if so.
func (r *Redis) CheckToken(ctx context.Context, user, token string) (bool, error) {
	right, err := r.checkEach(ctx, []chat.Credential{{UserID: user, Token: token}}, true)
	return err == nil && right[0], err
}

// CheckTokens reports for each of creds whether it is right. It prolongs nothing.
func (r *Redis) CheckTokens(ctx context.Context, creds []chat.Credential) ([]bool, error) {
	return r.checkEach(ctx, creds, false)
}

// checkEach reports for each of creds whether it is right, and prolongs those that are if it is told to. A key of
// the wrong type counts as no token.
func (r *Redis) checkEach(ctx context.Context, creds []chat.Credential, prolong bool) ([]bool, error) {
	right := make([]bool, len(creds))
	if len(creds) == 0 {
		return right, nil
	}
	cmds := make([]rueidis.CacheableTTL, len(creds))
	for i, c := range creds {
		cmds[i] = rueidis.CT(r.client.B().Get().Key(r.keys.token(c.UserID)).Cache(), knownFor)
	}
	values, err := r.known(ctx, cmds)
	if err != nil {
		return nil, fmt.Errorf("cannot check %d tokens: %w", len(creds), err)
	}
	var unsure []int
	for i, v := range values {
		text, err := v.ToString()
		right[i] = err == nil && (text == creds[i].Token || plainText(text) == creds[i].Token)
		// What is known to be wrong may just have become right.
		if right[i] && prolong && v.CachePTTL() < prolongBelow.Milliseconds() || !right[i] && v.IsCacheHit() {
			unsure = append(unsure, i)
		}
	}
	if err := r.askTokens(ctx, creds, unsure, prolong, right); err != nil {
		return nil, err
	}
	return right, nil
}

// knownChanged tells the handler of the keys that Redis says have changed: those that this
// node has read and remembered. nil is all of them: Redis was emptied, or a connection is
// lost and with it what was read on it. It runs in rueidis' reader of the connection.
func (r *Redis) knownChanged(changed []rueidis.RedisMessage) {
	if r.ctx.Err() != nil {
		return // Close loses the connections, too.
	}
	var users, members []string
	for i := range changed {
		key, _ := changed[i].ToString() // Always a string.
		if user, ok := strings.CutPrefix(key, tokenPrefix); ok {
			users = append(users, user)
		} else if user, ok := strings.CutPrefix(key, roomsPrefix); ok {
			members = append(members, user)
		}
	}
	if users != nil || changed == nil {
		r.handler.TokensChanged(users)
	}
	if r.keys.fastIM {
		r.roomsChanged(members, changed == nil)
	}
}

// askTokens has Redis check those of creds that which names, and prolong them if it is told to.
func (r *Redis) askTokens(ctx context.Context, creds []chat.Credential, which []int, prolong bool, right []bool) error {
	if len(which) == 0 {
		return nil
	}
	below := "-1" // no key has less left
	if prolong {
		below = millis(prolongBelow)
	}
	execs := make([]rueidis.LuaExec, len(which))
	for i, c := range which {
		execs[i] = rueidis.LuaExec{
			Keys: []string{r.keys.token(creds[c].UserID)},
			Args: []string{creds[c].Token, quoted(creds[c].Token), millis(chat.TokenLife), below},
		}
	}
	results, err := r.runMulti(ctx, checkTokenScript, execs)
	if err != nil {
		return fmt.Errorf("cannot check %d tokens: %w", len(which), err)
	}
	for i, res := range results {
		ok, err := res.AsBool()
		right[which[i]] = err == nil && ok // Else the key has the wrong type.
	}
	return nil
}

// known runs commands whose answers the node remembers: it asks Redis for those it does
// not know, and Redis tells it when one of them is true no longer. Only that is a call.
func (r *Redis) known(ctx context.Context, cmds []rueidis.CacheableTTL) (results []rueidis.RedisResult, err error) {
	limiter := r.limiterOf(len(cmds), func(i int) uint16 { return cmds[i].Cmd.Slot() })
	_, err = r.callAt(ctx, limiter, func(ctx context.Context) rueidis.RedisResult {
		results = r.client.DoMultiCache(ctx, cmds...)
		return r.firstFault(results)
	})
	if err != nil {
		r.failed.Add(1)
	}
	if err != nil || slices.ContainsFunc(results, func(res rueidis.RedisResult) bool { return !res.IsCacheHit() }) {
		r.calls.Add(1)
	}
	return results, err
}

// runMulti runs one script for many keys, as one call. What Redis refuses for single keys
// is in their results.
func (r *Redis) runMulti(ctx context.Context, script batchScript, execs []rueidis.LuaExec) (results []rueidis.RedisResult, err error) {
	limiter := r.limiterOf(len(execs), func(i int) uint16 { return r.slotOf(execs[i].Keys[0]) })
	_, err = r.counted(r.callAt(ctx, limiter, func(ctx context.Context) rueidis.RedisResult {
		results = script.exec(ctx, r.client, execs)
		return r.firstFault(results)
	}))
	return results, err
}

// limiterOf is the limiter for n keys together, 1 or more, whose slots slot tells.
func (r *Redis) limiterOf(n int, slot func(i int) uint16) *limiter {
	if len(r.limiters) == 1 {
		return r.limiters[0]
	}
	first := slot(0)
	for i := 1; i < n; i++ {
		if slot(i) != first {
			return r.limiters.at(slots)
		}
	}
	return r.limiters.at(first)
}

// firstFault is the first of results that failed for a reason which is not in its key;
// where there is none the zero value, which is no error. It counts those that Redis
// refused.
func (r *Redis) firstFault(results []rueidis.RedisResult) rueidis.RedisResult {
	for _, res := range results {
		switch err := res.Error(); {
		case err == nil || rueidis.IsRedisNil(err):
		case refused(err):
			r.failed.Add(1)
		default:
			return res
		}
	}
	return rueidis.RedisResult{}
}

// Join adds room to the user's rooms and tells every node that watches the user.
func (r *Redis) Join(ctx context.Context, user, room string) (bool, error) {
	answer, err := r.join(ctx, []chat.Membership{{UserID: user, Room: room}})
	if err == nil && answer[0] == tooManyRooms {
		err = r.limits.tooMany(user, room)
	}
	return err == nil && answer[0] == roomAdded, err
}

// tooMany says that the user may not join one more room.
func (l Limits) tooMany(user, room string) error {
	return fmt.Errorf("cannot have user %q join room %q: %w, %d", user, room, chat.ErrTooManyRooms, l.RoomsPerUser)
}

// What join.lua answers.
const (
	roomAdded    = 1
	tooManyRooms = -1
)

// JoinAll is Join for many, pipelined.
func (r *Redis) JoinAll(ctx context.Context, all []chat.Membership) (refused int, err error) {
	if len(all) == 0 {
		return 0, nil
	}
	answers, err := r.join(ctx, all)
	for _, answer := range answers {
		if answer == tooManyRooms {
			refused++
		}
	}
	return refused, err
}

// join returns what join.lua answers for each of all; nothing after an error.
func (r *Redis) join(ctx context.Context, all []chat.Membership) ([]int64, error) {
	most := strconv.Itoa(r.limits.RoomsPerUser)
	execs := make([]rueidis.LuaExec, len(all))
	for i, m := range all {
		room, other := "", ""
		if m.Room != "" {
			room, other = r.written(m.Room)
		}
		execs[i] = rueidis.LuaExec{
			Keys: []string{r.keys.rooms(m.UserID)},
			Args: append([]string{room, other, r.keys.userChannel(m.UserID), most}, r.roomsLife()...),
		}
	}
	results, err := r.runMulti(ctx, joinScript, execs)
	if err != nil {
		return nil, fmt.Errorf("cannot write %d memberships: %w", len(all), err)
	}
	answers := make([]int64, len(all))
	for i, res := range results {
		if answers[i], err = res.AsInt64(); err != nil {
			return nil, fmt.Errorf("cannot add room %q to key %q: %w", all[i].Room, execs[i].Keys[0], r.described(err))
		}
	}
	return answers, nil
}

// roomsLife is the life of a user's rooms and how little of it may be left, as lib_rooms.lua wants them.
func (r *Redis) roomsLife() []string {
	if r.keys.fastIM {
		return []string{"0", "0"} // Original nodes would not prolong it.
	}
	return []string{millis(r.limits.MembershipTTL), millis(r.limits.prolongRooms())}
}

// useRooms prolongs the life of the rooms at key. The next use does it where it fails.
func (r *Redis) useRooms(ctx context.Context, key string) {
	_, _ = r.runMulti(ctx, useRoomsScript, []rueidis.LuaExec{{Keys: []string{key}, Args: r.roomsLife()}})
}

// IsMember reports whether room is among the user's rooms.
func (r *Redis) IsMember(ctx context.Context, user, room string) (bool, error) {
	key := r.keys.rooms(user)
	q := quoted(room)
	cmd := r.client.B().Smismember().Key(key).Member(room, q).Cache()
	answer, err := r.known(ctx, []rueidis.CacheableTTL{rueidis.CT(cmd, knownFor)})
	var found []int64
	if err == nil {
		if found, err = answer[0].AsIntSlice(); err != nil {
			err = r.described(err)
		}
	}
	asked := err == nil && !answer[0].IsCacheHit()
	// What is known to be wrong may just have become right.
	if err == nil && !asked && !slices.Contains(found, 1) {
		var msg rueidis.RedisMessage
		if msg, err = r.do(ctx, r.client.B().Smismember().Key(key).Member(room, q).Build()); err == nil {
			found, err = msg.AsIntSlice()
		}
	}
	if err != nil {
		return false, fmt.Errorf("cannot look for room %q in key %q: %w", room, key, err)
	}
	is := slices.Contains(found, 1)
	if is && asked { // that is at least once in knownFor
		r.useRooms(ctx, key)
	}
	return is, nil
}

// Rooms returns the user's rooms, sorted.
func (r *Redis) Rooms(ctx context.Context, user string) ([]string, error) {
	key := r.keys.rooms(user)
	if err := r.watchRooms(ctx, key); err != nil {
		return nil, fmt.Errorf("cannot watch key %q: %w", key, err)
	}
	rooms, err := r.doStrings(ctx, r.client.B().Smembers().Key(key).Build())
	if err != nil {
		return nil, fmt.Errorf("cannot read rooms in key %q: %w", key, err)
	}
	if len(rooms) > 0 {
		r.useRooms(ctx, key)
	}
	for i, room := range rooms {
		rooms[i] = plainText(room)
	}
	slices.Sort(rooms)
	return slices.Compact(rooms), nil
}
