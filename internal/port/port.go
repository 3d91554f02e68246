// Package port has ports of this machine that stay free while nobody listens on them.
package port

import (
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Dead is an address that refuses connections. The kernel gives its port to nobody who asks for any, and no program of
// today listens on it. A port that was closed may be another program's a moment later.
const Dead = "127.0.0.1:1"

// Port is a port of 127.0.0.1 that nobody else on the machine gets until Free, whether somebody listens on it or not.
// Connections are refused while nobody does. A port that is only looked up may be another program's by the time a
// server starts, or starts again. That happens one time in some hundred on a machine where many tests connect.
type Port struct {
	Addr string // host:port
	fd   int
}

// Hold takes a port that is free. A program that sets SO_REUSEADDR, as Go's listeners and Redis do, can listen on it.
func Hold() (*Port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot hold a port: %w", err)
	}
	// Bound, and never listening: Linux lets others bind it that reuse addresses too, and gives it to nobody who asks
	// for any port.
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var at syscall.Sockaddr
	if err == nil {
		at, err = syscall.Getsockname(fd)
	}
	bound, ok := at.(*syscall.SockaddrInet4)
	if err != nil || !ok {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("cannot hold a port: %v %w", at, err)
	}
	return &Port{net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.Port)), fd}, nil
}

// Free gives the port back; a second call does nothing.
func (p *Port) Free() {
	if p.fd >= 0 {
		_ = syscall.Close(p.fd) // nothing was sent
	}
	p.fd = -1 // else a second call would close what has the number by then
}
