package room

import (
	"fmt"
	"strings"
	"testing"

	"barrage/codec"
)

// holdsText has a text of user wait for a moderator.
func (f *fixture) holdsText(r *Room, from Author, user, id, body string) {
	f.t.Helper()
	if err := r.Hold(from, user, &codec.Op{ID: id, Body: body, Kind: codec.KindChat}, f.now); err != nil {
		f.t.Fatal(err)
	}
}

// TestScreen_SlowModeHoldsToo: a held message counts as one in slow mode, and as one that was sent; another one of its
// user waits for nobody.
func TestScreen_SlowModeHoldsToo(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.moderateElsewhere(modes("slow_ms", "60000"))
	f.settle()
	var got mailbag
	f.holds(r, &got, "u", "1")
	f.holds(r, &got, "u", "2")
	f.holds(r, &got, "v", "3")
	f.settle()
	f.sayHere(r, &got, "u", "4")
	f.settle()
	if want := "[1:held:0:0 2:slow_mode:0:0 3:held:0:0 4:slow_mode:0:0]"; sortedWords(fmt.Sprint(got)) != want {
		t.Errorf("answers %q; want %s", got, want)
	}
	if held := f.store.held(); len(held) != 2 {
		t.Errorf("%d wait; want those of u and v", len(held))
	}
}

// TestScreen_ShieldsTheService: a message that slow mode or an earlier text forbids is not shown to the review service.
func TestScreen_ShieldsTheService(t *testing.T) {
	for mode, value := range map[string]string{"slow_ms": "60000", "dup_s": "60"} {
		a := &asked{}
		f, r, m := reviewing(t, a, `"all"`)
		f.moderateElsewhere(modes(mode, value))
		f.settle()
		var got mailbag
		for i := range 3 {
			f.says(r, &got, "u", fmt.Sprint(i), "no")
			f.settle()
		}
		f.says(r, &got, "v", "v", "fine")
		f.settle()
		if fmt.Sprint(a.batches) != "[[no] [fine]]" {
			t.Errorf("%s: asked about %q; want u's first message, and v's", mode, a.batches)
		}
		if len(got) != 4 || !strings.HasPrefix(got[0], "0:blocked") || strings.Contains(got[1], "blocked") || strings.Contains(got[2], "blocked") {
			t.Errorf("%s: answers %q; want the first one blocked, and two refused for %s", mode, got, mode)
		}
		wantInfos(t, m, "fine")
	}
}

// TestScreen_ResentIsNotLookedAtAgain: a message that the room has is acknowledged with its number, and nobody looks at
// it again, whatever their verdict would be by now.
func TestScreen_ResentIsNotLookedAtAgain(t *testing.T) {
	a := &asked{}
	f, r, m := reviewing(t, a, `"all"`)
	var got mailbag
	f.says(r, &got, "u", "1", "one")
	f.settle()
	f.moderateElsewhere(modes("slow_ms", "60000"))
	f.settle()
	f.says(r, &got, "u", "1", "hold it")
	f.settle()
	f.holdsText(r, &got, "u", "1", "rats")
	f.settle()
	if len(got) != 3 || got[0] != got[1] || got[0] != got[2] || !strings.HasPrefix(got[0], "1::1:") {
		t.Errorf("answers %q; want three times the first ack", got)
	}
	if len(a.batches) != 1 || len(f.store.held()) != 0 || len(f.store.stored()) != 1 {
		t.Errorf("asked %d times, %d wait, %d stored; want 1, 0, 1", len(a.batches), len(f.store.held()), len(f.store.stored()))
	}
	wantInfos(t, m, "one")
	if f.hall.Stats().Waiting != 0 || !r.idle() {
		t.Errorf("%d messages wait; want none", f.hall.Stats().Waiting)
	}
}

// TestScreen_TryMadeAgainPassesItsOwnMarks: a try whose answer was lost is made again, and does not stumble over its
// own marks.
func TestScreen_TryMadeAgainPassesItsOwnMarks(t *testing.T) {
	a := &asked{}
	f, r, m := reviewing(t, a, `"all"`)
	f.moderateElsewhere(modes("slow_ms", "60000"))
	f.settle()
	var got mailbag
	f.store.loseAnswers()
	f.says(r, &got, "u", "1", "one")
	f.settle()
	if len(got)+len(a.batches) != 0 {
		t.Errorf("answers %q, asked about %q; want nothing yet", got, a.batches)
	}
	f.store.answers()
	f.tick(1)
	f.settle()
	wantInfos(t, m, "one")
	if len(got) != 1 || !strings.HasPrefix(got[0], "1::1:") {
		t.Errorf("answers %q; want an ack", got)
	}
}

// TestScreen_OnlyWhatIsLookedAt: others cost no further call.
func TestScreen_OnlyWhatIsLookedAt(t *testing.T) {
	f := newFixture(t, nil, Callbacks{Review: new(asked).review})
	r := f.open("1")
	f.moderateElsewhere(modes("slow_ms", "60000"))
	f.settle()
	f.sayHere(r, &mailbag{}, "u", "1")
	f.holds(r, &mailbag{}, "v", "2")
	f.settle()
	var asked []string
	f.store.set(func(s *fakeStore) { asked = s.screened })
	if len(asked) != 1 || !strings.Contains(asked[0], "v2") {
		t.Errorf("the store was asked about %q; want v's alone", asked)
	}
}
