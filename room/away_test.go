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

func (f *fixture) back() {
	f.store.back()
	f.hall.Back()
}

// publishAsOther is a message of another node, which may reach the store when we do not.
func (f *fixture) publishAsOther(text string) {
	f.t.Helper()
	f.publishFrom("1", "other", text)
}

// publishFrom is a message of user over another node.
func (f *fixture) publishFrom(room, user, text string) {
	f.t.Helper()
	f.now = f.now.Add(time.Millisecond)
	f.others++
	d := codec.NewDraft(room, user, text, f.now.UnixMilli())
	d.SetMadeID(fmt.Sprint(codec.MadeIDPrefix, "other", f.others))
	if _, err := f.other.Publish(f.t.Context(), room, chat.Batch{ID: fmt.Sprint("other.", f.others), Drafts: []chat.Draft{d}}); err != nil {
		f.t.Fatal(err)
	}
}

// TestAway_TimestampsAreThoseOfTheStore: members know a message by its timestamp, and recall it so. Another one could
// be that of another message of theirs.
func TestAway_TimestampsAreThoseOfTheStore(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	post := func(ids ...string) { // all in one millisecond
		t.Helper()
		for _, id := range ids {
			if err := r.PostNative(nil, id[:1], &codec.Op{ID: id, Body: id}, f.now); err != nil {
				t.Fatal(err)
			}
		}
		f.settle()
	}
	post("a1")
	f.store.deafen()
	f.store.loseAnswers()
	post("a2", "b1", "b2", "c1") // under way
	post("b3")                   // waits
	f.store.away()
	f.hall.Away(errAway)
	f.settle()
	f.store.hear()
	f.store.answers()
	f.back()
	f.tick(10 * time.Second)
	f.settle()
	shown, stored := m.texts(t), f.store.stored()
	if len(shown) != 6 || len(stored) != 6 {
		t.Fatalf("%d messages are shown, %d stored; want 6", len(shown), len(stored))
	}
	for i, text := range shown {
		if got, want := codec.Timestamp(text), codec.Timestamp(stored[i].JSON); got != want {
			t.Errorf("%s is shown with another timestamp than the store has: %d", text, want)
		}
	}
}

// tick lets d pass, and gives the hall the time each second, as a node does.
func (f *fixture) tick(d time.Duration) {
	for ; d > 0; d -= time.Second {
		step := min(d, time.Second)
		f.now = f.now.Add(step)
		f.clock.add(step)
		f.hall.Tick(f.now, 0)
	}
}

// TestRoom_BlindMembersHearAClockThatIsBehind: a message of an event is new, whatever its timestamp is.
func TestRoom_BlindMembersHearAClockThatIsBehind(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.tick(2 * time.Hour)
	f.store.away()
	f.hall.Away(errAway)
	m := f.join(f.open("1"))
	f.now = f.now.Add(-time.Hour)
	f.publishAsOther("while")
	f.now = f.now.Add(time.Hour)
	f.back()
	f.settle()
	wantInfos(t, m, "while")
}

// TestRoom_NewcomersWhileItIsAloneStandWhereMembersDo: the next message follows their welcome.
func TestRoom_NewcomersWhileItIsAloneStandWhereMembersDo(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.join(r)
	f.post(r, "a")
	f.settle()
	f.store.away()
	f.hall.Away(errAway)
	f.post(r, "b")
	f.settle()
	m, a := f.joinNative(r, Since{}, chat.History{})
	f.post(r, "c")
	f.settle()
	wantFrames(t, m, fmt.Sprintf("%d:c@%s/%d", a.Seq+1, a.Epoch, a.Seq+1))
	f.purgeElsewhere(chat.Purge{}) // its event comes, though calls fail
	f.settle()
	if want := []string{codec.ClearedText(chat.Place{Epoch: a.Epoch, Seq: a.Seq + 1})}; !slices.Equal(m.taken(t), want) {
		t.Errorf("the room is cleared, and a member is told %v; want %v: what it had, and nothing to come", m.taken(t), want)
	}
	if pos, _, _ := r.Standing(); a.Epoch != r.localEpoch() || pos.Epoch != a.Epoch || pos.Seq != a.Seq+1 {
		t.Errorf("the newcomer stands at %s/%d, then the room at %s/%d; want its own epoch, one further", a.Epoch, a.Seq, pos.Epoch, pos.Seq)
	}
}

func TestRoom_BlindMembersHearWhatComesSinceTheStoreIsBack(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.publishAsOther("before")
	f.tick(time.Second)
	f.store.away()
	f.hall.Away(errAway)
	r := f.open("1")
	m := f.join(r)
	f.post(r, "ours")
	f.settle()
	f.publishAsOther("while") // its event comes: the room must hold it
	f.back()
	f.settle()
	wantInfos(t, m, "ours", "while")
	if _, total := r.Newest(); total != 3 {
		t.Errorf("total %d; want 3", total)
	}
}

// TestRoom_AloneWhereItsBatchIsStuck: one master of a cluster is gone. The store is not away, but its
// rooms go on without it until it takes their messages again.
func TestRoom_AloneWhereItsBatchIsStuck(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.store.away()
	f.post(r, "a")
	f.settle()
	f.tick(time.Second)
	f.settle()
	wantInfos(t, m) // it may be a matter of a moment
	f.tick((aloneAfter - 1) * time.Second)
	f.settle()
	wantInfos(t, m, "a")
	f.post(r, "b") // needs no wait any more
	f.settle()
	late := f.join(f.open("2"))
	f.settle()
	wantInfos(t, m, "a", "b")
	f.store.back()
	f.tick(time.Second)
	want := []string{"a", "b"}
	for i := range 20 { // though there is always something that waits
		f.post(r, fmt.Sprint(i))
		want = append(want, fmt.Sprint(i))
		again, _ := f.hall.publishers.pop()
		again.serve(nil)
	}
	if r.writing != linked {
		t.Errorf("writing is %d though the store takes messages; want linked", r.writing)
	}
	f.post(f.open("2"), "in the other room")
	f.settle()
	wantInfos(t, m, want...)
	wantInfos(t, late, "in the other room")
	if _, total := r.Newest(); total != 22 || r.writing != linked || f.hall.Stats().Waiting != 0 {
		t.Errorf("at rest total %d, writing %d, %d wait; want 22, linked, 0", total, r.writing, f.hall.Stats().Waiting)
	}
	if n := strings.Count(f.logs.String(), "does not take a room's messages"); n != 1 {
		t.Errorf("the log says %d times that the room goes on alone; want once", n)
	}
}

// TestRoom_AloneUntilTheHistoryCanBeRead: the batch that made it so has expired.
func TestRoom_AloneUntilTheHistoryCanBeRead(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.store.away()
	f.post(r, "a")
	f.settle()
	f.tick(aloneAfter * time.Second)
	f.settle()
	f.tick(time.Minute)
	f.settle()
	f.publishAsOther("b")
	f.store.back()
	f.tick(time.Second)
	f.settle()
	wantInfos(t, m, "a", "b")
	if r.writing != linked {
		t.Errorf("writing is %d; want linked", r.writing)
	}
}

func TestRoom_NoLocalWaits(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.NoLocal = true }, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.store.away()
	f.hall.Away(errAway)
	f.post(r, "patient")
	f.settle()
	wantInfos(t, m)
	if logs := f.logs.String(); !strings.Contains(logs, "chat waits for it") {
		t.Errorf("the log says %s; want that chat waits", logs)
	}
	f.back()
	f.settle()
	wantInfos(t, m, "patient")
}

// unnumbered is a node's event of a message of an original FastIM server.
func unnumbered(text string, ts int64) chat.Event {
	d := codec.NewDraft("1", "u", text, ts)
	return chat.Event{Kind: chat.EventMessages, Messages: []string{string(d.AppendJSON(nil, ts))}}
}

// TestRoom_UnnumberedEqualMessagesAreSeveral: without numbers equal messages are several, and a place in the list shows
// which are new.
func TestRoom_UnnumberedEqualMessagesAreSeveral(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.NoLocal = true }, Callbacks{})
	f.store.unnumbered = true
	f.publishUnheard("old")
	r := f.open("1")
	m := f.join(r)
	f.hall.RoomEvent("1", unnumbered("a", 1))
	f.hall.RoomEvent("1", unnumbered("a", 1))
	f.hall.RoomEvent("1", unnumbered("a", 2)) // the same words a moment later
	f.publishUnheard("b")
	f.hall.Resumed()
	f.settle()
	f.hall.RoomEvent("1", unnumbered("c", 3))
	f.settle()
	wantInfos(t, m, "a", "a", "a", "b", "c")
	recalled := unnumbered("c", 3)
	recalled.Kind = chat.EventRecall
	f.hall.RoomEvent("1", recalled)
	if json, _ := r.Newest(); strings.Contains(json, `"c"`) {
		t.Errorf("the newest message is %s, which was recalled", json)
	}
}

func TestRoom_ReportsWhatChanged(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	reports := func() int { f.hall.Report(t.Context()); return f.store.callsOf("Report") }
	if reports() != 0 {
		t.Error("an empty room was reported")
	}
	m := f.join(r)
	r.Like(3)
	if reports() != 1 || f.store.reported["1"] != 1 || r.Counters() != (chat.Counters{Online: 1, Likes: 3}) {
		t.Errorf("after a join and 3 likes: reported %v, counters %+v", f.store.reported, r.Counters())
	}
	if reports() != 1 {
		t.Error("a room that did not change was reported")
	}
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventCounters, Counters: chat.Counters{Online: 7, Likes: 9}})
	if r.Counters() != (chat.Counters{Online: 7, Likes: 9}) {
		t.Errorf("Counters() = %+v; want what the event says", r.Counters())
	}
	f.hall.Tick(f.now.Add(chat.ReportEvery), 0)
	if reports() != 2 {
		t.Error("a room with members was not reported again before its report runs out")
	}
	r.Leave(&m.Member)
	if reports() != 3 || f.store.reported["1"] != 0 {
		t.Errorf("after the last member left %d reports, online %d; want 3 and 0", f.store.callsOf("Report"), f.store.reported["1"])
	}
	f.hall.Away(errAway)
	f.join(r)
	if reports() != 3 {
		t.Error("reported to a store that is away")
	}
}

// TestRoom_RefusedReportIsLoggedOnceAndItsLikesWait: one room whose keys are of the wrong type does not fill the log,
// and its likes wait.
func TestRoom_RefusedReportIsLoggedOnceAndItsLikesWait(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.join(r)
	report := func() { f.hall.Report(t.Context()) }
	r.Like(3)
	f.store.refuse("a key of the wrong type")
	for range 2 { // the second is none: it is too soon
		report()
	}
	for range 3 {
		f.tick(reportAgain * time.Second)
		report()
	}
	if n := f.store.callsOf("Report"); n != 4 {
		t.Errorf("%d reports in three times reportAgain; want 4", n)
	}
	if n := strings.Count(f.logs.String(), "cannot report rooms"); n != 1 || f.hall.Stats().ReportErrors != 4 {
		t.Errorf("the log says it %d times, %d are counted; want 1, 4", n, f.hall.Stats().ReportErrors)
	}
	f.store.back()
	f.tick(reportAgain * time.Second)
	report()
	if got := r.Counters(); got != (chat.Counters{Online: 1, Likes: 3}) {
		t.Errorf("Counters() = %+v; want 1 member, 3 likes", got)
	}
	r.Like(5)
	f.store.away()
	report()
	f.store.back()
	f.tick(reportAgain * time.Second)
	report()
	if got := r.Counters(); got.Likes != 3 {
		t.Errorf("%d likes; want 3: nobody knows whether the others were counted", got.Likes)
	}
	if n := strings.Count(f.logs.String(), "cannot report rooms"); n != 2 {
		t.Errorf("the log says it %d times; want 2: it worked meanwhile", n)
	}
}

// TestRoom_QuietRoomFindsOutThatItLacksTheLastMessage without any event.
func TestRoom_QuietRoomFindsOutThatItLacksTheLastMessage(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "heard")
	f.settle()
	f.publishUnheard("lost on the way")
	f.hall.Report(t.Context()) // too soon: the event may be on its way
	f.settle()
	wantInfos(t, m, "heard")
	f.hall.Tick(f.now.Add(chat.ReportEvery), 0)
	f.hall.Report(t.Context())
	f.settle()
	wantInfos(t, m, "heard", "lost on the way")
	if s := f.hall.Stats(); s.Drifts != 1 {
		t.Errorf("Drifts = %d; want 1", s.Drifts)
	}
}
