package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"barrage/codec"
)

// wantFull wants a handshake to be turned away because the server is full.
func wantFull(tb testing.TB, s *Server, connections int) {
	tb.Helper()
	_, err := connect(s, chatPath("r", "one-too-many"))
	refused, ok := errors.AsType[*refusedError](err)
	if !ok || refused.status != http.StatusServiceUnavailable || refused.body != fmt.Sprintf("the node is full: %d connections", connections) {
		tb.Fatalf("handshake = %v; want 503", err)
	}
	if n, err := strconv.Atoi(refused.header.Get("Retry-After")); err != nil || n < 1 || n > 5 {
		tb.Errorf("Retry-After = %q; want 1 to 5", refused.header.Get("Retry-After"))
	}
}

func TestLimit_FullServerTurnsAway(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.MaxConnections = 3 })
	for i := range 2 {
		_ = join(t, s, "r", fmt.Sprint("u", i))
	}
	last := join(t, s, "r", "last")
	wantFull(t, s, 3)
	wantFull(t, s, 3)
	if got := s.edge.Stats.Full.Load(); got != 2 {
		t.Errorf("turned away = %d; want 2", got)
	}
	_ = last.conn.Close()
	wantSessions(t, s, 2)
	_ = join(t, s, "r", "next")
	wantFull(t, s, 3)
}

// failures are handshakes that come to nothing, each in its own way and at its own
// line of the code. They return what went otherwise.
var failures = []func(s *Server, i int) error{
	func(s *Server, _ int) error { // before a slot is promised
		return wantStatus(s, strings.Replace(handshake(chatPath("r", "u")), exampleKey, "short", 1), http.StatusBadRequest)
	},
	func(s *Server, _ int) error { // the store cannot load the room
		return wantStatus(s, handshake("/group/chat/broken/member/good"), http.StatusServiceUnavailable)
	},
	func(s *Server, _ int) error { // the store cannot read the list
		return wantStatus(s, handshake("/group/list/member/good"), http.StatusServiceUnavailable)
	},
	func(s *Server, _ int) error { // after the connection was taken over from HTTP
		return wantStatus(s, handshake("/group/chat/r/member/good")+"early", http.StatusBadRequest)
	},
	func(s *Server, _ int) error { // after the handshake: not logged in
		w, err := connect(s, "/group/chat/r/member/bad")
		if err != nil {
			return err
		}
		if f, err := w.next(); err != nil || f.payload != "440" {
			return errorf("first frame = %q, %w; want 440", f.payload, err)
		}
		return w.leave(codec.CloseNormal)
	},
	func(s *Server, _ int) error { // after the handshake: not a member
		w, err := connect(s, "/group/chat/r/stranger/good")
		if err != nil {
			return err
		}
		return w.leave(4403)
	},
	func(s *Server, i int) error { // the client has gone before the answer
		w, err := dialWire(s, 0)
		if err != nil {
			return err
		}
		if i%2 == 0 {
			err = w.conn.SetLinger(0)
		}
		return errors.Join(err, w.write(handshake("/group/chat/r/member/good")), w.conn.Close())
	},
}

// wantStatus sends a request on a connection of its own.
func wantStatus(s *Server, request string, status int) error {
	w, err := dialWire(s, 0)
	if err != nil {
		return err
	}
	defer func() { _ = w.conn.Close() }()
	if err := w.write(request); err != nil {
		return err
	}
	resp, err := w.response()
	if err != nil {
		return err
	}
	return differ("status of "+resp.body, resp.status, status)
}

// Every way in which a handshake can fail gives its slot back: afterwards exactly as
// many fit as before.
func TestLimit_FailedHandshakesGiveTheirSlotBack(t *testing.T) {
	const atOnce, each = 14, 20
	const fit = atOnce * each // so that none is turned away because the server is slow to let others go
	s := newServer(t, func(c *setup) {
		c.Server.MaxConnections = fit
		c.Auth.Mode, c.AutoJoin = modeOf(true), false
		c.rooms.Linger = 0
	})
	store := storeOf(s)
	for _, user := range []string{"member", "stranger"} {
		if err := store.SetToken(t.Context(), user, "good"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Join(t.Context(), "member", "r"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Join(t.Context(), "member", "broken"); err != nil {
		t.Fatal(err)
	}
	r, err := s.edge.Hall.Open(t.Context(), "r") // loaded before the store breaks
	if err != nil {
		t.Fatal(err)
	}
	store.fail(errAway, "Rooms")
	store.fail(failure("Read"), "Read")

	var all sync.WaitGroup
	for n := range atOnce {
		all.Go(func() { // ends after its share
			for i := range each {
				kind := (n + i) % len(failures)
				err := failures[kind](s, i)
				refused, ok := errors.AsType[*refusedError](err)
				if ok && (refused.status == http.StatusUnauthorized || refused.status == http.StatusForbidden) {
					continue // as many sockets wait for that as may
				}
				if err != nil {
					t.Errorf("kind %d: %v", kind, err)
				}
			}
		})
	}
	all.Wait()
	wantSessions(t, s, 0)
	eventually(t, func() error { return differ("slots taken", s.edge.Sessions.Taken(), 0) })

	members := make([]*client, fit)
	for i := range members {
		members[i] = dial(t, s, "/group/chat/r/member/good")
	}
	wantFull(t, s, fit)
	eventually(t, func() error { return differ("members", s.edge.Hall.Stats().Members, int64(fit)) })
	for _, m := range members {
		_ = m.conn.Close()
	}
	wantSessions(t, s, 0)
	r.Release()
	s.edge.Hall.Tick(time.Now(), 0)
	if h := s.edge.Hall.Stats(); h.Members != 0 || h.Rooms != 0 {
		t.Errorf("%d members and %d rooms are left", h.Members, h.Rooms)
	}
}

func TestLimit_HeadersTooLargeAreCutWithA431(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.MaxHeaderBytes = 4 << 10 })
	c := dialTCP(t, s)
	c.mustWrite(strings.Replace(handshake(chatPath("r", "u")), "Host", "X: "+strings.Repeat("x", 16<<10)+"\r\nHost", 1))
	if resp, err := c.response(); err != nil || resp.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answer = %+v, %v; want 431", resp, err)
	}
	c.wantCut()
}

func TestLimit_SlowHeadersAreCut(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.ReadHeaderTimeout = 100 * time.Millisecond })
	begun := time.Now()
	c := dialTCP(t, s)
	c.mustWrite("GET /group/chat/r/u/t HTTP/1.1\r\nHost: x\r\nUpgr")
	c.wantCut()
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("cut after %v; want 100ms", took)
	}
}
