package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/await"
	"barrage/internal/built"
	"barrage/internal/child"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// program is the path of the built binary; set by TestMain.
var program string

func TestMain(m *testing.M) {
	if own, err := filepath.Abs("../.bin"); err == nil { // where .ci/setup puts what Debian has no package of
		_ = os.Setenv("PATH", os.Getenv("PATH")+":"+own)
	}
	os.Exit(built.Run(m, &program))
}

// node is one process of `barrage serve`.
type node struct {
	cmd    *exec.Cmd
	addr   string          // host:port, public
	admin  string          // host:port, admin
	exited <-chan struct{} // closed once the process was waited for
	log    string          // the file that has its output
}

// startNode runs a node with settings as "room.auto_join=false" until the test ends, and waits until it is ready.
func startNode(tb testing.TB, settings ...string) *node {
	tb.Helper()
	return startNodeWith(tb, func(*exec.Cmd) {}, settings...)
}

// startNodeWith is startNode whose command a test may change before it runs.
func startNodeWith(tb testing.TB, change func(*exec.Cmd), settings ...string) *node {
	tb.Helper()
	dir := tb.TempDir() // no config.yaml
	n := &node{cmd: exec.Command(program, "serve"), log: filepath.Join(dir, "log")}
	log, err := os.Create(n.log)
	noError(tb, err)
	n.cmd.Dir, n.cmd.Stdout, n.cmd.Stderr = dir, log, log
	n.cmd.Env = built.Environment(append([]string{"server.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0"}, settings...)...)
	change(n.cmd)
	ready, exited, err := child.StartNode(tb.Context(), n.cmd) // a test that dies cannot stop it
	_ = log.Close()                                            // the process has its own
	noError(tb, err)
	n.addr, n.admin, n.exited = ready.Public, ready.Admin, exited
	tb.Cleanup(func() {
		n.stop()
		if tb.Failed() {
			text, _ := os.ReadFile(n.log)
			tb.Logf("output of the node at %s:\n%s", n.addr, text)
		}
	})
	n.wantReady(tb)
	return n
}

// stop ends the process: gently, or by force where that takes longer than a test waits.
func (n *node) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-n.exited:
	case <-time.After(3 * patience):
		_ = n.cmd.Process.Kill()
		<-n.exited
	}
}

// wantReady waits until new clients may come.
func (n *node) wantReady(tb testing.TB) {
	tb.Helper()
	eventually(tb, func() error {
		status, body := get(tb, "http://"+n.admin+"/readyz")
		if status != http.StatusOK {
			return fmt.Errorf("/readyz = %d %q; want 200", status, body)
		}
		return nil
	})
}

// join opens a native socket in a room, and has it read until the test ends.
func (n *node) join(tb testing.TB, room, user string) *websocket.Conn {
	tb.Helper()
	ws, _, err := websocket.Dial(tb.Context(), "ws://"+n.addr+"/v1/rooms/"+room+"/ws?user_id="+user+"&token=x", //nolint:bodyclose // coder/websocket closes it
		&websocket.DialOptions{Subprotocols: []string{"barrage.v1"}})
	noError(tb, err)
	ws.SetReadLimit(1 << 20)
	tb.Cleanup(func() { _ = ws.CloseNow() })
	return ws
}

// say sends a frame, and reads until one has come that begins so.
func say(tb testing.TB, ws *websocket.Conn, frame, until string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	noError(tb, ws.Write(ctx, websocket.MessageText, []byte(frame)))
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			tb.Fatalf("waiting for a frame with %s: %v", until, err)
		}
		if strings.Contains(string(text), until) {
			return
		}
	}
}

// get is the answer to a GET.
func get(tb testing.TB, url string) (status int, body string) {
	tb.Helper()
	return do(tb, http.MethodGet, url, "")
}

// do is the answer to a request.
func do(tb testing.TB, method, url, body string) (status int, answer string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	noError(tb, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	noError(tb, err)
	read, err := io.ReadAll(resp.Body)
	noError(tb, errors.Join(err, resp.Body.Close()))
	return resp.StatusCode, string(read)
}

// eventually is [await.NoError] with this package's patience.
func eventually(tb testing.TB, check func() error) {
	tb.Helper()
	await.NoError(tb, patience, check)
}

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// tool is the path of a program that .ci/setup installs; the test is skipped where a machine cannot have it.
func tool(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	tb.Skipf("%s is not installed: .ci/setup installs it from Debian's packages", names[0])
	return ""
}

// run runs a program to its end, and fails the test where its exit code is not 0.
func run(tb testing.TB, name string, args ...string) {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), name, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
