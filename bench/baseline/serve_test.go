package baseline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"barrage/internal/await"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 2)) // the bare server keeps one for itself
	goleak.VerifyTestMain(m)
}

// servers are what each test is about.
var servers = map[string]func(context.Context, net.Listener) error{"hub": ServeHub, "bare": ServeBare}

// start serves a baseline and returns its address. stop ends it and returns what it
// returned; the test's end does that too.
func start(tb testing.TB, serve func(context.Context, net.Listener) error) (addr string, stop func() error) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan struct{})
	var served error
	go func() { // ends with ctx; stop waits for it
		defer close(done)
		served = serve(ctx, ln)
	}()
	stop = func() error {
		cancel()
		select {
		case <-done:
			return served
		case <-time.After(patience):
			return fmt.Errorf("it still serves after %v", patience)
		}
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Errorf("serving ended with %v", err)
		}
	})
	return ln.Addr().String(), stop
}

// member is a client that the library coder/websocket plays.
type member struct {
	tb   testing.TB
	conn *websocket.Conn
}

// join connects and takes the welcome.
func join(tb testing.TB, addr, room, user string) (m member, welcome string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+addr+"/group/chat/"+room+"/"+user+"/t", nil) //nolint:bodyclose // there is no body after a 101
	if err != nil {
		tb.Fatalf("cannot connect: %v", err)
	}
	tb.Cleanup(func() { _ = conn.CloseNow() }) // The test may have closed it.
	m = member{tb, conn}
	return m, m.next()
}

func (m member) say(text string) {
	m.tb.Helper()
	ctx, cancel := context.WithTimeout(m.tb.Context(), patience)
	defer cancel()
	if err := m.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		m.tb.Fatalf("cannot say %q: %v", text, err)
	}
}

func (m member) read() (string, error) {
	ctx, cancel := context.WithTimeout(m.tb.Context(), patience)
	defer cancel()
	_, text, err := m.conn.Read(ctx)
	return string(text), err
}

func (m member) next() string {
	m.tb.Helper()
	text, err := m.read()
	if err != nil {
		m.tb.Fatalf("cannot read: %v", err)
	}
	return text
}

func (m member) wantInfo(want string) {
	m.tb.Helper()
	var got message
	text := m.next()
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Info != want {
		m.tb.Fatalf("read %.80q, err %v; want info %.80q", text, err, want)
	}
}

// metric reads one figure of /metrics; -1 if there is none.
func metric(tb testing.TB, addr, name string) float64 {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				tb.Fatal(err)
			}
			return v
		}
	}
	return -1
}

func TestServe_MessagesHaveTheFormOfFastIM(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			addr, _ := start(t, serve)
			a, welcome := join(t, addr, "r", "u<1>")
			if want := `{"list":[],"total":0}`; welcome != want {
				t.Errorf("welcome of an empty room = %s; want %s", welcome, want)
			}
			before := time.Now().UnixMilli()
			a.say(`im "hello"`)
			text := a.next()
			var got message
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if got.TS < before || got.TS > time.Now().UnixMilli() {
				t.Errorf("ts = %d; want the time of receipt, %d or a little later", got.TS, before)
			}
			if got.GroupID != "r" || got.UserID != "u<1>" || got.Info != `im "hello"` || !strings.HasPrefix(text, `{"groupId":"r","userId":`) {
				t.Errorf("message = %s", text)
			}
		})
	}
}

func TestServe_TotalIsPerRoom(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			addr, _ := start(t, serve)
			a, _ := join(t, addr, "r", "a")
			for i := range 3 {
				a.say("x")
				a.wantInfo("x")
				if _, welcome := join(t, addr, "r", "b"); welcome != fmt.Sprintf(`{"list":[],"total":%d}`, i+1) {
					t.Errorf("after %d messages the welcome is %s", i+1, welcome)
				}
			}
			if _, welcome := join(t, addr, "other", "b"); welcome != `{"list":[],"total":0}` {
				t.Errorf("welcome of another room = %s", welcome)
			}
		})
	}
}

func TestServe_OneOrderForAll(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			addr, _ := start(t, serve)
			const members, said = 4, 50
			var all []member
			for i := range members {
				m, _ := join(t, addr, "r", strconv.Itoa(i))
				all = append(all, m)
			}
			for n := range said {
				for i, m := range all {
					m.say(fmt.Sprintf("%d %d", i, n))
				}
			}
			var first []string
			for i, m := range all {
				next := make([]int, members)
				for k := range members * said {
					text := m.next()
					if i == 0 {
						first = append(first, text)
					}
					if text != first[k] {
						t.Fatalf("member %d got %s in place %d, member 0 %s", i, text, k, first[k])
					}
					var got message
					var sender, number int
					if err := json.Unmarshal([]byte(text), &got); err != nil {
						t.Fatal(err)
					}
					if _, err := fmt.Sscan(got.Info, &sender, &number); err != nil || next[sender] != number {
						t.Fatalf("member %d got %q; want number %d of that sender (%v)", i, got.Info, next[sender], err)
					}
					next[sender]++
				}
			}
		})
	}
}

// choke has fast speak until slow, which reads nothing, was given up, and returns how many messages that took.
func choke(tb testing.TB, addr string, fast, slow member) (said int) {
	tb.Helper()
	fast.conn.SetReadLimit(1 << 20)
	slow.conn.SetReadLimit(1 << 20)
	body := strings.Repeat("x", 60<<10)
	// Large messages fill the kernel's buffers, which take some megabytes. Then the writer is stuck, and small ones fill
	// the queue before it gives up after writeWait, however busy the machine is.
	for metric(tb, addr, "baseline_slow_clients_closed_total") == 0 {
		if said > 20_000 {
			read := 0
			_, err := slow.read()
			for ; err == nil; _, err = slow.read() {
				read++
			}
			tb.Fatalf("the slow client was not given up after %d messages: it could read %d, and then: %v", said, read, err)
		}
		for range 10 {
			fast.say(body)
			fast.wantInfo(body)
		}
		for range queueMessages {
			fast.say("x")
			fast.wantInfo("x")
		}
		said += 10 + queueMessages
	}
	return said
}

func TestServe_SlowClientIsClosedAlone(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			frame := name == "hub" // the bare server cannot send one: the socket takes nothing
			addr, _ := start(t, serve)
			fast, _ := join(t, addr, "r", "fast")
			slow, _ := join(t, addr, "r", "slow")
			said := choke(t, addr, fast, slow)
			read := 0
			for ; ; read++ {
				text, err := slow.read()
				if err == nil && strings.Contains(text, `"userId":"fast"`) {
					continue
				}
				if closed := websocket.CloseStatus(err) == websocket.StatusNoStatusRcvd; err == nil || closed != frame {
					t.Errorf("the slow client's end = %q, %v; a close frame without a status is %v", text, err, frame)
				}
				break
			}
			if read >= said || read < queueMessages {
				t.Errorf("the slow client got %d of %d messages; want those queued before it was closed", read, said)
			}
			fast.say("after")
			fast.wantInfo("after")
			if got := metric(t, addr, "baseline_slow_clients_closed_total"); got != 1 {
				t.Errorf("%v clients were closed; want 1", got)
			}
		})
	}
}

func TestServe_TellsItsUsage(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			addr, _ := start(t, serve)
			if got := metric(t, addr, "process_resident_memory_bytes"); got < 1<<20 {
				t.Errorf("resident memory = %v bytes", got)
			}
			if got := metric(t, addr, "process_cpu_seconds_total"); got <= 0 {
				t.Errorf("CPU time = %v s", got)
			}
		})
	}
}

// goleak looks for what is left when all tests are done.
func TestServe_EndsWithContext(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			addr, stop := start(t, serve)
			a, _ := join(t, addr, "r", "a")
			b, _ := join(t, addr, "other", "b")
			stuck, _ := join(t, addr, "r", "stuck")
			choke(t, addr, a, stuck)
			stopped := await.Start()
			if err := stop(); err != nil {
				t.Fatalf("serving ended with %v", err)
			}
			stopped.WantWithin(t, "serving had ended, though a writer is stuck", writeWait/2)
			for _, m := range []member{a, b} {
				if text, err := m.read(); err == nil {
					t.Errorf("read %q after the end", text)
				}
			}
			if conn, err := net.Dial("tcp", addr); err == nil {
				_ = conn.Close()
				t.Error("the listener is still open")
			}
		})
	}
}

func TestServe_FailedListenerIsAnError(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = ln.Close()
			if err := serve(t.Context(), ln); err == nil || !strings.HasPrefix(err.Error(), "cannot serve the baseline at 127.0.0.1:") {
				t.Errorf("with a closed listener: %v", err)
			}
		})
	}
}
