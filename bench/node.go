package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Node is a gateway process that the load runs against.
type Node struct {
	// Public is where its clients connect, Admin where its metrics are.
	Public, Admin netip.AddrPort
	cmd           *exec.Cmd
}

// StartNode runs this very program as a node on free ports, in memory, with further
// settings from env (BARRAGE_...=value). Stop it.
func StartNode(ctx context.Context, env ...string) (*Node, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "serve", "--config", os.DevNull)
	cmd.Env = append(os.Environ(), "BARRAGE_SERVER_LISTEN=127.0.0.1:0", "BARRAGE_ADMIN_LISTEN=127.0.0.1:0", "BARRAGE_LOG_LEVEL=warn")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start a node: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start a node: %w", err)
	}
	n := &Node{cmd: cmd}
	if err := n.readGreeting(out); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

var (
	roomLine    = regexp.MustCompile(`room +http://([^/]+)/`)
	metricsLine = regexp.MustCompile(`metrics +http://([^/]+)/`)
)

func (n *Node) readGreeting(out io.Reader) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := roomLine.FindStringSubmatch(lines.Text()); m != nil {
			n.Public, _ = netip.ParseAddrPort(m[1])
		}
		if m := metricsLine.FindStringSubmatch(lines.Text()); m != nil {
			n.Admin, _ = netip.ParseAddrPort(m[1])
		}
		if n.Public.IsValid() && n.Admin.IsValid() {
			return nil
		}
	}
	return errors.New("cannot use the node: it ended without saying where it listens")
}

// Stop asks the node to leave and waits for it.
func (n *Node) Stop() {
	_ = n.cmd.Process.Signal(syscall.SIGKILL) // it has nothing to save, and 10,000 clients to say goodbye to
	_ = n.cmd.Wait()
}

// Usage is what the node's process has used.
type Usage struct {
	CPU      time.Duration // user and system time since its start
	Resident int64         // bytes
}

// Usage reads /proc.
func (n *Node) Usage() (Usage, error) {
	dir := "/proc/" + strconv.Itoa(n.cmd.Process.Pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("cannot read the node's CPU time: %w", err)
	}
	// The name, field 2, may hold anything up to the last ")" (proc(5)).
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	status, err := os.ReadFile(dir + "/status")
	if err := errors.Join(err, err1, err2); err != nil {
		return Usage{}, fmt.Errorf("cannot read the node's usage: %w", err)
	}
	u := Usage{CPU: time.Duration(user+system) * (time.Second / 100)} // USER_HZ is 100 on Linux
	if m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status); m != nil {
		kib, _ := strconv.ParseInt(string(m[1]), 10, 64)
		u.Resident = kib << 10
	}
	return u, nil
}

// Metrics reads the node's figures by name; labels stay in the name.
func (n *Node) Metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Admin.String()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot read the node's metrics: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && !strings.HasPrefix(name, "#") {
			out[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return out, lines.Err()
}
