package redisx_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/pace"
	"barrage/redisx"
)

// newPaced is a node on the shared server, which is empty, with a rate for users; another call of node is another node.
func newPaced(t *testing.T, rate pace.Rate) (node func() *harness, raw *rawClient) {
	t.Helper()
	raw = newRaw(t, server.Addr)
	raw.do("FLUSHALL")
	paced := limits
	paced.UserRate, paced.HistoryMessages = rate, 10_000
	return func() *harness {
		cfg := redisx.DefaultConfig()
		cfg.Addrs = []string{server.Addr}
		store := redisx.NewRedis(cfg, paced, slog.New(slog.DiscardHandler))
		t.Cleanup(store.Close)
		h := &harness{Store: store, recorder: newRecorder(t)}
		h.Start(h.recorder)
		h.wantReady(t)
		return h
	}, raw
}

// TestRedis_UserRateHoldsOverNodes: over two nodes, however their messages are spread over time and batches, a user's
// rate is what GCRA makes of it, to the millisecond. Messages that are left out leave no hole in the count.
func TestRedis_UserRateHoldsOverNodes(t *testing.T) {
	rate := pace.Rate{Every: 200, Burst: 5}
	node, _ := newPaced(t, rate)
	nodes := []*harness{node(), node()}
	rnd := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test wants the same each time
	used := map[string]*pace.Used{"a": new(pace.Used), "b": new(pace.Used), "c": new(pace.Used)}
	ts, seq, refused := int64(1_700_000_000_000), uint64(0), 0
	for batch := range 120 {
		var drafts []chat.Draft
		var want []chat.RefusedDraft
		for range 1 + rnd.IntN(12) {
			ts += rnd.Int64N(120)
			user := string(rune('a' + rnd.IntN(3)))
			if wait := rate.Take(used[user], uint32(ts), 1); wait > 0 {
				want = append(want, chat.RefusedDraft{Index: len(drafts), Wait: wait})
			}
			op := &codec.Op{T: codec.OpSend, Body: "x"}
			if rnd.IntN(2) == 0 {
				op.ID = fmt.Sprint(len(drafts), ".", batch)
			}
			drafts = append(drafts, codec.NewNativeDraft("r", user, op, ts))
		}
		got, err := nodes[batch%2].Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprint("n", batch%2, ".", batch+1), Drafts: drafts})
		noError(t, err)
		if !reflect.DeepEqual(got.Refused, want) || got.Repeats != nil {
			t.Fatalf("batch %d: refused %v, repeats %v; want %v and none", batch, got.Refused, got.Repeats, want)
		}
		if n := len(drafts) - len(want); n > 0 && got.Event.Seq != seq+1 || len(got.Event.Messages) != n {
			t.Fatalf("batch %d begins at %d with %d messages; want %d with %d", batch, got.Event.Seq, len(got.Event.Messages), seq+1, n)
		}
		seq, refused = seq+uint64(len(got.Event.Messages)), refused+len(want)
	}
	if refused < 100 || seq < 100 {
		t.Errorf("%d were stored, %d refused; want many of both", seq, refused)
	}
}

// TestRedis_UserRateIsNotUsedByRepeats: a refused message may be sent again, with its id. A repeat is answered, and
// uses nothing up. A node whose clock is far ahead refuses nobody elsewhere.
func TestRedis_UserRateIsNotUsedByRepeats(t *testing.T) {
	node, _ := newPaced(t, pace.Rate{Every: 200, Burst: 2})
	a := node()
	draft := func(user, id string, ts int64) chat.Draft {
		return codec.NewNativeDraft("r", user, &codec.Op{T: codec.OpSend, ID: id, Body: "x"}, ts)
	}
	batch := 0
	say := func(drafts ...chat.Draft) string {
		t.Helper()
		batch++
		got, err := a.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprint("n.", batch), Drafts: drafts})
		noError(t, err)
		return fmt.Sprint(len(got.Event.Messages), got.Repeats, got.Refused)
	}
	const now = 1_700_000_000_000
	for _, c := range []struct {
		got, want string
	}{
		{say(draft("u", "1", now), draft("u", "2", now), draft("u", "3", now), draft("u", "3", now), draft("v", "1", now)), "3 [] [{2 200ms 0} {3 200ms 0}]"},
		{say(draft("u", "1", now), draft("u", "2", now+1)), "0 [{0 1 1700000000000} {1 2 1700000000001}] []"},
		{say(draft("u", "3", now+199)), "0 [] [{0 1ms 0}]"},
		{say(draft("u", "3", now+200)), "1 [] []"},
		{say(draft("x", "1", now+5), draft("x", "2", now+5)), "2 [] []"},
		{say(draft("x", "3", now)), "0 [] [{0 205ms 0}]"}, // the clock of another node is 5 ms behind
		{say(draft("w", "1", now+3_600_000), draft("w", "2", now+3_600_000), draft("w", "3", now+3_600_000)), "2 [] [{2 200ms 0}]"},
		{say(draft("w", "4", now+300), draft("w", "5", now+300)), "2 [] []"},
	} {
		if c.got != c.want {
			t.Errorf("said: %s; want %s", c.got, c.want)
		}
	}
}

// TestRedis_UserRateCostsNothingAtRest: of a user who does not hurry Redis remembers no more than without a rate.
func TestRedis_UserRateCostsNothingAtRest(t *testing.T) {
	node, raw := newPaced(t, pace.Rate{Every: 200, Burst: 20})
	a := node()
	now := time.Now().UnixMilli()
	for i := range int64(3) {
		_, err := a.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprint("n.", i+1), Drafts: drafts("r", "calm", now+200*i)})
		noError(t, err)
	}
	_, err := a.Publish(t.Context(), "r", chat.Batch{ID: "n.9", Drafts: drafts("r", "hasty", now, now, now)})
	noError(t, err)
	got := map[string]string{}
	for _, key := range raw.strings("KEYS", "gmu:r:*") {
		for _, user := range []string{"calm", "hasty"} {
			if raw.int("HEXISTS", key, user) == 1 {
				got[user] = raw.text("HGET", key, user)
			}
		}
	}
	if want := fmt.Sprint(now + 400); got["calm"] != want {
		t.Errorf("of the calm: %q; want %q, the last ts", got["calm"], want)
	}
	if want := fmt.Sprint(now+2, " ", 598); got["hasty"] != want || !strings.Contains(want, " ") {
		t.Errorf("of the hasty: %q; want %q: three messages use up 600 ms", got["hasty"], want)
	}
}

// TestRedis_UserRate_SystemMessagesHaveNone: messages of class system have no rate, also of a user who has sent nothing
// before. A held message is stored and waits no more, an announcement is stored.
func TestRedis_UserRate_SystemMessagesHaveNone(t *testing.T) {
	node, _ := newPaced(t, pace.Rate{Every: 200, Burst: 2})
	s := node()
	held := heldOf("bob", 1)
	_, err := s.Hold(t.Context(), "r", []chat.Held{held})
	noError(t, err)
	s.approve("n.1", held, "stored 1")
	said := drafts("r", "__key", 10, 10, 10, 10, 10)
	for i := range said {
		said[i].Class = chat.ClassSystem
	}
	stored, err := s.Publish(t.Context(), "r", chat.Batch{ID: "n.2", Drafts: said})
	wantEqual(t, "announcements", len(stored.Event.Messages), err, len(said))
	wantEqual(t, "what waits", s.heldIDs(), nil, "")
}
