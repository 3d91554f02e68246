package redisx_test

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"barrage/codec"
	"barrage/internal/await"
	"barrage/internal/chat"
	"barrage/redisx"
)

const (
	// patience is how long a test waits for what must happen.
	patience = 10 * time.Second
	// historyMessages and historyTTL are the limits of the stores under test.
	historyMessages = 40
	historyTTL      = 48 * time.Hour
	roomsPerUser    = 20
	historyBytes    = 4 << 20
	membershipTTL   = 240 * time.Hour
)

var limits = redisx.Limits{
	TokensPerUser: tokensPerUser, HistoryMessages: historyMessages, HistoryBytes: historyBytes, HistoryTTL: historyTTL,
	RoomsPerUser: roomsPerUser, MembershipTTL: membershipTTL,
}

// harness is a store under test and what its handler received.
type harness struct {
	redisx.Store
	*recorder
	// pass lets time go by: afterwards the store has forgotten what expired meanwhile.
	pass func(d time.Duration)
	// tagged: it is a cluster's. now is the store's clock.
	tagged bool
	now    func() time.Time
	// age makes the reports of a room older, without any other change.
	age func(room string, d time.Duration)
	// batches counts what send published.
	batches atomic.Uint64
}

// newMemory is a harness of the memory store with a clock that only pass moves.
func newMemory(t *testing.T) *harness {
	t.Helper()
	var mu sync.Mutex
	clock := time.UnixMilli(1_700_000_000_000)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clock
	}
	store := redisx.NewMemory(limits, now)
	h := &harness{now: now, Store: store, recorder: newRecorder(t), pass: func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(d)
	}}
	h.age = func(_ string, d time.Duration) { h.pass(d) }
	store.Start(h.recorder)
	t.Cleanup(store.Close)
	return h
}

// newRedis is a harness on the shared server, empty.
func newRedis(t *testing.T) *harness {
	t.Helper()
	raw := newRaw(t, server.Addr)
	raw.do("FLUSHALL")
	return newNode(t, server.Addr, raw)
}

// newNode is a harness on the server at addr as it is.
func newNode(t *testing.T, addr string, raw *rawClient) *harness {
	t.Helper()
	h := started(t, openRedis(t, addr))
	h.age = raw.age
	h.pass = func(d time.Duration) {
		raw.pass(d)
		// The store forgets what it knew of these keys when a later answer has come.
		_, err := h.Rooms(t.Context(), "nobody")
		noError(t, err)
	}
	return h
}

// started is a harness on a store that is started here.
func started(t *testing.T, store *redisx.Redis) *harness {
	t.Helper()
	h := &harness{now: time.Now, Store: store, recorder: newRecorder(t)}
	h.Start(h.recorder)
	h.wantReady(t)
	return h
}

// openRedis is a store on the server at addr, not started.
func openRedis(t *testing.T, addr string, changes ...func(*redisx.Config)) *redisx.Redis {
	t.Helper()
	cfg := redisx.DefaultConfig()
	cfg.Addrs = []string{addr}
	cfg.Timeout = callTimeout
	for _, change := range changes {
		change(&cfg)
	}
	store := redisx.NewRedis(cfg, limits, slog.New(slog.DiscardHandler))
	t.Cleanup(store.Close)
	return store
}

// wantReady waits until the store can be used.
func (h *harness) wantReady(t *testing.T) {
	t.Helper()
	eventually(t, "State is nil", func() (bool, string) {
		err := h.State()
		return err == nil, fmt.Sprint(err)
	})
}

// eventually is [await.True] with this package's patience.
func eventually(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	await.True(t, patience, what, ok)
}

// rawClient talks to Redis past the store.
type rawClient struct {
	t      testing.TB
	client rueidis.Client
	passed time.Duration // by pass
}

func newRaw(tb testing.TB, addr string) *rawClient {
	tb.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr}, ForceSingleClient: true, DisableCache: true, AlwaysPipelining: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return &rawClient{t: tb, client: client}
}

// do runs a command that must not fail.
func (r *rawClient) do(args ...string) rueidis.RedisMessage {
	r.t.Helper()
	cmd := r.client.B().Arbitrary(args[0]).Args(args[1:]...).Build()
	msg, err := r.client.Do(context.Background(), cmd).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		r.t.Fatalf("%q: %v", args, err)
	}
	return msg
}

func (r *rawClient) strings(args ...string) []string {
	r.t.Helper()
	msg := r.do(args...)
	s, err := msg.AsStrSlice()
	if err != nil {
		r.t.Fatalf("%q: %v", args, err)
	}
	return s
}

func (r *rawClient) text(args ...string) string {
	r.t.Helper()
	msg := r.do(args...)
	s, err := msg.ToString()
	if err != nil {
		r.t.Fatalf("%q: %v", args, err)
	}
	return s
}

func (r *rawClient) int(args ...string) int64 {
	r.t.Helper()
	msg := r.do(args...)
	n, err := msg.AsInt64()
	if err != nil {
		r.t.Fatalf("%q: %v", args, err)
	}
	return n
}

// subscribe returns what is published to channel from now on.
func (r *rawClient) subscribe(channel string) <-chan string {
	r.t.Helper()
	payloads := make(chan string, 100)
	conn, release := r.client.Dedicate()
	r.t.Cleanup(func() {
		conn.Close()
		release()
	})
	conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) { payloads <- m.Message }})
	if err := conn.Do(context.Background(), conn.B().Subscribe().Channel(channel).Build()).Error(); err != nil {
		r.t.Fatal(err)
	}
	return payloads
}

// pass takes d off the life of every key, and lets the sets of last ts and of ids be as much
// older.
func (r *rawClient) pass(d time.Duration) {
	r.t.Helper()
	for _, key := range r.strings("KEYS", "*") {
		life := r.int("PTTL", key)
		if life < 0 {
			continue
		}
		// Redis deletes a key whose life is not positive.
		r.do("PEXPIRE", key, strconv.FormatInt(life-d.Milliseconds(), 10))
	}
	for _, key := range r.strings("KEYS", "gmt:*") {
		lines := strings.Split(r.text("GET", key), "\n")
		for i, line := range lines {
			end, token, _ := strings.Cut(line, " ")
			at, err := strconv.ParseInt(end, 10, 64)
			noError(r.t, err)
			lines[i] = strconv.FormatInt(at-d.Milliseconds(), 10) + " " + token
		}
		r.do("SET", key, strings.Join(lines, "\n"), "KEEPTTL")
	}
	before := r.passed
	r.passed += d
	for _, set := range []struct {
		prefix, written string
		bucket          time.Duration
	}{{"gmu:", "ub", chat.BatchLife}, {"gmi:", "ib", chat.IDLife}} {
		if by := int64(r.passed/set.bucket - before/set.bucket); by > 0 {
			r.shift(set.prefix, set.written, -by)
		}
	}
}

// shift gives all sets with a prefix other buckets, and the metas the field that names them.
func (r *rawClient) shift(prefix, written string, by int64) {
	r.t.Helper()
	names := make(map[string]string)
	for _, key := range r.strings("KEYS", prefix+"*") {
		at := strings.LastIndexByte(key, ':') + 1
		bucket, err := strconv.ParseInt(key[at:], 10, 64)
		noError(r.t, err)
		r.do("RENAME", key, "shifted:"+key)
		names["shifted:"+key] = key[:at] + strconv.FormatInt(bucket+by, 10)
	}
	for from, to := range names {
		r.do("RENAME", from, to)
	}
	for _, meta := range r.strings("KEYS", "gmm:*") {
		if _, err := strconv.Atoi(r.strings("HMGET", meta, written)[0]); err == nil {
			r.do("HINCRBY", meta, written, strconv.FormatInt(by, 10))
		}
	}
}

// early waits until the buckets of the present will last for some seconds more.
func (r *rawClient) early(t *testing.T) {
	t.Helper()
	eventually(t, "a bucket has begun", func() (bool, string) {
		seconds, err := strconv.ParseInt(r.strings("TIME")[0], 10, 64)
		noError(t, err)
		return seconds%int64(chat.BatchLife/time.Second) < 27, fmt.Sprint(seconds)
	})
}

// recorder is a Handler that keeps what it receives and checks what a Handler may rely on.
type recorder struct {
	t *testing.T

	mu      sync.Mutex // guards the fields below
	rooms   map[string][]chat.Event
	busy    map[string]bool
	users   []string
	tokens  [][]string // One for each TokensChanged.
	ids     []string   // Of all TokensChanged.
	asked   []string
	resumed int
	away    []error // One for each Away that no Back followed.
	// aways and backs count the calls.
	aways, backs int
	// life has the calls of Away, Back and Resumed in order.
	life []string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	return &recorder{t: t, rooms: make(map[string][]chat.Event), busy: make(map[string]bool)}
}

func (r *recorder) RoomEvent(room string, ev chat.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[room] {
		r.t.Errorf("RoomEvent(%q) is called twice at once", room)
	}
	r.busy[room] = true
	r.mu.Unlock() // Time for another call to show.
	r.mu.Lock()
	r.busy[room] = false
	r.rooms[room] = append(r.rooms[room], ev)
}

func (r *recorder) UserEvent(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users = append(r.users, user)
}

func (r *recorder) TokensChanged(users, ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = append(r.tokens, users)
	r.ids = append(r.ids, ids...)
}

func (r *recorder) Asked(question string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, question)
}

// questions are those that were received.
func (r *recorder) questions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// tokensTold is how often TokensChanged was called.
func (r *recorder) tokensTold() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tokens)
}

// idsTold are the names of tokens that TokensChanged was called with.
func (r *recorder) idsTold() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}

// tokensSince are the users whom TokensChanged received since it had been called so often, and how often it was for
// all.
func (r *recorder) tokensSince(calls int) (users []string, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, told := range r.tokens[calls:] {
		users = append(users, told...)
		if told == nil {
			all++
		}
	}
	return users, all
}

func (r *recorder) Resumed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resumed++
	r.life = append(r.life, "resumed")
}

func (r *recorder) Away(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aways++
	r.life = append(r.life, "away")
	r.away = append(r.away, reason)
	if len(r.away) > 1 || reason == nil {
		r.t.Errorf("Away(%v) is called after Away(%v)", reason, r.away[0])
	}
}

func (r *recorder) Back() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.away) == 0 {
		r.t.Error("Back is called without Away before it")
	}
	r.backs++
	r.life = append(r.life, "back")
	r.away = nil
}

// lifeSoFar are the calls of Away, Back and Resumed so far.
func (r *recorder) lifeSoFar() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.life)
}

// wantAway waits until the store has gone away and come back as often as wanted.
func (r *recorder) wantAway(t *testing.T, aways, backs int) {
	t.Helper()
	eventually(t, fmt.Sprintf("Away was called %d times, Back %d times", aways, backs), func() (bool, string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.aways == aways && r.backs == backs, fmt.Sprint(r.aways, r.backs)
	})
}

// events are the events of room so far.
func (r *recorder) events(room string) []chat.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.rooms[room])
}

// wantEvents waits until room has had as many events as wanted and compares them; Rev, Prev
// and Tip only where a Tip is wanted.
func (r *recorder) wantEvents(t *testing.T, room string, want ...chat.Event) {
	t.Helper()
	eventually(t, fmt.Sprintf("room %q has had %d events", room, len(want)), func() (bool, string) {
		got := r.events(room)
		return len(got) >= len(want), fmt.Sprint(got)
	})
	got := r.events(room)
	for i := range min(len(got), len(want)) {
		if want[i].Tip == "" {
			got[i].Rev, got[i].Prev, got[i].Tip = 0, "", ""
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("events of room %q:\n got %+v\nwant %+v", room, got, want)
	}
}

// wantUsers waits until as many user events have come as wanted and compares them.
func (r *recorder) wantUsers(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	eventually(t, fmt.Sprintf("%d user events have come", len(want)), func() (bool, string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		got = slices.Clone(r.users)
		return len(got) >= len(want), fmt.Sprint(got)
	})
	if !slices.Equal(got, want) {
		t.Errorf("user events = %q; want %q", got, want)
	}
}

// resumedSoFar is how often Resumed was called.
func (r *recorder) resumedSoFar() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resumed
}

// wantResumed waits until Resumed has been called n times.
func (r *recorder) wantResumed(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("Resumed was called %d times", n), func() (bool, string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.resumed == n, strconv.Itoa(r.resumed)
	})
}

// settle returns once the events that were published before have been delivered or
// left out: later ones, spread over all inbox workers, have come.
func (h *harness) settle(t *testing.T) {
	t.Helper()
	for i := range 16 {
		room := fmt.Sprintf("settle-%d", i)
		noError(t, h.SubscribeRoom(t.Context(), room))
		noError(t, h.send(t.Context(), room, drafts(room, "u", 1)))
		eventually(t, "a later event has come", func() (bool, string) { return len(h.events(room)) > 0, "" })
		h.UnsubscribeRoom(room)
	}
}

// drafts are messages of user to room at the given times, numbered by their index.
func drafts(room, user string, times ...int64) []chat.Draft {
	d := make([]chat.Draft, len(times))
	for i, ts := range times {
		d[i] = codec.NewDraft(room, user, fmt.Sprintf("%s %d", user, i), ts)
	}
	return d
}

// texts are the finished messages of drafts whose ts stay as they are.
func texts(drafts []chat.Draft) []string {
	s := make([]string, len(drafts))
	for i, d := range drafts {
		s[i] = string(d.AppendJSON(nil, d.TS))
	}
	return s
}

// send is Publish as a node of its own: others may send to the room at the same time.
func (h *harness) send(ctx context.Context, room string, d []chat.Draft) error {
	_, err := h.put(ctx, room, fmt.Sprintf("%p-%d.1", h, h.batches.Add(1)), d)
	return err
}

// put is Publish of a batch by a node that knows nothing.
func (h *harness) put(ctx context.Context, room, batch string, d []chat.Draft) (chat.Stored, error) {
	return h.Publish(ctx, room, chat.Batch{ID: batch, Drafts: d})
}

// husks are what is left of messages that were recalled.
func husks(texts ...string) []string {
	var all []string
	for _, text := range texts {
		husk, ok := codec.Husk(text)
		if !ok {
			panic("no message of ours: " + text)
		}
		all = append(all, husk)
	}
	return all
}

// publish sends messages of user to room at the given times and returns their texts.
func (h *harness) publish(t *testing.T, room, user string, times ...int64) []string {
	t.Helper()
	d := drafts(room, user, times...)
	noError(t, h.send(t.Context(), room, d))
	return texts(d)
}

// newest is what Read gives a node that knows nothing, without the tombstones between.
func (h *harness) newest(t *testing.T, room string, limit int) chat.History {
	t.Helper()
	history := h.read(t, room, chat.Position{}, limit, limit)
	history.Entries = slices.DeleteFunc(history.Entries, func(e chat.Entry) bool { return e.JSON == "" })
	return history
}

// read is Read that must not fail.
func (h *harness) read(t *testing.T, room string, known chat.Position, newest, most int) chat.History {
	t.Helper()
	history, err := h.Read(t.Context(), room, known, newest, most)
	noError(t, err)
	return history
}

// wantHistory compares a history's numbers and texts, the first of which has number first.
func wantHistory(t *testing.T, h chat.History, seq, total, first uint64, want ...string) {
	t.Helper()
	if h.Seq != seq || h.Total != total {
		t.Errorf("position is seq %d, total %d; want %d, %d", h.Seq, h.Total, seq, total)
	}
	var entries []chat.Entry
	for i, text := range want {
		entries = append(entries, chat.Entry{Seq: first + uint64(i), JSON: text})
	}
	if !slices.Equal(h.Entries, entries) {
		t.Errorf("entries:\n got %v\nwant %v", h.Entries, entries)
	}
}

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// wantEqual compares what a call named by what returned.
func wantEqual[T any](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %v; want %v", what, got, want)
	}
}

// isRight is CheckToken's answer to whether the token counts.
func isRight(state chat.TokenState, err error) (bool, error) { return state == chat.TokenRight, err }

// areRight is isRight for many.
func areRight(states []chat.TokenState, err error) ([]bool, error) {
	if err != nil {
		return nil, err
	}
	all := make([]bool, len(states))
	for i, state := range states {
		all[i] = state == chat.TokenRight
	}
	return all, nil
}
