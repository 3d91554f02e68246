package webhooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/redisx"
)

const (
	key    = "0123456789abcdef0123456789abcdef"
	secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

// wantSigned checks a signature as the specification says, without the code that made it.
func wantSigned(t *testing.T, h http.Header, body []byte) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
	mac.Write(body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("webhook-signature") != want {
		t.Errorf("webhook-signature = %q; want %q", h.Get("webhook-signature"), want)
	}
}

// call is one that the service has got.
type call struct {
	id   string
	at   time.Time
	body string
}

// got is an event as a service reads it.
type got struct {
	Type, ID, Room, Epoch string
	At                    int64
	Message               struct {
		Seq          uint64
		Body         string
		UserID, Kind string
	}
	Recall     recall
	Moderation map[string]any
	Held       map[string]any
	Storm      storm
	Lost       lost
}

func (c *call) events(t *testing.T) []got {
	t.Helper()
	var body struct {
		Type, Timestamp string
		Data            struct{ Events []got }
	}
	if err := json.Unmarshal([]byte(c.body), &body); err != nil || body.Type != "barrage.events" || body.Timestamp == "" {
		t.Fatalf("the body is %.300s, %v", c.body, err)
	}
	return body.Data.Events
}

// service is a backend without a network: it answers by a function.
type service struct {
	t      *testing.T
	mu     sync.Mutex // guards the field below
	calls  []call
	answer func(n int) (*http.Response, error) // n calls before; nil: 200
}

// RoundTrip answers a call.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	wantSigned(s.t, r.Header, body)
	s.mu.Lock()
	n := len(s.calls)
	s.calls = append(s.calls, call{r.Header.Get("webhook-id"), time.Now(), string(body)})
	s.mu.Unlock()
	if s.answer != nil {
		return s.answer(n)
	}
	return status(http.StatusOK)
}

func status(code int, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// all are the events of all calls, in order.
func (s *service) all() (events []got) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.calls {
		events = append(events, s.calls[i].events(s.t)...)
	}
	return events
}

// shown are events in short.
func shown(events []got) (lines []string) {
	for _, e := range events {
		line := e.Room + " " + e.Type
		switch e.Type {
		case "message":
			line += fmt.Sprintf(" %d %s", e.Message.Seq, e.Message.Body)
		case "recall":
			line += fmt.Sprintf(" %d %s %v", e.Recall.Seq, e.Recall.UserID, e.Recall.Moderated)
		case "lost":
			line += fmt.Sprintf(" %d %s %d-%d %s", e.Lost.Count, e.Lost.What, e.Lost.From, e.Lost.To, e.Lost.Why)
		}
		lines = append(lines, line)
	}
	return lines
}

// world is a notifier over a store in memory, within a bubble.
type world struct {
	t        *testing.T
	store    *redisx.Memory
	notifier *Notifier
	service  *service
	log      *bytes.Buffer
	stop     context.CancelFunc
	workers  sync.WaitGroup
	batches  int
}

type nobody struct{ redisx.Handler }

// newWorld is a world whose history has most messages; change changes the configuration.
func newWorld(t *testing.T, most int, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, service: &service{t: t}, log: new(bytes.Buffer)}
	w.store = redisx.NewMemory(redisx.Limits{HistoryMessages: most, HistoryTTL: 48 * time.Hour, Quota: chat.Quota{PerSecond: 1000, Burst: 2000}}, time.Now)
	w.store.Start(nobody{})
	w.notifier = w.newNotifier("one", change)
	w.notifier.giveUp = 5 * time.Hour // a day has too many turns
	w.run()
	return w
}

func (w *world) newNotifier(node string, change func(*Config)) *Notifier {
	cfg := DefaultConfig()
	cfg.URL, cfg.Secret = "https://backend.example/hooks", secret
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		w.t.Fatal(err)
	}
	s := New(cfg, w.store, node, time.Now, slog.New(slog.NewTextHandler(w.log, nil)))
	s.client.Transport = w.service
	return s
}

func (w *world) run() {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.notifier.Run(ctx, &w.workers)
}

// end ends the notifier as a node does that leaves.
func (w *world) end() {
	w.notifier.Leave()
	w.stop()
	w.workers.Wait()
}

// say stores messages in a room, and reports it to the notifier.
func (w *world) say(room string, bodies ...string) {
	w.t.Helper()
	w.batches++
	b := chat.Batch{ID: fmt.Sprintf("n.%d", w.batches)}
	for _, body := range bodies {
		b.Drafts = append(b.Drafts, codec.NewDraft(room, "u", body, time.Now().UnixMilli()))
	}
	if _, err := w.store.Publish(w.t.Context(), room, b); err != nil {
		w.t.Fatal(err)
	}
	w.notifier.Stored(room)
}

func (w *world) report(room string, online uint64) {
	w.t.Helper()
	if _, err := w.store.Report(w.t.Context(), "n", []chat.Report{{Room: room, Online: online}}); err != nil {
		w.t.Fatal(err)
	}
	w.notifier.Stored(room)
}

func (w *world) want(lines ...string) {
	w.t.Helper()
	if got := shown(w.service.all()); !slices.Equal(got, lines) {
		w.t.Errorf("the service was told\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}
