package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"barrage/internal/env"
)

// CannotListen is the error of a port of the setting key that does not open, with what to do about it.
func CannotListen(key, addr string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		another := "--listen " // of "barrage serve"
		if key != "server.listen" {
			another = env.Name(key) + "="
		}
		hint = fmt.Sprintf("; another process has that port: end it, or choose another one, as %s127.0.0.1:0 does, which takes any that is free", another)
	case errors.Is(err, syscall.EACCES):
		hint = "; ports below 1024 are for root: choose a higher one, or give the program CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; this machine has no such address: leave the host out to listen on all it has"
	}
	return fmt.Errorf("cannot listen on %s %q: %w%s", key, addr, err, hint)
}

// listen opens the public port, or takes the one that is open.
func (e *Edge) listen() (net.Listener, error) {
	sendBuffer := int(e.Config().Server.SendBuffer)
	if e.Inherited != nil {
		return e.Inherited, boundSends(e.Inherited, sendBuffer)
	}
	return listen(e.Config().Server.Listen, sendBuffer)
}

// listen opens a port. SO_SNDBUF is set on the listener, because accepted sockets inherit it and each then costs no
// call. Left to itself the kernel lets one reader who does not read hold 4 MB. Keep-alive is off: the session check
// finds dead peers.
func listen(addr string, sendBuffer int) (net.Listener, error) {
	lc := net.ListenConfig{
		KeepAlive: -1,
		Control:   func(_, _ string, rc syscall.RawConn) error { return setSendBuffer(rc, sendBuffer) },
	}
	return lc.Listen(context.Background(), "tcp", addr)
}

// boundSends does to a port that is open already what listen does. Keep-alive stays on, which Go decides when it opens
// one: three system calls a connection.
func boundSends(ln net.Listener, sendBuffer int) error {
	l, ok := ln.(*net.TCPListener)
	if !ok {
		return fmt.Errorf("it is %s, want TCP", ln.Addr().Network())
	}
	rc, err := l.SyscallConn()
	if err != nil {
		return err
	}
	return setSendBuffer(rc, sendBuffer)
}

func setSendBuffer(rc syscall.RawConn, bytes int) error {
	var set error
	err := rc.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, bytes) })
	return errors.Join(err, set)
}
