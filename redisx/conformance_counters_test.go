package redisx_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the part of the conformance suite about batches that are published again
// and about counters.

// testRepeat publishes batches again, as a node without an answer does.
func testRepeat(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	want := chat.Position{}
	var events []chat.Event
	published := make(map[string]chat.Event)
	var all []string
	times, clock := map[string]int64{}, int64(0)
	publish := func(batch string, n int, again bool) {
		t.Helper()
		var d []chat.Draft
		for i := range n {
			if !again {
				clock++
				times[fmt.Sprint(batch, i)] = clock
			}
			// The id looks like the place where batches are remembered.
			d = append(d, codec.NewDraft("r", "\xffn", fmt.Sprint(i), times[fmt.Sprint(batch, i)]))
		}
		if !again {
			want.Seq += uint64(n)
			want.Total += uint64(n)
			all = append(all, texts(d)...)
		}
		got, err := s.put(t.Context(), "r", batch, d)
		noError(t, err)
		if want.Epoch == "" {
			want.Epoch = got.Event.Epoch
		}
		if !again {
			ev := chat.Event{
				Kind: chat.EventMessages, Epoch: want.Epoch, Seq: want.Seq - uint64(n) + 1, Total: want.Total,
				Rev: want.Rev + 1, Prev: want.Tip, Tip: batch + ".0", Messages: texts(d),
			}
			want.Rev, want.Tip = ev.Rev, ev.Tip
			events = append(events, ev)
			published[batch] = ev
		}
		wantEqual(t, "Publish of "+batch, got, err, chat.Stored{Event: published[batch]})
	}
	publish("n.1", 2, false)
	publish("n.1", 2, true)
	publish("n.1", 2, true)
	publish("n.2", 1, false)
	publish("n.2", 1, true)
	// Another node's batch between, whose number is the same.
	publish("n.n.2", 3, false)
	publish("n.2", 1, true)
	publish("n.n.2", 3, true)
	publish("n.22", 1, false) // begins like the one before
	s.pass(chat.BatchLife - time.Second)
	publish("n.22", 1, true)
	wantHistory(t, s.newest(t, "r", historyMessages), want.Seq, want.Total, 1, all...)
	s.settle(t)
	s.wantEvents(t, "r", events...)

	// A new life of the history: the total begins anew.
	s.pass(historyTTL + time.Hour)
	want.Total = 0
	publish("n.3", 1, false)
	publish("n.3", 1, true)
	// Everything has expired.
	s.pass(historyTTL + 25*time.Hour)
	last, err := s.put(t.Context(), "r", "n.3", drafts("r", "u", 1))
	noError(t, err)
	if ev := last.Event; ev.Epoch == want.Epoch || ev.Seq != 1 || ev.Total != 1 || ev.Rev != 1 || ev.Prev != "" {
		t.Errorf("Publish after everything expired = %+v; want a new epoch, seq 1, total 1, rev 1", last)
	}
}

// testOvertaken has batches come that their node gave up, by publishing a later one.
func testOvertaken(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	stored := s.wantSent("n.100", 1, sends("u", 1, ""))
	stored = append(stored, s.wantSent("m.5", 2, sends("v", 1, ""))...)
	late := func(batch, last string) {
		t.Helper()
		for _, id := range []string{"", "late"} {
			_, err := s.put(t.Context(), "r", batch, sends("u", 2, id))
			want := "batch " + batch + " is older than the node's last one, " + last
			if err == nil || !strings.Contains(err.Error(), `room "r"`) || !strings.Contains(err.Error(), want) {
				t.Errorf("Publish of %s with id %q: error %v; want one that names the room and says %q", batch, id, err, want)
			}
			wantRefused(t, err, true)
		}
	}
	late("n.99", "n.100")
	late("n.9", "n.100") // As texts they have another order.
	late("n.0", "n.100")
	late("m.4", "m.5")
	s.wantStored("n.100", sends("u", 1, ""), 1) // The last one is known still.
	stored = append(stored, s.wantSent("n.9007199254740992", 3, sends("u", 3, "late"))...)
	late("n.9007199254740991", "n.9007199254740992")
	s.pass(chat.BatchLife - time.Second)
	late("n.100", "n.9007199254740992")
	s.settle(t)
	s.wantMessages(stored...)

	for _, batch := range []string{"n", "n.", "n.x", "n.-1", "n.1.5e3", ""} {
		_, err := s.put(t.Context(), "r", batch, sends("u", 4, ""))
		if err == nil || !strings.Contains(err.Error(), "is not <node>.<n>") {
			t.Errorf("Publish of batch %q: error %v; want: is not <node>.<n>", batch, err)
		}
		wantRefused(t, err, true)
	}
}

// wantSent is wantStored without repeats, for drafts whose ts stay, and returns their texts.
func (h *harness) wantSent(batch string, seq uint64, d []chat.Draft) []string {
	h.t.Helper()
	h.wantStored(batch, d, seq)
	return texts(d)
}

// report is Report of room r alone, that must not fail.
func (h *harness) report(node string, online, likes uint64) chat.Standing {
	h.t.Helper()
	standings, err := h.Report(h.t.Context(), node, []chat.Report{{Room: "r", Online: online, Likes: likes}})
	noError(h.t, err)
	if len(standings) != 1 {
		h.t.Fatalf("Report of one room = %v", standings)
	}
	return standings[0]
}

// testLikesKnown: likes that the store has lost it takes from a node that knows them; nobody counts twice.
func testLikesKnown(s *harness) {
	t := s.t
	likes := func(node string, liked, known uint64) uint64 {
		t.Helper()
		got, err := s.Report(t.Context(), node, []chat.Report{{Room: "r", Online: 1, Likes: liked, KnownLikes: known}})
		noError(t, err)
		return got[0].Likes
	}
	wantEqual(t, "the first likes", likes("a", 3, 0), nil, 3)
	wantEqual(t, "with others that nodes know", []uint64{likes("a", 0, 500), likes("b", 2, 500), likes("a", 1, 500)}, nil, []uint64{500, 502, 503})
}

// counters are an event's and a standing's.
func counters(online, likes uint64) chat.Counters {
	return chat.Counters{Online: online, Likes: likes}
}

func testCounters(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	var events []chat.Event
	told := func(online, likes uint64) {
		events = append(events, chat.Event{Kind: chat.EventCounters, Counters: counters(online, likes)})
	}
	f := func(node string, online, likes uint64, want chat.Counters) {
		t.Helper()
		wantEqual(t, "counters after a report of "+node, s.report(node, online, likes).Counters, nil, want)
	}
	f("a", 0, 0, counters(0, 0)) // notifies nobody
	f("a", 3, 0, counters(3, 0))
	told(3, 0)
	f("b", 4, 0, counters(7, 0))
	told(7, 0)
	f("a", 3, 0, counters(7, 0)) // the same again
	f("a", 2, 5, counters(6, 5))
	told(6, 5)
	f("b", 4, 1, counters(6, 6))
	told(6, 6)
	f("a", 0, 0, counters(4, 6))
	told(4, 6)
	f("b", 0, 2, counters(0, 8))
	told(0, 8)
	f("c", 0, 0, counters(0, 8))

	// The position is the room's; likes do no harm to the count.
	if got := s.report("a", 0, 0).Position; got != (chat.Position{}) {
		t.Errorf("position of a room without messages = %+v; want none", got)
	}
	s.wantEvents(t, "r", events...)
	text := s.publish(t, "r", "u", 1, 2)
	h := s.newest(t, "r", 50)
	wantHistory(t, h, 2, 2, 1, text...)
	wantEqual(t, "Report", s.report("a", 0, 0), nil, chat.Standing{Position: chat.Position{Epoch: h.Epoch, Seq: 2, Rev: 1, Tip: h.Tip}, Counters: counters(0, 8)})

	// Many rooms, in order; more than go into one call.
	var reports []chat.Report
	for i := range 1200 {
		reports = append(reports, chat.Report{Room: fmt.Sprintf("room-%d", i), Online: uint64(i), Likes: 1})
	}
	reports = append(reports, chat.Report{Room: "r", Online: 1})
	standings, err := s.Report(t.Context(), "a", reports)
	wantEqual(t, "number of standings", len(standings), err, len(reports))
	for i, got := range standings[:1200] {
		wantEqual(t, "counters of "+reports[i].Room, got.Counters, nil, counters(uint64(i), 1))
	}
	wantEqual(t, "counters of r", standings[1200].Counters, nil, counters(1, 8))
	none, err := s.Report(t.Context(), "a", nil)
	wantEqual(t, "Report of nothing", len(none), err, 0)
}

// testCountersExpire: likes live as long as the count of messages, or since the last like.
func testCountersExpire(s *harness) {
	t := s.t
	const life = historyTTL + 24*time.Hour
	s.report("a", 0, 1)
	s.pass(life - time.Hour)
	s.report("a", 0, 1)
	s.pass(life - time.Hour)
	wantEqual(t, "counters", s.report("a", 0, 0).Counters, nil, counters(0, 2))
	s.publish(t, "r", "u", 1)
	s.pass(life - time.Hour)
	wantEqual(t, "counters", s.report("a", 1, 0).Counters, nil, counters(1, 2))
	s.pass(2 * time.Hour)
	wantEqual(t, "counters after all expired", s.report("a", 1, 0), nil, chat.Standing{Counters: counters(1, 0)})
}

// testDeadNode has one of three nodes report no more.
func testDeadNode(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	s.report("a", 1, 0)
	s.report("b", 10, 0)
	s.report("dead", 100, 0)
	s.age("r", chat.ReportLife-5*time.Second)
	wantEqual(t, "counters", s.report("a", 1, 0).Counters, nil, counters(111, 0))
	wantEqual(t, "counters", s.report("b", 10, 0).Counters, nil, counters(111, 0))
	s.age("r", 6*time.Second)
	wantEqual(t, "counters", s.report("a", 1, 0).Counters, nil, counters(11, 0))
	wantEqual(t, "counters", s.report("b", 10, 0).Counters, nil, counters(11, 0))
	wantEqual(t, "counters when it is back", s.report("dead", 50, 0).Counters, nil, counters(61, 0))
	s.settle(t)
	var online []uint64
	for _, ev := range s.events("r") {
		online = append(online, ev.Counters.Online)
	}
	if want := []uint64{1, 11, 111, 11, 61}; !slices.Equal(online, want) {
		t.Errorf("told of %d online; want %d", online, want)
	}
}

// age makes all reports of room older by d.
func (r *rawClient) age(room string, d time.Duration) {
	r.t.Helper()
	reports := r.do("HGETALL", "gmo:"+room)
	shares, err := reports.AsStrMap()
	noError(r.t, err)
	for node, share := range shares {
		var online, at int64
		_, err := fmt.Sscan(share, &online, &at)
		noError(r.t, err)
		r.do("HSET", "gmo:"+room, node, fmt.Sprintf("%d %d", online, at-int64(d/time.Second)))
	}
}
