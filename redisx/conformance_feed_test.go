package redisx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"barrage/internal/chat"
)

// This file is the part of the conformance suite about what a backend receives: feeds, bookmarks, news, rosters.

// feed is what "to" has yet to receive of room r.
func (h *harness) feed(limit int) chat.Feed {
	h.t.Helper()
	f, err := h.ReadFeed(h.t.Context(), "r", "to", limit)
	noError(h.t, err)
	return f
}

// testFeed reads the feed of a room bit by bit: messages, recalls, news; then what was lost.
func testFeed(s *harness) {
	t := s.t
	f := s.feed(10)
	if f.Bookmarked || f.Seq != 0 || f.From != 0 || f.First != 1 || f.Now == 0 {
		t.Errorf("of an empty room there is %+v; want nothing", f)
	}
	msgs := s.publish(t, "r", "u", 10, 20, 30)
	f = s.feed(2)
	wantEqual(t, "Entries", f.Entries, nil, []chat.Entry{{Seq: 1, JSON: msgs[0]}, {Seq: 2, JSON: msgs[1]}})
	if f.Bookmarked || f.Epoch == "" || f.Seq != 3 || f.Newest != "" || f.From != 0 || f.To != 2 || f.First != 1 || f.Total != 3 {
		t.Errorf("the feed is %+v", f)
	}
	epoch := f.Epoch
	at := chat.Bookmark{Epoch: epoch, Seq: 2, Note: "a note"}
	noError(t, s.MoveFeed(t.Context(), "r", "to", nil, at))
	if err := s.MoveFeed(t.Context(), "r", "to", nil, chat.Bookmark{}); !errors.Is(err, chat.ErrStale) {
		t.Errorf("a bookmark that another node has moved: %v; want chat.ErrStale", err)
	}
	f = s.feed(10)
	wantEqual(t, "Bookmark", f.Bookmark, nil, at)
	wantEqual(t, "Entries behind it", f.Entries, nil, []chat.Entry{{Seq: 3, JSON: msgs[2]}})
	if !f.Bookmarked || f.From != 2 || len(f.Recalls) != 0 || len(f.News) != 0 {
		t.Errorf("the feed is %+v", f)
	}

	s.wantRecall(t, "r", "u", 30, true)
	s.wantRecall(t, "r", "u", 10, true)
	for _, text := range []string{`{"a":1}`, `{"b":2}`} {
		noError(t, s.AddNews(t.Context(), "r", text))
	}
	s.report("n", 7, 0)
	f = s.feed(10)
	wantEqual(t, "Entries", f.Entries, nil, []chat.Entry{{Seq: 3}})
	if len(f.Recalls) != 2 || f.Recalls[0].Seq != 3 || f.Recalls[1].Rev != 3 || f.Newest != f.Recalls[1].Tip || f.Forgot {
		t.Errorf("Recalls = %+v, the newest %s; want both", f.Recalls, f.Newest)
	}
	if len(f.News) != 2 || f.News[0].Text != `{"a":1}` || f.News[1].Number != f.News[0].Number+1 || f.News[1].Begun != f.News[0].Number || f.News[0].Begun != f.News[0].Number {
		t.Errorf("News = %+v", f.News)
	}
	if f.Online != 7 {
		t.Errorf("Online = %d; want 7", f.Online)
	}
	next := chat.Bookmark{Epoch: epoch, Seq: 3, Recall: f.Recalls[0].Tip, News: f.News[0].Number}
	noError(t, s.MoveFeed(t.Context(), "r", "to", &at, next))
	if f = s.feed(10); len(f.Entries) != 0 || len(f.Recalls) != 1 || len(f.News) != 1 {
		t.Errorf("behind the bookmark there is %+v; want the second recall and the second news", f)
	}

	for i := range historyMessages + 5 { // the history forgets
		s.publish(t, "r", "v", int64(100+i))
	}
	if f = s.feed(1); f.From != 3 || f.To != 9 || f.First != 9 || f.Entries[0].Seq != 9 {
		t.Errorf("From, First = %d, %d, the first entry is %d; want 3, 9 and 9", f.From, f.First, f.Entries[0].Seq)
	}
	s.pass(s.limitOfReports())
	if f = s.feed(1); f.Online != 0 {
		t.Errorf("Online = %d after the reports are over; want 0", f.Online)
	}
}

// limitOfReports is longer than a report counts.
func (*harness) limitOfReports() time.Duration { return chat.ReportLife + time.Second }

// testFeedEpochs has the bookmark in the epoch before, and in one that nobody knows more of.
func testFeedEpochs(s *harness) {
	t := s.t
	s.publish(t, "r", "u", 10, 20, 30)
	old := s.feed(10)
	at := chat.Bookmark{Epoch: old.Epoch, Seq: 2}
	noError(t, s.MoveFeed(t.Context(), "r", "to", nil, at))
	s.wantRecall(t, "r", "u", 10, true) // which is not delivered before the epoch is over
	back := func(known chat.Position) chat.Feed {
		t.Helper()
		h, err := s.Read(t.Context(), "r", known, 1, 1)
		noError(t, err)
		f := s.feed(10)
		if f.Epoch != h.Epoch || f.Epoch == known.Epoch || h.Begun != 3 || f.Before != known.Epoch {
			t.Fatalf("the feed is %+v; want a new epoch that begins at 3", f)
		}
		if len(f.Recalls) != 1 || f.Recalls[0].Seq != 1 || f.Forgot {
			t.Errorf("in another epoch the recalls are %+v, forgot %v; want the one that was not told", f.Recalls, f.Forgot)
		}
		return f
	}
	f := back(chat.Position{Epoch: old.Epoch, Seq: 9, Rev: 9, Tip: "x"})
	if f.From != 2 || len(f.Entries) != 1 || f.Entries[0].Seq != 3 {
		t.Errorf("in the next epoch it goes on with %+v; want number 3", f.Entries)
	}
	f = back(chat.Position{Epoch: f.Epoch, Seq: 9, Rev: 9, Tip: "x"})
	if f.From != 0 || len(f.Entries) != 3 {
		t.Errorf("two epochs later it goes on with %+v; want all", f.Entries)
	}
}

// testFeedForgotten: recalls that the log has no more are reported as missing.
func testFeedForgotten(s *harness) {
	t := s.t
	s.publish(t, "r", "u", 1)
	take := func(ts int64) string {
		t.Helper()
		ev, _, err := s.Purge(t.Context(), "r", chat.Position{}, chat.Purge{User: "u", Since: ts, Until: ts})
		noError(t, err)
		return ev.Tip
	}
	at := chat.Bookmark{Epoch: s.feed(1).Epoch, Seq: 1, Recall: take(1)}
	noError(t, s.MoveFeed(t.Context(), "r", "to", nil, at))
	for i := range int64(chat.RecallsKept - 1) {
		take(i + 2)
	}
	if f := s.feed(3); f.Forgot || len(f.Recalls) != 3 || f.Recalls[0].Purge.Until != 2 {
		t.Errorf("with the last one told in the log: %+v, forgot %v; want what follows it", f.Recalls, f.Forgot)
	}
	take(999)
	if f := s.feed(3); !f.Forgot || len(f.Recalls) != 3 || f.Recalls[0].Purge.Until != 2 {
		t.Errorf("with the last one told not in the log: %+v, forgot %v; want all that there is", f.Recalls, f.Forgot)
	}
}

// testRosters has two nodes want the rooms of one roster.
func testRosters(s *harness) {
	t := s.t
	take := func(node string, limit int) chat.Roster {
		t.Helper()
		r, err := s.TakeFeeds(t.Context(), "to.0", node, limit, 0)
		noError(t, err)
		return r
	}
	rooms := func(r chat.Roster) (ids []string) {
		for _, d := range r.Rooms {
			ids = append(ids, d.Room)
		}
		slices.Sort(ids)
		return ids
	}
	due := func(rooms ...string) { t.Helper(); noError(t, s.DueFeeds(t.Context(), "to.0", rooms)) }
	first := take("a", 10)
	if !first.Mine || first.Due != 0 || first.Birth == 0 || len(first.Rooms) != 0 {
		t.Errorf("an empty roster is %+v", first)
	}
	due("x", "y", "z")
	if r := take("b", 10); r.Mine || len(r.Rooms) != 0 {
		t.Errorf("another node took %+v; want nothing", r)
	}
	if r := take("a", 0); !r.Mine || r.Due != 3 || r.Oldest == 0 || len(r.Rooms) != 0 {
		t.Errorf("a look is %+v; want three that are due", r)
	}
	two := take("a", 2)
	wantEqual(t, "taken", rooms(two), nil, []string{"x", "y"})
	wantEqual(t, "Birth", two.Birth, nil, first.Birth)
	due("y") // something new, while it is looked at
	noError(t, s.DoneFeeds(t.Context(), "to.0", two.Rooms))
	wantEqual(t, "due", rooms(take("a", 10)), nil, []string{"y", "z"})
	noError(t, s.LeaveFeeds(t.Context(), "to.0", "b")) // it has nothing to leave
	if r := take("b", 10); r.Mine {
		t.Error("another node took over, though nobody left")
	}
	noError(t, s.LeaveFeeds(t.Context(), "to.0", "a"))
	if r := take("b", 10); !r.Mine || len(r.Rooms) != 0 {
		t.Errorf("the next node took %+v; want the roster, and the rooms left alone that were taken", r)
	}
}

// testRosterTakenOver lets the node of a roster die.
func testRosterTakenOver(s *harness) {
	t := s.t
	noError(t, s.DueFeeds(t.Context(), "to.0", []string{"x"}))
	if _, err := s.TakeFeeds(t.Context(), "to.0", "a", 10, 0); err != nil {
		t.Fatal(err)
	}
	s.pass(chat.FeedLease)
	r, err := s.TakeFeeds(context.WithoutCancel(t.Context()), "to.0", "b", 10, 0)
	if err != nil || !r.Mine {
		t.Errorf("after the lease another node has %+v, %v; want the roster", r, err)
	}
}

// testNewsBounded: the oldest go, and the numbers show it.
func testNewsBounded(s *harness) {
	t := s.t
	for i := range chat.NewsKept + 3 {
		noError(t, s.AddNews(t.Context(), "r", fmt.Sprintf(`{"n":%d}`, i)))
	}
	f := s.feed(2)
	if len(f.News) != 2 || f.News[0].Text != `{"n":3}` || f.News[0].Number != f.News[0].Begun+3 {
		t.Errorf("News = %+v; want those behind the third", f.News)
	}
}

// TestFeed_StormIsToldUntilItIsOver: a room that is offered too much reports it, also where nothing of what comes next
// is left out. One that takes all it is offered does not.
func TestFeed_StormIsToldUntilItIsOver(t *testing.T) {
	newStormy(t, chat.Quota{PerSecond: 2, Burst: 2}, func(h *harness, wait func(time.Duration)) {
		h.now = time.Now
		for n, c := range []struct {
			high int
			want chat.Storm
		}{{2, chat.Storm{}}, {7, chat.Storm{}}, {1, chat.Storm{Offered: 7, Shown: 2}}} {
			_, err := h.Publish(t.Context(), "r", stormBatch(&n, 0, 0, c.high, 0))
			noError(t, err)
			if f := h.feed(1); f.Storm != c.want {
				t.Errorf("of %d high ones it is %+v; want %+v", c.high, f.Storm, c.want)
			}
			wait(time.Second)
		}
		wait(3 * time.Second)
		many := drafts("r", "u", 1, 2, 3, 4, 5, 6, 7, 8)
		noError(t, h.send(t.Context(), "r", many))
		if f := h.feed(1); f.Storm != (chat.Storm{}) {
			t.Errorf("within the first second it is %+v; want nothing yet", f.Storm)
		}
		wait(time.Second)
		noError(t, h.send(t.Context(), "r", drafts("r", "w", 9)))
		if f := h.feed(1); f.Storm.Level == 0 || f.Storm.Offered != 8 || f.Storm.Shown != 2 {
			t.Errorf("in the next second it is %+v; want 2 of 8 shown", f.Storm)
		}
		wait(3 * time.Second)
		if f := h.feed(1); f.Storm != (chat.Storm{}) {
			t.Errorf("after three quiet seconds it is %+v; want none", f.Storm)
		}
	})
}
