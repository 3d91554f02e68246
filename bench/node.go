package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"

	"barrage/internal/child"
)

// Node is a server process of ours that the load runs against.
type Node struct {
	// Public is where its clients connect, Admin where its metrics are: host:port.
	Public, Admin string

	child.Process
}

// setUp makes p the program called name, not started yet, which Ctrl-C does not reach: we still need it then.
func setUp(p *child.Process, name string, args ...string) {
	p.Cmd = exec.Command(name, args...)
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cmd.Stderr = &p.Said
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
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := n.Await(ctx, n.ready); err != nil { // clients can be sent to it once it has reached its Redis
		n.Stop()
		return nil, fmt.Errorf("cannot use the node: %w", err)
	}
	return n, nil
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
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // The status says enough without.
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
	setUp(&n.Process, self, args...)
	n.Cmd.Env = append(os.Environ(), env...)
	ready, ended, err := child.StartNode(ctx, n.Cmd)
	n.Public, n.Admin, n.Ended = ready.Public, ready.Admin, ended
	switch {
	case err != nil && ended == nil:
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", err, n.Why())
	}
	return n, nil
}
