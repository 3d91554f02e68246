package room

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

func instant(c *Config) { c.Instant = true }

// handedOver is how many rooms and parts wait for somebody else.
func (f *fixture) handedOver() (n int) {
	n = waiting(f.hall.publishers)
	for _, l := range f.hall.lanes {
		n += waiting(l.queue)
	}
	return n
}

// TestInPlace_MembersHaveItWhenPostReturns: a message of a small room is at its members when Post returns. Nothing is
// handed over, and nothing more is to be done.
func TestInPlace_MembersHaveItWhenPostReturns(t *testing.T) {
	f := newFixture(t, instant, Callbacks{})
	r := f.open("1")
	m, n := f.join(r), f.native(r)
	f.settle()
	f.post(r, "a")
	f.post(r, "b")
	if got := f.handedOver(); got != 0 {
		t.Errorf("%d turns were handed over; want none", got)
	}
	wantInfos(t, m, "a", "b")
	if got := len(n.frames(t)); got != 2 {
		t.Errorf("the native member has %d frames; want 2", got)
	}
	if !f.hall.Written() || !f.hall.quiet() {
		t.Error("the hall says that something is under way")
	}
}

// TestInPlace_HandsOver: work that is large, slow, or not all there is goes the long way, and comes to the same.
func TestInPlace_HandsOver(t *testing.T) {
	for what, of := range map[string]struct {
		change func(*Config)
		before func(*fixture, *Room)
	}{
		"a store that waits":        {change: func(*Config) {}},
		"a room that is not small":  {before: func(f *fixture, r *Room) { f.joinMany(r, smallRoom) }},
		"a room that lacks history": {before: func(f *fixture, _ *Room) { f.hall.Resumed() }},
		"a room that is served":     {before: func(_ *fixture, r *Room) { r.enqueueLocked() }},
	} {
		t.Run(what, func(t *testing.T) {
			if of.change == nil {
				of.change = instant
			}
			f := newFixture(t, of.change, Callbacks{})
			r := f.open("1")
			m := f.join(r)
			f.settle()
			if of.before != nil {
				of.before(f, r)
			}
			f.post(r, "a")
			wantInfos(t, m)
			if f.handedOver() == 0 {
				t.Error("nothing was handed over")
			}
			f.settle()
			wantInfos(t, m, "a")
			f.checkInvariants(r)
		})
	}
}

// TestInPlace_SendersAreChecked: where tokens count, or rooms are private, a message is checked on its way, and nothing
// is handed over for that. Where it cannot be checked it waits for the next Tick.
func TestInPlace_SendersAreChecked(t *testing.T) {
	var asked int
	var in bool
	var fails error
	f := newFixture(t, instant, Callbacks{Authorize: func(_ context.Context, from []Author) ([]bool, error) {
		asked++
		return slices.Repeat([]bool{in}, len(from)), fails
	}})
	r := f.open("1")
	m := f.join(r)
	f.settle()
	f.post(r, "of somebody who may not")
	in = true
	f.post(r, "a")
	wantInfos(t, m, "a")
	fails = errors.New("a store that fails")
	f.post(r, "b")
	wantInfos(t, m, "a")
	if got := f.handedOver(); asked != 3 || got != 0 {
		t.Errorf("%d batches were checked, and %d turns handed over; want 3 and none", asked, got)
	}
	fails = nil
	f.hall.Tick(f.now.Add(time.Second), 0)
	f.settle()
	wantInfos(t, m, "a", "b")
	f.checkInvariants(r)
}

// TestInPlace_NothingIsTimed: where no call of the store waits none has a timer, elsewhere each has one.
func TestInPlace_NothingIsTimed(t *testing.T) {
	for _, waits := range []bool{false, true} {
		f := newFixture(t, func(c *Config) { c.Instant = !waits }, Callbacks{})
		ctx, cancel := f.hall.storeCall()
		if _, timed := ctx.Deadline(); timed != waits {
			t.Errorf("a call that may wait: %v, timed: %v", waits, timed)
		}
		if cancel(); (ctx.Err() != nil) != waits {
			t.Errorf("a call that may wait: %v, after its end: %v", waits, ctx.Err())
		}
	}
}

// joinMany has n more members in the room.
func (f *fixture) joinMany(r *Room, n int) (all []*member) {
	f.t.Helper()
	for range n {
		all = append(all, f.join(r))
	}
	f.settle()
	return all
}

// TestInPlace_ALaneAtWorkIsNotOvertaken: a poster that finds the lane busy, or others waiting, leaves the part to it.
func TestInPlace_ALaneAtWorkIsNotOvertaken(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Instant, c.Fanout.Lanes = true, 1 }, Callbacks{})
	r, other := f.open("1"), f.open("2")
	m, o := f.join(r), f.join(other)
	f.settle()
	lane := f.hall.lanes[0]
	lane.mu.Lock()
	f.post(r, "a")
	lane.mu.Unlock()
	f.post(other, "b") // room 1 waits
	wantInfos(t, m)
	wantInfos(t, o)
	f.settle()
	wantInfos(t, m, "a")
	wantInfos(t, o, "b")
	f.post(r, "c")
	wantInfos(t, m, "a", "c")
}

// TestInPlace_WhoComesAndGoesWakesNoLane, unless it has other work, in this room or elsewhere.
func TestInPlace_WhoComesAndGoesWakesNoLane(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.Lanes = 1 }, Callbacks{})
	r := f.open("1")
	lane := f.hall.lanes[0]
	want := func(what string, waits bool, members int) {
		t.Helper()
		if p := r.streams[FastIM].parts[0]; waits == f.hall.Written() || waits == lane.queue.empty() || len(p.members) != members {
			t.Errorf("%s: the lane has been left work %v, the part has %d members; want %v, %d", what, !f.hall.Written(), len(p.members), waits, members)
		}
	}
	m, n := f.join(r), f.join(r)
	want("two have come", false, 2)
	r.Leave(&m.Member)
	want("one has gone", false, 1)
	lane.mu.Lock()
	o := f.join(r)
	want("one comes while the lane is at work", true, 1)
	lane.mu.Unlock()
	f.settle()
	want("the lane has had its turn", false, 2)
	f.post(r, "a")
	published, _ := f.hall.publishers.pop()
	published.serve(nil)
	r.Leave(&o.Member)
	want("one goes while a message waits for the lane", true, 2)
	f.settle()
	want("the lane has had its turn", false, 1)
	wantInfos(t, n, "a")
	wantInfos(t, o)
}

// hurried is an author whose messages come in on a poller.
type hurried struct {
	named
	stretch *Stretch
}

func (h hurried) Stretch() *Stretch { return h.stretch }

// ticking is a socket whose write takes time.
type ticking struct {
	clock *fakeClock
	took  time.Duration
	sends int
}

func (s *ticking) Send(p []byte) (int, bool) {
	s.clock.add(s.took)
	s.sends++
	return len(p), false
}

// TestInPlace_APollerHasOthersToServe: a poller writes for a millisecond, then hands over until it has had a pause.
// Others have no end.
func TestInPlace_APollerHasOthersToServe(t *testing.T) {
	f := newFixture(t, instant, Callbacks{})
	var rooms []*Room
	s := &ticking{clock: f.clock, took: 10 * time.Microsecond}
	for i := range 200 {
		r := f.open(fmt.Sprint(i))
		for range 10 {
			m := new(Member)
			r.Enter(m, s)
			r.Attach(m)
		}
		rooms = append(rooms, r)
	}
	f.settle()
	say := func(from Author) (inPlace int) {
		before := s.sends
		for _, r := range rooms {
			if err := r.Post(from, "u", "x", f.clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		return (s.sends - before) / 10
	}
	poller := hurried{"u", new(Stretch)}
	if got := say(poller); got != 10 {
		t.Errorf("%d rooms were served in place, 0.1 ms each; want 10", got)
	}
	f.settle()
	f.clock.add(stretchPause + 1)
	if got := say(poller); got != 10 {
		t.Errorf("after a pause %d; want 10", got)
	}
	f.settle()
	if got := say(nil); got != len(rooms) {
		t.Errorf("a goroutine that nobody waits for served %d; want %d", got, len(rooms))
	}
	if s.sends != 3*10*len(rooms) {
		t.Errorf("%d writes; want %d", s.sends, 3*10*len(rooms))
	}
}

// TestInPlace_AFloodIsHandedOver: messages that a poller reads at once of one room are stored in batches once it has
// written for a millisecond. One by one they would take others' time, four times as much.
func TestInPlace_AFloodIsHandedOver(t *testing.T) {
	f := newFixture(t, instant, Callbacks{})
	r := f.open("1")
	s := &ticking{clock: f.clock, took: 10 * time.Microsecond}
	m := new(Member)
	r.Enter(m, s)
	r.Attach(m)
	f.settle()
	poller := hurried{"u", new(Stretch)}
	const flood, most = 1000, int(longestStretch / (10 * time.Microsecond))
	for range flood {
		f.clock.add(time.Microsecond)
		if err := r.Post(poller, "u", "x", f.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if r.outbox.size() == BatchMessages {
			f.settle()
		}
	}
	if got := f.store.callsOf("Publish"); got > most+flood/BatchMessages {
		t.Errorf("%d messages came to the store in %d calls; want one a message for a millisecond, %d, and then batches", flood, got, most)
	}
}

// TestInPlace_ABugEndsTheNode: a goroutine that posts cannot go on with a room that nobody serves any more. The test
// runs once more, as a child.
func TestInPlace_ABugEndsTheNode(t *testing.T) {
	const child = "BARRAGE_TEST_BUG"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestInPlace_ABugEndsTheNode$")
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		if _, ended := errors.AsType[*exec.ExitError](err); !ended || !strings.Contains(string(out), "panic: a bug of the store, in place:") {
			t.Errorf("%v; want the end of the process, by the bug:\n%.2000s", err, out)
		}
		return
	}
	f := newFixture(t, instant, Callbacks{})
	r := f.open("1")
	f.join(r)
	f.settle()
	f.store.onPublish = func(chat.Batch) { panic("a bug of the store") }
	defer func() { _ = recover() }() // as a poller does, and net/http
	f.post(r, "a")
}

// TestStretch_EndsWithAPause: work that comes in and is handed over is no pause.
func TestStretch_EndsWithAPause(t *testing.T) {
	var s Stretch
	now := time.Second
	for took := time.Duration(0); took < 3*longestStretch; took += stretchPause / 2 {
		if got, want := s.lasts(now+took), took < longestStretch; got != want {
			t.Fatalf("after %v it lasts: %v; want %v", took, got, want)
		}
	}
	if !s.lasts(now + 3*longestStretch + 2*stretchPause) {
		t.Error("it does not begin anew after a pause")
	}
}

// TestInPlace_OutcomesComeFirst: the sender is notified before the members are written to, as ever.
func TestInPlace_OutcomesComeFirst(t *testing.T) {
	f := newFixture(t, instant, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.settle()
	told := false
	from := teller(func(a Outcome) {
		told = true
		if a.Seq != 1 || len(m.texts(t)) != 0 {
			t.Errorf("outcome %+v, and the member has %d messages", a, len(m.texts(t)))
		}
	})
	if err := r.PostNative(from, "u", &codec.Op{ID: "1", Body: "x"}, f.now); err != nil || !told {
		t.Errorf("told %v, error %v", told, err)
	}
	wantInfos(t, m, "x")
}
