package door

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// signature begins a header of version 2.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// memoryConn is a connection whose peer has sent all that it will.
type memoryConn struct {
	net.Conn
	in bytes.Reader
}

func (c *memoryConn) Read(b []byte) (int, error)      { return c.in.Read(b) }
func (c *memoryConn) SetReadDeadline(time.Time) error { return nil }
func (c *memoryConn) Close() error                    { return nil }
func (c *memoryConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:80"))
}

// oneListener accepts one connection.
type oneListener struct {
	net.Listener
	conn net.Conn
}

func (l oneListener) Accept() (net.Conn, error) { return l.conn, nil }

// FuzzProxied: whatever a balancer sends, the bytes to read are those that follow it, and the address is one that
// limits count, or none.
func FuzzProxied(f *testing.F) {
	cfg := Config{Limits: DefaultLimits()}
	cfg.TrustedProxies = []string{"10.0.0.0/8"}
	d := New(cfg, func() uint32 { return 1 }, slog.New(slog.DiscardHandler))
	for _, head := range []string{"PROXY TCP4 203.0.113.1 127.0.0.1 4711 9000\r\n", signature + "\x21\x11\x00\x0c\xcb\x00\x71\x01\x7f\x00\x00\x01\x12\x67\x23\x28", signature + "\x20\x00\x00\x00", "PROXY UNKNOWN\r\n", "PROXY TCP6 ::1 ::1 1 2\r\n", "GET / HTTP/1.1\r\n", ""} {
		f.Add([]byte(head))
	}
	const rest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	f.Fuzz(func(t *testing.T, head []byte) {
		c := &memoryConn{}
		c.in.Reset(append(bytes.Clone(head), rest...))
		conn, err := proxyListener{oneListener{conn: c}, d, time.Second, func(net.Conn) {}, func(net.Addr, error) {}}.Accept()
		if err != nil {
			t.Fatal(err)
		}
		peer := conn.RemoteAddr()
		got, err := io.ReadAll(conn)
		if err == nil && !bytes.HasSuffix(append(bytes.Clone(head), rest...), got) {
			t.Errorf("%q is read behind %q", got, head)
		}
		if err == nil && len(got) == len(head)+len(rest) {
			t.Errorf("%q is taken for a connection without an address; want the end", head)
		}
		addr := d.set.Load().of(&http.Request{RemoteAddr: peer.String(), Header: http.Header{}})
		if addr.IsValid() && (addr != addr.Masked() || addr.Addr().Zone() != "") {
			t.Errorf("%q: %v", head, addr)
		}
	})
}
