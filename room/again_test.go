package room

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is messages that are sent again, and batches that the store carries out late.

// sayHere is a native client on this node.
func (f *fixture) sayHere(r *Room, from Author, user, id string) {
	f.t.Helper()
	f.now = f.now.Add(time.Millisecond)
	if err := r.PostNative(from, user, &codec.Op{ID: id, Body: user + id}, f.now); err != nil {
		f.t.Fatal(err)
	}
}

// sayElsewhere is the client u on another node.
func (f *fixture) sayElsewhere(id string) {
	f.t.Helper()
	f.now = f.now.Add(time.Millisecond)
	f.others++
	d := codec.NewNativeDraft("1", "u", &codec.Op{ID: id, Body: "u" + id}, f.now.UnixMilli())
	if _, err := f.other.Publish(f.t.Context(), "1", chat.Batch{ID: fmt.Sprint("other.", f.others), Drafts: []chat.Draft{d}}); err != nil {
		f.t.Fatal(err)
	}
}

// TestAgain_CarriedOutLate: the store hangs for longer than a message waits, and then does what it was
// asked.
func TestAgain_CarriedOutLate(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(*fixture)
	}{
		{"its event comes", func(f *fixture) { f.back(); f.settle(); f.store.unhang() }},
		{"its event comes before back", func(f *fixture) { f.store.unhang(); f.back() }},
		{"the history has it, the event got lost", func(f *fixture) {
			f.store.deafen()
			f.store.unhang()
			f.store.hear()
			f.back()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got mailbag
			f := newFixture(t, func(c *Config) { c.Node = "n1" }, Callbacks{})
			r := f.open("1")
			m, n := f.join(r), f.native(r)
			f.post(r, "first")
			f.settle()
			f.store.hang()
			f.post(r, "fastim")
			f.sayHere(r, &got, "v", "i")
			f.settle()
			f.store.away()
			f.hall.Away(errAway)
			f.settle()
			f.tick(21 * time.Second)
			if s := f.hall.Stats(); s.Unconfirmed != 2 || s.Waiting != 0 || s.LocalOnly != 0 || fmt.Sprint(got) != "[i:unconfirmed:0:0]" {
				t.Errorf("given up: %d unconfirmed, %d wait, %d local only, answers %q; want 2, 0, 0 and unconfirmed", s.Unconfirmed, s.Waiting, s.LocalOnly, got)
			}
			c.after(f)
			f.settle()
			f.post(r, "next")
			f.settle()
			wantInfos(t, m, "first", "fastim", "vi", "next")
			frames := n.frames(t)
			if last := frames[len(frames)-1].brief(); last != "4:next@e1/4" {
				t.Errorf("the native member's last frame is %s; want 4:next@e1/4", last)
			}
			for _, fr := range frames {
				if fr.T == "gap" {
					t.Errorf("%s, though nothing is missing", fr.brief())
				}
			}
		})
	}
}

// TestAgain_NeverCarriedOut: the store never received the batch, and takes none behind a later one.
func TestAgain_NeverCarriedOut(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.store.away()
	f.post(r, "gone")
	f.settle() // tried
	f.hall.Away(errAway)
	f.tick(21 * time.Second)
	f.back()
	f.settle()
	f.post(r, "next")
	f.settle()
	wantInfos(t, m, "gone", "next")
	if s := f.hall.Stats(); s.Unconfirmed != 1 || r.writing != linked {
		t.Errorf("%d unconfirmed, writing %d; want 1, linked", s.Unconfirmed, r.writing)
	}
}

// TestAgain_TheStoreLostTheIDs: a message that is sent again after that is stored anew, and delivered once.
func TestAgain_TheStoreLostTheIDs(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.sayHere(r, nil, "u", "1")
	f.sayHere(r, nil, "u", "2")
	f.settle()
	f.store.wipe()
	f.sayHere(r, nil, "v", "1")
	f.settle()
	f.sayHere(r, nil, "u", "1")
	f.settle()
	wantInfos(t, m, "u1", "u2", "v1")
	if _, total := r.Newest(); total != 2 {
		t.Errorf("total %d; want 2", total)
	}
	f.tick(chat.IDLife + time.Second)
	f.store.wipe()
	f.sayHere(r, nil, "u", "1") // an id may be used again when the store has forgotten it
	f.settle()
	wantInfos(t, m, "u1", "u2", "v1", "u1")
}

// TestAgain_SentOverAnotherNodeBefore: the room has just been loaded here, with what its sender sends again.
func TestAgain_SentOverAnotherNodeBefore(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.sayElsewhere("1")
	r := f.open("1")
	m := f.join(r)
	f.store.away()
	f.hall.Away(errAway)
	f.sayHere(r, nil, "u", "1")
	f.sayHere(r, nil, "u", "2")
	f.settle()
	f.back()
	f.settle()
	wantInfos(t, m, "u2")
}

// TestAgain_AcknowledgedWithTheAnswer: no event has to come for that.
func TestAgain_AcknowledgedWithTheAnswer(t *testing.T) {
	var got mailbag
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "a")
	f.settle()
	f.store.deafen()
	f.publishUnheard("between") // so that our own does not follow
	f.store.deafen()
	f.sayHere(r, &got, "u", "1")
	f.settle()
	if fmt.Sprint(got) != fmt.Sprintf("[1::3:%d]", f.now.UnixMilli()) {
		t.Errorf("answers %v; want the number 3", got)
	}
	wantInfos(t, m, "a")
	if f.hall.quiet() {
		t.Error("the hall is quiet though members lack what was acknowledged")
	}
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	wantInfos(t, m, "a", "between", "u1")
	if !f.hall.quiet() {
		t.Error("the hall does not come to rest")
	}
}

// TestAgain_TooFewReplicasKeepIt: members have it, and its sender is notified that it is unconfirmed.
func TestAgain_TooFewReplicasKeepIt(t *testing.T) {
	var got mailbag
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.store.deafen() // else the event answers first
	f.store.fewKeep = true
	f.sayHere(r, &got, "u", "1")
	f.settle()
	if len(got) != 1 || !strings.HasPrefix(got[0], "1:unconfirmed:1:") {
		t.Errorf("answers %v; want that number 1 is unconfirmed", got)
	}
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	wantInfos(t, m, "u1")
}

// TestHall_RoomsThatAreNotLive stand nowhere, and asking for them makes none live.
func TestHall_RoomsThatAreNotLive(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.join(r)
	f.post(r, "a")
	f.settle()
	if pos, _, members := f.hall.Standing("1"); pos.Seq != 1 || members != 1 || f.hall.Position("1").Seq != 1 {
		t.Errorf("a live room stands at %+v with %d members, by its position at %+v; want 1, 1, 1", pos, members, f.hall.Position("1"))
	}
	if pos, counters, members := f.hall.Standing("2"); pos.Seq != 0 || counters.Online != 0 || members != 0 || f.hall.Position("2").Seq != 0 || f.hall.Live("2") {
		t.Errorf("a room that is not live stands at %+v, %+v with %d members, live %v; want nowhere", pos, counters, members, f.hall.Live("2"))
	}
}

// TestAgain_AcknowledgedBeforeTheEvents: they come late, but all of them: nothing has to be read, and the answer waits
// no longer than its event.
func TestAgain_AcknowledgedBeforeTheEvents(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "a")
	f.settle()
	reads := f.store.callsOf("Read")
	f.store.dawdle()
	f.publishFrom("1", "other", "between")
	f.sayHere(r, nil, "u", "1")
	f.settle()
	wantInfos(t, m, "a")
	f.store.hurry()
	f.settle()
	wantInfos(t, m, "a", "between", "u1")
	if len(r.follower.early) > 0 || !f.hall.quiet() || f.store.callsOf("Read") != reads {
		t.Errorf("%d answers wait, and %d reads; want rest, and none", len(r.follower.early), f.store.callsOf("Read")-reads)
	}
}

// TestAgain_AcknowledgedBeforeAnOutage: a stored message whose event did not come is delivered first, so that the
// messages of a node stay in order.
func TestAgain_AcknowledgedBeforeAnOutage(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "a")
	f.settle()
	f.store.deafen()
	f.publishFrom("1", "other", "between")
	f.post(r, "taken")
	f.settle()
	wantInfos(t, m, "a")
	f.store.away()
	f.hall.Away(errAway)
	f.post(r, "waits")
	f.settle()
	wantInfos(t, m, "a", "taken", "waits")
	f.store.hear()
	f.back()
	f.settle()
	wantInfos(t, m, "a", "taken", "waits", "between")
	if !f.hall.quiet() || r.writing != linked {
		t.Errorf("writing %d; want linked, and rest", r.writing)
	}
}

// TestAgain_ClockStepChangesNoWait: a clock that is set by an hour neither prolongs nor ends a wait.
func TestAgain_ClockStepChangesNoWait(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, time.Hour} {
		var got mailbag
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		f.sayHere(r, &got, "u", "0")
		f.settle()
		f.store.away()
		f.hall.Away(errAway)
		// The wall clock steps; elapsed time, which is what Callbacks.Clock gives, does not.
		d := codec.NewNativeDraft("1", "u", &codec.Op{ID: "1", Body: "u1"}, f.now.Add(step).UnixMilli())
		if err := r.post(&got, d, f.now, posted); err != nil {
			t.Fatal(err)
		}
		f.tick(19 * time.Second)
		if s := f.hall.Stats(); s.Waiting != 1 {
			t.Errorf("clock set by %v: given up after 19 s", step)
		}
		f.back()
		f.settle()
		f.sayHere(r, &got, "u", "2")
		f.settle()
		wantInfos(t, m, "u0", "u1", "u2")
		if len(got) != 3 || r.writing != linked {
			t.Errorf("clock set by %v: answers %v, writing %d", step, got, r.writing)
		}
		f.store.away()
		f.hall.Away(errAway)
		if err := r.post(&got, codec.NewNativeDraft("1", "u", &codec.Op{ID: "3", Body: "u3"}, f.now.Add(step).UnixMilli()), f.now, posted); err != nil {
			t.Fatal(err)
		}
		f.tick(21 * time.Second)
		if s := f.hall.Stats(); s.Waiting != 0 {
			t.Errorf("clock set by %v: waits for more than 20 s", step)
		}
	}
}

// The author of a message that waits may send no more. While it is checked its sender sends the message again, with a
// token that counts.
func TestAgain_TakenOverWhileItsAuthorIsChecked(t *testing.T) {
	var f *fixture
	var r *Room
	var one, two mailbag
	callbacks := Callbacks{}
	first := true
	callbacks.Authorize = func(_ context.Context, from []Author) ([]bool, error) {
		ok := make([]bool, len(from))
		for i, a := range from {
			ok[i] = a != Author(&one)
		}
		if first && len(from) > 0 {
			first = false
			f.sayHere(r, &two, "u", "X")
		}
		return ok, nil
	}
	f = newFixture(t, nil, callbacks)
	r = f.open("1")
	f.join(r)
	f.store.away()
	f.hall.Away(errAway)
	f.sayHere(r, &one, "u", "X")
	f.settle()
	f.back()
	f.settle()
	if len(one) > 0 || len(two) != 1 || !strings.HasPrefix(two[0], "X::1:") {
		t.Errorf("the old author heard %v, the new one %v; want nothing, and an ack", one, two)
	}
}
