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

// A recall comes at every moment of a message's way: no member shows it, whatever the order.
func TestDoubt_RecalledAtEachMoment(t *testing.T) {
	recall := func(f *fixture, over *fakeStore) {
		e := f.store.stored()
		ev, err := over.Recall(f.t.Context(), "1", "v", codec.Timestamp(e[len(e)-1].JSON))
		if err != nil {
			f.t.Fatal(err)
		}
		if over == f.store {
			f.hall.Recalled("1", ev)
		}
	}
	for _, c := range []struct {
		name string
		does func(f *fixture)
	}{
		{"before its event", func(f *fixture) {
			f.store.set(func(s *fakeStore) { s.slow = true })
			f.saysElsewhere("v", "x")
			recall(f, f.store)
			f.store.hurry()
		}},
		{"its event is lost", func(f *fixture) {
			f.store.deafen()
			f.saysElsewhere("v", "x")
			f.store.hear()
			recall(f, f.other)
		}},
		{"both events are lost", func(f *fixture) {
			f.store.deafen()
			f.saysElsewhere("v", "x")
			recall(f, f.other)
			f.store.hear()
			f.hall.Resumed()
		}},
		{"while the history is read", func(f *fixture) {
			f.store.deafen()
			f.saysElsewhere("v", "x")
			f.store.hear()
			f.store.set(func(s *fakeStore) { s.between = func() { recall(f, f.other) } })
			f.hall.Resumed()
		}},
		{"while the history is read, over this node", func(f *fixture) {
			f.store.deafen()
			f.saysElsewhere("v", "x")
			f.store.hear()
			f.store.set(func(s *fakeStore) { s.between = func() { recall(f, f.store) } })
			f.hall.Resumed()
		}},
		{"while the store is away", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			f.store.away()
			f.hall.Away(errAway)
			recall(f, f.other)
			f.store.deafen()
			f.store.hear()
			f.back()
		}},
		{"and the store loses the recall", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			recall(f, f.other)
			f.store.goBack(2)
			f.hall.Resumed()
		}},
		{"and the store loses both, and it is said again", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			recall(f, f.other)
			f.store.goBack(1)
			f.saysElsewhere("v", "x")
		}},
		{"and the store loses the message, not what a replica knows of it", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			recall(f, f.other)
			f.store.lose(keyMeta)
			f.hall.Resumed()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, nil, Hooks{})
			r := f.open("1")
			m := f.native(r)
			f.post(r, "first")
			f.settle()
			f.now = f.now.Add(time.Second)
			f.clock.add(time.Second)
			c.does(f)
			f.settle()
			f.post(r, "last")
			f.settle()
			shown := map[string]bool{}
			for _, fr := range m.frames(t) {
				for _, msg := range fr.Messages {
					shown[msg.Body] = true
				}
				if fr.T == "recalled" {
					delete(shown, "vx")
				}
			}
			for _, e := range f.store.stored() {
				if strings.Contains(e.JSON, `"vx"`) {
					t.Errorf("the history has %s", e.JSON)
				}
			}
			for _, e := range r.newest.last(50) {
				if strings.Contains(e.JSON, `"vx"`) {
					t.Errorf("newcomers are given %s", e.JSON)
				}
			}
			if shown["vx"] || !shown["first"] || !shown["last"] {
				t.Errorf("the member shows %v; want first and last", shown)
			}
		})
	}
}

// The room is cleared at every moment: nobody is given what was before, and all get what comes behind.
func TestDoubt_ClearedAtEachMoment(t *testing.T) {
	clears := func(f *fixture, over *fakeStore) {
		ev, _, err := over.Purge(f.t.Context(), "1", f.hall.Position("1"), chat.Purge{})
		if err != nil {
			f.t.Fatal(err)
		}
		if over == f.store {
			f.hall.Recalled("1", ev)
		}
	}
	for _, c := range []struct {
		name string
		does func(f *fixture)
		on   int // messages said behind the clear
	}{
		{"before the event of a message", func(f *fixture) {
			f.store.set(func(s *fakeStore) { s.slow = true })
			f.saysElsewhere("v", "x")
			clears(f, f.store)
			f.store.hurry()
		}, 0},
		{"unheard", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			f.store.deafen()
			clears(f, f.other)
			f.store.hear()
			f.hall.Resumed()
		}, 0},
		{"while the history is read", func(f *fixture) {
			f.store.deafen()
			f.saysElsewhere("v", "x")
			f.store.hear()
			f.store.set(func(s *fakeStore) { s.between = func() { clears(f, f.other) } })
			f.hall.Resumed()
		}, 0},
		{"and the store goes back to before", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			clears(f, f.other)
			f.store.goBack(2)
			f.hall.Resumed()
		}, 0},
		{"and the store goes back to before, and on", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			clears(f, f.other)
			f.store.goBack(2)
			f.store.deafen()
			f.publishFrom("1", "w", "on")
			f.publishFrom("1", "w", "and on")
			f.store.hear()
			f.hall.Resumed()
		}, 2},
		{"and the count is lost", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			clears(f, f.other)
			f.store.lose(keyMeta)
		}, 0},
		{"and the log is lost", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			f.store.deafen()
			clears(f, f.other)
			f.store.lose(keyRecalls)
			f.store.hear()
			f.hall.Resumed()
		}, 0},
		{"by an answer that is lost, then once more", func(f *fixture) {
			f.saysElsewhere("v", "x")
			f.settle()
			f.store.deafen()
			f.store.loseAnswers()
			_, _, _ = f.store.Purge(f.t.Context(), "1", f.hall.Position("1"), chat.Purge{})
			f.store.answers()
			f.store.hear()
			clears(f, f.store)
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, nil, Hooks{})
			r := f.open("1")
			m := f.native(r)
			f.post(r, "first")
			f.settle()
			f.tick(time.Second)
			f.now = f.clock.Now()
			f.store.set(func(s *fakeStore) { s.clock = f.now.UnixMilli() })
			c.does(f)
			f.settle()
			f.settle()
			f.post(r, "last")
			f.settle()
			var screen []string
			for _, text := range m.texts(t) {
				if strings.Contains(text, `"t":"cleared"`) {
					screen = nil
				}
				if strings.Contains(text, `"t":"batch"`) {
					for _, b := range []string{"first", "vx", "last"} {
						if strings.Contains(text, `"`+b+`"`) {
							screen = append(screen, b)
						}
					}
				}
			}
			if len(screen) != 1 || screen[0] != "last" {
				t.Errorf("the member shows %v of first, vx and last; want last: %v", screen, m.texts(t))
			}
			if n := len(f.store.stored()); c.on != n-1 {
				t.Errorf("%d messages are left; want %d said behind the clear, and the last", n, c.on)
			}
			for _, e := range slices.Concat(f.store.stored(), r.newest.last(50)) {
				if strings.Contains(e.JSON, `"vx"`) || strings.Contains(e.JSON, `"first"`) {
					t.Errorf("there is still %s", e.JSON)
				}
			}
		})
	}
}

// The room is cleared in a later epoch than the snapshot is of to which the store goes back, or in the same one, which
// others have left meanwhile.
func TestDoubt_ClearedThenFurtherBack(t *testing.T) {
	for _, later := range []bool{true, false} {
		f := newFixture(t, nil, Hooks{})
		r := f.open("1")
		m := f.native(r)
		for _, body := range []string{"one", "two"} {
			f.post(r, body)
			f.settle()
		}
		snapshot := f.store.room("1").clone()
		goBack := func() {
			f.store.set(func(s *fakeStore) { *s.room("1") = *snapshot.clone() })
			f.hall.Resumed()
			f.settle()
		}
		clears := func() {
			f.tick(time.Second)
			f.now = f.clock.Now()
			f.store.set(func(s *fakeStore) { s.clock = f.now.UnixMilli() })
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

// The room is cleared in an epoch that the node has not read yet, and the store goes back under that: what comes under
// the numbers that were cleared is not.
func TestDoubt_ClearedInACountThatGoesBack(t *testing.T) {
	for _, over := range []string{"this node", "another"} {
		f := newFixture(t, nil, Hooks{})
		r := f.open("1")
		m := f.join(r)
		f.post(r, "first")
		f.settle()
		f.store.set(func(s *fakeStore) { s.look(s.room("1"), chat.Position{Epoch: "e1", Rev: 9}) }) // by a node that knows more
		f.publishFrom("1", "w", "second")
		f.store.set(func(s *fakeStore) { s.clock = f.now.UnixMilli() })
		before := f.store.room("1").clone()
		f.publishFrom("1", "w", "third")
		if over == "another" {
			f.purgeElsewhere(chat.Purge{})
		} else if ev, _, err := f.store.Purge(t.Context(), "1", chat.Position{}, chat.Purge{}); err == nil {
			f.hall.Recalled("1", ev)
		}
		f.store.set(func(s *fakeStore) { *s.room("1") = *before })
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
