package redisx_test

import (
	"fmt"
	"strings"

	"barrage/codec"
	"barrage/internal/chat"
)

func testTrim(s *harness) {
	t := s.t
	var all []string
	for i := range 3 * historyMessages {
		all = append(all, s.publish(t, "r", "u", int64(i+1))...)
	}
	kept := all[2*historyMessages:]
	const n = 3 * historyMessages
	wantHistory(t, s.newest(t, "r", n), n, n, 2*historyMessages+1, kept...)
	h, err := s.Since(t.Context(), "r", 3, n)
	noError(t, err)
	wantHistory(t, h, n, n, 2*historyMessages+1, kept...)
	msgs, err := s.Range(t.Context(), "r", 0, -1)
	wantEqual(t, "Range", msgs, err, kept)
}

// testReload: other limits hold from the next batch on, and numbers go on.
func testReload(s *harness) {
	t := s.t
	var all []string
	say := func(messages, keeps int) {
		t.Helper()
		for range messages {
			all = append(all, s.publish(t, "r", "u", int64(len(all)+1))...)
		}
		n := len(all)
		wantHistory(t, s.newest(t, "r", n), uint64(n), uint64(n), uint64(n-keeps+1), all[n-keeps:]...)
	}
	say(historyMessages, historyMessages)
	changed := limits
	changed.HistoryMessages, changed.RoomsPerUser = 3, 1
	s.Reload(changed)
	say(1, 3)
	for i, want := range []bool{true, false} {
		_, err := s.Join(t.Context(), "v", fmt.Sprint("r", i))
		if (err == nil) != want {
			t.Errorf("Join of room %d of 1: %v", i+1, err)
		}
	}
	s.Reload(limits)
	say(historyMessages-3, historyMessages)
}

// testTrimBytes: of large messages fewer stay, the newest always; the next ones go on counting.
func testTrimBytes(s *harness) {
	t := s.t
	const each, looks = 200_000, 16 // in bytes; in how many messages a store looks once
	seq := uint64(0)
	kept := func() int {
		t.Helper()
		page, err := s.Page(t.Context(), "r", 0, 0, 1)
		noError(t, err)
		if page.Seq != seq || len(page.Entries) != 1 {
			t.Fatalf("the oldest of %d: %d entries, the newest is %d", seq, len(page.Entries), page.Seq)
		}
		return int(seq - page.Entries[0].Seq + 1)
	}
	say := func(bytes, messages int) {
		t.Helper()
		drafts := make([]chat.Draft, messages)
		for i := range drafts {
			seq++
			drafts[i] = codec.NewDraft("r", "u", strings.Repeat("x", bytes), int64(seq))
		}
		s.batches.Add(1)
		_, err := s.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprint("n.", s.batches.Load()), Drafts: drafts})
		noError(t, err)
	}
	for range historyMessages - 1 { // 7.8 MB
		say(each, 1)
	}
	if got := kept(); got > historyBytes/each+looks || got < historyBytes/each*14/16 {
		t.Errorf("of messages of %d bytes %d are kept; want some %d", each, got, historyBytes/each)
	}
	say(historyBytes, 1)
	say(1, looks)
	if got := kept(); got > looks+1 {
		t.Errorf("behind one of %d bytes %d are kept; want no older one", historyBytes, got)
	}
	say(historyBytes/2, 3)
	if got := kept(); got < 3 {
		t.Errorf("%d of a batch of 3 that is larger than all may be are kept; want all", got)
	}
	say(1, 2*looks)
	if got := kept(); got > 2*looks+1 {
		t.Errorf("%d are kept when that batch is over; want it gone but for one", got)
	}
}
