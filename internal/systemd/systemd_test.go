package systemd_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"barrage/internal/systemd"
)

// listen is a socket as systemd has for a unit, and what it receives.
func listen(t *testing.T) (hear func(within time.Duration) string) {
	t.Helper()
	addr := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", addr.Name)
	return func(within time.Duration) string {
		b := make([]byte, 1024)
		_ = conn.SetReadDeadline(time.Now().Add(within))
		n, err := conn.Read(b)
		if err != nil {
			return ""
		}
		return string(b[:n])
	}
}

// TestReady_TellsOfDeliveriesUntilItLeaves has systemd notified that the node serves, then that it delivers for as long
// as it does, and that it leaves.
func TestReady_TellsOfDeliveriesUntilItLeaves(t *testing.T) {
	const within = 10 * time.Second
	hear := listen(t)
	t.Setenv("WATCHDOG_USEC", "400000")
	t.Setenv("WATCHDOG_PID", "")
	var since atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	systemd.Ready(ctx, &workers, func() time.Duration { return time.Duration(since.Load()) }, slog.New(slog.DiscardHandler))
	if got := hear(within); got != "READY=1" {
		t.Fatalf("first systemd heard %q; want READY=1", got)
	}
	for range 3 {
		if got := hear(within); got != "WATCHDOG=1" {
			t.Fatalf("systemd heard %q; want WATCHDOG=1", got)
		}
	}
	since.Store(int64(200 * time.Millisecond)) // half of WatchdogSec
	quiet := false                             // some may be on their way
	for begun := time.Now(); !quiet && time.Since(begun) < within; {
		quiet = hear(400*time.Millisecond) == ""
	}
	if !quiet {
		t.Error("systemd still hears of a node that does not deliver")
	}
	since.Store(0)
	if got := hear(within); got != "WATCHDOG=1" {
		t.Errorf("systemd heard %q of one that delivers again; want WATCHDOG=1", got)
	}
	stop()
	workers.Wait()
	systemd.Leaving(150*time.Second, slog.New(slog.DiscardHandler))
	got := hear(within)
	for got == "WATCHDOG=1" { // from before
		got = hear(within)
	}
	if want := "STOPPING=1\nEXTEND_TIMEOUT_USEC=160000000"; got != want {
		t.Errorf("systemd heard %q; want %q", got, want)
	}
}

// TestReady_WithoutWatchdogStartsNoGoroutine has no goroutine where nobody wants to be notified of deliveries.
func TestReady_WithoutWatchdogStartsNoGoroutine(t *testing.T) {
	hear := listen(t)
	t.Setenv("WATCHDOG_USEC", "")
	var workers sync.WaitGroup
	systemd.Ready(t.Context(), &workers, func() time.Duration { panic("nobody asks") }, slog.New(slog.DiscardHandler))
	workers.Wait()
	if got := hear(10 * time.Second); !strings.HasPrefix(got, "READY=1") {
		t.Errorf("systemd heard %q; want READY=1", got)
	}
}
