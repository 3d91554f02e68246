package edge

import (
	"context"
	"net"
	"syscall"
)

// listen opens the public port. SO_SNDBUF is set on the listener, because accepted
// sockets inherit it and each then costs no call; left to itself the kernel lets one
// reader who does not read hold 4 MB. Keep-alive is off: the sweep finds dead peers.
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
