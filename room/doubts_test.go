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

// This file tests what a fourth sceptic doubted: members that skip first, clocks, and removals at the worst moment.

// block has a member take nothing, or all again.
func (m *member) block(shut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = shut
}

// body is a message that fills an eighth of smallLogs.
func body(name string, i int) string { return fmt.Sprint(name, i, strings.Repeat("x", 1000)) }

// stalled is a member that has come in behind ten messages and does not read.
func stalled(t *testing.T) (f *fixture, r *Room, m *member) {
	t.Helper()
	f = newFixture(t, smallLogs, Callbacks{})
	r = f.open("1")
	for i := range 10 {
		f.post(r, fmt.Sprint("before", i))
	}
	f.settle()
	m, _ = f.joinNative(r, Since{}, chat.History{})
	m.block(true)
	return f, r, m
}

// A newcomer where others have been before, which skips at once, is notified of nothing that was before it.
func TestDoubt_NewcomerSkipsWhereOthersHaveLeft(t *testing.T) {
	f := newFixture(t, smallLogs, Callbacks{})
	r := f.open("1")
	left := f.native(r)
	f.post(r, "first")
	f.settle()
	r.Leave(&left.Member)
	for i := range 50 {
		f.post(r, fmt.Sprint("unseen", i))
	}
	f.settle()
	m, a := f.joinNative(r, Since{}, chat.History{})
	m.block(true)
	for i := range 30 {
		f.post(r, body("b", i))
		f.settle()
	}
	m.block(false)
	f.catchesUp(r, m)
	for _, fr := range m.frames(t) {
		if fr.T == "gap" && fr.From <= a.Seq || fr.T == "epoch" && fr.Seq < a.Seq {
			t.Errorf("who was welcomed at %d is told %s", a.Seq, fr.brief())
		}
	}
}

// A member that skips before it received anything behind its welcome is notified to hide that, where nobody knows any
// more what was recalled.
func TestDoubt_WhoSkipsMoreRecallsThanAreKeptIsToldOfItsOwn(t *testing.T) {
	f, r, m := stalled(t)
	for i := range chat.RecallsKept + 20 {
		f.post(r, body("r", i))
		f.settle()
		if i == 0 {
			f.store.recall("1", 3)
		}
		f.store.recall("1", uint64(11+i))
	}
	f.settle()
	m.block(false)
	f.catchesUp(r, m)
	told := slices.ContainsFunc(m.taken(t), func(text string) bool {
		return strings.Contains(text, `"t":"cleared"`) || strings.Contains(text, `"t":"recalled","seq":3,`)
	})
	if !told {
		t.Errorf("message 3 of its welcome was taken back, and it is told of %d others only", len(m.taken(t)))
	}
}

// Nodes' clocks are an hour apart: a message read from the history is known when it is sent again while Redis is away.
func TestDoubt_SaidAgainOverANodeWhoseClockIsAheadIsShownOnce(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "first")
	f.settle()
	f.store.deafen()
	d := codec.NewNativeDraft("1", "v", &codec.Op{ID: "x", Body: "vx"}, f.now.Add(-time.Hour).UnixMilli())
	f.publishElsewhere(d)
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	f.store.away()
	f.hall.Away(errAway)
	f.tick(5 * time.Second)
	f.sayHere(r, nil, "v", "x")
	f.settle()
	wantInfos(t, m, "first", "vx")
	f.back()
	f.settle()
	wantInfos(t, m, "first", "vx")
}

// A user is purged while a message of theirs was answered for and its event is on its way.
func TestDoubt_PurgedBetweenAnswerAndEventIsNotShown(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.post(r, "first")
	f.settle()
	f.store.dawdle()
	f.store.setClock(1 << 50)
	f.publishFrom("1", "w", "unseen") // so that the answer does not follow
	f.sayHere(r, nil, "v", "x")
	f.settle()
	if len(r.follower.early) != 1 {
		t.Fatalf("%d answers are early; want 1", len(r.follower.early))
	}
	ev, _, err := f.store.Purge(t.Context(), "1", r.follower.pos, chat.Purge{User: "v"})
	if err != nil {
		t.Fatal(err)
	}
	f.hall.Recalled("1", ev)
	f.store.away()
	f.hall.Away(errAway) // gives at once what is early
	f.settle()
	f.store.hurry()
	f.back()
	f.settle()
	for _, fr := range m.frames(t) {
		for _, msg := range fr.Messages {
			if msg.UserID == "v" {
				t.Errorf("the member got %s, which was purged before", msg.Body)
			}
		}
	}
}

// The store goes back three times before the node reads once: nothing twice, nothing missing that is there.
func TestDoubt_GoesBackThriceBetweenTwoReadsGivesAllOnce(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m, n := f.join(r), f.native(r)
	for i := range 6 {
		f.post(r, fmt.Sprint("a", i))
		f.settle()
	}
	for k := range 3 {
		f.store.goBack(uint64(5 - k))
		f.store.deafen()
		f.publishFrom("1", "w", fmt.Sprint("b", k, "1"))
		f.publishFrom("1", "w", fmt.Sprint("b", k, "2"))
		f.store.hear()
	}
	f.hall.Resumed()
	f.settle()
	f.post(r, "last")
	f.settle()
	wantInfos(t, m, "a0", "a1", "a2", "a3", "a4", "a5", "b21", "b22", "last")
	got := []string{}
	for _, fr := range n.frames(t) {
		for _, msg := range fr.Messages {
			got = append(got, msg.Body)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(infos(t, m.texts(t))) {
		t.Errorf("the native member got %v", got)
	}
}

// A client comes back to a count that fell and has overtaken its place, over a node that knows nothing of that. The
// node does not report to it that it missed nothing.
func TestDoubt_ResumeOverAFreshNodeIsNotRecovered(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	for i := range 10 {
		f.post(r, fmt.Sprint("a", i))
		f.settle()
	}
	since := f.since(10)
	f.store.goBack(5)
	f.store.deafen()
	for i := range 9 {
		f.publishFrom("1", "w", fmt.Sprint("b", i))
	}
	fresh := newFixture(t, nil, Callbacks{})
	fresh.store.cloud = f.store.cloud
	room := fresh.open("1")
	if room.follower.pos.Epoch != "e1" || room.follower.pos.Seq != 14 {
		t.Fatalf("the room stands at %+v; want e1, 14", room.follower.pos)
	}
	if _, a := fresh.joinNative(room, since, chat.History{}); a.Recovered {
		t.Errorf("who comes back with %+v is told that %v is all it missed", since, a.Messages)
	}
}

// An answer of long ago comes when the room has another epoch, with the number of another message.
func TestDoubt_AnswerOfAnOtherEpochLosesAndDoublesNothing(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	var got mailbag
	f.post(r, "first")
	f.settle()
	f.store.meanwhile(func() { // the script has run, its answer is on its way
		f.store.goBack(1)
		f.publishFrom("1", "w", "other")
		f.hall.Resumed()
	})
	f.sayHere(r, &got, "u", "x")
	f.settle()
	f.post(r, "last")
	f.settle()
	had := infos(t, m.texts(t))
	slices.Sort(had)
	if fmt.Sprint(had) != "[first last other ux]" {
		t.Errorf("the member had %v; want first, other, ux, last, once", had)
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "x::2:") {
		t.Errorf("the sender was told %v; want number 2 of the epoch in which it was", got)
	}
}

// A batch whose answer is lost is tried again behind a failover that lost it: once for everybody, and acknowledged.
func TestDoubt_TriedAgainBehindAFailoverIsStoredOnce(t *testing.T) {
	for _, lost := range []bool{false, true} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m, n := f.join(r), f.native(r)
		var got mailbag
		f.post(r, "first")
		f.settle()
		f.store.deafen()
		f.store.loseAnswers()
		f.sayHere(r, &got, "u", "x")
		f.settle()
		f.store.answers()
		f.store.hear()
		if lost {
			f.store.goBack(1)
		}
		f.hall.Resumed()
		f.tick(time.Second)
		f.settle()
		f.post(r, "last")
		f.settle()
		wantInfos(t, m, "first", "ux", "last")
		if len(got) != 1 || len(n.frames(t)) == 0 {
			t.Errorf("lost %v: the sender was told %v", lost, got)
		}
		history := []string{}
		for _, e := range f.store.stored() {
			history = append(history, infos(t, []string{codec.FastIMText(e.JSON)})[0])
		}
		if fmt.Sprint(history) != "[first ux last]" {
			t.Errorf("lost %v: the history is %v", lost, history)
		}
	}
}

// A store that shows again more recalled messages than the log names makes a node repeat no more than it knows.
func TestDoubt_RecallsMadeAgainAreBounded(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 1000 }, Callbacks{})
	r := f.open("1")
	f.native(r)
	const n = chat.RecallsKept
	for i := range n {
		f.post(r, fmt.Sprint("a", i))
		if i%100 == 99 {
			f.settle()
		}
	}
	f.settle()
	last := f.store.stored()
	for _, e := range last {
		f.store.recall("1", e.Seq)
	}
	f.settle()
	f.store.goBack(last[len(last)-1].Seq) // the last batch came last
	f.store.set(func(s *fakeStore) {      // as it was before the recalls
		c := s.room("1")
		for _, p := range slices.Backward(c.past) {
			if p.Seq == c.Seq && len(p.recalls) == 0 {
				past := c.past
				*c = *p.clone()
				c.past = past
				break
			}
		}
	})
	f.hall.Resumed()
	f.deliverAll()
	if got := len(r.recalls.lost); got > n {
		t.Errorf("%d recalls wait to be made again; want %d at most", got, n)
	}
	f.settle()
	f.settle()
	if left := f.store.stored(); len(left) != 0 {
		t.Errorf("%d of what was taken back is in the history", len(left))
	}
	if json, _ := r.Newest(); json != "" {
		t.Errorf("newcomers are given %s", json)
	}
}

// A newcomer into a local epoch that ends is led back by an epoch frame, and notified of no loss.
func TestDoubt_WelcomedWhileReturningIsLedBackWithoutAGap(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Node = "n1" }, Callbacks{})
	r := f.open("1")
	f.native(r)
	f.post(r, "first")
	f.settle()
	f.store.away()
	f.hall.Away(errAway)
	f.post(r, "local")
	f.settle()
	m, a := f.joinNative(r, Since{}, chat.History{})
	if !strings.HasPrefix(a.Epoch, chat.LocalEpoch) {
		t.Fatalf("welcomed into %s", a.Epoch)
	}
	f.publishAsOther("meanwhile")
	f.back()
	late, b := f.joinNative(r, Since{}, chat.History{}) // before anything has gone to the store
	f.settle()
	f.post(r, "last")
	f.settle()
	for k, x := range []struct {
		m *member
		a Welcome
	}{{m, a}, {late, b}} {
		epoch, seq := x.a.Epoch, x.a.Seq
		for _, fr := range x.m.frames(t) {
			switch fr.T {
			case "gap":
				t.Errorf("%d: a false %s", k, fr.brief())
			case "epoch":
				epoch, seq = fr.Epoch, fr.Seq
			case "batch":
				if fr.Epoch != epoch || fr.Messages[0].Seq != seq+1 {
					t.Errorf("%d: %s while at %s/%d", k, fr.brief(), epoch, seq)
				}
				seq = fr.Messages[len(fr.Messages)-1].Seq
			}
		}
		if epoch != "e1" || seq != 4 {
			t.Errorf("%d: ends at %s/%d; want e1/4", k, epoch, seq)
		}
	}
}

// Every key is lost while each kind of thing is under way: everybody has each message that is there afterwards once.
func TestDoubt_KeyLostWhileSomethingIsUnderWayGivesAllOnce(t *testing.T) {
	for key := range keyCount {
		for _, c := range []string{"answer lost", "deaf", "held", "slow"} {
			t.Run(fmt.Sprint(key, " ", c), func(t *testing.T) {
				f := newFixture(t, nil, Callbacks{})
				r := f.open("1")
				m, n := f.join(r), f.native(r)
				f.post(r, "first")
				f.settle()
				switch c {
				case "answer lost":
					f.store.loseAnswers()
					f.sayHere(r, nil, "u", "x")
					f.settle()
					f.store.lose(key)
					f.store.answers()
				case "deaf":
					f.store.deafen()
					f.sayHere(r, nil, "u", "x")
					f.settle()
					f.store.lose(key)
					f.store.hear()
					f.hall.Resumed()
				case "held":
					f.store.meanwhile(func() { f.store.lose(key) })
					f.sayHere(r, nil, "u", "x")
					f.settle()
				case "slow":
					f.store.dawdle()
					f.sayHere(r, nil, "u", "x")
					f.settle()
					f.store.lose(key)
					f.store.hurry()
				}
				f.tick(time.Second)
				f.settle()
				f.post(r, "last")
				f.settle()
				wantInfos(t, m, "first", "ux", "last")
				got := []string{}
				for _, fr := range n.frames(t) {
					for _, msg := range fr.Messages {
						got = append(got, msg.Body)
					}
				}
				if fmt.Sprint(got) != "[first ux last]" {
					t.Errorf("the native member got %v", got)
				}
			})
		}
	}
}
