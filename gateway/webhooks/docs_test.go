package webhooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/child"
	"barrage/internal/port"
	"barrage/internal/signed"
)

// document is docs/webhooks.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the blocks of code of a language.
func blocks(t *testing.T, language string) (all []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(document(t), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("docs/webhooks.md has no block in %s", language)
	}
	return all
}

// TestDocs_ExamplesTakeOnlyWhatIsSigned runs the services of the document: they take what is signed, once, and refuse
// what is not.
func TestDocs_ExamplesTakeOnlyWhatIsSigned(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	t.Run("Go", func(t *testing.T) {
		program := filepath.Join(dir, "example")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, write("main.go", blocks(t, "go")[0])).CombinedOutput(); err != nil {
			t.Fatalf("the program cannot be built: %v\n%s", err, out)
		}
		testExample(t, program)
	})
	t.Run("Node", func(t *testing.T) {
		if _, err := exec.LookPath("node"); err != nil {
			t.Skip("there is no node: CI has one, for web/")
		}
		testExample(t, "node", write("example.mjs", blocks(t, "js")[0]))
	})
}

// testExample runs a service and posts to it.
func testExample(t *testing.T, command ...string) {
	t.Helper()
	at, err := port.Hold()
	if err != nil {
		t.Fatal(err)
	}
	defer at.Free()
	_, number, _ := net.SplitHostPort(at.Addr)
	var out bytes.Buffer
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "PORT="+number)
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	end := func() { _ = cmd.Process.Kill(); <-ended } // it may have ended
	defer end()
	await.True(t, 30*time.Second, "the service listens", func() (bool, string) {
		c, err := net.Dial("tcp", at.Addr)
		if err != nil {
			return false, err.Error()
		}
		return c.Close() == nil, ""
	})
	cfg := DefaultConfig()
	cfg.URL, cfg.Secret = "http://"+at.Addr, secret
	now := time.Now
	notifier := func() *Notifier {
		s := New(cfg, nil, "one", func() time.Time { return now() }, slog.New(slog.DiscardHandler))
		s.client.Transport.(*http.Transport).DisableKeepAlives = true
		return s
	}
	s := notifier()
	b := &batch{id: signed.NewID(), body: bodyOf(time.Now(), []json.RawMessage{
		encode(&event{Type: "message", ID: "r:1", Room: "r", Message: json.RawMessage(`{"seq":1,"body":"héllo"}`)}), encode(&event{Type: "new", ID: "r:2"}),
	})}
	for range 2 {
		if err := s.post(t.Context(), b); err != nil {
			t.Errorf("a good call: %v", err)
		}
	}
	refused := func(what string) {
		t.Helper()
		if err := s.post(t.Context(), b); err == nil || !strings.Contains(err.Error(), "status 401") {
			t.Errorf("%s: %v; want 401", what, err)
		}
	}
	now = func() time.Time { return time.Now().Add(-6 * time.Minute) }
	refused("an old call")
	now = time.Now
	cfg.Secret = "another secret of some 32 bytes"
	s = notifier()
	refused("a call by another secret")
	end()
	if got := out.String(); strings.Count(got, "message r héllo") != 1 {
		t.Errorf("the service printed %q; want the message once", got)
	}
}

// types are those of all events.
var types = []string{
	"message", "recall", "purge", "epoch", "moderation", "held", "room_opened", "room_closed", "storm_began", "storm_ended", "lost",
}

// TestDocs_EventsAreThoseOfTheCode: the document has every type, and its examples have the fields that events have.
func TestDocs_EventsAreThoseOfTheCode(t *testing.T) {
	text := document(t)
	for _, kind := range types {
		if !strings.Contains(text, "**`"+kind+"`**") {
			t.Errorf("docs/webhooks.md has no event %s", kind)
		}
	}
	for _, block := range blocks(t, "json") {
		var e event
		d := json.NewDecoder(strings.NewReader(block))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			t.Errorf("%v: %s", err, block)
			continue
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			t.Errorf("a block has more than one event: %s", block)
		}
		var want, got map[string]any
		_, _ = json.Unmarshal([]byte(block), &want), json.Unmarshal(encode(&e), &got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the example %s is %s", block, encode(&e))
		}
	}
}
