package room

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file tests what members and newcomers receive of purges and clears, and where recalls were forgotten.

// unheard has the fixture's node miss what happens.
func (f *fixture) unheard(happens func()) {
	f.store.deafen()
	happens()
	f.store.hear()
}

// deaf is unheard, and has the node look into the store afterwards.
func (f *fixture) deaf(happens func()) {
	f.unheard(happens)
	f.hall.Resumed()
	f.settle()
}

// taken are the frames that a member got of what was taken away.
func (m *member) taken(tb testing.TB) (all []string) {
	tb.Helper()
	for _, text := range m.texts(tb) {
		if strings.Contains(text, `"t":"purged"`) || strings.Contains(text, `"t":"cleared"`) || strings.Contains(text, `"t":"recalled"`) {
			all = append(all, text)
		}
	}
	return all
}

// posts has u send n messages, and returns their texts as the store has them.
func (f *fixture) posts(r *Room, n int) []chat.Entry {
	for i := range n {
		if f.post(r, fmt.Sprint(i)); i%1000 == 999 {
			f.settle()
		}
	}
	f.settle()
	return f.store.stored()
}

// TestPurge_IsOneEntry: a node that missed it, and a member that comes back, learn of more messages than the log has
// entries.
func TestPurge_IsOneEntry(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 10 }, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	all := f.posts(r, chat.RecallsKept+100)
	until := codec.Timestamp(all[len(all)-1].JSON)
	f.store.setClock(until)
	since := f.since(all[len(all)-1].Seq)
	f.deaf(func() { f.purgeElsewhere(chat.Purge{User: "u", Since: 1}) })
	want := codec.PurgedText(&chat.Purge{User: "u", Since: 1, Until: until})
	if got := m.taken(t); !slices.Equal(got, []string{want}) {
		t.Errorf("a member is told %v; want %s", got, want)
	}
	if json, _ := r.Newest(); json != "" {
		t.Errorf("newcomers are given %s", json)
	}
	if _, a := f.joinNative(r, since, chat.History{}); !slices.Equal(a.Taken, []string{want}) || len(a.Messages) != 0 {
		t.Errorf("who comes back is told %v, and given %v; want %s", a.Taken, a.Messages, want)
	}
	fresh := newFixture(t, nil, Callbacks{}) // another node loads the room
	fresh.store.cloud = f.store.cloud
	if _, a := fresh.joinNative(fresh.open("1"), since, chat.History{}); !slices.Equal(a.Taken, []string{want}) {
		t.Errorf("over a node that has just loaded the room who comes back is told %v; want %s", a.Taken, want)
	}
}

// TestPurge_WhatComesLate was stored before the purge, and is not given to anybody.
func TestPurge_WhatComesLate(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.store.dawdle()
	f.store.setClock(1 << 50)
	f.saysElsewhere("v", "late")
	ev, _, err := f.other.Purge(t.Context(), "1", chat.Position{}, chat.Purge{User: "v"})
	if err != nil {
		t.Fatal(err)
	}
	f.hall.Recalled("1", ev) // this node asked for it
	f.store.hurry()
	f.settle()
	for _, fr := range m.frames(t) {
		if fr.T == "batch" {
			t.Errorf("a member got %s, which was purged before", fr.brief())
		}
	}
}

// TestPurge_IsMadeAgain where the store has lost it, though the node reads none of the messages that are shown again.
func TestPurge_IsMadeAgain(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 10 }, Callbacks{})
	r := f.open("1")
	f.saysElsewhere("v", "old")
	f.posts(r, 3000)
	at := r.follower.pos.Seq
	f.store.setClock(1 << 50)
	f.purgeElsewhere(chat.Purge{User: "v"})
	f.post(r, "next")
	f.settle()
	f.store.set(func(s *fakeStore) { // a replica from before the purge
		c := s.room("1")
		c.Rev, c.Tip, c.recalls, c.newestTaking = 1, "other", nil, chat.Event{}
		c.Seq, c.entries = at, c.entries[:at]
		d := codec.NewNativeDraft("1", "v", &codec.Op{ID: "old", Body: "old"}, 5)
		c.entries[0].JSON = string(d.AppendJSON(nil, 5))
	})
	f.hall.Resumed()
	f.settle()
	f.settle()
	if first := f.store.stored()[0]; strings.Contains(first.JSON, "old") || r.follower.pos.Epoch == "e1" {
		t.Errorf("in %s the history begins with %s; want what was purged gone", r.follower.pos.Epoch, first.JSON)
	}
}

// TestClear_IsMadeAgain where the store has gone back behind it: newcomers do not get what was cleared.
func TestClear_IsMadeAgain(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.posts(r, 4)
	f.purgeElsewhere(chat.Purge{})
	f.settle()
	f.post(r, "behind")
	f.settle()
	f.store.goBackAny(func(n int) int { return n - 3 }) // before the clear
	f.publishUnheard("new")
	f.hall.Resumed()
	f.settle()
	f.settle()
	stored := f.store.stored()
	if len(stored) != 1 || !strings.Contains(stored[0].JSON, "new") {
		t.Errorf("the history is %v; want what is new alone", stored)
	}
	_, a := f.joinNative(r, Since{}, chat.History{})
	if len(a.Messages) != 1 || !strings.Contains(a.Modes, `"cleared":4`) {
		t.Errorf("a newcomer is given %v and %s; want what is new, and that it is cleared up to 4", a.Messages, a.Modes)
	}
}

// TestClear_MadeAgainIsNotToldAgain: members were notified when it was made. Messages behind it stay, also those
// that members sent among themselves while the store was away.
func TestClear_MadeAgainIsNotToldAgain(t *testing.T) {
	for _, away := range []bool{false, true} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.native(r)
		f.posts(r, 4)
		f.purgeElsewhere(chat.Purge{})
		before := f.since(4)
		f.post(r, "behind")
		f.settle()
		behind := f.since(5)
		if away {
			f.store.away()
			f.hall.Away(errAway)
			f.post(r, "local")
			f.settle()
		}
		f.store.goBackAny(func(n int) int { return n - 3 }) // before the clear
		if away {
			f.back()
		}
		f.hall.Resumed()
		f.settle()
		f.settle()
		if r.follower.pos.Epoch == "e1" || r.recalls.cleared == 0 {
			t.Fatalf("away %v: in %s the room is cleared up to %d; want another epoch, and the clear made again", away, r.follower.pos.Epoch, r.recalls.cleared)
		}
		if got, want := m.taken(t), []string{codec.ClearedText(chat.Place{Epoch: "e1", Seq: 4})}; !slices.Equal(got, want) {
			t.Errorf("away %v: a member is told %v; want %v, once", away, got, want)
		}
		for since, want := range map[Since][]string{before: {codec.ClearedText(chat.Place{Epoch: "e1", Seq: 4})}, behind: nil} {
			if _, a := f.joinNative(r, since, chat.History{}); !slices.Equal(a.Taken, want) {
				t.Errorf("away %v: who comes back from %+v is told %v; want %v", away, since, a.Taken, want)
			}
		}
	}
}

// TestClear_ANodeThatWasAwayTellsOfItAfterwards: members and newcomers receive it in the next epoch.
func TestClear_ANodeThatWasAwayTellsOfItAfterwards(t *testing.T) {
	for _, logged := range []bool{true, false} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.native(r)
		f.posts(r, 4)
		f.deaf(func() {
			f.purgeElsewhere(chat.Purge{})
			f.publishUnheard("behind", "lost")
			f.store.set(func(s *fakeStore) {
				if !logged {
					s.room("1").recalls = nil
				}
				s.cloud.goBackAny(func(n int) int { return n - 2 })
				if !logged {
					s.room("1").recalls = nil
				}
				s.look(s.room("1"), chat.Position{Epoch: "e1", Rev: 1000}) // another node has noticed
			})
		})
		if got := m.taken(t); !slices.Equal(got, []string{codec.ClearedText(chat.Place{Epoch: "e1", Seq: 4})}) {
			t.Errorf("logged %v: a member is told %v; want that the room was cleared up to 4", logged, got)
		}
		if _, a := f.joinNative(r, Since{}, chat.History{}); a.Epoch == "e1" || !strings.Contains(a.Modes, `"cleared":4`) || len(a.Messages) != 1 {
			t.Errorf("logged %v: a newcomer is at %+v with %s and %v; want it cleared up to 4, and one message", logged, a.Position, a.Modes, a.Messages)
		}
	}
}

// TestClear_WhoWasThereIsNotToldAgain: one clear of before would take all off the screen at each return.
func TestClear_WhoWasThereIsNotToldAgain(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Node = "n1" }, Callbacks{})
	r := f.open("1")
	f.posts(r, 4)
	was := f.since(4)
	f.purgeElsewhere(chat.Purge{})
	f.post(r, "behind")
	f.settle()
	f.store.goBack(4) // without the message behind the clear
	f.publishUnheard("other")
	f.hall.Resumed()
	f.settle()
	here := f.since(5)
	here.Epoch = r.follower.pos.Epoch
	if here.Epoch == "e1" {
		t.Fatal("there is no other epoch")
	}
	if _, a := f.joinNative(r, here, chat.History{}); !a.Recovered || len(a.Taken) > 0 {
		t.Errorf("who comes back into the epoch that it left is told %v, recovered %v; want nothing, and recovered", a.Taken, a.Recovered)
	}
	want := codec.ClearedText(chat.Place{Epoch: "e1", Seq: 4})
	if _, a := f.joinNative(r, was, chat.History{}); !slices.Equal(a.Taken, []string{want}) {
		t.Errorf("who was away over the clear and the change of epoch is told %v; want %s", a.Taken, want)
	}
	f.purgeElsewhere(chat.Purge{Until: r.recalls.clearedAt() + 1}) // not that of before, made again
	f.settle()
	again := codec.ClearedText(chat.Place{Epoch: here.Epoch, Seq: 5})
	if _, a := f.joinNative(r, was, chat.History{}); !slices.Equal(a.Taken, []string{want, again}) {
		t.Errorf("who was away over a clear in either epoch is told %v; want %s and %s", a.Taken, want, again)
	}
	f.store.away()
	f.hall.Away(errAway)
	f.post(r, "local")
	f.settle()
	_, local := f.joinNative(r, Since{}, chat.History{})
	if _, a := f.joinNative(r, Since{Epoch: local.Epoch, Seq: local.Seq}, chat.History{}); a.Epoch == here.Epoch || len(a.Taken) > 0 {
		t.Errorf("who comes back into local epoch %s is told %v; want nothing", a.Epoch, a.Taken)
	}
}

// TestSince_ClearedOnlyWhatItMayHaveMissed: the part of a clear that a member may have missed lies in its own epoch, in
// that of now, or between these.
func TestSince_ClearedOnlyWhatItMayHaveMissed(t *testing.T) {
	for _, c := range []struct {
		since Since
		clear chat.Place
		now   string
		want  string
	}{
		{Since{Epoch: "2-b", Seq: 4}, chat.Place{Epoch: "1-a", Seq: 4}, "2-b", ""},
		{Since{Epoch: "2-b", Seq: 4}, chat.Place{Epoch: "2-b", Seq: 4}, "2-b", ""}, // the modes show it
		{Since{Epoch: "2-b", Seq: 4}, chat.Place{Epoch: "1-a", Seq: 4}, "3-c", ""},
		{Since{Epoch: "2-b", Seq: 4}, chat.Place{Epoch: "2-b", Seq: 4}, "3-c", "2-b 4"},
		{Since{Epoch: "2-b", Seq: 5}, chat.Place{Epoch: "2-b", Seq: 4}, "3-c", ""}, // it received a message behind the clear
		// where numbers begin anew the modes alone do not show it
		{Since{Epoch: "2-b", Seq: 5}, chat.Place{Epoch: "3-c", Seq: 4}, "3-c", "3-c 4"},
		{Since{Epoch: "1-a", Seq: 9}, chat.Place{Epoch: "2-b", Seq: 4}, "3-c", "1-a 9"}, // it does not know that epoch
		// of two of one generation nobody knows which came later
		{Since{Epoch: "2-b", Seq: 9}, chat.Place{Epoch: "2-bb", Seq: 4}, "3-c", "2-b 9"},
		{Since{Epoch: "1-a", Seq: 3}, chat.Place{Epoch: "1-a", Seq: 4}, "l-n1-1", "1-a 4"},
		{Since{Epoch: "l-n1-1", Seq: 1}, chat.Place{Epoch: "1-a", Seq: 4}, "l-n1-1", ""},
		{Since{Epoch: "l-n1-1", Seq: 9}, chat.Place{Epoch: "1-a", Seq: 4}, "2-b", "1-a 4"}, // it may have that from before
		{Since{Epoch: "l-n1-1", Seq: 9}, chat.Place{Epoch: "2-b", Seq: 4}, "2-b", "2-b 4"},
	} {
		at, missed := c.since.cleared(chat.Event{Epoch: c.clear.Epoch, Purge: &chat.Purge{UpTo: c.clear}}, c.now)
		if got := fmt.Sprint(at.Epoch, " ", at.Seq); missed != (c.want != "") || missed && got != c.want {
			t.Errorf("from %v to %s of a clear up to %v one is told %s (%v); want %s", c.since, c.now, c.clear, got, missed, cmp.Or(c.want, "nothing"))
		}
	}
}

// TestSince_HearsOfNoClearOfEarlierEpochs: a member does not receive a clear of an earlier epoch than its own, so it
// has to receive one that was made again.
func TestSince_HearsOfNoClearOfEarlierEpochs(t *testing.T) {
	first := chat.Event{Epoch: "2-b"}
	for since, want := range map[string]bool{"1-a": true, "2-b": true, "3-c": false, "l-n1-1": true} {
		if got := (Since{Epoch: since}).receives(&first); got != want {
			t.Errorf("who comes back from %s hears of a clear of %s: %v; want %v", since, first.Epoch, got, want)
		}
	}
}

// TestForgotten_MembersShowNothingOfBefore: their node has missed more than the log keeps.
func TestForgotten_MembersShowNothingOfBefore(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 10 }, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.posts(r, chat.RecallsKept+50)
	since := f.since(chat.RecallsKept + 40)
	f.deaf(func() {
		for seq := range uint64(chat.RecallsKept + 2) {
			if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == seq+1 }); err != nil {
				t.Fatal(err)
			}
		}
		f.publishUnheard("new")
	})
	told := m.taken(t)
	if i := slices.IndexFunc(told, func(text string) bool { return strings.Contains(text, "cleared") }); i < 0 || strings.Contains(told[i], `"seq":0`) {
		t.Errorf("a member is told %v; want to show nothing of before", told)
	}
	want := codec.ClearedText(chat.Place{Epoch: since.Epoch, Seq: since.Seq})
	if _, a := f.joinNative(r, since, chat.History{}); a.Recovered || !slices.Contains(a.Taken, want) {
		t.Errorf("who comes back is told %v; want %s", a.Taken, want)
	}
	if _, a := f.joinNative(r, f.since(chat.RecallsKept+51), chat.History{}); !a.Recovered || len(a.Taken) > 0 {
		t.Errorf("who had what came last is told %v, recovered %v; want nothing", a.Taken, a.Recovered)
	}
	r.mu.Lock()
	r.recalls.forget(chat.Position{Epoch: "e1", Seq: 9999}) // of a store that has gone back since, and nobody has noticed
	r.mu.Unlock()
	want = codec.ClearedText(chat.Place{Epoch: "e1", Seq: r.follower.pos.Seq})
	if _, a := f.joinNative(r, Since{Epoch: "e1", Seq: 5000, TS: 1}, chat.History{}); !slices.Contains(a.Taken, want) {
		t.Errorf("who comes back from a number that the room has not reached is told %v; want %s", a.Taken, want)
	}
}

// TestForgotten_SkippingTooManyRecallsClearsTheScreen: a member that skips over more recalls than are
// remembered shows nothing of what it received.
func TestForgotten_SkippingTooManyRecallsClearsTheScreen(t *testing.T) {
	var n seqMap
	n.note("e1", 0, 11)
	for i := range chat.RecallsKept + 1 {
		n.noteRecall(takeBack{uint64(5 + i), fmt.Sprint("recall ", i), false})
	}
	want := codec.ClearedText(chat.Place{Epoch: "e1", Seq: 15})
	if got := n.recalledBetween(5, 2000); len(got) != chat.RecallsKept+1 || got[0] != want || got[1] != "recall 1" {
		t.Errorf("who has had 5 messages is told %d things, first %s; want %s", len(got), got[0], want)
	}
	if got := n.recalledBetween(6, 2000); len(got) != chat.RecallsKept || got[0] != "recall 1" {
		t.Errorf("who has had 6 messages is told %d things, first %s; want all recalls", len(got), got[0])
	}
}

// TestSeqMap_RunsAscend: a run that no message came for is forgotten, so holes alone cost places.
func TestSeqMap_RunsAscend(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var n seqMap
	index, seq := uint64(0), uint64(1)
	for range 1000 {
		index, seq = index+uint64(rnd.IntN(2)), seq+uint64(rnd.IntN(3))
		n.note("e1", index, seq)
		if !slices.IsSortedFunc(n.runs, func(a, b run) int { return cmp.Compare(a.index, b.index+1) }) || len(n.runs) > maxRuns {
			t.Fatalf("runs %v; want one for each index, at most %d", n.runs, maxRuns)
		}
		if last := n.runs[len(n.runs)-1]; last.at(index) != seq {
			t.Fatalf("message %d has number %d; want %d", index, last.at(index), seq)
		}
	}
}

// TestRecalls_DroppedPurgesCountAsMissed: purges are those of events. A client that had got no further than where the
// room was when the newest dropped one came may lack some.
func TestRecalls_DroppedPurgesCountAsMissed(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var c recalls
	keyOf := func(husk string) key { return key(codec.Timestamp(husk)) }
	now := chat.Position{Epoch: "e1"}
	var came []chat.Event
	for i := range 3 * chat.RecallsKept {
		now.Rev++
		now.Seq += uint64(rnd.IntN(3))
		now.Total = now.Seq - min(now.Seq, uint64(rnd.IntN(5)))
		ev := chat.Event{Kind: chat.EventRecall, Epoch: "e1", Seq: now.Seq, Total: now.Total}
		d := codec.NewDraft("1", "u", "x", 0)
		ev.Messages = []string{string(d.AppendJSON(nil, int64(i+1)))}
		if rnd.IntN(3) == 0 {
			ev.Kind, ev.Messages, ev.Purge = chat.EventPurge, nil, &chat.Purge{User: fmt.Sprint(i), Until: int64(i)}
		}
		var k key
		if ev.Kind == chat.EventRecall {
			k = keyOf(ev.Messages[0])
		}
		if came = append(came, ev); !c.add(k, ev, now, keyOf) || c.add(k, ev, now, keyOf) {
			t.Fatalf("%d: a recall is new once", i)
		}
		var purges []*chat.Event
		recalled := 0
		for _, ev := range c.events.inOrder() {
			if ev.Kind == chat.EventPurge {
				purges = append(purges, &ev)
			} else {
				recalled++
			}
		}
		if !slices.EqualFunc(purges, c.purges, sameTaking) || len(c.ts) != recalled {
			t.Fatalf("%d: %d purges and %d recalls are known; want %d and %d", i, len(c.purges), len(c.ts), len(purges), recalled)
		}
		for _, gone := range came[:max(0, len(came)-chat.RecallsKept)] {
			if gone.Kind == chat.EventPurge && !c.lacks(Since{Epoch: "e1", Seq: gone.Seq}, "e1") {
				t.Fatalf("%d: who had got to %d has missed nothing; want a purge then", i, gone.Seq)
			}
		}
		came = came[max(0, len(came)-chat.RecallsKept-1):]
	}
}

// TestLikes_AreNotLostWithTheStore: the node goes on with what it knows, and reports it to the store.
func TestLikes_AreNotLostWithTheStore(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.native(r)
	f.posts(r, 1)
	r.Like(500)
	f.hall.Report(t.Context())
	f.store.set(func(s *fakeStore) { s.room("1").likes = 0 })
	// of a node that knew less
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventCounters, Counters: chat.Counters{Online: 1, Likes: 1}})
	if got := r.Counters().Likes; got != 500 {
		t.Errorf("members are told of %d likes; want 500", got)
	}
	r.Like(2)
	f.hall.Report(t.Context())
	if got := f.store.room("1").likes; got != 502 || r.Counters().Likes != 502 {
		t.Errorf("the store has %d likes, the room %d; want 502", got, r.Counters().Likes)
	}
}

// TestRules_LostWhileANodeStartsLetNothingIn: it stores nothing before they are back, or nobody knows them.
func TestRules_LostWhileANodeStartsLetNothingIn(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.posts(f.open("1"), 1)
	f.moderateElsewhere(muted("u"))
	fresh := newFixture(t, nil, Callbacks{})
	fresh.store.cloud = f.store.cloud
	f.store.nodes = append(f.store.nodes, fresh.store)
	f.store.set(func(s *fakeStore) {
		lost := s.room("1")
		lost.rules, lost.rulesLost = chat.Rules{}, lost.rules.Version
	})
	r := fresh.open("1")
	var box mailbag
	if err := r.PostNative(&box, "u", &codec.Op{ID: "x", Body: "muted"}, fresh.now); err != nil {
		t.Fatal(err)
	}
	fresh.settle()
	if got := fresh.store.stored(); len(got) != 1 {
		t.Fatalf("a muted user got in while the rules were lost: %v", got)
	}
	f.settle() // a node that knows them brings them back
	f.settle()
	fresh.settle()
	fresh.tick(1e9)
	fresh.settle()
	if got := fresh.store.stored(); len(got) != 1 || fmt.Sprint(box) != "[x:muted:0:0]" {
		t.Errorf("once they are back there is %v, and the user is told %v; want muted", got, box)
	}
}
