package pass

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// hookTime is when the tests of the hook take place.
var hookTime = time.Unix(1_764_158_400, 0)

// hookToken is what no log line and no refusal may have a part of.
const hookToken = "eyJhbGciOiJub25lIn0.c2VjcmV0LXBheWxvYWQ.dGhlLXNpZ25hdHVyZQ"

var hookAsked = Asked{Room: "live-1", User: "alice", Token: hookToken, Address: "192.0.2.7", Origin: "https://example.com"}

// hookLog is what a hook logs.
type hookLog struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *hookLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

func (l *hookLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

// hookFixture is a hook with a clock and a log of its own.
type hookFixture struct {
	*Hook
	log *hookLog

	mu   sync.Mutex
	time time.Time
}

func (f *hookFixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.time = f.time.Add(d)
}

// newHook makes a hook that asks transport, or where that is nil the URL of cfg.
func newHook(t *testing.T, cfg ConnectConfig, transport http.RoundTripper) *hookFixture {
	t.Helper()
	if cfg.URL == "" {
		cfg.URL = "https://hook.example/connect"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second // no test waits for it
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	f := &hookFixture{log: &hookLog{}, time: hookTime}
	now := func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.time
	}
	f.Hook = NewHook(cfg, now, slog.New(slog.NewTextHandler(f.log, nil)))
	if transport != nil {
		f.client.Transport = transport
	}
	t.Cleanup(f.Close)
	return f
}

// hookServer serves a hook, and a fixture that asks it.
func hookServer(t *testing.T, cfg ConnectConfig, handler http.HandlerFunc) *hookFixture {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg.URL = server.URL
	return newHook(t, cfg, nil)
}

// hookAnswers is a transport that answers without a network.
type hookAnswers func(r *http.Request) (*http.Response, error)

func (f hookAnswers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func hookAnswer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// always answers the same.
func always(status int, body string) hookAnswers {
	return func(*http.Request) (*http.Response, error) { return hookAnswer(status, body), nil }
}

// wantRefused fails unless a refusal has this code and this part of a text, and nothing of the token.
func wantRefused(t *testing.T, no *Refused, code Code, text string) {
	t.Helper()
	if no == nil {
		t.Errorf("the token is accepted; want %s: %s", code, text)
		return
	}
	if no.Code != code || !strings.Contains(no.Why, text) || !strings.HasPrefix(no.Why, "cannot ") {
		t.Errorf("refused with %s: %s; want %s: %s", no.Code, no.Why, code, text)
	}
	if (no.Code == Unavailable) != (no.Wait > 0) {
		t.Errorf("%s says to wait %v", no.Code, no.Wait)
	}
	wantNoToken(t, no.Why)
}

func wantNoToken(t *testing.T, text string) {
	t.Helper()
	for part := range strings.SplitSeq(hookToken, ".") {
		if strings.Contains(text, part) || strings.Contains(text, part[:10]) || strings.Contains(text, part[len(part)-10:]) {
			t.Errorf("a part of the token is in %q", text)
			return
		}
	}
}
