package room

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"barrage/internal/chat"
)

// checkInvariants holds a room at rest against what its fields promise.
func (f *fixture) checkInvariants(r *Room) {
	f.t.Helper()
	total := 0
	st := r.streams[FastIM]
	if st == nil {
		return
	}
	for _, p := range st.parts {
		if p == nil {
			continue
		}
		total += p.size
		if len(p.members) > p.size {
			f.t.Fatalf("part has %d members attached of %d entered", len(p.members), p.size)
		}
		if p.pos != 0 || len(p.mail) != 0 || p.queued {
			f.t.Fatalf("part at rest has pos %d, %d mail, queued %v", p.pos, len(p.mail), p.queued)
		}
		for i, m := range p.members {
			if int(m.index) != i || m.part != p {
				f.t.Fatalf("member at %d says index %d", i, m.index)
			}
			if head := st.log.headNow(); m.cursor != head && !m.full {
				f.t.Fatalf("member at rest stands at %+v, head %+v, and is not full", m.cursor, head)
			}
		}
	}
	if total != r.members {
		f.t.Fatalf("parts have %d members, the room %d", total, r.members)
	}
	held := 0
	for _, s := range st.log.segs {
		held += cap(s.buf)
	}
	if all := f.hall.Stats().LogBytes; held != st.log.bytes || int64(held) != all {
		f.t.Fatalf("log holds %d bytes, says %d, and %d in all rooms; there is one room", held, st.log.bytes, all)
	}
}

// TestRoom_AgreesWithAnObviousTwin does random things to a room and to an obvious twin. Every member must get exactly
// the messages after its welcome, in order. It may lack only whole runs that were skipped while its socket was full,
// and those must be counted.
func TestRoom_AgreesWithAnObviousTwin(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			single, volleyed := runModel(t, seed, noWriters), runModel(t, seed, eachWriters(t))
			if !slices.EqualFunc(single, volleyed, bytes.Equal) {
				t.Error("members got something else by volleys than by single writes")
			}
		})
	}
}

// runModel returns what each member who stayed got.
func runModel(t *testing.T, seed uint64, writers func(int) []VolleyWriter) (got [][]byte) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 7))
	f := newFixture(t, func(c *Config) {
		c.Fanout.LogBytes, c.Fanout.WriteBytes, c.Instant = 64<<10, 4<<10, seed%2 == 1
	}, Callbacks{NewVolleyWriters: writers})
	r := f.open("1")
	var here []*member
	posted, offered := uint64(0), uint64(0)
	for range 1000 {
		switch k := rnd.IntN(100); {
		case k < 30:
			for range rnd.IntN(6) {
				f.post(r, fmt.Sprintf("%d %0*d", posted, rnd.IntN(600), 0))
				posted++
				f.deliverAll()
				offered += uint64(len(here))
			}
		case k < 55:
			m := f.join(r)
			m.at = posted
			here = append(here, m)
		case k < 62 && len(here) > 0:
			i := rnd.IntN(len(here))
			here[i].shut = true
			r.Leave(&here[i].Member)
			here = append(here[:i], here[i+1:]...)
		case k < 72 && len(here) > 0:
			here[rnd.IntN(len(here))].stall(rnd.IntN(2000))
		case k < 82 && len(here) > 0:
			m := here[rnd.IntN(len(here))]
			m.stall(-1)
			r.Drained(&m.Member)
		case k < 95:
			f.step()
		default:
			f.settle()
			f.checkInvariants(r)
		}
	}
	for _, m := range here {
		m.stall(-1)
		r.Drained(&m.Member)
	}
	f.settle()
	f.checkInvariants(r)
	numbers := map[string]uint64{} // of messages: members got the same ones
	for _, m := range here {
		m.checkOrder(t, posted, numbers)
		got = append(got, m.got)
	}
	one := f.hall.Largest(10, "members", "")[0]
	if s := f.hall.Stats(); one.Offered != s.Offered || one.Sent != s.Sent || one.Skipped != s.Skipped || one.Left != s.Left || one.Members != len(here) {
		t.Errorf("the only room's account %+v is not the hall's %+v", one, s)
	}
	if s := f.hall.Stats(); s.Offered != offered || s.Sent+s.Skipped+s.Left != offered {
		t.Errorf("%d offered, %d sent + %d skipped + %d left; want %d copies in all", s.Offered, s.Sent, s.Skipped, s.Left, offered)
	}
	return got
}

// deliverAll lets the publishers do their work, not the lanes.
func (f *fixture) deliverAll() {
	for waiting(f.hall.publishers) > 0 {
		r, _ := f.hall.publishers.pop()
		r.serve(nil)
	}
}

func (m *member) stall(room int) {
	m.mu.Lock()
	m.room = room
	m.mu.Unlock()
}

// checkOrder: the messages are an increasing run from the member's first to the
// last one posted. numbers are those that are known, by message.
func (m *member) checkOrder(t *testing.T, posted uint64, numbers map[string]uint64) {
	t.Helper()
	next := m.at
	for _, text := range m.texts(t) {
		n, known := numbers[text]
		if !known {
			if _, err := fmt.Sscan(parsed(t, text).Info, &n); err != nil {
				t.Fatal(err)
			}
			numbers[text] = n
		}
		if n < next || n >= posted {
			t.Fatalf("message %d came where %d or later, below %d, was due", n, next, posted)
		}
		next = n + 1
	}
}

// realClock is the real time.
type realClock struct{}

func (realClock) Now() time.Time                      { return time.Now() }
func (realClock) AfterFunc(d time.Duration, f func()) { time.AfterFunc(d, f) }

// TestHall_ConcurrentUseLosesNothing is written to be raced: real lanes and publishers, many rooms,
// members that join, post, stall and leave at once.
func TestHall_ConcurrentUseLosesNothing(t *testing.T) {
	for _, instant := range []bool{false, true} {
		t.Run(fmt.Sprint("instant=", instant), func(t *testing.T) { runConcurrent(t, instant) })
	}
}

func runConcurrent(t *testing.T, instant bool) {
	t.Helper()
	const clients, rounds, perRound = 16, 30, 5
	store := newFakeStore()
	cfg := DefaultConfig()
	cfg.Fanout.Lanes, cfg.Publishers, cfg.Instant = 3, 4, instant
	h := New(cfg, Callbacks{Clock: realClock{}}, store, slog.New(slog.DiscardHandler))
	defer h.Close()
	store.set(func(s *fakeStore) { s.hall = h })
	stays, err := h.Open(t.Context(), "0")
	if err != nil {
		t.Fatal(err)
	}
	witness := &member{fakeSocket: fakeSocket{room: -1}}
	stays.Enter(&witness.Member, &witness.fakeSocket)
	stays.Attach(&witness.Member)

	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range rounds {
				r, err := h.Open(t.Context(), fmt.Sprint(i%3))
				if err != nil {
					t.Error(err)
					return
				}
				m := &member{fakeSocket: fakeSocket{room: -1}}
				r.Enter(&m.Member, &m.fakeSocket)
				r.Attach(&m.Member)
				for k := range perRound {
					if err := r.Post(nil, fmt.Sprint("u", c), fmt.Sprint(c, " ", i*perRound+k), time.Now()); err != nil {
						t.Error(err)
					}
				}
				r.Drained(&m.Member)
				h.Tick(time.Now(), 0)
				m.mu.Lock()
				m.shut = true
				m.mu.Unlock()
				r.Leave(&m.Member)
				r.Release()
			}
		})
	}
	wg.Wait()
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.Stats(); s.Accepted != clients*rounds*perRound || s.RefusedBusy+s.RefusedStore+s.Missed+s.Skipped != 0 || s.Sent+s.Left != s.Offered {
		t.Errorf("Stats() = %+v; want %d accepted and none lost", s, clients*rounds*perRound)
	}
	last := map[string]int{}
	got := infos(t, witness.texts(t))
	for _, info := range got {
		var c, n int
		if _, err := fmt.Sscan(info, &c, &n); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint(c)
		if prev, ok := last[key]; ok && n <= prev {
			t.Errorf("client %d: message %d came after %d", c, n, prev)
		}
		last[key] = n
	}
	if want := clients * rounds / 3 * perRound; len(got) != want {
		t.Errorf("the member that stayed got %d messages; want %d", len(got), want)
	}
}

func TestHall_SplitsLargeRoomsOverLanes(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 4 }, Callbacks{})
	r := f.open("1")
	for range splitSize {
		f.join(r)
	}
	f.settle()
	used := 0
	for _, p := range r.streams[FastIM].parts {
		if p != nil {
			used++
		}
	}
	if used != 1 {
		t.Errorf("a room of %d members stands on %d lanes; want 1", splitSize, used)
	}
	for range 9 * splitSize {
		f.join(r)
	}
	f.post(r, "hi")
	f.settle()
	f.checkInvariants(r)
	least, most := r.members, 0
	for _, p := range r.streams[FastIM].parts {
		least, most = min(least, p.size), max(most, p.size)
	}
	if most-least > 1 {
		t.Errorf("parts of a large room have %d to %d members; want even shares", least, most)
	}
	if s := f.hall.Stats(); s.Sent != 10*splitSize {
		t.Errorf("%d copies sent; want %d", s.Sent, 10*splitSize)
	}
}

// TestLane_SmallRoomIsNotStarved: a message in a small room goes out within one write
// budget of the huge room on the same lane.
func TestLane_SmallRoomIsNotStarved(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{})
	huge, small := f.open("huge"), f.open("small")
	for range 100 * sweepBudget {
		f.join(huge)
	}
	m := f.join(small)
	f.settle()
	f.post(huge, "storm")
	f.deliverAll()
	f.step() // the lane is in the middle of the huge room
	f.post(small, "hi")
	f.deliverAll()
	before := f.hall.Stats().Writes
	for len(m.texts(t)) == 0 {
		f.step()
	}
	if between := f.hall.Stats().Writes - before; between > sweepBudget+1 {
		t.Errorf("%d writes went before the small room's; want at most one budget of %d", between-1, sweepBudget)
	}
}

// slowSocket takes everything, 7 µs a write.
type slowSocket struct{ clock *fakeClock }

func (s slowSocket) Send(p []byte) (int, bool) {
	s.clock.add(7 * time.Microsecond)
	return len(p), false
}

// TestLane_RestsForAShareOfTheSweep: a small room goes out at once, always; a large one
// gathers for half of what its sweep took, at most the interval.
func TestLane_RestsForAShareOfTheSweep(t *testing.T) {
	rest := func(members int) (rests []time.Duration) {
		f := newFixture(t, func(c *Config) { c.Fanout.Lanes, c.Fanout.Interval = 1, 20*time.Millisecond }, Callbacks{})
		r := f.open("1")
		all := make([]Member, members)
		for i := range all {
			r.Enter(&all[i], slowSocket{f.clock})
			r.Attach(&all[i])
		}
		for f.work() {
		}
		f.post(r, "first")
		for f.work() {
		}
		f.post(r, "second") // comes while the room rests, if it does
		f.post(r, "third")
		for f.work() {
		}
		before := f.hall.Stats().Writes
		f.settle()
		if s := f.hall.Stats(); s.Sent != 3*uint64(members) {
			t.Errorf("%d members: %d copies sent; want %d", members, s.Sent, 3*members)
		}
		if waited := f.hall.Stats().Writes - before; len(f.clock.rests) > 0 && waited != uint64(members) {
			t.Errorf("%d members: %d writes after the rest; want one a member for both messages", members, waited)
		}
		return f.clock.rests
	}
	if got := rest(50); len(got) != 0 {
		t.Errorf("a room of 50 rested %v; want never", got)
	}
	if got := rest(1000); len(got) != 2 || got[0] != 3500*time.Microsecond {
		t.Errorf("a room of 1,000 rested %v; want 3.5ms after each of 2 sweeps", got)
	}
	if got := rest(20_000); len(got) != 2 || got[0] != 20*time.Millisecond {
		t.Errorf("a room of 20,000 rested %v; want the interval of 20ms after each of 2 sweeps", got)
	}
}

func BenchmarkRoom_Post(b *testing.B) {
	f := newFixture(b, nil, Callbacks{})
	r := f.open("1")
	f.join(r)
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Post(nil, "3", "hello, 弹幕", f.now)
		f.settle()
	}
}

// most is another size of BenchmarkLane_Sweep: ten million members take 1 GiB.
var most = flag.Int("most", 0, "members of one more room of BenchmarkLane_Sweep")

// BenchmarkLane_Sweep is the cost of a sweep per member without the kernel's part. It also measures what a member takes
// of the heap, and what it costs to come in.
func BenchmarkLane_Sweep(b *testing.B) {
	for _, members := range []int{1_000, 100_000, 1_000_000, *most} {
		if members == 0 {
			continue
		}
		b.Run(fmt.Sprint("members=", members), func(b *testing.B) {
			f := newFixture(b, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{})
			r := f.open("1")
			empty := heap()
			all := make([]Member, members)
			began := time.Now()
			for i := range all {
				r.Enter(&all[i], nullSocket{})
				r.Attach(&all[i])
			}
			entered := time.Since(began)
			lane := f.hall.lanes[0]
			sweep := func() {
				for waiting(lane.queue) > 0 {
					p, _ := lane.queue.pop()
					lane.visit(p)
					lane.pending.Add(-1)
				}
			}
			sweep()
			each := float64(heap()-empty) / float64(members)
			e := []chat.Entry{{Seq: 1, JSON: `{"groupId":"1","userId":"3","info":"hello","ts":1648368380132}`}}
			b.ReportAllocs()
			for b.Loop() {
				r.mu.Lock()
				r.fanOutLocked(e)
				r.mu.Unlock()
				sweep()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(members), "ns/member")
			b.ReportMetric(float64(entered.Nanoseconds())/float64(members), "ns/enter")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(each, "B/member")
			b.ReportMetric(float64(after.PauseTotalNs-before.PauseTotalNs), "gc-pause-ns")
			runtime.KeepAlive(all)
		})
	}
}

// heap is what is in use of it after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type nullSocket struct{}

func (nullSocket) Send(p []byte) (int, bool) { return len(p), false }
