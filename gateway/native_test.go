package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"barrage/codec"
	"barrage/kit"
)

// native is a client of barrage.v1 that is not ours, and knows deflate.
type native struct {
	tb   testing.TB
	conn *websocket.Conn
	resp *http.Response
}

// recalledV1 is one recall in a welcome.
type recalledV1 struct {
	Seq    uint64 `json:"seq"`
	By     string `json:"by"`
	UserID string `json:"user_id"`
	ID     string `json:"id"`
	TS     int64  `json:"ts"`
}

// recalled are the numbers of the recalls in a welcome.
func (f *frameV1) recalled() (seqs []uint64) {
	for _, r := range f.Recalled {
		seqs = append(seqs, r.Seq)
	}
	return seqs
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
	Recalled  []recalledV1      `json:"recalled"`
	Messages  []json.RawMessage `json:"messages"`
	Heartbeat int64             `json:"heartbeat_ms"`
	Limits    codec.Limits      `json:"limits"`
	Guest     bool              `json:"guest"`
	Can       []string          `json:"can"`
	Role      string            `json:"role"`
	EndsIn    int64             `json:"auth_expires_ms"`
	Expires   int64             `json:"expires_ms"`
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

	// Of order in rooms, see native_mod_test.go.
	Modes      json.RawMessage `json:"modes"`
	You        codec.You       `json:"you"`
	MutedUntil int64           `json:"muted_until"`
	Since      int64           `json:"since"`
	Verb       string          `json:"verb"`
	N          int             `json:"n"`
	Before     bool            `json:"before"`
	Shown      uint64          `json:"shown"`
	Offered    uint64          `json:"offered"`
	Level      int             `json:"level"`
	MS         int64           `json:"ms"`
	Held       string          `json:"held"`
	State      string          `json:"state"`
	Why        string          `json:"why"`
	Until      int64           `json:"until"`
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
	User     json.RawMessage `json:"user"`
	Recalled bool            `json:"recalled"`
}

func (f frameV1) messages(tb testing.TB) (all []messageV1) {
	tb.Helper()
	for _, raw := range f.Messages {
		var m messageV1
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			tb.Fatalf("%s: %v", raw, err)
		}
		all = append(all, m)
	}
	return all
}

// seqs are the numbers of the messages.
func (f frameV1) seqs(tb testing.TB) (all []uint64) {
	tb.Helper()
	for _, m := range f.messages(tb) {
		all = append(all, m.Seq)
	}
	return all
}

// readV1 reads a frame and holds its fields against those that docs/protocol.md has.
func readV1(b []byte) (f frameV1, err error) {
	var fields map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(b, &f), json.Unmarshal(b, &fields)); err != nil {
		return f, fmt.Errorf("%.100s: %w", b, err)
	}
	delete(fields, "t")
	got := slices.Sorted(maps.Keys(fields))
	if want, known := pageFrames()[f.T]; !known || !slices.Equal(got, want) {
		return f, fmt.Errorf("%.100s has the fields %q; docs/protocol.md has %q", b, got, want)
	}
	return f, kit.Check("server", b)
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
	return readV1(b)
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

// wantAll wants one frame of each of ts next, in any order. Counters are passed over.
func (n *native) wantAll(ts ...string) map[string]frameV1 {
	n.tb.Helper()
	got := map[string]frameV1{}
	for len(got) < len(ts) {
		f, err := n.next()
		if _, again := got[f.T]; err != nil || again || !slices.Contains(ts, f.T) && f.T != "counters" {
			n.tb.Fatalf("next frame = %+v, %v; want one each of %q", f, err, ts)
		}
		if f.T != "counters" {
			got[f.T] = f
		}
	}
	return got
}

func (n *native) wantClose(code codec.CloseCode) (reason string) {
	n.tb.Helper()
	for {
		f, err := n.next()
		if err == nil && (f.T == "refused" || f.T == "counters" || f.T == "reconnect") {
			continue
		}
		closed, ok := errors.AsType[websocket.CloseError](err)
		if !ok || closed.Code != websocket.StatusCode(code) {
			n.tb.Fatalf("next frame = %+v, %v; want to be closed with %d", f, err, code)
		}
		return closed.Reason
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

func TestNative_ChatReachesBothKinds(t *testing.T) {
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
				welcome.Heartbeat != 30_000 || welcome.Limits.MaxBodyBytes != 12_288 {
				t.Errorf("welcome = %+v", welcome)
			}
			old.say("hello")
			first := n.want("batch")
			if m := first.messages(t); first.Seq != 1 || len(m) != 1 || m[0].Body != "hello" || m[0].UserID != "old" || m[0].Kind != "chat" || !strings.HasPrefix(m[0].ID, codec.MadeIDPrefix) {
				t.Errorf("batch = %+v", first)
			}
			old.wantInfo("hello")
			ext := `{"gift":"rose","n":3,"note":"` + strings.Repeat("玫", 300) + `"}`
			n.send(`{"t":"send","id":"c-1","body":"for you","kind":"gift","ext":` + ext + `}`)
			both := n.wantAll("ack", "batch")
			ack, batch := both["ack"], both["batch"]
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
			_, again := dialV1(t, s, "1", "user_id=new&token=t&epoch="+first.Epoch+"&since=0", deflate)
			if m := again.messages(t); !again.Recovered || len(m) != 2 || m[1].Seq != 2 || again.Seq != 2 {
				t.Errorf("welcome of who comes back = %+v; want message 2, recovered", again)
			}
		})
	}
}

func TestNative_FastIMWelcomeHasFourFields(t *testing.T) {
	s := newServer(t, nil)
	n, _ := dialV1(t, s, "1", "user_id=a&token=t", false)
	n.send(`{"t":"send","id":"x","body":"b","ext":{"k":"v"}}`)
	n.wantAll("ack", "batch")
	if got := dial(t, s, chatPath("1", "old")).wantText(); strings.Contains(got, "ext") || strings.Contains(got, `"x"`) || !strings.HasPrefix(got, `{"list":[{"groupId":"1","userId":"a","info":"b","ts":`) {
		t.Errorf("welcome = %s", got)
	}
}
