package webhooks

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"barrage/internal/port"
	"barrage/internal/signed"
)

// patience is how long a test waits for a service that answers, however busy the machine is.
const patience = 30 * time.Second

// TestPost_BadServicesEndInTime has services of every bad kind, over a real connection. Each call ends in time, with a
// bound on what is read, and reports why.
func TestPost_BadServicesEndInTime(t *testing.T) {
	// Services that hang are waited for so long; the second has sent a head by then, also on a busy machine.
	hangs := map[string]time.Duration{"hangs": 300 * time.Millisecond, "hangs in its answer": 3 * time.Second}
	var read atomic.Int64 // bytes that a service got rid of
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	var kept atomic.Int64 // calls that were still waiting when a service that hangs gave up
	hold := func(r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody notices that the caller has gone
		select {
		case <-r.Context().Done():
		case <-time.After(patience):
			kept.Add(1)
		}
	}
	flood := func(w http.ResponseWriter, code int) {
		w.WriteHeader(code)
		for range 160 { // 10 MB
			n, err := io.WriteString(w, strings.Repeat("x", 64<<10))
			read.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	hangUp := func(w http.ResponseWriter) {
		c, _, _ := w.(http.Hijacker).Hijack()
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  string // a part of the error; empty: taken
		after time.Duration
	}{
		"good": {func(http.ResponseWriter, *http.Request) {}, "", 0},
		"500":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "status 500", 0},
		"410":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, "status 410", time.Hour},
		"304":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, "status 304", 0},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "status 307", 0},
		"redirect to no URL": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", fmt.Sprintf("https://me:hunter2@id.test:port/%d", time.Now().UnixNano()))
			w.WriteHeader(http.StatusFound)
		}, "a redirect to what is no URL", 0},
		"429": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) }, "status 429", 7 * time.Second},
		"odd Retry-After": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "soon")
			w.WriteHeader(429)
		}, "status 429", 0},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { hold(r) }, "no answer within 300ms", 0},
		"hangs in its answer": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			hold(r)
		}, "", 0},
		"closes":        {func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }, "read: connection reset by peer", 0},
		"large":         {func(w http.ResponseWriter, _ *http.Request) { flood(w, 200) }, "", 0},
		"large refusal": {func(w http.ResponseWriter, _ *http.Request) { flood(w, 500) }, "status 500", 0},
		"large header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			w.WriteHeader(200)
		}, "header", 0},
		"no HTTP at all": {func(w http.ResponseWriter, _ *http.Request) { speak(w, "SSH-2.0-OpenSSH_9\r\n") }, "malformed HTTP", 0},
	} {
		srv := httptest.NewServer(c.serve)
		cfg := DefaultConfig()
		cfg.URL, cfg.Secret, cfg.Timeout = srv.URL, secret, cmp.Or(hangs[name], patience)
		s := New(cfg, nil, "one", time.Now, slog.New(slog.DiscardHandler))
		for range 2 { // also over a connection that was kept
			err := s.post(t.Context(), &batch{id: signed.NewID(), body: []byte(`{}`)})
			refused, _ := errors.AsType[*refusal](err)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s: %v; want it taken", name, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || refused.after != c.after):
				t.Errorf("%s: %v, %+v; want %q, after %v", name, err, refused, c.want, c.after)
			case err != nil && strings.Contains(err.Error(), strings.TrimPrefix(srv.URL, "http://127.0.0.1:")):
				t.Errorf("%s: %v has a port in it: it would be logged again and again", name, err)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("%s: %v shows a secret", name, err)
			}
		}
		s.client.CloseIdleConnections()
		srv.CloseClientConnections()
		srv.Close()
	}
	if asked.Load() > 0 {
		t.Error("a redirect was followed")
	}
	if kept.Load() > 0 {
		t.Error("a service that hangs was waited for until it answered")
	}
	if n := read.Load(); n > 32<<20 { // two buffers of the kernel, each of four times
		t.Errorf("%d bytes of answers were read", n)
	}

	cfg := DefaultConfig()
	cfg.URL, cfg.Secret = "http://"+port.Dead, secret
	s := New(cfg, nil, "one", time.Now, slog.New(slog.DiscardHandler))
	if err := s.post(t.Context(), &batch{body: []byte(`{}`)}); err == nil || err.Error() != "dial: connect: connection refused" {
		t.Errorf("a dead service: %v", err)
	}
}

// speak writes something that is no answer.
func speak(w http.ResponseWriter, text string) {
	c, _, _ := w.(http.Hijacker).Hijack()
	_, _ = io.WriteString(c, text)
	_ = c.Close()
}
