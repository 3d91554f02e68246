package redisx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"barrage/internal/chat"
	"barrage/redisx"
)

// This file is the part of the conformance suite about recalls, models and events.

func testRecall(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	all := s.publish(t, "r", "u", 1, 2, 3)
	recall := func(user string, ts int64, want bool) {
		t.Helper()
		s.wantRecall(t, "r", user, ts, want)
	}
	recall("v", 2, false)
	recall("u", 4, false)
	recall("u", 2, true)
	recall("u", 2, true) // recalled again

	h := s.newest(t, "r", 50)
	want := []chat.Entry{{Seq: 1, JSON: all[0]}, {Seq: 3, JSON: all[2]}}
	if !slices.Equal(h.Entries, want) || h.Seq != 3 || h.Total != 3 {
		t.Errorf("history after a recall = %+v; want seq 3, total 3, %v", h, want)
	}
	_, found, err := s.Before(t.Context(), "r", "u", 2, 50)
	wantEqual(t, "Before of a recalled message", found, err, false)
	msgs, found, err := s.Before(t.Context(), "r", "u", 3, 50)
	wantEqual(t, "Before", found, err, true)
	wantEqual(t, "Before", msgs, nil, all[:1])

	// The ts of a recalled message is not given out again.
	noError(t, s.send(t.Context(), "r", drafts("r", "u", 2)))
	recall("u", 2, true)
	recall("u", 4, true)

	s.wantEvents(t, "r",
		chat.Event{Kind: chat.EventMessages, Epoch: h.Epoch, Seq: 1, Total: 3, Messages: all},
		chat.Event{Kind: chat.EventRecall, Epoch: h.Epoch, Seq: 2, Total: 3, Messages: husks(all[1])},
		chat.Event{Kind: chat.EventRecall, Epoch: h.Epoch, Seq: 2, Total: 3, Messages: husks(all[1])},
		chat.Event{Kind: chat.EventMessages, Epoch: h.Epoch, Seq: 4, Total: 4, Messages: texts(drafts("r", "u", 4))},
		chat.Event{Kind: chat.EventRecall, Epoch: h.Epoch, Seq: 2, Total: 3, Messages: husks(all[1])},
		chat.Event{Kind: chat.EventRecall, Epoch: h.Epoch, Seq: 4, Total: 4, Messages: husks(texts(drafts("r", "u", 4))...)},
	)
}

// wantRecall recalls a message and compares whether there was one.
func (h *harness) wantRecall(t *testing.T, room, user string, ts int64, want bool) {
	t.Helper()
	ev, err := h.Recall(t.Context(), room, user, ts)
	if err != nil && !errors.Is(err, chat.ErrNoMessage) || (err == nil) != want || want != (ev.Kind == chat.EventRecall) {
		t.Errorf("Recall(%s, %s, %d) = %+v, %v; want one: %v", room, user, ts, ev, err, want)
	}
}

func testReadPastRecalled(s *harness) {
	t := s.t
	var times []int64
	for i := range historyMessages {
		times = append(times, int64(i+1))
	}
	all := s.publish(t, "r", "u", times...)
	for ts := int64(4); ts < historyMessages; ts++ { // all but 1, 2, 3 and the newest
		s.wantRecall(t, "r", "u", ts, true)
	}
	want := []chat.Entry{{Seq: 2, JSON: all[1]}, {Seq: 3, JSON: all[2]}, {Seq: historyMessages, JSON: all[historyMessages-1]}}
	if h := s.newest(t, "r", 3); !slices.Equal(h.Entries, want) {
		t.Errorf("newest 3 = %v; want %v", h.Entries, want)
	}
	h, err := s.Since(t.Context(), "r", 1, 3)
	wantEqual(t, "Since", h.Entries, err, want)
	msgs, _, err := s.Before(t.Context(), "r", "u", historyMessages, 2)
	wantEqual(t, "Before", msgs, err, all[1:3])
}

// testRangePastRecalled has five messages left of eight; the oldest, the newest and one
// between are recalled.
func testRangePastRecalled(s *harness) {
	t := s.t
	all := s.publish(t, "r", "u", 1, 2, 3, 4, 5, 6, 7, 8)
	recall := func(times ...int64) {
		t.Helper()
		for _, ts := range times {
			s.wantRecall(t, "r", "u", ts, true)
		}
	}
	f := func(start, stop int64, want ...int) {
		t.Helper()
		var texts []string
		for _, ts := range want {
			texts = append(texts, all[ts-1])
		}
		got, err := s.Range(t.Context(), "r", start, stop)
		noError(t, err)
		if !slices.Equal(got, texts) {
			t.Errorf("Range(%d, %d) = %q; want %q", start, stop, got, texts)
		}
	}
	recall(1)
	f(0, 1, 2, 3)
	f(-9, -7, 2)
	recall(8, 4)
	const least, most = math.MinInt64, math.MaxInt64
	f(-1, -1, 7)
	f(0, 0, 2)
	f(0, -1, 2, 3, 5, 6, 7)
	f(2, 3, 5, 6)
	f(-3, -2, 5, 6)
	f(1, -2, 3, 5, 6)
	f(-4, 1, 3)
	f(4, 4, 7)
	f(-5, -5, 2)
	f(5, 9)
	f(-9, -6)
	f(-9, -5, 2)
	f(4, 9, 7)
	f(3, 2)
	f(-2, -3)
	f(-1, 0)
	f(least, most, 2, 3, 5, 6, 7)
	f(least, least)
	f(most, most)
	f(most, least)
	recall(2, 3, 5, 6, 7)
	f(0, -1)
	f(-1, -1)
	f(0, 0)
	f(least, most)
}

// testRangeAfterExpiry: a recall in an earlier life of the history counts no more.
func testRangeAfterExpiry(s *harness) {
	t := s.t
	s.publish(t, "r", "u", 1, 2, 3)
	s.wantRecall(t, "r", "u", 3, true)
	s.pass(historyTTL + time.Hour)
	msgs, err := s.Range(t.Context(), "r", 0, -1)
	wantEqual(t, "Range of an expired history", len(msgs), err, 0)
	again := s.publish(t, "r", "u", 4, 5, 6)
	s.wantRecall(t, "r", "u", 5, true)
	msgs, err = s.Range(t.Context(), "r", -2, -2)
	wantEqual(t, "Range", msgs, err, again[:1])
	s.pass(historyTTL + 25*time.Hour)
	again = s.publish(t, "r", "u", 7, 8)
	msgs, err = s.Range(t.Context(), "r", 0, 1)
	wantEqual(t, "Range", msgs, err, again)
}

func testOddIDs(s *harness) {
	t := s.t
	const user, token = `"üser"\ 弹幕:1`, `"to"ken`
	room := "r:" + user + "<&>\u2028"
	noError(t, s.SetToken(t.Context(), user, token))
	ok, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: user, Token: token}))
	wantEqual(t, "CheckToken", ok, err, true)
	oks, err := areRight(s.CheckTokens(t.Context(), []chat.Credential{{UserID: user, Token: token}}))
	wantEqual(t, "CheckTokens", oks, err, []bool{true})
	added, err := s.Join(t.Context(), user, room)
	wantEqual(t, "Join", added, err, true)
	ok, err = s.IsMember(t.Context(), user, room)
	wantEqual(t, "IsMember", ok, err, true)
	rooms, err := s.Rooms(t.Context(), user)
	wantEqual(t, "Rooms", rooms, err, []string{room})

	noError(t, s.SubscribeRoom(t.Context(), room))
	all := s.publish(t, room, user, 1, 2)
	wantHistory(t, s.newest(t, room, 50), 2, 2, 1, all...)
	msgs, found, err := s.Before(t.Context(), room, user, 2, 10)
	wantEqual(t, "Before", found, err, true)
	wantEqual(t, "Before", msgs, nil, all[:1])
	s.wantRecall(t, room, user, 1, true)
	epoch := s.newest(t, room, 1).Epoch
	s.wantEvents(t, room,
		chat.Event{Kind: chat.EventMessages, Epoch: epoch, Seq: 1, Total: 2, Messages: all},
		chat.Event{Kind: chat.EventRecall, Epoch: epoch, Seq: 1, Total: 2, Messages: husks(all[0])},
	)
}

// model is a history as simple as it can be: every message ever sent, the recalled ones
// empty. Only the newest historyMessages count.
type model []modelMessage

type modelMessage struct {
	user, text string
	ts         int64
}

// kept is where the history begins.
func (m model) kept() int { return max(0, len(m)-historyMessages) }

// page are the messages from index from to below to that are left.
func (m model) page(from, to int) []chat.Entry {
	var entries []chat.Entry
	for i := from; i < to; i++ {
		if m[i].text != "" {
			entries = append(entries, chat.Entry{Seq: uint64(i + 1), JSON: m[i].text})
		}
	}
	return entries
}

// find is the index of a message, -1 where there is none.
func (m model) find(user string, ts int64) int {
	for i := m.kept(); i < len(m); i++ {
		if m[i].user == user && m[i].ts == ts && m[i].text != "" {
			return i
		}
	}
	return -1
}

// lrange is what Redis' manual says of LRANGE, on a list of what is left.
func (m model) lrange(start, stop int64) []chat.Entry {
	left := m.page(m.kept(), len(m))
	n := int64(len(left))
	if start < 0 {
		start += n
	}
	if stop < 0 {
		stop += n
	}
	start, stop = max(start, 0), min(stop, n-1)
	if start > stop {
		return nil
	}
	return left[start : stop+1]
}

func newestOf(entries []chat.Entry, limit int) []chat.Entry {
	return entries[max(0, len(entries)-limit):]
}

func oldestOf(entries []chat.Entry, limit int) []chat.Entry {
	return entries[:min(len(entries), limit)]
}

func plain(entries []chat.Entry) []string {
	var s []string
	for _, e := range entries {
		s = append(s, e.JSON)
	}
	return s
}

// testModel does random things to one room and compares every answer with a model's.
func testModel(s *harness) {
	t := s.t
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	var m model
	recalled := make(map[string]bool) // The recalls in the log.
	anyone := func() (user string, ts int64) {
		if len(m) == 0 || rng.IntN(10) == 0 {
			return "u", rng.Int64N(100)
		}
		msg := m[len(m)-1-rng.IntN(min(len(m), historyMessages+5))]
		return msg.user, msg.ts // also of one that was recalled
	}
	ts := int64(0)
	for step := range 1500 {
		limit := rng.IntN(historyMessages + 5)
		switch rng.IntN(7) {
		case 0:
			user := []string{"u", "v", "w"}[rng.IntN(3)]
			var times []int64
			for range 1 + rng.IntN(5) {
				ts += 1 + rng.Int64N(3)
				times = append(times, ts)
			}
			for i, text := range s.publish(t, "r", user, times...) {
				m = append(m, modelMessage{user, text, times[i]})
			}
		case 1, 6:
			user, ts := anyone()
			at := m.find(user, ts)
			if at >= 0 {
				m[at].text = ""
			}
			s.wantRecall(t, "r", user, ts, at >= 0 || recalled[fmt.Sprint(user, ts)])
			if at >= 0 {
				recalled[fmt.Sprint(user, ts)] = true
			}
		case 2:
			h := s.newest(t, "r", limit)
			wantEqual(t, "newest messages", slices.Equal(h.Entries, newestOf(m.page(m.kept(), len(m)), limit)), nil, true)
			wantEqual(t, "Seq, Total", []uint64{h.Seq, h.Total}, nil, []uint64{uint64(len(m)), uint64(len(m))})
		case 3:
			seq := rng.IntN(len(m) + 3)
			h, err := s.Since(t.Context(), "r", uint64(seq), limit)
			want := oldestOf(m.page(min(max(seq, m.kept()), len(m)), len(m)), limit)
			wantEqual(t, "Since", slices.Equal(h.Entries, want), err, true)
		case 4:
			for range 3 {
				start, stop := rng.Int64N(100)-50, rng.Int64N(100)-50
				got, err := s.Range(t.Context(), "r", start, stop)
				wantEqual(t, fmt.Sprintf("Range(%d, %d)", start, stop), slices.Equal(got, plain(m.lrange(start, stop))), err, true)
			}
		case 5:
			user, ts := anyone()
			at := m.find(user, ts)
			got, found, err := s.Before(t.Context(), "r", user, ts, limit)
			wantEqual(t, "Before", found, err, at >= 0)
			if at >= 0 {
				wantEqual(t, "Before", slices.Equal(got, plain(newestOf(m.page(m.kept(), at), limit))), nil, true)
			}
		}
		if t.Failed() {
			t.Fatalf("differs from the model at step %d: %+v", step, m[m.kept():])
		}
	}
}

func testRoomEvents(s *harness) {
	t := s.t
	s.publish(t, "r", "u", 1) // nobody receives it
	s.settle(t)               // In a cluster an event may come late.
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	two := s.publish(t, "r", "u", 2, 3)
	s.publish(t, "other", "u", 2)
	epoch := s.newest(t, "r", 1).Epoch
	s.settle(t)
	s.wantEvents(t, "r", chat.Event{Kind: chat.EventMessages, Epoch: epoch, Seq: 2, Total: 3, Messages: two})
	s.wantEvents(t, "other")
	s.wantResumed(t, 0)
}

// testEventsInOrder has publishers and recallers of several rooms at work at once.
func testEventsInOrder(s *harness) {
	t := s.t
	const rooms, publishers, batches = 3, 4, 25
	var working sync.WaitGroup
	var recalled [rooms]atomic.Int64
	for r := range rooms {
		room := fmt.Sprintf("r%d", r)
		noError(t, s.SubscribeRoom(t.Context(), room))
		for p := range publishers {
			working.Go(func() { // Ends after its batches; waited for below.
				user := fmt.Sprintf("u%d", p)
				for b := range batches {
					ts := int64(10*b + 1)
					if err := s.send(t.Context(), room, drafts(room, user, ts, ts+1)); err != nil {
						t.Error(err)
					}
					_, err := s.Recall(t.Context(), room, user, ts)
					if err != nil && !errors.Is(err, chat.ErrNoMessage) {
						t.Error(err)
					}
					if err == nil { // Else the others have pushed it out of the history.
						recalled[r].Add(1)
					}
				}
			})
		}
	}
	working.Wait()
	for r := range rooms {
		room := fmt.Sprintf("r%d", r)
		want := publishers*batches + int(recalled[r].Load())
		eventually(t, "all events have come", func() (bool, string) {
			n := len(s.events(room))
			return n == want, fmt.Sprintf("%d of %d", n, want)
		})
		next := uint64(1)
		for _, ev := range s.events(room) {
			switch {
			case ev.Kind == chat.EventMessages && ev.Seq == next:
				next += uint64(len(ev.Messages))
			case ev.Kind == chat.EventRecall && ev.Seq < next:
			default:
				t.Fatalf("event %+v of room %s came where seq %d was due", ev, room, next)
			}
		}
	}
}

// testSubscriptionsFlap ends with every room subscribed and receives from each.
func testSubscriptionsFlap(s *harness) {
	t := s.t
	const rooms = 20
	var working sync.WaitGroup
	for r := range rooms {
		room := fmt.Sprintf("r%d", r)
		working.Go(func() { // Ends after its turns; waited for below.
			for range 30 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(300))*time.Microsecond)
				if err := s.SubscribeRoom(ctx, room); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				cancel()
				s.UnsubscribeRoom(room)
			}
			if err := s.SubscribeRoom(t.Context(), room); err != nil {
				t.Error(err)
			}
			if err := s.send(t.Context(), room, drafts(room, "u", 1)); err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	for r := range rooms {
		room := fmt.Sprintf("r%d", r)
		s.wantEvents(t, room, chat.Event{
			Kind: chat.EventMessages, Epoch: s.newest(t, room, 1).Epoch, Seq: 1, Total: 1, Messages: texts(drafts(room, "u", 1)),
		})
	}
	if got := s.Stats().Subscriptions; got != rooms {
		t.Errorf("Stats().Subscriptions = %d; want %d", got, rooms)
	}
}

func testNothingAfterUnwanted(s *harness) {
	t := s.t
	for r := range 20 {
		room := fmt.Sprintf("r%d", r)
		noError(t, s.SubscribeRoom(t.Context(), room))
		s.UnsubscribeRoom(room)
		s.publish(t, room, "u", 1)
	}
	s.UnsubscribeRoom("never subscribed")
	s.settle(t)
	for r := range 20 {
		s.wantEvents(t, fmt.Sprintf("r%d", r))
	}
	if got := s.Stats().Subscriptions; got != 0 {
		t.Errorf("Stats().Subscriptions = %d; want 0", got)
	}
}

func testStats(s *harness) {
	t := s.t
	if err := s.State(); err != nil {
		t.Errorf("State = %v; want nil", err)
	}
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	s.publish(t, "r", "u", 1, 2)
	eventually(t, "the event has come", func() (bool, string) { return len(s.events("r")) == 1, "" })
	got := s.Stats()
	if got.Calls == 0 || got.Events != 1 || got.Subscriptions != 1 || !got.Connected {
		t.Errorf("Stats = %+v; want calls, 1 event, 1 subscription, connected", got)
	}
	got.Calls, got.Events, got.Subscriptions, got.Connected = 0, 0, 0, false
	if got != (redisx.Stats{}) {
		t.Errorf("Stats = %+v; want nothing else", got)
	}
}

// testKnownRooms: a room is known when it is registered or has had messages. Neither a search for it, nor likes, nor
// members make it a known one.
func testKnownRooms(s *harness) {
	t := s.t
	want := func(room string, want bool) {
		t.Helper()
		got, err := s.KnownRoom(t.Context(), room)
		wantEqual(t, "KnownRoom "+room, got, err, want)
	}
	want("r", false)
	s.newest(t, "r", 10)
	s.report("a", 3, 5)
	want("r", false)
	noError(t, s.RegisterRoom(t.Context(), "r", true))
	noError(t, s.RegisterRoom(t.Context(), "r", true))
	want("r", true)
	want("other", false)
	noError(t, s.RegisterRoom(t.Context(), "r", false))
	noError(t, s.RegisterRoom(t.Context(), "r", false))
	want("r", false)
	s.publish(t, "r", "u", 1)
	want("r", true)
	if s.pass == nil { // in a cluster no time goes by
		return
	}
	noError(t, s.RegisterRoom(t.Context(), "later", true))
	s.pass(historyTTL + time.Hour)
	want("r", true) // it still counts
	s.pass(24 * time.Hour)
	want("r", false)
	want("later", true)
}
