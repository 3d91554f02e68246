package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"barrage/codec"
	"barrage/gateway/edge"
)

// drain drains s in the background, for at most the given time.
func drain(tb testing.TB, s *Server, atMost time.Duration) <-chan error {
	tb.Helper()
	done := make(chan error, 1)
	go func() { // ends with Drain, which ends with its context
		ctx, cancel := context.WithTimeout(context.Background(), atMost)
		defer cancel()
		done <- s.Drain(ctx)
	}()
	eventually(tb, func() error { return differ("draining", s.edge.Exit.Draining(), true) })
	return done
}

// leave reads up to a close frame with code, and hangs up as a client does.
func (w *wire) leave(code codec.CloseCode) error {
	var closed closedError
	if _, err := w.texts(1 << 30); !errors.As(err, &closed) || closed.code() != code {
		return errorf("want a close with %d: %w", code, err)
	}
	if f, err := w.next(); !errors.Is(err, io.EOF) {
		return errorf("behind the close came %v %q, %w", f.op, f.payload, err)
	}
	return w.conn.Close()
}

func (c *client) wantLeave() {
	c.tb.Helper()
	if err := c.leave(codec.CloseRestart); err != nil {
		c.tb.Error(err)
	}
}

// Messages that were sent before are delivered first, then all clients are sent away.
func TestDrain_DeliversThenCloses(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	members := []*client{join(t, s, "r", "a"), join(t, s, "r", "b"), join(t, s, "other", "a")}
	list := dial(t, s, listPath("nobody"))
	if err := s.Ready(); err != nil {
		t.Errorf("ready = %v; want nil", err)
	}
	goOn := storeOf(s).hold("Publish")
	for i := range 10 {
		members[0].say(fmt.Sprint("before ", i))
	}
	eventually(t, func() error { return differ("messages waiting", s.edge.Hall.Stats().Waiting, 10) })
	done := drain(t, s, patience)

	members[0].say("too late")
	eventually(t, func() error { return differ("messages ignored", s.edge.Stats.Ignored.Load(), 1) })
	wantNotReady(t, s)
	if _, err := connect(s, chatPath("r", "late")); err == nil {
		t.Error("a new client came in")
	}
	goOn()
	for _, m := range members[:2] {
		for i := range 10 {
			m.wantInfo(fmt.Sprint("before ", i))
		}
	}
	for _, m := range append(members, list) {
		if reason := m.wantClosed(codec.CloseRestart); !strings.Contains(reason, "connect again") {
			t.Errorf("reason = %q", reason)
		}
		_ = m.conn.Close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantClosedFor(t, s, edge.CloseRestart, 4)
}

// Memberships on their way are waited for, but keep nobody from being notified.
func TestDrain_HangingMembershipsKeepNobodyFromBeingTold(t *testing.T) {
	s := newServer(t, nil)
	goOn := storeOf(s).hold("JoinAll")
	defer goOn()
	c := join(t, s, "r", "u")
	done := drain(t, s, 4*time.Second) // half of it is for memberships, the other half for the client to answer
	c.wantLeave()
	err, want := <-done, "cannot write memberships (1): context deadline exceeded"
	if err == nil || err.Error() != want {
		t.Errorf("Drain = %v; want %s", err, want)
	}
}

// A client that reads nothing keeps nobody from being notified, and has the others not come back all at once.
func TestDrain_SlowClientHasNobodyClosedAtOnce(t *testing.T) {
	s := newServer(t, func(c *setup) { manualCheck(c); c.Server.SendBuffer = 4 << 10 })
	slow, c := wireV1(t, s, "user_id=slow&token=t", "", smallWindow), join(t, s, "r", "u")
	session := sessionOf(t, s, "slow")
	for i, behind := 0, 0; behind < 200; i++ { // 600 KiB: more than the buffers on the way take
		c.say(body(i))
		_ = c.wantText()
		if session.Pending() > 0 {
			behind++
		}
	}
	done := drain(t, s, 8*time.Second)
	c.wantLeave()
	err := <-done
	for what, want := range map[string]bool{"slow members to read theirs (1)": true, "clients to answer the close (1)": true, "closed at once": false} {
		if err == nil || strings.Contains(err.Error(), what) != want {
			t.Errorf("Drain = %v; want %q: %v", err, what, want)
		}
	}
	_ = slow.conn.Close()
}

// wantNotReady asks the admin port.
func wantNotReady(t *testing.T, s *Server) {
	t.Helper()
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 503 || string(b) != "the node is leaving\n" {
		t.Errorf("readyz = %d %q, %v; want 503", resp.StatusCode, b, err)
	}
}

// A handshake on a connection that was there before is refused.
func TestDrain_RefusesHandshakes(t *testing.T) {
	s := newServer(t, nil)
	s.edge.PeekDraining(true) // as Drain does first; the port would be closed a moment later
	_, err := connect(s, chatPath("r", "u"))
	refused, ok := errors.AsType[*refusedError](err)
	if !ok || refused.status != 503 || refused.body != "the node is leaving, try again" || refused.header.Get("Retry-After") == "" {
		t.Errorf("handshake = %v; want 503 with Retry-After", err)
	}
}

// Handshakes that were let in before end well, or their clients are sent away as all others.
func TestDrain_HandshakesUnderWayEndWell(t *testing.T) {
	s := newServer(t, nil)
	var all sync.WaitGroup
	goOn := storeOf(s).hold("Read")
	for i := range 100 {
		w, err := dialWire(s, 0)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { // ends with the connection
			defer func() { _ = w.conn.Close() }()
			if err := errors.Join(w.upgrade(chatPath(fmt.Sprint("r", i), "u")), w.leave(codec.CloseRestart)); err != nil {
				t.Errorf("handshake %d: %v", i, err)
			}
		})
	}
	eventually(t, func() error { return differ("handshakes under way", storeOf(s).called("Read"), 100) })
	done := drain(t, s, patience)
	goOn()
	if err := <-done; err != nil {
		t.Error(err)
	}
	all.Wait()
	if taken := s.edge.Sessions.Taken(); taken != 0 {
		t.Errorf("%d sessions and promises are left", taken)
	}
}

// A handshake that was let in before makes a member as all others: messages that were sent before are delivered to it.
func TestDrain_DeliversToWhoComesInMeanwhile(t *testing.T) {
	s := newStrictServer(t, false)
	talker := join(t, s, "r", "u")
	letIn, publish := storeOf(s).hold("CheckToken"), storeOf(s).hold("Publish")
	defer letIn()
	defer publish()
	before := storeOf(s).called("CheckToken")
	late, err := dialWire(s, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{late, t}
	c.mustWrite(handshake(chatPath("r", "v")))
	eventually(t, func() error { return differ("tokens checked", storeOf(s).called("CheckToken"), before+1) })
	talker.say("before")
	eventually(t, func() error { return differ("messages waiting", s.edge.Hall.Stats().Waiting, 1) })
	done := drain(t, s, patience)
	letIn()
	if err := late.upgraded(); err != nil {
		t.Fatal(err)
	}
	c.wantWelcome()
	publish()
	for _, m := range []*client{talker, c} {
		m.wantInfo("before")
		m.wantLeave()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A request that does not end keeps nobody from being notified.
func TestDrain_HangingHTTPKeepsNobodyFromBeingTold(t *testing.T) {
	s := newServer(t, nil)
	member := join(t, s, "r", "u")
	hanging := dialTCP(t, s)
	hanging.mustWrite("POST /user/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nhalf")
	silent := dialTCP(t, s)
	silent.mustWrite("G") // else the kernel may have it still, see TestAcceptor_SilentClientsAreCut
	eventually(t, func() error { return differ("connections of net/http", s.edge.Plain.Open(), 2) })
	eventually(t, func() error { return differ("requests being answered", s.front.underWay.Load(), 1) })
	done := drain(t, s, 4*time.Second)
	member.wantLeave()
	wantSessions(t, s, 0)
	err, want := <-done, "cannot wait longer for HTTP requests to end (1): context deadline exceeded"
	if err == nil || err.Error() != want {
		t.Errorf("Drain = %v; want %s", err, want)
	}
	s.Close()
	hanging.wantCut()
	silent.wantCut()
}

func TestDrain_EndsWithoutAnAnswer(t *testing.T) {
	s := newServer(t, manualCheck)
	c := join(t, s, "r", "mute")
	err := <-drain(t, s, 2*time.Second)
	want := "cannot wait longer for clients to answer the close (1): context deadline exceeded"
	if err == nil || err.Error() != want {
		t.Errorf("Drain = %v; want %s", err, want)
	}
	c.wantClosed(codec.CloseRestart) // it was notified, and its connection stands
	wantSessions(t, s, 1)
	s.Close()
	wantSessions(t, s, 0)
}

func TestDrain_ManyClientsAreAllToldToLeave(t *testing.T) {
	const clients = 2000
	s := newServer(t, nil)
	var all sync.WaitGroup
	for i := range clients {
		w, err := connect(s, chatPath(fmt.Sprint("r", i%10), fmt.Sprint("u", i)))
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { // ends with the connection
			if err := w.leave(codec.CloseRestart); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	begun := time.Now()
	if err := <-drain(t, s, patience); err != nil {
		t.Error(err)
	}
	t.Logf("%d clients have left after %v", clients, time.Since(begun))
	all.Wait()
	wantClosedFor(t, s, edge.CloseRestart, clients)
}

func TestClose_CutsEverything(t *testing.T) {
	s := newServer(t, nil)
	c, list := join(t, s, "r", "u"), dial(t, s, listPath("u"))
	s.Close()
	c.wantCut()
	list.wantCut()
	s.Close() // does nothing
	wantSessions(t, s, 0)
	if _, err := connect(s, chatPath("r", "u")); err == nil {
		t.Error("a new client came in")
	}
}

// A start that fails leaves nothing running.
func TestStart_TakenPortLeavesNothingRunning(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	addr := taken.Addr().String()
	already := goleak.IgnoreCurrent()
	f := func(change func(*setup), want string) {
		t.Helper()
		s := newStopped(t, change)
		if err := s.Start(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Start = %v; want %s", err, want)
		}
		if err := goleak.Find(already); err != nil {
			t.Errorf("after %s: %v", want, err)
		}
	}
	f(func(c *setup) { c.Server.Listen = addr }, fmt.Sprintf("cannot listen on server.listen %[1]q: listen tcp %[1]s: bind: address already in use; "+
		"another process has that port: end it, or choose another one, as --listen 127.0.0.1:0 does", addr))
	f(func(c *setup) { c.Admin.Listen = addr }, fmt.Sprintf("cannot listen on admin.listen %[1]q: listen tcp %[1]s: bind: address already in use; "+
		"another process has that port: end it, or choose another one, as BARRAGE_ADMIN_LISTEN=127.0.0.1:0 does", addr))
	f(func(c *setup) { c.Server.MaxConnections = 9_999_999 }, "cannot hold server.max_connections 9999999: ")
}
