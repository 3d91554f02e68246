package redisx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the part of the conformance suite about changes of a room. It is about their order, what a node reads of
// them, and what becomes of a batch when the answer was lost.

// follow goes with the room's events from a position and returns where they lead. Each must
// follow the one before; repeated recalls change nothing.
func (h *harness) follow(t *testing.T, room string, at chat.Position) chat.Position {
	t.Helper()
	for _, ev := range h.events(room) {
		switch {
		case ev.Kind == chat.EventCounters:
		case ev.Rev == 0 && ev.Kind == chat.EventRecall && ev.Prev == "":
		case !ev.Follows(at):
			t.Fatalf("event %+v does not follow %+v", ev, at)
		default:
			at = ev.After(at)
		}
	}
	return at
}

// testChain has changes of all kinds, which make a chain that ends where the room stands.
func testChain(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	var heard []chat.Event
	for n := range int64(20) {
		node := string(rune('a' + n%3))
		d := sends("u", 10*n+1, fmt.Sprint("id", n), "", fmt.Sprint("id", n-1))
		stored, err := s.put(t.Context(), "r", fmt.Sprintf("%s.%d", node, n), d)
		noError(t, err)
		heard = append(heard, stored.Event)
		s.report(node, uint64(n), 1)
		ev, err := s.Recall(t.Context(), "r", "u", 10*n+1)
		noError(t, err)
		heard = append(heard, ev)
		if n%4 == 0 {
			again, err := s.Recall(t.Context(), "r", "u", 10*n+1)
			noError(t, err)
			ev.Rev, ev.Prev = 0, ""
			wantEqual(t, "Recall said again", again, nil, ev)
			heard = append(heard, again)
		}
		stored, err = s.put(t.Context(), "r", fmt.Sprintf("%s-again.%d", node, n), d[:1]) // changes nothing
		noError(t, err)
		wantEqual(t, "Repeats", len(stored.Repeats), nil, 1)
	}
	s.settle(t)
	events := slices.DeleteFunc(s.events("r"), func(ev chat.Event) bool { return ev.Kind == chat.EventCounters })
	wantEqual(t, "events heard", events, nil, heard)
	at := s.follow(t, "r", chat.Position{})
	if at.Rev != 40 {
		t.Errorf("40 changes lead to %+v", at)
	}
	wantEqual(t, "position by Read", s.newest(t, "r", 1).Position, nil, at)
	h, err := s.Since(t.Context(), "r", 0, 1)
	wantEqual(t, "position by Since", h.Position, err, at)
	h, err = s.Page(t.Context(), "r", 0, 0, 1)
	wantEqual(t, "position by Page", h.Position, err, at)
	got := s.report("a", 0, 0).Position
	got.Total = at.Total // not read
	wantEqual(t, "position by Report", got, nil, at)
	stored, err := s.put(t.Context(), "r", "d.1", sends("u", 1, "id19"))
	wantEqual(t, "Event of a batch of repeats", stored.Event, err, chat.Event{
		Kind: chat.EventMessages, Epoch: at.Epoch, Total: at.Total, Rev: at.Rev, Tip: at.Tip,
	})
}

// testMovedTS has ts that the store moves on: the answer has the messages as they are.
func testMovedTS(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	d := append(drafts("r", "u", 5, 5, 9), drafts("r", "v", 5)...)
	one, err := s.put(t.Context(), "r", "n.1", d)
	noError(t, err)
	two, err := s.put(t.Context(), "r", "n.2", append(sends("u", 5, "a", "a", ""), sends("v", 6, "a")...))
	noError(t, err)
	again, err := s.put(t.Context(), "r", "n.2", append(sends("u", 5, "a", "a", ""), sends("v", 6, "a")...))
	wantEqual(t, "Publish again", again, err, two)
	s.wantEvents(t, "r", one.Event, two.Event)
	var ts []int64
	for _, m := range append(one.Event.Messages, two.Event.Messages...) {
		ts = append(ts, codec.Timestamp(m))
	}
	wantEqual(t, "ts", ts, nil, []int64{5, 6, 9, 5, 10, 11, 6})
	wantEqual(t, "Repeats", two.Repeats, nil, []chat.Repeat{{Index: 1, Seq: 5, TS: 10}})
}

// testRead reads for nodes that know this and that.
func testRead(s *harness) {
	t := s.t
	var all []string
	var at []chat.Position // at[i] is behind message i.
	at = append(at, chat.Position{})
	for ts := range int64(20) {
		all = append(all, s.publish(t, "r", "u", ts+1)...)
		at = append(at, s.newest(t, "r", 1).Position)
	}
	recall := func(seqs ...uint64) {
		for _, seq := range seqs {
			_, err := s.RecallSeq(t.Context(), "r", "u", chat.Position{}, "", seq, 0)
			noError(t, err)
			all[seq-1] = ""
		}
	}
	f := func(name string, known chat.Position, newest, most int, from, to uint64) {
		t.Helper()
		h := s.read(t, "r", known, newest, most)
		var want []chat.Entry
		for seq := from; seq <= to; seq++ {
			want = append(want, chat.Entry{Seq: seq, JSON: all[seq-1]})
		}
		if !slices.Equal(h.Entries, want) || h.Begun != 0 {
			t.Errorf("%s: entries %v, begun %d; want %v, 0", name, h.Entries, h.Begun, want)
		}
	}
	other := chat.Position{Epoch: "0-other", Seq: 99, Rev: 99, Tip: "x"}
	old := chat.Position{Epoch: "FROMBEFORE", Seq: 99, Rev: 99, Tip: "x"}
	local := chat.Position{Epoch: "l-node", Seq: 99, Rev: 99, Tip: "x"}
	for _, recalled := range []bool{false, true} {
		name := func(text string) string { return fmt.Sprint(text, ", recalled ", recalled) }
		if recalled {
			recall(3, 12, 13, 17)
		}
		deeper := func(n uint64) uint64 { // so many more tombstones
			if recalled {
				return n
			}
			return 0
		}
		f(name("knows nothing"), chat.Position{}, 5, 50, 16-deeper(1), 20)
		f(name("wants nothing"), chat.Position{}, 0, 50, 1, 0)
		f(name("wants more than there is"), chat.Position{}, 100, 500, 1, 20)
		f(name("wants more than most"), chat.Position{}, 100, 2, 19, 20)
		f(name("knows all"), at[20], 3, 50, 18, 20)
		f(name("knows all, wants none"), at[20], 0, 50, 1, 0)
		f(name("lacks a few"), at[18], 5, 50, 16-deeper(1), 20)
		f(name("lacks many"), at[5], 5, 50, 6, 20)
		f(name("lacks many, wants none"), at[11], 0, 50, 12, 20)
		f(name("lacks too many"), at[5], 5, 10, 11-deeper(3), 20)
		f(name("lacks all"), chat.Position{Epoch: at[1].Epoch}, 0, 50, 1, 20)
		f(name("knows another epoch"), other, 5, 10, 11-deeper(3), 20)
		f(name("knows an old epoch"), old, 5, 10, 11-deeper(3), 20)
		f(name("knows a local epoch"), local, 5, 10, 16-deeper(1), 20)
	}
	h := s.newest(t, "r", 1)
	if h.Epoch != at[1].Epoch || h.Seq != 20 || h.Rev != 24 {
		t.Errorf("position %+v after all that; want epoch %s, seq 20, rev 24", h.Position, at[1].Epoch)
	}

	// Changes between may have been pushed out of the history.
	for ts := range int64(historyMessages) {
		all = append(all, s.publish(t, "r", "u", 100+ts)...)
	}
	f("lacks what is gone", at[5], 5, 500, 21, 60)
	s.pass(historyTTL + time.Hour)
	h = s.read(t, "r", at[5], 5, 500)
	if len(h.Entries) > 0 || h.Seq != 60 || h.Total != 0 || h.Epoch != at[1].Epoch {
		t.Errorf("Read of an expired history = %+v", h)
	}
}

// testRecallLog compares the recalls that are read.
func testRecallLog(s *harness) {
	t := s.t
	s.publish(t, "r", "u", 1, 2, 3)
	var all []chat.Event
	before := s.newest(t, "r", 1).Position
	at := []chat.Position{before}
	for _, ts := range []int64{3, 1} {
		ev, err := s.Recall(t.Context(), "r", "u", ts)
		noError(t, err)
		all = append(all, ev)
		at = append(at, s.newest(t, "r", 1).Position)
	}
	_, err := s.Recall(t.Context(), "r", "u", 3) // no new one
	noError(t, err)
	s.publish(t, "r", "u", 4)
	f := func(name string, known chat.Position, want []chat.Event) {
		t.Helper()
		got := s.read(t, "r", known, 1, 1).Recalls
		if len(got) != 0 || len(want) != 0 {
			wantEqual(t, "recalls for a node that "+name, got, nil, want)
		}
	}
	f("knows nothing", chat.Position{}, all)
	f("knew the room before", at[0], all)
	f("knows one", at[1], all[1:])
	f("knows both", at[2], nil)
	f("knows another epoch", chat.Position{Epoch: "0-other", Rev: 99}, all)

	// A new epoch: the recalls of the earlier one are those of another.
	later := chat.Position{Epoch: "7-later", Seq: 3, Rev: 1, Tip: "x"}
	h := s.read(t, "r", later, 1, 1)
	wantEqual(t, "recalls in a new epoch", h.Recalls, nil, all)
	f("knows the new epoch", h.Position, nil)
	ev, err := s.Recall(t.Context(), "r", "u", 4)
	noError(t, err)
	if ev.Rev != 1 || ev.Prev != "" || ev.Epoch != h.Epoch || ev.Seq != 4 {
		t.Errorf("the first recall of epoch %s = %+v; want rev 1, number 4", h.Epoch, ev)
	}
	all = append(all, ev)
	f("knows the new epoch's begin", h.Position, all[2:])
	f("knows the earlier epoch", at[2], all)

	// The log is bounded.
	s.publish(t, "r", "u", 5)
	var last []chat.Event
	for i := range int64(520) {
		s.publish(t, "r", "v", i+1)
		ev, err := s.Recall(t.Context(), "r", "v", i+1)
		noError(t, err)
		last = append(last, ev)
	}
	f("knew the room long ago", h.Position, last[8:])
	f("knows the earlier epoch", at[2], last[8:])
	s.wantRecall(t, "r", "v", 9, true)
	s.wantRecall(t, "r", "v", 8, false) // The log has forgotten it.
}

// testNewEpoch has nodes that know more than the store.
func testNewEpoch(s *harness) {
	t := s.t
	all := s.publish(t, "r", "u", 1, 2, 3)
	first := s.newest(t, "r", 1).Position
	if !strings.HasPrefix(first.Epoch, "1-") || len(first.Epoch) < 10 {
		t.Errorf("the first epoch is %q; want 1-, then something random", first.Epoch)
	}
	_, err := s.Recall(t.Context(), "r", "u", 2)
	noError(t, err)
	at := s.newest(t, "r", 1).Position
	generation := 1
	// For each way to send what a node knows: how it does so, and what the position is then.
	ways := map[string]func(known chat.Position) chat.Position{
		"Read": func(known chat.Position) chat.Position {
			return s.read(t, "r", known, 0, 0).Position
		},
		"Report": func(known chat.Position) chat.Position {
			got, err := s.Report(t.Context(), "n", []chat.Report{{Room: "r", Online: 1, Known: known}})
			noError(t, err)
			return got[0].Position
		},
		"Publish": func(known chat.Position) chat.Position {
			batch := chat.Batch{ID: fmt.Sprintf("n.%d", len(all)), Known: known, Drafts: drafts("r", "u", int64(at.Seq)*1000)}
			stored, err := s.Publish(t.Context(), "r", batch)
			noError(t, err)
			all = append(all, stored.Event.Messages...)
			return stored.Event.After(known)
		},
	}
	for name, way := range ways {
		knowsLess := func(what string, known chat.Position) {
			t.Helper()
			before := s.newest(t, "r", 1).Position
			if pos := way(known); pos.Epoch != before.Epoch || pos.Rev < before.Rev {
				t.Errorf("%s by a node that %s: %+v; it was %+v", name, what, pos, before)
			}
			at = s.newest(t, "r", 1).Position
		}
		goneBack := func(what string, known chat.Position) {
			t.Helper()
			generation++
			if strings.HasPrefix(known.Epoch, "9") {
				generation = 0
				_, _ = fmt.Sscanf(known.Epoch, "%d-", &generation)
				generation++
			}
			pos := way(known)
			changes := uint64(0)
			if name == "Publish" {
				changes = 1
			}
			if !strings.HasPrefix(pos.Epoch, fmt.Sprintf("%d-", generation)) || pos.Rev != changes || pos.Seq != at.Seq+changes || (pos.Tip == "") != (changes == 0) {
				t.Errorf("%s by a node that %s: %+v; want generation %d, rev %d, seq %d", name, what, pos, generation, changes, at.Seq+changes)
			}
			h := s.read(t, "r", chat.Position{}, 50, 50)
			if h.Begun != at.Seq || h.Rev != changes {
				t.Errorf("the epoch began at %d, rev %d; want %d, %d", h.Begun, h.Rev, at.Seq, changes)
			}
			for _, e := range h.Entries {
				if want := all[e.Seq-1]; e.JSON != want && e.Seq != 2 {
					t.Errorf("message %d = %s; want %s", e.Seq, e.JSON, want)
				}
			}
			at = h.Position
		}
		knowsLess("knows nothing", chat.Position{})
		knowsLess("knows the first messages", chat.Position{Epoch: at.Epoch, Seq: 1, Rev: 0})
		knowsLess("knows all", at)
		knowsLess("knows an earlier epoch", chat.Position{Epoch: "0-e", Seq: 999, Rev: 999, Tip: "t"})
		knowsLess("knows an epoch of before", chat.Position{Epoch: "ABCDEFGHIJKL", Seq: 999, Rev: 999, Tip: "t"})
		knowsLess("has an epoch of its own", chat.Position{Epoch: "l-99-e", Seq: 999, Rev: 999, Tip: "t"})
		knowsLess("has no name for it", chat.Position{Epoch: at.Epoch, Seq: at.Seq, Rev: at.Rev})
		goneBack("knows one change more", chat.Position{Epoch: at.Epoch, Seq: at.Seq + 1, Rev: at.Rev + 1, Tip: "t"})
		s.publish(t, "r", "w", int64(at.Seq))
		all = append(all, texts(drafts("r", "w", int64(at.Seq)))...)
		at = s.newest(t, "r", 1).Position
		goneBack("knows another change", chat.Position{Epoch: at.Epoch, Seq: at.Seq, Rev: at.Rev, Tip: "t"})
		goneBack("knows another epoch as late: nobody knows which came first", chat.Position{Epoch: fmt.Sprintf("%d-e", generation), Seq: 1, Rev: 1, Tip: "t"})
		goneBack("knows a later epoch", chat.Position{Epoch: fmt.Sprintf("9%d-e", generation), Seq: 1, Rev: 1, Tip: "t"})
	}

	// This room is not there. A node that reads finds nothing, or a later epoch than the one it knows, since the lost room
	// may come back. A node that publishes begins.
	known := chat.Position{Epoch: "41-e", Seq: 7, Rev: 7, Tip: "t"}
	h := s.read(t, "new", known, 5, 5)
	if h.Position != (chat.Position{Epoch: h.Epoch}) || h.Epoch != "" && !strings.HasPrefix(h.Epoch, "42-") {
		t.Errorf("Read of a room that is not there = %+v; want nothing, or generation 42", h)
	}
	standings, err := s.Report(t.Context(), "n", []chat.Report{{Room: "new", Online: 1, Known: known}})
	wantEqual(t, "Report", standings, err, []chat.Standing{{Position: h.Position, Counters: counters(1, 0)}})
	stored, err := s.Publish(t.Context(), "new", chat.Batch{ID: "n.1", Known: known, Drafts: drafts("new", "u", 1)})
	noError(t, err)
	if ev := stored.Event; !strings.HasPrefix(ev.Epoch, "42-") || ev.Seq != 1 || ev.Rev != 1 {
		t.Errorf("Publish to a room that is not there = %+v; want generation 42, seq 1, rev 1", ev)
	}
	wantEqual(t, "Begun", s.read(t, "new", chat.Position{}, 0, 0).Begun, nil, 0)
}

// madeIDs are messages without IDs, which their node knows by ids that it made.
func madeIDs(user string, ts int64, names ...string) []chat.Draft {
	var all []chat.Draft
	for _, name := range names {
		d := codec.NewDraft("r", user, name, ts)
		d.SetMadeID("~" + name)
		all = append(all, d)
	}
	return all
}

// testTried has batches tried again whose answer the store has forgotten.
func testTried(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	d := append(madeIDs("u", 1000, "a", "b"), sends("u", 1000, "c")...)
	_, err := s.put(t.Context(), "r", "n.1", d)
	noError(t, err)
	s.pass(2*chat.BatchLife + time.Second)
	try := func(batch chat.Batch, seq uint64, repeats ...chat.Repeat) chat.Stored {
		t.Helper()
		got, err := s.Publish(t.Context(), "r", batch)
		noError(t, err)
		wantEqual(t, "Repeats", got.Repeats, nil, repeats)
		if got.Event.Seq != seq || len(got.Event.Messages) != len(batch.Drafts)-len(repeats) {
			t.Errorf("Publish = %+v; want the first message to be %d", got, seq)
		}
		return got
	}
	three := []chat.Repeat{{Index: 0, Seq: 1, TS: 1000}, {Index: 1, Seq: 2, TS: 1001}, {Index: 2, Seq: 3, TS: 1002}}
	got := try(chat.Batch{ID: "n.1", Try: 1, Drafts: d}, 0, three...)
	again := try(chat.Batch{ID: "n.1", Try: 1, Drafts: d}, 0, three...)
	wantEqual(t, "the answer to the third try", again, nil, got)

	// Some are there, some not; a draft without a name cannot be found.
	s.pass(2*chat.BatchLife + time.Second)
	mixed := append(madeIDs("u", 1000, "x", "b"), drafts("r", "u", 1000)...)
	mixed = append(mixed, madeIDs("v", 1000, "a")...) // another user's
	try(chat.Batch{ID: "m.1", Try: 1, Drafts: mixed}, 4, chat.Repeat{Index: 1, Seq: 2, TS: 1001})
	// A batch that was not tried is not looked for.
	try(chat.Batch{ID: "o.1", Drafts: madeIDs("u", 1000, "a")}, 7)

	// A message that was recalled meanwhile is there, too.
	_, err = s.RecallSeq(t.Context(), "r", "u", chat.Position{}, "", 2, 0)
	noError(t, err)
	s.pass(2*chat.BatchLife + time.Second)
	try(chat.Batch{ID: "n.1", Try: 1, Drafts: madeIDs("u", 1000, "b")}, 0, chat.Repeat{Index: 0, Seq: 2, TS: 1001})

	// The epoch has changed since the answer.
	five, err := s.put(t.Context(), "r", "n.5", append(madeIDs("w", 5000, "e"), sends("w", 5000, "f")...))
	noError(t, err)
	known := five.Event.After(chat.Position{})
	known.Rev, known.Tip = known.Rev+1, "lost"
	got = try(chat.Batch{ID: "n.5", Known: known, Drafts: append(madeIDs("w", 5000, "e"), sends("w", 5000, "f")...)}, 0,
		chat.Repeat{Index: 0, Seq: 8, TS: 5000}, chat.Repeat{Index: 1, Seq: 9, TS: 5001})
	if got.Event.Epoch == five.Event.Epoch || got.Event.Rev != 0 || got.Event.Tip != "" || got.Event.Total != 9 {
		t.Errorf("Publish = %+v; want another epoch than %s, rev 0, total 9", got, five.Event.Epoch)
	}
	// An ID that was noted in the earlier epoch has its number in this one.
	try(chat.Batch{ID: "p.1", Drafts: sends("w", 9000, "f")}, 0, chat.Repeat{Index: 0, Seq: 9, TS: 5001})
	for ts := range int64(historyMessages) {
		s.publish(t, "r", "x", ts)
	}
	known = s.newest(t, "r", 1).Position
	known.Rev++
	// Its message is gone, and its number with it.
	try(chat.Batch{ID: "p.2", Known: known, Drafts: sends("w", 9000, "f")}, 0, chat.Repeat{Index: 0, Seq: 0, TS: 5001})
}

// TestRecall_NoMessageIsAnErrorThatNamesIt compares the error's text.
func TestRecall_NoMessageIsAnErrorThatNamesIt(t *testing.T) {
	for name, s := range map[string]*harness{"memory": newMemory(t), "redis": newRedis(t)} {
		_, err := s.Recall(t.Context(), "r", "u", 7)
		if !errors.Is(err, chat.ErrNoMessage) || !strings.Contains(err.Error(), `cannot recall message 7 of "u" in room "r"`) {
			t.Errorf("%s: Recall of what is not there: %v", name, err)
		}
	}
}
