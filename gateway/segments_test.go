package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// TestNative_AckLeadsItsBatch: in a small room the ack goes in one packet with the batch that has the message, in
// front of it. Each packet is a way through the kernel, and wakes the client.
func TestNative_AckLeadsItsBatch(t *testing.T) { overWriters(t, testAckLeadsItsBatch) }

func testAckLeadsItsBatch(t *testing.T) {
	t.Helper()
	s := newServer(t, func(c *setup) {
		manualCheck(c)
		c.rooms.Instant = true
	})
	var conn *net.TCPConn
	dial := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			conn = c.(*net.TCPConn)
		}
		return c, err
	}}
	c, resp, err := websocket.Dial(t.Context(), "ws://"+s.Addr().String()+v1Path("r", "user_id=u&token=t"), &websocket.DialOptions{ //nolint:bodyclose // coder/websocket closes it
		Subprotocols: []string{subprotocol}, HTTPClient: &http.Client{Transport: dial},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	n := &native{t, c, resp}
	n.want("welcome")
	roomOf(t, s, "r")
	eventually(t, func() error { return differ("lanes have come to the member", s.edge.Hall.Written(), true) })
	came := make([]uint32, 5) // a machine that is busy elsewhere between the two has the kernel send the ack alone
	for i := range came {
		before := segments(t, conn)
		n.send(fmt.Sprintf(`{"t":"send","id":"c-%d","body":"hi"}`, i))
		n.want("ack")
		n.want("batch")
		came[i] = segments(t, conn) - before
	}
	if slices.Min(came) != 1 {
		t.Errorf("acks and their batches came in %v packets; want 1", came)
	}
}

// segments is how many packets with data have come to a connection.
func segments(tb testing.TB, conn *net.TCPConn) (n uint32) {
	tb.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		tb.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if failed = err; err == nil {
			n = info.Data_segs_in
		}
	})
	if err != nil || failed != nil {
		tb.Fatal(err, failed)
	}
	return n
}
