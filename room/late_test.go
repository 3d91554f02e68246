package room

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is what a third sceptic found in what hot_test.go holds.

// saysElsewhere is a native client of user on another node, now.
func (f *fixture) saysElsewhere(user, id string) chat.Event {
	f.t.Helper()
	f.now = f.clock.Now()
	return f.publishElsewhere(codec.NewNativeDraft("1", user, &codec.Op{ID: id, Body: user + id}, f.now.UnixMilli()))
}

// An id is used again after more than two minutes, then the count is lost.
func TestID_UsedAgainIsNotGivenAgain(t *testing.T) {
	for _, live := range []bool{false, true} {
		f := newFixture(t, func(c *Config) { c.OnJoin = 5 }, Callbacks{})
		f.saysElsewhere("u", "1") // X1
		f.tick(200 * time.Second)
		f.store.set(func(s *fakeStore) { delete(s.room("1").sent, "u 1") }) // the note of the id has expired
		f.old(6)
		if !live {
			f.saysElsewhere("u", "1") // X2
		}
		r := f.open("1")
		m := f.join(r)
		f.settle()
		want := []string{"new"}
		if live {
			f.saysElsewhere("u", "1") // X2
			f.settle()
			f.tick(130 * time.Second)
			want = []string{"u1", "new"}
		}
		f.now = f.clock.Now()
		f.store.lose(keyMeta)
		f.post(r, "new")
		f.settle()
		if got := infos(t, m.texts(t)); !slices.Equal(got, want) {
			t.Errorf("live %v: the member had %v; want %v", live, got, want)
		}
	}
}

// The id of the oldest message that was there is used again, and the original has left the history.
func TestID_OfTheOldestIsUsedAgain(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 5 }, Callbacks{})
	f.saysElsewhere("u", "1")
	f.tick(time.Second)
	f.saysElsewhere("v", "2")
	f.old(4)
	r := f.open("1") // oldest is v2
	m := f.join(r)
	f.tick(200 * time.Second)
	f.now = f.clock.Now()
	f.post(r, "now")
	f.settle()
	f.store.set(func(s *fakeStore) { // the history is trimmed, and the note of the id has expired
		room := s.room("1")
		room.entries = room.entries[3:]
		delete(room.sent, "v 2")
	})
	f.store.deafen()
	f.publishFrom("1", "w", "new1")
	f.publishFrom("1", "w", "new2")
	f.saysElsewhere("v", "2")
	f.store.lose(keyMeta)
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	want := []string{"now", "new1", "new2", "v2"}
	if got := infos(t, m.texts(t)); !slices.Equal(got, want) {
		t.Errorf("the member had %v; want %v", got, want)
	}
}

// The oldest message that was there is taken back, another one of what was there had waited, and the count is lost.
func TestHot_RecalledOldestShowsNothingOld(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 5 }, Callbacks{})
	f.old(10)
	f.publishElsewhere(f.late())
	r := f.open("1")
	m := f.join(r)
	f.settle()
	if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 7 }); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.store.lose(keyMeta)
	f.post(r, "new")
	f.settle()
	wantInfos(t, m, "new")
}

// A delivered message is in the older half of seen when it is stored, and the history pushes that out.
func TestHot_HeardInTheOlderHalfIsShownOnce(t *testing.T) {
	for _, before := range []int{60, 75} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.post(r, "before")
		f.settle()
		f.store.away()
		f.hall.Away(errAway)
		f.post(r, "own0")
		f.settle()
		f.hot(before)
		f.store.deafen()
		f.hot(18)
		f.back()
		f.settle()
		f.store.hear()
		f.hall.Resumed()
		f.settle()
		f.tick(driftAfter*time.Second + chat.ReportEvery)
		f.hall.Report(t.Context())
		f.settle()
		if n := times(t, m, "own0"); n != 1 {
			t.Errorf("%d before: the member had own0 %d times", before, n)
		}
	}
}

// More is taken back than the log has, while the link is deaf: no epoch begins, and natives are notified.
func TestRecall_MoreThanTheLogHasIsToldWithoutAnEpoch(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 50 }, Callbacks{})
	for i := range 600 {
		f.now = f.now.Add(time.Millisecond)
		f.publishFrom("1", "v", fmt.Sprint("old", i))
	}
	r := f.open("1")
	f.join(r)
	n := f.native(r)
	f.settle()
	f.post(r, "X")
	f.settle()
	f.store.deafen()
	if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 601 }); err != nil {
		t.Fatal(err)
	}
	for i := range 520 {
		if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == uint64(i+1) }); err != nil {
			t.Fatal(err)
		}
	}
	f.store.set(func(s *fakeStore) {
		room := s.room("1")
		room.recalls = room.recalls[len(room.recalls)-chat.RecallsKept:]
	})
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	told := false
	for _, fr := range n.frames(t) {
		if fr.T == "recalled" && fr.Seq == 601 {
			told = true
		}
		if fr.T == "epoch" {
			t.Errorf("%s though nothing was lost", fr.brief())
		}
	}
	if !told {
		t.Errorf("nobody was told that X was taken back; epoch %s", r.follower.pos.Epoch)
	}
}

// The event of X is late, X was taken back and the node knows; much is sent, all is lost, then the event comes.
func TestLate_RecalledIsNotGivenAsLost(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "a")
	f.settle()
	f.store.deafen()
	late := f.saysElsewhere("u", "X")
	if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == late.Seq }); err != nil {
		t.Fatal(err)
	}
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	f.hot(90)
	f.store.wipe()
	f.hall.Resumed()
	f.settle()
	f.hall.RoomEvent("1", late)
	f.settle()
	if n := times(t, m, "uX"); n != 0 {
		t.Errorf("X, taken back, was shown %d times; the node remembers the recall: %v", n, r.recalls.ts)
	}
}

// The events of this node's own messages are late, all is lost, then they come.
func TestLate_EchoesOfWhatWasHadAreNotShownAgain(t *testing.T) {
	for _, n := range []int{1000, 8500} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.store.dawdle()
		for i := range n {
			f.post(r, fmt.Sprint("own", i))
			if i%100 == 99 {
				f.settle()
			}
		}
		f.settle()
		f.store.wipe()
		f.post(r, "after")
		f.settle()
		f.hall.Resumed()
		f.settle()
		f.store.hurry()
		f.settle()
		all := infos(t, m.texts(t))
		if d := doubles(all); d != "" {
			t.Errorf("%d own: the member had %s twice; %d in all", n, d, len(all))
		}
	}
}

// Answers to recalls push no answer to a message out.
func TestLate_RecallsPushNoAnswerOut(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	for i := range 70 {
		f.post(r, fmt.Sprint("a", i))
	}
	f.settle()
	f.store.deafen()
	f.publishFrom("1", "v", "theirs")
	f.post(r, "mine")
	f.settle()
	for i := range 70 {
		f.store.recall("1", uint64(i+1))
	}
	f.store.wipe()
	f.store.hear()
	f.settle()
	f.hall.Resumed()
	f.settle()
	if n := times(t, m, "mine"); n != 1 {
		t.Errorf("mine %d times", n)
	}
}

// X is acknowledged here as a repeat, in an epoch that the node does not know.
func TestLate_RepeatInAnotherEpochIsShownAtOnceAndOnce(t *testing.T) {
	for _, wipe := range []bool{false, true} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.post(r, "a")
		f.post(r, "b")
		f.settle()
		f.store.deafen()
		f.store.goBack(2)
		f.publishFrom("1", "v", "c")
		f.store.set(func(s *fakeStore) { // a new epoch, by another node that had known more
			room := s.room("1")
			s.begin(room, room.Position)
		})
		f.sayElsewhere("X")
		var got mailbag
		f.sayHere(r, &got, "u", "X")
		f.settle()
		f.store.hear()
		if wipe {
			f.store.wipe()
		}
		atOnce := times(t, m, "uX")
		f.tick(driftAfter*time.Second + chat.ReportEvery)
		f.hall.Report(t.Context())
		f.settle()
		if n := times(t, m, "uX"); n != 1 || atOnce != 1 {
			t.Errorf("wipe %v: X %d times at once, %d after the report: %v", wipe, atOnce, n, infos(t, m.texts(t)))
		}
	}
}

// X is stored; its answer, its event and then the list are lost. Others send more than a read brings, then X is tried
// again.
func TestLate_AnsweredWhenTheHistoryHasGoneOnIsShownOnce(t *testing.T) {
	for _, others := range []int{10, 60} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.post(r, "a")
		f.settle()
		var got mailbag
		f.store.deafen()
		f.store.loseAnswers()
		f.sayHere(r, &got, "u", "X")
		f.settle()
		f.store.lose(keyList)
		for i := range others {
			f.now = f.now.Add(time.Millisecond)
			f.publishFrom("1", "v", fmt.Sprint("o", i))
		}
		f.store.answers()
		f.store.hear()
		f.hall.Resumed()
		f.tick(time.Second)
		f.settle()
		f.tick(driftAfter*time.Second + chat.ReportEvery)
		f.hall.Report(t.Context())
		f.settle()
		if k := times(t, m, "uX"); k != 1 {
			t.Errorf("%d others: X, acknowledged here (%v), %d times", others, got, k)
		}
	}
}

// The log of recalls is lost between two recalls, and the first one's event does not come. Its tombstone is not in the
// log that is there now. That is no contradiction: no epoch begins, and both are delivered.
func TestRecall_LogLostBetweenTwoTellsBoth(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	n := f.native(r)
	f.post(r, "a")
	f.post(r, "b")
	f.settle()
	f.store.deafen()
	for seq := uint64(1); seq <= 2; seq++ {
		f.store.lose(keyRecalls)
		if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == seq }); err != nil {
			t.Fatal(err)
		}
	}
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	told := map[uint64]bool{}
	for _, fr := range n.frames(t) {
		if fr.T == "epoch" {
			t.Errorf("%s though nothing was lost but the log", fr.brief())
		}
		told[fr.Seq] = told[fr.Seq] || fr.T == "recalled"
	}
	if !told[1] || !told[2] {
		t.Errorf("taken back: %v; want 1 and 2", told)
	}
}
