package gateway

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"barrage/room"
)

// crampedEnv makes the test binary a node with few open files; its value is how many.
const crampedEnv = "BARRAGE_TEST_OPEN_FILES"

// uncappedEnv takes the bound off connections that are no WebSockets.
const uncappedEnv = "BARRAGE_TEST_UNCAPPED"

// serveCramped serves until its input ends. It prints its address, and for each line of input the CPU time that it has
// used.
func serveCramped() int {
	var limit syscall.Rlimit
	if _, err := fmt.Sscan(os.Getenv(crampedEnv), &limit.Cur); err != nil {
		panic(err)
	}
	limit.Max = limit.Cur
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		panic(err)
	}
	cfg := DefaultConfig()
	cfg.Server.Listen, cfg.Admin.Listen = "127.0.0.1:0", ""
	cfg.Server.ReadHeaderTimeout = time.Minute
	if os.Getenv(uncappedEnv) != "" {
		cfg.Server.TrustedProxies = []string{"127.0.0.0/8"} // they do not crowd
	}
	store := newFaultyStore(1000)
	s := New(cfg, room.DefaultConfig(), store, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	store.Start(s)
	s.edge.Times.Now = func() time.Time { return time.Time{} } // nobody waits for long: only peers that crowd have to go
	if err := s.Start(); err != nil {
		panic(err)
	}
	_, _ = fmt.Println(s.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			panic(err)
		}
		_, _ = fmt.Println(time.Duration(used.Utime.Nano() + used.Stime.Nano()))
	}
	s.Close()
	return 0
}

// cramped is a node in a process of its own.
type cramped struct {
	tb   testing.TB
	addr net.Addr
	in   io.Writer
	out  *bufio.Scanner
	log  *journal
}

// startCramped starts a node with so many open files, until the test ends.
func startCramped(tb testing.TB, openFiles int, environ ...string) *cramped {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	log := &journal{}
	cmd := exec.Command(program, "-test.run=^$")
	cmd.Env = append(append(os.Environ(), fmt.Sprintf("%s=%d", crampedEnv, openFiles)), environ...)
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	force := time.AfterFunc(4*patience, func() { _ = cmd.Process.Kill() }) // so that reading from it ends
	tb.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the node: %v", err)
		}
		force.Stop()
		if tb.Failed() {
			tb.Logf("log of the node:\n%.10000s", log.String())
		}
	})
	c := &cramped{tb: tb, in: in, out: bufio.NewScanner(out), log: log}
	addr, err := net.ResolveTCPAddr("tcp", c.line())
	if err != nil {
		tb.Fatal(err)
	}
	c.addr = addr
	return c
}

// line is the next line that the node prints.
func (c *cramped) line() string {
	c.tb.Helper()
	if !c.out.Scan() {
		c.tb.Fatalf("the node said nothing: %v", c.out.Err())
	}
	return c.out.Text()
}

// cpu is the CPU time that the node has used.
func (c *cramped) cpu() time.Duration {
	c.tb.Helper()
	if _, err := io.WriteString(c.in, "cpu\n"); err != nil {
		c.tb.Fatal(err)
	}
	used, err := time.ParseDuration(c.line())
	if err != nil {
		c.tb.Fatal(err)
	}
	return used
}

// refusedAccepts is how often accepting has failed.
func (c *cramped) refusedAccepts() int { return strings.Count(c.log.String(), "too many open files") }

// Without a descriptor left the node waits instead of spinning, goes on serving those
// it has, and takes new ones as soon as it can.
func TestLimit_NoDescriptorLeftMakesTheNodeWait(t *testing.T) {
	const openFiles, accepts = 128, 8 // net/http waits 5, 10, 20 ... 640 ms between them
	node := startCramped(t, openFiles, uncappedEnv+"=1")
	s := &Server{addr: node.addr} // the harness only asks where it is
	member := join(t, s, "r", "early")
	idle := make([]*client, openFiles)
	for i := range idle {
		idle[i] = dialTCP(t, s)
	}
	eventually(t, func() error { return differ("accept has failed", node.refusedAccepts() > 0, true) })
	begun, used := time.Now(), node.cpu()
	eventually(t, func() error { return differ("accept has failed often", node.refusedAccepts() >= accepts, true) })
	took, used := time.Since(begun), node.cpu()-used
	t.Logf("%v of CPU time in %v, accept has failed %d times", used, took, node.refusedAccepts())
	if used > took/4 || node.refusedAccepts() > 4*accepts {
		t.Errorf("the node used %v of CPU time in %v and tried to accept %d times; want it to wait", used, took, node.refusedAccepts())
	}
	member.say("still here")
	member.wantInfo("still here")
	for _, c := range idle {
		_ = c.conn.Close()
	}
	late := join(t, s, "r", "late")
	late.say("now me")
	member.wantInfo("now me")
}

// TestLimit_CrowdingConnectionsMakeRoomForNewcomers: connections that ask for nothing, send their request slowly, or do
// not read the answer make room for newcomers at once, however many come.
func TestLimit_CrowdingConnectionsMakeRoomForNewcomers(t *testing.T) {
	const openFiles = 128
	for what, request := range map[string]string{
		"nothing":     "",
		"half a head": "GET / HTT",
		"slow bodies": "POST /user/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\nu",
		"refused":     "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nu",
		"unread":      strings.Repeat("GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 200),
	} {
		t.Run(what, func(t *testing.T) {
			node := startCramped(t, openFiles)
			s := &Server{addr: node.addr} // the harness only asks where it is
			member := join(t, s, "r", "early")
			for i := range 10 { // newcomers find a place, though all are taken
				for range openFiles / 2 {
					_ = dialTCP(t, s).write(request) // some have to go while they write
				}
				join(t, s, "r", fmt.Sprint("late", i)).say("now me")
				member.wantInfo("now me")
			}
		})
	}
}
