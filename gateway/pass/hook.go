package pass

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"barrage/internal/breaker"
	"barrage/internal/chat"
	"barrage/internal/remote"
	"barrage/internal/signed"
)

// ConnectConfig says which service is asked about tokens. Each field is a key of the config section `auth`.
type ConnectConfig struct {
	// URL (connect_url) is where questions are posted: https, or http within a network that nobody else reads.
	URL string
	// Secret (hook_secret) signs the questions, see [signed.ParseSecret]. Empty: they are not signed, and every host that
	// reaches the service can ask it.
	Secret string
	// Timeout (connect_timeout) bounds one question; above 0. Too low: a slow service refuses everyone. Too high:
	// handshakes wait for a dead one.
	Timeout time.Duration
	// Cache (connect_cache) is how long a good answer counts; 0 = it is not kept. Too low: the service is asked by
	// everybody who comes back. Too high: somebody who was locked out there gets in again for as long.
	Cache time.Duration
}

// Validate reports what is wrong with the URL and the secret, each with its key within the section. Timeout and Cache
// have bounds there that hold without a hook, too.
func (c ConnectConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		bad("connect_url: %q is not an http or https URL", remote.RedactedHook(c.URL))
	}
	if c.Secret != "" {
		if _, err := signed.ParseSecret(c.Secret); err != nil {
			bad("hook_secret: %w", err)
		}
	}
	return errors.Join(errs...)
}

const (
	// maxHookCalls bounds the questions under way. At 50 ms an answer they are 1,280 a second, the rate at which a node
	// takes handshakes. A slower service is not helped by more of them, and each holds a connection.
	maxHookCalls = 64
	// maxHookCallsOf bounds those from one address: a client that guesses tokens leaves a slow service time for others. An
	// address makes 20 handshakes a second, which are 8 at once of 400 ms.
	maxHookCallsOf = 8
	// maxHookPasses bounds the good answers that are kept: 5 MB with 510 B for one with info, and never above 150 MB.
	maxHookPasses = 10_000
	// maxHookRefusals bounds the refusals that are kept, each of less than 1 KB: those of a second.
	maxHookRefusals = 1_000
	// hookRefusalLife is how long a refusal is repeated without a question. A client that comes back in a loop costs the
	// service one question a second, and a person who logs in meanwhile has another token.
	hookRefusalLife = time.Second
	// hookWait is when a client should come again to whom nobody could answer: the breaker has tried twice by then.
	hookWait = 2 * breaker.BreakFor
)

// Hook asks a service of the operator what a token grants: the connect hook. Its methods may be called concurrently.
// A question runs in a goroutine of its own, at most [maxHookCalls] of them, each for ConnectConfig.Timeout at
// most.
type Hook struct {
	// Immutable after NewHook.
	cfg    ConnectConfig
	now    func() time.Time
	client *remote.Client
	base   context.Context // ended by Close
	stop   context.CancelFunc

	// underWay has an entry for each question under way; Close fills it for good. Never closed.
	underWay chan struct{}
	closed   sync.Once
	flights  singleflight.Group
	health   remote.Health
	passes   *lru.Cache[hookKey, remembered] // nil: good answers are not kept
	refused  *lru.Cache[hookKey, remembered]

	counts *hookCounts

	mu sync.Mutex  // guards the field below; a leaf
	of map[int]int // questions under way by Asked.From
}

// Asked is a question. The service gets it as JSON.
type Asked struct {
	Room string `json:"room"` // empty where it is about no room
	// User is who the client claims to be; empty where it names nobody.
	User    string `json:"user_id"`
	Token   string `json:"token"`
	Address string `json:"address"` // of the client
	Origin  string `json:"origin"`  // of the page that opens the socket; empty outside of browsers
	// From distinguishes the client's address from others, 0 where addresses do not count. The service does not get it.
	From int `json:"-"`
}

// hookCounts are those of a hook and of those before it, see [HookStats].
type hookCounts struct{ calls, refused, failures, cached, shared, busy atomic.Uint64 }

// HookStats counts, since the start of the first of those that inherited from each other.
type HookStats struct {
	Calls    uint64 // questions sent
	Refused  uint64 // questions answered with 401 or 403, or with another user
	Failures uint64 // questions without an answer that makes sense
	Cached   uint64 // checks that an earlier answer decided
	Shared   uint64 // checks that waited for the question of another one
	Busy     uint64 // checks refused at once: too many questions under way, or a dead service
}

// hookKey is what an answer counts for.
type hookKey [sha256.Size]byte

// answer is what the service answered about a token: one of both.
type answer struct {
	pass *Pass
	no   *Refused
}

// remembered is an answer that counts before until.
type remembered struct {
	answer
	until time.Time
}

// NewHook makes a hook of a valid configuration. now is the time. The hook writes to log about questions without an
// answer.
func NewHook(cfg ConnectConfig, now func() time.Time, log *slog.Logger) *Hook {
	h := &Hook{
		cfg: cfg, now: now, client: remote.NewClient(remote.Service{URL: cfg.URL, Secret: cfg.Secret, Now: now, Timeout: cfg.Timeout, Header: remote.JSON()}),
		health:   remote.Health{Name: "the connect hook", Now: now, Log: log},
		underWay: make(chan struct{}, maxHookCalls), of: map[int]int{}, refused: newMemory(maxHookRefusals), counts: new(hookCounts),
	}
	h.base, h.stop = context.WithCancel(context.Background())
	if cfg.Cache > 0 {
		h.passes = newMemory(maxHookPasses)
	}
	return h
}

func newMemory(entries int) *lru.Cache[hookKey, remembered] {
	memory, err := lru.New[hookKey, remembered](entries)
	if err != nil {
		panic(fmt.Sprintf("BUG: a cache of %d entries: %v", entries, err))
	}
	return memory
}

// OnCall has f notified of each question, see [remote.Client]. Call it before Check.
func (h *Hook) OnCall(f remote.OnCall) { h.client.OnCall = f }

// Inherit goes on counting where the hook before it is, which may be nil. Call it before Check.
func (h *Hook) Inherit(old *Hook) {
	if old != nil {
		h.counts = old.counts
	}
}

// Close ends the questions under way and waits for them. Later checks are answered with [Unavailable].
func (h *Hook) Close() {
	h.closed.Do(func() {
		h.stop()
		for range maxHookCalls {
			h.underWay <- struct{}{}
		}
		h.client.CloseIdleConnections()
	})
}

// Finish is Close that lets the questions under way be answered first.
func (h *Hook) Finish() {
	h.closed.Do(func() {
		for range maxHookCalls {
			h.underWay <- struct{}{}
		}
		h.stop()
		h.client.CloseIdleConnections()
	})
}

// Stats are the counts.
func (h *Hook) Stats() HookStats {
	return HookStats{
		Calls: h.counts.calls.Load(), Refused: h.counts.refused.Load(), Failures: h.counts.failures.Load(),
		Cached: h.counts.cached.Load(), Shared: h.counts.shared.Load(), Busy: h.counts.busy.Load(),
	}
}

// Check returns what a token grants, or why it grants nothing. It waits for the service as long as ctx lets it, and
// ConnectConfig.Timeout at most. Checks of the same question share one call, which goes on when the ctx of some of them
// ends. The Pass is shared with others who ask the same.
func (h *Hook) Check(ctx context.Context, a Asked) (*Pass, *Refused) {
	if no := a.validate(); no != nil {
		return nil, no
	}
	if ctx.Err() != nil {
		return nil, hookUnavailable("its client has gone")
	}
	key := a.key()
	if v, ok := h.remembered(key); ok {
		h.counts.cached.Add(1)
		return v.pass, v.no
	}
	led := false // written before the flight ends
	flight := h.flights.DoChan(string(key[:]), func() (any, error) {
		led = true
		return h.ask(ctx, a, key), nil
	})
	select {
	case <-ctx.Done():
		return nil, hookUnavailable("its client has gone")
	case end := <-flight:
		if !led {
			h.counts.shared.Add(1)
		}
		v := end.Val.(answer)
		return v.pass, v.no
	}
}

// validate refuses what no service needs to be asked about.
func (a *Asked) validate() *Refused {
	switch {
	case len(a.Token) > chat.MaxToken:
		return Refuse(Invalid, "cannot accept the token: it has %d bytes, at most %d are allowed", len(a.Token), chat.MaxToken)
	case !utf8.ValidString(a.Token): // JSON would make it another one
		return Refuse(Invalid, "cannot accept the token: it is not UTF-8")
	case !utf8.ValidString(a.User) || !utf8.ValidString(a.Room):
		return Refuse(Invalid, "cannot check the token: user %q or room %q is not UTF-8", a.User, a.Room)
	case strings.HasSuffix(a.Room, "*"):
		return Refuse(Forbidden, "cannot check the token: room %q ends in a *, which means many rooms in an answer", a.Room)
	}
	return nil
}

// key is what the answer counts for: a user, a token and a room. A token may come from anywhere; without one
// the address is all that the service can go by.
func (a *Asked) key() hookKey {
	fields := []string{a.Room, a.User, a.Token}
	if a.Token == "" {
		fields = append(fields, a.Address, a.Origin)
	}
	var b []byte
	for _, field := range fields {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return sha256.Sum256(b)
}

// remembered is an earlier answer that still counts.
func (h *Hook) remembered(key hookKey) (answer, bool) {
	now := h.now()
	for _, memory := range []*lru.Cache[hookKey, remembered]{h.passes, h.refused} {
		if memory == nil {
			continue
		}
		if r, ok := memory.Get(key); ok && now.Before(r.until) {
			return r.answer, true
		}
	}
	return answer{}, false
}

// remember keeps an answer. No pass is kept beyond its own end.
func (h *Hook) remember(key hookKey, v answer) {
	now := h.now()
	if v.no != nil {
		h.refused.Add(key, remembered{v, now.Add(hookRefusalLife)})
		return
	}
	if h.passes == nil {
		return
	}
	until := now.Add(h.cfg.Cache)
	if end := v.pass.Expires; !end.IsZero() && end.Before(until) {
		until = end
	}
	h.passes.Add(key, remembered{v, until})
}

// ask asks the service where that makes sense, and remembers its answer.
func (h *Hook) ask(ctx context.Context, a Asked, key hookKey) answer {
	if !h.begins(a.From) {
		h.counts.busy.Add(1)
		return answer{no: hookUnavailable("%d others from the same address are being checked", maxHookCallsOf)}
	}
	defer h.ends(a.From)
	select {
	case h.underWay <- struct{}{}:
		defer func() { <-h.underWay }()
	default:
		h.counts.busy.Add(1)
		return answer{no: hookUnavailable("%d others are being checked", maxHookCalls)}
	}
	if v, ok := h.remembered(key); ok { // answered between the look before and this one
		return v
	}
	if !h.health.Allow() {
		h.counts.busy.Add(1)
		return answer{no: hookUnavailable("the service that knows it does not answer")}
	}
	h.counts.calls.Add(1)
	v, err := h.call(ctx, a)
	h.health.Ended(h.base, err, "room", a.Room, "user", a.User)
	if err != nil {
		h.counts.failures.Add(1)
		return answer{no: hookUnavailable("the service that knows it gave no answer that makes sense")}
	}
	if v.no != nil {
		h.counts.refused.Add(1)
	}
	h.remember(key, v)
	return v
}

// begins counts a question that is under way from somewhere; false where there are too many.
func (h *Hook) begins(from int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if from > 0 && h.of[from] >= maxHookCallsOf {
		return false
	}
	h.of[from]++
	return true
}

// ends counts one less.
func (h *Hook) ends(from int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of[from]--; h.of[from] == 0 {
		delete(h.of, from)
	}
}

// hookUnavailable is a Refused of a token that nobody can judge now.
func hookUnavailable(format string, args ...any) *Refused {
	no := unavailable(format, args...)
	no.Wait = hookWait
	return no
}
