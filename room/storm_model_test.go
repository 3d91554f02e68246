package room

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// stormEnd is what became of one run of the model of storms.
type stormEnd struct {
	survivors          []string // ids, in the room's order
	stored, shed, busy int
}

// TestModel_StormShowsTheSameOnAllNodes: three nodes offer a room more than it takes; the level, the quota, late and
// lost events and lost answers change at random. Members of all nodes see the same messages in the same order, and each
// sender has one answer. A level leaves out nothing above normal, and the offered messages are those stored and those
// left out. The same seed ends in the same way.
func TestModel_StormShowsTheSameOnAllNodes(t *testing.T) {
	var all stormEnd
	for seed := range uint64(40 / fewer) {
		end := runStorm(t, seed)
		if again := runStorm(t, seed); !slices.Equal(end.survivors, again.survivors) || end.shed != again.shed {
			t.Fatalf("seed %d: %d stored, %d left out; the second time %d and %d", seed, end.stored, end.shed, again.stored, again.shed)
		}
		all.stored, all.shed, all.busy = all.stored+end.stored, all.shed+end.shed, all.busy+end.busy
	}
	if all.stored < 1000/fewer || all.shed < 1000/fewer {
		t.Errorf("%d stored, %d left out; want many of both, or this shows nothing", all.stored, all.shed)
	}
}

// runStorm runs the model once, and checks how it ended.
func runStorm(t *testing.T, seed uint64) stormEnd {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 7))
	c := newCloud()
	var sites []*fixture
	var rooms []*Room
	var members []*member
	for n := range 3 {
		f := newFixture(t, func(cfg *Config) { cfg.Node, cfg.Instant = fmt.Sprint("n", n), n == 1 }, Callbacks{})
		f.store = c.node()
		f.hall.store, f.store.hall = f.store, f.hall
		sites, rooms = append(sites, f), append(rooms, f.open("1"))
		members = append(members, f.native(rooms[n]))
	}
	answers := map[string][]Outcome{}
	var collect authorFunc = func(a Outcome) { answers[a.ID] = append(answers[a.ID], a) }
	offered := 0
	offer := func(n int) {
		f, kind := sites[n], []string{"chat", "chat", "enter", "gift"}[rnd.IntN(4)]
		user := fmt.Sprint("u", rnd.IntN(30))
		offered++
		id := fmt.Sprint(kind, offered)
		f.now = f.now.Add(time.Millisecond)
		err := rooms[n].PostNative(&giver{author: collect}, user, &codec.Op{ID: id, Body: "x", Kind: kind}, f.now)
		if no, ok := errors.AsType[*RefusedError](err); ok {
			if kind == "gift" {
				t.Fatalf("seed %d: %s is refused at once: %v", seed, id, err)
			}
			answers[id] = append(answers[id], Outcome{ID: id, Code: no.Code, Wait: no.Wait})
		} else if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, id, err)
		}
	}
	for range 300 {
		n := rnd.IntN(3)
		f := sites[n]
		switch k := rnd.IntN(24); {
		case k < 12:
			offer(n)
		case k == 12:
			level := uint16(rnd.IntN(chat.StormMost + 1))
			f.store.set(func(s *fakeStore) { s.storm = chat.Storm{Level: level, Offered: 9, Shown: 3} })
		case k == 13:
			quota := rnd.IntN(4)
			f.store.set(func(s *fakeStore) { s.quota = quota })
		case k == 14:
			f.store.deafen()
		case k == 15:
			f.store.hear()
		case k == 16:
			f.store.loseAnswers() // of one call: a room whose batch is on its way for long goes on alone, in an order of its own
			f.work()
			f.store.answers()
		case k == 17:
			f.store.dawdle()
		case k == 18:
			f.store.hurry()
		case k == 19:
			f.tick(100 * time.Millisecond)
		default:
			f.step()
		}
	}
	for _, f := range sites {
		f.store.hear()
		f.store.hurry()
		for range 3 {
			f.tick(time.Second)
			f.settle()
		}
	}
	for _, f := range sites { // all has come now, and a node that missed the last of it finds out
		f.tick(16 * time.Second)
		f.hall.Report(t.Context())
		f.settle()
	}

	end := stormEnd{}
	for id, a := range answers {
		switch {
		case len(a) != 1:
			t.Fatalf("seed %d: %s has the answers %v; want one", seed, id, a)
		case a[0].Code == "":
			end.stored++
		case a[0].Code == CodeShed && a[0].Wait > 0:
			end.shed++
		default:
			t.Fatalf("seed %d: %s is answered %+v; want that it is stored, or left out and for how long", seed, id, a[0])
		}
	}
	counted := uint64(0)
	for _, f := range sites {
		for _, classes := range f.hall.Stats().Shed {
			for _, n := range classes {
				counted += n
			}
		}
		if s := f.hall.Stats(); s.Waiting != 0 {
			t.Fatalf("seed %d: %d messages still wait", seed, s.Waiting)
		}
	}
	for _, e := range c.room("1").entries {
		_, id, _ := codec.SendKey(e.JSON)
		end.survivors = append(end.survivors, strings.Trim(id, `"`))
	}
	if len(answers) != offered || end.stored+end.shed != offered || uint64(end.shed) != counted || len(end.survivors) != end.stored {
		t.Fatalf("seed %d: of %d offered %d are answered: %d stored, %d in the history, %d left out, %d counted",
			seed, offered, len(answers), end.stored, len(end.survivors), end.shed, counted)
	}
	for n, m := range members {
		var seen []string
		for _, fr := range m.frames(t) {
			for _, msg := range fr.Messages {
				seen = append(seen, msg.ID)
			}
		}
		if !slices.Equal(seen, end.survivors) {
			t.Fatalf("seed %d: members of node %d have seen\n%s\nwant\n%s", seed, n, strings.Join(seen, " "), strings.Join(end.survivors, " "))
		}
	}
	return end
}

// giver may send what is above normal.
type giver struct{ author Author }

func (g *giver) Settled(a Outcome) { g.author.Settled(a) }

func (g *giver) Voice() Voice { return Voice{High: true} }
