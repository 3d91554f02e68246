package contract

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"barrage/internal/redistest"
)

// saying sends one message over a native socket, and reports what became of it: ack, or the code of its refusal.
type saying struct {
	conn    *websocket.Conn
	answers chan stormFrame
}

// speaksOn opens a native socket for a user of room order.
func (n *node) speaksOn(t *testing.T, ctx context.Context, user string) *saying {
	t.Helper()
	s := &saying{answers: make(chan stormFrame, 64)}
	s.conn = n.native(t, ctx, "order", user, func(f stormFrame) {
		if (f.T == "ack" || f.T == "refused") && f.ID != "" {
			s.answers <- f
		}
	})
	return s
}

func (s *saying) send(t *testing.T, id string) {
	t.Helper()
	if err := s.conn.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"t":"send","id":%q,"body":%q}`, id, id)); err != nil {
		t.Fatal(err)
	}
}

// want waits for the answer to a message.
func (s *saying) want(t *testing.T, id, verdict string) {
	t.Helper()
	if got := s.verdict(t, id); got != verdict {
		t.Errorf("%s: %s; want %s", id, got, verdict)
	}
}

// verdict is the answer to a message.
func (s *saying) verdict(t *testing.T, id string) (got string) {
	t.Helper()
	eventually(t, func() error {
		select {
		case f := <-s.answers:
			if f.ID == id {
				got = strings.TrimPrefix(f.T+f.Code, "refused")
				return nil
			}
		default:
		}
		return fmt.Errorf("%s has no answer", id)
	})
	return got
}

// stop has a node stand still until it gets SIGCONT. When it returns none of its threads runs.
func (n *node) stop(t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", n.cmd.Process.Pid))
		if err != nil || len(threads) == 0 {
			return fmt.Errorf("no threads: %w", err)
		}
		for _, path := range threads {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, state, _ := strings.Cut(string(text), ") ") // behind the name, see proc_pid_stat(5)
			if !strings.HasPrefix(state, "T") {
				return fmt.Errorf("%s: state %.1s; want T", path, state)
			}
		}
		return nil
	})
}

// TestOrder_WhoeverWasAwayLetsNothingIn: a node stood still, lost its link, or has just started. It lets nothing in of
// a user whom another node muted meanwhile, though that is the first thing it does.
func TestOrder_WhoeverWasAwayLetsNothingIn(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	settings := append(onRedis(server), "limits.enabled=false")
	judge, late := startNode(t, settings...), startNode(t, settings...)
	redis := dialRedis(t, server)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	u := late.speaksOn(t, ctx, "u")
	mute := func(verb string) {
		t.Helper()
		if !judge.verdict(t, "order", fmt.Sprintf(`{"verb":%q,"user_id":"u"}`, verb)) {
			t.Fatalf("cannot %s", verb)
		}
	}
	heardAgain := func(id string) { // the node has yet to learn that nothing is forbidden any more
		t.Helper()
		mute("unmute")
		tries := 0
		eventually(t, func() error {
			tries++
			again := fmt.Sprint(id, "-", tries, "-after")
			u.send(t, again)
			if got := u.verdict(t, again); got != "ack" {
				return fmt.Errorf("%s: %s; want ack", again, got)
			}
			return nil
		})
	}
	const rounds = 10
	for i := range rounds {
		id := fmt.Sprint("stopped-", i)
		late.stop(t)
		if i%2 == 0 { // it lies there when the node goes on, or comes behind the event
			u.send(t, id)
		}
		mute("mute")
		if err := late.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			u.send(t, id)
		}
		u.want(t, id, "muted")
		heardAgain(id)
	}
	for i := range rounds {
		id := fmt.Sprint("parted-", i)
		redis.do("CLIENT", "KILL", "TYPE", "pubsub")
		mute("mute")
		u.send(t, id)
		u.want(t, id, "muted")
		heardAgain(id)
	}
	mute("mute")
	fresh := startNode(t, settings...)
	first := fresh.speaksOn(t, ctx, "u")
	first.send(t, "started")
	first.want(t, "started", "muted")
	bodies := stored(redis, "order")
	for _, body := range bodies {
		if !strings.HasSuffix(body, "-after") {
			t.Errorf("%s was stored while its sender was muted", body)
		}
	}
	if len(bodies) != 2*rounds {
		t.Errorf("%d messages are stored; want the %d that were allowed", len(bodies), 2*rounds)
	}
}
