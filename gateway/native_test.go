package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/codec"
	"barrage/room"
)

// native is a client of barrage.v1 that is not ours, and knows deflate.
type native struct {
	tb   testing.TB
	conn *websocket.Conn
	resp *http.Response
}

// frameV1 is any frame from the server.
type frameV1 struct {
	T         string            `json:"t"`
	Room      string            `json:"room"`
	UserID    string            `json:"user_id"`
	Node      string            `json:"node"`
	Epoch     string            `json:"epoch"`
	Seq       uint64            `json:"seq"`
	Total     uint64            `json:"total"`
	Online    uint64            `json:"online"`
	Likes     uint64            `json:"likes"`
	Recovered bool              `json:"recovered"`
	Messages  []json.RawMessage `json:"messages"`
	Heartbeat int64             `json:"heartbeat_ms"`
	Limits    codec.Limits      `json:"limits"`
	From      uint64            `json:"from"`
	To        uint64            `json:"to"`
	By        string            `json:"by"`
	ID        string            `json:"id"`
	Code      string            `json:"code"`
	Message   string            `json:"message"`
	Retry     int64             `json:"retry_after_ms"`
	TS        int64             `json:"ts"`
	AfterMS   int64             `json:"after_ms"`
	Reason    string            `json:"reason"`
}

// messageV1 is one message.
type messageV1 struct {
	Seq      uint64          `json:"seq"`
	Kind     string          `json:"kind"`
	UserID   string          `json:"user_id"`
	Body     string          `json:"body"`
	TS       int64           `json:"ts"`
	ID       string          `json:"id"`
	Ext      json.RawMessage `json:"ext"`
	Recalled bool            `json:"recalled"`
}

func (f frameV1) messages(tb testing.TB) (all []messageV1) {
	tb.Helper()
	for _, raw := range f.Messages {
		var m messageV1
		if err := json.Unmarshal(raw, &m); err != nil {
			tb.Fatalf("%s: %v", raw, err)
		}
		all = append(all, m)
	}
	return all
}

func v1Path(id, query string) string { return "/v1/rooms/" + id + "/ws?" + query }

// dialV1 opens a native socket for the time of the test and takes the welcome.
func dialV1(tb testing.TB, s *Server, id, query string, deflate bool) (*native, frameV1) {
	tb.Helper()
	mode := websocket.CompressionDisabled
	if deflate {
		mode = websocket.CompressionNoContextTakeover
	}
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, "ws://"+s.Addr().String()+v1Path(id, query), &websocket.DialOptions{ //nolint:bodyclose // coder/websocket closes it
		Subprotocols: []string{"other", subprotocol}, CompressionMode: mode, CompressionThreshold: 1,
	})
	if err != nil {
		tb.Fatalf("cannot dial room %q: %v", id, err)
	}
	conn.SetReadLimit(1 << 20)
	tb.Cleanup(func() { _ = conn.CloseNow() })
	n := &native{tb, conn, resp}
	return n, n.want("welcome")
}

// next is the next frame.
func (n *native) next() (f frameV1, err error) {
	ctx, cancel := context.WithTimeout(n.tb.Context(), patience)
	defer cancel()
	kind, b, err := n.conn.Read(ctx)
	if err != nil {
		return f, err
	}
	if kind != websocket.MessageText {
		return f, fmt.Errorf("a %v frame", kind)
	}
	return f, json.Unmarshal(b, &f)
}

// want skips counters, which come when they like, and wants the next frame to be a t.
func (n *native) want(t string) frameV1 {
	n.tb.Helper()
	for {
		f, err := n.next()
		if err != nil || f.T != t && f.T != "counters" {
			n.tb.Fatalf("next frame = %+v, %v; want a %s", f, err, t)
		}
		if f.T == t {
			return f
		}
	}
}

func (n *native) wantClose(code codec.CloseCode) {
	n.tb.Helper()
	for {
		f, err := n.next()
		if err == nil && (f.T == "refused" || f.T == "counters" || f.T == "reconnect") {
			continue
		}
		if got := websocket.CloseStatus(err); got != websocket.StatusCode(code) {
			n.tb.Fatalf("next frame = %+v, %v; want to be closed with %d", f, err, code)
		}
		return
	}
}

func (n *native) send(op string) {
	n.tb.Helper()
	ctx, cancel := context.WithTimeout(n.tb.Context(), patience)
	defer cancel()
	if err := n.conn.Write(ctx, websocket.MessageText, []byte(op)); err != nil {
		n.tb.Fatalf("cannot send: %v", err)
	}
}

func TestNative_ChatOfBothKinds(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		t.Run(fmt.Sprint("deflate=", deflate), func(t *testing.T) {
			s := newServer(t, nil)
			old := join(t, s, "1", "old")
			n, welcome := dialV1(t, s, "1", "user_id=new&token=t", deflate)
			if got := n.resp.Header.Get("Sec-WebSocket-Extensions"); (got == deflateAnswer) != deflate {
				t.Errorf("Sec-WebSocket-Extensions = %q", got)
			}
			if got := n.resp.Header.Get("Sec-WebSocket-Protocol"); got != subprotocol {
				t.Errorf("Sec-WebSocket-Protocol = %q", got)
			}
			if welcome.Room != "1" || welcome.UserID != "new" || welcome.Node == "" || welcome.Recovered || welcome.Messages == nil ||
				welcome.Heartbeat != 30_000 || welcome.Limits.MaxBodyBytes != 4096 {
				t.Errorf("welcome = %+v", welcome)
			}
			old.say("hello")
			first := n.want("batch")
			if m := first.messages(t); first.Seq != 1 || len(m) != 1 || m[0].Body != "hello" || m[0].UserID != "old" || m[0].Kind != "chat" || m[0].ID != "" {
				t.Errorf("batch = %+v", first)
			}
			old.wantInfo("hello")
			ext := `{"gift":"rose","n":3,"note":"` + strings.Repeat("玫", 300) + `"}`
			n.send(`{"t":"send","id":"c-1","body":"for you","kind":"gift","ext":` + ext + `}`)
			var ack, batch frameV1
			for range 2 { // in either order
				f, err := n.next()
				if err != nil {
					t.Fatal(err)
				}
				if f.T == "ack" {
					ack = f
				} else {
					batch = f
				}
			}
			m := batch.messages(t)
			if len(m) != 1 || m[0].Seq != 2 || m[0].Kind != "gift" || m[0].ID != "c-1" || string(m[0].Ext) != ext || m[0].Body != "for you" {
				t.Errorf("batch = %+v", batch)
			}
			if ack.ID != "c-1" || ack.Seq != 2 || ack.TS != m[0].TS {
				t.Errorf("ack = %+v; want that of message 2, %d", ack, m[0].TS)
			}
			if got := old.wantText(); got != fmt.Sprintf(`{"groupId":"1","userId":"new","info":"for you","ts":%d}`, ack.TS) {
				t.Errorf("the FastIM client got %s; want FastIM's four fields and no other", got)
			}
			_, again := dialV1(t, s, "1", "user_id=new&token=t&epoch="+first.Epoch+"&since=1", deflate)
			if m := again.messages(t); !again.Recovered || len(m) != 1 || m[0].Seq != 2 || again.Seq != 2 {
				t.Errorf("welcome of who comes back = %+v; want message 2, recovered", again)
			}
		})
	}
}

func TestNative_FastIMWelcomeHasFourFields(t *testing.T) {
	s := newServer(t, nil)
	n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
	n.send(`{"t":"send","id":"x","body":"b","ext":{"k":"v"}}`)
	if f, err := n.next(); err != nil || f.T != "batch" && f.T != "ack" {
		t.Fatalf("%+v, %v; want a batch and an ack", f, err)
	}
	if got := dial(t, s, chatPath("1", "old")).wantText(); strings.Contains(got, "ext") || strings.Contains(got, `"x"`) || !strings.HasPrefix(got, `{"list":[{"groupId":"1","userId":"a","info":"b","ts":`) {
		t.Errorf("welcome = %s", got)
	}
}

func TestNative_Ops(t *testing.T) {
	s := newServer(t, nil)
	a, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
	b, _ := dialV1(t, s, "1", "user_id=b&token=t", false)
	a.send(`{"t":"ping","ts":77}`)
	if f := a.want("pong"); f.TS != 77 {
		t.Errorf("pong = %+v", f)
	}
	a.send(`{"t":"send","id":"1","body":"mine"}`)
	b.want("batch")
	b.send(`{"t":"recall","seq":1}`)
	if f := b.want("refused"); f.Code != "forbidden" {
		t.Errorf("recall of another's message: %+v", f)
	}
	b.send(`{"t":"recall","seq":99}`)
	if f := b.want("refused"); f.Code != "not_found" {
		t.Errorf("recall of no message: %+v", f)
	}
	for _, want := range []string{"batch", "ack"} {
		if f, err := a.next(); err != nil || f.T != "batch" && f.T != "ack" {
			t.Fatalf("%+v, %v; want %s", f, err, want)
		}
	}
	a.send(`{"t":"recall","seq":1}`)
	for _, n := range []*native{a, b} {
		if f := n.want("recalled"); f.Seq != 1 || f.By != "a" {
			t.Errorf("recalled = %+v", f)
		}
	}
	b.send(`{"t":"like","n":3}`)
	b.send(`{"t":"like","n":2}`)
	for {
		f, err := a.next()
		if err != nil {
			t.Fatal(err)
		}
		if f.T == "counters" && f.Likes == 5 && f.Online == 2 {
			break
		}
	}
}

func TestNative_BadOps(t *testing.T) {
	s := newServer(t, nil)
	n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
	f := func(op, id, text string) {
		t.Helper()
		n.send(`{"t":"ping"}`) // ten in a row would close it
		n.want("pong")
		n.send(op)
		if f := n.want("refused"); f.Code != "bad_request" || f.ID != id || !strings.Contains(f.Message, text) || f.Retry != 0 {
			t.Errorf("%.60s: refused = %+v; want id %q and a message with %q", op, f, id, text)
		}
	}
	f(`hello`, "", "no JSON object")
	f(`[]`, "", "no JSON object")
	f(`null`, "", `t is ""`)
	f(`{"t":"dance"}`, "", `t is "dance"`)
	f(`{"t":"send","body":"x"}`, "", "id has 0 bytes")
	f(`{"t":"send","id":"`+strings.Repeat("i", 65)+`","body":"x"}`, "", "id has 65 bytes")
	f(`{"t":"send","id":"b","body":"`+strings.Repeat("x", 4097)+`"}`, "b", "body has 4097 bytes")
	f(`{"t":"send","id":"k","body":"x","kind":"`+strings.Repeat("k", 33)+`"}`, "k", "kind has 33 bytes")
	f(`{"t":"send","id":"e","body":"x","ext":"`+strings.Repeat("e", 4096)+`"}`, "e", "ext has 4098 bytes")
	f(`{"t":"send","id":7,"body":"x"}`, "", "no JSON object")
	f(`{"t":"like"}`, "", "n is 0")
	f(`{"t":"like","n":-1}`, "", "n is -1")
	f(`{"t":"like","n":1000000000}`, "", "n is 1000000000")
	f(`{"t":"recall"}`, "", "seq is missing")
	f(`{"t":"recall","seq":-1}`, "", "no JSON object")
	for range mostBadOps {
		n.send(`{`)
	}
	n.wantClose(4400)
}

func TestNative_BadFrames(t *testing.T) {
	s := newServer(t, nil)
	ctx := t.Context()
	n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
	if err := n.conn.Write(ctx, websocket.MessageBinary, []byte("x")); err != nil {
		t.Fatal(err)
	}
	n.wantClose(codec.CloseUnsupported)
	n, _ = dialV1(t, s, "1", "user_id=a&token=t", false)
	n.send(`{"t":"send","id":"1","body":"` + strings.Repeat("x", 1<<20) + `"}`)
	n.wantClose(codec.CloseTooBig)
	n, _ = dialV1(t, s, "1", "user_id=a&token=t", true)
	n.send(`{"t":"send","id":"1","body":"` + strings.Repeat("x", 1<<20) + `"}`) // 1 KB on the wire
	n.wantClose(codec.CloseTooBig)
}

func TestNative_Refusals(t *testing.T) {
	f := func(name string, change func(*setup), path, header string, status int, code string) {
		t.Helper()
		s := newServer(t, change)
		if strings.Contains(path, "TOKEN") {
			if err := s.store.SetToken(t.Context(), "known", "TOKEN"); err != nil {
				t.Fatal(err)
			}
		}
		w := dialTCP(t, s)
		w.mustWrite(strings.Replace(handshake(path), "\r\n\r\n", "\r\n"+header+"\r\n", 1))
		got, err := w.response()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var problem struct {
			Error struct {
				Code    string `json:"code"`
				Message string `json:"message"`
				Retry   int    `json:"retry_after_ms"`
			} `json:"error"`
		}
		if status != http.StatusSwitchingProtocols {
			if err := json.Unmarshal([]byte(got.body), &problem); err != nil || problem.Error.Message == "" {
				t.Errorf("%s: %s is no problem: %v", name, got.body, err)
			}
			if retry := problem.Error.Retry > 0 && got.header.Get("Retry-After") != ""; retry != (status == 503 || status == 429) {
				t.Errorf("%s: retry_after_ms %d, Retry-After %q", name, problem.Error.Retry, got.header.Get("Retry-After"))
			}
		}
		if got.status != status || problem.Error.Code != code {
			t.Errorf("%s: %d %q; want %d %q", name, got.status, problem.Error.Code, status, code)
		}
	}
	const offer = "Sec-WebSocket-Protocol: barrage.v1\r\n"
	auth := func(c *setup) { c.Auth.Required = true }
	f("fine", nil, v1Path("1", "user_id=a&token=t"), offer, 101, "")
	f("token in a header", auth, v1Path("1", "user_id=known&x=TOKEN"), offer+"Authorization: Bearer TOKEN\r\n", 101, "")
	f("no protocol offered", nil, v1Path("1", "user_id=a&token=t"), "", 400, "bad_request")
	f("other protocol", nil, v1Path("1", "user_id=a&token=t"), "Sec-WebSocket-Protocol: chat, barrage.v2\r\n", 400, "bad_request")
	f("no user", nil, v1Path("1", "token=t"), offer, 400, "bad_request")
	f("no token", nil, v1Path("1", "user_id=a"), offer, 401, "unauthenticated")
	f("wrong token", auth, v1Path("1", "user_id=known&token=wrong&x=TOKEN"), offer, 401, "unauthenticated")
	f("no member", func(c *setup) { c.AutoJoin = false }, v1Path("1", "user_id=a&token=t"), offer, 403, "forbidden")
	f("long room", nil, v1Path(strings.Repeat("r", 129), "user_id=a&token=t"), offer, 400, "bad_request")
	f("since no number", nil, v1Path("1", "user_id=a&token=t&epoch=e&since=x"), offer, 400, "bad_request")
	f("since without a number", nil, v1Path("1", "user_id=a&token=t&epoch=e"), offer, 400, "bad_request")
	f("foreign epoch", nil, v1Path("1", "user_id=a&token=t&epoch=foreign&since=18446744073709551615"), offer, 101, "")
	f("origin", func(c *setup) { c.CORS.AllowedOrigins = []string{"https://a.example"} }, v1Path("1", "user_id=a&token=t"),
		offer+"Origin: https://b.example\r\n", 403, "origin_not_allowed")
	f("full", func(c *setup) { c.Server.MaxConnections = 1 }, v1Path("1", "user_id=a&token=t"), offer, 101, "")
}

func TestNative_FullDrainingAway(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.MaxConnections = 1; c.Server.DrainSpread = 10 * time.Millisecond })
	refused := func(code string) {
		t.Helper()
		w := dialTCP(t, s)
		w.mustWrite(strings.Replace(handshake(v1Path("1", "user_id=a&token=t")), "\r\n\r\n", "\r\nSec-WebSocket-Protocol: barrage.v1\r\n\r\n", 1))
		if got, err := w.response(); err != nil || got.status != 503 || !strings.Contains(got.body, `"code":"`+code+`"`) {
			t.Errorf("%+v, %v; want 503 %s", got, err, code)
		}
	}
	n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
	refused("full")
	s.draining.Store(true)
	refused("draining")
	s.draining.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(ctx) }() // waited for below
	f := n.want("reconnect")
	if f.AfterMS != 10 || f.Reason == "" {
		t.Errorf("reconnect = %+v", f)
	}
	n.wantClose(codec.CloseRestart)
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// TestNative_RevokedToken: the next message of a user whose token was replaced closes the
// socket with 4401.
func TestNative_RevokedToken(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Auth.Required = true })
	if err := s.store.SetToken(t.Context(), "a", "one"); err != nil {
		t.Fatal(err)
	}
	n, _ := dialV1(t, s, "1", "user_id=a&token=one", false)
	if err := s.store.SetToken(t.Context(), "a", "two"); err != nil {
		t.Fatal(err)
	}
	n.send(`{"t":"send","id":"1","body":"x"}`)
	n.wantClose(4401)
}

func TestDrain_SendsAwayOverItsSpread(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.DrainSpread = 200 * time.Millisecond })
	var all []*client
	for i := range 20 {
		all = append(all, join(t, s, "1", fmt.Sprint("u", i)))
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(ctx) }() // waited for below
	closed := make(chan time.Duration, len(all))
	for _, c := range all {
		go func() { // ends with the socket; all are waited for below
			f, err := c.next()
			if err == nil && f.op == codec.OpClose {
				_ = c.send(codec.OpClose, f.payload)
			}
			closed <- time.Since(began)
		}()
	}
	var first, last time.Duration
	for i := range all {
		d := <-closed
		if i == 0 {
			first = d
		}
		last = max(last, d)
	}
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if last-first < 100*time.Millisecond {
		t.Errorf("all sockets were closed within %v; want them spread over 200ms", last-first)
	}
}

func TestOffersDeflate(t *testing.T) {
	for header, want := range map[string]bool{
		"permessage-deflate":                                                    true,
		"permessage-deflate; client_max_window_bits":                            true,
		"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=15": true,
		"permessage-deflate; server_max_window_bits=10":                         false,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":     true,
		"permessage-bzip2": false,
		"":                 false,
		";;;":              false,
	} {
		if got := offersDeflate([]string{header}); got != want {
			t.Errorf("offersDeflate(%q) = %v; want %v", header, got, want)
		}
	}
}

// TestAnswer_Retry: what the store did not take may be sent again.
func TestAnswer_Retry(t *testing.T) {
	s := newServer(t, nil)
	n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
	storeOf(s).fail(errors.Join(codec.ErrRefused, errAway), "Publish")
	n.send(`{"t":"send","id":"1","body":"x"}`)
	if f := n.want("refused"); f.ID != "1" || f.Code != room.CodeStore || f.Retry == 0 || f.Message == "" {
		t.Errorf("refused = %+v", f)
	}
}

// TestNative_SameIDAgainIsAnsweredWithTheFirstAck, also on another socket, and sent once.
func TestNative_SameIDAgainIsAnsweredWithTheFirstAck(t *testing.T) {
	s := newServer(t, nil)
	witness := join(t, s, "1", "w")
	var first frameV1
	for i := range 3 {
		n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
		n.send(`{"t":"send","id":"same","body":"once"}`)
		var ack frameV1
		for ack.T != "ack" {
			f, err := n.next()
			if err != nil {
				t.Fatal(err)
			}
			ack = f
		}
		if i == 0 {
			first = ack
		}
		if ack.Seq != first.Seq || ack.TS != first.TS || ack.ID != "same" || ack.Seq != 1 {
			t.Errorf("ack %d = %+v; want %+v", i, ack, first)
		}
	}
	other, _ := dialV1(t, s, "1", "user_id=b&token=t", false)
	other.send(`{"t":"send","id":"same","body":"another user's"}`)
	witness.wantInfo("once")
	witness.wantInfo("another user's")
	if h := s.hall.Stats(); h.Repeats != 2 {
		t.Errorf("Repeats = %d; want 2", h.Repeats)
	}
}
