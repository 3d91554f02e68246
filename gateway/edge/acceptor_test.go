package edge

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// resetFD is the descriptor of an accepted connection that its client has reset.
func resetFD(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := errors.Join(client.(*net.TCPConn).SetLinger(0), client.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v; want a reset", err)
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestAcceptor_KeepsResetsFromNetHTTP: a connection that was reset has no address, which net/http's server and those
// whom it tells of connections count on.
func TestAcceptor_KeepsResetsFromNetHTTP(t *testing.T) {
	a := &Acceptor{others: make(chan net.Conn, 1), done: make(chan struct{})}
	a.toHTTP(resetFD(t), []byte("GET /"), nil)
	select {
	case c := <-a.others:
		_ = c.Close()
		t.Errorf("net/http is given a connection from %v", c.RemoteAddr())
	default:
	}
}
