package kit

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestMatch_WantsOnlyWhatIsNamed(t *testing.T) {
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

func TestParse_ReadsTranscriptsAndRefusesNonsense(t *testing.T) {
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

// A server that sends something else, or nothing, is found out, with the line.
func TestTalk_FindsWhatIsWrong(t *testing.T) {
	f := func(says, transcript, why string, patience time.Duration) {
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
		how := talk{addr: strings.TrimPrefix(server.URL, "http://"), room: "r", token: "t", patience: patience}
		if err := how.have(context.Background(), s); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v; want %q", says, err, why)
		}
	}
	const (
		pong  = `{"t":"pong","ts":1}`
		long  = 30 * time.Second
		short = time.Second // which passes; a busy machine may take that long for a handshake, but seldom
	)
	f(pong, "a open\na <- {\"t\":\"pong\",\"ts\":2}", "line 3: ", long)
	f(pong, "a open\na <- {\"t\":\"pong\",\"ts\":2}", "ts is 1; want 2", long)
	f(`{"t":"pong"}`, "a open\na <- {\"t\":\"pong\"}", "missing property 'ts'", long)
	f(`{"t":"unheard"}`, "a open\na <- {\"t\":\"unheard\"}", `sends no "unheard"`, long)
	f("", "a open\na <- {\"t\":\"pong\"}", "nothing more came", short)
	f(pong, "a open\na closed 1003", "still open", short)
	f("", "a refused 400", "the handshake was taken", long)
	f("", "a <- {}", "a has no socket", long)
}

// newTrials serves trials of transcripts, and returns where, and what has them.
func newTrials(t *testing.T, transcripts map[string]string) (addr string, have func(name string) error) {
	t.Helper()
	all := trials{}
	for name, text := range transcripts {
		s, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &trial{name: name, transcript: s, handshakes: make(chan handshake), over: make(chan struct{})}
	}
	server := httptest.NewServer(all)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), func(name string) error { return all[name].have(t.Context(), 10*time.Second) }
}

// The client in Python, and so the kit, has the conversations of clients.
func TestTrials_PythonClientHasAllConversations(t *testing.T) {
	transcripts, err := read("transcripts/client/*.txt")
	if err != nil || len(transcripts) < 4 {
		t.Fatalf("%d transcripts, %v", len(transcripts), err)
	}
	texts := map[string]string{}
	for file := range transcripts {
		text, _ := Files.ReadFile(file)
		texts[strings.TrimSuffix(path.Base(file), ".txt")] = string(text)
	}
	addr, have := newTrials(t, texts)
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			for line := range strings.Lines(text) { // the server's lines are such as servers send
				if frame, ok := strings.CutPrefix(line, "a <- "); ok && !strings.Contains(frame, "tomorrow") {
					if err := Check("server", []byte(frame)); err != nil {
						t.Error(err)
					}
				}
			}
			code := "import barrage, sys\nroom = barrage.Room(sys.argv[1], sys.argv[2], 'ann')\nroom.send('hello')\nfor m in room.listen(60): pass"
			client := exec.CommandContext(t.Context(), "python3", "-c", code, addr, name)
			client.Env = append(os.Environ(), "PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1")
			if err := client.Start(); err != nil {
				t.Skipf("cannot run the client in Python: %v", err)
			}
			if err := have(name); err != nil {
				t.Error(err)
			}
			_ = client.Wait() // it is closed for good, which it reports
		})
	}
}

// A client that does something else is found out, with the line.
func TestTrials_FindWhatIsWrong(t *testing.T) {
	for transcript, why := range map[string]string{
		"a open ?since=3": "line 2: the handshake has since=; want 3",
		"a open\na -> {\"t\":\"send\",\"id\":\"$id\"}\na -> {\"t\":\"send\",\"id\":\"$id\"}": `line 4: {"body":"x","id":"2","t":"send"} came: the frame.id is "2"; want "1"`,
		"a open\na -> {\"t\":\"send\",\"body\":\"hello\"}":                                   `the frame.body is "x"; want "hello"`,
		"a open\na refused 400": `no server does "refused"`,
		"a cut":                 "a has no socket",
	} {
		addr, have := newTrials(t, map[string]string{"r": "# about\n" + transcript})
		result := make(chan error, 1)
		go func() { result <- have("r") }()
		conn, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/v1/rooms/r/ws?user_id=ann", &websocket.DialOptions{Subprotocols: []string{"barrage.v1"}}) //nolint:bodyclose // coder/websocket closes it
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"1", "2"} {
			_ = conn.Write(t.Context(), websocket.MessageText, []byte(`{"t":"send","id":"`+id+`","body":"x"}`)) // it may be over
		}
		_, _, err = conn.Read(t.Context())
		if websocket.CloseStatus(err) != 4403 {
			t.Errorf("%q: %v; want it closed for good", transcript, err)
		}
		if err := <-result; err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v; want %q", transcript, err, why)
		}
	}
	addr, _ := newTrials(t, nil)
	if resp, err := http.Get("http://" + addr + "/v1/rooms/r/messages"); err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("history: %v, %v", resp, err)
	}
}
