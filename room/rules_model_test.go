package room

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/pace"
)

// This file is order in rooms over three nodes, at random.

// TestModel_RulesStoreNothingOfTheMuted: three nodes, whose events are late or lost and whose answers are lost;
// moderators mute at random. When a call has returned nothing of whom it mutes is stored, on any node; every sender has
// one answer.
func TestModel_RulesStoreNothingOfTheMuted(t *testing.T) {
	const users, steps = 4, 400
	for seed := range uint64(60 / fewer) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		c := newCloud()
		var sites []*fixture
		var rooms []*Room
		answers := map[string][]string{}
		for n := range 3 {
			f := newFixture(t, func(cfg *Config) { cfg.Node, cfg.Instant = fmt.Sprint("n", n), n == 1 }, Callbacks{})
			f.store = c.node()
			f.hall.store, f.store.hall = f.store, f.hall
			sites, rooms = append(sites, f), append(rooms, f.open("1"))
			f.native(rooms[n])
		}
		muteds := map[string]int{} // by user: how many messages were stored when the call returned
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
			switch k := rnd.IntN(20); {
			case k < 6:
				said++
				id := fmt.Sprint(said)
				if code := f.says(rooms[n], collect, user, id, user); code != "" {
					answers[id] = append(answers[id], code)
				}
			case k == 6:
				if ev, err := f.store.ChangeRules(t.Context(), "1", muted(user)); err == nil {
					f.hall.RulesChanged("1", ev)
					if _, ok := muteds[user]; !ok {
						muteds[user] = len(c.room("1").entries)
					}
				}
			case k == 7:
				delete(muteds, user)
				f.store.moderate(unmuted(user))
			case k == 8:
				f.store.deafen()
			case k == 9:
				f.store.hear()
			case k == 10:
				f.store.flipAnswers()
			case k == 11:
				f.store.dawdle()
			case k == 12:
				f.store.hurry()
			case k == 13:
				f.tick(time.Second)
			case k == 14:
				f.tick(16 * time.Second)
				f.hall.Report(t.Context())
			default:
				f.step()
			}
			check()
		}
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
		check()
		for id := 1; id <= said; id++ {
			if a := answers[fmt.Sprint(id)]; len(a) != 1 {
				t.Fatalf("seed %d: message %d has the answers %q; want one", seed, id, a)
			}
		}
		for n, r := range rooms {
			if v := c.room("1").rules.Version; r.rules.Version != v {
				t.Fatalf("seed %d: node %d goes by the rules %s; want %s", seed, n, r.rules.Version, v)
			}
		}
	}
}

type authorFunc func(Outcome)

func (f authorFunc) Settled(a Outcome) { f(a) }

// TestRoom_ShadowIsAcknowledgedButNobodyHasIt: its sender receives an ack, members receive nothing, and bounds and
// rules hold as for any other.
func TestRoom_ShadowIsAcknowledgedButNobodyHasIt(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.UserRate = pace.PerSecond(1, 2) }, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	var got mailbag
	shadow := func(user, id string) error {
		return r.Shadow(&got, user, &codec.Op{ID: id, Body: "psst"}, f.now)
	}
	if err := shadow("u", "1"); err != nil || fmt.Sprint(got) != "[1::0:"+fmt.Sprint(f.now.UnixMilli())+"]" {
		t.Errorf("Shadow: %v, answers %q; want an ack of 1 without a number", err, got)
	}
	if err := shadow("u", ""); err != nil || len(got) != 1 { // as FastIM's
		t.Errorf("Shadow without an id: %v, answers %q; want none", err, got)
	}
	if _, ok := errors.AsType[*TooFastError](shadow("u", "3")); !ok {
		t.Error("the third one at once is taken")
	}
	f.moderateElsewhere(muted("v"))
	f.settle()
	if no, ok := errors.AsType[*RefusedError](shadow("v", "4")); !ok || no.Code != CodeMuted {
		t.Errorf("of somebody who is muted: %v; want %s", no, CodeMuted)
	}
	f.settle()
	if stored := f.store.stored(); len(stored) != 0 || f.hall.Stats().Waiting != 0 || f.hall.Stats().RefusedRules != 3 {
		t.Errorf("stored %v, %+v; want nothing, and three that rules forbid", stored, f.hall.Stats())
	}
	_ = m
}
