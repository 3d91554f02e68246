package redisx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
)

// large is a history of 12 messages of 100,000 bytes, and a node. Two of the messages fit into a page and ten into an
// answer. The node has then called between the first page of a read and the next.
type large struct {
	*harness
	t    *testing.T
	raw  *rawClient
	all  []string
	then func()
	// turns and gaveUp count the waits for the turn of a long answer: those that got it, and those that did not.
	turns, gaveUp atomic.Int32
}

func newLarge(t *testing.T, changes ...func(*redisx.Config)) *large {
	t.Helper()
	l := &large{t: t, raw: newRaw(t, server.Addr)}
	l.raw.do("FLUSHALL")
	store := openRedis(t, server.Addr, changes...)
	store.OnCall = func(_ context.Context, op string, _ time.Time, err error) {
		if op == "reading_on" {
			waited := &l.turns
			if err != nil {
				waited = &l.gaveUp
			}
			waited.Add(1)
			return
		}
		noError(t, err)
		if then := l.then; then != nil && (op == "page" || op == "range") {
			l.then = nil
			then()
		}
	}
	l.harness = started(t, store)
	for i := range 12 {
		l.all = append(l.all, l.say(i)...)
	}
	return l
}

// say sends message i, from 0 on.
func (l *large) say(i int) []string {
	l.t.Helper()
	d := codec.NewDraft("r", "u", fmt.Sprint(i, strings.Repeat("x", 100_000)), int64(i+1))
	stored, err := l.Publish(l.t.Context(), "r", chat.Batch{ID: fmt.Sprint("n.", i+1), Drafts: []chat.Draft{d}})
	noError(l.t, err)
	return stored.Event.Messages
}

// TestRedis_LargeReadsHaveNoHole: a read in several steps is right whatever happens between them, and has no hole.
func TestRedis_LargeReadsHaveNoHole(t *testing.T) {
	const fit, fitPage = 10, 2
	for name, c := range map[string]struct {
		then func(l *large)
		want func(all []string) []string // of messages 2 to 12
		cut  bool
	}{
		"nothing": {func(*large) {}, func(all []string) []string { return all[1 : 1+fit] }, true},
		"a new message": {
			func(l *large) { l.say(12) },
			func(all []string) []string { return all[1 : 1+fit] }, true,
		},
		"a recall": {
			func(l *large) {
				_, err := l.Recall(l.t.Context(), "r", "u", 5)
				noError(l.t, err)
			},
			func(all []string) []string { return slices.Concat(all[1:4], all[5:12]) }, false,
		},
		"a trim of what comes next": {
			func(l *large) { l.raw.do("LTRIM", "gml:r", "4", "-1") },
			func(all []string) []string { return all[1 : 1+fitPage] }, true,
		},
		"another epoch": {
			func(l *large) { l.raw.do("DEL", "gmm:r") },
			func(all []string) []string { return all[1 : 1+fitPage] }, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLarge(t)
			l.then = func() { c.then(l) }
			h, err := l.Since(t.Context(), "r", 1, 1000)
			noError(t, err)
			var got []string
			for _, e := range h.Entries {
				got = append(got, e.JSON)
			}
			if want := c.want(l.all); !slices.Equal(got, want) || h.Cut != c.cut || h.Seq != 12 {
				t.Errorf("Since = %d messages, cut %v, at %d; want %d, cut %v, at 12", len(got), h.Cut, h.Seq, len(want), c.cut)
			}
			l = newLarge(t)
			l.then = func() { c.then(l) }
			msgs, err := l.Range(t.Context(), "r", 1, -1)
			wantEqual(t, "Range", slices.Equal(msgs, c.want(l.all)), err, true)
		})
	}
}

// TestRedis_LargeReadsPastWhatIsNoMessage: entries of other programs end no answer, also where they fill a page.
func TestRedis_LargeReadsPastWhatIsNoMessage(t *testing.T) {
	l := newLarge(t)
	for i := 4; i < 9; i++ {
		l.raw.do("LSET", "gml:r", fmt.Sprint(i), strings.Repeat("y", 100_000))
	}
	want := slices.Concat(l.all[1:4], l.all[9:12])
	msgs, err := l.Range(t.Context(), "r", 1, -1)
	wantEqual(t, "Range past what is no message", slices.Equal(msgs, want), err, true)
	h, err := l.Since(t.Context(), "r", 1, 1000)
	wantEqual(t, "messages of Since", len(h.Entries), err, len(want))
	h, err = l.Since(t.Context(), "r", 1, 5)
	wantEqual(t, "the fifth message of Since", h.Entries[4].Seq, err, 11)
}

// TestInterop_LargeReadsEndWithTheirPage: beside original FastIM nodes a number means another message after a trim, so
// nothing is read on.
func TestInterop_LargeReadsEndWithTheirPage(t *testing.T) {
	const fitPage = 2
	l := newLarge(t, func(c *redisx.Config) { c.FastIMInterop = true })
	msgs, err := l.Range(t.Context(), "r", 1, -1)
	wantEqual(t, "Range", slices.Equal(msgs, l.all[1:1+fitPage]), err, true)
	h, err := l.Since(t.Context(), "r", 1, 1000)
	wantEqual(t, "messages of Since", len(h.Entries), err, fitPage)
	wantEqual(t, "Since was cut", h.Cut, nil, true)
}

// TestRedis_OneReadsOn: of several long answers one is read at a time, and short ones wait for none.
func TestRedis_OneReadsOn(t *testing.T) {
	l := newLarge(t)
	reached, goOn := make(chan struct{}), make(chan struct{})
	l.then = func() { // the first page was read
		l.then = func() { // the second, too
			close(reached)
			<-goOn
		}
	}
	long := make(chan chat.History)
	go func() {
		h, err := l.Since(t.Context(), "r", 1, 1000)
		noError(t, err)
		long <- h
	}()
	<-reached
	short, err := l.Since(t.Context(), "r", 10, 1000)
	wantEqual(t, "messages of a short answer", len(short.Entries), err, 2)
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout/2)
	defer cancel()
	if h, err := l.Since(ctx, "r", 1, 1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second long answer beside the first = %d messages, %v; want none before its deadline", len(h.Entries), err)
	}
	close(goOn)
	if first := <-long; len(first.Entries) != 10 {
		t.Errorf("the first long answer has %d messages; want 10", len(first.Entries))
	}
	h, err := l.Since(t.Context(), "r", 1, 1000)
	wantEqual(t, "messages of the next long answer", len(h.Entries), err, 10)
	if turns, gaveUp := l.turns.Load(), l.gaveUp.Load(); turns != 2 || gaveUp != 1 {
		t.Errorf("OnCall heard of %d who had their turn and of %d who gave up; want 2 and 1", turns, gaveUp)
	}
}

// TestRedis_LargeRangesAreThoseOfLRANGE: a range read in several steps is the one that LRANGE gives where nothing was
// recalled.
func TestRedis_LargeRangesAreThoseOfLRANGE(t *testing.T) {
	l := newLarge(t)
	for _, ts := range []int64{1, 5, 6, 12} { // the oldest, two in a row, the newest
		_, err := l.Recall(t.Context(), "r", "u", ts)
		noError(t, err)
	}
	left := slices.Concat(l.all[1:4], l.all[6:11])
	for start := -10; start <= 10; start++ {
		for _, stop := range []int{-10, -8, -7, -2, -1, 0, 1, 6, 7, 8, 1 << 40} {
			from, to := start, stop
			if from < 0 {
				from = max(len(left)+from, 0)
			}
			if to < 0 {
				to += len(left)
			}
			var want []string
			if to = min(to, len(left)-1); from <= to {
				want = left[from : to+1]
			}
			msgs, err := l.Range(t.Context(), "r", int64(start), int64(stop))
			wantEqual(t, fmt.Sprintf("Range(%d, %d) of %d messages", start, stop, len(left)), slices.Equal(msgs, want), err, true)
		}
	}
}

// TestRedis_ManyEntriesAreReadInSteps: a step has 1000 entries at most, and the rest is read on, tombstones or not.
func TestRedis_ManyEntriesAreReadInSteps(t *testing.T) {
	s, raw := newPair(t)
	args := []string{"RPUSH", "gml:r"}
	var want []string
	for i := range 3000 {
		if i%3 == 1 || i > 500 && i < 2000 {
			args = append(args, `{"recalled":true}`)
			continue
		}
		want = append(want, fmt.Sprintf(`{"groupId":"r","userId":"u","info":"%d","ts":%d}`, i, i+1))
		args = append(args, want[len(want)-1])
	}
	raw.do(args...)
	msgs, err := s.Range(t.Context(), "r", 0, -1)
	wantEqual(t, "Range", slices.Equal(msgs, want), err, true)
	h, err := s.Since(t.Context(), "r", 0, 700)
	wantEqual(t, "messages of Since", len(h.Entries), err, 700)
	wantEqual(t, "the last message of Since", h.Entries[699].JSON, nil, want[699])
	got, found, err := s.Before(t.Context(), "r", "u", 2001, 2) // 1500 tombstones are before it
	wantEqual(t, "found by Before", found, err, true)
	at := slices.Index(want, `{"groupId":"r","userId":"u","info":"2000","ts":2001}`)
	wantEqual(t, "Before", got, nil, want[at-2:at])
}

// TestInterop_TombstonesAreNoMessages: those of a time before are no messages for members.
func TestInterop_TombstonesAreNoMessages(t *testing.T) {
	s, o := newInterop(t)
	var all []string
	for ts := range int64(4) {
		all = append(all, o.send("o", "hi", ts))
	}
	o.do("LSET", "gml:r", "2", `{"recalled":true}`)
	h := s.newest(t, "r", 10)
	var got []string
	for _, e := range h.Entries {
		got = append(got, e.JSON)
	}
	wantEqual(t, "messages of Read", got, nil, slices.Concat(all[:2], all[3:]))
}
