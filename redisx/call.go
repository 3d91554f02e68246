package redisx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// This file makes the calls that the store's users ask for.

// do runs one command, see callAt.
func (r *Redis) do(ctx context.Context, cmd rueidis.Completed) (rueidis.RedisMessage, error) {
	op := strings.ToLower(cmd.Commands()[0])
	return r.counted(r.callAt(ctx, op, r.limiters.at(cmd.Slot()), func(ctx context.Context) rueidis.RedisResult {
		return r.client.Do(ctx, cmd)
	}))
}

// doStrings is do for a command that answers with strings.
func (r *Redis) doStrings(ctx context.Context, cmd rueidis.Completed) ([]string, error) {
	msg, err := r.do(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return msg.AsStrSlice()
}

// run runs one script, see callAt. In a cluster all its keys must be in one slot.
func (r *Redis) run(ctx context.Context, script *script, keys []string, args ...string) (rueidis.RedisMessage, error) {
	if err := r.keys.checkKey(keys[0]); err != nil {
		return r.counted(rueidis.RedisMessage{}, err)
	}
	g := r.limiters.at(r.slotOf(keys[0]))
	return r.counted(r.callAt(ctx, script.name, g, func(ctx context.Context) rueidis.RedisResult {
		return script.exec(ctx, r.client, g, keys, args)
	}))
}

// counted counts a call and its error.
func (r *Redis) counted(msg rueidis.RedisMessage, err error) (rueidis.RedisMessage, error) {
	r.calls.Add(1)
	if err != nil {
		r.failed.Add(1)
	}
	return msg, err
}

// callAt makes one call to Redis, bounded in time and, by its limiter, in number. While Redis
// cannot be reached it fails at once. A caller could only wait for rueidis to dial, and does so without regard to its
// ctx. The name op is what OnCall knows the call by; empty: OnCall is not called.
func (r *Redis) callAt(ctx context.Context, op string, g *limiter, f func(context.Context) rueidis.RedisResult) (msg rueidis.RedisMessage, err error) {
	if err := r.health.fault(forCommands); err != nil {
		return rueidis.RedisMessage{}, err
	}
	if r.OnCall != nil && op != "" {
		defer func(ctx context.Context, began time.Time) { r.OnCall(ctx, op, began, err) }(ctx, time.Now())
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	if err := g.enter(ctx); err != nil {
		return rueidis.RedisMessage{}, r.explain(err)
	}
	msg, err = f(ctx).ToMessage()
	g.leave(!gaveUp(ctx, err))
	if err != nil && !rueidis.IsRedisNil(err) {
		return rueidis.RedisMessage{}, r.described(err)
	}
	return msg, nil
}

// described is explain, and says whether asking again is of no use.
func (r *Redis) described(err error) error {
	if refused(err) {
		return fmt.Errorf("%w: %w", chat.ErrRefused, r.explain(err))
	}
	return r.explain(err)
}

// gaveUp reports whether err says that a call ended because its ctx did, so that its
// answer may still come.
func gaveUp(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
}
