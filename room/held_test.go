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

// holds has a message of user wait for a moderator.
func (f *fixture) holds(r *Room, from Author, user, id string) {
	f.t.Helper()
	f.now = f.now.Add(time.Millisecond)
	if err := r.Hold(from, user, &codec.Op{ID: id, Body: user + id, Kind: codec.KindChat}, f.now); err != nil {
		f.t.Fatal(err)
	}
}

// approver is who approves messages.
func approver() *speaker { return &speaker{voice: Voice{Approved: true}} }

// sortedWords are the words of a list in brackets, sorted.
func sortedWords(list string) string {
	words := strings.Fields(strings.Trim(list, "[]"))
	slices.Sort(words)
	return fmt.Sprint(words)
}

// TestHeld_ComesOnceWhenApproved: a held message waits in the store and is reported to its sender as held. An approved
// one comes once, with the next number, as its sender's, also where the room's modes forbid it.
func TestHeld_ComesOnceWhenApproved(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	var got mailbag
	f.sayHere(r, &got, "u", "1")
	f.holds(r, &got, "u", "2")
	f.holds(r, &got, "v", "") // as FastIM's
	f.sayHere(r, &got, "u", "3")
	f.settle()
	if len(got) != 3 || got[0] != "2:held:0:0" {
		t.Errorf("answers %q; want that the second one is held, then two acks", got)
	}
	wantInfos(t, m, "u1", "u3")
	waiting := f.store.held()
	if len(waiting) != 2 || waiting[0].Why != chat.HeldByFilter || waiting[0].ID[:chat.HeldUser] == waiting[1].ID[:chat.HeldUser] {
		t.Fatalf("waiting are %+v; want u2 and v", waiting)
	}

	f.moderateElsewhere(modes("frozen", "true"))
	f.settle()
	by := approver()
	f.now = f.now.Add(time.Second)
	ts := f.now.UnixMilli()
	for range 3 { // moderators are fast, and many
		for i := range waiting {
			if err := r.PostApproved(by, &waiting[i], f.now); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.settle()
	wantInfos(t, m, "u1", "u3", "u2", "v")
	want := fmt.Sprintf("[2::3:%[1]d 2:decided:0:0 2:decided:0:0 :decided:0:0 :decided:0:0 ::4:%[1]d]", ts)
	if slices.Sort(by.mailbag); fmt.Sprint(by.mailbag) != sortedWords(want) {
		t.Errorf("answers to who approves: %q; want %s", by.mailbag, sortedWords(want))
	}
	if stats := f.hall.Stats(); stats.Held != 2 || stats.Waiting != 0 {
		t.Errorf("%d held, %d wait; want 2 and 0", stats.Held, stats.Waiting)
	}
	if left := f.store.held(); len(left) != 0 {
		t.Errorf("%+v wait still", left)
	}
}

// TestHeld_NotOfTheMuted: a held message of a user who is muted, banned or shadowed since is not stored, and waits on.
func TestHeld_NotOfTheMuted(t *testing.T) {
	for _, what := range []chat.What{chat.Mute, chat.Ban, chat.Kick, chat.Shadow} {
		t.Run(what.String(), func(t *testing.T) {
			f := newFixture(t, nil, Callbacks{})
			r := f.open("1")
			f.join(r)
			var got mailbag
			f.holds(r, &got, "u", "1")
			f.settle()
			waiting := f.store.held()
			f.store.deafen() // it does not receive the event
			f.moderateElsewhere(chat.RulesChange{Set: []chat.Measure{{What: what, Target: "u", Until: chat.ForGood, ByRole: chat.RoleModerator}}})
			by := approver()
			if err := r.PostApproved(by, &waiting[0], f.now); err != nil {
				t.Fatal(err)
			}
			f.settle()
			if fmt.Sprint(by.mailbag) != "[1:muted:0:0]" || len(f.store.stored()) != 0 || len(f.store.held()) != 1 {
				t.Errorf("answers %q, stored %v, waiting %v; want muted, nothing, the one", by.mailbag, f.store.stored(), f.store.held())
			}
			f.holds(r, &got, "w", "1")
			f.settle()
		})
	}
}

// TestHeld_WaitsUntilTheStoreIsBack: while the store is away nobody receives a message that is to be held; when it is
// back the message waits there.
func TestHeld_WaitsUntilTheStoreIsBack(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.settle()
	f.store.away()
	f.hall.Away(errAway)
	var got mailbag
	f.holds(r, &got, "u", "1")
	f.sayHere(r, &got, "u", "2")
	f.settle()
	wantInfos(t, m, "u2")
	if len(got) != 0 {
		t.Errorf("answers %q; want none before the store is back", got)
	}
	f.store.back()
	f.hall.Back()
	f.settle()
	f.tick(time.Second)
	f.settle()
	wantInfos(t, m, "u2")
	if len(got) != 2 || got[0] != "1:held:0:0" || len(f.store.held()) != 1 {
		t.Errorf("answers %q, waiting %v; want the first one held", got, f.store.held())
	}
	if r.writing != linked {
		t.Errorf("the room is %d; want it linked again", r.writing)
	}

	f.hall.Away(errAway)
	f.store.away()
	f.holds(r, &got, "u", "3")
	f.tick(time.Minute)
	if got[len(got)-1] != "3:expired:0:0" {
		t.Errorf("answers %q; want that the last one waited too long", got)
	}
}

// TestHeld_LostAnswerHoldsNothingTwice: a try whose answer was lost is made again, and holds nothing twice.
func TestHeld_LostAnswerHoldsNothingTwice(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.settle()
	var got mailbag
	f.store.loseAnswers()
	f.holds(r, &got, "u", "1")
	f.sayHere(r, &got, "v", "2")
	f.settle()
	if len(got) != 0 {
		t.Errorf("answers %q; want none yet", got)
	}
	f.store.answers()
	f.tick(time.Second)
	f.settle()
	wantInfos(t, m, "v2")
	if len(got) != 2 || got[0] != "1:held:0:0" || len(f.store.held()) != 1 {
		t.Errorf("answers %q, waiting %v; want one held, once", got, f.store.held())
	}
}

// TestHeld_LiveRoomHearsWhatBecameOfIt: the hall passes on what becomes of held messages.
func TestHeld_LiveRoomHearsWhatBecameOfIt(t *testing.T) {
	var told []string
	f := newFixture(t, nil, Callbacks{OnHeld: func(r *Room, h *chat.Held, state chat.HeldState) {
		told = append(told, r.ID()+" "+h.ID+" "+string(state))
	}})
	f.open("1")
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventHeld, Held: chat.Held{ID: "a"}, HeldState: chat.HeldDenied})
	f.hall.RoomEvent("2", chat.Event{Kind: chat.EventHeld, Held: chat.Held{ID: "b"}, HeldState: chat.HeldDenied})
	if fmt.Sprint(told) != "[1 a denied]" {
		t.Errorf("told %q; want that of the live room", told)
	}
}
