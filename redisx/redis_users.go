package redisx

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// This file holds what Redis keeps of users' rooms, and the calls that are about many keys. Values may be quoted,
// as original FastIM nodes write them; ours are plain.

// known runs commands whose answers the node remembers. It asks Redis for those it does not know, and Redis notifies it
// when one of them is true no longer. Only that is a call.
func (r *Redis) known(ctx context.Context, cmds []rueidis.CacheableTTL) (results []rueidis.RedisResult, err error) {
	var began time.Time // zero: Redis was not asked
	limiter := r.limiterOf(len(cmds), func(i int) uint16 { return cmds[i].Cmd.Slot() })
	_, err = r.callAt(ctx, "", limiter, func(ctx context.Context) rueidis.RedisResult {
		began = time.Now()
		results = r.client.DoMultiCache(ctx, cmds...)
		return r.firstFault(results)
	})
	if err != nil {
		r.failed.Add(1)
	}
	if err != nil || slices.ContainsFunc(results, func(res rueidis.RedisResult) bool { return !res.IsCacheHit() }) {
		r.calls.Add(1)
		if r.OnCall != nil && !began.IsZero() {
			r.OnCall(ctx, "known", began, err)
		}
	}
	return results, err
}

// runMulti runs one script for many keys, as one call. Errors of Redis for single keys are in their results.
func (r *Redis) runMulti(ctx context.Context, script *script, execs []rueidis.LuaExec) (results []rueidis.RedisResult, err error) {
	limiter := r.limiterOf(len(execs), func(i int) uint16 { return r.slotOf(execs[i].Keys[0]) })
	_, err = r.counted(r.callAt(ctx, script.name, limiter, func(ctx context.Context) rueidis.RedisResult {
		results = script.execEach(ctx, r.client, limiter, execs)
		return r.firstFault(results)
	}))
	return results, err
}

// limiterOf is the limiter for n keys together, 1 or more, whose slots slot returns.
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

// firstFault is the first of results that failed for a reason which is not in its key. Where there is none it is the
// zero value, which is no error. It counts those that Redis refused.
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

// Join adds room to the user's rooms and notifies every node that watches the user.
func (r *Redis) Join(ctx context.Context, user, room string) (bool, error) {
	answer, err := r.join(ctx, []chat.Membership{{UserID: user, Room: room}})
	if err == nil && answer[0] == tooManyRooms {
		err = r.limits().tooMany(user, room)
	}
	return err == nil && answer[0] == roomAdded, err
}

// tooMany says that the user may not join one more room.
func (l Limits) tooMany(user, room string) error {
	return fmt.Errorf("cannot have user %q join room %q: %w, %d", user, room, chat.ErrTooManyRooms, l.RoomsPerUser)
}

// Answers of join.lua.
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
	most := strconv.Itoa(r.limits().RoomsPerUser)
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
		return nil, fmt.Errorf("cannot write memberships (%d): %w", len(all), err)
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
	return []string{millis(r.limits().MembershipTTL), millis(r.limits().prolongRooms())}
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
	// A cached no may just have become a yes.
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
