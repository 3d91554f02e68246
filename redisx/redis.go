package redisx

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// startPatience is how long Start waits for the first contact.
const startPatience = 2 * time.Second

// ACL is what the ACL user of the nodes must be allowed, as ACL SETUSER takes it.
const ACL = "~login:* ~ugs:* ~gm* &mq:* &uq:* &mr:* +@read +@write +@scripting +@transaction +@pubsub +@connection +info +time +cluster|slots +cluster|shards"

// Redis is the [Store] that many nodes share. Use [NewRedis].
type Redis struct {
	// Immutable after NewRedis.
	cfg  Config
	keys keys
	// node is the node's name, where stands in errors behind the word Redis.
	node, where string
	client      *swap
	limiters    limiters
	health      *health
	log         *slog.Logger
	notes       notes
	subs        *subscriber
	inbox       *inbox
	// ctx ends when Close begins.
	ctx  context.Context
	stop context.CancelFunc
	// OnCall gets each call of Redis that has ended. The op is the name of a script or command, one
	// of some 40. The time began is when they began to wait for their turn, ctx is the caller's, err why they failed. The
	// op "reading_on" is no call, but the wait for the turn of a long answer. Set it before Start; nil: nobody gets them.
	// It may not block.
	OnCall func(ctx context.Context, op string, began time.Time, err error)

	// bounds are what Reload replaces.
	bounds atomic.Pointer[bounds]

	// handler is set by Start, before the first contact.
	handler Handler

	// running has all goroutines that Start began.
	running sync.WaitGroup

	// Atomic.
	calls, failed, reconnects, unreadable, fewReplicas atomic.Uint64

	notifying sync.Mutex // guards the field below, and calls of Away and Back
	away      bool
}

var _ Store = (*Redis)(nil)

// bounds are limits, and the scripts about rooms that keep to them.
type bounds struct {
	Limits

	scripts *roomScripts
}

// Reload is [Store.Reload]. Redis keeps other scripts then beside those of before, 60 KB in all, until it restarts.
func (r *Redis) Reload(limits Limits) {
	if old := r.bounds.Load(); old == nil || old.Limits != limits {
		r.bounds.Store(&bounds{limits, newRoomScripts(r.cfg, limits)})
	}
}

// limits are those of now.
func (r *Redis) limits() *Limits { return &r.bounds.Load().Limits }

// scripts are those about rooms, which keep to the limits of now.
func (r *Redis) scripts() *roomScripts { return r.bounds.Load().scripts }

// NewRedis makes the store in the Redis that cfg describes. It neither fails nor blocks:
// Start makes the first contact. cfg must be valid and name an address.
func NewRedis(cfg Config, limits Limits, log *slog.Logger) *Redis {
	cluster := cfg.Topology() == modeCluster
	r := &Redis{
		cfg:      cfg,
		keys:     keys{tagged: cluster, fastIM: cfg.FastIMInterop},
		node:     rand.Text()[:12],
		where:    cfg.where(),
		client:   newSwap(),
		limiters: newLimiters(cluster),
	}
	r.Reload(limits)
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.log = log
	r.health = newHealth(log, strings.Join(cfg.Addrs, ","), r.explain(errNotYet))
	var sharded *sharding
	if cfg.ShardedPubSub {
		sharded = r.newSharding()
	}
	r.subs = newSubscriber(newLink(r.linkKind(r.dialAny), probeOf(r.node, ""), cfg.Timeout), sharded, &r.running)
	r.subs.main.add(askChannel, false)
	r.inbox = newInbox(r.keys, r.subs.wanted)
	return r
}

// where says where Redis is, for errors.
func (c Config) where() string {
	addrs := strings.Join(c.Addrs, ", ")
	switch c.Topology() {
	case modeCluster:
		return "cluster at " + addrs
	case modeSentinel:
		return fmt.Sprintf("master %q of the sentinels at %s", c.SentinelMaster, addrs)
	}
	return "at " + addrs
}

// Node is the node's name, random and without a space. No other node has it.
func (r *Redis) Node() string { return r.node }

// Start makes the first contact, begins to deliver events to h, and watches Redis from
// then on. It waits up to 2 s for the contact. Call it once.
func (r *Redis) Start(h Handler) {
	r.handler = h
	r.inbox.start(r.ctx, &r.running, h)
	looked := make(chan struct{})
	// All end with r.ctx; Close waits for them.
	r.running.Go(func() { r.watch(h, looked) })
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case <-looked:
	case <-patience.C:
	}
	r.notify(h)
	r.subs.run(r.ctx, func(state error) { r.setHealth(forEvents, state) }, func(back bool) {
		if back {
			r.reconnects.Add(1)
		}
		h.Resumed()
	})
	if r.keys.tagged && !r.cfg.ShardedPubSub { // Else the subscriber finds out.
		r.running.Go(func() { r.watchMasters(h.Resumed) })
	}
}

// Close ends the connections and waits for all goroutines of the store. With a Redis
// that hangs it takes up to 3 s.
func (r *Redis) Close() {
	r.stop()
	r.running.Wait()
	r.client.Close()
}

// State is nil while all connections work, else the reason why not.
func (r *Redis) State() error { return r.health.state() }

// Stats returns the counters as they are now.
func (r *Redis) Stats() Stats {
	return Stats{
		Calls:         r.calls.Load(),
		Errors:        r.failed.Load(),
		Reconnects:    r.reconnects.Load(),
		Rebuilt:       r.subs.rebuilt(),
		Events:        r.inbox.events.Load(),
		Dropped:       r.inbox.dropped.Load(),
		Foreign:       r.inbox.foreign.Load(),
		Unreadable:    r.unreadable.Load(),
		FewReplicas:   r.fewReplicas.Load(),
		Subscriptions: r.subs.count(),
		Connected:     r.State() == nil,
	}
}

// SubscribeRoom returns once the server has confirmed the subscription.
func (r *Redis) SubscribeRoom(ctx context.Context, room string) error {
	if err := r.keys.check(room); err != nil {
		return fmt.Errorf("cannot subscribe to room %q: %w", room, err)
	}
	return r.subscribe(ctx, r.keys.roomChannels(room)...)
}

// UnsubscribeRoom ends the events of room, without waiting for the server.
func (r *Redis) UnsubscribeRoom(room string) {
	for _, channel := range r.keys.roomChannels(room) {
		r.subs.unwant(channel)
	}
}

// SubscribeUser returns once the server has confirmed the subscription.
func (r *Redis) SubscribeUser(ctx context.Context, user string) error {
	return r.subscribe(ctx, r.keys.userChannel(user))
}

// UnsubscribeUser ends the events of user, without waiting for the server.
func (r *Redis) UnsubscribeUser(user string) { r.subs.unwant(r.keys.userChannel(user)) }

func (r *Redis) subscribe(ctx context.Context, channels ...string) error {
	err := r.subs.want(ctx, channels...)
	if state := r.State(); err != nil && state != nil {
		err = fmt.Errorf("%w: %w", state, err)
	}
	if err != nil {
		return fmt.Errorf("cannot subscribe to %q: %w", channels[0], err)
	}
	return nil
}

// publishCommand is what scripts publish rooms' events with.
func (c Config) publishCommand() string {
	if c.ShardedPubSub {
		return "SPUBLISH"
	}
	return "PUBLISH"
}
