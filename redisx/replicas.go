package redisx

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// This file has acknowledged messages survive a failover where redis.min_replicas says so: a call waits until so many
// replicas have what its script wrote (WAIT).
//
// WAIT is about what its own connection has written, and holds up what comes behind it there. So script and WAIT go
// together over a connection that no other call has meanwhile. Of these connections rueidis keeps as many as such calls
// were under way at once, which are as many as publishers at most.

// glance is how long calls wait while it is known that replicas are missing: else the publishers would stand still,
// and chat with them. One call at a time waits longer, and finds out whether they are back.
const glance = time.Millisecond

// replicas is what is known of those of one Redis, or of a slot range of a cluster.
type replicas struct {
	missing atomic.Bool // the last call that waited for them saw too few
	looking atomic.Bool // a call waits for them, though they are missing
}

// runKept is runRoom for what must survive a failover. kept reports whether Config.MinReplicas have what the script has
// written; they are given half of Config.Timeout.
func (r *Redis) runKept(ctx context.Context, script *script, room string, keys []string, args ...string) (msg rueidis.RedisMessage, kept bool, err error) {
	if r.cfg.MinReplicas == 0 {
		msg, err = r.runRoom(ctx, script, room, keys, args...)
		return msg, true, err
	}
	if err := errors.Join(r.keys.check(room), r.keys.checkKey(keys[0])); err != nil {
		msg, err = r.counted(msg, err)
		return msg, false, err
	}
	g, wait := r.limiters.at(r.slotOf(keys[0])), glance
	waits := !g.replicas.missing.Load() || g.replicas.looking.CompareAndSwap(false, true)
	if waits {
		wait = r.cfg.Timeout / 2
		defer g.replicas.looking.Store(false)
	}
	var have int64
	msg, err = r.counted(r.callAt(ctx, script.name, g, func(ctx context.Context) rueidis.RedisResult {
		results := script.execAndWait(ctx, r.client, g, r.cfg.MinReplicas, wait, keys, args)
		have, _ = results[1].AsInt64() // an error: nobody knows
		return results[0]
	}))
	switch {
	case err != nil: // which says nothing of replicas
	case have >= int64(r.cfg.MinReplicas):
		kept = true
		g.replicas.missing.Store(false)
	default:
		r.fewReplicas.Add(1)
		if waits {
			g.replicas.missing.Store(true)
		}
	}
	return msg, kept, err
}

// execAndWait runs a script, and has n replicas acknowledge what it wrote: two results. Both go to one server: where
// another one has the keys by now the script runs there, and the second result is an error.
func (s *script) execAndWait(ctx context.Context, c rueidis.Client, g *limiter, n int, wait time.Duration, keys, args []string) []rueidis.RedisResult {
	conn, release := c.Dedicate()
	defer release()
	end := time.Now().Add(wait)
	var results []rueidis.RedisResult
	ran := s.run(ctx, c, g, keys, args, func(run rueidis.Completed) rueidis.RedisResult {
		// a script that is not there yet may have taken all: WAIT came to its end
		left := max(1, time.Until(end).Milliseconds())
		results = conn.DoMulti(ctx, run, c.B().Wait().Numreplicas(int64(n)).Timeout(left).Build().SetSlot(keys[0]))
		return results[0]
	})
	results[0] = ran
	if results[0].NonRedisError() != nil || results[1].NonRedisError() != nil {
		conn.Close() // an answer may be on its way
	}
	if err, ok := rueidis.IsRedisErr(results[0].Error()); ok && elsewhere(err) {
		results = []rueidis.RedisResult{s.exec(ctx, c, g, keys, args), results[0]} // which goes where it is sent
	}
	return results
}

// elsewhere reports whether an error of a cluster names the server that has the keys, or says that they are moving.
func elsewhere(err *rueidis.RedisError) bool {
	_, moved := err.IsMoved()
	_, asks := err.IsAsk()
	return moved || asks || err.IsTryAgain()
}
