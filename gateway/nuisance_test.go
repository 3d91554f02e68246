package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/gateway/fastim"
	"barrage/internal/chat"
)

// limited is a server with limits, changed as the test says.
func limited(t *testing.T, change func(*door.Limits)) *Server {
	t.Helper()
	return newServerV1(t, func(c *setup) {
		c.Limits.Enabled = true
		if change != nil {
			change(&c.Limits)
		}
	})
}

// limitedUsers is limited with auth.mode redis, for users whose token is "any".
func limitedUsers(t *testing.T, change func(*door.Limits), users ...string) *Server {
	t.Helper()
	s := newServer(t, func(c *setup) {
		c.Limits.Enabled, c.Auth.Mode = true, modeOf(true)
		change(&c.Limits)
	})
	for _, user := range users {
		if err := s.store.SetToken(t.Context(), user, "any"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestLimits_NativeFloodIsRefusedThenClosed: the burst is taken, then each op is refused with the time to wait, and 20
// refusals close the socket. The user stays out of there for a while. Nobody else notices.
func TestLimits_NativeFloodIsRefusedThenClosed(t *testing.T) {
	s := limitedUsers(t, func(c *door.Limits) { c.MessageRate, c.MessageBurst = 0.01, 5 }, "bystander", "flood", "other")
	bystander := join(t, s, "1", "bystander")
	n, welcome := dialV1(t, s, "1", "user_id=flood&token=any", false)
	if welcome.Limits.RatePerSecond != 1 || welcome.Limits.Burst != 5 {
		t.Errorf("limits of the welcome = %+v; want 1 a second (or less) and 5", welcome.Limits)
	}
	for i := range 5 {
		n.send(fmt.Sprintf(`{"t":"send","id":"%d","body":"hi"}`, i))
		n.wantAll("ack", "batch")
		bystander.wantInfo("hi")
	}
	refusals, began := 0, time.Now()
	for ; ; refusals++ {
		n.send([]string{`{"t":"send","id":"x","body":"no"}`, `{"t":"recall","seq":1,"id":"x"}`, `{"t":"like","n":1}`}[refusals%3])
		got, err := n.next()
		for err == nil && got.T == "counters" {
			got, err = n.next()
		}
		if status := websocket.CloseStatus(err); status == 4429 {
			break
		}
		if err != nil || got.Code != "rate_limited" || got.Retry < 1 || got.Retry > 100_000 {
			t.Fatalf("refusal %d = %+v, %v; want rate_limited and up to 100 s", refusals, got, err)
		}
	}
	// Each half second forgives one.
	if most := 21 + int(time.Since(began)/(500*time.Millisecond)); refusals < 20 || refusals > most {
		t.Errorf("closed after %d refusals; want 20 to %d", refusals, most)
	}
	a := askV1(t, s, "user_id=flood&token=any", offerV1)
	after, err := strconv.Atoi(a.answer.header.Get("Retry-After"))
	if a.answer.status != 429 || !strings.Contains(a.answer.body, "too much was sent from here") || err != nil || after < 20 || after > 36 {
		t.Errorf("a handshake after that = %d %s, Retry-After %q; want 429 and some 30 s", a.answer.status, a.answer.body, a.answer.header.Get("Retry-After"))
	}
	a.sameWhenAsked(s, "user_id=flood&token=any", "")
	if a := callV1(t, s, http.MethodPost, pathMessages, "flood", `{"id":"1","body":"by HTTP"}`, with("Authorization", "Bearer any")); a.status != 429 {
		t.Errorf("a message by HTTP after that = %d %s; want 429", a.status, a.body)
	}
	join(t, s, "1", "other").say("still here")
	bystander.wantInfo("still here")
}

// TestLimits_FastIMFloodIsDroppedThenClosed: messages over the limit are dropped and counted, then come the text 429
// and 1008.
func TestLimits_FastIMFloodIsDroppedThenClosed(t *testing.T) {
	s := limited(t, func(c *door.Limits) { c.MessageRate, c.MessageBurst = 0.01, 5 })
	bystander, flood := join(t, s, "1", "bystander"), join(t, s, "1", "flood")
	var all strings.Builder
	for i := range 26 { // at once: each half second forgives one
		all.WriteString(string(masked(codec.OpText, fmt.Sprint(i))))
	}
	flood.mustWrite(all.String())
	for i := range 5 {
		bystander.wantInfo(fmt.Sprint(i))
	}
	for text := ""; text != "429"; text = flood.wantText() { // it may overtake what is under way
	}
	for {
		f, err := flood.next()
		if err != nil {
			t.Fatalf("next frame = %v; want a close", err)
		}
		if f.op == codec.OpClose {
			if code, _, err := codec.ParseClose([]byte(f.payload)); code != codec.ClosePolicy || err != nil {
				t.Errorf("closed with %d, %v; want %d", code, err, codec.ClosePolicy)
			}
			break
		}
	}
	if got := s.edge.Stats.RateLimited.Load(); got != 21 {
		t.Errorf("messages over the limit = %d; want 21", got)
	}
	bystander.say("still here")
	bystander.wantInfo("still here")
}

// TestLimits_NuisancesCloseAnySocket: pings and refusals have a budget on every socket, whatever they are.
func TestLimits_NuisancesCloseAnySocket(t *testing.T) {
	s := limited(t, nil)
	const many = 3000 // more than what a minute adds
	pings := strings.Repeat(string(masked(codec.OpPing, "p")), many)
	for _, path := range []string{chatPath("r", "a"), listPath("b")} {
		c := dial(t, s, path)
		begun := time.Now()
		c.mustWrite(pings)
		answered := 0
		for {
			f, err := c.next()
			if err != nil {
				t.Fatalf("%s: after %d pongs: %v", path, answered, err)
			}
			if f.op == codec.OpClose {
				break
			}
			if f.op == codec.OpPong {
				answered++
			}
		}
		most := 201 + 20*int(time.Since(begun).Seconds()+1) // the burst, and what time adds
		if answered < 200 || answered > most {
			t.Errorf("%s: %d of %d pings at once were answered; want 200 to %d", path, answered, many, most)
		}
	}
	f := dial(t, s, chatPath("r", "f"))
	f.mustWrite(string([]byte{byte(codec.OpText), 0x80, 0, 0, 0, 0}) + strings.Repeat("\x00\x80\x00\x00\x00\x00", many))
	for { // a message whose fragments bring nothing, and never end it
		got, err := f.next()
		if err != nil {
			t.Fatalf("%d empty fragments: %v; want a close", many, err)
		}
		if got.op == codec.OpClose {
			break
		}
	}
	n := joinV1(t, s, "c")
	for i := range many {
		n.try(fmt.Sprintf(`{"t":"ping","ts":%d}`, i))
	}
	n.wantFlooded()
	m := joinV1(t, s, "d")
	for range many / 10 { // nine bad ones and a good one, again and again
		for range 9 {
			m.try(`{"t":"dance"}`)
		}
		m.try(`{"t":"ping","ts":1}`)
	}
	m.wantFlooded()
	long, _ := dialV1(t, s, "1", "user_id=e&token=t", true)
	for range 3 { // 24 KiB each, in 80 bytes: these are more than 200 small ones
		long.try(`{"t":"ping","x":"` + strings.Repeat("x", 24000) + `"}`)
	}
	long.wantFlooded()
	said, _ := dialV1(t, s, "1", "user_id=f&token=t", true)
	for i := range 3 {
		said.try(fmt.Sprintf(`{"t":"send","id":"%d","body":"hi","x":"%s"}`, i, strings.Repeat("x", 24000)))
	}
	said.wantFlooded()
	list := dial(t, s, listPath("g"))
	list.mustWrite(strings.Repeat(string(masked(codec.OpText, "x")), many)) // to whom nobody listens
	for {
		got, err := list.next()
		if err != nil {
			t.Fatalf("%d messages on a list: %v; want a close", many, err)
		}
		if got.op == codec.OpClose {
			break
		}
	}
}

// TestLimits_CompressedRepeatsAreNoNuisance: people who paste the same again and again are no nuisance.
func TestLimits_CompressedRepeatsAreNoNuisance(t *testing.T) {
	s := limited(t, nil)
	n, _ := dialV1(t, s, "1", "user_id=a&token=t", true)
	for i, body := range []string{strings.Repeat("ha", 6000), strings.Repeat("🎉", 500), strings.Repeat("who reads this? ", 700)} {
		n.send(fmt.Sprintf(`{"t":"send","id":"%d","body":"%s"}`, i, body))
		n.wantAll("ack", "batch")
	}
}

// TestLimits_LikesOverTheRateAreLeftOut: likes above limits.like_rate are left out, and nobody is refused.
func TestLimits_LikesOverTheRateAreLeftOut(t *testing.T) {
	s := limited(t, func(c *door.Limits) { c.LikeRate, c.MessageRate = 100, 0 })
	n := joinV1(t, s, "a")
	begun := time.Now()
	for range 15 {
		n.send(fmt.Sprintf(`{"t":"like","n":%d}`, codec.MaxLikes))
	}
	n.send(`{"t":"ping","ts":1}`)
	n.want("pong")
	s.edge.Hall.Report(t.Context())
	standings, err := s.store.Report(t.Context(), "test", []chat.Report{{Room: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	likes := standings[0].Likes
	if most := uint64(100 + 100*time.Since(begun).Seconds() + 1); likes < 100 || likes > most {
		t.Errorf("%d likes count; want 100 to %d of %d", likes, most, 15*codec.MaxLikes)
	}
}

// wantFlooded reads what comes until the socket is closed with 4429.
func (n *native) wantFlooded() {
	n.tb.Helper()
	for {
		if f, err := n.next(); err != nil {
			if got := websocket.CloseStatus(err); got != 4429 {
				n.tb.Fatalf("next frame = %+v, %v; want to be closed with 4429", f, err)
			}
			return
		}
	}
}

// try is send to a socket that may be closed meanwhile.
func (n *native) try(op string) {
	ctx, cancel := context.WithTimeout(n.tb.Context(), patience)
	defer cancel()
	_ = n.conn.Write(ctx, websocket.MessageText, []byte(op))
}

// TestLimits_UserRateHoldsOverAllSockets: many sockets of one user, of both kinds, and calls, send no more in a room
// than one may.
func TestLimits_UserRateHoldsOverAllSockets(t *testing.T) {
	s := limitedUsers(t, func(c *door.Limits) { c.UserRate, c.UserBurst = 0.01, 4 }, "u", "v", "bystander")
	bystander := join(t, s, "r", "bystander")
	a, _ := dialV1(t, s, "r", "user_id=u&token=any", false)
	b, _ := dialV1(t, s, "r", "user_id=u&token=any", false)
	old := join(t, s, "r", "u")
	for i, n := range []*native{a, b} {
		n.send(fmt.Sprintf(`{"t":"send","id":"%d","body":"native %d"}`, i, i))
		bystander.wantInfo(fmt.Sprint("native ", i))
	}
	old.say("old")
	bystander.wantInfo("old")
	if a := callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"x","body":"by HTTP"}`, with("Authorization", "Bearer any")); a.status != http.StatusCreated {
		t.Errorf("by HTTP: %d %s; want 201", a.status, a.body)
	}
	bystander.wantInfo("by HTTP")
	again := callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"z","body":"too much"}`, with("Authorization", "Bearer any"))
	again.wantCode(t, 429, "rate_limited")
	if wait, _ := strconv.Atoi(again.header.Get("Retry-After")); wait < 90 {
		t.Errorf("Retry-After of a call = %d; want nearly 100 s", wait)
	}
	b.send(`{"t":"send","id":"y","body":"too much"}`)
	for {
		f, err := b.next()
		if err != nil {
			t.Fatal(err)
		}
		if f.T == "refused" {
			if f.Code != "rate_limited" || f.Retry < 90_000 {
				t.Errorf("refused = %+v; want rate_limited, for nearly 100 s", f)
			}
			break
		}
	}
	old.say("too much")
	c, _ := dialV1(t, s, "r", "user_id=v&token=any", false)
	c.send(`{"t":"send","id":"1","body":"of another user"}`)
	bystander.wantInfo("of another user")
	// The refusal of old's message is sent to nobody.
	eventually(t, func() error { return differ("messages refused", s.edge.Hall.Stats().RefusedRate, 3) })
}

// TestLimits_UserRateOfNamesSilencesNobodyElsewhere: where nobody checks tokens, a stranger who sends much under a name
// silences nobody of that name elsewhere.
func TestLimits_UserRateOfNamesSilencesNobodyElsewhere(t *testing.T) {
	s := behindProxy(t, func(c *setup) { c.Limits.UserRate, c.Limits.UserBurst = 0.01, 2 })
	say := func(addr string, want string) {
		t.Helper()
		n := wireV1(t, s, userAndToken, fromAddr(addr), 0)
		n.mustSend(codec.OpText, `{"t":"send","id":"1","body":"hi from `+addr+`"}`)
		for {
			f, err := n.nextV1()
			if err != nil {
				t.Fatal(err)
			}
			if f.T == "ack" || f.T == "refused" {
				if f.T != want {
					t.Errorf("from %s: %s; want %s", addr, f.T, want)
				}
				return
			}
		}
	}
	say("203.0.113.66", "ack")
	s.edge.Hall.Tick(time.Now(), 0) // the rate of a name is not forgotten with its messages
	say("203.0.113.66", "ack")
	for i, want := range []string{"refused", "ack", "ack", "refused"} {
		say([]string{"203.0.113.66", "198.51.100.1", "198.51.100.1", "198.51.100.1"}[i], want)
	}
	for i, want := range []int{201, 201, 429} {
		a := callV1(t, s, http.MethodPost, pathMessages, "u", fmt.Sprintf(`{"id":"h%d","body":"by HTTP"}`, i), with("X-Forwarded-For", "192.0.2.1"))
		if a.status != want {
			t.Errorf("call %d = %d %s; want %d", i, a.status, a.body, want)
		}
	}
}

// TestLimits_ClosedSocketThatWritesOnIsCut: a client that was closed and does not stop is cut before its grace is over.
// Its frames are read at the cost of others.
func TestLimits_ClosedSocketThatWritesOnIsCut(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); c.Limits.Enabled = true }) // no grace ends by itself
	c := dial(t, s, chatPath("r", "flood"))
	pings := strings.Repeat(string(masked(codec.OpPing, "")), 1000)
	var err error
	for sent := 0; err == nil; sent += len(pings) {
		if sent > 64<<20 {
			t.Fatal("64 MiB were taken from a socket that was closed")
		}
		err = c.write(pings)
	}
	eventually(t, func() error { return differ("sockets", s.Sessions(), 0) })
}

// TestLimits_BodyRunesAreCountedNotBytes: a body has as many characters as the welcome says, whatever their bytes, on
// the socket and by HTTP.
func TestLimits_BodyRunesAreCountedNotBytes(t *testing.T) {
	s := limited(t, func(c *door.Limits) { c.BodyRunes = 5 })
	n, welcome := dialV1(t, s, "r", "user_id=u&token=t", false)
	if welcome.Limits.MaxBodyRunes != 5 {
		t.Errorf("limits of the welcome = %+v; want 5 characters", welcome.Limits)
	}
	n.send(`{"t":"send","id":"1","body":"弹幕🎉ab"}`)
	n.wantAll("ack", "batch")
	n.send(`{"t":"send","id":"2","body":"弹幕🎉abc"}`)
	n.wantRefused("2", "bad_request", "body has 6 characters, at most 5 are allowed", false)
	a := callV1(t, s, http.MethodPost, pathMessages, "u", `{"id":"3","body":"弹幕🎉abc"}`)
	a.wantCode(t, 400, "bad_request")
}

// TestLimits_RequestsOverTheBoundLoseTheConnection: requests that are no calls have a bound, too; a client above it
// loses the connection, and strangers notice nothing.
func TestLimits_RequestsOverTheBoundLoseTheConnection(t *testing.T) {
	s := behindProxy(t, func(c *setup) { c.Limits.HTTPRate, c.Limits.HTTPBurst = 0.01, 2 })
	for k, line := range []string{"GET /", "GET /barrage.mjs", "GET /v1/openapi.json", "GET /nothing", "PUT /v1/rooms/r", "GET /v1/rooms//r", "OPTIONS /v1/rooms/r", "OPTIONS *"} {
		from := fmt.Sprint("203.0.113.", k)
		ask := line + " HTTP/1.1\r\nHost: x\r\nOrigin: https://x.example\r\nAccess-Control-Request-Method: GET\r\n"
		w := dialTCP(t, s)
		for i := range 21 {
			w.mustWrite(ask + fromAddr(from) + "\r\n")
			resp, err := http.ReadResponse(w.in, nil)
			if err != nil {
				t.Fatalf("%s, request %d: %v", line, i, err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if over := resp.StatusCode == http.StatusTooManyRequests; over != (i == 20) || over != resp.Close {
				t.Fatalf("%s, request %d: %d, close %v; want 20 answers, then 429 and a close", line, i, resp.StatusCode, resp.Close)
			}
		}
		stranger := dialTCP(t, s)
		stranger.mustWrite(ask + fromAddr("198.51.100.9") + "\r\n")
		if got, err := stranger.response(); err != nil || got.status == http.StatusTooManyRequests {
			t.Errorf("%s: a stranger is answered %d, %v", line, got.status, err)
		}
	}
}

// TestLimits_SlowBodiesHoldNoScan: a client that sends its parameters slowly takes no place of those who read
// histories.
func TestLimits_SlowBodiesHoldNoScan(t *testing.T) {
	s := limited(t, nil)
	for _, path := range []string{"/group/listMessage", "/group/listOldMessage", "/group/delMessage"} {
		w := dialTCP(t, s)
		w.mustWrite("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngroupId")
	}
	if err := s.store.SetToken(t.Context(), "u", "any"); err != nil {
		t.Fatal(err)
	}
	w := dialTCP(t, s)
	w.mustWrite("POST /v1/rooms/r/mod?user_id=u&token=any HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n" +
		"Content-Length: 100\r\n\r\n")
	if line, err := w.in.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("the node does not wait for the body: %q, %v", line, err)
	}
	eventually(t, func() error { return differ("requests under way", s.front.underWay.Load(), 4) })
	if n := s.edge.Door.Scans(); n != 0 {
		t.Errorf("%d of them hold a place; want none", n)
	}
}

// fromAddr is a request's header that names its client, for a node that trusts 127.0.0.0/8.
func fromAddr(addr string) string { return "X-Forwarded-For: " + addr + "\r\n" }

// behindProxy is limited behind a proxy that it trusts.
func behindProxy(t *testing.T, change func(*setup)) *Server {
	t.Helper()
	return newServerV1(t, func(c *setup) {
		c.Limits.Enabled = true
		c.Server.TrustedProxies = []string{"127.0.0.0/8"}
		change(c)
	})
}

// TestLimits_NamesOfStrangersUseNothingUp: where nobody checks tokens, a name is of an address: a stranger elsewhere
// uses nothing up.
func TestLimits_NamesOfStrangersUseNothingUp(t *testing.T) {
	s := behindProxy(t, func(c *setup) { c.Limits.UserConnections = 1 })
	for i, want := range []int{101, 429, 101} {
		w := dialTCP(t, s)
		w.mustWrite(requestV1("r", userAndToken, offerV1+fromAddr([]string{"203.0.113.66", "203.0.113.66", "198.51.100.1"}[i])))
		if got, err := w.response(); err != nil || got.status != want {
			t.Errorf("connection %d: %v, %v; want %d", i, got, err, want)
		}
	}
}

// TestLimits_RoomsOfListsAreBounded: lists of one address make no more rooms live than it may, and show the others.
func TestLimits_RoomsOfListsAreBounded(t *testing.T) {
	s := behindProxy(t, func(c *setup) { c.Limits.Rooms, c.Limits.NewRoomsBurst, c.Limits.NewRooms = 60, 2, 0.001 })
	for _, user := range []string{"one", "two"} {
		for i := range 10 {
			joinRooms(t, s, user, fmt.Sprint(user, i))
		}
	}
	joinRooms(t, s, "two", "live")
	publish(t, s, "live", "hi", 1)
	roomOf(t, s, "live")
	for _, user := range []string{"one", "two"} {
		w := dialTCP(t, s)
		w.mustWrite(strings.Replace(handshake(listPath(user)), "Upgrade: ", fromAddr("203.0.113.66")+"Upgrade: ", 1))
		if err := w.upgraded(); err != nil {
			t.Fatal(err)
		}
	}
	if rooms := s.edge.Hall.Stats().Rooms; rooms != 1+60/20 {
		t.Errorf("%d rooms are live; want one that was, and 3 of lists", rooms)
	}
	waitForList(t, s, "one", func(l fastim.PeekList) bool { return l.Rooms == 3 })
	waitForList(t, s, "two", func(l fastim.PeekList) bool { return l.Rooms == 1 })
}

// TestLimits_RefusedAreClosed: a refused client is not read on, and has no connection any more: handshakes and calls.
func TestLimits_RefusedAreClosed(t *testing.T) {
	s := behindProxy(t, func(c *setup) { c.Limits.HTTPRate, c.Limits.HTTPBurst, c.Limits.IPConnections = 0.001, 1, 1 })
	const client = "203.0.113.1"
	wireV1(t, s, userAndToken, fromAddr(client), 0)
	callV1(t, s, http.MethodGet, pathRoom, "", "", with("X-Forwarded-For", client))
	body := "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\nu" // the rest does not come
	for what, request := range map[string]string{
		"a native handshake": requestV1("r", userAndToken, offerV1+fromAddr(client)),
		"FastIM's handshake": strings.Replace(handshake(chatPath("r", "u")), "Host:", fromAddr(client)+"Host:", 1),
		"a call":             "POST /v1/login HTTP/1.1\r\nHost: x\r\n" + fromAddr(client) + body,
		"nothing there":      "POST /nothing HTTP/1.1\r\nHost: x\r\n" + fromAddr(client) + body,
		"FastIM's call":      "POST /user/login HTTP/1.1\r\nHost: x\r\n" + fromAddr(client) + body,
	} {
		w := dialTCP(t, s)
		w.mustWrite(request)
		got, err := w.response()
		if err != nil || got.status != 429 && got.status != 404 {
			t.Errorf("%s: %+v, %v; want 429, or 404", what, got, err)
			continue
		}
		if err := w.conn.SetReadDeadline(time.Now().Add(s.public.ReadTimeout / 2)); err != nil { // which would end it, too
			t.Fatal(err)
		}
		if _, err := w.in.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: then %v; want the end", what, err)
		}
	}
}

// TestLimits_UnreadWelcomesAreBounded: large welcomes that an address does not read are bounded; those that it reads
// are not.
func TestLimits_UnreadWelcomesAreBounded(t *testing.T) {
	s := behindProxy(t, func(c *setup) { c.Limits.UserConnections, c.Limits.IPHandshakes = 0, 0 })
	for room, n := range map[string]int{"large": 60, "medium": 3} {
		t.Run(room, func(t *testing.T) {
			for i := range n {
				publish(t, s, room, strings.Repeat("\x01", 8000), int64(1000+i))
			}
			roomOf(t, s, room)
			come := func(window int) (w *wire, status int) {
				t.Helper()
				w, err := dialWire(s, window)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = w.conn.Close() })
				if err := w.write(requestV1(room, userAndToken, offerV1+fromAddr(fmt.Sprint("203.0.113.", n)))); err != nil {
					t.Fatal(err)
				}
				resp, err := w.response()
				if err != nil {
					t.Fatal(err)
				}
				return w, resp.status
			}
			for i := range 80 { // these read
				w, status := come(0)
				if status != 101 {
					t.Fatalf("%d that read their welcome: %d; want in", i, status)
				}
				if text, err := w.text(); err != nil || len(text) < 140_000 {
					t.Fatalf("a welcome of %d bytes, %v", len(text), err)
				}
			}
			in, last := 0, 101
			for ; last == 101 && in < 200; in++ {
				_, last = come(smallWindow)
			}
			if last != 429 || in < 20 || in > 80 {
				t.Errorf("%d that do not read came in, then %d; want some 64, then 429", in, last)
			}
		})
	}
}
