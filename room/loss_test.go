package room

import (
	"fmt"
	"testing"
	"time"

	"barrage/codec"
)

// 1. One recall of an old message, then the count is lost: old messages come as new.
func testFloor(t *testing.T, recallBefore bool) {
	t.Helper()
	f := newFixture(t, func(c *Config) { c.OnJoin = 2 }, Hooks{})
	for i := range 20 {
		f.publishFrom("1", "u", fmt.Sprint("old", i+1))
	}
	if recallBefore {
		f.store.recall("1", 3)
	}
	r := f.open("1")
	m := f.join(r)
	f.settle()
	if !recallBefore {
		f.store.recall("1", 3)
	}
	f.settle()
	f.store.lose(keyMeta)
	f.post(r, "new")
	f.settle()
	wantInfos(t, m, "new")
}
func TestLoss_FloorRecallBefore(t *testing.T) { testFloor(t, true) }
func TestLoss_FloorRecallLive(t *testing.T)   { testFloor(t, false) }

// 1b. a message of a node whose clock is an hour behind.
func TestLoss_FloorClockBehind(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 2 }, Hooks{})
	for i := range 20 {
		f.publishFrom("1", "u", fmt.Sprint("old", i+1))
	}
	r := f.open("1")
	m := f.join(r)
	f.settle()
	d := codec.NewDraft("1", "late", "behind", f.now.UnixMilli()-3_600_000)
	d.SetOrigin("~x1")
	_, _ = f.other.Publish(t.Context(), "1", codec.Batch{ID: "zz.1", Drafts: []codec.Draft{d}})
	f.settle()
	f.store.lose(keyMeta)
	f.post(r, "new")
	f.settle()
	wantInfos(t, m, "behind", "new")
}

// 2. Ten minutes later the message is taken back, and its id used again for another.
func TestLoss_IDUsedAgainAfterRecall(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	r := f.open("1")
	m := f.join(r)
	send := func(body string) {
		f.store.set(func(s *fakeStore) { s.room("1").sent = map[string]sentAs{} }) // forgotten after 2 to 4 minutes
		if err := r.PostNative(nil, "u", &codec.Op{ID: "1", Body: body}, f.now); err != nil {
			t.Fatal(err)
		}
		f.settle()
	}
	send("first")
	f.tick(10 * time.Minute)
	f.store.recall("1", 1)
	f.tick(time.Second)
	send("second")
	wantInfos(t, m, "first", "second")
}

// 3. The same where this node got the first message late.
func TestLoss_IDUsedAgainAfterLateArrival(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	r := f.open("1")
	m := f.join(r)
	n := 0
	send := func(body string) {
		n++
		f.store.set(func(s *fakeStore) { s.room("1").sent = map[string]sentAs{} })
		d := codec.NewNativeDraft("1", "u", &codec.Op{ID: "1", Body: body}, f.now.UnixMilli())
		_, err := f.other.Publish(t.Context(), "1", codec.Batch{ID: fmt.Sprint("o.", n), Drafts: []codec.Draft{d}})
		if err != nil {
			t.Fatal(err)
		}
	}
	f.store.deafen()
	send("first")
	f.tick(100 * time.Second)
	f.store.hear()
	f.hall.Resumed()
	f.settle()
	f.tick(30 * time.Second)
	send("second") // 130 s after the first
	f.settle()
	wantInfos(t, m, "first", "second")
}

func TestLoss_BlindMissesSilently(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	f.publishFrom("1", "u", "before")
	f.store.away()
	f.hall.Away(errAway)
	r := f.open("1")
	m := f.native(r)
	f.publishFrom("1", "u", "m1")
	f.publishFrom("1", "u", "m2")
	f.store.back()
	f.hall.Back()
	f.settle()
	f.publishFrom("1", "u", "m3")
	f.settle()
	for _, x := range m.frames(t) {
		t.Log(x.brief())
	}
}

// 7. An ack with a number of an epoch that the socket has not been told of.
func TestLoss_AckBeforeEpoch(t *testing.T) {
	f := newFixture(t, nil, Hooks{})
	r := f.open("1")
	m := f.native(r)
	for i := range 10 {
		f.post(r, fmt.Sprint("a", i+1))
		f.settle()
	}
	f.store.goBack(5)
	f.store.deafen()
	var got []string
	f.store.set(func(s *fakeStore) { s.between = func() {} })
	_ = r.PostNative(teller(func(a Answer) {
		fr := m.frames(t)
		got = append(got, fmt.Sprint("ack ", a.Seq, " after ", fr[len(fr)-1].brief()))
	}), "u", &codec.Op{ID: "i", Body: "x"}, f.now)
	f.settle()
	f.store.hear()
	t.Log(got)
	f.tick(16 * time.Second)
	f.hall.Report(t.Context())
	f.settle()
	for _, x := range m.frames(t) {
		t.Log(x.brief())
	}
}
