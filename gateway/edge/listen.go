package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// CannotListen is the error of a port of the setting key that does not open, with what to do about it.
func CannotListen(key, addr string, err error) error {
	hint := ""
	switch variable := "BARRAGE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_")); {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = fmt.Sprintf("; another process has that port: end it, or choose another one, as %s=127.0.0.1:0 does, which takes any that is free", variable)
	case errors.Is(err, syscall.EACCES):
		hint = "; ports below 1024 are for root: choose a higher one, or give the program CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; this machine has no such address: leave the host out to listen on all it has"
	}
	return fmt.Errorf("cannot listen on %s %q: %w%s", key, addr, err, hint)
}

// listen opens the public port. SO_SNDBUF is set on the listener, because accepted
// sockets inherit it and each then costs no call; left to itself the kernel lets one
// reader who does not read hold 4 MB. Keep-alive is off: the session check finds dead peers.
func listen(addr string, sendBuffer int) (net.Listener, error) {
	lc := net.ListenConfig{
		KeepAlive: -1,
		Control: func(_, _ string, rc syscall.RawConn) error {
			var set error
			if err := rc.Control(func(fd uintptr) {
				set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer)
			}); err != nil {
				return err
			}
			return set
		},
	}
	return lc.Listen(context.Background(), "tcp", addr)
}
