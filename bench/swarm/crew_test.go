package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/port"
)

// parlour is a small FastIM server that can be made to misbehave.
type parlour struct {
	*httptest.Server
	// Immutable after newParlour. copies, if set, returns how many copies of message number a room's guest gets.
	copies func(guest, number int) int
	// said is closed when a room has its tenth message.
	said chan struct{}

	mu    sync.Mutex // guards the fields below
	rooms map[string]*parlourRoom
}

type parlourRoom struct {
	total  int
	guests []*websocket.Conn // nil: gone
	users  map[string]*websocket.Conn
	read   map[string]chan struct{} // by user: closed once all of their newest connection was read
}

func newParlour(t *testing.T, copies func(guest, number int) int) *parlour {
	t.Helper()
	p := &parlour{copies: copies, rooms: map[string]*parlourRoom{}, said: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /group/chat/{room}/{user}/{token}", p.serve)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
	})
	return p
}

func (p *parlour) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	guest, before, read := p.enter(r.Context(), r.PathValue("room"), r.PathValue("user"), conn)
	defer close(read)
	if before != nil { // a guest who comes back may have messages on the connection that they left
		select {
		case <-before:
		case <-r.Context().Done():
			return
		}
	}
	for {
		_, body, err := conn.Read(r.Context())
		if err != nil {
			break
		}
		p.say(r.Context(), r.PathValue("room"), string(body))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rooms[r.PathValue("room")].guests[guest] = nil
}

// enter lets somebody in. before is closed once their connection before was read, nil where there was none; read is the
// caller's to close.
func (p *parlour) enter(ctx context.Context, name, user string, conn *websocket.Conn) (guest int, before, read chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := p.rooms[name]
	if room == nil {
		room = &parlourRoom{users: map[string]*websocket.Conn{}, read: map[string]chan struct{}{}}
		p.rooms[name] = room
	}
	_ = conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"list":[],"total":%d}`, room.total))
	room.guests = append(room.guests, conn)
	room.users[user] = conn
	before, read = room.read[user], make(chan struct{})
	room.read[user] = read
	return len(room.guests) - 1, before, read
}

func (p *parlour) say(ctx context.Context, name, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := p.rooms[name]
	number := room.total
	room.total++
	if room.total == 10 {
		close(p.said)
	}
	for guest, conn := range room.guests {
		copies := 1
		if p.copies != nil {
			copies = p.copies(guest, number)
		}
		for range copies {
			if conn != nil {
				_ = conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"groupId":%q,"userId":"u","info":%q,"ts":1}`, name, body))
			}
		}
	}
}

func (p *parlour) plan() Plan {
	return Plan{
		Dialect: "fastim", Targets: []string{p.Listener.Addr().String()}, Prefix: "p",
		Rooms: []Room{{Viewers: 12, Rate: 40}}, Body: 60, Senders: 4, Sample: 4,
		Duration: time.Second, Patience: time.Minute, // ends nothing, however busy the machine is
	}
}

func start(t *testing.T, p Plan, workers int, launch Launch) *Crew {
	t.Helper()
	c, err := Start(t.Context(), p, workers, launch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func totals(t *testing.T, c *Crew) Totals {
	t.Helper()
	o, err := c.Totals(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestCrew_CountsEveryCopy: with viewers that come, go and come back while messages
// flow, nothing is missing where the server lost nothing.
func TestCrew_CountsEveryCopy(t *testing.T) {
	t.Parallel()
	s := newParlour(t, nil)
	p := s.plan()
	p.Rooms[0].Late = 6
	p.Rooms[0].Slow = 1
	p.Arrival = Arrival{After: 200 * time.Millisecond, Rate: 20}
	p.Return = Return{Share: 0.5, After: 400 * time.Millisecond, Rate: 50}
	c := start(t, p, 3, InProcess())
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Load(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	o := totals(t, c)
	if o.Wanted != 24 || o.Made != 24 || o.FirstMade != 12 || o.Failed != 0 || o.Broken != 0 {
		t.Errorf("wanted %d, made %d, first %d, failed %d, broken %d; want 24, 24, 12, 0, 0 (%s%s)",
			o.Wanted, o.Made, o.FirstMade, o.Failed, o.Broken, o.FailedWhy, o.BrokenWhy)
	}
	if o.Offered != 40 || o.Sent != 40 || o.Measured.Sent != 40 {
		t.Errorf("offered %d, sent %d, measured %d; want 40 each", o.Offered, o.Sent, o.Measured.Sent)
	}
	if o.Lost != 0 || o.Doubled != 0 || o.OutOfOrder != 0 || o.Disagree != 0 || o.Delivered != o.Expected {
		t.Errorf("lost %d, doubled %d, out of order %d, disagree %d, delivered %d of %d", o.Lost, o.Doubled, o.OutOfOrder, o.Disagree, o.Delivered, o.Expected)
	}
	// Five stay for all, six come in the middle and six come back; one is slow.
	if o.Expected <= 5*40 || o.Expected >= 17*40 || o.Uncounted == 0 {
		t.Errorf("expected %d copies, %d uncounted", o.Expected, o.Uncounted)
	}
	if n := o.Connect.TotalCount(); n != 12 {
		t.Errorf("%d connect latencies; want the 12 of those who came later", n)
	}
}

// TestCrew_FindsWhatTheServerDoesWrong: viewers that only count and those that read
// both find three copies lost and two too many.
func TestCrew_FindsWhatTheServerDoesWrong(t *testing.T) {
	t.Parallel()
	for _, samples := range []int{0, 12} {
		t.Run(fmt.Sprintf("samples=%d", samples), func(t *testing.T) {
			t.Parallel()
			s := newParlour(t, func(guest, number int) int {
				switch {
				case guest == 3 && number%10 == 5 && number > 10:
					return 0
				case guest == 7 && (number == 1 || number == 39):
					return 2
				}
				return 1
			})
			p := s.plan()
			p.Sample = samples
			c := start(t, p, 2, InProcess())
			if err := c.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			loading, over := context.WithCancel(t.Context())
			go func() { // ends by Close
				copies := uint64(0)
				for tick := range c.Ticks() {
					if copies += tick.Copies; copies == 480-3+2 { // lost copies never come
						over()
					}
				}
			}()
			if err := c.Load(loading, time.Now()); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if o := totals(t, c); o.Expected != 480 || o.Delivered != 477 || o.Lost != 3 || o.Doubled != 2 {
				t.Errorf("expected %d, delivered %d, lost %d, doubled %d; want 480, 477, 3, 2", o.Expected, o.Delivered, o.Lost, o.Doubled)
			}
		})
	}
}

// TestCrew_LosesPatience: nobody waits for ever for what does not come.
func TestCrew_LosesPatience(t *testing.T) {
	t.Parallel()
	p := newParlour(t, func(int, int) int { return 0 }).plan()
	p.Duration, p.Patience = 100*time.Millisecond, 3*time.Second
	c := start(t, p, 2, InProcess())
	_ = c.Connect(t.Context()) // it has no more patience
	if err := c.Load(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if o := totals(t, c); o.Made == 0 || o.Expected != uint64(o.Made)*o.Sent || o.Lost != o.Expected {
		t.Errorf("sent %d, expected %d copies, lost %d; want all for %d viewers lost", o.Sent, o.Expected, o.Lost, o.Made)
	}
}

// TestCrew_TicksAddUp: the figures of all seconds add up to those of the run.
func TestCrew_TicksAddUp(t *testing.T) {
	t.Parallel()
	p := newParlour(t, nil).plan()
	c := start(t, p, 2, InProcess())
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Load(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	o := totals(t, c)
	var sum Tick
	phases := map[string]bool{}
	for sum.Copies < o.Delivered || sum.Sent < o.Sent {
		tick := <-c.Ticks()
		phases[tick.Phase] = true
		sum.Made += tick.Made
		sum.Offered += tick.Offered
		sum.Sent += tick.Sent
		sum.Copies += tick.Copies
		sum.Bytes += tick.Bytes
	}
	if sum.Made != 12 || sum.Offered != 40 || sum.Sent != 40 || sum.Copies != 480 || sum.Bytes != o.Bytes {
		t.Errorf("ticks add up to %+v; want 12 made, 40 offered and sent, 480 copies, %d bytes", sum, o.Bytes)
	}
	if !phases["measure"] {
		t.Errorf("phases were %v; want measure among them", phases)
	}
}

func TestCrew_ConnectSaysWhy(t *testing.T) {
	t.Parallel()
	listen := func(handle func(net.Conn)) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		go func() { // ends with ln
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				handle(conn)
			}
		}()
		return ln.Addr().String()
	}
	answer := func(text string) string {
		return listen(func(conn net.Conn) {
			var b [1000]byte
			_, _ = conn.Read(b[:])
			for _, c := range []byte(text) { // cut everywhere
				_, _ = conn.Write([]byte{c})
			}
			t.Cleanup(func() { _ = conn.Close() })
		})
	}
	fastim, native := Plan{Dialect: "fastim"}, Plan{Dialect: "native", Deflate: true}
	for name, c := range map[string]struct {
		plan         Plan
		target, want string
	}{
		"refused": {fastim, answer("HTTP/1.1 503 Service Unavailable\r\n\r\n"), `the server answered "HTTP/1.1 503 Service Unavailable"`},
		"silent":  {fastim, answer("HTTP/1.1 101 Switching"), "the server did not answer within 500ms"},
		"no welcome": {
			fastim, answer("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n\x81\x03440"),
			`the server's first message is no welcome but "440"`,
		},
		"closes": {
			fastim, answer("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n\x88\x06\x11\x33full"),
			`the server closed with 4403 "full"`,
		},
		"wrong key": {fastim, answer("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n"), "a wrong Sec-WebSocket-Accept"},
		"does not deflate": {
			native, answer("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n"),
			"the server does not agree on permessage-deflate",
		},
		"keeps its context": {
			native, answer("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept + "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
			"without context takeover",
		},
		"away": {fastim, port.Dead, "connect: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.plan
			p.Targets, p.Rooms, p.Patience = []string{c.target}, []Room{{Viewers: 1}}, time.Minute
			if name == "silent" {
				p.Patience = 500 * time.Millisecond
			}
			crew := start(t, p, 1, InProcess())
			err := crew.Connect(t.Context())
			if err == nil || !strings.Contains(err.Error(), "0 are in, 1 failed, the last one because ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Connect = %v; want %q", err, c.want)
			}
		})
	}
}

// TestCrew_DeadServerLeavesTheFigures: the figures up to then are kept.
func TestCrew_DeadServerLeavesTheFigures(t *testing.T) {
	t.Parallel()
	s := newParlour(t, nil)
	p := s.plan()
	p.Duration, p.Patience = time.Minute, time.Minute
	c := start(t, p, 2, InProcess())
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the tenth message
		<-s.said
		s.CloseClientConnections()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, conn := range s.rooms["p-0"].guests {
			if conn != nil {
				_ = conn.CloseNow()
			}
		}
	}()
	err := c.Load(t.Context(), time.Now())
	if err == nil || !strings.Contains(err.Error(), "no viewer is left, 12 broke off") {
		t.Errorf("Load = %v; want that no viewer is left", err)
	}
	o := totals(t, c)
	if o.Broken != 12 || o.BrokenWhy == "" || o.Sent < 10 || o.Uncounted < 9*12 || o.Lost != 0 {
		t.Errorf("broken %d (%s), sent %d, uncounted %d, lost %d; want 12, 10 or more, 108 or more, 0", o.Broken, o.BrokenWhy, o.Sent, o.Uncounted, o.Lost)
	}
}

// TestCrew_SlowViewersKeepNoLoadGoing: slow viewers, whose full sockets hide it, do not keep a
// load going that nobody reads.
func TestCrew_SlowViewersKeepNoLoadGoing(t *testing.T) {
	t.Parallel()
	s := newParlour(t, nil)
	p := s.plan()
	p.Rooms[0].Slow, p.Duration, p.Patience = 6, time.Minute, time.Minute
	c := start(t, p, 2, InProcess())
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the tenth message
		<-s.said
		s.mu.Lock()
		defer s.mu.Unlock()
		for user, conn := range s.rooms["p-0"].users {
			var number int
			if _, err := fmt.Sscanf(user, "p-0-%d", &number); err != nil {
				t.Error(err)
			}
			if number < 6 { // the others are slow: it is as if their sockets were full
				_ = conn.CloseNow()
			}
		}
	}()
	if err := c.Load(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "no viewer is left, 6 broke off") {
		t.Errorf("Load = %v; want that no viewer is left", err)
	}
	if o := totals(t, c); o.Broken != 6 || o.SlowEnded != 0 {
		t.Errorf("%d broken, %d slow ones ended; want the 6 that read", o.Broken, o.SlowEnded)
	}
}

// TestCrew_SlowViewersAreCutOff: that is no viewer lost to those who read.
func TestCrew_SlowViewersAreCutOff(t *testing.T) {
	t.Parallel()
	s := newParlour(t, nil)
	p := s.plan()
	p.Rooms[0].Slow = 2
	c := start(t, p, 2, InProcess())
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the tenth message
		<-s.said
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, user := range []string{"p-0-10", "p-0-11"} {
			_ = s.rooms["p-0"].users[user].CloseNow()
		}
	}()
	if err := c.Load(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
	if o := totals(t, c); o.Broken != 0 || o.BrokenWhy != "" || o.SlowEnded != 2 || o.Delivered != 400 || o.Lost != 0 {
		t.Errorf("%d broken (%s), %d slow ones ended, %d delivered; want none, 2, 400", o.Broken, o.BrokenWhy, o.SlowEnded, o.Delivered)
	}
}

// TestCrew_DeadWorkerLeavesTheOthersFigures: one of two processes is killed; the other's part is kept.
func TestCrew_DeadWorkerLeavesTheOthersFigures(t *testing.T) {
	t.Parallel()
	s := newParlour(t, nil)
	p := s.plan()
	p.Duration = time.Minute
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	launch := Processes(exe, workArg) // see TestMain
	var last int
	c := start(t, p, 2, func(ctx context.Context, i int) (Worker, error) {
		w, err := launch(ctx, i)
		last = w.PID
		return w, err
	})
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the tenth message
		<-s.said
		if err := syscall.Kill(last, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}()
	err = c.Load(t.Context(), time.Now())
	if want := fmt.Sprintf("worker 1 (pid %d) died: signal: killed", last); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Load = %v; want %q", err, want)
	}
	// All speakers are in worker 0, so the copies that its viewers should have are known.
	o := totals(t, c)
	if o.Sent < 10 || o.Expected != 6*o.Sent || o.Delivered != o.Expected || o.Lost != 0 || o.Dead != 1 {
		t.Errorf("sent %d, expected %d, delivered %d, lost %d, %d workers dead; want six copies of each and 1", o.Sent, o.Expected, o.Delivered, o.Lost, o.Dead)
	}
}

// TestCrew_StoppedLoadKeepsItsFigures: a load that is given up still has its figures.
func TestCrew_StoppedLoadKeepsItsFigures(t *testing.T) {
	t.Parallel()
	s := newParlour(t, nil)
	p := s.plan()
	p.Duration = time.Minute
	c := start(t, p, 2, InProcess())
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() { // ends with the tenth message
		<-s.said
		stop()
	}()
	if err := c.Load(ctx, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %v; want context.Canceled", err)
	}
	o := totals(t, c)
	if o.Sent < 10 || o.Sent > 2000 || o.Expected != 12*o.Sent || o.Delivered != o.Expected || o.Measured.Elapsed <= 0 {
		t.Errorf("sent %d, expected %d, delivered %d in %v; want twelve copies of each", o.Sent, o.Expected, o.Delivered, o.Measured.Elapsed)
	}
}

func TestStart_RefusesWhatCannotBe(t *testing.T) {
	f := func(p Plan, want string) {
		t.Helper()
		if _, err := Start(t.Context(), p, 1, InProcess()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start = %v; want %q", err, want)
		}
	}
	f(Plan{Dialect: "irc"}, `cannot speak "irc"`)
	f(Plan{Dialect: "fastim", Deflate: true}, `cannot deflate in dialect "fastim": only native agrees`)
	f(Plan{Dialect: "raw"}, "no targets")
	f(Plan{Dialect: "raw", Targets: []string{"nowhere"}}, `target "nowhere"`)
	f(Plan{Dialect: "raw", Targets: []string{":1"}, Rooms: []Room{{Viewers: 3, Slow: 3, Rate: 1}}}, "none of its 3 viewers can speak")
}

func TestWork_SaysThatThereIsNoPlan(t *testing.T) {
	if err := Work(t.Context(), strings.NewReader(`{"stop":true}`), io.Discard); err == nil || !strings.Contains(err.Error(), "no plan") {
		t.Errorf("Work = %v; want that there is no plan", err)
	}
	if err := Work(t.Context(), strings.NewReader(""), io.Discard); !errors.Is(err, io.EOF) {
		t.Errorf("Work = %v; want io.EOF", err)
	}
}

func TestFit_LeavesSomeToSpare(t *testing.T) {
	f := func(openFiles, want int) {
		t.Helper()
		if got := Fit(openFiles); got != want {
			t.Errorf("Fit(%d) = %d; want %d", openFiles, got, want)
		}
	}
	f(20_000, 19_900)
	f(50, 0)
}
