package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/redistest"
)

// Storms, on real nodes.

// stormFrame is what these tests read of any frame.
type stormFrame struct {
	T       string `json:"t"`
	ID      string `json:"id"`
	UserID  string `json:"user_id"`
	TS      int64  `json:"ts"`
	Code    string `json:"code"`
	Retry   int64  `json:"retry_after_ms"`
	Level   int    `json:"level"`
	Shown   int    `json:"shown"`
	Offered int    `json:"offered"`

	Messages []struct {
		ID string `json:"id"`
	} `json:"messages"`
}

// native opens a native socket of a room and gives each frame to hear, until ctx ends.
func (n *node) native(tb testing.TB, ctx context.Context, room, user string, hear func(stormFrame)) *websocket.Conn {
	tb.Helper()
	conn, _, err := websocket.Dial(ctx, "ws://"+n.addr+escaped("/v1/rooms", room, "ws")+"?user_id="+user+"&token=t", //nolint:bodyclose // coder/websocket has read it
		&websocket.DialOptions{Subprotocols: []string{"barrage.v1"}})
	if err != nil {
		tb.Fatal(err)
	}
	conn.SetReadLimit(4 << 20)
	go func() { // ends with the connection
		for {
			_, text, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var f stormFrame
			if json.Unmarshal(text, &f) == nil {
				hear(f)
			}
		}
	}()
	tb.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// shed is how many messages a node has left out, by its metrics.
func (n *node) shed(tb testing.TB) (sum int) {
	tb.Helper()
	for _, m := range regexp.MustCompile(`(?m)^barrage_shed_messages_total\{.*\} (\d+)$`).FindAllStringSubmatch(get(tb, "http://"+n.admin+"/metrics").body, -1) {
		v, err := strconv.Atoi(m[1])
		if err != nil {
			tb.Fatal(err)
		}
		sum += v
	}
	return sum
}

// TestStorm_TheSameSurvivorsEverywhere: three nodes are offered many times what a room takes. Viewers on all of them
// see the same messages in the same order, and all gifts are among them. Every sender is answered, and the accounts
// sum. Viewers are notified how many of how many they see, and when it is over.
func TestStorm_TheSameSurvivorsEverywhere(t *testing.T) {
	t.Parallel()
	const senders, each = 60, 100
	settings := append(onRedis(redistest.Start(t)), "storm.room_rate=100", "storm.room_burst=100", "history.max_messages=100000")
	nodes := []*node{startNode(t, settings...), startNode(t, settings...), startNode(t, settings...)}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	var mu sync.Mutex
	var seen [3][]string
	var storms, over [3]int
	for i, n := range nodes {
		n.native(t, ctx, "storm", fmt.Sprint("viewer", i), func(f stormFrame) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range f.Messages {
				seen[i] = append(seen[i], m.ID)
			}
			if f.T == "storm" && f.Level > 0 && f.Offered > f.Shown {
				storms[i]++
			}
			if f.T == "storm" && f.Level == 0 && f.Offered == f.Shown {
				over[i]++
			}
		})
	}
	var acked, shed, gifts, others, waiting atomic.Int64
	answer := func(f stormFrame) {
		switch {
		case f.T == "ack" && f.ID[0] == 'g':
			gifts.Add(1)
		case f.T == "ack":
			acked.Add(1)
		case f.T == "refused" && f.Code == "shed" && f.Retry > 0 && f.Retry <= 10_000:
			shed.Add(1)
		case f.T == "refused":
			others.Add(1)
		default:
			return
		}
		waiting.Add(-1)
	}
	var all sync.WaitGroup
	say := func(conn *websocket.Conn, id, kind string) {
		waiting.Add(1)
		if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"t":"send","id":%q,"kind":%q,"body":"x"}`, id, kind)); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for s := range senders {
		conn := nodes[s%3].native(t, ctx, "storm", fmt.Sprint("u", s), answer)
		all.Go(func() {
			tick := time.NewTicker(30 * time.Millisecond)
			defer tick.Stop()
			for i := range each {
				say(conn, fmt.Sprintf("u%d-%d", s, i), "chat")
				<-tick.C
			}
		})
	}
	for g := range 3 {
		conn := nodes[g].native(t, ctx, "storm", fmt.Sprint("giver", g), answer)
		all.Go(func() {
			tick := time.NewTicker(300 * time.Millisecond)
			defer tick.Stop()
			for i := range each / 10 {
				say(conn, fmt.Sprintf("g%d-%d", g, i), "gift")
				<-tick.C
			}
		})
	}
	all.Wait()
	eventually(t, func() error {
		if n := waiting.Load(); n != 0 {
			return fmt.Errorf("%d messages have no answer", n)
		}
		return nil
	})
	eventually(t, func() error {
		mu.Lock()
		defer mu.Unlock()
		for i := range seen {
			if got, want := int64(len(seen[i])), acked.Load()+gifts.Load(); got != want || over[i] == 0 {
				return fmt.Errorf("viewer %d has seen %d messages, told %d times that it is over; want %d and once", i, got, over[i], want)
			}
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	for i := range seen {
		if !slices.Equal(seen[i], seen[0]) || storms[i] == 0 {
			t.Errorf("viewer %d has seen other messages than viewer 0, or another order; told of the storm %d times", i, storms[i])
		}
	}
	counted := 0
	for _, n := range nodes {
		counted += n.shed(t)
	}
	if gifts.Load() != 3*each/10 || others.Load() != 0 || int64(counted) != shed.Load() || acked.Load()+shed.Load() != senders*each || shed.Load() < acked.Load() {
		t.Errorf("of %d messages %d stored, %d left out (metrics: %d), %d refused otherwise; of %d gifts %d stored", senders*each, acked.Load(), shed.Load(), counted, others.Load(), 3*each/10, gifts.Load())
	}
	t.Logf("of %d messages %d stored, %d left out; all %d gifts stored", senders*each, acked.Load(), shed.Load(), gifts.Load())
}
