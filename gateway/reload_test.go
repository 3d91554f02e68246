package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/gateway/admin"
	"barrage/gateway/edge"
	"barrage/internal/chat"
)

// newReloading is a server with an admin port whose settings a test changes: its changes of the setup hold after
// Reload.
func newReloading(t *testing.T, change func(*setup)) (s *Server, next *setup) {
	t.Helper()
	s = newAdmin(t, func(c *setup) {
		if change != nil {
			change(c)
		}
		next = c
	})
	return s, next
}

// mustReload wants the next settings to be taken.
func mustReload(t *testing.T, s *Server) {
	t.Helper()
	if _, err := s.Reload(t.Context(), "test"); err != nil {
		t.Fatalf("Reload: %v", err)
	}
}

// TestReload_LosesNothingInAStorm: settings change again and again, also to what refuses and back. Meanwhile members
// get every message that was taken, once and in order, and newcomers come in.
func TestReload_LosesNothingInAStorm(t *testing.T) {
	s, next := newReloading(t, func(c *setup) { c.history = 10_000 })
	words := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(words, []byte("darn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const senders, each, viewers = 4, 250, 10
	var watching []*client
	for i := range viewers {
		watching = append(watching, join(t, s, "r", fmt.Sprint("viewer-", i)))
	}
	var said sync.WaitGroup
	for i := range senders {
		c := join(t, s, "r", fmt.Sprint("sender-", i))
		go func() { // its socket ends it
			for {
				if _, err := c.next(); err != nil {
					return
				}
			}
		}()
		said.Go(func() {
			for n := range each {
				if err := c.write(string(masked(1, fmt.Sprintf("%d/%d", i, n)))); err != nil {
					t.Errorf("sender %d cannot write: %v", i, err)
					return
				}
			}
		})
	}
	over := make(chan struct{})
	reloads := 0
	go func() { said.Wait(); close(over) }()
	for ended := false; !ended || reloads < 20; reloads++ {
		select {
		case <-over:
			ended = true
		default:
		}
		next.Limits.Enabled, next.Limits.MessageRate, next.Limits.IPConnections = reloads%2 == 0, 0, 10+reloads
		next.rooms.OnJoin, next.rooms.QueueMessages = reloads%50, 10_000+reloads
		next.rooms.Storm.LowKinds = []string{fmt.Sprint("kind", reloads)}
		next.Filter.Files = [][]string{nil, {words}}[reloads%2]
		next.Auth.Guests = []string{edge.GuestsRead, edge.GuestsOff}[reloads%2]
		mustReload(t, s)
		join(t, s, "r", fmt.Sprint("newcomer-", reloads)).mustWrite("\x88\x80\x00\x00\x00\x00")
	}
	var first []string
	for v, c := range watching {
		var got []string
		seen := map[int]int{}
		for range senders * each {
			text := c.wantText()
			var i, n int
			_, after, _ := strings.Cut(text, `"info":"`)
			if _, err := fmt.Sscanf(after, "%d/%d", &i, &n); err != nil || n != seen[i] {
				t.Fatalf("viewer %d has %.100q; want message %d of sender %d", v, text, seen[i], i)
			}
			seen[i]++
			got = append(got, text)
		}
		if v == 0 {
			first = got
		} else if strings.Join(got, "\n") != strings.Join(first, "\n") {
			t.Errorf("viewer %d has another order than the first one", v)
		}
	}
	if taken := s.reload.taken.Load(); taken != uint64(reloads) {
		t.Errorf("%d reloads are counted; want %d", taken, reloads)
	}
}

// TestReload_RefusedChangesNothing: whatever step of a reload fails, nothing of it holds.
func TestReload_RefusedChangesNothing(t *testing.T) {
	words, path := filepath.Join(t.TempDir(), "words.txt"), filepath.Join(t.TempDir(), "keys.yaml")
	for name, text := range map[string]string{words: "darn\n", path: "[]\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, next := newReloading(t, func(c *setup) {
		signs(c)
		c.Filter.Files = []string{words}
		c.CORS.AllowedOrigins = []string{"https://a.example"}
	})
	before := *next
	load := s.cfg.Running.Load
	for name, spoil := range map[string]func(){
		"the file": func() { s.cfg.Running.Load = func() (Next, error) { return Next{}, errors.New("log.level: no") } },
		"a restart": func() {
			s.cfg.Running.Load = func() (Next, error) { return Next{}, &RestartError{[]string{"server.listen"}} }
		},
		"keys of tokens": func() { next.Auth.JWTPublicKeyFile = "/nowhere.pem" },
		"words":          func() { next.Filter.Files = []string{"/nowhere.txt"} },
	} {
		*next = before
		s.cfg.Running.Load = load
		next.CORS.AllowedOrigins, next.Auth.Guests, next.rooms.OnJoin, next.Limits.Enabled = []string{"https://b.example"}, edge.GuestsOff, 1, true
		spoil()
		if _, err := s.Reload(t.Context(), "test"); err == nil {
			t.Fatalf("%s: the reload was taken", name)
		}
		cfg := s.edge.Config()
		if cfg.CORS.AllowedOrigins[0] != "https://a.example" || cfg.Auth.Guests != edge.GuestsRead || cfg.Limits.Enabled {
			t.Errorf("%s: %+v holds of a reload that was refused", name, cfg)
		}
		if _, lists := s.edge.Words.Lists(); len(lists) != 1 || lists[0].Name != words {
			t.Errorf("%s: the filter is made of %+v", name, lists)
		}
		askV1(t, s, "", offerV1+"Origin: https://b.example\r\n").want(403, "origin_not_allowed", "")
	}
	if got := s.reload.refused.Load(); got != 4 || s.reload.taken.Load() != 0 {
		t.Errorf("%d refused, %d taken; want 4 and none", got, s.reload.taken.Load())
	}
}

// TestReload_HoldsForWhoComesNext: other keys, origins, guests, hooks and limits hold for those who come next, and
// those who are here stay.
func TestReload_HoldsForWhoComesNext(t *testing.T) {
	asked := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-asked
		_, _ = w.Write([]byte(`{"user_id":"slow"}`))
	}))
	defer slow.Close()
	quick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"user_id":"quick"}`)) }))
	defer quick.Close()
	s, next := newReloading(t, func(c *setup) {
		signs(c)
		c.Auth.Mode = append(c.Auth.Mode, edge.AuthHook)
		c.Auth.ConnectURL, c.Auth.ConnectTimeout = slow.URL, 5*time.Second
	})
	old := signedToken(t, "u", nil)
	n, _ := dialAs(t, s, old)

	// A client that waits for the hook of before gets its answer.
	came := make(chan string)
	go func() {
		v := edge.Visitor{Token: "opaque"}
		bad := s.edge.Guard.Who(context.Background(), &v, false)
		came <- fmt.Sprint(v.User, bad == nil)
	}()
	<-asked
	next.Auth.ConnectURL = quick.URL
	next.Auth.JWTSecret = strings.Repeat("another secret ", 4)
	next.Auth.Guests, next.CORS.AllowedOrigins = edge.GuestsOff, []string{"https://b.example"}
	next.Limits.Enabled, next.Limits.BodyRunes = true, 3
	mustReload(t, s)
	asked <- struct{}{}
	if got := <-came; got != "slowtrue" {
		t.Errorf("who asked the hook of before: %s; want its answer", got)
	}
	v := edge.Visitor{Token: "opaque"}
	if bad := s.edge.Guard.Who(t.Context(), &v, false); bad != nil || v.User != "quick" {
		t.Errorf("who asks now is %q, %+v; want the new hook's answer", v.User, bad)
	}
	v = edge.Visitor{Token: old}
	if bad := s.edge.Guard.Who(t.Context(), &v, false); bad == nil {
		t.Error("a token with the secret of before counts")
	}
	askV1(t, s, "", offerV1).want(401, "unauthenticated", "no token")
	askV1(t, s, "", offerV1+"Origin: https://a.example\r\n").want(403, "origin_not_allowed", "")
	n.send(`{"t":"send","id":"1","body":"long"}`)
	n.wantRefused("1", "bad_request", "body has 4 characters, at most 3 are allowed", false)
	n.send(`{"t":"send","id":"2","body":"ok"}`)
	n.wantAll("ack", "batch")

	_, text := callAdminWith(t, s, http.MethodGet, "/metrics", "", "")
	for _, want := range []string{`barrage_config_reloads_total{result="taken"} 1`, `barrage_config_reloads_total{result="refused"} 0`, `barrage_config_info{hash="` + admin.Hash(s.Settings()) + `"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q among the metrics", want)
		}
	}
	log, err := s.store.ReadLog(t.Context(), chat.Everywhere, "", 10)
	if err != nil || !strings.Contains(strings.Join(log, "\n"), `"verb":"reload"`) {
		t.Errorf("the log of all rooms has %q, %v; want the reload", log, err)
	}
}

// TestReload_LeavingNodeTakesNothing: a node that has ended takes nothing any more.
func TestReload_LeavingNodeTakesNothing(t *testing.T) {
	s, _ := newReloading(t, nil)
	s.Close()
	if _, err := s.Reload(t.Context(), "test"); err == nil || !strings.Contains(err.Error(), "leaving") {
		t.Errorf("Reload = %v; want that the node is leaving", err)
	}
}

// TestReload_ConflictIsNotARooms: a reload that a node cannot do as things stand is a conflict, but no other epoch.
func TestReload_ConflictIsNotARooms(t *testing.T) {
	s := newAdmin(t, func(c *setup) {
		c.Running.Load = func() (Next, error) { return Next{}, &RestartError{[]string{"redis.addrs", "list.update_interval"}} }
	})
	status, text := callAdminWith(t, s, http.MethodPost, "/v1/admin/nodes/self/reload", "", "")
	if want := `{"error":{"code":"conflict","message":"cannot reload: only a new start changes redis.addrs, list.update_interval; nothing was changed"}}`; status != 409 || strings.TrimSpace(text) != want {
		t.Errorf("%d %s; want 409 %s", status, text, want)
	}
}
