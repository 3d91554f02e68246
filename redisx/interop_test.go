package redisx_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
)

// original is a stand-in for an original FastIM node. It reads and writes Redis as that does, and fails the test on
// whatever that would fail on.
type original struct {
	*rawClient
	t *testing.T
	// heard has the payloads of the rooms it listens to.
	heard map[string]<-chan string
}

// newInterop is a Barrage node beside an original one, on an empty server.
func newInterop(t *testing.T) (*harness, *original) {
	t.Helper()
	raw := newRaw(t, server.Addr)
	raw.do("FLUSHALL")
	return newInteropNode(t, raw), &original{rawClient: raw, t: t, heard: make(map[string]<-chan string)}
}

// newInteropNode is a Barrage node on the shared server as it is.
func newInteropNode(t *testing.T, raw *rawClient) *harness {
	t.Helper()
	h := started(t, openRedis(t, server.Addr, func(c *redisx.Config) { c.FastIMInterop = true }))
	h.age, h.pass = raw.age, raw.pass
	return h
}

// encode is Jackson2JsonRedisSerializer's form of a text.
func encode(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// decode is encode's other way; only a text is one.
func (o *original) decode(what, value string) string {
	o.t.Helper()
	var text string
	if err := json.Unmarshal([]byte(value), &text); err != nil {
		o.t.Fatalf("%s: the original node fails on %s: %v", what, value, err)
	}
	return text
}

// message is a text in Redis that must hold a message and nothing else.
func (o *original) message(what, value string) string {
	o.t.Helper()
	text := o.decode(what, value)
	var m struct {
		GroupID *string `json:"groupId"`
		UserID  *string `json:"userId"`
		Info    *string `json:"info"`
		TS      *int64  `json:"ts"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || m.GroupID == nil || m.UserID == nil || m.Info == nil || m.TS == nil {
		o.t.Fatalf("%s: the original node fails on message %s: %v", what, text, err)
	}
	return text
}

// send is what an original node does with a message to room r.
func (o *original) send(user, info string, ts int64) string {
	o.t.Helper()
	text := fmt.Sprintf(`{"groupId":"r","userId":%s,"info":%s,"ts":%d}`, encode(user), encode(info), ts)
	o.do("RPUSH", "gml:r", encode(text))
	o.do("EXPIRE", "gml:r", "604800")
	o.do("PUBLISH", "mq:r", encode(text))
	return text
}

// listen subscribes to a room.
func (o *original) listen(room string) { o.heard[room] = o.subscribe("mq:" + room) }

// wantHeard compares what came to the members of a room on the original node.
func (o *original) wantHeard(room string, want ...string) {
	o.t.Helper()
	for i, text := range want {
		select {
		case payload := <-o.heard[room]:
			if got := o.message("PUBLISH", payload); got != text {
				o.t.Fatalf("the original node heard %q as number %d; want %q", got, i, text)
			}
		case <-time.After(patience):
			o.t.Fatalf("the original node heard %d messages; want %q", i, want)
		}
	}
	select {
	case payload := <-o.heard[room]:
		o.t.Fatalf("the original node heard %q too", payload)
	default:
	}
}

// history is what a member of the original node is given, all of it.
func (o *original) history(room string) []string { //nolint:unparam // reads better with its room
	o.t.Helper()
	entries := o.strings("LRANGE", "gml:"+room, "0", "-1")
	for i, e := range entries {
		entries[i] = o.message("LRANGE", e)
	}
	return entries
}

// unnumbered are events of a room that nobody counts.
func unnumbered(kind chat.EventKind, texts ...string) []chat.Event {
	var events []chat.Event
	for _, text := range texts {
		events = append(events, chat.Event{Kind: kind, Messages: []string{text}})
	}
	return events
}

func TestInterop_MessagesGoBothWays(t *testing.T) {
	s, o := newInterop(t)
	other := newInteropNode(t, o.rawClient)
	o.listen("r")
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	noError(t, other.SubscribeRoom(t.Context(), "r"))
	var all []string
	odd := "\"quoted\" \\ \u2028 </script> \U0001F600 \x01\xff"
	for i := range int64(5) {
		at := 10 * (i + 1)
		d := []chat.Draft{codec.NewDraft("r", "b", odd, at), codec.NewDraft("r", "c", "two", at)}
		got, err := s.put(t.Context(), "r", fmt.Sprintf("n.%d", i), d)
		noError(t, err)
		all = append(all, texts(d)...)
		all = append(all, o.send("o", `said "hi"`, at))
		n := uint64(len(all))
		want := chat.Event{Kind: chat.EventMessages, Epoch: chat.Unnumbered, Seq: n - 2, Total: n - 1, Messages: texts(d)}
		wantEqual(t, "Publish", got, err, chat.Stored{Event: want})
		again, err := s.put(t.Context(), "r", fmt.Sprintf("n.%d", i), d)
		wantEqual(t, "Publish again", again, err, got)
	}
	o.wantHeard("r", all...)
	s.wantEvents(t, "r", unnumbered(chat.EventMessages, all...)...)
	other.wantEvents(t, "r", unnumbered(chat.EventMessages, all...)...)
	wantEqual(t, "history of the original node", o.history("r"), nil, all)
	n := uint64(len(all))
	wantHistory(t, s.newest(t, "r", 50), n, n, 1, all...)
	if got := s.Stats().Foreign; got != 0 {
		t.Errorf("Stats().Foreign = %d; want 0", got)
	}
	for _, key := range o.strings("KEYS", "*") {
		if !strings.HasPrefix(key, "gml:") && !strings.HasPrefix(key, "gmu:") {
			t.Errorf("key %s is left; want the list and the last ts only", key)
		}
	}
}

func TestInterop_NonMessagesAreCountedAndPassedOver(t *testing.T) {
	s, o := newInterop(t)
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	bad := []string{"garbage", "m2 e 1", `"no message"`, `{"groupId":"r"}`, `"{\"groupId\":\"r\"}"`, `{"groupId":"r","userId":"u","info":"no ts"}`, ""}
	for _, payload := range bad {
		o.do("PUBLISH", "mq:r", payload)
		o.do("PUBLISH", "mr:r", payload)
	}
	text := o.send("u", "hi", 1)
	eventually(t, "the message has come", func() (bool, string) {
		got := s.events("r")
		return slices.ContainsFunc(got, func(ev chat.Event) bool { return slices.Equal(ev.Messages, []string{text}) }), fmt.Sprint(got)
	})
	eventually(t, "all payloads were looked at", func() (bool, string) {
		got := s.Stats()
		return got.Foreign == uint64(2*len(bad)) && got.Events == 1, fmt.Sprintf("%+v", got)
	})
}

// TestInterop_BothModesShareOneHistory: an event of a node of the other mode says only that the history knows.
func TestInterop_BothModesShareOneHistory(t *testing.T) {
	s, o := newInterop(t)
	own := newNode(t, server.Addr, o.rawClient)
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	noError(t, own.SubscribeRoom(t.Context(), "r"))
	look := chat.Event{Kind: chat.EventLook}
	theirs := o.send("o", "of an original node", 1)
	beside := s.publish(t, "r", "u", 2)
	counted := own.newest(t, "r", 9)
	wantHistory(t, counted, 2, 2, 1, theirs, beside[0])
	mine := own.publish(t, "r", "v", 3)
	own.wantEvents(t, "r", look, look, chat.Event{Kind: chat.EventMessages, Epoch: counted.Epoch, Seq: 3, Total: 3, Messages: mine})
	s.wantEvents(t, "r", append(unnumbered(chat.EventMessages, theirs, beside[0]), look)...)
	wantHistory(t, s.newest(t, "r", 9), 3, 3, 1, theirs, beside[0], mine[0])

	own.wantRecall(t, "r", "v", 3, true)
	own.report("n", 5, 0)
	s.wantEvents(t, "r", append(unnumbered(chat.EventMessages, theirs, beside[0]), look, look, chat.Event{Kind: chat.EventCounters, Counters: counters(5, 0)})...)
	mine = own.publish(t, "r", "v", 4)
	last := s.publish(t, "r", "u", 5)
	all := []string{theirs, beside[0], mine[0], last[0]}
	wantEqual(t, "history of an original node", o.history("r"), nil, all)
	again := own.newest(t, "r", 9)
	wantHistory(t, again, 4, 4, 1, all...)
	if again.Epoch == counted.Epoch {
		t.Errorf("the epoch is %s still, though a node wrote that does not count", again.Epoch)
	}
}

// TestInterop_OriginalWritesToCountedRoom: the list is longer or shorter than the count knows.
func TestInterop_OriginalWritesToCountedRoom(t *testing.T) {
	own, raw := newPair(t)
	o := &original{rawClient: raw, t: t}
	all := own.publish(t, "r", "u", 1, 2)
	at := own.newest(t, "r", 9).Position
	all = append(all, o.send("o", "hi", 3))
	for _, written := range []bool{false, true} {
		h := own.read(t, "r", at, 9, 9)
		wantHistory(t, h, uint64(len(all)), uint64(len(all)), 1, all...)
		if h.Epoch == at.Epoch != written || !written && h.Begun != uint64(len(all)) {
			t.Errorf("position %+v begun at %d behind %+v; want a new epoch: %v", h.Position, h.Begun, at, !written)
		}
		at = h.Position
		stored, err := own.Publish(t.Context(), "r", chat.Batch{ID: fmt.Sprintf("n.%d", len(all)), Known: at, Drafts: drafts("r", "o", 3)})
		noError(t, err)
		all = append(all, stored.Event.Messages...)
		if !stored.Event.Follows(at) {
			t.Errorf("event %+v does not follow %+v", stored.Event, at)
		}
		at = stored.Event.After(at)
	}
	raw.do("LREM", "gml:r", "1", encode(all[2]))
	all = slices.Delete(all, 2, 3)
	h := own.read(t, "r", at, 9, 9)
	wantHistory(t, h, 5, 5, 2, all...)
	if h.Epoch == at.Epoch {
		t.Error("a message went from the middle of the list, and the epoch is the same")
	}
}

func TestInterop_HistoryIsTheSameOnBothSides(t *testing.T) {
	s, o := newInterop(t)
	var all []string
	for ts := range int64(10) {
		all = append(all, o.send("o", "hi", ts))
		all = append(all, s.publish(t, "r", "b", ts+1)...)
	}
	wantHistory(t, s.newest(t, "r", 3), 20, 20, 18, all[17:]...)
	known := chat.Position{Epoch: chat.Unnumbered, Seq: 17} // behind that 3 came
	wantHistory(t, s.read(t, "r", known, 2, 9), 20, 20, 16, all[15:]...)
	wantHistory(t, s.read(t, "r", known, 2, 4), 20, 20, 17, all[16:]...)
	h, err := s.Since(t.Context(), "r", 5, 4)
	noError(t, err)
	wantHistory(t, h, 20, 20, 6, all[5:9]...)
	msgs, err := s.Range(t.Context(), "r", -4, -2)
	wantEqual(t, "Range", msgs, err, all[16:19])
	msgs, found, err := s.Before(t.Context(), "r", "o", 5, 3)
	wantEqual(t, "Before", found, err, true)
	wantEqual(t, "Before", msgs, nil, all[7:10])
	if got := s.report("n", 2, 3); got != (chat.Standing{Position: chat.Position{Epoch: chat.Unnumbered, Seq: 20}, Counters: counters(2, 3)}) {
		t.Errorf("Report = %+v; want seq 20, 2 online, 3 likes", got)
	}

	// Nobody bounds the list: the list sockets of original nodes push when its length changes.
	for ts := range int64(2 * historyMessages) {
		all = append(all, o.send("o", "more", ts))
	}
	all = append(all, s.publish(t, "r", "b", 1000)...)
	n := uint64(len(all))
	wantHistory(t, s.newest(t, "r", 1000), n, n, 1, all...)
	wantEqual(t, "history of the original node", o.history("r"), nil, all)
}

func TestInterop_RecallHoldsForOriginalNodesToo(t *testing.T) {
	s, o := newInterop(t)
	o.listen("r")
	noError(t, s.SubscribeRoom(t.Context(), "r"))
	one := o.send("o", "hi", 1)
	two := s.publish(t, "r", "b", 2)
	three := o.send("o", "hi", 3)
	for _, m := range []struct {
		user string
		ts   int64
		want bool
	}{{"o", 1, true}, {"o", 1, true}, {"b", 2, true}, {"b", 3, false}, {"b", 1, false}} {
		ev, err := s.Recall(t.Context(), "r", m.user, m.ts)
		if !m.want {
			if !errors.Is(err, chat.ErrNoMessage) {
				t.Errorf("Recall(%s, %d) = %+v, %v; want %v", m.user, m.ts, ev, err, chat.ErrNoMessage)
			}
			continue
		}
		text := map[string]string{"o": one, "b": two[0]}[m.user]
		wantEqual(t, fmt.Sprintf("Recall(%s, %d)", m.user, m.ts), ev, err, chat.Event{Kind: chat.EventRecall, Messages: []string{text}})
	}
	s.report("n", 1, 0)
	if left := o.int("TTL", "gmw:r"); left < 200 || left > 240 {
		t.Errorf("what was taken back is known for %d s; want 240", left)
	}
	wantEqual(t, "history of the original node", o.history("r"), nil, []string{three})
	wantHistory(t, s.newest(t, "r", 50), 1, 1, 1, three)
	// The original node receives nothing of it; two channels have no common order.
	o.wantHeard("r", one, two[0], three)
	want := slices.Concat(
		unnumbered(chat.EventMessages, one, two[0], three),
		unnumbered(chat.EventRecall, one, one, two[0]), // recalled again, it is published again
		[]chat.Event{{Kind: chat.EventCounters, Counters: counters(1, 0)}},
	)
	eventually(t, "all events have come", func() (bool, string) {
		got := s.events("r")
		slices.SortStableFunc(got, func(a, b chat.Event) int { return int(a.Kind) - int(b.Kind) })
		return fmt.Sprint(got) == fmt.Sprint(want), fmt.Sprint(got)
	})
}

func TestInterop_UsersAreTheSameOnBothSides(t *testing.T) {
	s, o := newInterop(t)
	const user, token = "u", `to"ken`
	noError(t, s.SetToken(t.Context(), user, token))
	wantEqual(t, "token on the original node", o.decode("GET", o.text("GET", "login:u")), nil, token)
	right, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: user, Token: token}))
	wantEqual(t, "CheckToken", right, err, true)
	o.do("SET", "login:u", encode("theirs"), "EX", "86400")
	eventually(t, "the original node's token counts", func() (bool, string) {
		right, err := isRight(s.CheckToken(t.Context(), chat.Credential{UserID: user, Token: "theirs"}))
		return right && err == nil, fmt.Sprint(right, err)
	})
	right, err = isRight(s.CheckToken(t.Context(), chat.Credential{UserID: user, Token: token}))
	wantEqual(t, "CheckToken of the old one", right, err, false)

	o.do("SADD", "ugs:u", encode("1"))
	for room, want := range map[string]bool{"1": false, "2": true} {
		added, err := s.Join(t.Context(), user, room)
		wantEqual(t, "Join of "+room, added, err, want)
	}
	s.joinAll(t, chat.Membership{UserID: user, Room: "3"}, chat.Membership{UserID: user, Room: "2"})
	wantEqual(t, "life of the rooms, which original nodes do not prolong", o.int("PTTL", "ugs:u"), nil, -1)
	var rooms []string
	for _, room := range o.strings("SMEMBERS", "ugs:u") {
		rooms = append(rooms, o.decode("SMEMBERS", room))
	}
	slices.Sort(rooms)
	wantEqual(t, "rooms on the original node", rooms, nil, []string{"1", "2", "3"})
	got, err := s.Rooms(t.Context(), user)
	wantEqual(t, "Rooms", got, err, rooms)
	member, err := s.IsMember(t.Context(), user, "1")
	wantEqual(t, "IsMember", member, err, true)
}

// TestInterop_OriginalJoins: an original node publishes nothing when a user joins a room.
func TestInterop_OriginalJoins(t *testing.T) {
	s, o := newInterop(t)
	noError(t, s.SubscribeUser(t.Context(), "u"))
	for i := range 3 {
		_, err := s.Rooms(t.Context(), "u") // as a list socket does when it is notified
		noError(t, err)
		o.do("SADD", "ugs:u", encode(fmt.Sprint(i)))
		o.do("SADD", "ugs:other", encode(fmt.Sprint(i)))
		s.wantUsers(t, slices.Repeat([]string{"u"}, i+1)...)
	}
	_, err := s.Rooms(t.Context(), "u")
	noError(t, err)
	o.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	s.wantUsers(t, "u", "u", "u", "u") // with the connection goes what Redis owed
}

// TestInterop_CountedRoomKeepsItsMessages has a room that was counted, and counts on when it is over.
func TestInterop_CountedRoomKeepsItsMessages(t *testing.T) {
	before, raw := newPair(t)
	old := before.publish(t, "r", "u", 1, 2, 3, 4)
	counted := before.newest(t, "r", 1).Epoch
	before.wantRecall(t, "r", "u", 2, true)
	before.wantRecall(t, "r", "u", 4, true)

	s := newInteropNode(t, raw)
	left := []string{old[0], old[2]}
	for _, c := range []struct { // nobody has written yet
		first, last int64
		want        []string
	}{{0, -1, left}, {-1, -1, left[1:]}, {0, 0, left[:1]}, {-10, -1, left}, {1, 9, left[1:]}, {2, 9, nil}} {
		msgs, err := s.Range(t.Context(), "r", c.first, c.last)
		wantEqual(t, fmt.Sprintf("Range %d %d", c.first, c.last), slices.Equal(msgs, c.want), err, true)
	}
	d := drafts("r", "u", 5)
	left = append(left, texts(d)...)
	got, err := s.put(t.Context(), "r", "n.1", d)
	wantEqual(t, "Publish", got.Event, err, chat.Event{Kind: chat.EventMessages, Epoch: chat.Unnumbered, Seq: 3, Total: 3, Messages: texts(d)})
	wantHistory(t, s.newest(t, "r", 50), 3, 3, 1, left...)

	after := newNode(t, server.Addr, raw)
	h := after.newest(t, "r", 50)
	wantHistory(t, h, 3, 3, 1, left...)
	if h.Epoch == counted || h.Epoch == chat.Unnumbered {
		t.Errorf("epoch %q is not new; it was %q", h.Epoch, counted)
	}
}

// TestInterop_RecallsAreBounded: messages that were taken back lately are remembered for repeats, but not more than
// 512.
func TestInterop_RecallsAreBounded(t *testing.T) {
	s, o := newInterop(t)
	for ts := range int64(chat.RecallsKept + 10) {
		o.send("o", "hi", ts+1)
		_, err := s.Recall(t.Context(), "r", "o", ts+1)
		noError(t, err)
	}
	wantEqual(t, "messages remembered", o.int("LLEN", "gmw:r"), nil, chat.RecallsKept)
	_, err := s.Recall(t.Context(), "r", "o", chat.RecallsKept)
	noError(t, err)
	if _, err := s.Recall(t.Context(), "r", "o", 1); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("recall of the oldest, repeated = %v; want %v", err, chat.ErrNoMessage)
	}
}

// TestInterop_RoomsLiveForEver: original nodes would not prolong the life that sets of rooms had before.
func TestInterop_RoomsLiveForEver(t *testing.T) {
	s, o := newInterop(t)
	for what, use := range map[string]func(){
		"Join":     func() { _, err := s.Join(t.Context(), "u", "r"); noError(t, err) },
		"Rooms":    func() { _, err := s.Rooms(t.Context(), "u"); noError(t, err) },
		"IsMember": func() { _, err := s.IsMember(t.Context(), "u", "r"); noError(t, err) },
	} {
		o.do("SADD", "ugs:u", encode("r"))
		o.do("EXPIRE", "ugs:u", "1000")
		eventually(t, "the node has heard of the change", func() (bool, string) {
			use()
			life := o.int("PTTL", "ugs:u")
			return life == -1, fmt.Sprint(what, ": life ", life)
		})
	}
}

// TestRedis_ElsewhereNamesDatabasesWithTheRoom: the database is named that has a room, and no other.
func TestRedis_ElsewhereNamesDatabasesWithTheRoom(t *testing.T) {
	s, raw := newPair(t)
	for db, key := range map[string]string{"3": "gml:r", "5": "gml:other", "7": "gml:r"} {
		raw.do("SELECT", db)
		raw.do("RPUSH", key, "x")
	}
	raw.do("SELECT", "0")
	s.publish(t, "mine", "u", 1)
	for room, want := range map[string][]int{"r": {3, 7}, "other": {5}, "mine": nil, "none": nil} {
		got, err := s.Store.(*redisx.Redis).Elsewhere(t.Context(), room)
		wantEqual(t, "databases with "+room, got, err, want)
	}
	s.publish(t, "mine", "u", 2) // the store goes on with its own database
	wantEqual(t, "messages in database 0", raw.int("LLEN", "gml:mine"), nil, 2)
}

// Original nodes would not go by lists of terms, so there are none beside them.
func TestInterop_NoTermsAreTaken(t *testing.T) {
	h, _ := newInterop(t)
	if err := h.WriteTerms(t.Context(), "spam", "darn"); !errors.Is(err, chat.ErrBeside) {
		t.Errorf("WriteTerms: %v; want %v", err, chat.ErrBeside)
	}
	text, err := h.ReadTerms(t.Context(), "spam")
	wantEqual(t, "ReadTerms", text, err, "")
}
