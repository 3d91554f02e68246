package contract

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// raw is a TCP connection to a node, for what no WebSocket library would send.
type raw struct {
	tb   testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// dialRaw connects. All work with the connection must be done in time, see patient.
func dialRaw(tb testing.TB, addr string) *raw {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatalf("cannot connect: %v", err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // The test may have closed it.
	conn = patient{conn}
	return &raw{tb, conn, bufio.NewReader(conn)}
}

// patient is a connection on which each read and each write has patience for itself. A test may have a peer sleep for
// longer while others talk.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(2 * patience)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// handshake is a correct one (the key is the example of RFC 6455 section 1.3).
func handshake(group, user string) string {
	return "GET " + chatPath(group, user, "t") + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

// rawMember is node.member for a client that does as the test says.
func (n *node) rawMember(tb testing.TB, group, user string) *raw {
	tb.Helper()
	c := dialRaw(tb, n.addr).send(handshake(group, user))
	c.wantStatus(http.StatusSwitchingProtocols)
	if op, payload := c.frame(); op != opText || !strings.HasPrefix(payload, `{"list":[`) {
		tb.Fatalf("first frame has opcode %d: %q", op, payload)
	}
	return c
}

// send writes as it is. That the node has closed already is no failure: then the
// answer says why.
func (c *raw) send(text string) *raw {
	_, _ = io.WriteString(c.conn, text)
	return c
}

// wantStatus wants an HTTP answer and returns its body.
func (c *raw) wantStatus(status int) (body string) {
	c.tb.Helper()
	got := c.response()
	if got.status != status {
		c.tb.Fatalf("answer = %d %q; want %d", got.status, got.body, status)
	}
	return got.body
}

// response is the HTTP answer. One to a handshake has no body that ends.
func (c *raw) response() response {
	c.tb.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.tb.Fatalf("want an HTTP answer; got %v", err)
	}
	got := response{status: resp.StatusCode, header: resp.Header}
	if got.status != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(resp.Body)
		got.body = string(body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			c.tb.Fatalf("cannot read the answer: %v", err)
		}
	}
	return got
}

// Opcodes of RFC 6455 section 11.8.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
)

// masked is a frame as a client sends it; head is its first byte. The mask is zero,
// which is allowed and leaves the payload readable.
func masked(head byte, payload string) string {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return string(append(b, 0, 0, 0, 0)) + payload
}

// whole is a frame that is a message or a control frame of its own.
func whole(op byte, payload string) string { return masked(0x80|op, payload) }

// frame is the next frame, which must come.
func (c *raw) frame() (op byte, payload string) {
	c.tb.Helper()
	op, payload, err := c.tryFrame()
	if err != nil {
		c.tb.Fatalf("want a frame; got %v", err)
	}
	return op, payload
}

func (c *raw) tryFrame() (op byte, payload string, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, "", err
	}
	size := uint64(head[1])
	if more := map[uint64]int{126: 2, 127: 8}[size]; more > 0 {
		var b [8]byte
		if _, err := io.ReadFull(c.in, b[8-more:]); err != nil {
			return 0, "", err
		}
		size = binary.BigEndian.Uint64(b[:])
	}
	if head[0]&0xF0 != 0x80 || size > 1<<20 {
		return 0, "", fmt.Errorf("a frame with head %x and %d bytes", head, size)
	}
	b := make([]byte, size)
	_, err = io.ReadFull(c.in, b)
	return head[0] & 0x0F, string(b), err
}

// wantClose wants a close frame with code. Earlier frames are not looked at.
func (c *raw) wantClose(code websocket.StatusCode) {
	c.tb.Helper()
	for end := time.Now().Add(2 * patience); ; {
		op, payload := c.frame()
		if op != opClose {
			if time.Now().After(end) {
				c.tb.Fatalf("no close frame within %v; want one with %d", 2*patience, code)
			}
			continue
		}
		if len(payload) < 2 || websocket.StatusCode(binary.BigEndian.Uint16([]byte(payload))) != code {
			c.tb.Fatalf("close frame = %q; want code %d", payload, code)
		}
		return
	}
}

// wantEnd wants the node to close the connection, whatever comes before.
func (c *raw) wantEnd() {
	c.tb.Helper()
	var err error
	for end, b := time.Now().Add(2*patience), make([]byte, 4096); err == nil && time.Now().Before(end); {
		_, err = c.in.Read(b)
	}
	if nerr, ok := errors.AsType[net.Error](err); err == nil || ok && nerr.Timeout() {
		c.tb.Fatal("the node did not close the connection")
	}
}
