package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"barrage/internal/redistest"
)

// Two nodes as an operator sees them from one of them.

// adminJSON decodes what "barrage admin … --output json" prints.
func adminJSON[T any](tb testing.TB, o operator, args ...string) (answer T) {
	tb.Helper()
	stdout, stderr, code := o.run(tb, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || code != 0 {
		tb.Fatalf("barrage admin %q: exit code %d, %q, %q, %v", args, code, stdout, stderr, err)
	}
	return answer
}

// listedNode is a node of "barrage admin nodes".
type listedNode struct {
	Node, Address, State, Version, Config string
	Connections                           int
}

// nodesOf are the nodes that one lists, by the address of their public port.
func nodesOf(tb testing.TB, o operator) map[string]listedNode {
	tb.Helper()
	list := adminJSON[struct{ Nodes []listedNode }](tb, o, "nodes")
	all := map[string]listedNode{}
	for _, n := range list.Nodes {
		all[n.Address] = n
	}
	return all
}

// One node answers for both: nodes, rooms, users; it drains the other one and takes it back, and changes what it logs.
// A node that leaves is gone at once; one that is killed is silent until it is forgotten.
func TestFleet_OneNodeAnswersForAll(t *testing.T) {
	t.Parallel()
	nodes := twoNodes(t, redistest.Start(t))
	one, two := nodes[0], nodes[1]
	op := operator{n: one}
	eventually(t, func() error {
		if all := nodesOf(t, op); len(all) != 2 || all[one.addr].State != "ready" || all[two.addr].State != "ready" {
			return fmt.Errorf("nodes = %+v; want both, ready", all)
		}
		return nil
	})
	all := nodesOf(t, op)
	if a, b := all[one.addr], all[two.addr]; a.Version == "" || a.Version != b.Version || a.Config == "" {
		t.Errorf("nodes = %+v; want a version and a hash of the settings", all)
	}
	here, there := one.dialNative(t, "live", account{user: "alice", token: "t"}), two.dialNative(t, "live", account{user: "bob", token: "t"})
	for i := range 5 {
		there.say(fmt.Sprintf(`{"t":"send","id":"%d","body":"hi"}`, i))
	}
	here.wantFrame(`"seq":5`)
	eventually(t, func() error {
		rooms := adminJSON[struct {
			Rooms []struct {
				Room          string
				Online, Total int
				Sent          uint64
				Rate          float64
				Nodes         []string
			}
		}](t, op, "rooms", "--sort", "rate").Rooms
		if len(rooms) != 1 || rooms[0].Online != 2 || rooms[0].Total != 5 || rooms[0].Sent != 10 || rooms[0].Rate == 0 || len(rooms[0].Nodes) != 2 {
			return fmt.Errorf("rooms = %+v; want one of two nodes, with 5 messages to two", rooms)
		}
		return nil
	})
	if out, _, _ := op.run(t, "user", "bob"); !strings.Contains(out, all[two.addr].Node) || !strings.Contains(out, "live") {
		t.Errorf("user bob:\n%s\nwant a socket on the other node", out)
	}
	if out, _, code := op.run(t, "export", "live"); code != 0 || strings.Count(out, `"body":"hi"`) != 5 {
		t.Errorf("export: %d\n%s\nwant five messages", code, out)
	}
	other := all[two.addr].Node
	op.want(t, "debug", "log-level", other, "debug")
	if out, _, _ := (operator{n: two}).run(t, "log-level", "self"); out != "debug\n" {
		t.Errorf("the other node logs from %q on; want debug", out)
	}
	if out, _, _ := op.run(t, "config", other, "--changed"); !strings.Contains(out, "admin.listen") || !strings.Contains(out, "environment") {
		t.Errorf("config of the other node:\n%s", out)
	}

	op.run(t, "drain", other, "--over", "1ms", "--yes")
	there.wantFrame(`{"t":"reconnect"`)
	there.wantClose(1012)
	if why := two.wantNotReady(t); why != "the node is leaving" {
		t.Errorf("/readyz says %q", why)
	}
	if _, _, status, err := two.dialToken(t.Context(), "live", "t"); status != http.StatusServiceUnavailable {
		t.Errorf("a client came in: %d, %v; want 503", status, err)
	}
	here.say(`{"t":"send","id":"still","body":"here"}`)
	here.wantFrame(`{"t":"ack","id":"still"`)
	two.wantMetrics(t, map[string]float64{"barrage_connections": 0}) // the client has gone
	op.want(t, fmt.Sprintf("node %s is ready, and has 0 connections", other), "undrain", other)
	two.wantReady(t)
	two.dialNative(t, "live", account{user: "carol", token: "t"})

	two.signal(t)
	two.wantExit(t, 0, patience)
	if all := nodesOf(t, op); len(all) != 1 {
		t.Errorf("nodes = %+v; want the one that is left", all)
	}
}

// The node with too many clients sends the surplus away; one node drains at a time, also where a node is stopped.
func TestFleet_OneNodeSendsClientsAwayAtATime(t *testing.T) {
	t.Parallel()
	nodes := twoNodes(t, redistest.Start(t))
	one, two := nodes[0], nodes[1]
	op := operator{n: two}
	says := func(part string, args ...string) {
		t.Helper()
		if stdout, stderr, code := op.run(t, args...); code != 0 || !strings.Contains(stdout, part) {
			t.Fatalf("barrage admin %q: exit code %d, %q, %q; want %q", args, code, stdout, stderr, part)
		}
	}
	for i := range 20 {
		one.dialNative(t, "live", account{user: fmt.Sprint("u", i), token: "t"})
	}
	eventually(t, func() error {
		if all := nodesOf(t, op); len(all) != 2 || all[one.addr].Connections != 20 {
			return fmt.Errorf("nodes = %+v; want 20 clients on the first one", all)
		}
		return nil
	})
	all := nodesOf(t, op)
	says("mean 10 connections", "rebalance", "--dry-run")
	says(all[one.addr].Node+"  20           9", "rebalance", "--rate", "1000/s", "--yes")
	eventually(t, func() error {
		if n := nodesOf(t, op)[one.addr].Connections; n != 11 {
			return fmt.Errorf("the first node has %d clients; want 11, a tenth above the mean", n)
		}
		return nil
	})

	says("is draining", "drain", all[one.addr].Node, "--over", "1h", "--yes")
	two.dialNative(t, "live", account{user: "last", token: "t"})
	if _, stderr, code := op.run(t, "drain", "self", "--yes"); code != 1 || !strings.Contains(stderr, "409 conflict: node "+all[one.addr].Node+" sends its clients away now") {
		t.Errorf("a second drain: exit code %d, %q; want that the other node has the lease", code, stderr)
	}
	if _, stderr, code := op.run(t, "rebalance", "--yes"); code != 1 || !strings.Contains(stderr, "409 conflict") {
		t.Errorf("a rebalance: exit code %d, %q; want that a node drains", code, stderr)
	}
	says("is ready", "undrain", all[one.addr].Node)
	eventually(t, func() error {
		if _, stderr, code := op.run(t, "drain", "self", "--over", "1ms", "--yes"); code != 0 {
			return fmt.Errorf("drain: exit code %d, %q; want it done", code, stderr)
		}
		return nil
	})
}

// terminal is the far end of a pseudo terminal: what somebody sees and types.
type terminal struct {
	*os.File
	mu   sync.Mutex // guards the field below
	seen bytes.Buffer
}

// newTerminal makes one of a size, and the end for a program.
func newTerminal(tb testing.TB, columns, rows uint16) (*terminal, *os.File) {
	tb.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = far.Close() })
	n, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(int(far.Fd()), unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(int(far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}))
	if err != nil {
		tb.Fatal(err)
	}
	near, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	return &terminal{File: far}, near
}

// watch keeps what is seen until the program has gone.
func (t *terminal) watch() {
	buf := make([]byte, 32<<10)
	for {
		n, err := t.Read(buf)
		t.mu.Lock()
		t.seen.Write(buf[:n])
		t.mu.Unlock()
		if err != nil { // EIO, once nobody has the other end
			return
		}
	}
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.String()
}

// At a terminal "barrage top" draws the rooms and nodes again and again, takes keys and sizes, and leaves the screen
// as it was.
func TestTop_LeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.dialNative(t, "live", account{user: "alice", token: "t"})
	far, near := newTerminal(t, 120, 20)
	cmd := exec.CommandContext(t.Context(), program, "top", "--every", "200ms")
	cmd.Dir, cmd.Env = t.TempDir(), []string{"BARRAGE_ADMIN_SERVER=" + n.admin}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = near, near, near
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = near.Close() // the program has its own
	go far.watch()   // ends with the program
	wantSeen := func(what string) {
		t.Helper()
		eventually(t, func() error {
			if !strings.Contains(far.text(), what) {
				return fmt.Errorf("%q is not in %q", what, far.text())
			}
			return nil
		})
	}
	wantSeen("\x1b[?1049h")
	wantSeen("ONLINE↓")
	wantSeen("live")
	if _, err := io.WriteString(far, "r"); err != nil {
		t.Fatal(err)
	}
	wantSeen("MSG/S↓")
	if err := unix.IoctlSetWinsize(int(far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 20, Row: 5}); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGWINCH); err != nil { // it is not the terminal's own session
		t.Fatal(err)
	}
	wantSeen("sort: o online  r ra\x1b[K")
	if _, err := io.WriteString(far, "q"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the program
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("barrage top: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("q does not end it")
	}
	wantSeen("\x1b[?25h\x1b[?1049l")
}
