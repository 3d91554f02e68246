package room

import (
	"fmt"
	"testing"
)

// meddled is a room with one member, which has received one message.
func meddled(t *testing.T) (*fixture, *Room, *member) {
	t.Helper()
	f := newFixture(t, func(c *Config) { c.OnJoin = 5 }, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "first")
	f.settle()
	return f, r, m
}

// numbers are texts from..to-1 of the messages that publishUnheard publishes here.
func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// TestCatchUp_PublishedBetweenTwoReads: a message is in the second read of one catching up
// but not in the first, and its event comes too.
func TestCatchUp_PublishedBetweenTwoReads(t *testing.T) {
	f, r, m := meddled(t)
	f.publishUnheard(numbers(0, 20)...)
	f.store.meanwhile(func() { f.publishAsOther("between") })
	f.hall.Resumed()
	f.settle()
	f.post(r, "last")
	f.settle()
	wantInfos(t, m, append(append([]string{"first"}, numbers(0, 20)...), "between", "last")...)
}

// TestCatchUp_LostWhileItReads: the connection fails right behind the read of a history, so
// that the events do not go on where that ends.
func TestCatchUp_LostWhileItReads(t *testing.T) {
	for _, newCount := range []bool{false, true} {
		f, _, m := meddled(t)
		f.store.meanwhile(func() {
			if newCount {
				f.store.wipe()
			}
			f.publishUnheard("unheard")
			f.publishAsOther("heard")
		})
		f.hall.Resumed()
		f.settle()
		wantInfos(t, m, "first", "unheard", "heard")
		if s := f.hall.Stats(); s.Missed != 0 {
			t.Errorf("new count %v: Missed = %d; want 0", newCount, s.Missed)
		}
	}
}

// TestCatchUp_NewCountIsLong: more messages than a welcome has stand in the new count, among
// them one that the member had received: its batch was tried again.
func TestCatchUp_NewCountIsLong(t *testing.T) {
	f, r, m := meddled(t)
	again := f.store.stored()[0]
	f.store.wipe()
	f.publishUnheard(numbers(0, 10)...)
	f.store.set(func(s *fakeStore) { // its batch was tried again
		r := s.room("1")
		r.Seq++
		again.Seq = r.Seq
		r.entries = append(r.entries, again)
		r.Rev, r.Tip = r.Rev+1, "again"
	})
	f.publishUnheard(numbers(10, 20)...)
	f.hall.Resumed()
	f.settle()
	f.post(r, "last")
	f.settle()
	wantInfos(t, m, append(append([]string{"first"}, numbers(0, 20)...), "last")...)
}

// TestCatchUp_UnnumberedMissesMany: more messages were missed than a welcome has.
func TestCatchUp_UnnumberedMissesMany(t *testing.T) {
	f, _, m := meddled(t)
	f.store.unnumbered = true
	f.hall.Resumed()
	f.settle()
	f.publishUnheard(numbers(0, 20)...)
	f.hall.Resumed()
	f.settle()
	wantInfos(t, m, append([]string{"first"}, numbers(0, 20)...)...)
}

// TestCatchUp_ReadsWhatIsTriedAgain: the answer to a batch and its event were lost, and members have it from the
// history. Then the store goes away before a second try is answered.
func TestCatchUp_ReadsWhatIsTriedAgain(t *testing.T) {
	f, r, m := meddled(t)
	f.store.deafen()
	f.store.loseAnswers()
	f.post(r, "lost on the way")
	f.settle()
	f.hall.Resumed()
	f.hall.Tick(f.now, 0)
	f.settle()
	f.hall.Away(errAway)
	f.store.hear()
	f.store.answers()
	f.hall.Back()
	f.settle()
	f.post(r, "last")
	f.settle()
	wantInfos(t, m, "first", "lost on the way", "last")
}
