package room

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// verdictOf is the verdict of the reviews of these tests on a text: no: deny; hold: hold; rude: masked; else allowed.
func verdictOf(d *chat.Draft) chat.Reviewed {
	_, body := codec.DraftText(d)
	switch {
	case strings.Contains(body, "no"):
		return chat.Reviewed{Verdict: chat.VerdictDeny}
	case strings.Contains(body, "hold"):
		return chat.Reviewed{Verdict: chat.VerdictHold}
	case strings.Contains(body, "rude"):
		return chat.Reviewed{Verdict: chat.VerdictMask, Body: strings.ReplaceAll(body, "rude", "*")}
	}
	return chat.Reviewed{}
}

// asked are the bodies of each batch that was reviewed.
type asked struct {
	mu      sync.Mutex // guards the fields below
	batches [][]string
	waited  []time.Duration
	during  func() // called in the midst of a review
}

func (a *asked) review(_ context.Context, _ string, waited time.Duration, drafts []chat.Draft) []chat.Reviewed {
	a.mu.Lock()
	defer a.mu.Unlock()
	var bodies []string
	said := make([]chat.Reviewed, len(drafts))
	for i := range drafts {
		_, body := codec.DraftText(&drafts[i])
		bodies = append(bodies, body)
		said[i] = verdictOf(&drafts[i])
	}
	a.batches, a.waited = append(a.batches, bodies), append(a.waited, waited)
	if a.during != nil {
		a.during()
	}
	return said
}

// reviewing is a fixture whose room 1 has a mode of reviews.
func reviewing(t *testing.T, a *asked, mode string) (*fixture, *Room, *member) {
	t.Helper()
	f := newFixture(t, nil, Callbacks{Review: a.review, NewFor: time.Minute})
	r := f.open("1")
	m := f.join(r)
	f.moderateElsewhere(modes("review", mode))
	f.settle()
	return f, r, m
}

// TestReview_VerdictsApplyInOrder has one batch of each verdict: order stays, and each message is treated as decided.
func TestReview_VerdictsApplyInOrder(t *testing.T) {
	a := &asked{}
	f, r, m := reviewing(t, a, `"all"`)
	var got mailbag
	for i, body := range []string{"one", "no", "rude two", "hold it", "three"} {
		f.says(r, &got, "u", fmt.Sprint(i), body)
	}
	mod := &speaker{voice: Voice{Role: chat.RoleModerator}}
	f.says(r, mod, "m", "m", "no, says a moderator")
	if len(a.batches) != 0 {
		t.Errorf("asked about %q before the linger is over", a.batches)
	}
	f.settle()
	wantInfos(t, m, "one", "* two", "three", "no, says a moderator")
	if fmt.Sprint(a.batches) != "[[one no rude two hold it three]]" {
		t.Errorf("asked about %q; want one batch, without the moderator's", a.batches)
	}
	var codes []string
	for _, answer := range got {
		f := strings.Split(answer, ":")
		codes = append(codes, f[0]+f[1]+f[2])
	}
	slices.Sort(codes)
	if fmt.Sprint(codes) != "[01 1blocked0 22 3held0 43]" {
		t.Errorf("answers %q; want one each", codes)
	}
	if held := f.store.held(); len(held) != 1 || held[0].Why != chat.HeldByReview {
		t.Errorf("held %+v; want one, by the review", held)
	}
	if f.hall.Stats().Waiting != 0 || f.hall.stats.tally.bytes.Load() != 0 || !r.idle() {
		t.Errorf("%d messages of %d bytes wait; want none", f.hall.Stats().Waiting, f.hall.stats.tally.bytes.Load())
	}
}

// TestReview_MutedMeanwhileIsRefused: a user who is muted while their message is under review is refused; the rules
// of then count.
func TestReview_MutedMeanwhileIsRefused(t *testing.T) {
	a := &asked{}
	f, r, m := reviewing(t, a, `"all"`)
	var got mailbag
	f.says(r, &got, "u", "1", "one")
	f.says(r, &got, "v", "2", "two")
	a.during = func() { f.moderateElsewhere(muted("u")); a.during = nil }
	f.settle()
	wantInfos(t, m, "two")
	if len(got) != 2 || got[0] != "1:muted:0:0" || len(a.batches) != 1 {
		t.Errorf("answers %q, asked about %q; want u muted, and one question", got, a.batches)
	}
}

// TestReview_NewUsersModeAsksOfNewcomersAlone: of those alone who have come in just now.
func TestReview_NewUsersModeAsksOfNewcomersAlone(t *testing.T) {
	a := &asked{}
	f, r, _ := reviewing(t, a, `"new_users"`)
	came := func(d time.Duration) *speaker { return &speaker{voice: Voice{Since: f.now.Add(-d)}} }
	f.says(r, came(time.Second), "n", "1", "new")
	f.says(r, came(2*time.Minute), "o", "2", "old")
	f.says(r, &mailbag{}, "f", "3", "of old")
	f.settle()
	if fmt.Sprint(a.batches) != "[[new]]" || len(f.store.stored()) != 3 {
		t.Errorf("asked about %q, %d stored; want the new one alone asked about, and three", a.batches, len(f.store.stored()))
	}
	f.moderateElsewhere(modes("review", `"off"`))
	f.settle()
	f.says(r, came(time.Second), "n", "4", "no")
	if waiting(f.hall.publishers) != 1 {
		t.Error("a room without reviews lingers")
	}
	f.settle()
	if len(a.batches) != 1 || len(f.store.stored()) != 4 {
		t.Errorf("asked about %q; want nothing more", a.batches)
	}
}

// TestReview_AFullBatchDoesNotLinger: a hundred messages do not linger.
func TestReview_AFullBatchDoesNotLinger(t *testing.T) {
	a := &asked{}
	f, r, _ := reviewing(t, a, `"all"`)
	for i := range BatchMessages + 5 {
		f.says(r, &mailbag{}, fmt.Sprint("u", i), fmt.Sprint(i), "x")
	}
	for f.work() {
	}
	if len(a.batches) == 0 || len(a.batches[0]) != BatchMessages {
		t.Errorf("asked about %d batches; want one of %d first, at once", len(a.batches), BatchMessages)
	}
	f.settle()
	if n := len(f.store.stored()); n != BatchMessages+5 {
		t.Errorf("%d stored; want all", n)
	}
}

// TestReview_NothingUnreviewedIsHeardWhileAway: while the store is away nothing unreviewed is delivered; it is
// reviewed when the store is back.
func TestReview_NothingUnreviewedIsHeardWhileAway(t *testing.T) {
	a := &asked{}
	f, r, m := reviewing(t, a, `"all"`)
	f.store.away()
	f.hall.Away(errAway)
	var got mailbag
	f.says(r, &got, "u", "1", "one")
	f.says(r, &got, "u", "2", "no")
	f.settle()
	wantInfos(t, m)
	f.store.back()
	f.hall.Back()
	f.settle()
	f.tick(time.Second)
	f.settle()
	wantInfos(t, m, "one")
	if len(got) != 2 || r.writing != linked {
		t.Errorf("answers %q, the room is %d; want two, and linked", got, r.writing)
	}

	a.during = func() { f.store.away(); f.hall.Away(errAway); a.during = nil } // in the midst of a review
	f.says(r, &got, "u", "3", "three")
	f.settle()
	wantInfos(t, m, "one")
	f.store.back()
	f.hall.Back()
	f.settle()
	wantInfos(t, m, "one", "three")
	if fmt.Sprint(a.batches) != "[[one no] [three]]" {
		t.Errorf("asked about %q; want each batch once", a.batches)
	}
}

// TestReview_HoldsNobodyUp: rooms whose reviews hang keep no publisher from others. At most so many are asked at once,
// and a room that waits for its turn reports for how long.
func TestReview_HoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.Publishers, cfg.Fanout.Lanes = 2, 1
		var mu sync.Mutex
		under, most, longest := 0, 0, time.Duration(0)
		review := func(_ context.Context, _ string, waited time.Duration, drafts []chat.Draft) []chat.Reviewed {
			mu.Lock()
			under++
			most, longest = max(most, under), max(longest, waited)
			mu.Unlock()
			time.Sleep(200 * time.Millisecond)
			mu.Lock()
			under--
			mu.Unlock()
			return make([]chat.Reviewed, len(drafts))
		}
		store := newFakeStore()
		h := New(cfg, Callbacks{Clock: realClock{}, Review: review}, store, slog.New(slog.DiscardHandler))
		store.hall = h
		defer h.Close()
		open := func(id string) *Room {
			r, err := h.Open(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		begun := time.Now()
		var ends sync.Map
		post := func(r *Room) {
			from := teller(func(a Outcome) { ends.Store(r.id, time.Since(begun)) })
			if err := r.PostNative(from, "u", &codec.Op{ID: "1", Body: "x"}, time.Now()); err != nil {
				t.Error(err)
			}
		}
		for i := range 2 * reviewers {
			r := open(fmt.Sprint("slow", i))
			r.mu.Lock()
			r.rules.Modes.Review, r.rules.read = chat.ReviewAll, true
			r.mu.Unlock()
			post(r)
		}
		time.Sleep(2 * reviewLinger)
		post(open("fast"))
		synctest.Wait()
		if at, ok := ends.Load("fast"); !ok || at.(time.Duration) > 3*reviewLinger {
			t.Errorf("the room without reviews was answered after %v; want at once", at)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i := range 2 * reviewers {
			if at, ok := ends.Load(fmt.Sprint("slow", i)); !ok || at.(time.Duration) > 450*time.Millisecond {
				t.Errorf("room slow%d was answered after %v; want within two turns", i, at)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if most != reviewers || longest < 190*time.Millisecond || longest > 210*time.Millisecond {
			t.Errorf("%d reviews at once, the last one waited %v; want %d and 200 ms", most, longest, reviewers)
		}
	})
}

// TestModel_ReviewStoresNothingDenied: three nodes have reviews. Their events are late or lost, and their answers are
// lost. Moderators mute, and turn reviews on and off, at random. Every sender has one answer, and the messages of each
// are in order on each node. Nothing of the muted is stored behind the mute, and nothing that was denied while reviews
// were on all the time.
func TestModel_ReviewStoresNothingDenied(t *testing.T) {
	const users, steps = 4, 300
	for seed := range uint64(40 / fewer) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		c := newCloud()
		always := seed%2 == 0
		var sites []*fixture
		var rooms []*Room
		answers := map[string][]string{}
		for n := range 3 {
			f := newFixture(t, func(cfg *Config) { cfg.Node = fmt.Sprint("n", n) }, Callbacks{Review: new(asked).review})
			f.store = c.node()
			f.hall.store, f.store.hall = f.store, f.hall
			if n == 0 {
				f.store.moderate(modes("review", `"all"`))
			}
			sites, rooms = append(sites, f), append(rooms, f.open("1"))
			f.native(rooms[n])
		}
		muteds := map[string]int{}
		said := 0
		check := func() {
			for user, at := range muteds {
				for _, e := range c.room("1").entries[at:] {
					if codec.Sender(e.JSON) == user {
						t.Fatalf("seed %d: %s is stored behind the mute of %s", seed, e.JSON, user)
					}
				}
			}
		}
		var collect authorFunc = func(a Outcome) { answers[a.ID] = append(answers[a.ID], a.Code) }
		for range steps {
			n := rnd.IntN(3)
			f, user := sites[n], fmt.Sprint("u", rnd.IntN(users))
			switch k := rnd.IntN(24); {
			case k < 8:
				said++
				id := fmt.Sprint(said)
				body := fmt.Sprint([]string{"ok ", "no ", "hold ", "rude "}[rnd.IntN(4)], "of ", n, " number ", 10_000+said)
				if code := f.says(rooms[n], collect, user, id, body); code != "" {
					answers[id] = append(answers[id], code)
				}
			case k == 8:
				if ev, err := f.store.ChangeRules(t.Context(), "1", muted(user)); err == nil {
					f.hall.RulesChanged("1", ev)
					if _, ok := muteds[user]; !ok {
						muteds[user] = len(c.room("1").entries)
					}
				}
			case k == 9:
				delete(muteds, user)
				f.store.moderate(unmuted(user))
			case k == 10:
				f.store.deafen()
			case k == 11:
				f.store.hear()
			case k == 12:
				f.store.flipAnswers()
			case k == 13:
				f.store.hurry()
			case k == 14:
				f.tick(time.Second)
			case k == 15 && !always:
				f.store.moderate(modes("review", []string{`"all"`, `"off"`}[rnd.IntN(2)]))
			default:
				f.step()
			}
			check()
		}
		for range 2 {
			for _, f := range sites {
				f.store.answers()
				f.store.hear()
				f.store.hurry()
				for range 3 {
					f.tick(time.Second)
					f.settle()
				}
				f.tick(16 * time.Second)
				f.hall.Report(t.Context())
				f.settle()
			}
		}
		check()
		for id := 1; id <= said; id++ {
			if a := answers[fmt.Sprint(id)]; len(a) != 1 {
				t.Fatalf("seed %d: message %d has the answers %q; want one", seed, id, a)
			}
		}
		last := map[string]string{} // by sender and node: the newest number
		for _, e := range c.room("1").entries {
			m := parsed(t, e.JSON)
			_, of, _ := strings.Cut(m.Info, "of ")
			of, number, _ := strings.Cut(of, " number ")
			if from := m.UserID + of; number <= last[from] {
				t.Fatalf("seed %d: %s comes behind %s", seed, e.JSON, last[from])
			} else {
				last[from] = number
			}
			if always && (strings.HasPrefix(m.Info, "no") || strings.HasPrefix(m.Info, "hold") || strings.HasPrefix(m.Info, "rude")) {
				t.Fatalf("seed %d: %s is stored", seed, e.JSON)
			}
		}
	}
}

func BenchmarkPost_Review(b *testing.B) {
	for name, review := range map[string]Reviewer{"no hook": nil, "a hook, and no reviews": new(asked).review} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, func(c *Config) { c.QueueMessages = 1 << 30 }, Callbacks{Review: review})
			r := f.open("1")
			b.ReportAllocs()
			for b.Loop() {
				f.post(r, "x")
				if r.outbox.size() == BatchMessages {
					f.settle()
				}
			}
		})
	}
}
