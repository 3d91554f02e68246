package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"barrage/internal/chat"
	"barrage/redisx"
)

// TestNotifier_SendsEachInOrderOnce: rooms open, speak, take back, are moderated, and close; the service is notified of
// each, once.
func TestNotifier_SendsEachInOrderOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, nil)
		w.report("a", 2)
		w.say("a", "one", "two", "three")
		time.Sleep(5 * time.Second)
		w.say("a", "four")
		if _, err := w.store.RecallSeq(t.Context(), "a", "u", chat.Position{}, "", 2, 0); err != nil {
			t.Fatal(err)
		}
		w.notifier.Notify(t.Context(), "a", GroupModeration, "moderation", "m1", time.Now().UnixMilli(), json.RawMessage(`{"verb":"mute","target":"u"}`))
		time.Sleep(5 * time.Second)
		w.report("a", 0)
		time.Sleep(2 * time.Minute)
		w.want("a room_opened", "a message 1 one", "a message 2 two", "a message 3 three",
			"a message 4 four", "a recall 2 u false", "a moderation", "a room_closed")
		events := w.service.all()
		ids := map[string]bool{}
		for _, e := range events {
			ids[e.ID] = true
		}
		if len(ids) != len(events) {
			t.Errorf("%d ids for %d events: %v", len(ids), len(events), ids)
		}
		if e := events[6]; e.Moderation["verb"] != "mute" || e.ID != "a:m1" {
			t.Errorf("the verb is %+v", e)
		}
		if s := w.notifier.Stats(); s.Sent != 8 || s.Failed+s.LostHistory+s.LostStore+s.LostGivenUp != 0 || s.Waiting != 0 || s.Oldest != 0 || s.Rosters != rosters {
			t.Errorf("Stats = %+v", s)
		}
		w.end()
	})
}

// TestNotifier_SendsOnlyWhatIsWanted: only the rooms and groups that the service wants.
func TestNotifier_SendsOnlyWhatIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, func(c *Config) { c.Rooms, c.Events = []string{"live-*", "main"}, []string{"moderation"} })
		for _, room := range []string{"live-1", "main", "other", "mains"} {
			w.report(room, 1)
			w.say(room, "x")
			w.notifier.Notify(t.Context(), room, GroupModeration, "moderation", "m", time.Now().UnixMilli(), json.RawMessage(`{}`))
			w.notifier.Notify(t.Context(), room, GroupHeld, "held", "h", time.Now().UnixMilli(), json.RawMessage(`{}`))
			time.Sleep(2 * time.Second)
		}
		w.notifier.Notify(t.Context(), chat.Everywhere, GroupModeration, "moderation", "m", time.Now().UnixMilli(), json.RawMessage(`{}`))
		time.Sleep(2 * time.Second)
		w.want("live-1 moderation", "main moderation", " moderation")
		w.end()
	})
}

// TestNotifier_BatchesAreBoundedAndInOrder: many events go in calls of a hundred at most, each room in its order.
func TestNotifier_BatchesAreBoundedAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1000, nil)
		want := map[string]int{}
		for i := range 30 {
			room := fmt.Sprintf("r%d", i)
			for range 20 {
				w.say(room, "x", "y")
			}
			want[room] = 40
		}
		w.say("busy", slices.Repeat([]string{"z"}, 950)...)
		want["busy"] = 950
		time.Sleep(20 * time.Second)
		last := map[string]uint64{}
		for _, e := range w.service.all() {
			if e.Message.Seq != last[e.Room]+1 {
				t.Fatalf("in %s number %d comes after %d", e.Room, e.Message.Seq, last[e.Room])
			}
			last[e.Room]++
		}
		for room, n := range want {
			if last[room] != uint64(n) {
				t.Errorf("%s: %d of %d messages", room, last[room], n)
			}
		}
		for _, c := range w.service.calls {
			if n := len(c.events(t)); n > mostEvents {
				t.Errorf("a call brings %d events; want at most %d", n, mostEvents)
			}
		}
		if n := len(w.service.calls); n > 40 {
			t.Errorf("%d calls for 2,150 events; want some 25", n)
		}
		w.end()
	})
}

// TestNotifier_RetriesTheSameBatchEverLater: the same batch comes again, later and later, up to once an hour; messages
// that the history forgot are named.
func TestNotifier_RetriesTheSameBatchEverLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, nil)
		const failures = 12
		w.service.answer = func(n int) (*http.Response, error) {
			if n < failures {
				return status(http.StatusInternalServerError)
			}
			return status(http.StatusNoContent)
		}
		w.say("a", "one")
		time.Sleep(3 * time.Second)
		for i := range 8 {
			w.say("a", fmt.Sprint(i+2))
		}
		time.Sleep(6 * time.Hour)
		w.want(append(slices.Repeat([]string{"a message 1 one"}, failures+1),
			"a lost 3 messages 2-4 history", "a message 5 5", "a message 6 6", "a message 7 7", "a message 8 8", "a message 9 9")...)
		for i := 1; i <= failures; i++ {
			before, c := w.service.calls[i-1], w.service.calls[i]
			if c.id != before.id || c.body != before.body {
				t.Errorf("try %d has another id or body", i)
			}
			wait, least := c.at.Sub(before.at), min(firstWait<<(i-1), lastWait)
			if wait < least || wait > min(least*5/4, lastWait)+time.Second {
				t.Errorf("try %d comes after %v; want %v to a quarter more", i, wait, least)
			}
		}
		if s := w.notifier.Stats(); s.Failed != failures || s.Retried != failures || s.Sent != 7 || s.LostHistory != 3 {
			t.Errorf("Stats = %+v", s)
		}
		if n := strings.Count(w.log.String(), "does not take a batch"); n != 1 || !strings.Contains(w.log.String(), "takes batches again") {
			t.Errorf("the log says %d times what is wrong; want once, and when it is over:\n%s", n, w.log)
		}
		w.end()
	})
}

// TestNotifier_AsksLater: Retry-After, and 410.
func TestNotifier_AsksLater(t *testing.T) {
	for _, c := range []struct {
		answer func() (*http.Response, error)
		wait   time.Duration
	}{
		{func() (*http.Response, error) { return status(http.StatusTooManyRequests, "Retry-After", "90") }, 90 * time.Second},
		{func() (*http.Response, error) { return status(http.StatusTooManyRequests, "Retry-After", "1") }, firstWait},
		{func() (*http.Response, error) {
			return status(http.StatusServiceUnavailable, "Retry-After", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat))
		}, 2 * time.Minute},
		{func() (*http.Response, error) {
			return status(http.StatusServiceUnavailable, "Retry-After", "99999999999")
		}, time.Hour},
		{func() (*http.Response, error) { return status(http.StatusGone) }, time.Hour},
		{func() (*http.Response, error) { return status(http.StatusFound, "Location", "https://evil.example/") }, firstWait},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 100, nil)
			w.service.answer = func(n int) (*http.Response, error) {
				if n == 0 {
					return c.answer()
				}
				return status(http.StatusOK)
			}
			w.say("a", "one")
			time.Sleep(80 * time.Minute)
			w.want("a message 1 one", "a message 1 one")
			if wait := w.service.calls[1].at.Sub(w.service.calls[0].at); wait < c.wait-time.Second || wait > c.wait*5/4+time.Second {
				t.Errorf("the next try comes after %v; want %v", wait, c.wait)
			}
			w.end()
		})
	}
}

// TestNotifier_GivesUp: a batch that the service never takes keeps the others for a while, and is named.
func TestNotifier_GivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, nil)
		var poison string
		w.service.answer = func(n int) (*http.Response, error) {
			w.service.mu.Lock()
			defer w.service.mu.Unlock()
			if poison == "" {
				poison = w.service.calls[n].id
			}
			if w.service.calls[n].id == poison {
				return status(http.StatusBadRequest)
			}
			return status(http.StatusOK)
		}
		w.say("a", "one", "two")
		time.Sleep(10 * time.Second)
		w.say("a", "three")
		time.Sleep(7 * time.Hour)
		lines := shown(w.service.all())
		if got := lines[len(lines)-2:]; !slices.Equal(got, []string{"a lost 2 events 1-2 given_up", "a message 3 three"}) {
			t.Errorf("in the end the service was told %q", got)
		}
		if s := w.notifier.Stats(); s.LostGivenUp != 2 || s.Sent != 2 {
			t.Errorf("Stats = %+v", s)
		}
		if !strings.Contains(w.log.String(), "gave up a batch") {
			t.Errorf("the log says nothing:\n%s", w.log)
		}
		w.end()
	})
}

// TestNotifier_TakesOver: a node that dies is replaced after its lease, and the next one goes on from the bookmarks.
func TestNotifier_TakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, nil)
		w.say("a", "one")
		time.Sleep(3 * time.Second)
		w.say("a", "two") // and dies with it
		time.Sleep(bringEvery + time.Millisecond)
		w.stop()
		w.workers.Wait()
		first := len(w.service.calls)
		w.notifier = w.newNotifier("two", nil)
		w.run()
		time.Sleep(chat.FeedLease + 2*time.Second)
		w.say("a", "three")
		time.Sleep(2 * time.Second)
		got := slices.Compact(shown(w.service.all())) // the second one may have come twice
		if want := []string{"a message 1 one", "a message 2 two", "a message 3 three"}; !slices.Equal(got, want) || len(w.service.calls) == first {
			t.Errorf("the service was told %q; want %q", got, want)
		}
		w.end()
	})
}

// TestNotifier_SendsWhatWaitsBeforeItLeaves: a node that leaves sends what waits, and has the next one go on at once.
// With a service that hangs, leaving takes three seconds at most.
func TestNotifier_SendsWhatWaitsBeforeItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, nil)
		w.say("a", "one")
		w.end()
		w.want("a message 1 one")

		w.notifier = w.newNotifier("two", nil)
		w.run()
		time.Sleep(2 * time.Second)
		if n := w.notifier.Stats().Rosters; n != rosters {
			t.Errorf("the next node has %d rosters; want all at once", n)
		}
		w.service.answer = func(int) (*http.Response, error) { return hang() }
		w.say("a", "two")
		start := time.Now()
		w.end()
		if d := time.Since(start); d > leaveFor+time.Second {
			t.Errorf("leaving took %v; want %v at most", d, leaveFor)
		}
	})
}

// hang is an answer that never comes; the fake transport goes by no context.
func hang() (*http.Response, error) {
	time.Sleep(2 * time.Second)
	return nil, context.DeadlineExceeded
}

// TestNotifier_NotWhatWasBefore: a service that is new is not notified of what was before.
func TestNotifier_NotWhatWasBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, nil)
		w.end()
		w.say("a", "old")
		w.notifier = w.newNotifier("one", func(c *Config) { c.URL = "https://other.example/hooks" })
		time.Sleep(time.Second)
		w.run()
		time.Sleep(2 * time.Second)
		w.say("a", "new")
		time.Sleep(2 * time.Second)
		w.want("a message 2 new")
		w.end()
	})
}

// TestNotifier_StormBeginsAndEndsOnce: it begins and ends, once each.
func TestNotifier_StormBeginsAndEndsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10, func(c *Config) { c.Events = []string{GroupStorm} })
		for range 4 {
			for range 4 {
				w.say("a", slices.Repeat([]string{"x"}, 900)...)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		events := w.service.all()
		if got := shown(events); !slices.Equal(got, []string{"a storm_began", "a storm_ended"}) || events[0].Storm.Level == 0 || events[0].Storm.Offered == 0 {
			t.Errorf("the service was told %q, %+v", got, events)
		}
		w.end()
	})
}

// TestNotifier_OneNodeSends: of three nodes each roster has one; a message that any of them has stored is sent once.
func TestNotifier_OneNodeSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, nil)
		first := w.notifier
		ctx, stop := context.WithCancel(context.Background())
		others := []*Notifier{w.newNotifier("two", nil), w.newNotifier("three", nil)}
		for _, s := range others {
			s.Run(ctx, &w.workers)
		}
		var want []string
		for i := range 20 {
			w.say("a", fmt.Sprint(i))
			others[i%2].Stored("a")
			want = append(want, fmt.Sprintf("a message %d %d", i+1, i))
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		w.want(want...)
		synctest.Wait() // for looks that are due at this instant
		sum := first.Stats().Rosters
		for _, s := range others {
			sum += s.Stats().Rosters
		}
		for _, s := range others { // later: the next takes those that one leaves
			s.Leave()
		}
		if sum != rosters {
			t.Errorf("three nodes have %d rosters; want %d", sum, rosters)
		}
		stop()
		w.end()
	})
}

// awayStore is a store that does not answer for a while.
type awayStore struct {
	*redisx.Memory
	away atomic.Bool
}

var errAway = errors.New("the store is away")

// DueFeeds, TakeFeeds, MoveFeed and AddNews fail while the store is away.
func (s *awayStore) DueFeeds(ctx context.Context, roster string, rooms []string) error {
	if s.away.Load() {
		return fmt.Errorf("cannot write %s: %w", roster, errAway)
	}
	return s.Memory.DueFeeds(ctx, roster, rooms)
}

func (s *awayStore) TakeFeeds(ctx context.Context, roster, node string, limit int, birth int64) (chat.Roster, error) {
	if s.away.Load() {
		return chat.Roster{}, fmt.Errorf("cannot read %s: %w", roster, errAway)
	}
	return s.Memory.TakeFeeds(ctx, roster, node, limit, birth)
}

func (s *awayStore) MoveFeed(ctx context.Context, room, to string, was *chat.Bookmark, now chat.Bookmark) error {
	if s.away.Load() {
		return fmt.Errorf("cannot move in %s: %w", room, errAway)
	}
	return s.Memory.MoveFeed(ctx, room, to, was, now)
}

func (s *awayStore) AddNews(ctx context.Context, room, text string) error {
	if s.away.Load() {
		return errAway
	}
	return s.Memory.AddNews(ctx, room, text)
}

// TestNotifier_LogsAnOutageOnceARoster: errors name the key, which is another one with each room.
func TestNotifier_LogsAnOutageOnceARoster(t *testing.T) {
	w := newWorld(t, 100, nil)
	defer w.end()
	for range 3 {
		for _, key := range []string{"a", "b"} {
			w.notifier.did("one", "read", fmt.Errorf("cannot read %s: %w", key, errAway))
			w.notifier.did("two", "read", nil)
		}
	}
	if n := strings.Count(w.log.String(), "cannot read; trying again"); n != 1 {
		t.Errorf("the log says %d times that one roster cannot be read; want once:\n%s", n, w.log)
	}
}

// TestNotifier_StoreAwayDelaysButLosesNoMessage: rooms that are fresh wait for the store, and verbs that it did not
// take are counted. Events sent when the store went away are sent again, under the same id.
func TestNotifier_StoreAwayDelaysButLosesNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, nil)
		w.end()
		store := &awayStore{Memory: w.store}
		w.notifier = w.newNotifier("one", nil)
		w.notifier.store = store
		w.service.answer = func(n int) (*http.Response, error) {
			store.away.Store(n == 0)
			return status(http.StatusOK)
		}
		w.run()
		w.say("a", "one")
		time.Sleep(2 * time.Second)
		if !store.away.Load() {
			t.Fatal("nothing was told")
		}
		w.say("b", "two")
		w.notifier.Notify(t.Context(), "b", GroupModeration, "moderation", "m", time.Now().UnixMilli(), json.RawMessage(`{}`))
		time.Sleep(time.Minute)
		store.away.Store(false)
		time.Sleep(20 * time.Second)
		lines := shown(w.service.all())
		slices.Sort(lines)
		if want := []string{"a message 1 one", "a message 1 one", "b message 1 two"}; !slices.Equal(lines, want) {
			t.Errorf("the service was told %q; want %q", lines, want)
		}
		if events := w.service.all(); events[0].ID != events[len(events)-1].ID && events[0].ID != events[1].ID {
			t.Errorf("what came again has another id: %+v", events)
		}
		if s := w.notifier.Stats(); s.LostStore != 1 {
			t.Errorf("Stats = %+v; want one event that the store did not take", s)
		}
		if n := strings.Count(w.log.String(), "cannot note which rooms"); n != 1 {
			t.Errorf("the log says %d times that rooms cannot be noted; want once:\n%s", n, w.log)
		}
		if n := strings.Count(w.log.String(), "cannot read which rooms"); n != rosters {
			t.Errorf("the log says %d times that rosters cannot be read; want once of each of %d:\n%s", n, rosters, w.log)
		}
		w.end()
	})
}

// TestNotifier_BrokenEntriesAreSkippedAndCounted: an entry of somebody else that is no JSON harms nobody.
func TestNotifier_BrokenEntriesAreSkippedAndCounted(t *testing.T) {
	feed := chat.Feed{Bookmarked: true, Position: chat.Position{Epoch: "1-x", Seq: 2, Total: 2}, First: 1, To: 2, Entries: []chat.Entry{
		{Seq: 1, JSON: `{"groupId":"a","userId":"u","info":"x","x":{bad},"ts":5}`}, {Seq: 2, JSON: `{"groupId":"a","userId":"u","info":"ok","ts":6}`},
	}, Bookmark: chat.Bookmark{Epoch: "1-x"}}
	p := digested(map[string]bool{GroupMessages: true}, chat.Due{Room: "a"}, &feed, 0)
	if len(p.events) != 1 || p.broken != 1 || p.now.Seq != 2 {
		t.Errorf("%d events, %d broken, up to %d; want one each, up to 2: %s", len(p.events), p.broken, p.now.Seq, p.events)
	}
}

// TestNotifier_NilCostsNothing: without a service nothing is done, and a stored message allocates nothing.
func TestNotifier_NilCostsNothing(t *testing.T) {
	s := New(DefaultConfig(), nil, "one", time.Now, slog.New(slog.DiscardHandler))
	if s != nil {
		t.Fatal("there is a notifier without a URL")
	}
	if n := testing.AllocsPerRun(100, func() {
		s.Stored("a")
		s.Notify(t.Context(), "a", GroupHeld, "held", "x", 1, nil)
	}); n != 0 {
		t.Errorf("%v allocations; want none", n)
	}
	s.Leave()
}

// TestNotifier_StoredAllocatesNothing: nor with a service, but for a room that is fresh.
func TestNotifier_StoredAllocatesNothing(t *testing.T) {
	cfg := DefaultConfig()
	cfg.URL, cfg.Secret = "https://backend.example/", secret
	s := New(cfg, nil, "one", time.Now, slog.New(slog.DiscardHandler))
	s.Stored("a")
	if n := testing.AllocsPerRun(100, func() { s.Stored("a") }); n != 0 {
		t.Errorf("%v allocations a stored message; want none", n)
	}
}

func TestConfig_BadOnesAreRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"http":       {func(c *Config) { c.URL = "http://backend.example/x?key=abc" }, `url: "http://backend.example/***?key=***" is neither https nor http on this machine`},
		"no URL":     {func(c *Config) { c.URL = "backend" }, `url: "backend" is neither https nor http on this machine`},
		"no secret":  {func(c *Config) { c.Secret = "" }, "secret: it is empty, and the service could not tell who calls (openssl rand -base64 32 makes a good one)"},
		"short":      {func(c *Config) { c.Secret = "abc" }, "secret: it has 3 bytes, below 24 (openssl rand -base64 32 makes a good one)"},
		"no events":  {func(c *Config) { c.Events = nil }, "events: it is empty, want some of rooms, messages, moderation, held, storm"},
		"what event": {func(c *Config) { c.Events = []string{"rooms", "joins"} }, `events[1]: "joins" is none of rooms, messages, moderation, held, storm`},
		"no rooms":   {func(c *Config) { c.Rooms = nil }, `rooms: it has 0 entries, want 1 to 1000; "*" is every room`},
		"star":       {func(c *Config) { c.Rooms = []string{"a*b"} }, `rooms[0]: "a*b" is no room, nor the beginning of some with one * at its end`},
		"timeout":    {func(c *Config) { c.Timeout = time.Minute }, "timeout: 1m0s is not within 100ms and 10s"},
	} {
		cfg := DefaultConfig()
		cfg.URL, cfg.Secret = "https://backend.example/", secret
		c.change(&cfg)
		if err := cfg.Validate(); err == nil || err.Error() != c.want {
			t.Errorf("%s: Validate() = %v; want %s", name, err, c.want)
		}
	}
	for _, url := range []string{"", "http://127.0.0.1:8000/x", "http://localhost/x", "http://[::1]/", "https://backend.example/"} {
		cfg := DefaultConfig()
		cfg.URL, cfg.Secret = url, secret
		if err := cfg.Validate(); err != nil {
			t.Errorf("%q: Validate() = %v", url, err)
		}
	}
}
