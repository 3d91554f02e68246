package redisx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// How the connections behave. With these a Redis that hangs is noticed after at most
// 2*keepAlive + writeTimeout = 2.8 s, one that is gone at once.
const (
	dialTimeout  = time.Second
	keepAlive    = 400 * time.Millisecond
	writeTimeout = 2 * time.Second
	// flushDelay lets the pipeline gather: at 128 goroutines 696k instead of 191k
	// commands a second, at 100us 188k (measured on 2 cores, loopback).
	flushDelay = 20 * time.Microsecond
	// pingEvery is how old State may be, and how soon calls go through again.
	pingEvery = 250 * time.Millisecond
)

// errNotYet is the state before the first contact.
var errNotYet = errors.New("not connected yet")

// Redis is the [Store] that many nodes share. Use [NewRedis].
type Redis struct {
	// Immutable after NewRedis.
	cfg    Config
	limits Limits
	client rueidis.Client
	gate   *gate
	health *health
	subs   *subscriber
	inbox  *inbox
	// ctx ends when Close begins.
	ctx  context.Context
	stop context.CancelFunc

	// running has all goroutines that Start began.
	running sync.WaitGroup

	// Atomic.
	calls, failed, reconnects, unreadable atomic.Uint64
}

var _ Store = (*Redis)(nil)

// NewRedis makes the store in the Redis at cfg.Addrs[0]. It never fails: where Redis
// cannot be reached, Start goes on trying and State says why. It may block for 2 s.
// cfg must be valid and name an address.
func NewRedis(cfg Config, limits Limits, log *slog.Logger) *Redis {
	addr := cfg.Addrs[0]
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr},
		Username:    cfg.Username,
		Password:    cfg.Password,
		SelectDB:    cfg.DB,
		ClientName:  "barrage",
		Dialer:      net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive},
		// Only a single client is usable although Redis is down.
		ForceSingleClient: true,
		AlwaysPipelining:  true,
		DisableCache:      true,
		DisableRetry:      true,
		MaxFlushDelay:     flushDelay,
		ConnWriteTimeout:  writeTimeout,
		PipelineMultiplex: -1, // One connection keeps the order of calls; the gate relies on it.
	})
	if client == nil {
		panic(fmt.Sprintf("BUG: cannot make a client for %q: %v", addr, err))
	}
	r := &Redis{cfg: cfg, limits: limits, client: client, gate: newGate()}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.health = newHealth(log, addr, r.explain(errNotYet))
	r.setHealth(partCommands, err)
	r.subs = newSubscriber(client, cfg.Timeout)
	r.inbox = newInbox(r.subs.wanted)
	return r
}

// Start begins to deliver events to h and to watch Redis. Call it once.
func (r *Redis) Start(h Handler) {
	r.inbox.start(r.ctx, &r.running, h)
	// Both end with r.ctx; Close waits for them.
	r.running.Go(r.watch)
	r.running.Go(func() { r.keepSubscribed(h) })
}

// Close ends the connections and waits for all goroutines of the store. With a Redis
// that hangs it takes up to 3 s.
func (r *Redis) Close() {
	r.stop()
	r.running.Wait()
	r.client.Close()
}

// State is nil while both connections work, else the reason why not.
func (r *Redis) State() error { return r.health.state() }

// Stats returns the counters as they are now.
func (r *Redis) Stats() Stats {
	return Stats{
		Calls:         r.calls.Load(),
		Errors:        r.failed.Load(),
		Reconnects:    r.reconnects.Load(),
		Events:        r.inbox.events.Load(),
		Dropped:       r.inbox.dropped.Load(),
		Foreign:       r.inbox.foreign.Load(),
		Unreadable:    r.unreadable.Load(),
		Subscriptions: r.subs.count(),
		Connected:     r.State() == nil,
	}
}

// SubscribeRoom returns once the server has confirmed the subscription.
func (r *Redis) SubscribeRoom(ctx context.Context, room string) error {
	return r.subscribe(ctx, roomChannel(room))
}

// UnsubscribeRoom ends the events of room, without waiting for the server.
func (r *Redis) UnsubscribeRoom(room string) { r.subs.unwant(roomChannel(room)) }

// SubscribeUser returns once the server has confirmed the subscription.
func (r *Redis) SubscribeUser(ctx context.Context, user string) error {
	return r.subscribe(ctx, userChannel(user))
}

// UnsubscribeUser ends the events of user, without waiting for the server.
func (r *Redis) UnsubscribeUser(user string) { r.subs.unwant(userChannel(user)) }

func (r *Redis) subscribe(ctx context.Context, channel string) error {
	err := r.subs.want(ctx, channel)
	if state := r.State(); err != nil && state != nil {
		err = fmt.Errorf("%w: %w", state, err)
	}
	if err != nil {
		return fmt.Errorf("cannot subscribe to %q: %w", channel, err)
	}
	return nil
}

// keepSubscribed holds the pub/sub connection until Close.
func (r *Redis) keepSubscribed(h Handler) {
	lost := false // or not there at first
	r.subs.run(r.ctx, r.inbox.put, func(err error) {
		r.setHealth(partEvents, err)
		if err == nil && lost {
			r.reconnects.Add(1)
			h.Resumed()
		}
		lost = err != nil
	})
}

// watch asks Redis again and again whether it is there, until Close. While it is not,
// nobody else asks: calls fail at once with what watch knows, see call.
func (r *Redis) watch() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		mark := r.gate.mark()
		ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
		err := r.client.Do(ctx, r.client.B().Ping().Build()).Error()
		if !gaveUp(ctx, err) {
			r.gate.answered(mark)
		}
		cancel()
		if r.ctx.Err() != nil {
			return
		}
		r.setHealth(partCommands, err)
		select {
		case <-r.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// setHealth notes err of rueidis, nil = fine.
func (r *Redis) setHealth(p part, err error) {
	if err != nil {
		err = r.explain(err)
	}
	r.health.set(p, err)
}

// do runs one command, see call.
func (r *Redis) do(ctx context.Context, cmd rueidis.Completed) (rueidis.RedisMessage, error) {
	return r.call(ctx, func(ctx context.Context) rueidis.RedisResult { return r.client.Do(ctx, cmd) })
}

// doStrings is do for a command that answers with strings.
func (r *Redis) doStrings(ctx context.Context, cmd rueidis.Completed) ([]string, error) {
	msg, err := r.do(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return msg.AsStrSlice()
}

// run runs one script, see call.
func (r *Redis) run(ctx context.Context, script *rueidis.Lua, keys []string, args ...string) (rueidis.RedisMessage, error) {
	return r.call(ctx, func(ctx context.Context) rueidis.RedisResult { return script.Exec(ctx, r.client, keys, args) })
}

// call makes one call to Redis, bounded in time and in number. While Redis cannot be
// reached it fails at once: a caller could only wait for rueidis to dial, and does so
// without regard to its ctx.
func (r *Redis) call(ctx context.Context, f func(context.Context) rueidis.RedisResult) (rueidis.RedisMessage, error) {
	r.calls.Add(1)
	msg, err := r.tryCall(ctx, f)
	if err != nil {
		r.failed.Add(1)
	}
	return msg, err
}

func (r *Redis) tryCall(ctx context.Context, f func(context.Context) rueidis.RedisResult) (rueidis.RedisMessage, error) {
	if err := r.health.fault(partCommands); err != nil {
		return rueidis.RedisMessage{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	mark, err := r.gate.enter(ctx)
	if err != nil {
		return rueidis.RedisMessage{}, r.explain(err)
	}
	msg, err := f(ctx).ToMessage()
	r.gate.leave(mark, !gaveUp(ctx, err))
	if err != nil && !rueidis.IsRedisNil(err) {
		return rueidis.RedisMessage{}, r.explain(err)
	}
	return msg, nil
}

// gaveUp reports whether err says that a call ended because its ctx did, so that its
// answer may still come.
func gaveUp(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
}

// explain says in an operator's words what rueidis met.
func (r *Redis) explain(err error) error {
	addr := r.cfg.Addrs[0]
	if _, ok := rueidis.IsRedisErr(err); ok {
		return fmt.Errorf("cannot use Redis at %s: %w", addr, err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("cannot reach Redis at %s: no answer in time: %w", addr, err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok { // "dial tcp <addr>: " is said already
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return fmt.Errorf("cannot reach Redis at %s: %w", addr, err)
}
