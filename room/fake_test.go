package room

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/codec"
)

// fakeStore is the obvious store: one slice a room. With hall set it tells the hall
// of what is published, at once.
type fakeStore struct {
	mu         sync.Mutex // guards the fields below
	hall       *Hall
	epoch      string
	rooms      map[string][]codec.Entry
	count      map[string]uint64 // messages ever published
	fail       error             // returned by every call
	deaf       bool              // publish tells nobody
	calls      map[string]int
	subscribed map[string]bool
	batches    [][]codec.Draft
	taken      map[string]codec.Stored // by room and batch
	loseAnswer bool                    // Publish does its work and fails all the same
	hung       bool                    // Publish fails, and does its work when unhang is called
	jam        []func()                // what unhang does
	sent       map[string]codec.Repeat // by room, user and id
	last       map[string]int          // number of the newest batch, by room and node
	lastTS     map[string]int64        // by room and user
	reported   map[string]uint64       // room -> online
	likes      map[string]uint64
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		epoch: "e1", rooms: map[string][]codec.Entry{}, count: map[string]uint64{},
		calls: map[string]int{}, subscribed: map[string]bool{}, taken: map[string]codec.Stored{},
		reported: map[string]uint64{}, likes: map[string]uint64{}, sent: map[string]codec.Repeat{}, last: map[string]int{}, lastTS: map[string]int64{},
	}
}

// unhang does what was asked of a store that hung.
func (s *fakeStore) unhang() {
	s.mu.Lock()
	jam := s.jam
	s.hung, s.jam = false, nil
	s.mu.Unlock()
	for _, f := range jam {
		f()
	}
}

func (s *fakeStore) called(name string) error {
	s.calls[name]++
	return s.fail
}

func (s *fakeStore) Publish(ctx context.Context, room, batch string, drafts []codec.Draft) (codec.Stored, error) {
	s.mu.Lock()
	err := s.called("Publish")
	if err == nil && s.hung {
		err = errAway
		s.jam = append(s.jam, func() { // nobody waits for the answer any more
			fail := error(nil)
			s.set(func(s *fakeStore) { fail, s.fail = s.fail, nil })
			_, _ = s.Publish(ctx, room, batch, drafts)
			s.set(func(s *fakeStore) { s.fail = fail })
		})
	}
	if stored, again := s.taken[room+" "+batch]; err != nil || again {
		s.mu.Unlock()
		return stored, err
	}
	node, text, _ := strings.Cut(batch, ".")
	if number, bad := strconv.Atoi(text); bad == nil {
		if last := s.last[room+" "+node]; number < last {
			s.mu.Unlock()
			return codec.Stored{}, fmt.Errorf("batch %d is older than %d: %w", number, last, codec.ErrRefused)
		}
		s.last[room+" "+node] = number
	}
	var repeats []codec.Repeat
	var fresh []codec.Draft
	for i, d := range drafts {
		before, known := s.sent[room+" "+d.UserID+" "+d.ID]
		if before.Index = i; d.ID != "" && known {
			repeats = append(repeats, before)
			continue
		}
		fresh = append(fresh, d)
		s.sent[room+" "+d.UserID+" "+d.ID] = codec.Repeat{Seq: s.count[room] + uint64(len(fresh)), TS: d.TS}
	}
	drafts = fresh
	s.batches = append(s.batches, drafts)
	ev := codec.Event{Kind: codec.EventMessages, Epoch: s.epoch, Seq: s.count[room] + 1, Batch: batch}
	for i := range drafts {
		s.count[room]++
		who := room + " " + drafts[i].UserID
		s.lastTS[who] = max(drafts[i].TS, s.lastTS[who]+1)
		json := string(drafts[i].AppendJSON(nil, s.lastTS[who]))
		s.rooms[room] = append(s.rooms[room], codec.Entry{Seq: s.count[room], JSON: json})
		ev.Messages = append(ev.Messages, json)
	}
	ev.Total = s.count[room]
	stored, lost := codec.Stored{Position: s.position(room), Repeats: repeats}, s.loseAnswer
	s.taken[room+" "+batch] = stored
	hall := s.hall
	if s.deaf || !s.subscribed[room] || len(fresh) == 0 {
		hall = nil
	}
	s.mu.Unlock()
	if hall != nil {
		hall.RoomEvent(room, ev)
	}
	if lost {
		return codec.Stored{}, errAway
	}
	return stored, nil
}

func (s *fakeStore) Report(_ context.Context, _ string, reports []codec.Report) ([]codec.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.called("Report"); err != nil {
		return nil, err
	}
	out := make([]codec.Standing, len(reports))
	for i, r := range reports {
		s.reported[r.Room] = r.Online
		s.likes[r.Room] += r.Likes
		out[i] = codec.Standing{Position: s.position(r.Room), Counters: codec.Counters{Online: r.Online, Likes: s.likes[r.Room]}}
	}
	return out, nil
}

func (s *fakeStore) position(room string) codec.Position {
	if s.count[room] == 0 {
		return codec.Position{}
	}
	return codec.Position{Epoch: s.epoch, Seq: s.count[room], Total: s.count[room]}
}

func (s *fakeStore) Newest(_ context.Context, room string, limit int) (codec.History, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.called("Newest"); err != nil {
		return codec.History{}, err
	}
	all := s.rooms[room]
	return codec.History{Position: s.position(room), Entries: append([]codec.Entry(nil), all[max(0, len(all)-limit):]...)}, nil
}

func (s *fakeStore) Since(_ context.Context, room string, seq uint64, limit int) (codec.History, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.called("Since"); err != nil {
		return codec.History{}, err
	}
	h := codec.History{Position: s.position(room)}
	for _, e := range s.rooms[room] {
		if e.Seq > seq && len(h.Entries) < limit {
			h.Entries = append(h.Entries, e)
		}
	}
	return h, nil
}

func (s *fakeStore) SubscribeRoom(_ context.Context, room string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed[room] = true
	return s.called("SubscribeRoom")
}

func (s *fakeStore) UnsubscribeRoom(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.called("UnsubscribeRoom")
	delete(s.subscribed, room)
}

// recall takes a message out and tells the hall.
func (s *fakeStore) recall(room string, seq uint64) {
	s.mu.Lock()
	for i, e := range s.rooms[room] {
		if e.Seq == seq {
			s.rooms[room] = append(s.rooms[room][:i:i], s.rooms[room][i+1:]...)
			break
		}
	}
	ev := codec.Event{Kind: codec.EventRecall, Epoch: s.epoch, Seq: seq, Total: s.count[room]}
	s.mu.Unlock()
	s.hall.RoomEvent(room, ev)
}

// set changes the store under its lock.
func (s *fakeStore) set(change func(*fakeStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *fakeStore) callsOf(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

// fakeSocket takes what it is told to take.
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
	t     testing.TB
	store *fakeStore
	hall  *Hall
	clock *fakeClock
	logs  *bytes.Buffer
	now   time.Time
}

func newFixture(tb testing.TB, change func(*Config), hooks Hooks) *fixture {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Fanout.Lanes = 2
	if change != nil {
		change(&cfg)
	}
	f := &fixture{t: tb, store: newFakeStore(), logs: &bytes.Buffer{}, now: time.UnixMilli(1_648_368_380_132)}
	f.clock = &fakeClock{now: f.now}
	hooks.Clock = f.clock
	f.hall = newHall(cfg, hooks, f.store, slog.New(slog.NewTextHandler(f.logs, nil)))
	f.store.hall = f.hall
	return f
}

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
		r.serve()
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
	return len(q.items) - q.head
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

// infos are the bodies of messages.
func infos(tb testing.TB, texts []string) []string {
	tb.Helper()
	out := []string{}
	for _, s := range texts {
		m, err := codec.ParseMessage(s)
		if err != nil {
			tb.Fatalf("%q: %v", s, err)
		}
		out = append(out, m.Info)
	}
	return out
}

func wantInfos(tb testing.TB, m *member, want ...string) {
	tb.Helper()
	if got := infos(tb, m.texts(tb)); fmt.Sprint(got) != fmt.Sprint(want) {
		tb.Errorf("member got %v; want %v", got, want)
	}
}

var errAway = errors.New("store is away")
