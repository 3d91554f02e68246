package kit

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestMatch(t *testing.T) {
	known := values{"epoch": "e"}
	f := func(want, got, why string) {
		t.Helper()
		if _, err := known.which([]string{want}, decode(t, got)); (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%s is %s: %v; want %q", got, want, err, why)
		}
	}
	f(`{"t":"ack"}`, `{"t":"ack","seq":1}`, "")
	f(`{"t":"ack","seq":2}`, `{"t":"ack","seq":1}`, "frame.seq is 1; want 2")
	f(`{"t":"ack","id":"x"}`, `{"t":"ack"}`, `no "id"`)
	f(`{"epoch":"$epoch"}`, `{"epoch":"e"}`, "")
	f(`{"epoch":"$epoch"}`, `{"epoch":"f"}`, `want "e"`)
	f(`{"m":[{"seq":1},{"seq":2}]}`, `{"m":[{"seq":1,"x":0},{"seq":2}]}`, "")
	f(`{"m":[{"seq":1}]}`, `{"m":[{"seq":1},{"seq":2}]}`, "a list of 1")
	f(`{"a":"$_","b":"$_"}`, `{"a":1,"b":2}`, "")
	f(`{"a":"$n","b":"$n"}`, `{"a":1,"b":2}`, "frame.b is 2; want 1")
	if _, ok := known["n"]; ok {
		t.Error("a frame that was not wanted has given a name its value")
	}
	f(`{"a":"$n"}`, `{"a":7}`, "")
	if got, err := known.fill(`{"seq":"$n","epoch":"$epoch"} ?since=$n&epoch=$epoch`); err != nil || got != `{"seq":7,"epoch":"e"} ?since=7&epoch=e` {
		t.Errorf("fill = %s, %v", got, err)
	}
	if _, err := known.fill(`$never`); err == nil {
		t.Error("a name that nothing was heard of was filled in")
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParse(t *testing.T) {
	names, err := fs.Glob(Files, "transcripts/*.txt")
	if err != nil || len(names) < 5 {
		t.Fatalf("transcripts = %q, %v", names, err)
	}
	for _, name := range names {
		text, err := Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(string(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, step := range s.steps {
			if step.does == "->" && !strings.Contains(name, "mistakes") && !strings.Contains(step.text, "$") {
				if err := Check("client", []byte(step.text)); err != nil {
					t.Errorf("%s, line %d: %v", name, step.line, err)
				}
			}
		}
	}
	for text, why := range map[string]string{"": "no comment", "# x\na says hi": "none of open", "# x\na -> {": "is no JSON"} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("parse(%q) = %v; want %q", text, err, why)
		}
	}
}

// A server that says something else, or nothing, is found out, with the line.
func TestTalk_FindsWhatIsWrong(t *testing.T) {
	f := func(says, transcript, why string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"barrage.v1"}})
			if err != nil {
				return
			}
			defer func() { _ = conn.CloseNow() }()
			if says != "" {
				_ = conn.Write(r.Context(), websocket.MessageText, []byte(says))
			}
			_, _, _ = conn.Read(r.Context()) // until the client goes
		}))
		defer server.Close()
		s, err := parse("# about\n" + transcript)
		if err != nil {
			t.Fatal(err)
		}
		how := talk{addr: strings.TrimPrefix(server.URL, "http://"), room: "r", token: "t", patience: 300 * time.Millisecond}
		if err := how.have(context.Background(), s); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v; want %q", says, err, why)
		}
	}
	const pong = `{"t":"pong","ts":1}`
	f(pong, "a open\na <- {\"t\":\"pong\",\"ts\":2}", "line 3: ")
	f(pong, "a open\na <- {\"t\":\"pong\",\"ts\":2}", "ts is 1; want 2")
	f(`{"t":"pong"}`, "a open\na <- {\"t\":\"pong\"}", "missing property 'ts'")
	f(`{"t":"unheard"}`, "a open\na <- {\"t\":\"unheard\"}", `says no "unheard"`)
	f("", "a open\na <- {\"t\":\"pong\"}", "nothing more came")
	f(pong, "a open\na closed 1003", "still open")
	f("", "a refused 400", "the handshake was taken")
	f("", "a <- {}", "a has no socket")
}
