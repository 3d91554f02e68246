package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"barrage/redisx"
	"barrage/room"
)

// resetFD is the descriptor of an accepted connection that its client has reset.
func resetFD(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := errors.Join(client.(*net.TCPConn).SetLinger(0), client.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v; want a reset", err)
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestAcceptor_KeepsResetsFromNetHTTP: a connection that was reset has no address, which net/http's server and those
// whom it notifies of connections count on.
func TestAcceptor_KeepsResetsFromNetHTTP(t *testing.T) {
	a := &Acceptor{others: make(chan net.Conn, 1), done: make(chan struct{})}
	a.toHTTP(resetFD(t), []byte("GET /"), nil)
	select {
	case c := <-a.others:
		_ = c.Close()
		t.Errorf("net/http is given a connection from %v", c.RemoteAddr())
	default:
	}
}

// newAdmitting is an acceptor without a port, of an edge in whose room "r" nobody is, and what serves its handshakes.
func newAdmitting(t *testing.T, log slog.Handler, serve http.HandlerFunc) *Acceptor {
	t.Helper()
	return &Acceptor{edge: newRoomy(t, log, DefaultConfig(), false), others: make(chan net.Conn, 1), done: make(chan struct{}), serve: serve}
}

// newRoomy is an edge in whose room "r" nobody is. instant is whether its store is known to be in memory.
func newRoomy(t *testing.T, log slog.Handler, cfg Config, instant bool) *Edge {
	t.Helper()
	store := redisx.NewMemory(redisx.Limits{HistoryMessages: 10, HistoryTTL: time.Hour}, time.Now)
	t.Cleanup(store.Close)
	e := New(cfg, store, slog.New(log))
	e.Paths = socketPaths
	rooms := room.DefaultConfig()
	rooms.Instant = instant
	e.Hall = room.New(rooms, e.Callbacks(func(*room.Room) {}), store, e.Log)
	t.Cleanup(e.Hall.Close)
	r, err := e.Hall.Open(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	r.Release()
	return e
}

// TestAsksNobody_HandshakesThatWaitForNothing are served where they are accepted: with the store in memory all but
// those that take long, else those that call no store.
func TestAsksNobody_HandshakesThatWaitForNothing(t *testing.T) {
	const here, elsewhere = "/group/chat/r/u/t", "/group/chat/elsewhere/u/t"
	private := func(c *Config) { c.AutoJoin = false }
	for _, c := range []struct {
		instant bool
		change  func(*Config)
		target  string
		want    bool
	}{
		{false, nil, here, true},
		{false, nil, elsewhere, false},
		{false, auth(AuthRedis), here, false},
		{false, private, here, false},
		{true, nil, elsewhere, true},
		{true, auth(AuthRedis), elsewhere, true},
		{true, private, elsewhere, true},
		{true, auth(AuthRedis, AuthJWT), here, false},
		{true, nil, here + "?since=3", false},
		{true, nil, "/group/chat/a%2Fb/u/t", false},
		{true, nil, "/v1/info", false},
	} {
		cfg := DefaultConfig()
		if c.change != nil {
			c.change(&cfg)
		}
		r, err := http.NewRequest(http.MethodGet, c.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		calls, done := newRoomy(t, slog.DiscardHandler, cfg, c.instant).asksNobody(r)
		if got := calls != nil; got != c.want {
			t.Errorf("in memory %v, %+v: %s asks nobody: %v; want %v", c.instant, cfg.Auth.Mode, c.target, got, c.want)
		}
		if done != nil {
			if (calls.Err() == nil) != c.instant {
				t.Errorf("in memory %v: its calls end with %v", c.instant, calls.Err())
			}
			done()
		}
	}
}

// auth has tokens checked so.
func auth(modes ...string) func(*Config) { return func(c *Config) { c.Auth.Mode = modes } }

// said is a connection on which a client has sent p.
func said(t *testing.T, p string) accepted {
	t.Helper()
	ours, theirs, client, _ := connected(t)
	if _, err := syscall.Write(theirs, []byte(p)); err != nil {
		t.Fatal(err)
	}
	in := []unix.PollFd{{Fd: int32(ours), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(in, -1); err == nil {
			break
		} else if !errors.Is(err, syscall.EINTR) {
			t.Fatal(err)
		}
	}
	fd, err := unix.FcntlInt(uintptr(ours), unix.F_DUPFD_CLOEXEC, 0) // which the acceptor closes
	if err != nil {
		t.Fatal(err)
	}
	return accepted{fd, client}
}

// TestAcceptor_TheRoomStays: a handshake that is served where it was accepted finds its room loaded, though the hall
// would let that go just now. Else nobody would be accepted until the store has answered.
func TestAcceptor_TheRoomStays(t *testing.T) {
	var a *Acceptor
	served, live := false, false
	a = newAdmitting(t, slog.DiscardHandler, func(w http.ResponseWriter, _ *http.Request) {
		served = true
		a.edge.Hall.Tick(time.Now().Add(time.Hour), 0)
		live = a.edge.Hall.Live("r")
	})
	a.first(t.Context(), said(t, plainHandshake), newRequestReader(socketPaths))
	_ = (<-a.others).Close() // it became no session
	if !served || !live {
		t.Errorf("served where it was accepted: %v, in a live room: %v; want both", served, live)
	}
	if a.edge.Hall.Tick(time.Now().Add(2*time.Hour), 0); a.edge.Hall.Live("r") {
		t.Error("the room stays for good")
	}
}

// TestAcceptor_WaitsForNoCall: the call of a handshake to a store fails at once where others wait to be accepted, and
// has its time where nobody does.
func TestAcceptor_WaitsForNoCall(t *testing.T) {
	var a *Acceptor
	calls := make(chan error, 1)
	a = newAdmitting(t, slog.DiscardHandler, func(w http.ResponseWriter, r *http.Request) {
		who := func(*http.Request) (Visitor, *Refusal) { return Visitor{User: "u"}, nil }
		a.edge.Admit(w, r, who, nil, func(ctx context.Context, _ *Visitor) *Refusal {
			calls <- ctx.Err()
			return Leaving
		})
	})
	a.edge.Sessions.most = 1
	var working sync.WaitGroup
	a.workers = &working
	for room, want := range map[string]error{"r": context.Canceled, "elsewhere": nil} {
		c := said(t, strings.Replace(plainHandshake, "/chat/r/", "/chat/"+room+"/", 1))
		go a.first(t.Context(), c, newRequestReader(socketPaths)) // ends when it is left to net/http
		if got := <-calls; !errors.Is(got, want) {
			t.Errorf("the calls for a handshake in room %q end with %v; want %v", room, got, want)
		}
		_ = (<-a.others).Close()
	}
	working.Wait()
}

// opening is a log whose lines open a file under the number fd, or the next one that is free: file.
type opening struct {
	slog.Handler

	null     *os.File
	fd, file int
}

func (o *opening) Enabled(context.Context, slog.Level) bool { return true }

func (o *opening) Handle(context.Context, slog.Record) (err error) {
	o.file, err = unix.FcntlInt(o.null.Fd(), unix.F_DUPFD_CLOEXEC, o.fd)
	return err
}

// TestAcceptor_ClosesOnce: whatever goes wrong behind a handshake, its descriptor is closed once. The number may be
// somebody else's by then.
func TestAcceptor_ClosesOnce(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	log := &opening{Handler: slog.DiscardHandler, null: null}
	a := newAdmitting(t, log, func(http.ResponseWriter, *http.Request) {})
	close(a.others) // so that toHTTP panics
	c := said(t, plainHandshake)
	log.fd = c.fd
	a.first(t.Context(), c, newRequestReader(socketPaths))
	if log.file != c.fd {
		t.Fatalf("the descriptor %d is not free when the panic is noted, %d is", c.fd, log.file)
	}
	if err := syscall.Close(c.fd); err != nil {
		t.Errorf("the next file under the number was closed, too: %v", err)
	}
}
