package room

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file tests what a sceptic found: stories in which members lacked something, or were sent what was not so.

// smallLogs have a member that does not read skip after some 8 messages of 1 kB.
func smallLogs(c *Config) { c.Fanout.LogBytes, c.Fanout.WriteBytes = 8<<10, 4<<10 }

// catchesUp has a member read again that had stopped, and one more message come.
func (f *fixture) catchesUp(r *Room, m *member) {
	f.t.Helper()
	m.stall(-1)
	r.Drained(&m.Member)
	f.settle()
	f.post(r, "last")
	f.settle()
}

// wantAllNamed: the only member, a native one, received all that was offered to it, or it is named in a gap.
func (f *fixture) wantAllNamed(m *member) {
	f.t.Helper()
	got, named := 0, uint64(0)
	for _, fr := range m.frames(f.t) {
		got += len(fr.Messages)
		if fr.T == "gap" {
			named += fr.To - fr.From + 1
		}
	}
	if s := f.hall.Stats(); uint64(got)+named < s.Offered {
		f.t.Errorf("of %d messages the member got %d, %d are named in gaps", s.Offered, got, named)
	}
}

// blindInASecondLife is a native member that came in while the store was away, into a room whose first 50 messages
// have expired.
func blindInASecondLife(t *testing.T) (*fixture, *Room, *member) {
	t.Helper()
	f := newFixture(t, nil, Callbacks{})
	for range 50 {
		f.publishFrom("1", "u", "days ago")
	}
	f.store.lose(keyList) // expired
	f.tick(time.Second)
	f.now = f.clock.Now()
	f.store.away()
	f.hall.Away(errAway)
	r := f.open("1")
	return f, r, f.native(r)
}

// A slow native member whose skip spans a change of epoch.
func TestExact_SlowMemberSkipsOverAnEpoch(t *testing.T) {
	f := newFixture(t, smallLogs, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.settle()
	for i := range 5 {
		f.post(r, fmt.Sprint("first", i))
		f.settle()
	}
	m.stall(0)
	for i := range 10 {
		f.post(r, fmt.Sprint("a", i, strings.Repeat("x", 1000)))
		f.settle()
	}
	f.store.goBack(12) // loses 3
	for i := range 40 {
		f.post(r, fmt.Sprint("b", i, strings.Repeat("x", 1000)))
		f.settle()
	}
	f.catchesUp(r, m)
	f.wantAllNamed(m)
}

// Blind members in a room whose earlier life has expired.
func TestExact_BlindMembersSeeNoFalseGap(t *testing.T) {
	f, _, m := blindInASecondLife(t)
	f.publishFrom("1", "u", "m1")
	f.back()
	f.settle()
	wantFrames(t, m, "epoch e1/50", "51:m1@e1/51")
}

// The same where the room is blind and receives only its own messages.
func TestExact_OwnMessagesMakeNoFalseGap(t *testing.T) {
	f, r, m := blindInASecondLife(t)
	f.post(r, "mine")
	f.settle()
	f.back()
	f.settle()
	for _, fr := range m.frames(t) {
		if fr.T == "gap" {
			t.Errorf("false gap %s", fr.brief())
		}
	}
}

// The log of recalls is lost, another node loads the room, a client resumes.
func TestExact_RecoveredThoughRecallNotTold(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	for i := range 10 {
		f.post(r, fmt.Sprint("m", i+1))
	}
	f.settle()
	since := f.since(10)
	f.store.recall("1", 5)
	f.settle()
	f.store.lose(keyRecalls)
	fresh := newFixture(t, nil, Callbacks{})
	fresh.store.cloud = f.store.cloud
	_, a := fresh.joinNative(fresh.open("1"), since, chat.History{})
	if a.Recovered && len(a.Recalled) == 0 {
		t.Error("recovered, and not told that message 5 was taken back")
	}
}

// Hundreds of recalls, then the store goes back behind all of them.
func TestExact_ManyLostRecallsAreMadeAgain(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 500 }, Callbacks{})
	r := f.open("1")
	for i := range 300 {
		f.post(r, fmt.Sprint("m", i+1))
	}
	f.settle()
	f.join(r)
	for i := range 300 {
		f.store.recall("1", uint64(i+1))
	}
	f.settle()
	f.store.set(func(s *fakeStore) {
		// back to the last state with 300 messages, none recalled
		rm := s.room("1")
		for i := range slices.Backward(rm.past) {
			if rm.past[i].Seq == 300 && len(rm.past[i].recalls) == 0 {
				past := rm.past
				*rm = *past[i].clone()
				rm.past = past
				return
			}
		}
		t.Fatal("no such state")
	})
	f.hall.Resumed()
	f.settle()
	f.settle()
	if shown := len(f.store.stored()); shown > 0 {
		t.Errorf("%d recalls are lost", shown)
	}
}

func (r *Room) welcomeText() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.welcomeLocked())
}

// Slow member skips local messages only.
func TestExact_SlowMemberSkipsLocal(t *testing.T) {
	f := newFixture(t, smallLogs, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.post(r, "first")
	f.settle()
	m.stall(0)
	f.post(r, "second"+strings.Repeat("x", 3000))
	f.settle()
	f.store.away()
	f.hall.Away(errAway)
	for i := range 20 {
		f.post(r, fmt.Sprint("l", i, strings.Repeat("x", 1000)))
		f.settle()
	}
	f.back()
	f.settle()
	f.catchesUp(r, m)
	f.wantAllNamed(m)
}

// The skip lies in the new epoch wholly, the epoch frame was skipped with it.
func TestExact_SlowMemberIsNotToldTheEpoch(t *testing.T) {
	f := newFixture(t, smallLogs, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	for i := range 9 {
		f.post(r, fmt.Sprint("a", i))
		f.settle()
	}
	m.stall(0)
	f.post(r, "stuck")
	f.settle()
	f.store.goBack(5)
	for i := range 40 {
		f.post(r, fmt.Sprint("b", i, strings.Repeat("x", 1000)))
		f.settle()
	}
	f.catchesUp(r, m)
	epoch := ""
	for _, fr := range m.frames(t) {
		if fr.T == "batch" || fr.T == "epoch" {
			epoch = fr.Epoch
		}
		if fr.T == "gap" && epoch != "e2" {
			t.Errorf("%s counts in e2, the member stands in %s and was not told", fr.brief(), epoch)
		}
	}
}

// Gone back and overtaken under one epoch, and the message under our number was taken back meanwhile.
func TestExact_TombstoneRecallsNoOvertakenMessage(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 50 }, Callbacks{})
	r := f.open("1")
	m, n := f.join(r), f.native(r)
	for i := range 8 {
		f.post(r, fmt.Sprint("a", i+1))
		f.settle()
	}
	f.store.goBack(5) // a6, a7, a8 are lost
	f.store.deafen()  // the link of this node is away
	for i := range 100 {
		f.publishFrom("1", "v", fmt.Sprint("b", i+1)) // 6 to 105, over another node
		if i == 2 {
			_, _ = f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 8 })
		}
	}
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	f.post(r, "after")
	f.settle()
	got := infos(t, m.texts(t))
	want := 8 + 99 + 1 // but b3
	if len(got) != want {
		t.Errorf("a FastIM member got %d messages; want %d: b1 and b2 too", len(got), want)
	}
	for _, fr := range n.frames(t) {
		if fr.T == "recalled" && fr.By == "u" {
			t.Errorf("%s: nobody took a8 back", fr.brief())
		}
	}
}

// Taken back, lost with its recall, and stored again by the node that had no answer: it stands in welcome and history.
func TestExact_RecalledComesBackByEvent(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Node = "n1" }, Callbacks{})
	r := f.open("1")
	f.join(r)
	g := newFixture(t, func(c *Config) { c.Node = "n2" }, Callbacks{})
	g.store = f.store.node()
	g.hall.store, g.store.hall = g.store, g.hall
	q := g.open("1")
	g.join(q)
	f.post(r, "a")
	f.settle()
	g.settle()
	f.store.loseAnswers()
	f.store.deafen()
	if err := r.PostNative(nil, "u", &codec.Op{ID: "X", Body: "taken back"}, f.now); err != nil {
		t.Fatal(err)
	}
	f.settle()
	g.settle()
	g.store.recall("1", 2) // answered
	g.settle()
	f.store.goBack(1) // failover to a replica without X and its recall
	g.hall.Resumed()
	g.settle()
	f.store.answers()
	f.store.hear()
	f.back()
	for range 4 {
		f.tick(time.Second)
		g.tick(time.Second)
		f.settle()
		g.settle()
	}
	for range 3 {
		f.tick(driftAfter*time.Second + chat.ReportEvery)
		g.tick(driftAfter*time.Second + chat.ReportEvery)
		f.hall.Report(t.Context())
		g.hall.Report(t.Context())
		f.settle()
		g.settle()
	}
	for _, e := range g.store.stored() {
		if strings.Contains(e.JSON, "taken back") {
			t.Errorf("the history has what was taken back: %s", e.JSON)
		}
	}
	if w := q.welcomeText(); strings.Contains(w, "taken back") {
		t.Errorf("welcome on the node that took it back: %s", w)
	}
	if w := r.welcomeText(); strings.Contains(w, "taken back") {
		t.Errorf("welcome on the node of its sender: %s", w)
	}
}

// Members wait in a room that never had a message; its node misses the events of the first 200 messages.
func TestExact_EmptyRoomMissesTheBeginning(t *testing.T) {
	f := newFixture(t, nil, Callbacks{}) // on_join 50
	r := f.open("1")
	m, n := f.join(r), f.native(r)
	f.store.deafen()
	for i := range 200 {
		f.publishFrom("1", "v", fmt.Sprint("b", i+1))
	}
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	if got := len(infos(t, m.texts(t))); got != 200 {
		t.Errorf("a FastIM member got %d of 200 messages, all of which stand in the history", got)
	}
	if fr := n.frames(t); fr[0].T != "batch" || fr[0].Seq != 1 {
		t.Errorf("the first frame of a native member is %s; want a batch from 1", fr[0].brief()[:min(50, len(fr[0].brief()))])
	}
}

// The store takes messages, publishes them late, and has lost them by then. A member that was there has them all the
// same, those of this node and of others, under no number of the new count.
func TestExact_LostBeforeItWasToldIsShownAllTheSame(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Node = "n" }, Callbacks{})
	r := f.open("1")
	m, n := f.join(r), f.native(r)
	f.post(r, "before")
	f.settle()
	f.store.dawdle()
	f.publishFrom("1", "u", "theirs")
	f.post(r, "mine")
	f.settle()
	f.store.wipe()
	f.publishFrom("1", "u", "after")
	f.hall.Resumed() // the history is read first
	f.settle()
	f.store.hurry()
	f.settle()
	if got := infos(t, m.texts(t)); !slices.Equal(got, []string{"before", "mine", "after", "theirs"}) {
		t.Errorf("the member had %v; want before, mine, after, theirs", got)
	}
	wantFrames(t, n, "1:before@e1/1", "epoch l-n-0/0", "1:mine@l-n-0/1", "epoch e2/0", "1:after@e2/1",
		"epoch l-n-0/1", "2:theirs@l-n-0/2", "epoch e2/1")
	if got := string(r.Enter(new(Member), &fakeSocket{})); !strings.Contains(got, "after") || strings.Contains(got, "mine") {
		t.Errorf("newcomers are given %s; want only what the store has", got)
	}
}

// The answer to a batch is lost, and the list of the room too, before it is tried again.
func TestExact_LostBeforeItWasTriedAgainIsShownOnce(t *testing.T) {
	for _, key := range []int{keyList, keyMeta} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.store.deafen()
		f.store.loseAnswers()
		f.sayHere(r, nil, "u", "mine")
		f.settle()
		f.store.lose(keyList)
		f.store.lose(key)
		f.store.answers()
		f.store.hear()
		f.tick(time.Second)
		f.settle()
		f.hall.Resumed()
		f.settle()
		if got := infos(t, m.texts(t)); !slices.Equal(got, []string{"umine"}) {
			t.Errorf("key %d: the member had %v; want mine", key, got)
		}
	}
}

// TestExact_ResumeLeavesOutWhatIsOnItsWay: the history that was read is farther than the room. A message that comes
// by itself is not in the welcome as well.
func TestExact_ResumeLeavesOutWhatIsOnItsWay(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 3 }, Callbacks{})
	r := f.open("1")
	for i := 1; i <= 6; i++ {
		f.post(r, fmt.Sprint("m", i))
	}
	f.settle()
	since := f.since(1)
	r.newest.entries = r.newest.entries[3:]
	if !r.Lacks(since) {
		t.Fatal("the room has it all: the test shows nothing")
	}
	f.store.dawdle()
	f.publishFrom("1", "u", "m7")
	read, _ := f.store.Since(t.Context(), "1", since.Seq-1, MaxResume+1)
	m, a := f.joinNative(r, since, read)
	f.store.hurry()
	f.settle()
	if n := len(a.Messages); !a.Recovered || a.Seq != 6 || n != 5 || a.Messages[n-1].Seq != 6 {
		t.Errorf("recovered %v at %d with %v; want 2 to 6", a.Recovered, a.Seq, a.Messages)
	}
	wantFrames(t, m, "7:m7@e1/7")
}

// TestExact_ReadsOnToWhatAMemberHas: a room reads of the message that a member comes back with. A read under way may
// have begun before that message. A room that is far behind does not, nor for a message that the store has not.
func TestExact_ReadsOnToWhatAMemberHas(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.post(r, "m1")
	f.settle()
	m := f.native(r)
	epoch := f.since(1).Epoch
	comesBack := func(seq uint64, wrong int64, want bool) {
		t.Helper()
		read, _ := f.store.Since(t.Context(), "1", seq-1, MaxResume+1)
		since := Since{Epoch: epoch, Seq: seq, TS: codec.Timestamp(read.Entries[0].JSON) + wrong}
		if got := r.IsBehind(since) && r.ReadOn(since, read); got != want {
			t.Errorf("back with %d: reads on %v; want %v", seq, got, want)
		}
	}
	f.publishUnheard("m2")
	comesBack(2, 1, false)
	comesBack(2, 0, true)
	f.store.meanwhile(func() {
		f.publishUnheard("m3")
		comesBack(3, 0, true)
	})
	f.settle()
	wantFrames(t, m, "2:m2,3:m3@e1/2")
	comesBack(3, 0, false)

	for i := range MaxResume + 1 {
		f.publishUnheard(fmt.Sprint("far ", i))
	}
	comesBack(4, 0, false)
}

// TestExact_RecalledWhileTheHistoryWasReadIsNotInTheWelcome: from the answer to a recall on nobody is given the
// message.
func TestExact_RecalledWhileTheHistoryWasReadIsNotInTheWelcome(t *testing.T) {
	for gone := uint64(1); gone <= 3; gone++ { // the place itself, the next message, another one
		f := newFixture(t, func(c *Config) { c.OnJoin = 3 }, Callbacks{})
		r := f.open("1")
		for i := 1; i <= 8; i++ {
			f.post(r, fmt.Sprint("m", i))
		}
		f.settle()
		since := f.since(1)
		r.newest.entries = r.newest.entries[len(r.newest.entries)-2:]
		if !r.Lacks(since) {
			t.Fatal("the room has it all: the test shows nothing")
		}
		read, _ := f.store.Since(t.Context(), "1", since.Seq-1, MaxResume+1)
		f.store.recall("1", gone)
		_, a := f.joinNative(r, since, read)
		for _, e := range a.Messages {
			if e.Seq == gone {
				t.Errorf("message %d was taken back and is in the welcome", gone)
			}
		}
		if !a.Recovered || len(a.Recalled) != 1 {
			t.Errorf("message %d taken back: recovered %v, %d recalls", gone, a.Recovered, len(a.Recalled))
		}
	}
}
