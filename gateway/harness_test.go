package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/await"
	"barrage/internal/chat"
	"barrage/internal/env"
	"barrage/internal/uring"
	"barrage/redisx"
	"barrage/room"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// setup is what a test may change of a server before it is made.
type setup struct {
	Config
	rooms room.Config
	// checkEvery is the time between two session checks, and recheckEvery that between two checks of tokens that may have
	// changed. 0 leaves a time as it is, and an hour leaves the checks to the test.
	checkEvery, recheckEvery time.Duration
	// history is how many messages of a room the store keeps.
	history int
}

// newServer starts a server on 127.0.0.1 over a store in memory, and stops it when
// the test ends. A panic that it survived fails the test.
func newServer(tb testing.TB, change func(*setup)) *Server {
	tb.Helper()
	return newLogged(tb, &journal{}, change)
}

// newLogged is newServer with its log in the hands of the test.
func newLogged(tb testing.TB, logged *journal, change func(*setup)) *Server {
	tb.Helper()
	s := newStoppedLogging(tb, logged, change)
	if err := s.Start(); err != nil {
		tb.Fatalf("Start: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// newStopped is newServer without the start.
func newStopped(tb testing.TB, change func(*setup)) *Server {
	tb.Helper()
	return newStoppedLogging(tb, &journal{}, change)
}

func newStoppedLogging(tb testing.TB, logged *journal, change func(*setup)) *Server {
	tb.Helper()
	c := setup{Config: DefaultConfig(), rooms: room.DefaultConfig(), history: 1000}
	c.Server.Listen, c.Admin.Listen = "127.0.0.1:0", ""
	c.Limits.Enabled = false // tests are faster than people
	c.AnonymousJoin = true   // and name them freely
	c.IOUring = cmp.Or(os.Getenv(env.TestIOUring), c.IOUring)
	if change != nil {
		change(&c)
	}
	c.rooms.UserRate = c.Limits.User()
	store := newFaultyStore(c.history)
	s := New(c.Config, c.rooms, store, slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	s.edge.Times.Check = cmp.Or(c.checkEvery, s.edge.Times.Check)
	s.edge.Times.Recheck = cmp.Or(c.recheckEvery, s.edge.Times.Recheck)
	store.Start(s)
	tb.Cleanup(func() {
		store.Close()
		if text := logged.String(); strings.Contains(text, "BUG:") || strings.Contains(text, "panic serving") {
			tb.Error("the server met a bug")
		}
		if tb.Failed() {
			tb.Logf("log of the server:\n%s", logged.String())
		}
	})
	return s
}

// overWriters runs a test with each way in which lanes write, or the one that the environment says.
func overWriters(t *testing.T, test func(*testing.T)) {
	t.Helper()
	only := os.Getenv(env.TestIOUring)
	for _, how := range []string{room.IOUringOn, room.IOUringOff} {
		if only != "" && only != how {
			continue
		}
		t.Run("io_uring="+how, func(t *testing.T) {
			if err := uring.Check(); err != nil && how == room.IOUringOn {
				t.Skip("no io_uring here: ", err)
			}
			t.Setenv(env.TestIOUring, how)
			test(t)
		})
	}
}

// manualCheck leaves the session check and the check of changed tokens to the test.
func manualCheck(c *setup) { c.checkEvery, c.recheckEvery = time.Hour, time.Hour }

// journal keeps what a server logs.
type journal struct {
	mu   sync.Mutex // guards the field below
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// eventually is [await.NoError] with this package's patience.
func eventually(tb testing.TB, check func() error) {
	tb.Helper()
	await.NoError(tb, patience, check)
}

// wantSessions waits until the server has so many sessions.
func wantSessions(tb testing.TB, s *Server, want int) {
	tb.Helper()
	eventually(tb, func() error { return differ("sessions", s.Sessions(), want) })
}

// differ complains where got is not want.
func differ[T comparable](what string, got, want T) error {
	if got != want {
		return errorf("%s = %v; want %v", what, got, want)
	}
	return nil
}

// eachSession calls f for every session of the server.
func eachSession(s *Server, f func(edge.Peek)) {
	s.edge.Sessions.Each(func(c *edge.Session) { f(edge.Peek{Session: c}) })
}

// sessionOf is the server's end of the user's only connection.
func sessionOf(tb testing.TB, s *Server, user string) edge.Peek {
	tb.Helper()
	var found edge.Peek
	eventually(tb, func() error {
		eachSession(s, func(c edge.Peek) {
			if c.User() == user {
				found = c
			}
		})
		if found.Session == nil {
			return errorf("user %q has no session", user)
		}
		return nil
	})
	return found
}

// enterRoom makes a member of FastIM's chat that nobody is behind.
func enterRoom(s *Server, user string, r *room.Room) edge.Peek {
	return s.fastIM.PeekMember(&edge.Visitor{User: user, Rights: &edge.Rights{Can: pass.Read | pass.Send}}, r)
}

// roomOf holds a room of the server until the test ends.
func roomOf(tb testing.TB, s *Server, id string) *room.Room {
	tb.Helper()
	r, err := s.edge.Hall.Open(tb.Context(), id)
	if err != nil {
		tb.Fatalf("cannot open room %q: %v", id, err)
	}
	tb.Cleanup(r.Release)
	return r
}

// faultyStore is the memory store whose calls fail, or wait, on demand.
type faultyStore struct {
	*redisx.Memory

	mu    sync.Mutex // guards the fields below
	fails map[string]error
	gates map[string]chan struct{} // closed to let the calls go on
	calls map[string]int
	gone  string // a room that is in no list, and has no members
	kept  int    // memberships without a room, see Store.JoinAll
}

var errAway = errors.New("store is away")

// failure is an error of a call that its caller cannot do without. A room whose history is
// only out of reach opens all the same, for this node alone.
func failure(call string) error {
	if call == "Read" {
		return fmt.Errorf("a key of the wrong type: %w", chat.ErrRefused)
	}
	return errAway
}

func newFaultyStore(history int) *faultyStore {
	return &faultyStore{
		Memory: redisx.NewMemory(redisx.Limits{HistoryMessages: history, HistoryTTL: time.Hour}, time.Now),
		fails:  map[string]error{}, gates: map[string]chan struct{}{}, calls: map[string]int{},
	}
}

// storeOf is the server's store.
func storeOf(s *Server) *faultyStore { return s.store.(*faultyStore) }

// fail makes the calls named fail with err, nil lets them through again.
func (f *faultyStore) fail(err error, calls ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range calls {
		f.fails[c] = err
	}
}

// hold makes a call wait until release is called.
func (f *faultyStore) hold(call string) (release func()) {
	gate := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gates[call] = gate
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.gates, call)
		close(gate)
	})
}

// forget leaves a room out of every list of a user's rooms; it has no members any more.
func (f *faultyStore) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = id
}

// called is how often a call was made.
func (f *faultyStore) called(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

// keptCalls is how often memberships were kept.
func (f *faultyStore) keptCalls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept
}

// allCalls is how often each call was made.
func (f *faultyStore) allCalls() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.calls)
}

func (f *faultyStore) enter(ctx context.Context, call string) error {
	f.mu.Lock()
	f.calls[call]++
	err, gate := f.fails[call], f.gates[call]
	f.mu.Unlock()
	if err != nil || gate == nil {
		return err
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *faultyStore) State() error { return f.enter(context.Background(), "State") }

func (f *faultyStore) SetToken(ctx context.Context, user, token string) error {
	if err := f.enter(ctx, "SetToken"); err != nil {
		return err
	}
	return f.Memory.SetToken(ctx, user, token)
}

func (f *faultyStore) CheckToken(ctx context.Context, cred chat.Credential) (chat.TokenState, error) {
	if err := f.enter(ctx, "CheckToken"); err != nil {
		return chat.TokenWrong, err
	}
	return f.Memory.CheckToken(ctx, cred)
}

func (f *faultyStore) CheckTokens(ctx context.Context, creds []chat.Credential) ([]chat.TokenState, error) {
	if err := f.enter(ctx, "CheckTokens"); err != nil {
		return nil, err
	}
	return f.Memory.CheckTokens(ctx, creds)
}

func (f *faultyStore) ProlongTokens(ctx context.Context, creds []chat.Credential) error {
	if err := f.enter(ctx, "ProlongTokens"); err != nil {
		return err
	}
	return f.Memory.ProlongTokens(ctx, creds)
}

func (f *faultyStore) Join(ctx context.Context, user, id string) (bool, error) {
	if err := f.enter(ctx, "Join"); err != nil {
		return false, err
	}
	return f.Memory.Join(ctx, user, id)
}

func (f *faultyStore) JoinAll(ctx context.Context, all []chat.Membership) (int, error) {
	if err := f.enter(ctx, "JoinAll"); err != nil {
		return 0, err
	}
	f.mu.Lock()
	for _, m := range all {
		if m.Room == "" {
			f.kept++
		}
	}
	f.mu.Unlock()
	return f.Memory.JoinAll(ctx, all)
}

func (f *faultyStore) IsMember(ctx context.Context, user, id string) (bool, error) {
	if err := f.enter(ctx, "IsMember"); err != nil {
		return false, err
	}
	in, err := f.Memory.IsMember(ctx, user, id)
	f.mu.Lock()
	defer f.mu.Unlock()
	return in && id != f.gone, err
}

func (f *faultyStore) KnownRoom(ctx context.Context, id string) (bool, error) {
	if err := f.enter(ctx, "KnownRoom"); err != nil {
		return false, err
	}
	return f.Memory.KnownRoom(ctx, id)
}

func (f *faultyStore) Rooms(ctx context.Context, user string) ([]string, error) {
	if err := f.enter(ctx, "Rooms"); err != nil {
		return nil, err
	}
	ids, err := f.Memory.Rooms(ctx, user)
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(ids, func(id string) bool { return id == f.gone }), err
}

func (f *faultyStore) Range(ctx context.Context, id string, start, stop int64) ([]string, error) {
	if err := f.enter(ctx, "Range"); err != nil {
		return nil, err
	}
	return f.Memory.Range(ctx, id, start, stop)
}

func (f *faultyStore) Before(ctx context.Context, id, user string, ts int64, count int) ([]string, bool, error) {
	if err := f.enter(ctx, "Before"); err != nil {
		return nil, false, err
	}
	return f.Memory.Before(ctx, id, user, ts, count)
}

func (f *faultyStore) Recall(ctx context.Context, id, user string, ts int64) (chat.Event, error) {
	if err := f.enter(ctx, "Recall"); err != nil {
		return chat.Event{}, err
	}
	return f.Memory.Recall(ctx, id, user, ts)
}

func (f *faultyStore) ChangeRules(ctx context.Context, id string, c chat.RulesChange) (chat.Event, error) {
	if err := f.enter(ctx, "ChangeRules"); err != nil {
		return chat.Event{}, err
	}
	return f.Memory.ChangeRules(ctx, id, c)
}

func (f *faultyStore) Screen(ctx context.Context, id, batch string, drafts []chat.Draft) ([]chat.Screened, error) {
	if err := f.enter(ctx, "Screen"); err != nil {
		return nil, err
	}
	return f.Memory.Screen(ctx, id, batch, drafts)
}

func (f *faultyStore) Hold(ctx context.Context, id string, all []chat.Held) (int, error) {
	if err := f.enter(ctx, "Hold"); err != nil {
		return 0, err
	}
	return f.Memory.Hold(ctx, id, all)
}

func (f *faultyStore) Held(ctx context.Context, id string) ([]chat.Held, error) {
	if err := f.enter(ctx, "Held"); err != nil {
		return nil, err
	}
	return f.Memory.Held(ctx, id)
}

func (f *faultyStore) Rules(ctx context.Context, id string) (chat.Rules, error) {
	if err := f.enter(ctx, "Rules"); err != nil {
		return chat.Rules{}, err
	}
	return f.Memory.Rules(ctx, id)
}

func (f *faultyStore) ReadLog(ctx context.Context, id, before string, limit int) ([]string, error) {
	if err := f.enter(ctx, "ReadLog"); err != nil {
		return nil, err
	}
	return f.Memory.ReadLog(ctx, id, before, limit)
}

func (f *faultyStore) RegisterRoom(ctx context.Context, id string, on bool) error {
	return firstOf(f.enter(ctx, "RegisterRoom"), f.Memory.RegisterRoom(ctx, id, on))
}

func (f *faultyStore) RevokeUser(ctx context.Context, user string, then time.Time) error {
	return firstOf(f.enter(ctx, "RevokeUser"), f.Memory.RevokeUser(ctx, user, then))
}

func (f *faultyStore) RevokeToken(ctx context.Context, id string, end time.Time) error {
	return firstOf(f.enter(ctx, "RevokeToken"), f.Memory.RevokeToken(ctx, id, end))
}

func (f *faultyStore) Read(ctx context.Context, id string, known chat.Position, newest, most int) (chat.History, error) {
	if err := f.enter(ctx, "Read"); err != nil {
		return chat.History{}, err
	}
	return f.Memory.Read(ctx, id, known, newest, most)
}

func (f *faultyStore) Publish(ctx context.Context, id string, b chat.Batch) (chat.Stored, error) {
	if err := f.enter(ctx, "Publish"); err != nil {
		return chat.Stored{}, err
	}
	return f.Memory.Publish(ctx, id, b)
}

func (f *faultyStore) SubscribeUser(ctx context.Context, user string) error {
	if err := f.enter(ctx, "SubscribeUser"); err != nil {
		return err
	}
	return f.Memory.SubscribeUser(ctx, user)
}

// firstOf is the first complaint.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *faultyStore) Page(ctx context.Context, id string, before, after uint64, limit int) (chat.History, error) {
	if err := f.enter(ctx, "Page"); err != nil {
		return chat.History{}, err
	}
	return f.Memory.Page(ctx, id, before, after, limit)
}

func (f *faultyStore) Since(ctx context.Context, id string, seq uint64, limit int) (chat.History, error) {
	if err := f.enter(ctx, "Since"); err != nil {
		return chat.History{}, err
	}
	return f.Memory.Since(ctx, id, seq, limit)
}

func (f *faultyStore) RecallSeq(ctx context.Context, id, user string, known chat.Position, epoch string, seq uint64, notBefore int64) (chat.Event, error) {
	if err := f.enter(ctx, "RecallSeq"); err != nil {
		return chat.Event{}, err
	}
	return f.Memory.RecallSeq(ctx, id, user, known, epoch, seq, notBefore)
}

// modeOf is auth.mode where tokens must be those of a login, or where any passes.
func modeOf(required bool) []string {
	if required {
		return []string{edge.AuthRedis}
	}
	return []string{edge.AuthAny}
}
