package chat_test

import (
	"testing"

	"barrage/internal/chat"
)

func TestEvent_FollowsOnlyTheChangeBefore(t *testing.T) {
	at := chat.Position{Epoch: "2-e", Seq: 7, Total: 6, Rev: 3, Tip: "n.3"}
	for _, c := range []struct {
		name string
		at   chat.Position
		ev   chat.Event
		want bool
	}{
		{"the next batch", at, chat.Event{Kind: chat.EventMessages, Epoch: "2-e", Seq: 8, Rev: 4, Prev: "n.3", Tip: "m.1"}, true},
		{"the next recall", at, chat.Event{Kind: chat.EventRecall, Epoch: "2-e", Seq: 2, Rev: 4, Prev: "n.3", Tip: "x"}, true},
		{"the next count after another change", at, chat.Event{Kind: chat.EventMessages, Epoch: "2-e", Seq: 8, Rev: 4, Prev: "m.3", Tip: "m.4"}, false},
		{"one too far", at, chat.Event{Kind: chat.EventMessages, Epoch: "2-e", Seq: 9, Rev: 5, Prev: "n.3", Tip: "m.1"}, false},
		{"the same again", at, chat.Event{Kind: chat.EventMessages, Epoch: "2-e", Seq: 7, Rev: 3, Prev: "n.2", Tip: "n.3"}, false},
		{"another epoch", at, chat.Event{Kind: chat.EventMessages, Epoch: "3-e", Seq: 8, Rev: 4, Prev: "n.3", Tip: "m.1"}, false},
		{"a recall repeated", at, chat.Event{Kind: chat.EventRecall, Epoch: "2-e", Seq: 2, Tip: "x"}, false},
		{"the first of an epoch", chat.Position{Epoch: "3-e", Seq: 7}, chat.Event{Kind: chat.EventMessages, Epoch: "3-e", Seq: 8, Rev: 1, Tip: "m.1"}, true},
		{"the first of a room", chat.Position{}, chat.Event{Kind: chat.EventMessages, Epoch: "1-e", Seq: 1, Rev: 1, Tip: "m.1"}, true},
		{"the first of an epoch over an older history", chat.Position{}, chat.Event{Kind: chat.EventMessages, Epoch: "1-e", Seq: 5, Rev: 1, Tip: "m.1"}, false},
		{"the second of a room", chat.Position{}, chat.Event{Kind: chat.EventMessages, Epoch: "1-e", Seq: 2, Rev: 2, Prev: "m.1", Tip: "m.2"}, false},
	} {
		if got := c.ev.Follows(c.at); got != c.want {
			t.Errorf("%s: %+v follows %+v: %v; want %v", c.name, c.ev, c.at, got, c.want)
		}
	}
}

func TestEvent_AfterMovesThePosition(t *testing.T) {
	at := chat.Position{Epoch: "2-e", Seq: 7, Total: 6, Rev: 3, Tip: "n.3"}
	batch := chat.Event{Kind: chat.EventMessages, Epoch: "2-e", Seq: 8, Total: 8, Rev: 4, Prev: "n.3", Tip: "m.1", Messages: []string{"{}", "{}"}}
	if got, want := batch.After(at), (chat.Position{Epoch: "2-e", Seq: 9, Total: 8, Rev: 4, Tip: "m.1"}); got != want || !got.Same(want) || got.Same(at) {
		t.Errorf("After a batch = %+v; want %+v", got, want)
	}
	recall := chat.Event{Kind: chat.EventRecall, Epoch: "2-e", Seq: 2, Total: 6, Rev: 4, Prev: "n.3", Tip: "x", Messages: []string{"{}"}}
	want := chat.Position{Epoch: "2-e", Seq: 7, Total: 6, Rev: 4, Tip: "x"}
	if got := recall.After(at); got != want {
		t.Errorf("After a recall = %+v; want %+v", got, want)
	}
	want.Total++ // That is no part of the place.
	if !want.Same(recall.After(at)) {
		t.Error("two positions are another place because of their totals")
	}
}

func TestPosition_FirstIsTheOldestOfThisLife(t *testing.T) {
	for _, c := range []struct{ seq, total, want uint64 }{{0, 0, 1}, {7, 7, 1}, {51, 1, 51}, {50, 0, 51}, {5, 9, 1}} {
		p := chat.Position{Seq: c.seq, Total: c.total}
		if got := p.First(); got != c.want {
			t.Errorf("of %d messages in all, %d of them of this life, the first is %d; want %d", c.seq, c.total, got, c.want)
		}
	}
}

func TestBatchOf_FindsTheBatchInATip(t *testing.T) {
	b := chat.Batch{ID: "n-1.7", Try: 2}
	if got := chat.BatchOf(b.Tip()); got != b.ID {
		t.Errorf("the batch of %q is %q; want %q", b.Tip(), got, b.ID)
	}
	for _, tip := range []string{"", "ABCDEFGHIJKL"} {
		if got := chat.BatchOf(tip); got != "" {
			t.Errorf("the batch of %q is %q; want none: it is a recall's", tip, got)
		}
	}
}

// One package promises these times, and another relies on them.
func TestLives_OutlastWhatReliesOnThem(t *testing.T) {
	if chat.ReportLife <= chat.ReportEvery {
		t.Errorf("a report counts for %v and comes every %v: members would be lost between", chat.ReportLife, chat.ReportEvery)
	}
	if chat.BatchLife >= chat.IDLife {
		t.Errorf("a batch is known for %v, its messages' ids for %v: a second try could store them twice", chat.BatchLife, chat.IDLife)
	}
}
