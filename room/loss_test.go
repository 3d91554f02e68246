package room

import (
	"fmt"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// 1. One recall of an old message, then the count is lost: old messages come as new.
func testFloor(t *testing.T, recallBefore bool) {
	t.Helper()
	f := newFixture(t, func(c *Config) { c.OnJoin = 2 }, Callbacks{})
	for i := range 20 {
		f.publishFrom("1", "u", fmt.Sprint("old", i+1))
	}
	if recallBefore {
		f.store.recall("1", 3)
	}
	r := f.open("1")
	m := f.join(r)
	f.settle()
	if !recallBefore {
		f.store.recall("1", 3)
	}
	f.settle()
	f.store.lose(keyMeta)
	f.post(r, "new")
	f.settle()
	wantInfos(t, m, "new")
}
func TestLoss_RecallBeforeBringsNothingOldBack(t *testing.T) { testFloor(t, true) }
func TestLoss_LiveRecallBringsNothingOldBack(t *testing.T)   { testFloor(t, false) }

// 1b. a message of a node whose clock is an hour behind.
func TestLoss_ClockBehindBringsNothingOldBack(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 2 }, Callbacks{})
	for i := range 20 {
		f.publishFrom("1", "u", fmt.Sprint("old", i+1))
	}
	r := f.open("1")
	m := f.join(r)
	f.settle()
	d := codec.NewDraft("1", "late", "behind", f.now.UnixMilli()-3_600_000)
	d.SetMadeID("~x1")
	_, _ = f.other.Publish(t.Context(), "1", chat.Batch{ID: "zz.1", Drafts: []chat.Draft{d}})
	f.settle()
	f.store.lose(keyMeta)
	f.post(r, "new")
	f.settle()
	wantInfos(t, m, "behind", "new")
}

// 2. Ten minutes later the message is taken back, and its id used again for another.
func TestLoss_IDUsedAgainAfterRecallIsAnotherMessage(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	send := func(body string) {
		f.store.set(func(s *fakeStore) { s.room("1").sent = map[string]sentAs{} }) // forgotten after 2 to 4 minutes
		if err := r.PostNative(nil, "u", &codec.Op{ID: "1", Body: body}, f.now); err != nil {
			t.Fatal(err)
		}
		f.settle()
	}
	send("first")
	f.tick(10 * time.Minute)
	f.store.recall("1", 1)
	f.tick(time.Second)
	send("second")
	wantInfos(t, m, "first", "second")
}

// 3. The same where this node got the first message late.
func TestLoss_IDUsedAgainAfterLateArrivalIsAnotherMessage(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	n := 0
	send := func(body string) {
		n++
		f.store.set(func(s *fakeStore) { s.room("1").sent = map[string]sentAs{} })
		d := codec.NewNativeDraft("1", "u", &codec.Op{ID: "1", Body: body}, f.now.UnixMilli())
		_, err := f.other.Publish(t.Context(), "1", chat.Batch{ID: fmt.Sprint("o.", n), Drafts: []chat.Draft{d}})
		if err != nil {
			t.Fatal(err)
		}
	}
	f.store.deafen()
	send("first")
	f.tick(100 * time.Second)
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	f.tick(30 * time.Second)
	send("second") // 130 s after the first
	f.settle()
	wantInfos(t, m, "first", "second")
}

// TestLoss_BlindMembersGetWhatOthersSent while no event arrived: by its time, or they are notified that there was
// more.
func TestLoss_BlindMembersGetWhatOthersSent(t *testing.T) {
	for _, unnumbered := range []bool{false, true} {
		f := newFixture(t, func(c *Config) { c.NoLocal = unnumbered }, Callbacks{})
		f.store.unnumbered = unnumbered
		f.publishFrom("1", "u", "before")
		f.tick(time.Second)
		f.now = f.clock.Now()
		f.store.away()
		f.hall.Away(errAway)
		r := f.open("1")
		old, m := f.join(r), f.native(r)
		f.publishFrom("1", "u", "m1")
		f.publishFrom("1", "u", "m2")
		f.back()
		f.settle()
		f.publishFrom("1", "u", "m3")
		f.settle()
		wantInfos(t, old, "m1", "m2", "m3")
		if !unnumbered {
			wantFrames(t, m, "epoch e1/1", "2:m1,3:m2@e1/2", "4:m3@e1/4")
		}
	}
}

func TestLoss_BlindMembersAreToldOfMore(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.store.away()
	f.hall.Away(errAway)
	r := f.open("1")
	m := f.native(r)
	for range maxFetch + 1 {
		f.publishFrom("1", "u", "m")
	}
	f.back()
	f.settle()
	got := m.frames(t)
	if len(got) < 3 || got[0].brief() != "epoch e1/0" || got[1].T != "gap" || got[1].From != 1 || got[1].To != 1 {
		t.Fatalf("the first of %d frames are %v; want the epoch, and message 1 lost", len(got), got[:min(len(got), 2)])
	}
	messages := 0
	for _, fr := range got[2:] {
		messages += len(fr.Messages)
	}
	if messages != maxFetch {
		t.Errorf("%d messages; want %d", messages, maxFetch)
	}
}

// TestLoss_AckNamesTheEpochOfItsNumber: the socket may not have received it yet.
func TestLoss_AckNamesTheEpochOfItsNumber(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	for i := range 10 {
		f.post(r, fmt.Sprint("a", i+1))
		f.settle()
	}
	f.store.goBack(5)
	f.store.deafen()
	var got []Outcome
	hear := teller(func(a Outcome) {
		got = append(got, a)
		if fr := m.frames(t); fr[len(fr)-1].Epoch != "e1" {
			t.Errorf("the socket is at %s already: the test shows nothing", fr[len(fr)-1].brief())
		}
	})
	if err := r.PostNative(hear, "u", &codec.Op{ID: "i", Body: "x"}, f.now); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if len(got) != 1 || got[0].Epoch != "e2" || got[0].Seq != 6 {
		t.Errorf("answers %+v; want message 6 of e2", got)
	}
	if fr := m.frames(t); fr[len(fr)-1].brief() != "6:x@e2/6" {
		t.Errorf("the last frame is %s; want message 6 of e2", fr[len(fr)-1].brief())
	}
}

// TestLoss_TwiceInARowShowsNothingOld: the store goes back, to before the members came in, and in the second place to
// data that are newer again. The messages between were there before the members, and are not new to them. A recall
// made meanwhile is made again.
func TestLoss_TwiceInARowShowsNothingOld(t *testing.T) {
	for _, old := range []int{5, 10, 60, 300} {
		step := 1 + old/10
		for first := 1; first < old; first += step {
			for second := first; second <= old+5; second += step {
				testTwiceInARow(t, old, first, second)
			}
		}
	}
}

// testTwiceInARow has so many messages before a member comes in, and goes back to two of them.
func testTwiceInARow(t *testing.T, old, first, second int) {
	t.Helper()
	f := newFixture(t, func(c *Config) { c.OnJoin = 2 }, Callbacks{})
	for i := range old {
		f.publishFrom("1", "u", fmt.Sprint("old", i+1))
	}
	r := f.open("1")
	m := f.join(r)
	var want []string
	say := func(body string) {
		f.post(r, body)
		f.settle()
		want = append(want, body)
	}
	for i := range 5 {
		say(fmt.Sprint("new", i+1))
	}
	backTo := func(change int) {
		f.store.goBackAny(func(int) int { return change - 1 })
	}
	backTo(first)
	say("between")
	f.store.recall("1", uint64(first))
	backTo(second)
	say("last")
	wantInfos(t, m, want...)
	for _, e := range f.store.stored() {
		if infos(t, []string{e.JSON})[0] == fmt.Sprint("old", first) {
			t.Errorf("back from %d to %d and to %d: message %d was taken back and is there", old+5, first, second, first)
		}
	}
	if t.Failed() {
		t.Fatalf("back from %d to %d and to %d", old+5, first, second)
	}
}

// TestLoss_GapIsToldAtOnce: no message comes behind it.
func TestLoss_GapIsToldAtOnce(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.post(r, "a")
	f.settle()
	f.store.deafen()
	f.publishFrom("1", "u", "b")
	f.publishFrom("1", "u", "c")
	f.store.lose(keyList)
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	wantFrames(t, m, "1:a@e1/1", "gap 2-3 lost")
}
