package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"barrage/gateway/edge"
)

// TestJoins_OfALiveRoomCostNoCall but those that write the memberships, behind them.
func TestJoins_OfALiveRoomCostNoCall(t *testing.T) {
	s := newServer(t, manualCheck)
	talker := join(t, s, "r", "talker")
	talker.say("hi")
	talker.wantInfo("hi")
	eventually(t, func() error { return differ("memberships waiting", s.edge.Joins.Waiting(), 0) })
	before := storeOf(s).allCalls()
	const each = 20
	for i := range each {
		dial(t, s, chatPath("r", fmt.Sprint("old", i))).wantText()
		joinV1(t, s, fmt.Sprint("new", i))
	}
	eventually(t, func() error { return differ("memberships waiting", s.edge.Joins.Waiting(), 0) })
	after := storeOf(s).allCalls()
	for call, n := range after {
		if call != "JoinAll" && call != "State" && n != before[call] { // a beat asks for the state
			t.Errorf("%d joins made %d calls of %s; want none", 2*each, n-before[call], call)
		}
	}
	if n := after["JoinAll"] - before["JoinAll"]; n < 1 || n > 2*each {
		t.Errorf("%d memberships were written by %d calls", 2*each, n)
	}
}

// TestJoins_WhoIsRefusedLeavesNothing: a handshake writes a membership when it has succeeded, and not before.
func TestJoins_WhoIsRefusedLeavesNothing(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Auth.Mode = []string{edge.AuthRedis} })
	token, err := s.edge.Guard.NewToken(t.Context(), "known")
	if err != nil {
		t.Fatal(err)
	}
	send := func(request string) {
		t.Helper()
		w, err := dialWire(s, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.conn.Close() }()
		if err := firstOf(w.write(request), w.conn.CloseWrite(), w.conn.SetReadDeadline(time.Now().Add(patience))); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(w.in); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/group/chat/r/nobody/wrong", "/group/chat/r/known/wrong", "/group/list/nobody/wrong"} {
		send(handshake(path))
	}
	for _, user := range []string{"nobody", "known"} {
		send(strings.Replace(handshake("/v1/rooms/r/ws?token=wrong&user_id="+user), "Upgrade: w", "Sec-WebSocket-Protocol: barrage.v1\r\nUpgrade: w", 1))
	}
	// A client that does not wait for the answer is refused when its token was found right.
	send(handshake("/group/chat/r/known/"+token) + "early")
	eventually(t, func() error {
		return firstOf(differ("joins waiting", s.edge.Joins.Waiting(), 0), differ("slots taken", s.edge.Sessions.Taken(), 0))
	})
	for _, user := range []string{"nobody", "known"} {
		if rooms, err := s.store.Rooms(t.Context(), user); err != nil || len(rooms) > 0 {
			t.Errorf("rooms of %s, who was refused = %q, %v; want none", user, rooms, err)
		}
	}
	if n := storeOf(s).called("JoinAll"); n != 0 {
		t.Errorf("JoinAll was called %d times", n)
	}
}

// TestJoins_AnonymousJoinByWhatTheySay: where nobody checks tokens, a handshake writes a membership only if the token
// is the user's. Other users become members by their first message, on either socket.
func TestJoins_AnonymousJoinByWhatTheySay(t *testing.T) {
	s := newServer(t, func(c *setup) { c.AnonymousJoin = false })
	if err := storeOf(s).SetToken(t.Context(), "known", "t"); err != nil {
		t.Fatal(err)
	}
	want := func(when string, rooms map[string]string) {
		t.Helper()
		eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) })
		for user, want := range rooms {
			got, err := s.store.Rooms(t.Context(), user)
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s: rooms of %s = %q, %v; want %s", when, user, got, err, want)
			}
		}
	}
	known, wrong := dial(t, s, "/group/chat/r/known/t"), dial(t, s, "/group/chat/q/known/wrong")
	stranger := dial(t, s, "/group/chat/r/stranger/any")
	native, _ := dialV1(t, s, "r", "user_id=native&token=any", false)
	for _, c := range []*client{known, wrong, stranger} {
		c.wantWelcome()
	}
	native.send(`{"t":"like","n":1}`) // is no message
	native.send(`{"t":"dance"}`)
	native.want("refused")
	want("after the handshakes", map[string]string{"known": "[r]", "stranger": "[]", "native": "[]"})
	for range 2 {
		stranger.say("hi")
		stranger.wantInfo("hi")
		native.want("batch")
	}
	native.send(`{"t":"send","id":"1","body":"hi"}`)
	native.wantAll("ack", "batch")
	want("when they have spoken", map[string]string{"known": "[r]", "stranger": "[r]", "native": "[r]"})
	written := func() { eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) }) }
	written()
	before := storeOf(s).called("JoinAll")
	stranger.say("again")
	native.want("batch")
	written()
	if now := storeOf(s).called("JoinAll"); now != before {
		t.Errorf("%d calls for what is said later; want none", now-before)
	}
}

// TestSessionCheck_OpenSocketsKeepMemberships: twice a day each open socket is a use of its user's rooms.
func TestSessionCheck_OpenSocketsKeepMemberships(t *testing.T) {
	s := newServer(t, manualCheck)
	join(t, s, "r", "a")
	dial(t, s, listPath("b"))
	wantSessions(t, s, 2)
	eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) })
	for second := range uint32(keepEvery) {
		eachSession(s, func(c edge.Peek) { c.Lively(second) })
		if second%64 == 0 {
			eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) })
		}
	}
	eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) })
	if noted := storeOf(s).keptCalls(); noted != 2 {
		t.Errorf("memberships were kept %d times in half a day; want once for each socket", noted)
	}
}

// TestJoins_WhoIsRefusedByRulesIsNoMember: a message that the room's rules refuse makes nobody a member, on either
// socket.
func TestJoins_WhoIsRefusedByRulesIsNoMember(t *testing.T) {
	s := newServer(t, func(c *setup) { c.AnonymousJoin = false })
	old := dial(t, s, "/group/chat/r/old/any")
	old.wantWelcome()
	native, _ := dialV1(t, s, "r", "user_id=native&token=any", false)
	wantRooms := func(want string) {
		t.Helper()
		eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) })
		for _, user := range []string{"old", "native"} {
			if rooms, err := s.store.Rooms(t.Context(), user); err != nil || fmt.Sprint(rooms) != want {
				t.Errorf("rooms of %s = %q, %v; want %s", user, rooms, err, want)
			}
		}
	}
	moderate(t, s, `{"verb":"modes","modes":{"frozen":true}}`)
	native.wantAll("room")
	old.say("hi")
	native.send(`{"t":"send","id":"1","body":"hi"}`)
	native.wantRefused("1", "frozen", "", false)
	eventually(t, func() error { return differ("messages refused", s.edge.Hall.Stats().RefusedRules, 2) })
	wantRooms("[]")
	moderate(t, s, `{"verb":"modes","modes":{"frozen":false}}`)
	native.wantAll("room")
	old.say("hi")
	old.wantInfo("hi")
	native.want("batch")
	native.send(`{"t":"send","id":"2","body":"hi"}`)
	native.wantAll("ack", "batch")
	wantRooms("[r]")
}

// TestJoins_WhoIsHeldOrAnsweredBusyIsNoMember: nor does a message that waits for a moderator, nor one too many.
func TestJoins_WhoIsHeldOrAnsweredBusyIsNoMember(t *testing.T) {
	s := newServer(t, func(c *setup) { filters(t)(c); c.AnonymousJoin = false; c.rooms.QueueMessages = 1 })
	first, _ := dialV1(t, s, "r", "user_id=first&token=any", false)
	native, _ := dialV1(t, s, "r", "user_id=native&token=any", false)
	old := dial(t, s, "/group/chat/r/old/any")
	old.wantWelcome()
	old.say("oh rats")
	eventually(t, func() error {
		held, err := s.store.Held(t.Context(), "r")
		return firstOf(err, differ("messages held", len(held), 1), differ("messages that wait", s.edge.Hall.Stats().Waiting, 0))
	})
	native.send(`{"t":"send","id":"1","body":"oh rats"}`)
	native.wantRefused("1", "held", "waits for a moderator", false)
	for _, user := range []string{"caller", "waits"} { // these have a token: a call checks it
		if err := s.store.SetToken(t.Context(), user, "t"); err != nil {
			t.Fatal(err)
		}
	}
	callV1(t, s, http.MethodPost, pathMessages, "waits", `{"id":"1","body":"oh rats"}`).wantCode(t, 403, "held")
	if a := callV1(t, s, http.MethodPost, pathMessages, "caller", `{"id":"1","body":"hi"}`); a.status != http.StatusCreated {
		t.Errorf("a message over HTTP: %d %s", a.status, a.body)
	}
	first.want("batch")
	native.want("batch")

	eventually(t, func() error { return differ("messages that wait", s.edge.Hall.Stats().Waiting, 0) })
	goOn := storeOf(s).hold("Publish")
	defer goOn()
	first.send(`{"t":"send","id":"1","body":"hi"}`)
	eventually(t, func() error { return differ("messages that wait", s.edge.Hall.Stats().Waiting, 1) })
	old.say("hi")
	eventually(t, func() error { return differ("messages too many", s.edge.Hall.Stats().RefusedBusy, 1) })
	native.send(`{"t":"send","id":"2","body":"hi"}`)
	native.wantRefused("2", "busy", "too many messages wait", true)
	goOn()
	first.wantAll("ack", "batch")
	eventually(t, func() error { return differ("joins waiting", s.edge.Joins.Waiting(), 0) })
	for user, want := range map[string]string{"first": "[r]", "caller": "[r]", "native": "[]", "old": "[]", "waits": "[]"} {
		if rooms, err := s.store.Rooms(t.Context(), user); err != nil || fmt.Sprint(rooms) != want {
			t.Errorf("rooms of %s = %q, %v; want %s", user, rooms, err, want)
		}
	}
}
