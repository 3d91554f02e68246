package room

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// placed are messages with these bodies, of which the last stands at a place of a list.
func placed(last uint64, bodies string) []chat.Entry {
	words := strings.Fields(bodies)
	entries := make([]chat.Entry, len(words))
	for i, body := range words {
		d := codec.NewDraft("1", "u", body, 1)
		entries[i] = chat.Entry{Seq: last + 1 + uint64(i) - uint64(len(words)), JSON: string(d.AppendJSON(nil, int64(body[0])))}
	}
	return entries
}

func TestMissing_FindsWhatIsNewInTheList(t *testing.T) {
	for _, c := range []struct {
		what, known, list string
		at, end           uint64
		want              string
	}{
		{"nothing is new", "a b c", "a b c", 3, 3, ""},
		{"it was empty", "", "a b", 0, 2, "a b"},
		{"what stands behind", "b c", "a b c d e", 3, 5, "d e"},
		{"one was taken back in the middle", "a b c d", "a c d", 4, 3, ""},
		{"one was taken back, one came", "a b c", "a c d", 3, 3, "d"},
		{"the newest was taken back", "b c", "a b", 3, 2, ""},
		{"all that was known was taken back", "c", "a b", 3, 2, ""},
		{"all that was known was taken back, and more came", "c", "a b d", 3, 3, "d"},
		{"events were lost before others came", "a d e", "a b c d e", 3, 5, "b c"},
		{"two nodes published in another order than they stored", "a c b", "a b c", 3, 3, ""},
		{"more came than a read has", "a b", "x y z", 2, 2000, "x y z"},
		{"it has expired and begun again", "a b", "x", 2, 1, "x"},
		{"a node that counts has trimmed it", "c d e", "d e x", 5, 3, "x"},
		{"equal ones", "6 6", "6 6 6 6 6", 2, 5, "6 6 6"},
		{"equal ones, of which the first are known no more", "6 6", "6 6 6 6 6", 4, 5, "6"},
		{"equal ones, of which some were lost on the way", "6 a 6", "6 6 6 a 6 6", 5, 6, "6"},
		{"equal ones, where two changed places at the beginning of what is known", "6 a b c d e f", "p 6 y a b c d e f 6", 9, 10, "6"},
		{"equal ones, none is new", "6 6", "6 6 6 6 6", 5, 5, ""},
		{"equal ones, one was taken back", "6 6 6", "6 6", 3, 2, ""},
	} {
		got := missing(placed(c.at, c.known), placed(c.end, c.list), c.at, c.end)
		var want []string
		for _, e := range placed(c.end, c.want) {
			want = append(want, e.JSON)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: fresh %q; want %q", c.what, got, want)
		}
	}
}

// TestMissing_EqualOnesAreNoMoreThanTheGrowth: of those that equal what was known no more are new than the list has
// grown by.
func TestMissing_EqualOnesAreNoMoreThanTheGrowth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	words := func(n int) (all string) {
		for range n {
			all += " " + string("abc"[rnd.IntN(3)])
		}
		return all
	}
	for range 2000 {
		old, now := 1+rnd.IntN(5), rnd.IntN(7)
		at := uint64(old + rnd.IntN(3))
		length := max(at-1, uint64(now)) + uint64(rnd.IntN(3))
		known, list := placed(at, words(old)), placed(length, words(now))
		had := texts(known)
		equal := 0
		for _, text := range missing(known, list, at, length) {
			if slices.Contains(had, codec.FastIMText(text)) {
				equal++
			}
		}
		if grown := int(max(length, at) - at); equal > grown {
			t.Fatalf("known %v, at %d of %v: %d equal ones are new; it has grown by %d", had, at, texts(list), equal, grown)
		}
	}
}

func TestTakenBack_FindsWhatLeftTheList(t *testing.T) {
	ids := keys{maphash.MakeSeed()}
	for _, c := range []struct {
		what, known, list string
		at, end           uint64
		want              string
	}{
		{"nothing", "a b c", "a b c d", 3, 4, ""},
		{"one in the middle", "a b c", "a c", 3, 2, "b"},
		{"the first of all", "a b c", "b c", 3, 2, "a"},
		{"the newest, and others came", "a b c", "a b d", 3, 3, "c"},
		{"the only one", "a", "", 1, 0, "a"},
		{"the store has lost them", "a b", "", 2, 0, ""},
		{"it has expired and begun again", "a b", "x", 2, 1, ""},
		{"the first that are known, as if trimmed", "c d e f g", "e f g", 7, 3, ""},
		{"one far behind those", "c d e f g", "e g", 7, 2, "f"},
		{"one of equal ones", "6 6 6", "6 6", 3, 2, ""},
		{"all of equal ones", "6 6 a", "a", 3, 1, "6 6"},
		{"one in the border, which may stand in front of the list", "a b c d e f g h", "a c d e f g h", 200, 199, ""},
	} {
		got := takenBack(placed(c.at, c.known), placed(c.end, c.list), c.at, ids.keyOf)
		var want []string
		for _, e := range placed(9, c.want) {
			want = append(want, e.JSON)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: taken back %q; want %q", c.what, got, want)
		}
	}
}

// TestUnnumbered_EventBehindTheReadDoublesNothing: an original node stores first and publishes then.
func TestUnnumbered_EventBehindTheReadDoublesNothing(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.NoLocal = true }, Callbacks{})
	f.store.unnumbered = true
	f.publishUnheard("old")
	r := f.open("1")
	m := f.join(r)
	last := func() chat.Event {
		return chat.Event{Kind: chat.EventMessages, Messages: []string{r.newest.entries[len(r.newest.entries)-1].JSON}}
	}
	f.hall.RoomEvent("1", last()) // of what the welcome has
	f.publishUnheard("a")
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventLook})
	f.settle()
	f.hall.RoomEvent("1", last())
	f.settle()
	wantInfos(t, m, "a")
	f.hall.RoomEvent("1", last()) // the same words again
	f.settle()
	wantInfos(t, m, "a", "a")
	if r.follower.pos.Seq != 3 {
		t.Errorf("the room counts %d; want 3", r.follower.pos.Seq)
	}
}

// TestUnnumbered_EqualMessageForALostEventIsShown: the event of one was lost, that of an equal one comes behind the
// read.
func TestUnnumbered_EqualMessageForALostEventIsShown(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.NoLocal = true }, Callbacks{})
	f.store.unnumbered = true
	equal := func(texts ...string) (events []chat.Event) {
		f.store.set(func(s *fakeStore) {
			r := s.room("1")
			for _, text := range texts {
				d := codec.NewDraft("1", "u", text, 1)
				json := string(d.AppendJSON(nil, 1))
				r.Seq++
				r.entries = append(r.entries, chat.Entry{Seq: r.Seq, JSON: json})
				events = append(events, chat.Event{Kind: chat.EventMessages, Messages: []string{json}})
			}
		})
		return events
	}
	equal("6")
	m := f.join(f.open("1"))
	f.tick((promisedFor + 1) * time.Second)
	equal("6", "other")
	f.hall.Resumed()
	f.settle()
	for _, ev := range equal("6") {
		f.hall.RoomEvent("1", ev)
	}
	f.settle()
	wantInfos(t, m, "6", "other", "6")
}

// TestUnnumbered_LookWhileItReadsHasItReadAgain: a message that a node of the other form reports may
// have come behind the read.
func TestUnnumbered_LookWhileItReadsHasItReadAgain(t *testing.T) {
	for _, counted := range []bool{false, true} {
		f := newFixture(t, func(c *Config) { c.NoLocal = !counted }, Callbacks{})
		f.store.unnumbered = !counted
		f.publishUnheard("old")
		m := f.join(f.open("1"))
		f.hall.RoomEvent("1", chat.Event{Kind: chat.EventLook})
		f.store.meanwhile(func() {
			f.publishUnheard("a")
			f.hall.RoomEvent("1", chat.Event{Kind: chat.EventLook})
		})
		f.settle()
		wantInfos(t, m, "a")
	}
}
