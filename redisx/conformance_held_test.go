package redisx_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// This file is the part of the conformance suite about messages that wait for a moderator.

// heldOf is message n of a user, whose part of the id is six hex digits.
func heldOf(user string, n int) chat.Held {
	d := codec.NewNativeDraft("r", user, &codec.Op{ID: fmt.Sprint("c-", n), Body: "hi", Kind: "chat"}, 10)
	id := fmt.Sprintf("%06x-%d", crc32.ChecksumIEEE([]byte(user))>>8, n)
	return chat.Held{ID: id, Why: chat.HeldByFilter, JSON: string(d.AppendJSON(nil, 10))}
}

// heldIDs are the ids of those that wait in room r.
func (h *harness) heldIDs() string {
	h.t.Helper()
	all, err := h.Held(h.t.Context(), "r")
	noError(h.t, err)
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return strings.Join(ids, " ")
}

// testHeld has messages wait, be approved and denied, once each.
func testHeld(s *harness) {
	t := s.t
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	one, two, three := heldOf("bob", 1), heldOf("bob", 2), heldOf("eve", 3)
	dropped, err := s.Hold(t.Context(), "r", []chat.Held{one, two, three, one})
	wantEqual(t, "dropped", dropped, err, 0)
	_, err = s.Hold(t.Context(), "r", []chat.Held{two}) // its answer was lost
	noError(t, err)
	wantEqual(t, "what waits", s.heldIDs(), nil, one.ID+" "+two.ID+" "+three.ID)
	all, err := s.Held(t.Context(), "r")
	noError(t, err)
	if at := time.UnixMilli(all[0].At).Sub(s.now()); at > time.Minute || at < -time.Minute || all[0].JSON != one.JSON || all[0].Why != one.Why {
		t.Errorf("held as %+v; want %+v, at the store's time %v", all[0], one, s.now())
	}

	_, err = s.Deny(t.Context(), "r", two.ID)
	noError(t, err)
	if _, err := s.Deny(t.Context(), "r", two.ID); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("Deny of what was denied: %v; want %v", err, chat.ErrNoMessage)
	}
	s.approve("n.1", one, "stored 1")
	s.approve("n.1", one, "stored 1") // its answer was lost
	s.approve("n.2", one, "refused h")
	s.approve("n.3", two, "refused h")
	wantEqual(t, "what waits still", s.heldIDs(), nil, three.ID)
	wantEqual(t, "messages", len(s.newest(t, "r", 10).Entries), nil, 1)

	s.settle(t)
	var got []string
	for _, ev := range s.events("r") {
		if ev.Kind == chat.EventHeld {
			got = append(got, string(ev.HeldState)+" "+ev.Held.ID)
		} else {
			got = append(got, ev.Messages...)
		}
	}
	want := []string{
		"waiting " + one.ID, "waiting " + two.ID, "waiting " + three.ID, "denied " + two.ID,
		s.newest(t, "r", 10).Entries[0].JSON, "approved " + one.ID,
	}
	wantEqual(t, "events", strings.Join(got, "\n"), nil, strings.Join(want, "\n"))
}

// approve publishes a held message and compares what became of it.
func (h *harness) approve(batch string, held chat.Held, want string) {
	h.t.Helper()
	d, err := codec.HeldDraft(&held, 20)
	noError(h.t, err)
	stored, err := h.Publish(h.t.Context(), "r", chat.Batch{ID: batch, Drafts: []chat.Draft{d}})
	got := fmt.Sprint("stored ", stored.Event.Seq)
	if len(stored.Repeats) > 0 {
		got = fmt.Sprint("repeated ", stored.Repeats[0].Seq)
	}
	if len(stored.Refused) > 0 {
		got = "refused " + string(stored.Refused[0].Mark)
	}
	wantEqual(h.t, "approving "+held.ID, got, err, want)
}

// testHeldAmong approves a message in a batch of others, one of which is held no more; and one that the room has.
func testHeldAmong(s *harness) {
	t := s.t
	held, there := heldOf("bob", 1), heldOf("eve", 2)
	_, err := s.Hold(t.Context(), "r", []chat.Held{held, there})
	noError(t, err)
	said, err := codec.HeldDraft(&there, 10)
	noError(t, err)
	said.SetHeld("")
	batch := func(id string, d ...chat.Draft) chat.Stored {
		t.Helper()
		stored, err := s.Publish(t.Context(), "r", chat.Batch{ID: id, Drafts: d})
		noError(t, err)
		return stored
	}
	batch("n.1", said)
	approved, err := codec.HeldDraft(&held, 20)
	noError(t, err)
	gone, again := approved, said
	gone.ID = "c-9"
	gone.SetHeld("0badca-fe")
	again.SetHeld(there.ID)
	marked := drafts("r", "u", 10)[0]
	marked.SetMarks([]chat.Mark{{Kind: chat.MarkUser, Name: "u", Life: time.Minute}})
	got := batch("n.2", marked, approved, gone, again, drafts("r", "v", 10)[0])
	wantEqual(t, "stored", len(got.Event.Messages), nil, 3)
	wantEqual(t, "refused", fmt.Sprint(got.Refused), nil, fmt.Sprint([]chat.RefusedDraft{{Index: 2, Wait: time.Millisecond, Mark: chat.MarkHeld}}))
	wantEqual(t, "repeated", len(got.Repeats), nil, 1)
	wantEqual(t, "what waits", s.heldIDs(), nil, "") // a message that the room has need not wait any more
}

// testHeldOnce has many approve and deny the same message at once: one of them does.
func testHeldOnce(s *harness) {
	t := s.t
	held := heldOf("bob", 1)
	// no id keeps it from being stored twice
	held.JSON = strings.Replace(held.JSON, `"x":{"id":"c-1"},`, `"x":{"id":"~a"},`, 1)
	_, err := s.Hold(t.Context(), "r", []chat.Held{held})
	noError(t, err)
	var all sync.WaitGroup
	var mu sync.Mutex
	stored, denied := 0, 0
	for i := range 8 {
		all.Go(func() {
			if i%4 == 3 {
				if _, err := s.Deny(t.Context(), "r", held.ID); err == nil {
					mu.Lock()
					defer mu.Unlock()
					denied++
				}
				return
			}
			d, _ := codec.HeldDraft(&held, 20)
			got, err := s.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprintf("n%d.1", i), Drafts: []chat.Draft{d}})
			mu.Lock()
			defer mu.Unlock()
			if stored += len(got.Event.Messages); err != nil || len(got.Event.Messages)+len(got.Refused) != 1 {
				t.Errorf("approving at once: %+v, %v; want it stored or refused", got, err)
			}
		})
	}
	all.Wait()
	wantEqual(t, "stored or denied", stored+denied, nil, 1)
	wantEqual(t, "messages", len(s.newest(t, "r", 10).Entries), nil, stored)
}

// testHeldBounds has more messages wait than may: of one user, of all, and in bytes.
func testHeldBounds(s *harness) {
	t := s.t
	hold := func(all ...chat.Held) int {
		t.Helper()
		n, err := s.Hold(t.Context(), "r", all)
		noError(t, err)
		return n
	}
	var own []chat.Held
	for i := range chat.HeldOfUser + 2 {
		own = append(own, heldOf("bob", i))
	}
	wantEqual(t, "dropped of one user", hold(append([]chat.Held{heldOf("eve", 0)}, own...)...), nil, 2)
	ids := s.heldIDs()
	if !strings.HasPrefix(ids, heldOf("eve", 0).ID+" "+own[2].ID) || strings.Count(ids, " ") != chat.HeldOfUser {
		t.Errorf("%s wait; want eve's, and bob's newest %d", ids, chat.HeldOfUser)
	}
	for i := range chat.HeldKept {
		hold(heldOf(fmt.Sprintf("u%05d", i), i))
	}
	wantEqual(t, "how many wait", strings.Count(s.heldIDs(), " ")+1, nil, chat.HeldKept)
	large := heldOf("max", 1)
	large.JSON = strings.Replace(large.JSON, "hi", strings.Repeat("x", chat.HeldBytes-200), 1)
	ids = s.heldIDs()
	wantEqual(t, "dropped for one of nearly all bytes", hold(large), nil, 1)
	wantEqual(t, "what waits beside that", s.heldIDs(), nil, ids)
	for id := range strings.FieldsSeq(s.heldIDs()) {
		_, err := s.Deny(t.Context(), "r", id)
		noError(t, err)
	}
	larger := heldOf("max", 2)
	larger.JSON = strings.Replace(larger.JSON, "hi", strings.Repeat("x", 2*chat.HeldBytes), 1)
	hold(larger)
	wantEqual(t, "one that is too large, alone", s.heldIDs(), nil, larger.ID)
}

// testHeldShares has a dozen users fill all places, in number and in bytes: the held messages of others stay.
func testHeldShares(s *harness) {
	t := s.t
	hold := func(all ...chat.Held) {
		t.Helper()
		_, err := s.Hold(t.Context(), "r", all)
		noError(t, err)
	}
	quiet := []chat.Held{heldOf("one", 1), heldOf("two", 1), heldOf("one", 2)}
	hold(quiet...)
	for n := range chat.HeldOfUser {
		for user := range 12 {
			hold(heldOf(fmt.Sprint("loud", user), n))
		}
	}
	hold(heldOf("three", 1))
	ids := s.heldIDs()
	for _, held := range append(quiet, heldOf("three", 1)) {
		if !strings.Contains(ids, held.ID) {
			t.Errorf("%s waits no more; want that the loud ones made room for it", held.ID)
		}
	}
	wantEqual(t, "how many wait", strings.Count(ids, " ")+1, nil, chat.HeldKept)
	const large = 5
	for n := range large {
		one := heldOf("large", n)
		one.JSON = strings.Replace(one.JSON, "hi", strings.Repeat("x", chat.HeldBytes/4), 1)
		hold(one)
	}
	ids = s.heldIDs()
	wantEqual(t, "large ones that wait", strings.Count(ids, heldOf("large", 0).ID[:chat.HeldUser]), nil, 3)
	wantEqual(t, "how many wait beside them", strings.Count(ids, " ")+1, nil, chat.HeldKept)
}

// testHeldLife has messages wait for an hour.
func testHeldLife(s *harness) {
	t := s.t
	held := heldOf("bob", 1)
	_, err := s.Hold(t.Context(), "r", []chat.Held{held})
	noError(t, err)
	s.pass(chat.HeldLife - time.Minute)
	wantEqual(t, "what waits nearly an hour later", s.heldIDs(), nil, held.ID)
	s.pass(2 * time.Minute)
	wantEqual(t, "what waits an hour later", s.heldIDs(), nil, "")
	s.approve("n.1", held, "refused h")
	if _, err := s.Deny(t.Context(), "r", held.ID); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("Deny an hour later: %v; want %v", err, chat.ErrNoMessage)
	}
}
