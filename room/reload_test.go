package room

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/pace"
)

// TestHall_ReloadHoldsInLiveRooms: other settings hold at once, in rooms that are live too, and waiting messages stay.
func TestHall_ReloadHoldsInLiveRooms(t *testing.T) {
	cfg := DefaultConfig()
	f := newFixture(t, func(c *Config) { c.OnJoin, c.QueueMessages, c.Fanout.Lanes = 3, 3, 2 }, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	for _, s := range []string{"1", "2", "3"} {
		f.post(r, s)
	}
	cfg.OnJoin, cfg.QueueMessages, cfg.MaxRooms, cfg.Linger = 2, 1, 1, 0
	cfg.Storm.HighKinds, cfg.Fanout.StuckTimeout = []string{"rocket"}, time.Hour
	f.hall.Reload(cfg, nil, 0)
	if got := f.hall.cfg().Fanout.StuckTimeout; got != time.Hour {
		t.Errorf("a socket may be stuck for %v; want what was set", got)
	}
	if err := r.Post(nil, "u", "4", f.now); !errors.Is(err, ErrBusy) {
		t.Errorf("Post with 3 of 1 waiting = %v; want ErrBusy", err)
	}
	f.settle()
	wantInfos(t, m, "1", "2", "3")
	if n := len(r.newest.last(f.hall.cfg().OnJoin)); n != 2 {
		t.Errorf("a newcomer gets %d messages; want 2", n)
	}
	if !f.hall.High("rocket") || f.hall.High("gift") {
		t.Error("kinds above normal are those of before")
	}
	if _, err := f.hall.Open(t.Context(), "2"); !errors.Is(err, ErrTooManyRooms) {
		t.Errorf("Open of a second room where one may be = %v; want ErrTooManyRooms", err)
	}

	var first Member
	before := string(r.Enter(&first, newFakeSocket()))
	cfg.OnJoin, cfg.QueueMessages, cfg.UserRate = 1, 10, pace.PerSecond(1, 1)
	f.hall.Reload(cfg, nil, 0)
	var second Member
	if after := string(r.Enter(&second, newFakeSocket())); after == before {
		t.Error("the welcome of before is shared with newcomers")
	}
	f.post(r, "5")
	f.settle()
	var fast *TooFastError
	if err := r.Post(nil, "u", "6", f.now); !errors.As(err, &fast) {
		t.Errorf("a second message in a second = %v; want TooFastError", err)
	}

	for _, gone := range []*Member{&first, &second} {
		r.Leave(gone)
	}
	r.Leave(&m.Member)
	r.Release()
	f.hall.Tick(f.now.Add(time.Second), 0)
	if n := f.hall.Stats().Rooms; n != 0 {
		t.Errorf("%d rooms are live without a linger; want none", n)
	}
}

// TestHall_ReloadOfReviewsLosesNothing: reviews begin and end while messages are about; none is lost on the way.
func TestHall_ReloadOfReviewsLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cfg := newFakeStore(), DefaultConfig()
		cfg.Publishers, cfg.Fanout.Lanes = 2, 1
		h := New(cfg, Callbacks{Clock: realClock{}}, store, slog.New(slog.DiscardHandler))
		store.hall = h
		defer h.Close()
		r, err := h.Open(t.Context(), "1")
		if err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		r.rules.Modes.Review, r.rules.read = chat.ReviewAll, true
		r.mu.Unlock()
		answered := map[string]string{}
		post := func(id string) {
			t.Helper()
			if err := r.PostNative(teller(func(a Outcome) { answered[id] = a.Code }), "u", &codec.Op{ID: id, Body: "no " + id}, time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * reviewLinger)
			synctest.Wait()
		}
		asked := 0
		deny := func(_ context.Context, _ string, _ time.Duration, drafts []chat.Draft) []chat.Reviewed {
			asked++
			return slices.Repeat([]chat.Reviewed{{Verdict: chat.VerdictDeny}}, len(drafts))
		}
		post("before")
		h.Reload(cfg, deny, time.Minute)
		post("with")
		h.Reload(cfg, func(ctx context.Context, id string, waited time.Duration, drafts []chat.Draft) []chat.Reviewed {
			h.Reload(cfg, nil, time.Minute) // while it is asked
			return deny(ctx, id, waited, drafts)
		}, time.Minute)
		post("during")
		post("after")
		if answered["before"] != "" || answered["with"] != CodeBlocked || answered["during"] != CodeBlocked || answered["after"] != "" || len(answered) != 4 || asked != 2 {
			t.Errorf("answers %v, asked %d times; want those with reviews blocked, the others taken", answered, asked)
		}
	})
}
