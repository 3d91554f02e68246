package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/port"
	"barrage/internal/redistest"
)

// Messages that wait for a moderator, and such that a service looks at, on three nodes.

// TestHeld_ThreeNodesApproveOnce: a message that bob has sent on one node waits; a moderator on another one is
// notified. Operators on all nodes approve it at once, several times: everybody has it once, and bob is notified.
func TestHeld_ThreeNodesApproveOnce(t *testing.T) {
	t.Parallel()
	words := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(words, []byte("rats =hold\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := append(onRedis(redistest.Start(t)), "auth.mode=jwt", "auth.jwt_secret="+jwtSecret, "filter.files="+words)
	nodes := []*node{startNode(t, settings...), startNode(t, settings...), startNode(t, settings...)}
	enter := func(n *node, user string) *client {
		return n.dialNative(t, "live", account{user, jwtFor(t, user, time.Now())})
	}
	bob, carol := enter(nodes[0], "bob"), enter(nodes[1], "carol")
	operator{n: nodes[2]}.want(t, "carol is moderator in live for good", "role", "live", "carol", "moderator")
	carol.wantFrame(`{"t":"you","role":"moderator"`)

	held := func(id string) string {
		t.Helper()
		bob.say(`{"t":"send","id":"` + id + `","body":"oh rats ` + id + `"}`)
		bob.wantFrame(`{"t":"refused","id":"` + id + `","code":"held"`)
		frame := carol.wantFrames(`{"t":"held",`)[0]
		return regexp.MustCompile(`"held":"([^"]+)"`).FindStringSubmatch(frame)[1]
	}
	one, two := held("1"), held("2")
	if stdout, _, code := (operator{n: nodes[2]}).run(t, "held", "live"); code != 0 || strings.Count(stdout, "oh rats") != 2 || !strings.Contains(stdout, one) {
		t.Errorf("barrage admin held: %d, %s; want both", code, stdout)
	}
	var sent atomic.Int64
	var all sync.WaitGroup
	for i := range 9 {
		all.Go(func() {
			stdout, stderr, code := operator{n: nodes[i%3]}.run(t, "approve", "live", one)
			switch {
			case code == 0 && stdout == one+" of live is sent, as message 1\n":
				sent.Add(1)
			case code != 1 || !strings.Contains(stderr, "others have decided about it"):
				t.Errorf("approve: %d, %q, %q", code, stdout, stderr)
			}
		})
	}
	all.Wait()
	if sent.Load() != 1 {
		t.Errorf("%d of 9 have sent it; want one", sent.Load())
	}
	for _, c := range []*client{bob, carol} {
		c.wantFrames(`"state":"approved"`, `"body":"oh rats 1"`)
	}
	operator{n: nodes[1]}.want(t, "bob is muted in live for good", "mute", "live", "bob")
	if _, stderr, code := (operator{n: nodes[0]}).run(t, "approve", "live", two); code != 1 || !strings.Contains(stderr, "end that first") {
		t.Errorf("approving what the muted said: %d, %s; want it refused", code, stderr)
	}
	operator{n: nodes[1]}.want(t, two+" of live is denied", "deny", "live", two, "--reason", "rude")
	for _, c := range []*client{bob, carol} {
		c.wantFrame(`"state":"denied"`)
	}
	var page struct{ Messages []json.RawMessage }
	if err := json.Unmarshal([]byte(get(t, "http://"+nodes[1].addr+"/v1/rooms/live/messages?token="+jwtFor(t, "carol", time.Now())).body), &page); err != nil || len(page.Messages) != 1 {
		t.Errorf("the history has %s, %v; want one message", page.Messages, err)
	}
}

// reviewHook is a service that looks at messages: it denies what has "no" in it, masks "rude", and takes its time.
type reviewHook struct {
	*httptest.Server
	takes          time.Duration
	asked, largest atomic.Int64
}

func newReviewHook(t *testing.T, takes time.Duration) *reviewHook {
	t.Helper()
	h := &reviewHook{takes: takes}
	held, err := port.Hold() // it is nobody's once the service has gone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Free)
	l, err := net.Listen("tcp", held.Addr)
	if err != nil {
		t.Fatal(err)
	}
	h.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ReadHeaderTimeout: patience}}
	h.Start()
	t.Cleanup(h.Close)
	return h
}

func (h *reviewHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct{ Messages []struct{ Body string } }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.asked.Add(1)
	h.largest.Store(max(h.largest.Load(), int64(len(q.Messages))))
	timer := time.NewTimer(h.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}
	type result struct {
		Verdict string `json:"verdict"`
		Body    string `json:"body,omitempty"`
	}
	results := make([]result, len(q.Messages))
	for i, m := range q.Messages {
		switch {
		case strings.HasPrefix(m.Body, "no"):
			results[i] = result{Verdict: "deny"}
		case strings.HasPrefix(m.Body, "rude"):
			results[i] = result{"mask", "****" + m.Body[4:]}
		default:
			results[i] = result{Verdict: "allow"}
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": results}) // the node has gone: nobody is left to answer
}

// TestReview_ThreeNodesShowTheSame: a room has everything reviewed by a service that takes 50 ms. All nodes show the
// same messages in the same order, each sender's in theirs. Nobody sees what is denied, and when the service is gone
// chat goes on, by the fallback. The time that acknowledgements took is logged.
func TestReview_ThreeNodesShowTheSame(t *testing.T) {
	t.Parallel()
	const senders, each = 12, 20
	hook := newReviewHook(t, 50*time.Millisecond)
	settings := append(onRedis(redistest.Start(t)), "hook.review_url="+hook.URL, "hook.secret=a secret of 32 bytes for the hook",
		"hook.review_timeout=2s") // the longest there is: on a busy machine the service may answer after 200 ms, not 50
	nodes := []*node{startNode(t, settings...), startNode(t, settings...), startNode(t, settings...)}
	operator{n: nodes[0]}.want(t, "live goes by review=all", "modes", "live", "review=all")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	var mu sync.Mutex
	var seen [3][]string
	for i, n := range nodes {
		n.native(t, ctx, "live", fmt.Sprint("viewer", i), func(f stormFrame) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range f.Messages {
				seen[i] = append(seen[i], m.ID)
			}
		})
	}
	var took []time.Duration
	denied := 0
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			answers := make(chan stormFrame, each)
			conn := nodes[s%3].native(t, ctx, "live", fmt.Sprint("u", s), func(f stormFrame) {
				if f.T == "ack" || f.T == "refused" {
					answers <- f
				}
			})
			for i := range each {
				begun := time.Now()
				body := []string{"fine", "no", "rude"}[i%3]
				if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"t":"send","id":"%02d-%02d","body":"%s"}`, s, i, body)); err != nil {
					t.Error(err)
					return
				}
				var f stormFrame
				select {
				case f = <-answers:
				case <-time.After(patience):
					t.Errorf("message %d of u%d has no answer", i, s)
					return
				}
				mu.Lock()
				took = append(took, time.Since(begun))
				if f.T == "refused" {
					denied++
				}
				if (f.T == "refused") != (body == "no") || f.T == "refused" && f.Code != "blocked" {
					t.Errorf("%q is answered with %+v", body, f)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	want := senders*each - denied
	eventually(t, func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(seen[0]) != want || len(seen[1]) != want || len(seen[2]) != want {
			return fmt.Errorf("viewers have seen %d, %d and %d messages; want %d", len(seen[0]), len(seen[1]), len(seen[2]), want)
		}
		return nil
	})
	mu.Lock()
	if !slices.Equal(seen[0], seen[1]) || !slices.Equal(seen[0], seen[2]) {
		t.Error("the nodes show different messages, or in different order")
	}
	last := map[string]string{}
	for _, id := range seen[0] {
		if user := id[:2]; id <= last[user] {
			t.Errorf("%s comes behind %s", id, last[user])
		} else {
			last[user] = id
		}
	}
	slices.Sort(took)
	t.Logf("%d acknowledgements with a hook of 50 ms: p50 %v, p99 %v; %d questions, %d messages at most in one",
		len(took), took[len(took)/2], took[len(took)*99/100], hook.asked.Load(), hook.largest.Load())
	if p99 := took[len(took)*99/100]; p99 < 50*time.Millisecond || p99 > 5*time.Second {
		t.Errorf("p99 is %v; want 50 ms and more, and not seconds", p99)
	}
	mu.Unlock()

	hook.CloseClientConnections()
	hook.Close()
	bob := nodes[1].dialNative(t, "live", account{"bob", "t"})
	bob.say(`{"t":"send","id":"x","body":"no, but nobody says so"}`)
	bob.wantFrame(`{"t":"ack","id":"x"`)
	if metrics := get(t, "http://"+nodes[1].admin+"/metrics").body; !strings.Contains(metrics, `barrage_hook_messages_total{hook="review",verdict="fallback"} 1`) ||
		!strings.Contains(metrics, `barrage_hook_questions_total{hook="review",result="away"} 1`) {
		t.Error("the metrics do not have the fallback")
	}
}
