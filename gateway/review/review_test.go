package review

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/port"
	"barrage/internal/signed"
)

const secret = "a secret of 32 bytes for the hook"

// drafts are messages of these bodies.
func drafts(bodies ...string) []chat.Draft {
	all := make([]chat.Draft, len(bodies))
	for i, body := range bodies {
		all[i] = codec.NewNativeDraft("r", "u\"1", &codec.Op{ID: fmt.Sprint("c-", i), Body: body, Kind: "gift", Ext: json.RawMessage(`{"n":1}`), User: json.RawMessage(`{"name":"x"}`)}, 7)
	}
	return all
}

// service is a hook that answers as its test wants.
type service struct {
	*Hook
	log    bytes.Buffer
	asked  atomic.Int64
	now    time.Time
	answer http.HandlerFunc
}

func newService(t *testing.T, change func(*Config), answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{answer: answer, now: time.Now()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.answer(w, r)
	}))
	t.Cleanup(server.Close)
	cfg := Config{URL: server.URL, Secret: secret, Timeout: 5 * time.Second, Fallback: chat.VerdictHold, MaxBody: 100}
	if change != nil {
		change(&cfg)
	}
	s.Hook = New(cfg, func() time.Time { return s.now }, slog.New(slog.NewTextHandler(&s.log, nil)))
	t.Cleanup(s.Close)
	return s
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// TestAsk_EachMessageGetsItsVerdict has a signed question, and each verdict.
func TestAsk_EachMessageGetsItsVerdict(t *testing.T) {
	t.Parallel()
	var got []byte
	s := newService(t, nil, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		key, _ := signed.ParseSecret(secret)
		if err := key.Verify(r.Header, time.Now(), got); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %v; want a signed POST of JSON", r.Method, r.Header, err)
		}
		_, _ = io.WriteString(w, `{"results":[{"verdict":"allow"},{"verdict":"deny"},{"verdict":"hold","why":"?"},{"verdict":"mask","body":"h*"}],"more":1}`)
	})
	said := s.Ask(t.Context(), "r", 0, drafts("a", "b", "c", "hi"))
	want := []chat.Reviewed{{}, {Verdict: chat.VerdictDeny}, {Verdict: chat.VerdictHold}, {Verdict: chat.VerdictMask, Body: "h*"}}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("said %v; want %v", said, want)
	}
	const first = `{"room":"r","messages":[{"user_id":"u\"1","body":"a","ts":7,"kind":"gift","id":"c-0","ext":{"n":1},"user":{"name":"x"}},`
	if !strings.HasPrefix(string(got), first) {
		t.Errorf("the question is %s; want it to begin with %s", got, first)
	}
	if s.Questions(Answered) != 1 || s.Verdicts(chat.VerdictMask) != 1 || s.Fallen() != 0 || s.log.Len() != 0 {
		t.Errorf("counted %d, %d, %d; log %s", s.Questions(Answered), s.Verdicts(chat.VerdictMask), s.Fallen(), &s.log)
	}
}

// TestAsk_LiesGetTheFallback has answers that make no sense, and services that do not answer. The fallback is what
// becomes of all, and it is counted. The log has neither the URL nor what was answered.
func TestAsk_LiesGetTheFallback(t *testing.T) {
	t.Parallel()
	const ok = `{"results":[{"verdict":"allow"},{"verdict":"allow"}]}`
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, ok)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		how    Result
	}{
		"too few":         {says(`{"results":[{"verdict":"allow"}]}`), Wrong},
		"too many":        {says(`{"results":[{"verdict":"allow"},{"verdict":"allow"},{"verdict":"allow"}]}`), Wrong},
		"nothing":         {says(``), Wrong},
		"no JSON":         {says(`<html>secret`), Wrong},
		"a list":          {says(`[{"verdict":"allow"},{"verdict":"allow"}]`), Wrong},
		"null":            {says(`null`), Wrong},
		"unknown verdict": {says(`{"results":[{"verdict":"allow"},{"verdict":"secret"}]}`), Wrong},
		"no verdict":      {says(`{"results":[{"verdict":"allow"},{}]}`), Wrong},
		"a mask of none":  {says(`{"results":[{"verdict":"allow"},{"verdict":"mask"}]}`), Wrong},
		"a long mask":     {says(`{"results":[{"verdict":"allow"},{"verdict":"mask","body":"` + strings.Repeat("x", 101) + `"}]}`), Wrong},
		"no UTF-8":        {says("{\"results\":[{\"verdict\":\"allow\"},{\"verdict\":\"mask\",\"body\":\"\xff\"}]}"), Wrong},
		"10 MB":           {says(`{"results":[{"verdict":"allow"},{"verdict":"allow"}],"x":"` + strings.Repeat("x", 10<<20) + `"}`), Wrong},
		"a redirect":      {status(http.StatusFound), Wrong},
		"a refusal":       {status(http.StatusForbidden), Wrong},
		"no content":      {status(http.StatusNoContent), Wrong},
		"an error":        {status(http.StatusInternalServerError), Away},
		"too many calls":  {status(http.StatusTooManyRequests), Away},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"results":`)
			panic(http.ErrAbortHandler)
		}, Away},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, fallback := range []chat.Verdict{chat.VerdictAllow, chat.VerdictDeny, chat.VerdictHold} {
				s := newService(t, func(c *Config) { c.Fallback = fallback }, c.answer)
				for range 2 {
					said := s.Ask(t.Context(), "r", 0, drafts("a", "b"))
					if len(said) != 2 || said[0].Verdict != fallback || said[1].Verdict != fallback {
						t.Errorf("said %v; want the fallback %s twice", said, fallback)
					}
				}
				if s.Questions(c.how) != 2 || s.Fallen() != 4 || s.Questions(Answered) != 0 {
					t.Errorf("%d ended as %s, %d fell back; want 2 and 4", s.Questions(c.how), ResultNames[c.how], s.Fallen())
				}
				if log := s.log.String(); strings.Count(log, "\n") != 1 || strings.Contains(log, "secret") || !strings.Contains(log, "fallback="+fallback.String()) {
					t.Errorf("the log is %q; want one line, without the answer", log)
				}
			}
		})
	}
}

// TestAsk_SlowServicesGetTheFallbackInTime has a service that takes too long, a question that has waited for too long,
// and one that is away.
func TestAsk_SlowServicesGetTheFallbackInTime(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	defer close(stop)
	s := newService(t, func(c *Config) { c.Timeout = 20 * time.Millisecond }, func(http.ResponseWriter, *http.Request) { <-stop })
	begun := time.Now()
	s.Ask(t.Context(), "r", 20*time.Millisecond, drafts("a"))
	if took := time.Since(begun); s.Questions(Away) != 1 || took < 20*time.Millisecond {
		t.Errorf("%d are away after %v; want one after 20 ms", s.Questions(Away), took)
	}
	late := newService(t, nil, says(``))
	late.Ask(t.Context(), "r", 5*time.Second+1, drafts("a"))
	if late.Questions(Busy) != 1 || late.asked.Load() != 0 {
		t.Errorf("%d are busy, %d were asked; want one, and none", late.Questions(Busy), late.asked.Load())
	}
	gone := newService(t, func(c *Config) { c.URL = "http://user:secret@" + port.Dead + "/?key=secret" }, says(``))
	gone.Ask(t.Context(), "r", 0, drafts("a"))
	if gone.Questions(Away) != 1 || strings.Contains(gone.log.String(), "secret") {
		t.Errorf("%d are away, log %s; want one, without the URL", gone.Questions(Away), &gone.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ends := newService(t, nil, says(``))
	if said := ends.Ask(ctx, "r", 0, drafts("a")); len(said) != 1 || ends.log.Len() != 0 {
		t.Errorf("said %v, log %s; want the fallback, and no word of it", said, &ends.log)
	}
}

// TestAsk_SilentServiceIsLeftAloneForAWhile: a service that does not answer is left alone, and asked again after a
// while.
func TestAsk_SilentServiceIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	s := newService(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for range 15 {
		s.Ask(t.Context(), "r", 0, drafts("a"))
	}
	if s.asked.Load() != 10 || s.Questions(Broken) != 5 || s.Questions(Away) != 10 {
		t.Errorf("%d asked, %d kept back, %d away; want 10, 5, 10", s.asked.Load(), s.Questions(Broken), s.Questions(Away))
	}
	s.now = s.now.Add(time.Second)
	s.answer = says(`{"results":[{"verdict":"allow"}]}`)
	if said := s.Ask(t.Context(), "r", 0, drafts("a")); said[0].Verdict != chat.VerdictAllow || !strings.Contains(s.log.String(), "answers again") {
		t.Errorf("said %v, log %s; want the service asked again", said, &s.log)
	}
}

// TestConfig_TakesOnlySafeAddresses has addresses that are safe, and such that are not.
func TestConfig_TakesOnlySafeAddresses(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://example.com/review", "http://127.0.0.1:8080", "http://localhost", "http://[::1]/"} {
		if err := (Config{URL: good, Secret: secret}).Validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "http://example.com/", "ftp://localhost/", "https:///x", "x"} {
		if err := (Config{URL: bad}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "review_url: ") {
			t.Errorf("%q: %v; want it refused", bad, err)
		}
	}
	if err := (Config{URL: "https://a", Secret: "short"}).Validate(); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short secret: %v; want it refused, and not shown", err)
	}
}
