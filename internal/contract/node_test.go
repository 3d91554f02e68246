package contract

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/built"
	"barrage/internal/child"
	"barrage/internal/redistest"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// program is the path of the built binary; set by TestMain.
var program string

func TestMain(m *testing.M) { os.Exit(built.Run(m, &program)) }

// node is one process of `barrage serve`.
type node struct {
	// Immutable after startNode.
	cmd    *exec.Cmd
	addr   string          // host:port, public
	admin  string          // host:port, admin
	exited <-chan struct{} // closed once the process was waited for
	output output

	expected bool // wantExit has judged the end
}

// startNode runs a node with settings as "room.auto_join=false" until the test ends,
// and waits until it is ready. The end must be a clean one.
func startNode(tb testing.TB, settings ...string) *node {
	tb.Helper()
	n := launchNode(tb, settings...)
	n.wantReady(tb)
	return n
}

// launchNode is startNode without waiting until it is ready.
func launchNode(tb testing.TB, settings ...string) *node {
	tb.Helper()
	n := &node{cmd: exec.Command(program, "serve")}
	n.cmd.Dir = tb.TempDir() // no config.yaml
	n.cmd.Env = built.Environment(append([]string{"server.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "limits.enabled=false", "room.anonymous_join=true"}, settings...)...)
	n.cmd.Stdout, n.cmd.Stderr = &n.output, &n.output
	ready, exited, err := child.StartNode(tb.Context(), n.cmd) // a test that dies cannot stop it
	if err != nil {
		tb.Fatalf("%v; its output:\n%s", err, n.output.String())
	}
	n.addr, n.admin, n.exited = ready.Public, ready.Admin, exited
	tb.Cleanup(func() {
		if !n.expected {
			n.signal(tb)
			n.wantExit(tb, 0, patience)
		}
		if tb.Failed() {
			tb.Logf("output of the node at %s:\n%s", n.addr, n.output.String())
		}
	})
	return n
}

// stores are what a node can keep its state in. A client sees the same on both.
var stores = []string{"memory", "redis"}

// startOn is startNode with a store of its own.
func startOn(tb testing.TB, store string, settings ...string) *node {
	tb.Helper()
	if store == "redis" {
		settings = append(settings, onRedis(redistest.Start(tb))...)
	}
	return startNode(tb, settings...)
}

// onRedis is the setting of a node that uses the server.
func onRedis(s *redistest.Server) []string { return []string{"redis.addrs=" + s.Addr} }

// signal sends SIGTERM.
func (n *node) signal(tb testing.TB) {
	tb.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Errorf("cannot send SIGTERM to the node: %v", err)
	}
}

// wantExit waits for the end of the node and judges it: it takes no longer than within, see [await.Stopwatch]. One that
// does not come is forced.
func (n *node) wantExit(tb testing.TB, code int, within time.Duration) {
	tb.Helper()
	n.expected = true
	w := await.Start()
	select {
	case <-n.exited:
		w.WantWithin(tb, "the node has exited", within)
	case <-time.After(patience):
		tb.Errorf("the node has not exited after %v", patience)
		_ = n.cmd.Process.Kill() // It may have ended just now.
		<-n.exited
		return
	}
	if got := n.cmd.ProcessState.ExitCode(); got != code {
		tb.Errorf("exit code = %d; want %d", got, code)
	}
	if bad := regexp.MustCompile(`.*(panic|BUG:|level=ERROR|DATA RACE).*`).FindString(n.output.String()); bad != "" {
		tb.Errorf("the node wrote %q", bad)
	}
}

// wantReady waits until new clients may come.
func (n *node) wantReady(tb testing.TB) {
	tb.Helper()
	n.wantReadiness(tb, http.StatusOK)
}

// wantNotReady waits until new clients should not come, and returns why.
func (n *node) wantNotReady(tb testing.TB) (why string) {
	tb.Helper()
	return n.wantReadiness(tb, http.StatusServiceUnavailable)
}

func (n *node) wantReadiness(tb testing.TB, status int) (body string) {
	tb.Helper()
	eventually(tb, func() error {
		got := get(tb, "http://"+n.admin+"/readyz")
		if body = strings.TrimSpace(got.body); got.status != status || body == "" {
			return fmt.Errorf("/readyz = %d %q; want %d and a word", got.status, body, status)
		}
		return nil
	})
	return body
}

// response is an HTTP answer, read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

// browser follows no redirects: no answer of a node is one.
var browser = &http.Client{
	Timeout:       patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func get(tb testing.TB, url string) response {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	return send(tb, req)
}

func send(tb testing.TB, req *http.Request) response {
	tb.Helper()
	resp, err := browser.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		tb.Fatalf("%s %s: cannot read the answer: %v", req.Method, req.URL, err)
	}
	return response{resp.StatusCode, resp.Header, string(body)}
}

// eventually is [await.NoError] with this package's patience.
func eventually(tb testing.TB, check func() error) {
	tb.Helper()
	await.NoError(tb, patience, check)
}

// output is what a node prints.
type output struct {
	mu   sync.Mutex // guards the field below
	text strings.Builder
}

// Write keeps p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is all that was printed so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
