//go:build !race

package gateway

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// mostIdle bounds the live heap of an idle member in bytes. A member has a session of 352 with nbio's connection in it,
// its user's name, and places in the lists of sessions and of members. Today the heap is some 400.
const mostIdle = 440

// keptByNbio is how many closed connections nbio's list of calls to make keeps until new ones take their places.
const keptByNbio = 1024

// TestIdle_MemoryOfAMemberIsBounded holds what silent members keep of the heap, and that they leave next to nothing.
func TestIdle_MemoryOfAMemberIsBounded(t *testing.T) {
	const members = 3000
	for name, path := range map[string]string{
		"FastIM": "/group/chat/r/user-of-bench-%d/t",
		"native": "/v1/rooms/r/ws?token=t&user_id=user-of-bench-%d",
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(c *setup) { c.AnonymousJoin = false }) // their memberships would be the store's
			first := silent(t, s, fmt.Sprintf(path, 0))                   // memory that a room has once
			wantOpen(t, s, 1)
			before := heap()
			fds := make([]int, members)
			for i := range fds {
				fds[i] = silent(t, s, fmt.Sprintf(path, i+1))
			}
			wantOpen(t, s, members+1)
			each := (heap() - before) / members
			t.Logf("%d bytes a member", each)
			if each > mostIdle {
				t.Errorf("an idle member holds %d bytes of the heap; want at most %d", each, mostIdle)
			}
			for _, fd := range append(fds, first) {
				_ = unix.Close(fd)
			}
			wantOpen(t, s, 0)
			eventually(t, func() error { // lanes let go of them in their own time
				left := (heap() - before) / each
				if left > members/10+keptByNbio {
					return errorf("what is left of the heap of %d members are %d; want a tenth at most, and what nbio keeps", members, left)
				}
				return nil
			})
		})
	}
}

func wantOpen(t *testing.T, s *Server, sessions int) {
	t.Helper()
	eventually(t, func() error { return differ("sessions", s.edge.Sessions.Open(), sessions) })
}

// heap is what lives on the heap, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // memory that pools kept
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// silent is a member's socket of which this process's heap holds nothing, after the handshake.
func silent(t *testing.T, s *Server, path string) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := s.Addr().(*net.TCPAddr)
	answer := make([]byte, 1<<10)
	if err = unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		_, err = unix.Write(fd, []byte("GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: barrage.v1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	}
	if err == nil {
		_, err = unix.Read(fd, answer)
	}
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")) {
		t.Fatalf("handshake: %.80q, %v; want 101", answer, err)
	}
	return fd
}
