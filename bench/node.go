package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"barrage/internal/child"
)

// Node is a server process of ours that the load runs against.
type Node struct {
	// Public is where its clients connect, Admin where its metrics are: host:port.
	Public, Admin string

	process
}

// process is a child that Ctrl-C does not reach, because we still need it then.
type process struct {
	cmd   *exec.Cmd
	said  tail
	ended <-chan struct{} // closed once it has ended and was waited for
}

// prepare makes it the program called name, which is not started yet.
func (p *process) prepare(name string, args ...string) {
	p.cmd = exec.Command(name, args...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = &p.said
}

// Stop ends the process and waits for it. It has nothing to save, and a node thousands of clients to say goodbye to, so
// it is not asked.
func (p *process) Stop() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// why says how it ended, once it has, and what it said last.
func (p *process) why() error {
	<-p.ended
	text := p.said.String()
	if text == "" {
		return errors.New(p.cmd.ProcessState.String())
	}
	return fmt.Errorf("%v: %s", p.cmd.ProcessState, text)
}

// StartNode runs this very program as a node on free ports, with further settings from env
// (BARRAGE_...=value), and waits until it is ready. Without BARRAGE_REDIS_ADDRS it keeps
// everything in memory. Stop it.
func StartNode(ctx context.Context, env ...string) (*Node, error) {
	n, err := startNode(ctx, append([]string{"BARRAGE_SERVER_LISTEN=127.0.0.1:0", "BARRAGE_ADMIN_LISTEN=127.0.0.1:0", "BARRAGE_LOG_LEVEL=warn"}, env...),
		"serve", "--config", os.DevNull)
	if err != nil {
		return nil, err
	}
	if err := n.awaitReady(ctx); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

// awaitReady waits until the node says that clients can be sent to it: that it has reached
// its Redis.
func (n *Node) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := n.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-n.ended:
			return fmt.Errorf("cannot use the node: it ended before it was ready: %w", n.why())
		case <-ctx.Done():
			return fmt.Errorf("cannot use the node: it is not ready: %w", err)
		}
	}
}

// ready is nil when the node's /readyz is 200.
func (n *Node) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Admin+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, tailBytes)) // The status says enough without.
		return fmt.Errorf("http://%s/readyz answers %s: %s", n.Admin, resp.Status, bytes.TrimSpace(why))
	}
	return nil
}

// StartBaseline runs a server of package baseline, one of [Baselines], in a process of its own. Stop it.
func StartBaseline(ctx context.Context, name string) (*Node, error) {
	return startNode(ctx, nil, "bench", name, "--listen", "127.0.0.1:0")
}

func startNode(ctx context.Context, env []string, args ...string) (*Node, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	n := &Node{}
	n.prepare(self, args...)
	n.cmd.Env = append(os.Environ(), env...)
	ready, ended, err := child.StartNode(ctx, n.cmd)
	n.Public, n.Admin, n.ended = ready.Public, ready.Admin, ended
	switch {
	case err != nil && ended == nil:
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", err, n.why())
	}
	return n, nil
}

// tail keeps the last lines that a process wrote.
type tail struct {
	mu   sync.Mutex // guards the field below
	last []byte
}

const tailBytes = 1 << 10

// Write keeps the end of p.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if len(t.last) > tailBytes {
		t.last = bytes.Clone(t.last[len(t.last)-tailBytes:])
	}
	return len(p), nil
}

// String is what was written last.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
