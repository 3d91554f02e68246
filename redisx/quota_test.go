package redisx_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
)

// newStormy is each store with a quota, and a way to let a second go by.
func newStormy(t *testing.T, q chat.Quota, test func(h *harness, wait func(d time.Duration))) {
	t.Helper()
	with := limits
	with.Quota = q
	t.Run("memory", func(t *testing.T) {
		now := time.UnixMilli(1_700_000_000_000)
		s := redisx.NewMemory(with, func() time.Time { return now })
		h := &harness{Store: s, recorder: newRecorder(t)}
		s.Start(h.recorder)
		t.Cleanup(s.Close)
		test(h, func(d time.Duration) { now = now.Add(d) })
	})
	t.Run("redis", func(t *testing.T) {
		raw := newRaw(t, server.Addr)
		raw.do("FLUSHALL")
		cfg := redisx.DefaultConfig()
		cfg.Addrs = []string{server.Addr}
		cfg.Timeout = callTimeout
		s := redisx.NewRedis(cfg, with, slog.New(slog.DiscardHandler))
		t.Cleanup(s.Close)
		h := &harness{Store: s, recorder: newRecorder(t)}
		s.Start(h.recorder)
		h.wantReady(t)
		test(h, func(d time.Duration) {
			// The clock is Redis' own: the counted messages become older instead.
			fields := raw.text("HGET", "gmm:r", "q")
			var all, most float64
			var second int64
			var rest [6]int64
			if _, err := fmt.Sscan(fields, &all, &most, &second, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4], &rest[5]); err != nil {
				t.Fatalf("q is %q: %v", fields, err)
			}
			var now, micros int64 // A second must not end before the next call, not even on a busy machine.
			eventually(t, "a second has begun", func() (bool, string) {
				at := raw.strings("TIME")
				_, err := fmt.Sscan(at[0]+" "+at[1], &now, &micros)
				noError(t, err)
				return micros < 200_000, at[1]
			})
			second = now
			ms := float64(d.Milliseconds())
			raw.do("HSET", "gmm:r", "q", fmt.Sprintf("%.3f %.3f %d %d %d %d %d %d %d", all-ms, most-ms, second-int64(d/time.Second), rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]))
		})
	})
}

// stormBatch are so many drafts of each class, in the order of their classes' letters, the lowest first.
func stormBatch(n *int, low, normal, high, system int) chat.Batch {
	*n++
	b := chat.Batch{ID: fmt.Sprint("n.", *n)}
	for _, c := range []struct {
		class chat.Class
		count int
	}{{chat.ClassLow, low}, {chat.ClassNormal, normal}, {chat.ClassHigh, high}, {chat.ClassSystem, system}} {
		for i := range c.count {
			d := codec.NewNativeDraft("r", fmt.Sprint(c.class), &codec.Op{ID: fmt.Sprint(*n, ".", c.class, ".", i), Body: "x"}, 1_700_000_000_000)
			d.Class = c.class
			b.Drafts = append(b.Drafts, d)
		}
	}
	return b
}

// TestQuota_TakesHighClassesFirst: messages above normal are taken first, whatever their place in the batch. A part is
// reserved for them; the room's own messages are always taken. All who are refused may come back when others had their
// turn.
func TestQuota_TakesHighClassesFirst(t *testing.T) {
	for _, c := range []struct {
		name                      string
		low, normal, high, system int
		want                      string // taken of each
	}{
		{"few", 2, 3, 3, 0, "2 3 3 0"},
		{"many low ones", 20, 3, 0, 0, "5 3 0 0"},
		{"many normal ones", 5, 20, 0, 0, "0 8 0 0"},
		{"a part is reserved", 0, 20, 5, 0, "0 5 5 0"},
		{"high ones take all that there is", 3, 3, 20, 0, "0 0 10 0"},
		{"system is never left out", 3, 3, 20, 15, "0 0 0 15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			newStormy(t, chat.Quota{PerSecond: 10, Burst: 10, Reserved: 20}, func(s *harness, _ func(time.Duration)) {
				n := 0
				b := stormBatch(&n, c.low, c.normal, c.high, c.system)
				got, err := s.Publish(t.Context(), "r", b)
				noError(t, err)
				taken := [4]int{}
				for _, d := range b.Drafts {
					taken[d.Class]++
				}
				for _, no := range got.Refused {
					taken[b.Drafts[no.Index].Class]--
					if no.Mark != chat.MarkQuota || no.Wait <= 0 || no.Wait > 10*time.Second {
						t.Errorf("refused: %+v; want a wait of 10 s at most for the quota", no)
					}
				}
				if have := fmt.Sprint(taken[chat.ClassLow], taken[chat.ClassNormal], taken[chat.ClassHigh], taken[chat.ClassSystem]); have != c.want {
					t.Errorf("taken: %s; want %s", have, c.want)
				}
				if n := len(got.Event.Messages) + len(got.Refused); n != len(b.Drafts) {
					t.Errorf("%d of %d drafts are answered", n, len(b.Drafts))
				}
			})
		})
	}
}

// TestQuota_TheClockGoesBack: by more than a room may ever wait, and it waits for nothing of before, whatever used that
// up.
func TestQuota_TheClockGoesBack(t *testing.T) {
	const step = 20 * time.Second // twice a shift, which is longer than the burst
	for _, high := range []bool{false, true} {
		newStormy(t, chat.Quota{PerSecond: 10, Burst: 10}, func(s *harness, wait func(time.Duration)) {
			n := 0
			for range 2 {
				b := stormBatch(&n, 0, 20, 0, 0)
				if high {
					b = stormBatch(&n, 0, 0, 20, 0)
				}
				stored, err := s.Publish(t.Context(), "r", b)
				noError(t, err)
				if got := len(stored.Event.Messages); got < 10 || got > 11 {
					t.Errorf("%d of 20 are taken, high ones: %v; want the burst of 10", got, high)
				}
				wait(-step - 5*time.Second) // the time that passes until the next call is no part of it
			}
		})
	}
}

// TestQuota_LevelRisesAtOnceFallsBySteps: the number of messages offered in a second decides how much is left out in
// the next one, on all nodes. The level rises at once, falls by steps, and counts what nodes have left out.
func TestQuota_LevelRisesAtOnceFallsBySteps(t *testing.T) {
	newStormy(t, chat.Quota{PerSecond: 10, Burst: 10}, func(s *harness, wait func(time.Duration)) {
		n := 0
		noError(t, s.SubscribeRoom(t.Context(), "r"))
		publish := func(low, normal int, dropped ...uint64) chat.Storm {
			t.Helper()
			b := stormBatch(&n, low, normal, 0, 0)
			copy(b.Dropped[:], dropped)
			_, err := s.Publish(t.Context(), "r", b)
			noError(t, err)
			eventually(t, "its event has come", func() (bool, string) { return len(s.events("r")) == n, "" })
			return s.events("r")[n-1].Storm
		}
		want := func(what string, got, want chat.Storm) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %+v; want %+v", what, got, want)
			}
		}
		want("a room below its quota", publish(0, 10), chat.Storm{})
		wait(time.Second)
		publish(20, 5) // five low ones too
		wait(time.Second)
		want("low ones alone", publish(0, 5, 15, 5), chat.Storm{Level: 96, Offered: 25, Shown: 10})
		wait(time.Second)
		want("normal ones that nodes left out", publish(0, 1), chat.Storm{Level: 192, Offered: 25, Shown: 5})
		wait(time.Second)
		want("it falls", publish(0, 1), chat.Storm{Level: 160, Offered: 1, Shown: 1})
		wait(4 * time.Second)
		want("it falls while nothing comes", publish(0, 1), chat.Storm{Level: 32})
		wait(time.Second)
		want("it is over", publish(0, 1), chat.Storm{})
	})
}

// TestQuota_ABurstIsNoStorm: where the burst has room for all of a second nodes leave out nothing in the next one.
func TestQuota_ABurstIsNoStorm(t *testing.T) {
	newStormy(t, chat.Quota{PerSecond: 10, Burst: 20}, func(s *harness, wait func(time.Duration)) {
		n := 0
		noError(t, s.SubscribeRoom(t.Context(), "r"))
		for _, offered := range []int{15, 10} {
			got, err := s.Publish(t.Context(), "r", stormBatch(&n, 0, offered, 0, 0))
			noError(t, err)
			if len(got.Refused) != 0 || got.Event.Storm != (chat.Storm{}) {
				t.Errorf("of %d messages %d are refused, %+v; want all taken, and no storm", offered, len(got.Refused), got.Event.Storm)
			}
			wait(time.Second)
		}
	})
}

// TestQuota_RefusedIsNoStorm: a message that slow mode refuses was not offered to the room: nobody is notified of a
// storm, and nothing else is left out.
func TestQuota_RefusedIsNoStorm(t *testing.T) {
	newStormy(t, chat.Quota{PerSecond: 10, Burst: 100}, func(s *harness, wait func(time.Duration)) {
		n := 0
		for range 2 {
			b := stormBatch(&n, 0, 30, 10, 0)
			for i := range b.Drafts {
				b.Drafts[i].SetMarks([]chat.Mark{{Kind: chat.MarkUser, Name: "u", Life: time.Hour}})
			}
			_, err := s.Publish(t.Context(), "r", b)
			noError(t, err)
			wait(time.Second)
			got, err := s.Publish(t.Context(), "r", stormBatch(&n, 0, 1, 0, 0))
			noError(t, err)
			if got.Event.Storm != (chat.Storm{}) || len(got.Event.Messages) != 1 {
				t.Errorf("after 40 messages that slow mode refused: %+v; want one stored, and no storm", got.Event)
			}
		}
	})
}

// TestQuota_GivesBack: a message that is refused for another reason has used nothing up.
func TestQuota_GivesBack(t *testing.T) {
	newStormy(t, chat.Quota{PerSecond: 1, Burst: 2}, func(s *harness, _ func(time.Duration)) {
		n := 0
		b := stormBatch(&n, 0, 2, 0, 0)
		for i := range b.Drafts {
			b.Drafts[i].SetMarks([]chat.Mark{{Kind: chat.MarkUser, Name: "u", Life: time.Hour}})
		}
		got, err := s.Publish(t.Context(), "r", b)
		noError(t, err)
		if len(got.Event.Messages) != 1 || len(got.Refused) != 1 || got.Refused[0].Mark != chat.MarkUser {
			t.Fatalf("slow mode: %+v; want one stored, one refused", got)
		}
		got, err = s.Publish(t.Context(), "r", stormBatch(&n, 0, 2, 0, 0))
		noError(t, err)
		// A second later there is room for another one.
		if n := len(got.Event.Messages); n < 1 || n+len(got.Refused) != 2 || n == 1 && got.Refused[0].Mark != chat.MarkQuota {
			t.Errorf("then: %+v; want one more stored", got)
		}
		got, err = s.Publish(t.Context(), "r", chat.Batch{ID: "n.9", Drafts: b.Drafts[:1]})
		noError(t, err)
		if len(got.Repeats) != 1 {
			t.Errorf("what was stored, said again: %+v; want that it is there", got)
		}
	})
}
