package redisx

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// swap is a client that can be exchanged for another. For a cluster or for sentinels rueidis gives none while they are
// away; until it does, one stands in that cannot reach anybody.
type swap struct {
	client atomic.Pointer[rueidis.Client]
	// contact says that the client is a real one.
	contact atomic.Bool
}

var _ rueidis.Client = (*swap)(nil)

// errNotYet is the state before the first contact.
var errNotYet = errors.New("not connected yet")

func newSwap() *swap {
	// Only a single client is made although nobody answers.
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:       []string{"nobody:0"},
		ForceSingleClient: true,
		DisableCache:      true,
		DisableRetry:      true,
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
			return nil, errNotYet
		},
	})
	if client == nil {
		panic("BUG: cannot make a client that reaches nobody: " + err.Error())
	}
	s := &swap{}
	s.client.Store(&client)
	return s
}

// set exchanges the client for one that has reached somebody. Call it once.
func (s *swap) set(client rueidis.Client) {
	old := *s.client.Swap(&client)
	s.contact.Store(true)
	old.Close()
}

func (s *swap) now() rueidis.Client { return *s.client.Load() }

func (s *swap) B() rueidis.Builder { return s.now().B() }

func (s *swap) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	return s.now().Do(ctx, cmd)
}

func (s *swap) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	return s.now().DoMulti(ctx, multi...)
}

func (s *swap) DoCache(ctx context.Context, cmd rueidis.Cacheable, ttl time.Duration) rueidis.RedisResult {
	return s.now().DoCache(ctx, cmd, ttl)
}

func (s *swap) DoMultiCache(ctx context.Context, multi ...rueidis.CacheableTTL) []rueidis.RedisResult {
	return s.now().DoMultiCache(ctx, multi...)
}

func (s *swap) DoStream(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResultStream {
	return s.now().DoStream(ctx, cmd)
}

func (s *swap) DoMultiStream(ctx context.Context, multi ...rueidis.Completed) rueidis.MultiRedisResultStream {
	return s.now().DoMultiStream(ctx, multi...)
}

func (s *swap) Receive(ctx context.Context, subscribe rueidis.Completed, fn func(rueidis.PubSubMessage)) error {
	return s.now().Receive(ctx, subscribe, fn)
}

func (s *swap) Dedicated(fn func(rueidis.DedicatedClient) error) error { return s.now().Dedicated(fn) }

func (s *swap) Dedicate() (rueidis.DedicatedClient, func()) { return s.now().Dedicate() }

func (s *swap) Nodes() map[string]rueidis.Client { return s.now().Nodes() }

func (s *swap) Mode() rueidis.ClientMode { return s.now().Mode() }

func (s *swap) Close() { s.now().Close() }
