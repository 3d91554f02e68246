package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/chat"
)

const hookKey = "a secret of 24 bytes or more"

// TestWebhooks_BadServicesCostNothing: whatever the service does, messages are stored and delivered to members as if
// there were none. A node that leaves is not held up.
func TestWebhooks_BadServicesCostNothing(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	for name, serve := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"410": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) },
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-r.Context().Done():
			case <-over:
			}
		},
		"closes": func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_ = c.(*net.TCPConn).Close()
		},
		"10 MB": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, strings.Repeat("x", 10<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(serve)
			t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
			s := newServer(t, func(c *setup) { c.Webhooks.URL, c.Webhooks.Secret = srv.URL, hookKey })
			n, _ := dialV1(t, s, "r", "user_id=u&token=t", false)
			for i := range 5 {
				for j := range 100 {
					n.send(fmt.Sprintf(`{"t":"send","id":"%d-%d","body":"x"}`, i, j))
				}
				n.wantAcks(100)
				eventually(t, func() error { // it is tried
					if st := s.notifier.Stats(); st.Calls == 0 {
						return fmt.Errorf("%+v", st)
					}
					return nil
				})
			}
			eventually(t, func() error {
				st := s.notifier.Stats()
				if name != "hangs" && (st.Failed == 0 || st.Sent != 0) || st.Waiting == 0 || st.Oldest < 0 {
					return fmt.Errorf("%+v; want calls that fail, and a room that waits", st)
				}
				return nil
			})
			leaving := await.Start()
			s.Close()
			leaving.WantWithin(t, "the node had left", 5*time.Second) // the service has 3
		})
	}
}

// wantAcks wants acks of so many sends, among other frames.
func (n *native) wantAcks(count int) {
	n.tb.Helper()
	for count > 0 {
		f, err := n.next()
		switch {
		case err != nil || f.T == "refused":
			n.tb.Fatalf("next frame = %+v, %v; want an ack", f, err)
		case f.T == "ack":
			count--
		}
	}
}

// TestWebhooks_ServiceHearsOfAllInARoom: the events of a room reach the service: members, messages, recalls, verbs; a
// node without a service keeps nothing.
func TestWebhooks_ServiceHearsOfAllInARoom(t *testing.T) {
	var mu sync.Mutex
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			Data struct {
				Events []struct {
					Type, Room string
					Message    struct{ Body, Kind string }
					Recall     struct {
						Moderated bool
					}
					Moderation struct{ Verb, By, Target string }
					Held       struct {
						State, Why string
						UserID     string `json:"user_id"`
						Messages   []struct{ Body string }
					}
				}
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, e := range body.Data.Events {
			got = append(got, strings.TrimRight(fmt.Sprintf("%s %s %s%s%s %s", e.Room, e.Type, e.Message.Body, e.Moderation.Verb,
				map[bool]string{true: "moderated"}[e.Recall.Moderated], e.Moderation.Target), " "))
			if h := e.Held; h.State != "" {
				got = append(got, fmt.Sprintf("%s %s %s %s %+v", e.Room, h.State, h.Why, h.UserID, h.Messages))
			}
		}
	}))
	t.Cleanup(srv.Close)
	s := newServer(t, func(c *setup) {
		signs(c)
		filters(t)(c)
		c.checkEvery = 0 // members are reported
		c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Rooms = srv.URL, hookKey, []string{"r"}
	})
	m, _ := dialMod(t, s, "m")
	u, _ := dialAs(t, s, signedToken(t, "u", grants("r", "read", "send", "recall")))
	for i, body := range []string{"one", "two", "three"} {
		u.send(fmt.Sprintf(`{"t":"send","id":"%d","body":"%s"}`, i, body))
		u.wantAcks(1)
	}
	said := func(line string) {
		t.Helper()
		eventually(t, func() error {
			mu.Lock()
			defer mu.Unlock()
			if !slices.Contains(got, line) {
				return fmt.Errorf("the service was not told %q, but %q", line, got)
			}
			return nil
		})
	}
	said("r message three")
	u.send(`{"t":"send","id":"h","body":"oh RATS"}`)
	said("r waiting filter u [{Body:oh RATS}]")
	u.send(`{"t":"recall","id":"x","seq":1}`)
	m.send(`{"t":"mod","id":"1","verb":"delete","seq":2}`)
	m.send(`{"t":"mod","id":"2","verb":"mute","user_id":"u"}`)
	for _, line := range []string{
		"r held", "r room_opened", "r message one", "r message two", "r recall", "r recall moderated", "r moderation delete u", "r moderation mute u",
	} {
		said(line)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
		t.Errorf("something was told twice: %q", got)
	}

	plain := newServer(t, nil)
	p, _ := dialV1(t, plain, "r", "user_id=u&token=t", false)
	p.send(`{"t":"send","id":"1","body":"x"}`)
	p.wantAcks(1)
	for i := range 4 {
		if r, err := plain.store.TakeFeeds(t.Context(), fmt.Sprintf("x.%d", i), "n", 10, 0); err != nil || r.Due != 0 || plain.notifier != nil {
			t.Errorf("a node without a service keeps %+v, %v", r, err)
		}
	}
	if f, err := plain.store.ReadFeed(t.Context(), chat.Everywhere, "x", 10); err != nil || len(f.News) != 0 {
		t.Errorf("a node without a service keeps news: %+v, %v", f, err)
	}
}
