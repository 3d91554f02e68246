package room

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file tests hot rooms, in which more comes than seen remembers or a read brings, and late events: a second
// sceptic's stories.

// hot has another node store batches of 100, ten a second. It returns the events.
func (f *fixture) hot(batches int) (events []chat.Event) {
	f.t.Helper()
	for range batches {
		f.others++
		f.now = f.now.Add(100 * time.Millisecond)
		f.clock.add(100 * time.Millisecond)
		drafts := make([]chat.Draft, 100)
		for i := range drafts {
			drafts[i] = codec.NewDraft("1", fmt.Sprint("w", i), fmt.Sprint("x", f.others, ".", i), f.now.UnixMilli())
			drafts[i].SetMadeID(fmt.Sprint("~z", f.others, ".", i))
		}
		events = append(events, f.publishElsewhere(drafts...))
		f.settle()
	}
	return events
}

// publishElsewhere has another node store messages. It returns their event.
func (f *fixture) publishElsewhere(drafts ...chat.Draft) chat.Event {
	f.t.Helper()
	f.others++
	stored, err := f.other.Publish(f.t.Context(), "1", chat.Batch{ID: fmt.Sprint("other.", f.others), Drafts: drafts})
	if err != nil {
		f.t.Fatal(err)
	}
	return stored.Event
}

// old has another node store n messages, old0 and so on, a second apart.
func (f *fixture) old(n int) {
	f.t.Helper()
	for i := range n {
		f.tick(time.Second)
		f.now = f.clock.Now()
		f.publishFrom("1", "v", fmt.Sprint("old", i))
	}
}

// late is a message, "waited", that waited in a queue for 10 s, or of a node whose clock is behind by it.
func (f *fixture) late() chat.Draft {
	d := codec.NewDraft("1", "late", "waited", f.now.Add(-10*time.Second).UnixMilli())
	d.SetMadeID("~late")
	return d
}

// times is how often a member received a message.
func times(t *testing.T, m *member, body string) (n int) {
	t.Helper()
	for _, b := range infos(t, m.texts(t)) {
		if b == body {
			n++
		}
	}
	return n
}

// The events of many messages wait in the inbox while the history is read. The store has lost nothing: no epoch begins,
// and nobody has anything twice.
func TestHot_ABacklogBeginsNoEpoch(t *testing.T) {
	for _, atOnce := range []bool{false, true} {
		for _, batches := range []int{15, 25, 90} {
			f := newFixture(t, nil, Callbacks{})
			r := f.open("1")
			m, n := f.join(r), f.native(r)
			f.post(r, "first")
			f.settle()
			f.store.deafen()
			events := f.hot(batches)
			f.store.hear()
			f.hall.Resumed()
			f.settle()
			for _, ev := range events {
				f.hall.RoomEvent("1", ev)
				if !atOnce {
					f.settle()
				}
			}
			f.settle()
			f.post(r, "last")
			f.settle()
			if d := doubles(infos(t, m.texts(t))); d != "" {
				t.Errorf("%d batches: the member had %s twice", batches, d)
			}
			named := uint64(0)
			for _, fr := range n.frames(t) {
				if fr.T == "gap" {
					named += fr.To - fr.From + 1
				}
				if fr.T == "epoch" || fr.T == "batch" && fr.Epoch != "e1" {
					t.Errorf("%d batches: %s though nothing was lost", batches, fr.brief())
				}
			}
			if want := uint64(max(0, batches*100-maxFetch)); named != want {
				t.Errorf("%d batches: %d messages are named in gaps; want %d", batches, named, want)
			}
		}
	}
}

// A message of another node waited for 10 s. The link breaks; 8 s later the sender of X, whose ack was lost, repeats X.
func TestHot_RepeatIsNotGivenAgain(t *testing.T) {
	for _, ahead := range []time.Duration{0, 13 * time.Second, time.Hour} { // the clock of the node that received X
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.tick(5 * time.Second)
		f.publishElsewhere(codec.NewNativeDraft("1", "u", &codec.Op{ID: "1", Body: "X"}, f.now.Add(ahead).UnixMilli()))
		f.hot(42)
		f.publishElsewhere(f.late())
		f.hall.Resumed()
		f.settle()
		f.hot(82)
		f.sayHere(r, nil, "u", "1")
		f.settle()
		if n := times(t, m, "X") + times(t, m, "u1"); n != 1 {
			t.Errorf("clock %v ahead: who was there all the time had X %d times", ahead, n)
		}
	}
}

// X is older than what a node has read when it is sent again there.
func TestHot_OldRepeatIsNoNews(t *testing.T) {
	for _, waited := range []bool{false, true} {
		f := newFixture(t, nil, Callbacks{})
		f.sayElsewhere("1")
		f.tick(5 * time.Second)
		f.hot(1)
		if waited {
			f.publishElsewhere(f.late())
		}
		r := f.open("1")
		m := f.join(r)
		f.sayHere(r, nil, "u", "1")
		f.settle()
		wantInfos(t, m)
	}
}

// A message from before the members came is not new when the count is lost. That holds though one of them waited
// long, or though a node's clock is behind and the history was read since.
func TestHot_OldIsNoNewsAfterTheCountIsLost(t *testing.T) {
	for _, when := range []string{"", "before", "after", "after, and read again"} {
		f := newFixture(t, func(c *Config) { c.OnJoin = 5 }, Callbacks{})
		f.old(10)
		want := []string{"waited", "new"}
		if when == "before" {
			f.publishElsewhere(f.late())
		}
		r := f.open("1")
		m := f.join(r)
		f.settle()
		switch when {
		case "", "before":
			want = want[1:]
		default:
			f.publishElsewhere(f.late())
			f.settle()
		}
		if when == "after, and read again" {
			f.hall.Resumed()
			f.settle()
		}
		f.store.lose(keyMeta)
		f.post(r, "new")
		f.settle()
		if got := infos(t, m.texts(t)); !slices.Equal(got, want) {
			t.Errorf("%q: the member had %v; want %v", when, got, want)
		}
	}
}

// A message delivered here first has left seen when it is stored: others sent so much, or the node's own members did.
func TestHot_HeardIsNotGivenAgain(t *testing.T) {
	for _, own := range []int{1, 9000} {
		f := newFixture(t, func(c *Config) { c.QueueMessages, c.QueueBytes = 20_000, 64<<20 }, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.post(r, "before")
		f.settle()
		f.store.away()
		f.hall.Away(errAway)
		for i := range own {
			f.post(r, fmt.Sprint("own", i))
		}
		f.settle()
		if own == 1 {
			f.hot(90)
		}
		f.back()
		f.settle()
		f.hall.Resumed()
		f.settle()
		if d := doubles(infos(t, m.texts(t))); d != "" || r.follower.pos.Epoch != "e1" {
			t.Errorf("%d waited: the member had %q twice; epoch %s", own, d, r.follower.pos.Epoch)
		}
		if n := times(t, m, "own0"); n != 1 {
			t.Errorf("%d waited: the member had the first %d times", own, n)
		}
	}
}

// One key is lost, the log of recalls, and somebody sends a recalled message again.
func TestLate_RecalledIsNotShownByARepeat(t *testing.T) {
	for _, lose := range []bool{false, true} {
		f := newFixture(t, nil, Callbacks{})
		f.sayElsewhere("0")
		f.sayElsewhere("1")
		if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 2 }); err != nil {
			t.Fatal(err)
		}
		if lose {
			f.store.lose(keyRecalls)
		}
		r := f.open("1")
		m, n := f.join(r), f.native(r)
		f.sayHere(r, nil, "u", "1")
		f.settle()
		wantInfos(t, m)
		wantFrames(t, n)
	}
}

// The same where its event comes late: a tombstone under its number shows that it is not lost.
func TestLate_TombstoneIsNoLoss(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "a")
	f.settle()
	f.store.dawdle()
	f.publishFrom("1", "u", "X")
	if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 2 }); err != nil {
		t.Fatal(err)
	}
	f.store.lose(keyRecalls)
	f.hall.Resumed()
	f.settle() // reads the tombstone
	f.store.deliver(1)
	f.settle()
	f.store.hurry()
	f.settle()
	wantInfos(t, m, "a")
}

// Natives are notified where the room stands when they were given lost messages.
func TestLate_NativesComeBackFromTheLocalEpoch(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Node = "n" }, Callbacks{})
	r := f.open("1")
	n := f.native(r)
	f.post(r, "a")
	f.settle()
	f.store.dawdle()
	f.publishFrom("1", "v", "theirs")
	f.store.set(func(s *fakeStore) { s.deaf = true })
	f.post(r, "ours")
	f.settle()
	f.store.hear()
	f.store.goBack(2)
	f.publishFrom("1", "v", "other") // under the number of ours
	f.store.hurry()
	f.settle()
	f.tick(driftAfter*time.Second + chat.ReportEvery)
	f.hall.Report(t.Context())
	f.settle()
	fr := n.frames(t)
	_, a := f.joinNative(r, f.since(1), chat.History{})
	if at := r.follower.pos.Epoch; fr[len(fr)-1].Epoch != at || a.Epoch != at {
		t.Errorf("the room is at %s; the socket at %s, a newcomer at %s", at, fr[len(fr)-1].brief(), a.Epoch)
	}
}

// The link is deaf, the node's own batches are answered and follow nothing; then all is lost.
func TestLate_AllThatWasAnsweredIsGiven(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "before")
	f.settle()
	f.store.deafen()
	f.publishFrom("1", "v", "theirs")
	for i := range 2 * maxEarly {
		f.post(r, fmt.Sprint("own", i))
		f.settle()
	}
	f.store.wipe()
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	for i := range 2 * maxEarly {
		if body := fmt.Sprint("own", i); times(t, m, body) != 1 {
			t.Errorf("the member had %s %d times", body, times(t, m, body))
		}
	}
}

// The history with X's tombstone is read, then X's event comes, then the answer to its second try. Then all is done.
func TestLate_TheHallComesToRest(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.join(r)
	f.post(r, "a")
	f.settle()
	f.store.dawdle()
	f.store.loseAnswers()
	f.sayHere(r, nil, "u", "X")
	f.settle() // stored, its answer lost, its event on its way
	f.store.answers()
	if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 2 }); err != nil {
		t.Fatal(err)
	}
	f.hall.Resumed()
	f.store.meanwhile(func() { // of Read
		f.store.meanwhile(func() { f.store.deliver(1) }) // of Publish
	})
	f.tick(time.Second) // the next turn: it reads, then tries again
	f.settle()
	f.store.hurry()
	f.settle()
	f.tick(time.Minute)
	f.settle()
	if !f.hall.quiet() {
		t.Errorf("nothing is under way; %d answers wait", len(r.follower.early))
	}
}
