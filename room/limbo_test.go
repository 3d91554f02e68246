package room

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"barrage/codec"
)

// TestLimbo_CarriedOutLate: the store hangs for longer than a message waits, and then does what it was
// asked.
func TestLimbo_CarriedOutLate(t *testing.T) {
	known := []string{"epoch e1/3", "4:next@e1/4"}
	for _, c := range []struct {
		name  string
		after func(*fixture)
		then  []string
	}{
		{"its event comes", func(f *fixture) { f.back(); f.settle(); f.store.unhang() }, []string{"epoch e1/1", "gap 2-3 lost", "4:next@e1/4"}},
		{"its event comes before back", func(f *fixture) { f.store.unhang(); f.back() }, known},
		{"the history has it, the event got lost", func(f *fixture) {
			f.store.set(func(s *fakeStore) { s.deaf = true })
			f.store.unhang()
			f.store.set(func(s *fakeStore) { s.deaf = false })
			f.back()
		}, known},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			f := newFixture(t, func(c *Config) { c.Node = "n1" }, Hooks{Answer: func(a Answer) { got = append(got, a.ID+" "+a.Code) }})
			r := f.open("1")
			m, n := f.join(r), f.native(r)
			f.post(r, "first")
			f.settle()
			f.store.set(func(s *fakeStore) { s.hung = true })
			f.post(r, "fastim")
			if err := r.PostNative("ann", "v", &codec.Op{ID: "i", Body: "native"}, f.now); err != nil {
				t.Fatal(err)
			}
			f.settle()
			f.store.set(func(s *fakeStore) { s.fail = errAway })
			f.hall.Away(errAway)
			f.settle()
			f.tick(21 * time.Second)
			if s := f.hall.Stats(); s.Limbo != 2 || s.Waiting != 0 || s.LocalOnly != 0 || fmt.Sprint(got) != "[i "+CodeUnconfirmed+"]" {
				t.Errorf("given up: %d in limbo, %d waiting, %d counted as local only, answers %q; want 2, 0, 0 and unconfirmed", s.Limbo, s.Waiting, s.LocalOnly, got)
			}
			c.after(f)
			f.settle()
			f.post(r, "next")
			f.settle()
			wantInfos(t, m, "first", "fastim", "native", "next")
			wantFrames(t, n, append([]string{"1:first@e1/1", "epoch l-n1-1/0", "1:fastim,2:native@l-n1-1/1"}, c.then...)...)
			if s := f.hall.Stats(); s.Limbo != 0 || s.LocalOnly != 0 || r.limbo != nil || r.heard != nil {
				t.Errorf("at rest %d are in limbo (%v), %d local only, heard %v; want none", s.Limbo, r.limbo, s.LocalOnly, r.heard)
			}
		})
	}
}

// TestLimbo_NeverCarriedOut: only the next batch that comes back tells.
func TestLimbo_NeverCarriedOut(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	r := f.open("1")
	m := f.join(r)
	f.store.set(func(s *fakeStore) { s.fail = errAway })
	f.post(r, "gone")
	f.settle() // tried
	f.hall.Away(errAway)
	f.tick(21 * time.Second)
	f.back()
	f.settle()
	if s := f.hall.Stats(); s.Limbo != 1 || s.LocalOnly != 0 {
		t.Errorf("%d in limbo, %d local only; want 1, 0", s.Limbo, s.LocalOnly)
	}
	f.post(r, "next")
	f.settle()
	wantInfos(t, m, "gone", "next")
	if s := f.hall.Stats(); s.Limbo != 0 || s.LocalOnly != 1 {
		t.Errorf("after the next batch %d in limbo, %d local only; want 0, 1", s.Limbo, s.LocalOnly)
	}
	f.store.set(func(s *fakeStore) { s.fail = errAway })
	f.post(r, "and then nobody speaks")
	f.settle()
	f.hall.Away(errAway)
	f.tick(21 * time.Second)
	f.tick(time.Hour)
	if s := f.hall.Stats(); s.Limbo != 1 {
		t.Errorf("%d in limbo while the store is away; want 1", s.Limbo)
	}
	f.back()
	f.tick(limboLife * time.Second)
	if s := f.hall.Stats(); s.Limbo != 0 || s.LocalOnly != 2 {
		t.Errorf("in a quiet room %d in limbo, %d local only; want 0, 2", s.Limbo, s.LocalOnly)
	}
}

func TestLimbo_IsBoundedAndGoesWithItsRoom(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	r := f.open("1")
	for range maxLimbo + 2 {
		f.store.set(func(s *fakeStore) { s.fail = errAway })
		f.post(r, "gone")
		f.settle()
		f.hall.Away(errAway)
		f.tick(21 * time.Second)
		f.back()
		f.settle()
	}
	if s := f.hall.Stats(); s.Limbo != maxLimbo || s.LocalOnly != 2 {
		t.Errorf("%d in limbo, %d given up; want %d, 2", s.Limbo, s.LocalOnly, maxLimbo)
	}
	r.Release()
	f.tick(time.Minute)
	if s := f.hall.Stats(); s.Rooms != 0 || s.Limbo != 0 || s.LocalOnly != maxLimbo+2 {
		t.Errorf("%d rooms, %d in limbo, %d given up; want 0, 0, %d", s.Rooms, s.Limbo, s.LocalOnly, maxLimbo+2)
	}
}

func (f *fixture) tick(d time.Duration) {
	f.now = f.now.Add(d)
	f.clock.add(d)
	f.hall.Tick(f.now)
}

// speakers are native clients that say things again, and what they were told.
type speakers struct {
	f    *fixture
	r    *Room
	said int
	told map[string]Answer
}

func (s *speakers) say(user, id string) {
	s.f.now = s.f.now.Add(time.Millisecond)
	if err := s.r.PostNative("here", user, &codec.Op{ID: id, Body: user + id}, s.f.now); err != nil {
		s.f.t.Fatal(err)
	}
}

// sayElsewhere is the same client on another node.
func (s *speakers) sayElsewhere(user, id string, ahead time.Duration) {
	f := s.f
	was, lose, hung := error(nil), false, false
	f.store.set(func(s *fakeStore) {
		was, lose, hung, s.fail, s.loseAnswer, s.hung = s.fail, s.loseAnswer, s.hung, nil, false, false
	})
	f.now = f.now.Add(time.Millisecond)
	// The other node's clock goes ahead, or the message waited here: the user's next ts is moved on.
	d := codec.NewNativeDraft("1", user, &codec.Op{ID: id, Body: user + id}, f.now.Add(ahead).UnixMilli())
	s.said++
	if _, err := f.store.Publish(f.t.Context(), "1", fmt.Sprint("other.", s.said), []codec.Draft{d}); err != nil {
		f.t.Fatal(err)
	}
	f.store.set(func(s *fakeStore) { s.fail, s.loseAnswer, s.hung = was, lose, hung })
}

// TestLimbo_Model: a store that fails in every way, hangs for longer than messages wait and does late
// what it was asked, and clients that say again, here and elsewhere, what they know nothing of: no
// member gets a message twice, what is stored every member has, and nothing is stored twice.
func TestLimbo_Model(t *testing.T) {
	for seed := range uint64(150) {
		runLimboModel(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func runLimboModel(t *testing.T, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 12))
	s := &speakers{told: map[string]Answer{}}
	f := newFixture(t, func(c *Config) { c.QueueAge = 3 * time.Second; c.OnJoin = 100 }, Hooks{Answer: func(a Answer) { s.told[a.ID] = a }})
	s.f, s.r = f, f.open("1")
	m := f.join(s.r)
	ids, plain := 0, 0
	for range 150 {
		switch rnd.IntN(15) {
		case 0, 1:
			s.say("u", fmt.Sprint("n", ids))
			ids++
		case 2:
			f.post(s.r, fmt.Sprint("p", plain))
			plain++
		case 3, 4:
			if id := fmt.Sprint("n", ids-1-rnd.IntN(4)); ids > 4 {
				if a, told := s.told[id]; !told || a.Code != "" { // an acknowledged one is not said again
					s.say("u", id)
				}
			}
		case 5:
			if id := fmt.Sprint("n", ids-1-rnd.IntN(4)); ids > 4 {
				s.sayElsewhere("u", id, time.Duration(rnd.IntN(3))*time.Second)
			}
		case 6:
			f.store.set(func(s *fakeStore) { s.hung = true })
		case 7:
			f.store.unhang()
		case 8:
			f.store.set(func(s *fakeStore) { s.fail = errAway })
			if rnd.IntN(2) == 0 {
				f.hall.Away(errAway)
			}
		case 9:
			f.back()
		case 10, 11:
			f.tick(time.Duration(rnd.IntN(3)) * time.Second)
		case 12:
			f.store.set(func(s *fakeStore) { s.deaf = !s.deaf })
			f.hall.Resumed()
		case 13:
			f.store.set(func(s *fakeStore) { s.loseAnswer = !s.loseAnswer })
		default:
			for range rnd.IntN(6) {
				f.step()
			}
		}
	}
	f.store.set(func(s *fakeStore) { s.deaf, s.loseAnswer = false, false })
	f.store.unhang()
	f.back()
	f.settle()
	f.tick(time.Second)
	f.settle()
	f.hall.Resumed()
	f.settle()
	s.say("u", "last")
	f.settle()

	seen := map[string]int{}
	for _, info := range infos(t, m.texts(t)) {
		if seen[info]++; seen[info] > 1 {
			t.Errorf("the member got %s twice: %v", info, infos(t, m.texts(t)))
		}
	}
	stored := map[string]bool{}
	for _, e := range f.store.rooms["1"] {
		info := infos(t, []string{e.JSON})[0]
		if stored[info] {
			t.Errorf("%s is stored twice", info)
		}
		if stored[info] = true; seen[info] == 0 {
			t.Errorf("%s is stored and the member does not have it", info)
		}
	}
	if newest, _ := s.r.Newest(); newest != codec.FastIMText(f.store.rooms["1"][len(f.store.rooms["1"])-1].JSON) {
		t.Errorf("the newest message here is %s; the store has another", newest)
	}
	for id, a := range s.told {
		if a.Code == "" && !stored["u"+id] {
			t.Errorf("%s was acknowledged and is not stored", id)
		}
	}
	if st := f.hall.Stats(); st.Waiting != 0 || st.Limbo != 0 || s.r.ahead != 0 || s.r.local || s.r.alone || s.r.heard != nil {
		t.Errorf("at rest %d wait, %d in limbo, ahead %d, local %v, alone %v, heard %v", st.Waiting, st.Limbo, s.r.ahead, s.r.local, s.r.alone, s.r.heard)
	}
}

// TestSends_TheStoreLostTheIDs: what is said again after that is stored anew, and heard once.
func TestSends_TheStoreLostTheIDs(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	s := &speakers{f: f, r: f.open("1")}
	m := f.join(s.r)
	s.say("u", "1")
	s.say("u", "2")
	f.settle()
	f.store.set(func(st *fakeStore) { st.epoch = "e2"; clear(st.rooms); clear(st.count); clear(st.sent) })
	s.say("v", "1")
	f.settle()
	s.say("u", "1")
	f.settle()
	wantInfos(t, m, "u1", "u2", "v1")
	if newest, total := s.r.Newest(); total != 2 || !strings.Contains(newest, `"u1"`) {
		t.Errorf("the newest of %d messages is %s; want u1, of 2", total, newest)
	}
	f.tick((sendMemory + 1) * time.Second)
	f.store.set(func(st *fakeStore) { clear(st.sent) })
	s.say("u", "1") // an id may be used again when the store has forgotten it
	f.settle()
	wantInfos(t, m, "u1", "u2", "v1", "u1")
}

func TestSends_AreBounded(t *testing.T) {
	var s sends
	for i := range uint64(maxSends + 10) {
		s.note(send{i, int64(i)})
	}
	if len(s.items) != maxSends || s.has(9, 0) || !s.has(10, 0) || !s.has(maxSends+9, 0) || s.has(10, 11) {
		t.Errorf("%d are remembered; want the last %d", len(s.items), maxSends)
	}
}

// TestNative_EverySendIsAnswered where more come back late than the room waits for, or the store
// lost them meanwhile.
func TestNative_EverySendIsAnswered(t *testing.T) {
	told := map[string]Answer{}
	f := newFixture(t, nil, Hooks{Answer: func(a Answer) { told[a.ID] = a }})
	s := &speakers{f: f, r: f.open("1")}
	f.join(s.r)
	s.say("u", "first")
	f.settle()
	f.store.set(func(s *fakeStore) { s.deaf = true })
	for i := range maxAwaited + 2 {
		s.say("u", fmt.Sprint(i))
		f.settle()
	}
	if a := told["1"]; len(told) != 3 || a.Code != "" || a.Seq != 3 {
		t.Errorf("of %d that did not come back %d are answered, the second with %+v; want 3, with its number", maxAwaited+2, len(told), a)
	}
	f.store.set(func(st *fakeStore) {
		st.epoch = "e2"
		clear(st.rooms)
		clear(st.count)
		clear(st.sent)
		st.deaf = false
	})
	s.say("v", "new")
	f.settle()
	if a := told[fmt.Sprint(maxAwaited)]; len(told) != maxAwaited+4 || a.Code != CodeUnconfirmed {
		t.Errorf("%d are answered, one that the store lost with %+v; want all, unconfirmed", len(told), a)
	}
}

// TestSends_SaidOverAnotherNodeBefore: the room has just been loaded here, with what its sender says again.
func TestSends_SaidOverAnotherNodeBefore(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	s := &speakers{f: f}
	s.sayElsewhere("u", "1", 0)
	s.r = f.open("1")
	m := f.join(s.r)
	f.store.set(func(s *fakeStore) { s.fail = errAway })
	f.hall.Away(errAway)
	s.say("u", "1")
	s.say("u", "2")
	f.settle()
	f.back()
	f.settle()
	wantInfos(t, m, "u2")
}
