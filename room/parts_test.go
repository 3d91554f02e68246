package room

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file holds the types that know no room: part, seen, follower, outbox, recalls.

// TestPart_RemoveKeepsPlaces takes all members out in one turn, as when a crowd leaves in the middle of a sweep.
func TestPart_RemoveKeepsPlaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var p part
		members := make([]*Member, 1+rng.IntN(8))
		for i := range members {
			members[i] = &Member{index: int32(i)}
		}
		p.members = slices.Clone(members)
		p.pos = rng.IntN(len(members) + 1)
		done, before := slices.Clone(members[:p.pos]), p.pos
		rng.Shuffle(len(members), func(i, k int) { members[i], members[k] = members[k], members[i] })
		for len(members) > 0 {
			p.remove(members[0])
			members = members[1:]
			if len(p.members) != len(members) {
				t.Fatalf("%d members stand in the part; want %d", len(p.members), len(members))
			}
			for _, m := range members {
				if p.members[m.index] != m || (int(m.index) < p.pos) != slices.Contains(done, m) {
					t.Fatalf("of a sweep that had come to %d: with %d left a member is not in its place %d, or has its turn again or none",
						before, len(members), m.index)
				}
			}
		}
	}
}

func TestSeen_KnowsTheLastAndForgetsTheRest(t *testing.T) {
	var s seen
	for i := range key(3 * maxSeen) {
		if !s.add(i, int64(i), 0, 0) || s.add(i, int64(i), 0, 0) {
			t.Fatalf("key %d is not new once and known then", i)
		}
	}
	for i := range key(3 * maxSeen) {
		if kept := s.has(i, int64(i), 0); kept != (i >= maxSeen) {
			t.Fatalf("key %d of %d is known: %v; want the last two halves", i, 3*maxSeen, kept)
		}
	}
	if !s.older(maxSeen-1) || s.older(maxSeen) {
		t.Errorf("a message of the first half is not told from those it knows")
	}
}

func TestSeen_AnIDMayBeUsedAgainWhenTheStoreForgotIt(t *testing.T) {
	const sent, had = 1_000_000, 50
	var s seen
	s.add(7, sent, had, had)
	for _, c := range []struct {
		what    string
		ts, now int64
		isNew   bool
	}{
		{"at once", sent, had, false},
		{"much later, read again", sent, had + 10*sameFor, false},
		{"two minutes later by the senders' clocks", sent + 1000*sameFor, had + 10*sameFor, false},
		{"later than that", sent + 1000*sameFor + 1, had + sameFor + 1, true},
		{"its sender's clock was set back by an hour", sent - 3_600_000, had + sameFor, false},
		{"an hour ahead", sent + 3_600_000, had + sameFor, false},
		{"an older use of the id is read again", sent - 3_600_000, had + 10*sameFor, false},
	} {
		if isNew := !s.has(7, c.ts, c.now); isNew != c.isNew {
			t.Errorf("%s it is new: %v; want %v", c.what, isNew, c.isNew)
		}
	}
	s.note(8, sent, 0)
	if s.has(8, sent+1000*sameFor+1, 1) {
		t.Error("what was there before the members counts as had lately")
	}
}

func TestSeen_NothingIsOlderThanTheBeginning(t *testing.T) {
	var s seen
	if s.older(1) {
		t.Error("older than nothing")
	}
	s.begin()
	s.note(1, 100, 0)
	if s.older(1) {
		t.Error("a message is older than a room that was seen whole")
	}
}

func TestKeyOf_OneForEachMessageInEveryForm(t *testing.T) {
	h := newFixture(t, nil, Callbacks{}).hall
	stored := func(user, id string, ts int64) string {
		d := codec.NewNativeDraft("1", user, &codec.Op{ID: id, Body: "x"}, ts)
		if id == "" {
			d = codec.NewDraft("1", user, "x", ts)
		}
		if id != "" && h.keyOfDraft(&d) != h.keyOf(string(d.AppendJSON(nil, ts))) {
			t.Errorf("a draft of %s has another key than what is stored", id)
		}
		return string(d.AppendJSON(nil, ts))
	}
	seen := map[key]string{}
	for _, m := range []string{stored("u", "1", 1), stored("u", "2", 1), stored("1", "u", 1), stored("u", "", 1), stored("u", "", 2), stored("v", "", 1)} {
		if was, twice := seen[h.keyOf(m)]; twice {
			t.Errorf("%s and %s have one key", was, m)
		}
		seen[h.keyOf(m)] = m
		husk, ok := codec.Husk(m)
		if !ok || h.keyOf(husk) != h.keyOf(m) {
			t.Errorf("%s and its husk %s have two keys", m, husk)
		}
	}
	if h.keyOf(stored("u", "1", 1)) != h.keyOf(stored("u", "1", 99)) {
		t.Error("a message that the store moved on in time has another key")
	}
}

func TestFollower_FitsOnlyTheNextChange(t *testing.T) {
	at := chat.Position{Epoch: "e", Seq: 10, Rev: 5, Tip: "n.5"}
	for _, c := range []struct {
		what string
		r    reading
		ev   chat.Event
		want fit
	}{
		{"the next change", following, chat.Event{Epoch: "e", Rev: 6, Prev: "n.5"}, fitsNext},
		{"the next change, while behind", behind, chat.Event{Epoch: "e", Rev: 6, Prev: "n.5"}, fitsNext},
		{"the next number behind another change: the store went back and came as far again", following, chat.Event{Epoch: "e", Rev: 6, Prev: "n.4"}, fitsNot},
		{"a later change", following, chat.Event{Epoch: "e", Rev: 7, Prev: "n.6"}, fitsNot},
		{"another epoch", following, chat.Event{Epoch: "f", Rev: 6, Prev: "n.5"}, fitsNot},
		{"passed", following, chat.Event{Epoch: "e", Rev: 5, Prev: "n.4"}, fitsOld},
		{"said again", following, chat.Event{Epoch: "e"}, fitsAside},
		{"nobody knows where it stands", blind, chat.Event{Epoch: "e", Rev: 6, Prev: "n.5"}, fitsNot},
		{"not read yet", unread, chat.Event{Epoch: "e", Rev: 6, Prev: "n.5"}, fitsNot},
	} {
		f := follower{reading: c.r, pos: at}
		if got := f.fits(&c.ev); got != c.want {
			t.Errorf("%s: fits %d; want %d", c.what, got, c.want)
		}
	}
	empty := follower{reading: following}
	for seq, want := range map[uint64]fit{1: fitsNext, 2: fitsNot} {
		if got := empty.fits(&chat.Event{Epoch: "e", Rev: 1, Seq: seq}); got != want {
			t.Errorf("in an empty room message %d fits %d; want %d", seq, got, want)
		}
	}
}

func TestFollower_HoldsWithinBounds(t *testing.T) {
	f := follower{reading: following}
	f.park(chat.Event{Epoch: "e", Rev: 2})
	if f.reading != behind || len(f.parked) != 1 {
		t.Errorf("reading %d with %d parked; want behind, 1", f.reading, len(f.parked))
	}
	f.begin()
	if got := f.farthest().Rev; got != 0 {
		t.Errorf("farthest %d in another epoch; want 0", got)
	}
	f.pos.Epoch = "e"
	if got := f.farthest().Rev; got != 2 {
		t.Errorf("farthest %d; want the parked event's 2", got)
	}
	f.pos.Rev, f.pos.Tip, f.early = 2, "mine", []chat.Event{{Epoch: "e", Rev: 2, Tip: "other"}}
	if got := f.farthest(); got != f.pos {
		t.Errorf("farthest %v; want %v, which nothing goes beyond", got, f.pos)
	}
	f.early = nil
	for range maxParked {
		f.park(chat.Event{Epoch: "e"})
	}
	if len(f.parked) != 1 {
		t.Errorf("%d are parked behind the bound of %d; want one, the others are read", len(f.parked), maxParked)
	}
	f.park(chat.Event{Epoch: "e", Messages: []string{string(make([]byte, maxParkedBytes))}})
	f.park(chat.Event{Epoch: "f", Rev: 8, Messages: []string{"x"}})
	if len(f.parked) != 1 || f.parkedBytes != 1 {
		t.Errorf("%d events of %d bytes are parked; want one of 1", len(f.parked), f.parkedBytes)
	}
	f.begin()
	f.park(chat.Event{Epoch: "f", Rev: 9})
	if parked, _ := f.caughtUp(chat.Position{Epoch: "e"}); len(parked) != 1 || parked[0].Rev != 9 || f.reading != following || f.parked != nil {
		t.Errorf("after the read %v wait, reading %d; want only what came while it was read", parked, f.reading)
	}
}

// mailbag is an author that keeps the outcomes that it receives.
type mailbag []string

func (b *mailbag) Settled(a Outcome) {
	*b = append(*b, fmt.Sprintf("%s:%s:%d:%d", a.ID, a.Code, a.Seq, a.TS))
}

// packed is an outbox with posts of these ids, "" for none, one a second.
func packed(from Author, ids ...string) *outbox {
	o := &outbox{tally: &tally{}}
	for i, id := range ids {
		d := codec.NewNativeDraft("1", "u", &codec.Op{ID: id, Body: "x"}, int64(i))
		o.add(post{draft: d, key: key(i + 1), from: from, at: time.Duration(i) * time.Second})
	}
	return o
}

// told gives the answers out, as Room.unlock does.
func (o *outbox) told(b *mailbag) string {
	o.over.notify(o.tally)
	o.over = over{}
	got := fmt.Sprint(*b)
	*b = nil
	return got
}

// TestOutbox_RefusedAreToldWhenToComeAgain: a sender whom the store refuses is notified when to try again; the others
// of the batch are stored.
func TestOutbox_RefusedAreToldWhenToComeAgain(t *testing.T) {
	var b mailbag
	o := packed(&b, "a", "b", "c")
	o.cut(0, true, func() string { return "n.1" })
	o.flight.posts[1].ahead, o.ahead = true, 1
	stored := chat.Stored{
		Event:   chat.Event{Seq: 7, Messages: []string{`{"ts":20}`, `{"ts":22}`}},
		Refused: []chat.RefusedDraft{{Index: 1, Wait: 300 * time.Millisecond}},
	}
	o.landFlight("n.1", &stored, chat.Position{})
	if wait := o.over.settled[1].outcome.Wait; wait != 300*time.Millisecond {
		t.Errorf("b may come again after %v; want 300ms", wait)
	}
	if got := o.told(&b); got != "[a::7:20 b:rate_limited:0:0 c::8:22]" || o.size() != 0 || o.ahead != 0 {
		t.Errorf("answered: %s, %d left, %d ahead; want b refused, and nothing left", got, o.size(), o.ahead)
	}
	if o.tally.refusedRate.Load() != 1 || o.tally.localOnly.Load() != 1 {
		t.Errorf("counted %d refused, %d that only members here had; want 1 and 1", o.tally.refusedRate.Load(), o.tally.localOnly.Load())
	}
}

// TestOutbox_MeetsInAnyOrder: messages that another node has stored stand between, and in their own order.
func TestOutbox_MeetsInAnyOrder(t *testing.T) {
	var b mailbag
	o := packed(&b, "a", "b", "c")
	o.cut(0, true, func() string { return "n.1" })
	o.flight.tries = 1
	var entries []chat.Entry
	for i, k := range []int{3, 9, 1, 3, 2} {
		entries = append(entries, chat.Entry{Seq: uint64(i + 1), JSON: strconv.Itoa(k)})
	}
	o.met("", entries, func(json string) key {
		k, _ := strconv.Atoi(json)
		return key(k)
	})
	if got := o.told(&b); got != "[c::1:3 a::3:1 b::5:2]" || o.size() != 0 || o.flight.id != "" {
		t.Errorf("answered: %s, %d left; want c, a and b once", got, o.size())
	}
}

// BenchmarkOutbox_Met is a batch of 100 whose event comes before its answer, as most do.
func BenchmarkOutbox_Met(b *testing.B) {
	posts, entries := make([]post, BatchMessages), make([]chat.Entry, BatchMessages)
	for i := range posts {
		posts[i] = post{draft: codec.NewDraft("1", "u", fmt.Sprint("m", i), 5), key: key(i)}
		entries[i] = chat.Entry{Seq: uint64(i), JSON: fmt.Sprintf(`{"ts":5,"n":"%03d"}`, i)}
	}
	keyOf := func(json string) key {
		n, _ := strconv.Atoi(json[len(json)-5 : len(json)-2])
		return key(n)
	}
	o, mine := outbox{tally: new(tally)}, make([]post, BatchMessages)
	b.ReportAllocs()
	for b.Loop() {
		copy(mine, posts)
		o.flight = flight{posts: mine, open: len(mine), tries: 1}
		o.met("e", entries, keyOf)
		if o.flight.open != 0 {
			b.Fatal("not all were met")
		}
	}
}

func TestOutbox_EveryPostLeavesOnce(t *testing.T) {
	var b mailbag
	o := packed(&b, "a", "b", "c", "d", "")
	o.cut(0, true, func() string { return "n.1" })
	o.flight.tries = 2
	o.met("", []chat.Entry{{Seq: 8, JSON: "2"}}, func(string) key { return 2 }) // b was sent over another node too
	if got := o.told(&b); got != "[b::8:2]" || o.flight.open != 4 || o.size() != 4 {
		t.Errorf("met: answers %s, %d open; want b under 8, 4", got, o.flight.open)
	}
	stored := chat.Stored{
		Event:   chat.Event{Seq: 10, Messages: []string{`{"ts":20}`, `{"ts":21}`, `{"ts":22}`}},
		Repeats: []chat.Repeat{{Index: 1, Seq: 8, TS: 1}, {Index: 3, TS: 3}},
	}
	if _, ok := o.landFlight("n.0", &stored, chat.Position{}); ok || o.flight.open != 4 {
		t.Error("the answer to another batch was taken")
	}
	again, ok := o.landFlight("n.1", &stored, chat.Position{Epoch: "e"})
	if !ok || len(again) != 1 || again[0].Seq != 0 || codec.Timestamp(again[0].JSON) != 3 {
		t.Errorf("the first try has stored d: %v, %v; want d with its timestamp of then", again, ok)
	}
	if got := o.told(&b); got != "[a::10:20 c::11:21 d::0:3]" || o.size() != 0 || o.flight.id != "" {
		t.Errorf("answered: %s, %d left; want a, c, d, and nothing for b again", got, o.size())
	}
	if o.tally.posts.Load() != 0 || o.tally.bytes.Load() != 0 || o.tally.repeats.Load() != 2 {
		t.Errorf("%d wait with %d bytes, %d repeats; want 0, 0, 2", o.tally.posts.Load(), o.tally.bytes.Load(), o.tally.repeats.Load())
	}
}

func TestOutbox_ExpireTellsWhatMayBeStored(t *testing.T) {
	for _, tried := range []bool{false, true} {
		var b mailbag
		o := packed(&b, "a")
		o.cut(0, true, func() string { return "n.1" })
		if tried {
			o.flight.tries = 1
		}
		rest := packed(&b, "b", "c")
		o.waiting = rest.waiting
		o.tally.posts.Add(2)
		for i := range o.waiting {
			o.waiting[i].at = time.Duration(10*i) * time.Second
		}
		o.goAhead(func(d *chat.Draft, _ bool) int64 { return d.TS })
		o.sending = true
		if n, _ := o.expire(5 * time.Second); n != 1 || o.flight.open != 1 {
			t.Errorf("tried %v: %d given up while a publisher has the batch; want b alone", tried, n)
		}
		o.sending = false
		n, doubtful := o.expire(5 * time.Second)
		want := "[b:expired:0:0 a:expired:0:0]"
		if tried {
			want = "[b:expired:0:0 a:unconfirmed:0:0]"
		}
		if got := o.told(&b); got != want || n != 1 || doubtful == 1 != tried || o.ahead != 1 || o.size() != 1 {
			t.Errorf("tried %v: %s, %d given up, %d of them doubtful, %d ahead wait; want %s", tried, got, n, doubtful, o.ahead, want)
		}
		if only, unsure := o.tally.localOnly.Load(), o.tally.unconfirmed.Load(); only+unsure != 2 || unsure == 1 != tried {
			t.Errorf("tried %v: %d heard here only, %d unconfirmed", tried, only, unsure)
		}
	}
}

func TestOutbox_AuthorizeAndRefusalLeaveNothingWaiting(t *testing.T) {
	var b mailbag
	o := packed(&b, "a", "b", "c")
	o.cut(0, false, func() string { return "n.1" })
	if asked := o.ask(); len(asked) != 3 {
		t.Errorf("%d are asked about; want 3", len(asked))
	}
	o.keepAllowed([]bool{true, false, true})
	if got := o.told(&b); got != "[]" || o.flight.open != 2 || !o.flight.authorized || o.tally.refusedUnauthorized.Load() != 1 {
		t.Errorf("the check: answers %s, %d open; want none, it has told them, and 2", got, o.flight.open)
	}
	if n := o.finishFlight(refused, Outcome{Code: CodeStore}); n != 2 || o.told(&b) != "[a:store_refused:0:0 c:store_refused:0:0]" || o.size() != 0 {
		t.Errorf("%d refused, %d left; want 2 and 0", n, o.size())
	}
	o.keepAllowed(nil)
}

func TestOutbox_HearMarksOnce(t *testing.T) {
	o := packed(nil, "a", "b", "c")
	o.waiting[1].quiet = true // nobody is shown it
	o.cut(0, true, func() string { return "n.1" })
	o.flight.tries = 1
	for _, id := range []string{"d", "e"} {
		o.add(post{draft: codec.NewNativeDraft("1", "u", &codec.Op{ID: id}, 5), quiet: id == "e"})
	}
	var stamped []string
	entries := o.goAhead(func(d *chat.Draft, fixed bool) int64 {
		stamped = append(stamped, fmt.Sprint(d.ID, fixed))
		return d.TS + 100
	})
	if fmt.Sprint(stamped) != "[atrue ctrue dfalse]" || len(entries) != 3 || o.ahead != 3 {
		t.Errorf("%v have timestamps, %d are shown; want the batch under way and what waits, but what is quiet", stamped, len(entries))
	}
	if o.flight.posts[2].draft.TS != 2 || o.waiting[0].draft.TS != 105 || codec.Timestamp(entries[1].JSON) != 102 {
		t.Errorf("c keeps %d and is shown at %d, d keeps %d; want 2, 102, 105", o.flight.posts[2].draft.TS, codec.Timestamp(entries[1].JSON), o.waiting[0].draft.TS)
	}
	if again := o.goAhead(func(d *chat.Draft, _ bool) int64 { return d.TS }); again != nil || o.ahead != 3 {
		t.Errorf("ahead %d again, %d in all", len(again), o.ahead)
	}
	o.finishFlight(refused, Outcome{})
	if o.ahead != 1 {
		t.Errorf("%d ahead wait; want 1", o.ahead)
	}
}

func TestOutbox_TakeOverAnswersTheSecondConnection(t *testing.T) {
	var first, second mailbag
	o := packed(&first, "a", "")
	d := o.waiting[0].draft
	if !o.takeOver(&second, &d) || o.size() != 2 {
		t.Error("a message that is sent again waits twice")
	}
	other := d
	other.UserID = "v"
	plain := o.waiting[1].draft
	if o.takeOver(&second, &other) || o.takeOver(&second, &plain) {
		t.Error("taken for another's message, or for one without an id")
	}
	o.expire(time.Hour)
	o.told(&first)
	if len(second) != 1 || first != nil {
		t.Errorf("the first connection was told %v, the second %v", first, second)
	}
	if o.takeOver(&second, &d) {
		t.Error("a message that has ended was taken over")
	}
}

func TestRecalls_AreBoundedAndKnown(t *testing.T) {
	var c recalls
	keys := map[string]key{}
	keyOf := func(s string) key { return keys[s] }
	for i := range chat.RecallsKept + 3 {
		husk := fmt.Sprintf(`{"n":"%d","ts":%d}`, i, i)
		keys[husk] = key(i)
		ev := chat.Event{Kind: chat.EventRecall, Epoch: "e", Seq: uint64(i), Total: uint64(10 + i), Messages: []string{husk}}
		now := chat.Position{Epoch: "e", Seq: 1010, Total: 1000} // the numbers are 10 ahead of the totals
		if !c.add(key(i), ev, now, keyOf) || c.add(key(i), ev, now, keyOf) {
			t.Fatalf("recall %d is not new once", i)
		}
	}
	if len(c.ts) != chat.RecallsKept || c.has(2, 2) || !c.has(3, 3) || c.has(3, 3+1000*sameFor+1) || len(c.events.inOrder()) != chat.RecallsKept {
		t.Errorf("%d are remembered; want the last %d", len(c.ts), chat.RecallsKept)
	}
	if !c.lacks(Since{Epoch: "e", Seq: 22}, "e") || c.lacks(Since{Epoch: "e", Seq: 23}, "e") || c.lacks(Since{Epoch: "other", Seq: 1}, "other") {
		t.Errorf("dropped up to %+v; want what came up to message 22 of e", c.dropped)
	}
	if !c.lacks(Since{Epoch: "before", Seq: 100}, "e") {
		t.Error("who comes from an earlier epoch is not told that recalls were dropped")
	}
	if c.names("e", 2, 2) || !c.names("e", 3, 3) || c.names("e", 3, 4) || c.names("other", 3, 3) {
		t.Error("recalls are not found by number, epoch and ts")
	}
}

// TestRecall_IsMadeAgainWhereTheStoreLostIt: the store goes back behind a recall.
func TestRecall_IsMadeAgainWhereTheStoreLostIt(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	f.post(r, "a")
	f.settle()
	f.post(r, "b")
	f.settle()
	f.store.recall("1", 1)
	if json, _ := r.Newest(); f.store.callsOf("Recall") != 1 || r.newest.entries[0].Seq != 2 {
		t.Errorf("before the recall is answered the room gives newcomers %s and more", json)
	}
	f.store.recall("1", 1) // made again: all are notified again
	f.settle()
	f.store.goBackAny(func(int) int { return 1 }) // behind b
	f.publishUnheard("c")
	f.hall.Resumed()
	f.settle()
	if got := f.store.stored(); len(got) != 2 || got[0].Seq != 2 {
		t.Errorf("the store shows %v; want b and c", got)
	}
	wantFrames(t, m, "1:a@e1/1", "2:b@e1/2", "recalled 1 by u", "recalled 1 by u", "epoch e2/2", "3:c@e2/3")
	if welcome := string(r.Enter(&Member{}, newFakeSocket())); strings.Contains(welcome, `"a"`) || !strings.Contains(welcome, `"c"`) {
		t.Errorf("the welcome is %s; want b and c", welcome)
	}
}

// TestRecall_TombstonesTellWhereTheStoreLostTheLog of recalls before this node had read it: the messages for
// newcomers are compared with the tombstones in the history.
func TestRecall_TombstonesTellWhereTheStoreLostTheLog(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.native(r)
	for _, text := range []string{"a", "b", "c"} {
		f.post(r, text)
		f.settle()
	}
	f.store.deafen()
	if _, err := f.other.recallThat("1", func(e chat.Entry) bool { return e.Seq == 1 }); err != nil {
		t.Fatal(err)
	}
	f.store.lose(keyRecalls)
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	wantFrames(t, m, "1:a@e1/1", "2:b@e1/2", "3:c@e1/3", "recalled 1 by u")
	if welcome := string(r.Enter(&Member{}, newFakeSocket())); strings.Contains(welcome, `"a"`) {
		t.Errorf("the welcome is %s; want b and c", welcome)
	}
}
