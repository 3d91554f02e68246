package swarm

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// slowBuffer is the receive buffer of a slow viewer in bytes; the kernel doubles it. It
// is small so that a viewer that does not read is felt by the server at once.
const slowBuffer = 8 << 10

// target is a server's address.
type target struct {
	name string // as the plan has it
	addr unix.Sockaddr
	loop bool // on this machine's loopback
	six  bool
}

// resolve finds the addresses of targets.
func resolve(targets []string) ([]target, error) {
	var out []target
	for _, name := range targets {
		a, err := net.ResolveTCPAddr("tcp", name)
		if err != nil {
			return nil, fmt.Errorf("cannot use target %q: %w", name, err)
		}
		ip := a.AddrPort().Addr().Unmap()
		if !ip.IsValid() {
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 1}) // ":9000"
		}
		t := target{name: name, loop: ip.IsLoopback(), six: ip.Is6()}
		if t.six {
			t.addr = &unix.SockaddrInet6{Port: a.Port, Addr: ip.As16()}
		} else {
			t.addr = &unix.SockaddrInet4{Port: a.Port, Addr: ip.As4()}
		}
		out = append(out, t)
	}
	return out, nil
}

// portsPerSource is how many connections share a source address before another one is taken. Linux has 28,232 ports for
// them (ip_local_port_range), and those closed in the last minute may still be in use.
const portsPerSource = 10_000

// sources returns the local addresses that a worker's connections go round. They are 127.0.x.y where targets are
// loopback and ports would run out; none is the system's choice.
func (p *Plan) sources(targets []target, worker, seats int) []unix.Sockaddr {
	elsewhere := slices.ContainsFunc(targets, func(t target) bool { return !t.loop || t.six })
	if elsewhere || p.Viewers() <= portsPerSource {
		return nil
	}
	var out []unix.Sockaddr
	for i := range seats/portsPerSource + 1 {
		out = append(out, &unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(1 + worker%250), byte(1 + i)}})
	}
	return out
}

// connect begins a connection. done says that it is made already, as it often is on
// loopback; otherwise the socket becomes writable when it is.
func connect(t *target, from unix.Sockaddr, slow, speaks bool) (fd int, done bool, err error) {
	family := unix.AF_INET
	if t.six {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, false, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if slow {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, slowBuffer); err != nil {
			return -1, false, os.NewSyscallError("setsockopt SO_RCVBUF", err)
		}
	}
	if speaks { // a message must not wait for the last one to be acknowledged
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return -1, false, os.NewSyscallError("setsockopt TCP_NODELAY", err)
		}
	}
	if from != nil {
		// The port is chosen when the target is known, so one address has its
		// 28,232 ports for each target (ip(7)).
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return -1, false, os.NewSyscallError("setsockopt IP_BIND_ADDRESS_NO_PORT", err)
		}
		if err := unix.Bind(fd, from); err != nil {
			return -1, false, os.NewSyscallError("bind", err)
		}
	}
	switch err := unix.Connect(fd, t.addr); err {
	case nil:
		return fd, true, nil
	case unix.EINPROGRESS:
		return fd, false, nil
	default:
		return -1, false, os.NewSyscallError("connect", err)
	}
}
