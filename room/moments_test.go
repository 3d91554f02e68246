package room

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file takes messages away at every moment of their way.

// moment is one of a message's way at which it is taken back, or the room cleared. Its function "does" has the message
// sent; "takes" takes it back or clears the room, over a node.
type moment struct {
	name string
	does func(f *fixture, takes func(over *fakeStore))
	on   int // messages sent behind that
}

var moments = []moment{
	{"before its event", func(f *fixture, takes func(over *fakeStore)) {
		f.store.dawdle()
		f.saysElsewhere("v", "x")
		takes(f.store)
		f.store.hurry()
	}, 0},
	{"its event is lost", func(f *fixture, takes func(over *fakeStore)) {
		f.unheard(func() { f.saysElsewhere("v", "x") })
		takes(f.other)
	}, 0},
	{"unheard", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		f.unheard(func() { takes(f.other) })
		f.hall.Resumed()
	}, 0},
	{"both events are lost", func(f *fixture, takes func(over *fakeStore)) {
		f.unheard(func() {
			f.saysElsewhere("v", "x")
			takes(f.other)
		})
		f.hall.Resumed()
	}, 0},
	{"while the history is read", func(f *fixture, takes func(over *fakeStore)) {
		f.unheard(func() { f.saysElsewhere("v", "x") })
		f.store.meanwhile(func() { takes(f.other) })
		f.hall.Resumed()
	}, 0},
	{"while the history is read, over this node", func(f *fixture, takes func(over *fakeStore)) {
		f.unheard(func() { f.saysElsewhere("v", "x") })
		f.store.meanwhile(func() { takes(f.store) })
		f.hall.Resumed()
	}, 0},
	{"while the store is away", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		f.store.away()
		f.hall.Away(errAway)
		takes(f.other)
		f.unheard(func() {})
		f.back()
	}, 0},
	{"and the store goes back to before", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		takes(f.other)
		f.store.goBack(2)
		f.hall.Resumed()
	}, 0},
	{"and the store loses both, and it is said again", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		takes(f.other)
		f.store.goBack(1)
		f.saysElsewhere("v", "x")
	}, 0},
	{"and the store goes back to before, and on", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		takes(f.other)
		f.store.goBack(2)
		f.unheard(func() {
			f.publishFrom("1", "w", "on")
			f.publishFrom("1", "w", "and on")
		})
		f.hall.Resumed()
	}, 2},
	{"and the count is lost, which a replica knows", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		takes(f.other)
		f.store.lose(keyMeta)
		f.hall.Resumed()
	}, 0},
	{"and the count is lost, and nobody looks", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		takes(f.other)
		f.store.lose(keyMeta)
	}, 0},
	{"and the log is lost", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		f.unheard(func() {
			takes(f.other)
			f.store.lose(keyRecalls)
		})
		f.hall.Resumed()
	}, 0},
	{"by an answer that is lost, then once more", func(f *fixture, takes func(over *fakeStore)) {
		f.saysElsewhere("v", "x")
		f.settle()
		f.unheard(func() {
			f.store.loseAnswers()
			takes(f.store)
			f.store.answers()
		})
		takes(f.store)
	}, 0},
}

// A message is taken away at every moment of its way, alone or with all of the room. No member shows it, whatever the
// order, and all get what comes behind.
func TestDoubt_TakenAwayAtAnyMomentIsNotShown(t *testing.T) {
	recall := func(f *fixture, over *fakeStore) (chat.Event, error) {
		return over.recallThat("1", func(e chat.Entry) bool { return strings.Contains(e.JSON, `"vx"`) })
	}
	clearRoom := func(f *fixture, over *fakeStore) (ev chat.Event, err error) {
		ev, _, err = over.Purge(f.t.Context(), "1", f.hall.Position("1"), chat.Purge{})
		return ev, err
	}
	for name, way := range map[string]struct {
		take func(f *fixture, over *fakeStore) (chat.Event, error)
		want []string // on the screen, of first, vx and last
	}{"recalled": {recall, []string{"first", "last"}}, "cleared": {clearRoom, []string{"last"}}} {
		for _, m := range moments {
			t.Run(name+" "+m.name, func(t *testing.T) {
				f := newFixture(t, nil, Callbacks{})
				r := f.open("1")
				viewer := f.native(r)
				f.post(r, "first")
				f.settle()
				f.tick(time.Second)
				f.now = f.clock.Now()
				f.store.setClock(f.now.UnixMilli())
				m.does(f, func(over *fakeStore) {
					ev, err := way.take(f, over)
					if err == nil && over == f.store {
						f.hall.Recalled("1", ev)
					}
				})
				f.settle()
				f.settle()
				f.post(r, "last")
				f.settle()
				if screen := viewer.screen(t, "first", "vx", "last"); !slices.Equal(screen, way.want) {
					t.Errorf("the member shows %v; want %v: %v", screen, way.want, viewer.texts(t))
				}
				if n, want := len(f.store.stored()), len(way.want)+m.on; n != want {
					t.Errorf("%d messages are left; want %d", n, want)
				}
				for _, e := range slices.Concat(f.store.stored(), r.newest.last(50)) {
					if strings.Contains(e.JSON, `"vx"`) || name == "cleared" && strings.Contains(e.JSON, `"first"`) {
						t.Errorf("there is still %s", e.JSON)
					}
				}
			})
		}
	}
}

// screen is which of some messages a native member shows in the end.
func (m *member) screen(tb testing.TB, bodies ...string) (shown []string) {
	tb.Helper()
	for _, fr := range m.frames(tb) {
		switch fr.T {
		case "cleared":
			shown = nil
		case "recalled":
			shown = slices.DeleteFunc(shown, func(body string) bool { return body == "vx" })
		}
		for _, msg := range fr.Messages {
			if slices.Contains(bodies, msg.Body) {
				shown = append(shown, msg.Body)
			}
		}
	}
	return shown
}

// The store goes back to a snapshot. The room is cleared in a later epoch than that of the snapshot, or in the same
// one, which others have left meanwhile.
func TestDoubt_ClearedStaysAwayWhenTheStoreGoesFurtherBack(t *testing.T) {
	for _, later := range []bool{true, false} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.native(r)
		for _, body := range []string{"one", "two"} {
			f.post(r, body)
			f.settle()
		}
		snapshot := f.store.room("1").clone()
		goBack := func() {
			f.store.restore(snapshot)
			f.hall.Resumed()
			f.settle()
		}
		clears := func() {
			f.tick(time.Second)
			f.now = f.clock.Now()
			f.store.setClock(f.now.UnixMilli())
			ev, _, err := f.store.Purge(t.Context(), "1", r.follower.pos, chat.Purge{})
			if err != nil {
				t.Fatal(err)
			}
			f.hall.Recalled("1", ev)
		}
		f.post(r, "three")
		f.settle()
		if later {
			goBack()
			f.post(r, "four")
			f.settle()
			clears()
		} else {
			clears()
			f.store.goBack(2)
			f.hall.Resumed()
			f.settle()
		}
		f.post(r, "five")
		f.settle()
		goBack()
		f.settle()
		f.post(r, "last")
		f.settle()
		var history []string
		for _, e := range f.store.stored() {
			history = append(history, infos(t, []string{codec.FastIMText(e.JSON)})...)
		}
		if fmt.Sprint(history) != "[last]" {
			t.Errorf("later %v: the history is %v in %s; want what was said behind the clear", later, history, r.follower.pos.Epoch)
		}
		if newest := r.newest.last(50); len(newest) != 1 {
			t.Errorf("later %v: newcomers are given %v", later, newest)
		}
		if frames := m.frames(t); frames[len(frames)-1].T != "batch" {
			t.Errorf("later %v: the member got %s last", later, frames[len(frames)-1].brief())
		}
	}
}

// The room is cleared, the store loses all, and the empty room is cleared again. Then the store has a snapshot of
// before: the cleared messages do not come again.
func TestDoubt_ClearedStaysAwayWhenAWipedStoreIsRestored(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.native(r)
	f.posts(r, 2)
	snapshot := f.store.room("1").clone()
	f.posts(r, 2)
	f.store.setClock(codec.Timestamp(f.store.room("1").entries[3].JSON))
	f.purgeElsewhere(chat.Purge{})
	f.settle()
	f.store.wipe()
	ev, _, err := f.store.Purge(t.Context(), "1", r.follower.pos, chat.Purge{}) // once more
	if err != nil {
		t.Fatal(err)
	}
	f.hall.Recalled("1", ev)
	f.settle()
	f.store.restore(snapshot)
	f.hall.Resumed()
	f.settle()
	if left := f.store.stored(); len(left) > 0 || len(r.newest.entries) > 0 {
		t.Errorf("in %s the history is %v, and newcomers are given %v; want nothing", r.follower.pos.Epoch, left, r.newest.entries)
	}
}

// The room is cleared in an epoch that the node has not read yet, and the store goes back under that. A message that
// comes under a cleared number is not cleared.
func TestDoubt_ClearedInACountThatGoesBackTakesNothingLater(t *testing.T) {
	for _, over := range []string{"this node", "another"} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.post(r, "first")
		f.settle()
		// by a node that knows more
		f.store.set(func(s *fakeStore) { s.look(s.room("1"), chat.Position{Epoch: "e1", Rev: 9}) })
		f.publishFrom("1", "w", "second")
		f.store.setClock(f.now.UnixMilli())
		before := f.store.room("1").clone()
		f.publishFrom("1", "w", "third")
		if over == "another" {
			f.purgeElsewhere(chat.Purge{})
		} else if ev, _, err := f.store.Purge(t.Context(), "1", chat.Position{}, chat.Purge{}); err == nil {
			f.hall.Recalled("1", ev)
		}
		f.store.restore(before)
		f.store.deafen()
		f.publishFrom("1", "w", "later")
		f.store.hear()
		f.settle()
		f.settle()
		f.post(r, "last")
		f.settle()
		if got := infos(t, m.texts(t)); !slices.Equal(got[max(0, len(got)-2):], []string{"later", "last"}) {
			t.Errorf("over %s: the member got %v; want later and last behind the clear", over, got)
		}
		for _, want := range []string{"later", "last"} {
			if !slices.ContainsFunc(f.store.stored(), func(e chat.Entry) bool { return strings.Contains(e.JSON, `"`+want+`"`) }) {
				t.Errorf("over %s: the history has no %s", over, want)
			}
		}
	}
}
