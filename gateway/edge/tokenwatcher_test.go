package edge

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/redisx"
	"barrage/room"
)

func TestTokenWatcher_BoundsWhatItNotes(t *testing.T) {
	r := newTokenWatcher(&Edge{})
	for i := range mostNoted / 2 {
		r.changed([]string{fmt.Sprint(i)}, []string{fmt.Sprint(i)})
	}
	if n := r.take(); n.all || len(n.users)+len(n.ids) != mostNoted {
		t.Errorf("%d users and %d tokens are noted, all: %v; want %d", len(n.users), len(n.ids), n.all, mostNoted)
	}
	for i := range mostNoted/2 + 1 {
		r.changed([]string{fmt.Sprint(i)}, []string{fmt.Sprint(i)})
	}
	if n := r.take(); !n.all || len(n.users)+len(n.ids) != 0 {
		t.Errorf("%d users and %d tokens are noted, all: %v; want all, without names", len(n.users), len(n.ids), n.all)
	}
	if n := r.take(); n.all || len(n.users)+len(n.ids) != 0 {
		t.Errorf("%d users and %d tokens are noted after that, all: %v; want none", len(n.users), len(n.ids), n.all)
	}
}

// batchStore finds tokens right, unless wrong says otherwise, and keeps the sizes of what it
// was asked.
type batchStore struct {
	*redisx.Memory
	wrong func(user string) bool
	busy  atomic.Int32
	sizes []int
}

func (b *batchStore) CheckTokens(_ context.Context, creds []chat.Credential) ([]chat.TokenState, error) {
	if b.busy.Add(1) != 1 {
		panic("BUG: two batches at once")
	}
	defer b.busy.Add(-1)
	b.sizes = append(b.sizes, len(creds))
	states := slices.Repeat([]chat.TokenState{chat.TokenRight}, len(creds))
	for i, c := range creds {
		if b.wrong != nil && b.wrong(c.UserID) {
			states[i] = chat.TokenWrong
		}
	}
	return states, nil
}

// TestTokenWatcher_MostTokensLostSendNobodyAway: a store that comes back without its tokens sends nobody away. But a
// user whose token alone is gone, or among a few, is.
func TestTokenWatcher_MostTokensLostSendNobodyAway(t *testing.T) {
	for _, c := range []struct {
		name            string
		sessions, wrong int
		want            int
	}{
		{"most of many", 1000, 501, 0},
		{"half of many", 1000, 500, 500},
		{"all of a few", lostFrom - 1, lostFrom - 1, lostFrom - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, store := newCrowd(t, c.sessions)
			store.wrong = func(user string) bool {
				n, err := strconv.Atoi(strings.TrimPrefix(user, "user-"))
				return err == nil && n < c.wrong
			}
			ended := func(changed []string) int {
				e.TokensChanged(changed, nil)
				ended, err := e.Tokens.find(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return len(ended)
			}
			if got := ended(nil); got != c.want {
				t.Errorf("%d of %d sessions are sent away; want %d", got, c.sessions, c.want)
			}
			if e.Tokens.ended != nil || e.Tokens.checked != 0 {
				t.Error("sessions are kept after the round")
			}
			if got := ended([]string{"user-0"}); got != 1 {
				t.Errorf("%d are sent away when one user's token is gone; want 1", got)
			}
		})
	}
}

// mute is a member whom nobody listens to.
type mute struct{ Member }

func (*mute) Message(codec.Opcode, []byte) error { return nil }
func (*mute) Revoked(chat.TokenState)            {}
func (*mute) Flooded()                           {}
func (*mute) Barred(chat.Measure)                {}
func (*mute) Judged()                            {}
func (*mute) Settled(room.Outcome)               {}

// hears receives what the store reports: events of rooms alone.
type hears struct{ *Edge }

func (hears) Away(error)                           {}
func (hears) Back()                                {}
func (h hears) RoomEvent(id string, ev chat.Event) { h.Hall.RoomEvent(id, ev) }
func (hears) UserEvent(string)                     {}
func (hears) Asked(string)                         {}
func (hears) TokensChanged([]string, []string)     {}
func (hears) Resumed()                             {}

// newCrowd is an edge that does not run, with so many sessions that nobody is behind.
func newCrowd(tb testing.TB, sessions int) (*Edge, *batchStore) {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Auth.Mode = []string{AuthRedis}
	store := &batchStore{Memory: redisx.NewMemory(redisx.Limits{HistoryMessages: 1000, HistoryTTL: time.Hour}, time.Now)}
	e := New(cfg, store, slog.New(slog.DiscardHandler))
	e.Hall = room.New(room.DefaultConfig(), e.Callbacks(func(*room.Room) {}), store, e.Log)
	store.Start(hears{e})
	tb.Cleanup(store.Close)
	e.started = time.Now()
	tb.Cleanup(e.Hall.Close)
	r, err := e.Hall.Open(tb.Context(), "r")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Release)
	for i := range sessions {
		user := fmt.Sprint("user-", i)
		m := new(mute)
		m.Init(e, &Visitor{User: user, Rights: &Rights{Can: pass.Read | pass.Send, asks: true, cred: chat.Credential{UserID: user, Token: "t"}}}, m)
		r.Enter(&m.Here, m)
		e.Sessions.list = append(e.Sessions.list, &m.Session)
	}
	return e, store
}

// round makes a round over the tokens that may have changed.
func (e *Edge) round(tb testing.TB) {
	tb.Helper()
	if err := e.Tokens.Round(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

func TestTokenWatcher_AsksInBatches(t *testing.T) {
	e, store := newCrowd(t, 2*recheckBatch+7)
	refused := new(mute)
	refused.Init(e, &Visitor{User: "refused"}, refused)
	refused.closing = CloseForbidden
	e.Sessions.list = append(e.Sessions.list, &refused.Session)
	e.TokensChanged(nil, nil)
	e.round(t)
	if want := []int{recheckBatch, recheckBatch, 7}; !slices.Equal(store.sizes, want) {
		t.Errorf("batches of %v; want %v", store.sizes, want)
	}
	store.sizes = nil
	e.TokensChanged([]string{"user-1", "nobody", "refused", "user-700"}, nil)
	e.round(t)
	if want := []int{2}; !slices.Equal(store.sizes, want) {
		t.Errorf("batches of %v; want %v", store.sizes, want)
	}
	if r := e.Tokens; slices.ContainsFunc(r.batch[:cap(r.batch)], func(c *Session) bool { return c != nil }) {
		t.Error("sessions are kept after the round")
	}
}

// BenchmarkSessionCheck_Crowd is one check of 100,000 sessions and the round over changed tokens
// behind it, of so many users.
func BenchmarkSessionCheck_Crowd(b *testing.B) {
	for _, changed := range []int{0, 100, mostNoted} {
		b.Run(fmt.Sprint("changed=", changed), func(b *testing.B) {
			e, _ := newCrowd(b, 100_000)
			users := make([]string, changed)
			for i := range users {
				users[i] = fmt.Sprint("user-", i*100_000/changed)
			}
			b.ReportAllocs()
			for b.Loop() {
				e.CheckSessions(e.started)
				e.TokensChanged(users, nil)
				if err := e.Tokens.Round(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
