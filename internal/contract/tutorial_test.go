package contract

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"barrage/internal/child"
)

// TestTutorial_ClientsShowAllOnceInOrder: the clients of docs/tutorial.md show each message once and in order, also
// after a drop, and text that is typed during one arrives.
func TestTutorial_ClientsShowAllOnceInOrder(t *testing.T) {
	t.Parallel()
	own, err := filepath.Abs("../../.bin") // where .ci/setup puts what Debian has not, or not new enough
	if err != nil {
		t.Fatal(err)
	}
	node, python, env := "node", "python3", append(os.Environ(), "PYTHONPATH="+filepath.Join(own, "pypi"))
	if _, err := os.Stat(filepath.Join(own, "node/bin/node")); err == nil {
		node = filepath.Join(own, "node/bin/node")
	}
	for name, command := range map[string][]string{
		"Python":     {python, "chat.py"},
		"JavaScript": {node, "--experimental-websocket", "--no-warnings", "chat.mjs"}, // which Node 22 has by itself
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("cannot run the client: %v", err)
			}
			if look := exec.Command(python, "-c", "import websockets"); name == "Python" {
				if look.Env = env; look.Run() != nil {
					t.Skip("cannot run the client: .ci/setup fetches websockets from PyPI")
				}
			}
			n := startNode(t, "server.drain_spread=0s")
			var said output
			cmd := exec.Command(command[0], append(command[1:], "ws://"+n.addr, "den", "alice", "a token")...)
			cmd.Dir, cmd.Env = "../../docs/tutorial", env
			cmd.Stdout, cmd.Stderr = &said, &said
			typed, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			exited, err := child.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				<-exited
			})
			shows := func(lines ...string) {
				t.Helper()
				eventually(t, func() error {
					var got []string
					for line := range strings.Lines(said.String()) {
						if line[0] != '*' {
							got = append(got, strings.TrimSpace(line))
						}
					}
					if strings.Join(got, "\n") != strings.Join(lines, "\n") {
						return fmt.Errorf("the client shows %q; want %q", said.String(), lines)
					}
					return nil
				})
			}
			admin := func(path, body string) {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.admin+"/v1/admin/"+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				if resp := send(t, req); resp.status >= 300 {
					t.Fatalf("%s = %d %s", path, resp.status, resp.body)
				}
			}
			publish := func(id string) {
				t.Helper()
				admin("rooms/den/messages", fmt.Sprintf(`{"messages":[{"id":%q,"user_id":"bob","body":"number %[1]s"}]}`, id))
			}
			connected := func(want int) {
				t.Helper()
				eventually(t, func() error {
					if text := get(t, "http://"+n.admin+"/metrics").body; !strings.Contains(text, fmt.Sprintf("\nbarrage_connections %d\n", want)) {
						return fmt.Errorf("not %d clients; the client shows %q", want, said.String())
					}
					return nil
				})
			}
			connected(1)
			publish("1")
			shows("1 bob: number 1")
			_, _ = io.WriteString(typed, "hello\n")
			shows("1 bob: number 1", "2 alice: hello")
			admin("nodes/self/drain", "")
			connected(0)
			publish("3")
			_, _ = io.WriteString(typed, "while it is away\n")
			admin("nodes/self/undrain", "")
			shows("1 bob: number 1", "2 alice: hello", "3 bob: number 3", "4 alice: while it is away")
			if text := said.String(); strings.Contains(text, "missed") {
				t.Errorf("the client shows %q; want nothing missed", text)
			}
		})
	}
}
