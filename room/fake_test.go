package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/env"
)

// fakeSocket takes what a test lets it take.
type fakeSocket struct {
	mu    sync.Mutex // guards the fields below
	got   []byte
	room  int // bytes it still takes; negative = no bound
	shut  bool
	sends int
}

func newFakeSocket() *fakeSocket { return &fakeSocket{room: -1} }

func (s *fakeSocket) Send(p []byte) (n int, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sends++
	if s.shut {
		return 0, true
	}
	if s.room < 0 {
		s.got = append(s.got, p...)
		return len(p), false
	}
	if s.room >= len(p) {
		s.room -= len(p)
		s.got = append(s.got, p...)
		return len(p), false
	}
	n = codec.FrameBoundary(p, max(s.room, 1)) // the cut frame goes to a queue of its own
	s.room = 0
	s.got = append(s.got, p[:n]...)
	return n, true
}

// texts are the payloads of the frames the socket got.
func (s *fakeSocket) texts(tb testing.TB) []string {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for b := s.got; len(b) > 0; {
		end := codec.FrameBoundary(b, 1)
		if end > len(b) {
			tb.Fatalf("the socket got a frame cut at %d of %d bytes", len(b), end)
		}
		head := map[byte]int{126: 4, 127: 10}[b[1]]
		out = append(out, string(b[max(head, 2):end]))
		b = b[end:]
	}
	return out
}

// fakeClock stands still but for what a test and its sockets add to it.
type fakeClock struct {
	mu    sync.Mutex // guards the fields below
	now   time.Time
	due   []func()        // rests under way, in the order of their begin
	rests []time.Duration // how long they were to be
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) AfterFunc(d time.Duration, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rests = append(c.rests, d)
	c.due = append(c.due, f)
}

func (c *fakeClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fire ends the oldest rest.
func (c *fakeClock) fire() bool {
	c.mu.Lock()
	if len(c.due) == 0 {
		c.mu.Unlock()
		return false
	}
	f := c.due[0]
	c.due = c.due[1:]
	c.mu.Unlock()
	f()
	return true
}

// fixture is a hall without goroutines, stepped by settle.
type fixture struct {
	t      testing.TB
	store  *fakeStore
	other  *fakeStore // another node's way to the same store
	others int        // messages of other nodes
	hall   *Hall
	clock  *fakeClock
	logs   *bytes.Buffer
	now    time.Time
}

func newFixture(tb testing.TB, change func(*Config), callbacks Callbacks) *fixture {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Fanout.Lanes = 2
	if change != nil {
		change(&cfg)
	}
	f := &fixture{t: tb, store: newFakeStore(), logs: &bytes.Buffer{}, now: time.UnixMilli(1_648_368_380_132)}
	f.clock = &fakeClock{now: f.now}
	callbacks.Clock = f.clock
	if callbacks.NewVolleyWriters == nil && os.Getenv(env.TestIOUring) != "off" {
		callbacks.NewVolleyWriters = eachWriters(tb)
	}
	f.hall = newHall(cfg, callbacks, f.store, slog.New(slog.NewTextHandler(f.logs, nil)))
	f.store.hall = f.hall
	f.other = f.store.node()
	return f
}

// eachWriters are writers that send one by one, and hold a volley against what VolleyWriter promises.
func eachWriters(tb testing.TB) func(int) []VolleyWriter {
	tb.Helper()
	return func(lanes int) (all []VolleyWriter) {
		for range lanes {
			all = append(all, &eachWriter{tb: tb})
		}
		return all
	}
}

// noWriters has writes go one by one.
func noWriters(int) []VolleyWriter { return nil }

type eachWriter struct {
	tb      testing.TB
	volleys []int // how many writes each had
	closed  bool
}

func (e *eachWriter) Send(volley []Write) (together int) {
	seen := map[Socket]bool{}
	for i := range volley {
		w := &volley[i]
		if len(w.P) == 0 || w.N != 0 || w.Full {
			e.tb.Errorf("write %d: %d bytes, answered %d, %v before it was sent", i, len(w.P), w.N, w.Full)
		}
		if _, fake := w.Socket.(*fakeSocket); fake && seen[w.Socket] { // others are shared by members
			e.tb.Errorf("write %d is the second to its socket", i)
		}
		seen[w.Socket] = true
		w.N, w.Full = w.Socket.Send(w.P)
	}
	if n := len(volley); n < leastVolley || n > MostVolley || e.closed {
		e.tb.Errorf("a volley of %d, closed: %v", n, e.closed)
	}
	e.volleys = append(e.volleys, len(volley))
	return len(volley)
}

func (e *eachWriter) Close() { e.closed = true }

// settle does what publishers and lanes have to do until nothing is left.
func (f *fixture) settle() {
	f.t.Helper()
	for range 100_000 {
		if !f.step() {
			return
		}
	}
	f.t.Fatal("the hall does not come to rest")
}

func (f *fixture) step() bool {
	if f.work() {
		return true
	}
	return f.clock.fire()
}

// work is one step that needs no time to pass.
func (f *fixture) work() bool {
	if waiting(f.hall.publishers) > 0 {
		r, _ := f.hall.publishers.pop()
		r.serve(nil)
		return true
	}
	if waiting(f.hall.reviews) > 0 {
		r, _ := f.hall.reviews.pop()
		r.review()
		return true
	}
	for _, l := range f.hall.lanes {
		if waiting(l.queue) > 0 {
			p, _ := l.queue.pop()
			l.visit(p)
			l.pending.Add(-1)
			return true
		}
	}
	return false
}

func waiting[T any](q *queue[T]) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.short.size() + q.long.size()
}

func (f *fixture) open(id string) *Room {
	f.t.Helper()
	r, err := f.hall.Open(f.t.Context(), id)
	if err != nil {
		f.t.Fatalf("Open(%q): %v", id, err)
	}
	return r
}

// member is a member with its fake socket, as a session has it.
type member struct {
	Member
	fakeSocket
	at uint64 // number of the first message it should get
}

// join enters and attaches a member and checks its welcome for total.
func (f *fixture) join(r *Room) *member {
	f.t.Helper()
	m := &member{fakeSocket: fakeSocket{room: -1}}
	r.Enter(&m.Member, &m.fakeSocket)
	r.Attach(&m.Member)
	return m
}

func (f *fixture) post(r *Room, info string) {
	f.t.Helper()
	f.now = f.now.Add(time.Millisecond)
	if err := r.Post(nil, "u", info, f.now); err != nil {
		f.t.Fatalf("Post(%q): %v", info, err)
	}
}

// parsed is a message. It is read by encoding/json: under the race detector, where pools forget, sonic takes 100 KB for
// one.
func parsed(tb testing.TB, s string) (m chat.Message) {
	tb.Helper()
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		tb.Fatalf("%q: %v", s, err)
	}
	return m
}

// infos are the bodies of messages.
func infos(tb testing.TB, texts []string) []string {
	tb.Helper()
	out := []string{}
	for _, s := range texts {
		out = append(out, parsed(tb, s).Info)
	}
	return out
}

func wantInfos(tb testing.TB, m *member, want ...string) {
	tb.Helper()
	if got := infos(tb, m.texts(tb)); fmt.Sprint(got) != fmt.Sprint(want) {
		tb.Errorf("member got %v; want %v", got, want)
	}
}

// since is message seq of the first epoch as a place to come back from.
func (f *fixture) since(seq uint64) Since {
	since := Since{Epoch: "e1", Seq: seq}
	f.store.set(func(s *fakeStore) {
		for _, e := range s.room("1").entries {
			if e.Seq == seq {
				since.TS = codec.Timestamp(e.JSON)
			}
		}
	})
	return since
}

var errAway = errors.New("store is away")

// teller is an author that receives outcomes.
type teller func(Outcome)

func (t teller) Settled(a Outcome) { t(a) }

// named is an author that ignores outcomes.
type named string

func (named) Settled(Outcome) {}
