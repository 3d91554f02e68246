package deploy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// exposure is the most that systemd-analyze security may find open, in tenths: below 2.0 it says OK with a smile.
const exposure = "15"

// TestSystemd_UnitsAreValidAndConfined has systemd find nothing wrong with the units, and little left open.
func TestSystemd_UnitsAreValidAndConfined(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	dir := t.TempDir()
	for _, unit := range []string{"barrage.service", "barrage.socket"} {
		text, err := os.ReadFile("systemd/" + unit)
		noError(t, err)
		text = bytes.ReplaceAll(text, []byte("/usr/bin/barrage"), []byte(program)) // it must be there
		noError(t, os.WriteFile(filepath.Join(dir, unit), text, 0o600))
	}
	run(t, analyze, "verify", "--man=no", filepath.Join(dir, "barrage.service"), filepath.Join(dir, "barrage.socket"))
	run(t, analyze, "security", "--offline=true", "--threshold="+exposure, filepath.Join(dir, "barrage.service"))
}

// TestSystemd_HearsHowANodeFares has a node notify systemd that it serves, that it delivers, and that it leaves.
func TestSystemd_HearsHowANodeFares(t *testing.T) {
	addr := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", addr)
	noError(t, err)
	defer func() { _ = conn.Close() }()
	n := startNodeWith(t, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+addr.Name, "WATCHDOG_USEC=4000000") // twice the time between two looks
	})
	hear := func(want string) {
		t.Helper()
		b := make([]byte, 1024)
		noError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		k, err := conn.Read(b)
		if got := string(b[:k]); err != nil || !strings.HasPrefix(got, want) {
			t.Fatalf("systemd heard %q, %v; want %q", got, err, want)
		}
	}
	hear("READY=1")
	for range 2 {
		hear("WATCHDOG=1")
	}
	noError(t, n.cmd.Process.Signal(syscall.SIGTERM))
	for { // there may be one more sign of life
		b := make([]byte, 1024)
		noError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		k, err := conn.Read(b)
		noError(t, err)
		if got := string(b[:k]); got == "STOPPING=1\nEXTEND_TIMEOUT_USEC=20000000" { // server.drain_timeout and 10 s
			return
		} else if got != "WATCHDOG=1" {
			t.Fatalf("systemd heard %q; want that the node leaves", got)
		}
	}
}

// TestSystemd_SocketGoesBeforeTheListenSetting has a node serve the port that systemd has opened, whatever
// server.listen is.
func TestSystemd_SocketGoesBeforeTheListenSetting(t *testing.T) {
	activate := tool(t, "systemd-socket-activate")
	addr := freeAddr(t)
	cmd := exec.CommandContext(t.Context(), activate, "-l", addr, "-E", "BARRAGE_SERVER_LISTEN=127.0.0.1:1", "-E", "BARRAGE_ADMIN_LISTEN=off", program, "serve")
	cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=/usr/bin:/bin"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	noError(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the node ended with %v; want no error\n%s", err, out.String())
		}
	}()
	eventually(t, func() error { // systemd-socket-activate starts the node when the first client comes
		resp, err := http.Get("http://" + addr + "/v1/rooms/r") //nolint:noctx // it is bounded by eventually
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d; want 200", resp.StatusCode)
		}
		return nil
	})
	(&node{addr: addr}).join(t, "r", "alice")
}

// given has the ports that freeAddr has returned: some are used seconds later.
var given sync.Map

// freeAddr is host:port that nobody listens on, on no address of this machine: some programs want them all. It is below
// the ports that the kernel gives to those who dial, of whom there are many here. Each call has another one.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		port := strconv.Itoa(12_000 + rand.IntN(20_000))
		if _, taken := given.LoadOrStore(port, nil); taken {
			continue
		}
		if ln, err := net.Listen("tcp", ":"+port); err == nil {
			_ = ln.Close()
			return net.JoinHostPort("127.0.0.1", port)
		}
	}
	tb.Fatal("there is no free port between 12000 and 32000")
	return ""
}
