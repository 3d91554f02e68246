package redisx

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/rueidis"
)

func TestRefused_OnlyWhatDoesNotPass(t *testing.T) {
	f := func(said string, want bool) {
		t.Helper()
		if got := !passes(said); got != want {
			t.Errorf("%q is refused for good: %v; want %v", said, got, want)
		}
	}
	for _, said := range []string{
		"WRONGTYPE Operation against a key holding the wrong kind of value",
		"NOPERM this user has no permissions", "unknown command 'X'", "READONLYX", "CROSSSLOT Keys",
	} {
		f(said, true)
	}
	for _, said := range []string{
		"READONLY You can't write against a read only replica.", "LOADING Redis is loading",
		"MASTERDOWN Link with MASTER is down", "CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys",
		"MOVED 1 127.0.0.1:1", "ASK 1 127.0.0.1:1", "BUSY Redis is busy", "MISCONF Redis is configured",
		"NOREPLICAS Not enough", "NOAUTH Authentication required.", "WRONGPASS invalid", "NOSCRIPT No",
		"max number of clients reached", "LOADING", "OOM command not allowed when used memory > 'maxmemory'.",
	} {
		f(said, false)
	}
	for _, err := range []error{
		context.DeadlineExceeded, context.Canceled, io.EOF, rueidis.ErrClosing, rueidis.ErrNoSlot,
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, os.ErrDeadlineExceeded, errNotYet, errDeaf,
	} {
		if refused(err) {
			t.Errorf("refused(%v) = true; want false: it may pass", err)
		}
	}
}

func TestRedis_ExplainSaysWhereAndWhy(t *testing.T) {
	one := &Redis{where: Config{Mode: modeAuto, Addrs: []string{"h:1"}}.where()}
	many := &Redis{where: Config{Mode: modeAuto, Addrs: []string{"h:1", "i:2"}}.where()}
	f := func(r *Redis, err error, want string) {
		t.Helper()
		got := r.explain(err)
		if got.Error() != want || !errors.Is(got, err) && !strings.Contains(got.Error(), err.Error()) && !isOp(err) {
			t.Errorf("explain(%v) = %q; want %q", err, got, want)
		}
	}
	refusedAt := func(addr string) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: textAddr(addr), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	f(one, refusedAt("h:1"), "cannot reach Redis at h:1: connection refused")
	f(many, refusedAt("i:2"), "cannot reach Redis cluster at h:1, i:2: i:2: connection refused")
	f(one, context.DeadlineExceeded, "cannot reach Redis at h:1: no answer in time: context deadline exceeded")
	f(one, io.EOF, "cannot reach Redis at h:1: EOF")
	f(one, &unfitError{"it is a teapot"}, "cannot use Redis at h:1: it is a teapot")

	const noTracking = "cannot use Redis at h:1: it has no RESP3 or no CLIENT TRACKING: it must be 7.0 or newer"
	if got := one.explain(rueidis.ErrNoCache).Error(); got != noTracking {
		t.Errorf("explain of a server without tracking = %q; want %q", got, noTracking)
	}
}

func isOp(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// textAddr is an address as it is printed.
type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }
