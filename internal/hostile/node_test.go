package hostile

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"barrage/internal/built"
	"barrage/internal/child"
	"barrage/internal/env"
	"barrage/internal/redistest"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// program is the path of the built binary; set by TestMain.
var program string

func TestMain(m *testing.M) {
	if public := os.Getenv(peopleVariable); public != "" {
		if err := bePeople(public); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if *table != "" {
		if err := split(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(built.Run(m, &program))
}

// node is one process of `barrage serve`.
type node struct {
	tb      testing.TB
	cmd     *exec.Cmd
	public  string
	cut     atomic.Int64    // sockets of flood and hold that the node has closed
	entered atomic.Int64    // attackers that the node has let in, or has answered where nobody is let in
	log     strings.Builder // read after the end
}

// onBoth attacks a node on the memory store, and one on a Redis of its own.
func onBoth(t *testing.T, attack func(t *testing.T, settings ...string)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { attack(t) })
	t.Run("redis", func(t *testing.T) { attack(t, "REDIS_ADDRS="+redistest.Start(t).Addr) })
}

// openFiles is a setting of startNode: how many files the node may have open.
const openFiles = "OPEN_FILES="

// startNode runs a node with settings as "AUTH_MODE=redis" until the test ends.
func startNode(tb testing.TB, settings ...string) *node {
	tb.Helper()
	n := &node{tb: tb, cmd: exec.Command(program, "serve", "--config", os.DevNull)}
	for _, s := range settings {
		if files, ok := strings.CutPrefix(s, openFiles); ok {
			n.cmd = exec.Command("sh", "-c", `ulimit -n "$0" && exec "$@"`, files, program, "serve", "--config", os.DevNull)
		}
	}
	n.cmd.Env = []string{
		"BARRAGE_SERVER_LISTEN=127.0.0.1:0", "BARRAGE_ADMIN_LISTEN=127.0.0.1:0",
		"BARRAGE_SERVER_TRUSTED_PROXIES=127.0.0.0/8",
	}
	// Go with one core has the pollers wait for its monitor, which no machine has that serves
	if apart.others.Count() == 1 {
		n.cmd.Env = append(n.cmd.Env, "GOMAXPROCS=2")
	}
	n.cmd.Env = append(n.cmd.Env, env.OfTests()...)
	for _, s := range settings {
		if !strings.HasPrefix(s, openFiles) {
			n.cmd.Env = append(n.cmd.Env, "BARRAGE_"+s)
		}
	}
	n.cmd.Stderr = &n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	ready, ended, err := child.StartNode(tb.Context(), n.cmd) // a test that dies cannot stop it
	if err != nil {
		tb.Fatalf("%v:\n%s", err, n.log.String())
	}
	n.public = ready.Public
	tb.Cleanup(func() {
		_ = n.cmd.Process.Kill() // it may have ended
		<-ended
		if text := n.log.String(); strings.Contains(text, "BUG:") || strings.Contains(text, "panic") || strings.Contains(text, "DATA RACE") {
			tb.Errorf("the node met a bug:\n%s", text)
		}
	})
	return n
}

// resident is the memory of the node in bytes.
func (n *node) resident() int64 {
	n.tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		n.tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		n.tb.Fatalf("%s: %v", rest, err)
	}
	return kb << 10
}

// get asks the node from an address; any goroutine may call it.
func (n *node) get(from, path string) (body []byte, err error) {
	req, err := http.NewRequestWithContext(n.tb.Context(), http.MethodGet, "http://"+n.public+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	_, body, err = n.do(req, from)
	return body, err
}

func (n *node) do(req *http.Request, from string, header ...string) (status int, body []byte, err error) {
	req.Header.Set("X-Forwarded-For", from)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, errors.Join(err, resp.Body.Close())
}
