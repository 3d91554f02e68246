package room

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// publishUnheard puts messages of room 1 into the store, and the hall receives no event of them.
func (f *fixture) publishUnheard(texts ...string) {
	f.t.Helper()
	f.store.deafen()
	for _, info := range texts {
		f.publishFrom("1", "u", info)
	}
	f.store.hear()
}

func TestCatchUp_GapIsFilledInOrder(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 2 }, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "1")
	f.settle()
	f.publishUnheard("2", "3", "4", "5")
	f.post(r, "6")
	f.post(r, "7")
	f.settle()
	wantInfos(t, m, "1", "2", "3", "4", "5", "6", "7")
	if s := f.hall.Stats(); s.Gaps != 1 || s.Missed != 0 {
		t.Errorf("Stats() = %+v; want one gap, nothing missed", s)
	}
}

func TestCatchUp_ResumedFetchesTheLastMessage(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.publishUnheard("unheard")
	f.hall.Resumed()
	f.settle()
	wantInfos(t, m, "unheard")
}

func TestCatchUp_DuplicatesAreDropped(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "1")
	f.post(r, "2")
	f.settle()
	all := f.store.stored()
	ev := chat.Event{Kind: chat.EventMessages, Epoch: "e1", Seq: 1, Total: 2, Rev: 1, Tip: "n.1", Messages: []string{all[0].JSON, all[1].JSON}}
	f.hall.RoomEvent("1", ev)
	f.settle()
	wantInfos(t, m, "1", "2")
	if s := f.hall.Stats(); s.Fetches != 1 || s.Gaps != 0 {
		t.Errorf("%d reads, %d gaps; want the first read alone", s.Fetches, s.Gaps)
	}
}

func TestCatchUp_NewEpochDeliversOnlyWhatIsNew(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	for i := range 5 {
		f.post(r, fmt.Sprint("old", i))
	}
	f.settle()
	f.store.wipe() // all data lost
	f.publishUnheard("new1", "new2")
	f.post(r, "new3")
	f.settle()
	wantInfos(t, m, "old0", "old1", "old2", "old3", "old4", "new1", "new2", "new3")
	if s := f.hall.Stats(); s.Epochs != 1 {
		t.Errorf("Epochs = %d; want 1", s.Epochs)
	}
	late := f.join(r)
	if got := string(r.Enter(&Member{}, newFakeSocket())); !strings.Contains(got, `"total":3}`) || strings.Contains(got, "old") {
		t.Errorf("welcome after the loss is %s; want the 3 new messages", got)
	}
	f.post(r, "new4")
	f.settle()
	wantInfos(t, late, "new4")
}

// TestCatchUp_EpochLostListKept: the count was lost, the messages were not: nobody
// gets a message twice, and new messages come, whatever their ts.
func TestCatchUp_EpochLostListKept(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	for i := range 5 {
		f.post(r, fmt.Sprint("old", i))
	}
	f.settle()
	f.store.lose(keyMeta)
	f.now = f.now.Add(-time.Minute) // the next node's clock is behind
	f.publishUnheard("new1")
	f.now = f.now.Add(time.Minute)
	f.post(r, "new2")
	f.settle()
	wantInfos(t, m, "old0", "old1", "old2", "old3", "old4", "new1", "new2")
}

// TestCatchUp_CountRunsBackwards: the store lost its newest messages (a failover), and
// their numbers are given again.
func TestCatchUp_CountRunsBackwards(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	for i := range 5 {
		f.post(r, fmt.Sprint("m", i))
		f.settle()
	}
	f.store.goBack(2)
	f.publishUnheard("again")
	f.hall.Resumed()
	f.settle()
	f.post(r, "on")
	f.settle()
	wantInfos(t, m, "m0", "m1", "m2", "m3", "m4", "again", "on")
}

// TestCatchUp_CountOvertaken: the store lost its newest messages. Other nodes have given their numbers again, and more,
// before this one looks: by an event or by itself.
func TestCatchUp_CountOvertaken(t *testing.T) {
	for _, byEvent := range []bool{false, true} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		for i := range 5 {
			f.post(r, fmt.Sprint("m", i))
			f.settle()
		}
		f.store.goBack(2)
		f.publishUnheard("a3", "a4", "a5", "a6")
		if all := f.store.stored(); byEvent {
			f.hall.RoomEvent("1", chat.Event{
				Kind: chat.EventMessages, Epoch: "e1", Seq: 6, Total: 6, Rev: 6, Prev: "other.3", Tip: "other.4", Messages: []string{all[5].JSON},
			})
		} else {
			f.hall.Resumed()
		}
		f.settle()
		f.post(r, "on")
		f.settle()
		wantInfos(t, m, "m0", "m1", "m2", "m3", "m4", "a3", "a4", "a5", "a6", "on")
		if s := f.hall.Stats(); s.Epochs != 1 {
			t.Errorf("by event %v: Epochs = %d; want 1", byEvent, s.Epochs)
		}
	}
}

func TestCatchUp_FailedFetchIsTriedAgainAtTheNextTick(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "1")
	f.settle()
	f.publishUnheard("2")
	f.store.away()
	f.hall.Resumed()
	f.settle()
	wantInfos(t, m, "1")
	f.store.back()
	f.hall.Tick(f.now.Add(time.Second), 0)
	f.settle()
	wantInfos(t, m, "1", "2")
}

func TestCatchUp_EventsDuringALoadAreHeld(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.publishUnheard("1")
	// A room that is known but not loaded: its load failed.
	f.store.refuse("no")
	if _, err := f.hall.Open(t.Context(), "1"); err == nil {
		t.Fatal("Open worked although the store refuses the room")
	}
	f.store.back()
	// The load failed, so the room is not live; events that still come are parked.
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventMessages, Epoch: "e1", Seq: 1, Total: 1, Rev: 1, Tip: "other.1", Messages: []string{f.store.stored()[0].JSON}})
	r := f.open("1")
	if json, total := r.Newest(); total != 1 || !strings.Contains(json, `"info":"1"`) {
		t.Errorf("Newest() = %s, %d; want message 1, once", json, total)
	}
	m := f.join(r)
	f.post(r, "2")
	f.settle()
	wantInfos(t, m, "2")
}

func TestCatchUp_HeldEventsAreBounded(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.publishUnheard("lost")
	for i := range 3 * maxParked { // the first shows a gap; no publisher comes to fill it
		f.post(r, fmt.Sprint(i))
		p, _ := f.hall.publishers.pop()
		p.follower.reading = following // as if it were not behind
		p.serve(nil)
		if n := len(r.follower.parked); n > maxParked {
			t.Fatalf("%d events are parked; want at most %d", n, maxParked)
		}
	}
	f.hall.Resumed()
	f.settle()
	got := infos(t, m.texts(t))
	if s := f.hall.Stats(); uint64(len(got))+s.Missed != 3*maxParked+1 {
		t.Errorf("%d messages came and %d were counted as missed; want %d in all", len(got), s.Missed, 3*maxParked+1)
	}
	if last := got[len(got)-1]; last != fmt.Sprint(3*maxParked-1) {
		t.Errorf("the last message is %s; want %d", last, 3*maxParked-1)
	}
}

func TestCatchUp_RecallLeavesTheWelcomeAndIsFilledUp(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 3 }, Callbacks{})
	r := f.open("1")
	for i := 1; i <= 10; i++ {
		f.post(r, fmt.Sprint("m", i))
	}
	f.settle()
	for _, seq := range []uint64{10, 9, 8, 7, 6} {
		f.store.recall("1", seq)
		f.settle()
	}
	got := string(r.Enter(&Member{}, newFakeSocket()))
	for _, want := range []string{`"m3"`, `"m4"`, `"m5"`, `"total":10}`} {
		if !strings.Contains(got, want) {
			t.Errorf("welcome is %s; want %s in it", got, want)
		}
	}
	if strings.Contains(got, `"m6"`) || strings.Contains(got, `"m2"`) {
		t.Errorf("welcome is %s; want m3 to m5", got)
	}
}

// TestCatchUp_FailoverLostWhatWasHeardFirst: the numbers of messages that members received before the store are given
// to others, before the history was read again.
func TestCatchUp_FailoverLostWhatWasHeardFirst(t *testing.T) {
	for _, heard := range []bool{false, true} {
		t.Run(fmt.Sprintf("events come: %v", heard), func(t *testing.T) {
			f := newFixture(t, nil, Callbacks{})
			r := f.open("1")
			m := f.join(r)
			f.post(r, "a")
			f.settle()
			f.store.away()
			f.hall.Away(errAway)
			f.post(r, "ours")
			f.back()
			again, _ := f.hall.publishers.pop()
			again.serve(nil) // stored, and come back
			if r.writing != returning || r.follower.pos.Seq != 2 {
				t.Fatalf("writing %d, at %d; want that the history was not read yet, 2", r.writing, r.follower.pos.Seq)
			}
			f.store.goBack(1)
			for _, text := range []string{"b", "c"} {
				if heard {
					f.publishAsOther(text)
				} else {
					f.publishUnheard(text)
				}
			}
			f.hall.Resumed()
			f.settle()
			wantInfos(t, m, "a", "ours", "b", "c")
		})
	}
}

// TestCatchUp_FailoverLostMoreThanNewcomersAreGiven: a room's newest messages are all lost, and the times of what is
// left are in no order. The room knows what members have received all the same.
func TestCatchUp_FailoverLostMoreThanNewcomersAreGiven(t *testing.T) {
	const kept, lost, begun = 300, 150, 200
	f := newFixture(t, func(c *Config) { c.OnJoin = 5 }, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	var want []string
	say := func(text string, user int, at time.Duration) {
		if err := r.Post(nil, fmt.Sprint("u", user), text, f.now.Add(at)); err != nil {
			t.Fatal(err)
		}
		f.settle()
		want = append(want, text)
	}
	for i := range kept + lost - 50 {
		say(fmt.Sprint(i), i, time.Duration(i%7)*time.Second)
		if i == kept-100 { // these come by a read, not by events
			for k := range 50 {
				f.publishUnheard(fmt.Sprint("read", k))
				want = append(want, fmt.Sprint("read", k))
			}
			f.hall.Resumed()
			f.settle()
		}
	}
	f.store.goBack(kept)
	for i := range begun { // as other nodes do before this one comes back
		text := fmt.Sprint("new", i)
		f.store.deafen()
		f.publishFrom("1", fmt.Sprint("v", i), text)
		want = append(want, text)
	}
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	wantInfos(t, m, want...)
	if s := f.hall.Stats(); s.Epochs != 1 {
		t.Errorf("a restart of the count was seen %d times; want once", s.Epochs)
	}
}

// TestCatchUp_RetriedOnBothSidesOfALoss: another node's batch is stored, that is lost, another message takes its
// number, and then the batch is tried again. A member that received it first does not take the second for the first.
func TestCatchUp_RetriedOnBothSidesOfALoss(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "a")
	f.settle()
	publish := func(batch, text string, try int) {
		d := codec.NewDraft("1", "v", text, f.now.UnixMilli())
		d.SetMadeID(codec.MadeIDPrefix + text)
		if _, err := f.other.Publish(t.Context(), "1", chat.Batch{ID: batch, Try: try, Drafts: []chat.Draft{d}}); err != nil {
			t.Fatal(err)
		}
	}
	publish("third.1", "lost", 0)
	publish("other.7", "again", 0)
	f.settle()
	f.store.goBack(1)
	f.store.deafen()
	publish("third.2", "new", 0)
	publish("other.7", "again", 1)
	f.store.hear()
	publish("third.3", "next", 0)
	f.settle()
	wantInfos(t, m, "a", "lost", "again", "new", "next")
}
