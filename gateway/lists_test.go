package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/fastim"
	"barrage/internal/chat"
	"barrage/room"
)

// newListServer sends a list at most once an hour and leaves the rounds to the test.
func newListServer(t *testing.T) *Server {
	t.Helper()
	s := newServer(t, func(c *setup) {
		tight(c)
		manualCheck(c)
		c.List.UpdateInterval = time.Hour
		c.rooms.Linger = 0
	})
	// Once the second signal finds room, run has made its first round and taken the first
	// signal: now it rests for minutes.
	for range 2 {
		s.fastIM.Lists.PeekWake()
	}
	return s
}

// published counts the batches of publish.
var published atomic.Uint64

// publish has the store notify the node of a message, with its ts.
func publish(tb testing.TB, s *Server, id, info string, ts int64) {
	tb.Helper()
	batch := fmt.Sprint("test.", published.Add(1))
	if _, err := s.store.Publish(tb.Context(), id, chat.Batch{ID: batch, Drafts: []chat.Draft{codec.NewDraft(id, "u", info, ts)}}); err != nil {
		tb.Fatal(err)
	}
}

// joinRooms makes the user a member of rooms.
func joinRooms(tb testing.TB, s *Server, user string, ids ...string) {
	tb.Helper()
	for _, id := range ids {
		if _, err := s.store.Join(tb.Context(), user, id); err != nil {
			tb.Fatal(err)
		}
	}
}

// dialList opens a list and waits until it takes part in rounds.
func dialList(tb testing.TB, s *Server, user string) *client {
	tb.Helper()
	c := dial(tb, s, listPath(user))
	waitForList(tb, s, user, func(l fastim.PeekList) bool { return l.Attached })
	return c
}

// waitForList waits until the user has a list, and ok accepts each.
func waitForList(tb testing.TB, s *Server, user string, ok func(fastim.PeekList) bool) {
	tb.Helper()
	eventually(tb, func() error {
		lists := s.fastIM.Lists.PeekLists(user)
		good := len(lists) > 0
		for _, l := range lists {
			good = good && ok(l)
		}
		return differ("list is as wanted", good, true)
	})
}

// wantList wants the next frame to be the list of these rooms, each "room info ts total"
// of its newest message, or just "room".
func (c *client) wantList(lines ...string) {
	c.tb.Helper()
	want := make([]string, len(lines))
	for i, l := range lines {
		var id, info, ts, total string
		if n, _ := fmt.Sscan(l, &id, &info, &ts, &total); n == 4 {
			want[i] = fmt.Sprintf(`{"newMessage":{"groupId":"%s","userId":"u","info":"%s","ts":%s},"total":%s}`, id, info, ts, total)
		} else {
			want[i] = `{"newMessage":null,"total":0}`
		}
	}
	c.wantFrame(codec.OpText, "["+strings.Join(want, ",")+"]")
}

// wantNothing wants that nothing has been sent since.
func (c *client) wantNothing() {
	c.tb.Helper()
	c.mustSend(codec.OpPing, "nothing?")
	c.wantFrame(codec.OpPong, "nothing?")
}

// wantRound makes a round and wants it to name the time of the next; zero: none.
func wantRound(tb testing.TB, s *Server, now, next time.Time) {
	tb.Helper()
	got, waiting := s.fastIM.Lists.PeekRound(now)
	if waiting != !next.IsZero() || waiting && !got.Equal(next) {
		tb.Errorf("round = %v, %v; want %v", got, waiting, next)
	}
}

func TestLists_AreSentOncePerInterval(t *testing.T) {
	s := newListServer(t)
	joinRooms(t, s, "both", "a", "b")
	joinRooms(t, s, "one", "b")
	publish(t, s, "a", "first", 100)
	both, one := dialList(t, s, "both"), dialList(t, s, "one")
	start := time.Now()
	wantRound(t, s, start, time.Time{})
	both.wantList("a first 100 1", "b")
	one.wantNothing() // until a room of it has a message

	// The leading edge has gone out; later messages wait for the interval's end.
	publish(t, s, "b", "second", 200)
	publish(t, s, "b", "third", 300)
	end := start.Add(time.Hour)
	wantRound(t, s, start.Add(time.Minute), end)
	publish(t, s, "a", "fourth", 400)
	wantRound(t, s, end.Add(-time.Nanosecond), end)
	both.wantNothing()
	one.wantNothing()
	wantRound(t, s, end, time.Time{})
	both.wantList("a fourth 400 2", "b third 300 2")
	one.wantList("b third 300 2")

	// Quiet for longer than an interval: the next change goes out at once, to those
	// it concerns.
	later := end.Add(2 * time.Hour)
	wantRound(t, s, later, time.Time{})
	publish(t, s, "a", "fifth", 500)
	wantRound(t, s, later, time.Time{})
	both.wantList("a fifth 500 3", "b third 300 2")
	both.wantNothing()
	one.wantNothing()
}

// The real clock: however many messages are sent, lists come no faster than the interval allows, and the last one shows
// the last message.
func TestLists_FloodComesNoFasterThanTheInterval(t *testing.T) {
	const every, messages = 20 * time.Millisecond, 3000
	s := newServer(t, func(c *setup) { c.List.UpdateInterval = every })
	joinRooms(t, s, "u", "a", "b")
	c := dialList(t, s, "u")
	begun := time.Now()
	for i := 1; i <= messages; i++ {
		publish(t, s, "a", "x", int64(2*i))
		publish(t, s, "b", "x", int64(2*i+1))
	}
	last := fmt.Sprintf(`"total":%d}`, messages)
	lists := 0
	for text := ""; strings.Count(text, last) != 2; lists++ {
		text = c.wantText()
	}
	took := time.Since(begun)
	if most := int(took/every) + 2; lists > most {
		t.Errorf("%d lists came in %v; want at most %d", lists, took, most)
	}
}

// A client that does not read gets the list that was begun, and later the newest one;
// none is piled up for it.
func TestLists_SlowClientGetsOnlyTheNewest(t *testing.T) {
	s := newListServer(t)
	const rooms = 30
	long := strings.Repeat("x", 6<<10)
	for i := range rooms {
		joinRooms(t, s, "slow", fmt.Sprint("r", i))
		publish(t, s, fmt.Sprint("r", i), long, int64(i))
	}
	slow := dialSlow(t, s, listPath("slow"), smallWindow)
	waitForList(t, s, "slow", func(l fastim.PeekList) bool { return l.Attached })
	now := time.Now()
	wantRound(t, s, now, time.Time{})
	c := sessionOf(t, s, "slow")
	if c.Pending() == 0 {
		t.Fatal("the whole list went out; want a client that is behind")
	}
	sent := s.edge.Stats.UnicastBytes.Load()
	for i := range 5 {
		publish(t, s, "r0", fmt.Sprint("fresh", i), int64(1000+i))
		now = now.Add(time.Hour)
		wantRound(t, s, now, now.Add(time.Hour))
	}
	if got := s.edge.Stats.UnicastBytes.Load(); got != sent {
		t.Errorf("%d bytes were queued behind the first list", got-sent)
	}
	if first := slow.wantText(); strings.Contains(first, "fresh") || strings.Count(first, long) != rooms {
		t.Errorf("the first list is not the one that was begun: %.200s", first)
	}
	eventually(t, func() error { return differ("bytes waiting", c.Pending(), 0) })
	now = now.Add(time.Hour)
	wantRound(t, s, now, time.Time{})
	if last := slow.wantText(); !strings.HasPrefix(last, `[{"newMessage":{"groupId":"r0","userId":"u","info":"fresh4","ts":1004},"total":6}`) {
		t.Errorf("the second list is not the newest: %.200s", last)
	}
	slow.wantNothing()
}

// everywhereToo is the node's own subscription: the room whose rules hold in all others.
const everywhereToo = 1

// wantLet wants that nothing of rooms and users is held any more.
func wantLet(tb testing.TB, s *Server) {
	tb.Helper()
	s.edge.Hall.Tick(time.Now(), 0)
	if n := s.edge.Hall.Stats().Rooms; n != 0 {
		tb.Errorf("%d rooms are live; want none", n)
	}
	if n := storeOf(s).Stats().Subscriptions; n != everywhereToo {
		tb.Errorf("%d subscriptions are left; want none", n)
	}
	if lists, shown, dirty := s.fastIM.Lists.PeekCounts(); lists+shown+dirty != 0 {
		tb.Errorf("%d lists, %d rooms shown, %d dirty; want none", lists, shown, dirty)
	}
}

func TestLists_ClosingLetsGo(t *testing.T) {
	s := newListServer(t)
	joinRooms(t, s, "u", "a", "b", "c")
	first, second := dialList(t, s, "u"), dialList(t, s, "u")
	if h, subs := s.edge.Hall.Stats(), storeOf(s).Stats().Subscriptions; h.Rooms != 3 || subs != 4+everywhereToo {
		t.Errorf("rooms %d, subscriptions %d; want 3 and, with the user, 4 more than the node's own", h.Rooms, subs)
	}
	_ = first.conn.Close()
	wantSessions(t, s, 1)
	s.edge.Hall.Tick(time.Now(), 0)
	publish(t, s, "b", "still", 1)
	wantRound(t, s, time.Now(), time.Time{})
	second.wantList("b still 1 1", "a", "c") // the rooms that the two shared are still there
	_ = second.conn.Close()
	wantSessions(t, s, 0)
	wantLet(t, s)
}

func TestLists_RefusedListLetsGo(t *testing.T) {
	s := newListServer(t)
	joinRooms(t, s, "u", "a", "b")
	for _, broken := range []string{"SubscribeUser", "Rooms"} {
		storeOf(s).fail(errAway, broken)
		_, err := connect(s, listPath("u"))
		refused, ok := errors.AsType[*refusedError](err)
		if !ok || refused.status != http.StatusServiceUnavailable || refused.body != "cannot read the user's rooms now, try again" {
			t.Errorf("with a broken %s: %v; want 503", broken, err)
		}
		storeOf(s).fail(nil, broken)
		eventually(t, func() error { return differ("slots taken", s.edge.Sessions.Taken(), 0) })
		wantLet(t, s)
	}
}

// TestLists_RoomThatIsRefusedIsLeftOut: the user's other rooms are shown.
func TestLists_RoomThatIsRefusedIsLeftOut(t *testing.T) {
	s := newListServer(t)
	joinRooms(t, s, "u", "a", "b")
	publish(t, s, "b", "hi", 1)
	roomOf(t, s, "b")
	storeOf(s).fail(failure("Read"), "Read") // which only a room needs that is not live
	list := dialList(t, s, "u")
	wantRound(t, s, time.Now(), time.Time{})
	list.wantList("b hi 1 1")
}

// TestLists_RoomWithoutAPlaceIsLeftOut: where as many rooms are live as may be, the user's live ones are shown.
func TestLists_RoomWithoutAPlaceIsLeftOut(t *testing.T) {
	s := newServer(t, func(c *setup) {
		manualCheck(c)
		c.rooms.MaxRooms = 1
	})
	joinRooms(t, s, "u", "a", "b")
	publish(t, s, "b", "hi", 1)
	roomOf(t, s, "b")
	dial(t, s, listPath("u")).wantList("b hi 1 1")
}

// TestLists_KnownRoomsAloneGoLive: with room.open: known a list makes no room live that nobody knows. Where that cannot
// be asked, the list is refused, rather than sent without such rooms.
func TestLists_KnownRoomsAloneGoLive(t *testing.T) {
	s := newServer(t, func(c *setup) {
		manualCheck(c)
		c.KnownRooms = true
	})
	joinRooms(t, s, "u", "ghost", "real")
	publish(t, s, "real", "hi", 1)
	storeOf(s).fail(errAway, "KnownRoom")
	_, err := connect(s, listPath("u"))
	if refused, ok := errors.AsType[*refusedError](err); !ok || refused.status != http.StatusServiceUnavailable {
		t.Errorf("where nobody can say which rooms there are: %v; want 503", err)
	}
	storeOf(s).fail(nil, "KnownRoom")
	dial(t, s, listPath("u")).wantList("real hi 1 1")
	if s.edge.Hall.Live("ghost") {
		t.Error("a room that nobody knows is live")
	}
}

// TestLists_AreBoundedInBytes: rooms that have no place in a MiB are there without their message, the newest have it.
func TestLists_AreBoundedInBytes(t *testing.T) {
	s := newListServer(t)
	large := strings.Repeat("\x01", 8000) // 48 KB as JSON
	var rooms []*room.Room
	for i := range 40 {
		id := fmt.Sprint("r", i)
		publish(t, s, id, large, int64(1000+i))
		rooms = append(rooms, roomOf(t, s, id))
	}
	text, spoken := fastim.PeekText(rooms)
	if !spoken || len(text) > listBytes+40*40 {
		t.Errorf("a list of %d bytes, spoken %v; want at most a MiB and the empty lines", len(text), spoken)
	}
	var lines []struct{ NewMessage *struct{ TS int64 } }
	if err := json.Unmarshal(text, &lines); err != nil || len(lines) != 40 {
		t.Fatalf("%d rooms, %v; want 40", len(lines), err)
	}
	for i, l := range lines {
		if has := l.NewMessage != nil; has != (i < 21) || has && l.NewMessage.TS != int64(1039-i) {
			t.Errorf("line %d: %+v; want the newest 21 with their message", i, l.NewMessage)
		}
	}
}

// reload makes a round at now and waits for the reload of u's list that it asks for.
func reload(tb testing.TB, s *Server, now time.Time) {
	tb.Helper()
	reads := storeOf(s).called("Rooms")
	s.fastIM.Lists.PeekRound(now)
	eventually(tb, func() error { return differ("reads of the user's rooms", storeOf(s).called("Rooms"), reads+1) })
	waitForList(tb, s, "u", func(l fastim.PeekList) bool { return !l.Reading })
}

// A room that is no longer the user's goes.
func TestLists_RoomThatIsNoLongerTheUsersGoes(t *testing.T) {
	s := newListServer(t)
	joinRooms(t, s, "u", "a", "b")
	publish(t, s, "a", "one", 1)
	publish(t, s, "b", "two", 2)
	c := dialList(t, s, "u")
	now := time.Now()
	s.fastIM.Lists.PeekRound(now)
	c.wantList("b two 2 1", "a one 1 1")
	storeOf(s).forget("b")
	s.UserEvent("u")
	now = now.Add(time.Hour)
	reload(t, s, now)
	s.fastIM.Lists.PeekRound(now)
	c.wantList("a one 1 1")
	s.edge.Hall.Tick(time.Now(), 0)
	if n := s.edge.Hall.Stats().Rooms; n != 1 {
		t.Errorf("%d rooms are live; want 1", n)
	}
}

// A room that the user joins elsewhere appears, also when only a reconnection of the
// store may have hidden what is new.
func TestLists_UserEventReloads(t *testing.T) {
	s := newListServer(t)
	joinRooms(t, s, "u", "a")
	publish(t, s, "a", "one", 1)
	publish(t, s, "b", "two", 2)
	publish(t, s, "c", "three", 3)
	c := dialList(t, s, "u")
	now := time.Now()
	s.fastIM.Lists.PeekRound(now)
	c.wantList("a one 1 1")

	joinRooms(t, s, "u", "b")
	wantRound(t, s, now.Add(time.Minute), now.Add(time.Hour))
	if n := storeOf(s).called("Rooms"); n != 1 {
		t.Errorf("the rooms were read %d times within the interval; want once", n)
	}
	now = now.Add(time.Hour)
	reload(t, s, now)
	s.fastIM.Lists.PeekRound(now)
	c.wantList("b two 2 1", "a one 1 1")

	storeOf(s).UnsubscribeUser("u") // as a connection that was lost
	joinRooms(t, s, "u", "c")
	now = now.Add(time.Hour)
	wantRound(t, s, now, time.Time{})
	c.wantNothing()
	s.Resumed()
	reload(t, s, now)
	s.fastIM.Lists.PeekRound(now)
	c.wantList("c three 3 1", "b two 2 1", "a one 1 1")
	c.wantNothing()
}

func TestLists_FailedReloadIsTriedAgain(t *testing.T) {
	s := newListServer(t)
	joinRooms(t, s, "u", "a")
	publish(t, s, "a", "one", 1)
	publish(t, s, "b", "two", 2)
	c := dialList(t, s, "u")
	s.fastIM.Lists.PeekRound(time.Now().Add(-2 * time.Hour)) // so that the next list is due
	c.wantList("a one 1 1")

	storeOf(s).fail(errAway, "Rooms")
	joinRooms(t, s, "u", "b")
	due := func() time.Time { return time.Now().Add(2 * time.Hour) } // a failure counts from the real time
	for range 3 {
		reload(t, s, due())
		reads := storeOf(s).called("Rooms")
		if _, waiting := s.fastIM.Lists.PeekRound(time.Now()); !waiting || storeOf(s).called("Rooms") != reads {
			t.Error("the store is asked again before the interval is over")
		}
	}
	c.wantNothing()
	storeOf(s).fail(nil, "Rooms")
	reload(t, s, due())
	s.fastIM.Lists.PeekRound(due())
	c.wantList("b two 2 1", "a one 1 1")
}
