package hostile

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// dial opens a FastIM chat from an address.
func (n *node) dial(ctx context.Context, from, group, user string) (*websocket.Conn, *http.Response, error) {
	path := "/group/chat/" + url.PathEscape(group) + "/" + url.PathEscape(user) + "/any"
	c, resp, err := websocket.Dial(ctx, "ws://"+n.public+path, &websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {from}}})
	if err == nil {
		c.SetReadLimit(4 << 20)
	}
	return c, resp, err
}

// legit are people who chat in a room: each says something four times a second, all hear it.
type legit struct {
	n       *node
	reader  *websocket.Conn
	writers []*websocket.Conn

	mu    sync.Mutex // guards the fields below
	sent  map[string]time.Time
	waits []time.Duration // of those that came
	twice int
}

const (
	people = 10
	// pace is within limits.message_rate, 5 a second.
	pace = 250 * time.Millisecond
	// house is their address.
	house = "198.51.100.7"
)

func newLegit(n *node) *legit {
	n.tb.Helper()
	l := &legit{n: n, sent: map[string]time.Time{}}
	for i := range people + 1 {
		c, _, err := n.dial(n.tb.Context(), house, "legit", fmt.Sprint("person", i)) //nolint:bodyclose // there is no body after a 101
		if err != nil {
			n.tb.Fatalf("a person cannot come in: %v", err)
		}
		n.tb.Cleanup(func() { _ = c.CloseNow() })
		if i == people {
			l.reader = c
			break
		}
		l.writers = append(l.writers, c)
		go func() { // ends with the connection
			for {
				if _, _, err := c.Read(context.Background()); err != nil {
					return
				}
			}
		}()
	}
	go l.read()
	return l
}

// read ends with the connection.
func (l *legit) read() {
	for {
		_, b, err := l.reader.Read(context.Background())
		if err != nil {
			return
		}
		_, info, _ := strings.Cut(string(b), `"info":"`)
		info, _, ok := strings.Cut(info, `"`)
		if !ok || strings.HasPrefix(string(b), `{"list"`) {
			continue
		}
		l.mu.Lock()
		if at, ok := l.sent[info]; ok {
			l.waits = append(l.waits, time.Since(at))
			delete(l.sent, info)
		} else if strings.Count(info, "-") == 2 { // one of theirs
			l.twice++
		}
		l.mu.Unlock()
	}
}

// figures are what the people met in a time.
type figures struct {
	sent, lost int
	p50, p99   time.Duration
}

// chat has them chat for a while, and waits for what was said to come.
func (l *legit) chat(what string, d time.Duration) figures {
	l.n.tb.Helper()
	l.mu.Lock()
	l.waits, l.sent = nil, map[string]time.Time{}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.n.tb.Context(), d)
	defer cancel()
	var talking sync.WaitGroup
	for i, w := range l.writers {
		talking.Go(func() { // ends with ctx
			tick := time.NewTicker(pace)
			defer tick.Stop()
			<-time.After(pace / people * time.Duration(i)) // not all at once
			for k := 0; ctx.Err() == nil; k++ {
				info := fmt.Sprintf("%s-%d-%d", what, i, k)
				l.mu.Lock()
				l.sent[info] = time.Now()
				l.mu.Unlock()
				if err := w.Write(context.Background(), websocket.MessageText, []byte(info)); err != nil {
					l.n.tb.Errorf("a person cannot speak: %v", err)
					return
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	talking.Wait()
	waiting := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.sent)
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); waiting() > 0 && time.Now().Before(end); {
		<-look.C // what was said is on its way
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := figures{sent: len(l.waits) + len(l.sent), lost: len(l.sent)}
	if len(l.waits) > 0 {
		slices.Sort(l.waits)
		f.p50, f.p99 = l.waits[len(l.waits)/2], l.waits[len(l.waits)*99/100]
	}
	if l.twice > 0 {
		l.n.tb.Errorf("%d messages came twice", l.twice)
	}
	return f
}

// newcomers has people of other addresses come in, one after the other, until ctx ends. All must get in.
func (l *legit) newcomers(ctx context.Context) (came int, slowest time.Duration) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		begun := time.Now()
		wait, cancel := context.WithTimeout(context.Background(), patience)
		c, _, err := l.n.dial(wait, fmt.Sprint("192.0.2.", 1+came), "legit", fmt.Sprint("newcomer", came)) //nolint:bodyclose // there is no body after a 101
		cancel()
		if err != nil {
			l.n.tb.Errorf("newcomer %d is refused after %v: %v", came, time.Since(begun), err)
			return came, slowest
		}
		_ = c.CloseNow()
		came, slowest = came+1, max(slowest, time.Since(begun))
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return came, slowest
}

// floor is what a wait may always be: the attacker has the cores of its victims.
const floor = 150 * time.Millisecond

// during has people chat on a node, then beside an attacker, who goes on until ctx ends. It returns by how much the
// node has grown.
func during(t *testing.T, n *node, attack func(ctx context.Context)) (grown int64) {
	t.Helper()
	l := newLegit(n)
	long := time.Second
	if *table == "" { // nobody's waits are held
		long /= 2
	}
	calm := l.chat("calm", 2*long)
	before := n.resident()
	ctx, stop := context.WithCancel(t.Context())
	var attacker, crowd sync.WaitGroup
	attacker.Go(func() { attack(ctx) })
	crowded, enough := context.WithCancel(t.Context())
	came, slowest := 0, time.Duration(0)
	crowd.Go(func() { came, slowest = l.newcomers(crowded) })
	hostile := l.chat("hostile", 4*long)
	grown = n.resident() - before
	enough()
	crowd.Wait()
	stop()
	attacker.Wait()
	after := l.chat("after", long)
	t.Logf("calm %+v, under attack %+v, after %+v; %d newcomers took %v at most; the node grew by %d MiB", calm, hostile, after, came, slowest, grown>>20)
	if most := 2 * time.Second; *table != "" && slowest > most {
		t.Errorf("a newcomer waited for %v; want at most %v", slowest, most)
	}
	for what, f := range map[string]figures{"before": calm, "under attack": hostile, "after": after} {
		if f.lost > 0 || f.sent == 0 {
			t.Errorf("%s: %d of %d messages of the others are lost", what, f.lost, f.sent)
		}
	}
	// How long they wait is held where nothing else has the cores: beside other tests it says how busy the machine is.
	if most := max(3*calm.p99, floor); *table != "" && hostile.p99 > most {
		t.Errorf("under attack others wait for %v (p99); want at most %v, three times the calm %v", hostile.p99, most, calm.p99)
	}
	row(t, calm, hostile, grown)
	return grown
}
