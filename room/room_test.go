package room

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/internal/chat"
)

func TestRoom_MembersGetMessagesInOrder(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	a, b := f.join(r), f.join(r)
	f.post(r, "one")
	f.post(r, "two")
	f.settle()
	c := f.join(r)
	f.post(r, "three")
	f.settle()
	wantInfos(t, a, "one", "two", "three")
	wantInfos(t, b, "one", "two", "three")
	wantInfos(t, c, "three")
	if got, want := a.texts(t)[0], `{"groupId":"1","userId":"u","info":"one","ts":1648368380133}`; got != want {
		t.Errorf("first message is %s; want %s", got, want)
	}
	if a.sends != 2 {
		t.Errorf("two messages at once and one later took %d writes; want 2", a.sends)
	}
	if s := f.hall.Stats(); s.Accepted != 3 || s.Sent != 7 || s.Skipped != 0 || s.Writes != 5 {
		t.Errorf("Stats() = %+v; want 3 accepted, 7 sent in 5 writes", s)
	}
}

func TestRoom_WelcomeHoldsTheNewest(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OnJoin = 2 }, Callbacks{})
	r := f.open("1")
	var m Member
	if got, want := string(r.Enter(&m, newFakeSocket())), "\x81\x15"+`{"list":[],"total":0}`; got != want {
		t.Errorf("welcome of an empty room is %q; want %q", got, want)
	}
	for _, s := range []string{"one", "two", "three"} {
		f.post(r, s)
	}
	f.settle()
	var n Member
	welcome := string(r.Enter(&n, newFakeSocket()))
	want := `{"list":[{"groupId":"1","userId":"u","info":"two","ts":1648368380134},{"groupId":"1","userId":"u","info":"three","ts":1648368380135}],"total":3}`
	if got := welcome[4:]; got != want {
		t.Errorf("welcome is %s; want %s", got, want)
	}
	built := f.hall.Stats().Welcomes
	for range 1000 {
		var m Member
		r.Enter(&m, newFakeSocket())
	}
	if got := f.hall.Stats().Welcomes; got != built {
		t.Errorf("1,000 joins without a message built %d welcomes; want none", got-built)
	}
}

func TestRoom_WelcomeAndLogMeetWithoutGapOrDouble(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.join(r) // keeps the log going
	for i := range 20 {
		f.post(r, fmt.Sprint("before", i))
		f.settle()
		m := &member{fakeSocket: fakeSocket{room: -1}}
		welcome := r.Enter(&m.Member, &m.fakeSocket)
		f.post(r, fmt.Sprint("between", i))
		f.settle()
		r.Attach(&m.Member)
		f.post(r, fmt.Sprint("after", i))
		f.settle()
		if strings.Contains(string(welcome), fmt.Sprint("between", i)) || !strings.Contains(string(welcome), fmt.Sprint("before", i)) {
			t.Fatalf("welcome %d is %s", i, welcome)
		}
		wantInfos(t, m, fmt.Sprint("between", i), fmt.Sprint("after", i))
	}
}

func TestRoom_LeaveBeforeAttachAndTwiceCountsOnce(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	stays := f.join(r)
	gone := &member{fakeSocket: fakeSocket{room: -1}}
	r.Enter(&gone.Member, &gone.fakeSocket)
	r.Leave(&gone.Member)
	r.Attach(&gone.Member)
	r.Leave(&gone.Member)
	r.Drained(&gone.Member)
	f.post(r, "hi")
	f.settle()
	wantInfos(t, gone)
	wantInfos(t, stays, "hi")
	if got := f.hall.Stats().Members; got != 1 {
		t.Errorf("Members = %d; want 1", got)
	}
	f.checkInvariants(r)
}

func TestRoom_SlowMemberKeepsItsPlaceThenSkips(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.LogBytes, c.Fanout.WriteBytes = 16<<10, 4<<10 }, Callbacks{})
	r := f.open("1")
	slow, quick := f.join(r), f.join(r)
	f.settle()
	slow.room = 10
	f.post(r, "first") // cut: the rest of the frame counts as sent
	f.post(r, "second")
	f.settle()
	wantInfos(t, slow, "first")
	f.post(r, "third")
	f.settle()
	if slow.sends != 1 {
		t.Errorf("a full socket was written to %d times; want 1", slow.sends)
	}
	slow.room = -1
	r.Drained(&slow.Member)
	f.settle()
	wantInfos(t, slow, "first", "second", "third")

	slow.room = 10
	f.post(r, "fourth")
	f.settle()
	big := strings.Repeat("x", 1000)
	for range 100 { // 100 KB through a log of 16 KB
		f.post(r, big)
		f.settle()
	}
	slow.room = -1
	r.Drained(&slow.Member)
	f.settle() // fallen out of the log: it jumps to the end
	f.post(r, "newest")
	f.settle()
	got := infos(t, slow.texts(t))
	if last := got[len(got)-1]; last != "newest" {
		t.Errorf("after the jump the member's last message is %.20q; want newest", last)
	}
	s := f.hall.Stats()
	if s.Skipped == 0 || s.Sent+s.Skipped != 2*s.Accepted {
		t.Errorf("%d sent + %d skipped; want %d copies in all, some skipped", s.Sent, s.Skipped, 2*s.Accepted)
	}
	if n := len(quick.texts(t)); uint64(n) != s.Accepted {
		t.Errorf("the quick member got %d messages; want all %d", n, s.Accepted)
	}
}

func TestRoom_OneWriteNeverExceedsItsBoundUnlessOneFrameDoes(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Fanout.LogBytes, c.Fanout.WriteBytes = 1<<20, 4<<10 }, Callbacks{})
	r := f.open("1")
	m := &boundSocket{}
	var place Member
	r.Enter(&place, m)
	r.Attach(&place)
	f.settle()
	for range 50 {
		f.post(r, strings.Repeat("y", 900))
	}
	f.post(r, strings.Repeat("z", 8000))
	f.settle()
	if m.total == 0 || m.largest > 8200 || m.over > 1 {
		t.Errorf("largest write %d bytes, %d above the bound; want only the one of the single large frame", m.largest, m.over)
	}
	if m.total < 50*900+8000 {
		t.Errorf("%d bytes came; want all", m.total)
	}
}

type boundSocket struct{ total, largest, over int }

func (s *boundSocket) Send(p []byte) (int, bool) {
	s.total += len(p)
	s.largest = max(s.largest, len(p))
	if len(p) > 4<<10 {
		s.over++
	}
	return len(p), false
}

func TestRoom_PostRefusesWhenQueueIsFull(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.QueueMessages = 3 }, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	for _, s := range []string{"1", "2", "3"} {
		f.post(r, s)
	}
	if err := r.Post(nil, "u", "4", f.now); !errors.Is(err, ErrBusy) {
		t.Errorf("Post on a full queue = %v; want ErrBusy", err)
	}
	f.settle()
	wantInfos(t, m, "1", "2", "3")
	if s := f.hall.Stats(); s.RefusedBusy != 1 || s.Waiting != 0 {
		t.Errorf("Stats() = %+v; want 1 refused, none waiting", s)
	}
}

func TestRoom_BatchesAreBoundedAndOneAtATime(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	for i := range 250 {
		f.post(r, fmt.Sprint(i))
	}
	big := strings.Repeat("x", 30<<10)
	for range 5 {
		f.post(r, big)
	}
	if n := waiting(f.hall.publishers); n != 1 {
		t.Fatalf("255 posts put the room into the publishers' queue %d times; want 1", n)
	}
	f.settle()
	var sizes []int
	for _, b := range f.store.drafts {
		sizes = append(sizes, len(b))
	}
	if got, want := fmt.Sprint(sizes), "[100 100 51 2 2]"; got != want {
		t.Errorf("batches of %s; want %s", got, want)
	}
	if got := len(m.texts(t)); got != 255 {
		t.Errorf("%d messages came; want 255", got)
	}
}

func TestRoom_AuthorizeRefusesSingleMessages(t *testing.T) {
	asked := 0
	f := newFixture(t, nil, Callbacks{Authorize: func(_ context.Context, from []Author) ([]bool, error) {
		asked++
		ok := make([]bool, len(from))
		for i, a := range from {
			ok[i] = a != named("bad")
		}
		return ok, nil
	}})
	r := f.open("1")
	m := f.join(r)
	for i, from := range []string{"good", "bad", "good", "bad"} {
		if err := r.Post(named(from), "u", fmt.Sprint(i), f.now); err != nil {
			t.Fatal(err)
		}
	}
	f.settle()
	wantInfos(t, m, "0", "2")
	if asked != 1 {
		t.Errorf("the senders were checked %d times for one batch; want once", asked)
	}
	if s := f.hall.Stats(); s.RefusedUnauthorized != 2 {
		t.Errorf("RefusedUnauthorized = %d; want 2", s.RefusedUnauthorized)
	}
}

// TestRoom_AuthorizeThatFailsIsAskedAgain: once a second, with the same messages.
func TestRoom_AuthorizeThatFailsIsAskedAgain(t *testing.T) {
	asked, fail := 0, errAway
	f := newFixture(t, nil, Callbacks{Authorize: func(_ context.Context, from []Author) ([]bool, error) {
		asked++
		return slices.Repeat([]bool{true}, len(from)), fail
	}})
	r := f.open("1")
	m := f.join(r)
	if err := r.Post(named("good"), "u", "0", f.now); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.settle()
	if wantInfos(t, m); asked != 1 {
		t.Errorf("it failed and was asked %d times within a second; want once", asked)
	}
	fail = nil
	f.tick(time.Second)
	f.settle()
	if wantInfos(t, m, "0"); asked != 2 {
		t.Errorf("it was asked %d times; want once more", asked)
	}
}

// TestRoom_FailedPublishIsTriedAgain: nothing is lost and nothing comes twice, whether the
// store did its work or not, and the error says why.
func TestRoom_FailedPublishIsTriedAgain(t *testing.T) {
	for _, carriedOut := range []bool{false, true} {
		f := newFixture(t, nil, Callbacks{})
		r := f.open("1")
		m := f.join(r)
		if carriedOut {
			f.store.loseAnswers()
		} else {
			f.store.away()
		}
		f.post(r, "first")
		f.settle()
		f.store.back()
		f.store.answers()
		f.post(r, "second")
		f.settle()
		f.hall.Tick(f.now, 0)
		f.settle()
		wantInfos(t, m, "first", "second")
		if s := f.hall.Stats(); s.Waiting != 0 || len(f.store.stored()) != 2 {
			t.Errorf("carried out %v: %d wait, the store has %d messages; want 0 and 2", carriedOut, s.Waiting, len(f.store.stored()))
		}
		if !strings.Contains(f.logs.String(), "store is away") {
			t.Errorf("the log does not say why: %s", f.logs)
		}
	}
}

// TestRoom_AnswerLostAndEventLostStoresOnce: the store has the batch, and nobody knows of it. The second try finds it,
// and its answer makes the room fetch nothing it has.
func TestRoom_AnswerLostAndEventLostStoresOnce(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.store.loseAnswers()
	f.store.deafen()
	f.post(r, "once")
	f.settle()
	f.store.answers()
	f.store.hear()
	f.hall.Tick(f.now, 0)
	f.settle()
	f.hall.Resumed()
	f.settle()
	wantInfos(t, m, "once")
	if s := f.hall.Stats(); s.Retries != 1 || len(f.store.drafts) != 1 {
		t.Errorf("%d retries, %d batches stored; want 1 and 1", s.Retries, len(f.store.drafts))
	}
}

func TestRoom_RefusedForGoodIsNotTriedAgain(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.store.refuse("wrong type")
	f.post(r, "lost")
	f.settle()
	f.store.back()
	f.post(r, "kept")
	f.settle()
	wantInfos(t, m, "kept")
	if s := f.hall.Stats(); s.RefusedStore != 1 || s.Waiting != 0 {
		t.Errorf("Stats() = %+v; want 1 refused by the store, none waiting", s)
	}
}

func TestRoom_QueueIsBoundedInBytesOverAllRooms(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.QueueBytes = 1000 }, Callbacks{})
	one, two := f.open("1"), f.open("2")
	var err error
	posted := uint64(0)
	for err == nil {
		err = one.Post(nil, "u", strings.Repeat("x", 200), f.now)
		posted++
	}
	if !errors.Is(err, ErrBusy) || posted > 5 {
		t.Fatalf("post %d: %v; want ErrBusy after 1000 bytes", posted, err)
	}
	if err := two.Post(nil, "u", "x", f.now); !errors.Is(err, ErrBusy) {
		t.Errorf("another room: %v; want ErrBusy", err)
	}
	f.settle()
	if err := two.Post(nil, "u", "x", f.now); err != nil {
		t.Errorf("after the queue is empty: %v", err)
	}
}

func TestHall_BurstOfOpensLoadsOnce(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := f.hall.Open(t.Context(), "1"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, s := f.store.callsOf("Read"), f.store.callsOf("SubscribeRoom"); n != 1 || s != 1 {
		t.Errorf("50 opens read the history %d times and subscribed %d times; want once", n, s)
	}
}

func TestHall_OpenFailsWhereTheStoreRefusesTheRoom(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	f.store.refuse("a key of the wrong type")
	if _, err := f.hall.Open(t.Context(), "1"); !errors.Is(err, chat.ErrRefused) {
		t.Fatalf("Open = %v; want %v", err, chat.ErrRefused)
	}
	f.store.back()
	r := f.open("1")
	m := f.join(r)
	f.post(r, "hi")
	f.settle()
	wantInfos(t, m, "hi")
}

func TestHall_EmptyRoomLingersThenGoes(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	f.hall.Tick(f.now.Add(time.Hour), 0)
	if f.hall.Stats().Rooms != 1 {
		t.Fatal("a room that is held went away")
	}
	r.Release()
	f.hall.Tick(f.now.Add(time.Hour+29*time.Second), 0)
	if f.hall.Stats().Rooms != 1 {
		t.Error("the room went before its linger was over")
	}
	again := f.open("1")
	if again != r {
		t.Error("a room that lingers was made anew")
	}
	again.Release()
	f.hall.Tick(f.now.Add(time.Hour+time.Minute), 0)
	if f.hall.Stats().Rooms != 0 || f.store.callsOf("UnsubscribeRoom") != 1 {
		t.Errorf("%d rooms and %d unsubscribes after the linger; want 0 and 1", f.hall.Stats().Rooms, f.store.callsOf("UnsubscribeRoom"))
	}
	// too late: nobody there
	f.hall.RoomEvent("1", chat.Event{Kind: chat.EventMessages, Epoch: "e1", Seq: 1, Messages: []string{"{}"}})
}

// TestHall_KeptRoomStays: nobody has to wait for the store in a room that is kept, and to be kept is no visit.
func TestHall_KeptRoomStays(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	if f.hall.Keep("1") != nil {
		t.Fatal("a room that is not there is kept")
	}
	r := f.open("1")
	r.Release()
	if f.hall.Keep("1") != r {
		t.Fatal("a room that lingers is not kept")
	}
	f.hall.Tick(f.now.Add(time.Minute), 0)
	if again := f.open("1"); again != r || f.store.callsOf("SubscribeRoom") != 1 {
		t.Errorf("a kept room was made anew: %d calls of SubscribeRoom; want 1", f.store.callsOf("SubscribeRoom"))
	}
	r.Release() // at a minute
	f.hall.Tick(f.now.Add(time.Hour), 0)
	r.LetGo()
	f.hall.Tick(f.now.Add(time.Hour), 0)
	if n := f.hall.Stats().Rooms; n != 0 {
		t.Errorf("%d rooms are live; want none: nobody has visited it for an hour", n)
	}
	f.store.refuse("it")
	unread := &Room{id: "2", hall: f.hall}
	sh, _ := f.hall.shard("2")
	sh.rooms["2"] = unread
	if f.hall.Keep("2") != nil || unread.refs != 0 {
		t.Errorf("a room that is not loaded is kept, by %d", unread.refs)
	}
}

func TestHall_LogsOfQuietRoomsAreDropped(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	m := f.join(r)
	f.post(r, "hi")
	f.settle()
	if r.streams[FastIM].log.bytes == 0 {
		t.Fatal("the log holds nothing after a message")
	}
	for at := time.Second; at <= f.hall.cfg().Fanout.StuckTimeout+2*time.Second; at += time.Second {
		f.hall.Tick(f.now.Add(at), 0)
	}
	if r.streams[FastIM].log.bytes != 0 {
		t.Errorf("the log of a quiet room still holds %d bytes", r.streams[FastIM].log.bytes)
	}
	f.post(r, "again")
	f.settle()
	wantInfos(t, m, "hi", "again")
}

func TestHall_OnChangeHearsOfWatchedRooms(t *testing.T) {
	var heard []string
	f := newFixture(t, nil, Callbacks{OnChange: func(r *Room) { heard = append(heard, r.ID()) }})
	quiet, watched := f.open("quiet"), f.open("watched")
	watched.Watch()
	f.post(quiet, "x")
	f.post(watched, "x")
	f.settle()
	f.store.recall("watched", 1)
	f.settle()
	watched.Unwatch()
	f.post(watched, "y")
	f.settle()
	for _, id := range heard {
		if id != "watched" {
			t.Errorf("OnChange heard of %q", id)
		}
	}
	if len(heard) < 2 {
		t.Errorf("OnChange heard %d times; want of the message and of the recall", len(heard))
	}
	if json, total := watched.Newest(); total != 2 || !strings.Contains(json, `"info":"y"`) {
		t.Errorf("Newest() = %s, %d; want y, 2", json, total)
	}
}

// TestRoom_ArrivalWaveSharesWelcomes: ten thousand join while the room chats; the welcome
// is built once for each state of the room, not for each of them.
func TestRoom_ArrivalWaveSharesWelcomes(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	const joins, messages = 10_000, 200
	for i := range joins {
		if i%(joins/messages) == 0 {
			f.post(r, "hello")
			f.deliverAll()
		}
		var m Member
		r.Enter(&m, newFakeSocket())
	}
	if s := f.hall.Stats(); s.Members != joins || s.Welcomes != messages || f.store.callsOf("Read") != 1 {
		t.Errorf("%d joins built %d welcomes and read the history %d times; want %d, one for each message, and once", s.Members, s.Welcomes, f.store.callsOf("Read"), messages)
	}
}
