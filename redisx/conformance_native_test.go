package redisx_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
)

// This file is the part of the conformance suite about what native clients need.

// sends are messages of user to room r, all at ts, under the given IDs.
func sends(user string, ts int64, ids ...string) []chat.Draft {
	d := make([]chat.Draft, len(ids))
	for i, id := range ids {
		d[i] = codec.NewNativeDraft("r", user, &codec.Op{ID: id, Body: fmt.Sprint(id, " ", i)}, ts)
	}
	return d
}

// wantStored publishes a batch and compares what became of it: seq is the number of the newest
// message behind it. The epoch, rev and ts are any.
func (h *harness) wantStored(batch string, d []chat.Draft, seq uint64, repeats ...chat.Repeat) {
	h.t.Helper()
	got, err := h.put(h.t.Context(), "r", batch, d)
	noError(h.t, err)
	ev := got.Event
	want := chat.Event{Kind: chat.EventMessages, Epoch: ev.Epoch, Total: seq, Rev: ev.Rev, Prev: ev.Prev, Tip: ev.Tip}
	if n := len(d) - len(repeats); n > 0 {
		want.Seq, want.Tip = seq-uint64(n)+1, batch+".0"
	} else {
		want.Prev = ""
	}
	repeated := make(map[int]bool)
	for _, r := range repeats {
		repeated[r.Index] = true
	}
	for i := range d {
		if k := len(want.Messages); !repeated[i] && k < len(ev.Messages) {
			want.Messages = append(want.Messages, string(d[i].AppendJSON(nil, codec.Timestamp(ev.Messages[k]))))
		}
	}
	if ev.Epoch == "" || ev.Rev == 0 || ev.Tip == "" || len(want.Messages) != len(d)-len(repeats) ||
		!reflect.DeepEqual(got, chat.Stored{Event: want, Repeats: repeats}) {
		h.t.Errorf("Publish of %s = %+v; want %+v, repeats %+v", batch, got, want, repeats)
	}
}

// wantMessages compares the history's messages, by number, and the events of room r, of
// which each makes one for as many as starts says.
func (h *harness) wantMessages(want ...string) {
	h.t.Helper()
	wantHistory(h.t, h.newest(h.t, "r", 50), uint64(len(want)), uint64(len(want)), 1, want...)
	var heard []string
	eventually(h.t, "all messages were heard", func() (bool, string) {
		heard = nil
		for _, ev := range h.events("r") {
			heard = append(heard, ev.Messages...)
		}
		return len(heard) >= len(want), fmt.Sprint(heard)
	})
	wantEqual(h.t, "messages heard", heard, nil, want)
}

// testOnce sends IDs again, alone and beside others, from another node and by another user.
func testOnce(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	one := sends("u", 100, "a", "", "b")
	s.wantStored("n.1", one, 3)
	// A repeat that a user sends later has the first one's ts, which was moved on.
	s.wantStored("m.1", sends("u", 900, "b", "a"), 3, chat.Repeat{Index: 0, Seq: 3, TS: 102}, chat.Repeat{Index: 1, Seq: 1, TS: 100})
	s.wantStored("n.2", sends("u", 900, "b"), 3, chat.Repeat{Index: 0, Seq: 3, TS: 102})
	// A message without an ID is never a repeat; another user's IDs are others.
	two := sends("v", 500, "b", "")
	s.wantStored("n.3", two, 5)
	mixed := append(sends("u", 600, "b", "c", "a"), sends("v", 700, "", "b")...)
	s.wantStored("n.4", mixed, 7,
		chat.Repeat{Index: 0, Seq: 3, TS: 102}, chat.Repeat{Index: 2, Seq: 1, TS: 100}, chat.Repeat{Index: 4, Seq: 4, TS: 500})
	s.wantStored("n.5", sends("u", 800, "c"), 7, chat.Repeat{Index: 0, Seq: 6, TS: 600})

	text := func(d chat.Draft, ts int64) string { return string(d.AppendJSON(nil, ts)) }
	s.settle(t)
	s.wantMessages(text(one[0], 100), text(one[1], 101), text(one[2], 102), text(two[0], 500), text(two[1], 501), text(mixed[1], 600), text(mixed[3], 700))
	for _, ev := range s.events("r") {
		if len(ev.Messages) == 0 {
			t.Errorf("event %+v has no message", ev)
		}
	}
	// Another room's IDs are others too, and so is a pair of user and ID that looks the same only when joined.
	got, err := s.put(t.Context(), "q", "n.1", sends("u", 1, "a"))
	noError(t, err)
	wantEqual(t, "Repeats in another room", len(got.Repeats), nil, 0)
	s.wantStored("n.6", sends("u\x00c", 1, "d"), 8)
	// A recalled message stays sent.
	_, err = s.RecallSeq(t.Context(), "r", "u", chat.Position{}, "", 1, 0)
	noError(t, err)
	s.wantStored("n.7", sends("u", 900, "a"), 8, chat.Repeat{Index: 0, Seq: 1, TS: 100})
}

// testOnceInBatch has the same ID several times in one batch.
func testOnceInBatch(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	d := sends("u", 100, "a", "b", "a", "", "b", "a")
	s.wantStored("n.1", d, 3, chat.Repeat{Index: 2, Seq: 1, TS: 100}, chat.Repeat{Index: 4, Seq: 2, TS: 101}, chat.Repeat{Index: 5, Seq: 1, TS: 100})
	s.wantMessages(string(d[0].AppendJSON(nil, 100)), string(d[1].AppendJSON(nil, 101)), string(d[3].AppendJSON(nil, 102)))

	// The largest batch there is.
	var ids []string
	for i := range redisx.MaxBatch {
		ids = append(ids, fmt.Sprint("id", i))
	}
	s.wantStored("n.2", sends("u", 1000, ids...), 3+redisx.MaxBatch)
	var repeats []chat.Repeat
	for i := range redisx.MaxBatch {
		repeats = append(repeats, chat.Repeat{Index: i, Seq: uint64(4 + i), TS: int64(1000 + i)})
	}
	s.wantStored("n.3", sends("u", 5000, ids...), 3+redisx.MaxBatch, repeats...)
}

// testOnceRetried tries a batch again, whose answer must be the first one's.
func testOnceRetried(s *harness) {
	t := s.t
	s.wantStored("n.1", sends("u", 100, "a"), 1)
	s.wantStored("n.1", sends("u", 100, "a"), 1)
	mixed := sends("u", 200, "a", "b", "b")
	repeats := []chat.Repeat{{Index: 0, Seq: 1, TS: 100}, {Index: 2, Seq: 2, TS: 200}}
	s.wantStored("n.2", mixed, 2, repeats...)
	s.wantStored("m.1", sends("v", 200, "a"), 3)
	s.wantStored("n.2", mixed, 2, repeats...)
	s.wantStored("n.3", sends("u", 300, "a"), 3, chat.Repeat{Index: 0, Seq: 1, TS: 100})
	s.wantStored("m.2", sends("v", 300, "c"), 4)
	s.wantStored("n.3", sends("u", 300, "a"), 3, chat.Repeat{Index: 0, Seq: 1, TS: 100})
	wantEqual(t, "messages", s.newest(t, "r", 50).Total, nil, 4)
}

// testOnceFor has an ID forgotten, but not too early.
func testOnceFor(s *harness) {
	s.wantStored("n.1", sends("u", 100, "a"), 1)
	s.pass(chat.IDLife - time.Second)
	s.wantStored("n.2", sends("u", 200, "a"), 1, chat.Repeat{Index: 0, Seq: 1, TS: 100})
	s.pass(chat.IDLife + 2*time.Second)
	s.wantStored("n.3", sends("u", 300, "a"), 2)
	s.wantStored("n.4", sends("u", 400, "a"), 2, chat.Repeat{Index: 0, Seq: 2, TS: 300})
}

// testPage turns the pages of a history that was trimmed, with holes.
func testPage(s *harness) {
	t := s.t
	h, err := s.Page(t.Context(), "r", 0, 0, 10)
	wantEqual(t, "Page of an empty room", h.Position, err, chat.Position{})
	const first, last = 11, historyMessages + 10
	all := make([]string, 1, last+1) // by number
	for ts := range int64(last) {
		all = append(all, s.publish(t, "r", "u", ts+1)...)
	}
	for _, seq := range []uint64{first, 20, 21, last} {
		_, err := s.RecallSeq(t.Context(), "r", "u", chat.Position{}, "", seq, 0)
		noError(t, err)
		all[seq] = ""
	}
	f := func(before, after uint64, limit int, from, to uint64) {
		t.Helper()
		h, err := s.Page(t.Context(), "r", before, after, limit)
		noError(t, err)
		if h.Seq != last || h.Total != last || h.Epoch == "" {
			t.Errorf("Page(%d, %d, %d): position %+v; want seq %d", before, after, limit, h.Position, last)
		}
		var want []chat.Entry
		for seq := from; seq <= to; seq++ {
			want = append(want, chat.Entry{Seq: seq, JSON: all[seq]})
		}
		if !reflect.DeepEqual(append([]chat.Entry(nil), h.Entries...), want) {
			t.Errorf("Page(%d, %d, %d) = %v; want %d to %d: %v", before, after, limit, h.Entries, from, to, want)
		}
	}
	f(0, 0, 1000, first, last)
	f(0, 0, 5, first, first+4)
	f(0, 18, 5, 19, 23)
	f(0, last-2, 5, last-1, last)
	f(0, last, 5, 1, 0)
	f(0, last+7, 5, 1, 0)
	f(math.MaxUint64, 0, 5, last-4, last)
	f(last, 0, 5, last-5, last-1)
	f(first+2, 0, 5, first, first+1)
	f(first, 0, 5, 1, 0)
	f(1, 0, 5, 1, 0)
	f(30, 20, 1000, 21, 29)
	f(30, 20, 3, 27, 29)
	f(21, 20, 3, 1, 0)
	f(20, 21, 3, 1, 0)
	f(20, 0, 0, 1, 0)
	f(0, 0, 0, 1, 0)
	f(0, math.MaxUint64, 3, 1, 0)
	s.pass(historyTTL + time.Hour)
	h, err = s.Page(t.Context(), "r", 0, 0, 10)
	wantEqual(t, "entries of an expired history", len(h.Entries), err, 0)
	wantEqual(t, "Seq, Total of an expired history", []uint64{h.Seq, h.Total}, nil, []uint64{last, 0})
}

// testRecallSeq takes messages back by number.
func testRecallSeq(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	recall := func(user string, seq uint64, notBefore int64, want error) {
		t.Helper()
		ev, err := s.RecallSeq(t.Context(), "r", user, chat.Position{}, "", seq, notBefore)
		if !errors.Is(err, want) || want == nil && (err != nil || ev.Kind != chat.EventRecall || ev.Seq != seq) {
			t.Errorf("RecallSeq(%s, %d, %d) = %+v, %v; want %v", user, seq, notBefore, ev, err, want)
		}
	}
	recall("u", 1, 0, chat.ErrNoMessage)
	all := s.publish(t, "r", "u", 10, 20)
	mine := sends("v", 30, `"ts":5}`)
	mine[0] = codec.NewNativeDraft("r", "v", &codec.Op{ID: "1", Body: `","ts":5}`, Ext: []byte(`{"userId":"u","ts":5}`)}, 30)
	noError(t, s.send(t.Context(), "r", mine))
	for _, seq := range []uint64{0, 4, math.MaxUint64} {
		recall("u", seq, 0, chat.ErrNoMessage)
	}
	recall("u", 3, 0, chat.ErrNotYours)
	recall("", 1, 0, chat.ErrNotYours)
	recall("u", 2, 21, chat.ErrTooOld)
	recall("v", 2, 21, chat.ErrNotYours)
	recall("u", 2, 20, nil)
	recall("u", 2, 21, nil) // Repeating it is no error, and never too late.
	recall("v", 2, 20, chat.ErrNotYours)
	recall("v", 3, 31, chat.ErrTooOld)
	epoch := s.newest(t, "r", 1).Epoch
	if _, err := s.RecallSeq(t.Context(), "r", "v", chat.Position{}, "0-other", 3, 0); !errors.Is(err, chat.ErrOtherEpoch) {
		t.Errorf("RecallSeq in an epoch that the room has not: %v; want %v", err, chat.ErrOtherEpoch)
	}
	if _, err := s.RecallSeq(t.Context(), "r", "v", chat.Position{}, epoch, 2, 0); !errors.Is(err, chat.ErrNotYours) {
		t.Errorf("RecallSeq in the room's epoch: %v; want %v", err, chat.ErrNotYours)
	}
	recall("v", 3, 30, nil)
	h := s.newest(t, "r", 50)
	wantHistory(t, h, 3, 3, 1, all[0])
	msgs, err := s.Range(t.Context(), "r", -1, -1)
	wantEqual(t, "Range", msgs, err, all[:1])
	s.settle(t)
	s.wantEvents(t, "r",
		chat.Event{Kind: chat.EventMessages, Epoch: h.Epoch, Seq: 1, Total: 2, Messages: all},
		chat.Event{Kind: chat.EventMessages, Epoch: h.Epoch, Seq: 3, Total: 3, Messages: []string{string(mine[0].AppendJSON(nil, 30))}},
		chat.Event{Kind: chat.EventRecall, Epoch: h.Epoch, Seq: 2, Total: 3, Messages: husks(all[1])},
		chat.Event{Kind: chat.EventRecall, Epoch: h.Epoch, Seq: 2, Total: 3, Messages: husks(all[1])},
		chat.Event{Kind: chat.EventRecall, Epoch: h.Epoch, Seq: 3, Total: 3, Messages: husks(string(mine[0].AppendJSON(nil, 30)))},
	)
	// A message that was pushed out of the history cannot be taken back.
	for ts := range int64(historyMessages) {
		s.publish(t, "r", "u", 100+ts)
	}
	recall("u", 3, 0, chat.ErrNoMessage)
	recall("u", 4, 0, nil)
	// A number of an epoch that is over takes nobody else's message, and repeats what was done.
	known := s.newest(t, "r", 1).Position
	known.Rev++
	now := s.read(t, "r", known, 1, 1)
	if now.Epoch == epoch || len(now.Entries) != 1 {
		t.Fatalf("the room stands at %+v; want another epoch than %s, and its newest message", now, epoch)
	}
	for seq, want := range map[uint64]error{4: nil, now.Seq: chat.ErrOtherEpoch} {
		ev, err := s.RecallSeq(t.Context(), "r", "u", chat.Position{}, epoch, seq, 0)
		if !errors.Is(err, want) || err == nil && (ev.Epoch != epoch || ev.Rev != 0) {
			t.Errorf("RecallSeq of %d in %s: %+v, %v; want %v", seq, epoch, ev, err, want)
		}
	}
	if _, err := s.RecallSeq(t.Context(), "r", "u", chat.Position{}, now.Epoch, 4, 0); err != nil {
		t.Errorf("RecallSeq repeated in the new epoch, where the message has the same number: %v", err)
	}
	if again := s.newest(t, "r", 1); again.Rev != now.Rev || !slices.Equal(again.Entries, now.Entries) {
		t.Errorf("the room is %+v; want it untouched, %+v", again, now)
	}
	// A node that knows of more than the store has sends that with a recall, too: the numbers of before are over.
	known = now.Position
	known.Rev++
	if _, err := s.RecallSeq(t.Context(), "r", "u", known, known.Epoch, known.Seq, 0); !errors.Is(err, chat.ErrOtherEpoch) {
		t.Errorf("RecallSeq of a node that knows change %d, where the store has %d: %v; want %v", known.Rev, now.Rev, err, chat.ErrOtherEpoch)
	}
}

// TestInterop_SameIDIsStoredOnce has IDs beside an original node, which sees nothing of them.
func TestInterop_SameIDIsStoredOnce(t *testing.T) {
	s, o := newInterop(t)
	o.listen("r")
	d := codec.NewDraft("r", "u", "hi", 10)
	d.ID = "a"
	for i, want := range []int{0, 1, 1} {
		got, err := s.put(t.Context(), "r", fmt.Sprintf("n.%d", i), []chat.Draft{d})
		noError(t, err)
		wantEqual(t, "Repeats", len(got.Repeats), nil, want)
		ev := chat.Event{Kind: chat.EventMessages, Epoch: chat.Unnumbered, Total: 1}
		if want == 0 {
			ev.Seq, ev.Messages = 1, texts([]chat.Draft{d})
		}
		wantEqual(t, "Event", got.Event, nil, ev)
	}
	o.wantHeard("r", string(d.AppendJSON(nil, 10)))
	wantEqual(t, "history of the original node", len(o.history("r")), nil, 1)
	h, err := s.Page(t.Context(), "r", 0, 0, 10)
	wantEqual(t, "Page", h.Entries, err, []chat.Entry{{Seq: 1, JSON: string(d.AppendJSON(nil, 10))}})
	if _, err := s.RecallSeq(t.Context(), "r", "u", chat.Position{}, "", 1, 0); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("RecallSeq beside an original node = %v; want %v", err, chat.ErrNoMessage)
	}
	wantEqual(t, "history after that", len(o.history("r")), nil, 1)
}

// TestRedis_SameIDIsStoredOnceOverNodes sends an ID on two nodes, before and after a set is full.
func TestRedis_SameIDIsStoredOnceOverNodes(t *testing.T) {
	s, raw := newPair(t)
	other := newNode(t, server.Addr, raw)
	raw.early(t)
	s.wantStored("n.1", sends("u", 100, "a"), 1)
	other.wantStored("m.1", sends("u", 200, "a"), 1, chat.Repeat{Index: 0, Seq: 1, TS: 100})
	raw.shift("gmi:", "ib", -1)
	other.wantStored("m.2", sends("u", 200, "a"), 1, chat.Repeat{Index: 0, Seq: 1, TS: 100})
	if life := raw.int("PTTL", raw.strings("KEYS", "gmi:r:*")[0]); life < 230_000 || life > 240_000 {
		t.Errorf("a set of ids lives for %d ms; want 240000", life)
	}
}
