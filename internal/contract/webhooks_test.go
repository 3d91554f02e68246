package contract

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/redistest"
)

// A backend receives the events of rooms from three nodes, of which one dies.

// backend is a service that takes webhooks, and checks them by the specification.
type backend struct {
	*httptest.Server
	t   *testing.T
	key string

	mu     sync.Mutex // guards the fields below
	calls  int
	events []hookEvent // in the order of their coming, each once
	seen   map[string]bool
	again  int // events that came again
	// refuse reports whether a call is refused, by how many there were before.
	refuse func(n int) bool
}

// hookEvent is an event as docs/webhooks.md has it.
type hookEvent struct {
	Type, ID, Room, Epoch string
	At                    int64
	Message               struct {
		Seq  uint64
		Body string
	}
	Lost struct{ Count, From, To uint64 }
}

func newBackend(t *testing.T, refuse func(n int) bool) *backend {
	t.Helper()
	b := &backend{t: t, key: "a key of 32 bytes for the backend", seen: map[string]bool{}, refuse: refuse}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

// settings are those of a node that notifies the backend.
func (b *backend) settings() []string {
	return []string{"webhooks.url=" + b.URL + "/hooks", "webhooks.secret=whsec_" + base64.StdEncoding.EncodeToString([]byte(b.key))}
}

// ServeHTTP takes a call.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the node that called has died
	}
	mac := hmac.New(sha256.New, []byte(b.key))
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
		b.t.Errorf("webhook-signature = %q; want %q", r.Header.Get("webhook-signature"), want)
	}
	var call struct{ Data struct{ Events []hookEvent } }
	if err := json.Unmarshal(body, &call); err != nil || len(call.Data.Events) == 0 || len(call.Data.Events) > 100 {
		b.t.Errorf("a call brings %d events, %v: %.200s", len(call.Data.Events), err, body)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.refuse != nil && b.refuse(b.calls-1) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	for _, e := range call.Data.Events {
		if b.seen[e.ID] {
			b.again++
			continue
		}
		b.seen[e.ID] = true
		b.events = append(b.events, e)
	}
}

// told are the numbers of a room's messages in the order in which they came, and how many are lost.
func (b *backend) told(room string) (numbers []uint64, lost uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Room == room && e.Type == "message" {
			numbers = append(numbers, e.Message.Seq)
		}
		if e.Room == room && e.Type == "lost" {
			lost += e.Lost.Count
		}
	}
	return numbers, lost
}

// counted are the events of a room of a type.
func (b *backend) counted(room, kind string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Room == room && e.Type == kind {
			n++
		}
	}
	return n
}

// within asks again and again until check has no complaint, for longer than eventually.
func within(tb testing.TB, most time.Duration, check func() error) {
	tb.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(most); ; <-ticker.C {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("still after %v: %v", most, err)
		}
	}
}

// chatter sends something in a room twice a tick until stop, or until its node dies. It reads what it receives.
func (n *node) chatter(t *testing.T, room, user string) (stop func()) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws://"+n.addr+"/v1/rooms/"+room+"/ws?token=t&user_id="+user, //nolint:bodyclose // there is no body after a 101
		&websocket.DialOptions{Subprotocols: []string{"barrage.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { // ends with the connection
		for err == nil {
			_, _, err = conn.Read(t.Context())
		}
	})
	all.Go(func() { // ends with stop, or the connection
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			for j := range 2 {
				op := fmt.Sprintf(`{"t":"send","id":"%s-%d-%d","body":"%d"}`, user, i, j, i)
				if conn.Write(t.Context(), websocket.MessageText, []byte(op)) != nil {
					return
				}
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	stop = sync.OnceFunc(func() {
		close(done)
		_ = conn.CloseNow()
		all.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// seq is the number of a room's newest message.
func (n *node) seq(tb testing.TB, room string) uint64 {
	tb.Helper()
	var answer struct{ Seq uint64 }
	if r := get(tb, "http://"+n.addr+"/v1/rooms/"+room); json.Unmarshal([]byte(r.body), &answer) != nil || r.status != http.StatusOK {
		tb.Fatalf("room %s: %d %s", room, r.status, r.body)
	}
	return answer.Seq
}

// TestWebhooks_ANodeThatDiesLosesNoMessage: three nodes and one Redis; the backend refuses a call now and then; the
// node that notifies it is killed while people talk. Every message that was stored is delivered, each room in its
// order, once but for those that were on their way when the node died.
func TestWebhooks_ANodeThatDiesLosesNoMessage(t *testing.T) {
	t.Parallel()
	b := newBackend(t, func(n int) bool { return n == 3 || n == 40 })
	settings := append(onRedis(redistest.Start(t)), b.settings()...)
	nodes := []*node{startNode(t, settings...)}
	eventually(t, func() error { // it has the rosters before the others start
		if text := get(t, "http://"+nodes[0].admin+"/metrics").body; !strings.Contains(text, "\nbarrage_webhook_rosters 4\n") {
			return fmt.Errorf("the first node has not all rosters")
		}
		return nil
	})
	for range 2 {
		nodes = append(nodes, startNode(t, settings...))
	}
	const shared = 5
	var rooms []string
	var stops []func()
	for i := range shared {
		room := fmt.Sprintf("shared-%d", i)
		rooms = append(rooms, room)
		for j, n := range nodes {
			stops = append(stops, n.chatter(t, room, fmt.Sprintf("u%d", j)))
		}
	}
	rooms = append(rooms, "own") // of the node that dies alone
	stops = append(stops, nodes[0].chatter(t, "own", "u"))
	within(t, 30*time.Second, func() error {
		for _, room := range rooms {
			if numbers, _ := b.told(room); len(numbers) < 100 {
				return fmt.Errorf("of %s %d messages are told", room, len(numbers))
			}
		}
		return nil
	})

	nodes[0].expected = true
	if err := nodes[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-nodes[0].exited
	killed := time.Now()
	before := nodes[1].seq(t, rooms[0])
	eventually(t, func() error {
		if now := nodes[1].seq(t, rooms[0]); now < before+200 {
			return fmt.Errorf("%s has got to %d from %d", rooms[0], now, before)
		}
		return nil
	})
	for _, stop := range stops {
		stop()
	}
	var all, told int
	within(t, time.Minute, func() error {
		all, told = 0, 0
		for _, room := range rooms {
			stored := nodes[1].seq(t, room)
			numbers, lost := b.told(room)
			if lost > 0 {
				t.Fatalf("%d messages of %s are lost; want none: the history is long enough", lost, room)
			}
			if !slices.IsSorted(numbers) {
				t.Fatalf("%s is told out of order: %v", room, numbers)
			}
			all, told = all+int(stored), told+len(numbers)
			if uint64(len(numbers)) != stored {
				return fmt.Errorf("of %s %d of %d messages are told", room, len(numbers), stored)
			}
		}
		return nil
	})
	b.mu.Lock()
	t.Logf("%d of %d messages in %d calls; %d came again; the last one %v after the node died", told, all, b.calls, b.again, time.Since(killed).Round(100*time.Millisecond))
	b.mu.Unlock()
	for _, room := range rooms {
		if n := b.counted(room, "room_opened"); n != 1 {
			t.Errorf("%s opened %d times; want once", room, n)
		}
	}
	within(t, 2*time.Minute, func() error { // also of the room whose node died
		for _, room := range rooms {
			if n := b.counted(room, "room_closed"); n != 1 {
				return fmt.Errorf("%s closed %d times; want once", room, n)
			}
		}
		return nil
	})
}
