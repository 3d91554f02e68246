package gateway

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"barrage/codec"
)

// errorf keeps the tests short.
var errorf = fmt.Errorf

// The example of RFC 6455 section 1.3.
const (
	exampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	exampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// chatPath and listPath are the addresses of the sockets.
func chatPath(id, user string) string { return "/group/chat/" + id + "/" + user + "/any" }
func listPath(user string) string     { return "/group/list/" + user + "/any" }

// handshake is a complete request for a WebSocket.
func handshake(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: room.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: " + exampleKey + "\r\nSec-WebSocket-Version: 13\r\n\r\n"
}

// wire is the client's end of a connection, byte by byte.
type wire struct {
	conn *net.TCPConn
	in   *bufio.Reader
}

// dialWire opens a TCP connection to the public port. A receive buffer above 0 is set before the connection is made, so
// that it bounds the window from the start. Then nothing to speak of is read before the test asks for it.
func dialWire(s *Server, receiveBuffer int) (*wire, error) {
	d := net.Dialer{Timeout: patience}
	ahead := 4 << 10
	if receiveBuffer > 0 {
		ahead = 16
		d.Control = func(_, _ string, rc syscall.RawConn) error {
			var set error
			if err := rc.Control(func(fd uintptr) {
				set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
			}); err != nil {
				return err
			}
			return set
		}
	}
	conn, err := d.DialContext(context.Background(), "tcp", s.Addr().String())
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	return &wire{conn: tcp, in: bufio.NewReaderSize(tcp, ahead)}, nil
}

// connect opens a WebSocket. Any goroutine may call it; the caller closes the wire.
func connect(s *Server, path string) (*wire, error) { return connectSlow(s, path, 0) }

// connectSlow is connect with a bound on the receive buffer.
func connectSlow(s *Server, path string, receiveBuffer int) (*wire, error) {
	w, err := dialWire(s, receiveBuffer)
	if err != nil {
		return nil, err
	}
	if err := w.upgrade(path); err != nil {
		_ = w.conn.Close()
		return nil, err
	}
	return w, nil
}

// refusedError is an answer to a handshake that is not 101.
type refusedError struct {
	status int
	header http.Header
	body   string
}

func (e *refusedError) Error() string { return fmt.Sprintf("refused with %d: %s", e.status, e.body) }

// upgrade does the handshake.
func (w *wire) upgrade(path string) error {
	if err := w.write(handshake(path)); err != nil {
		return err
	}
	return w.upgraded()
}

// upgraded reads the answer to a handshake.
func (w *wire) upgraded() error {
	resp, err := w.response()
	if err != nil {
		return err
	}
	if resp.status != http.StatusSwitchingProtocols {
		return resp
	}
	if got := resp.header.Get("Sec-WebSocket-Accept"); got != exampleAccept {
		return errorf("Sec-WebSocket-Accept = %q; want %q", got, exampleAccept)
	}
	return nil
}

// response reads an HTTP answer.
func (w *wire) response() (*refusedError, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	e := &refusedError{status: resp.StatusCode, header: resp.Header}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		e.body = strings.TrimSpace(string(b))
	}
	return e, nil
}

func (w *wire) write(b string) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.WriteString(w.conn, b)
	return err
}

// send writes one masked frame.
func (w *wire) send(op codec.Opcode, payload string) error {
	return w.write(string(masked(op, payload)))
}

// masked is a client's frame.
func masked(op codec.Opcode, payload string) []byte {
	b := []byte{0x80 | byte(op)}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, 0x80|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{0x37, 0xFA, 0x21, 0x3D} // of the RFC's examples (section 5.7)
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// frame is one frame from the server.
type frame struct {
	op      codec.Opcode
	payload string
}

// next reads a frame.
func (w *wire) next() (frame, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return frame{}, err
	}
	return readFrame(w.in)
}

// readFrame reads one frame and holds it against what RFC 6455 section 5 allows a
// server that agreed on no extension and does not fragment. It returns io.EOF only
// between frames.
func readFrame(in *bufio.Reader) (frame, error) {
	first, err := in.ReadByte()
	if err != nil {
		return frame{}, err
	}
	var head [9]byte
	if _, err := io.ReadFull(in, head[:1]); err != nil {
		return frame{}, cut(err)
	}
	f := frame{op: codec.Opcode(first & 0x0F)}
	if first&0xF0 != 0x80 || head[0]&0x80 != 0 {
		return f, errorf("a frame begins with % x: not whole, with reserved bits, or masked", []byte{first, head[0]})
	}
	n := uint64(head[0])
	switch n {
	case 126:
		if _, err := io.ReadFull(in, head[1:3]); err != nil {
			return f, cut(err)
		}
		if n = uint64(binary.BigEndian.Uint16(head[1:3])); n < 126 {
			return f, errorf("length %d in 16 bits", n)
		}
	case 127:
		if _, err := io.ReadFull(in, head[1:9]); err != nil {
			return f, cut(err)
		}
		if n = binary.BigEndian.Uint64(head[1:9]); n <= 0xFFFF || n > 64<<20 {
			return f, errorf("length %d in 64 bits", n)
		}
	}
	switch f.op {
	case codec.OpText:
	case codec.OpPing, codec.OpPong, codec.OpClose:
		if n > 125 {
			return f, errorf("a %v of %d bytes", f.op, n)
		}
	default:
		return f, errorf("a frame with opcode %v", f.op)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(in, payload); err != nil {
		return f, cut(err)
	}
	f.payload = string(payload)
	return f, nil
}

// cut makes the end of the stream inside a frame an error of its own.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// text reads frames up to the next text; pings and pongs are passed over.
func (w *wire) text() (string, error) {
	for {
		f, err := w.next()
		switch {
		case err != nil:
			return "", err
		case f.op == codec.OpText:
			return f.payload, nil
		case f.op == codec.OpClose:
			return "", closedError(f.payload)
		}
	}
}

// closedError is the payload of a close frame.
type closedError string

func (e closedError) Error() string {
	code, reason, err := codec.ParseClose([]byte(e))
	return fmt.Sprintf("closed with %d %q %v", code, reason, err)
}

// code is the close code in the payload of a close frame.
func (e closedError) code() codec.CloseCode {
	code, _, _ := codec.ParseClose([]byte(e))
	return code
}

// client is a wire whose methods fail the test where anything but what they name comes.
type client struct {
	*wire
	tb testing.TB
}

// dial opens a WebSocket for the time of the test.
func dial(tb testing.TB, s *Server, path string) *client {
	tb.Helper()
	return dialSlow(tb, s, path, 0)
}

// dialSlow is dial with a bound on the receive buffer.
func dialSlow(tb testing.TB, s *Server, path string, receiveBuffer int) *client {
	tb.Helper()
	w, err := connectSlow(s, path, receiveBuffer)
	if err != nil {
		tb.Fatalf("cannot dial %s: %v", path, err)
	}
	tb.Cleanup(func() { _ = w.conn.Close() })
	return &client{w, tb}
}

// dialTCP opens a connection that is no WebSocket yet for the time of the test.
func dialTCP(tb testing.TB, s *Server) *client {
	tb.Helper()
	w, err := dialWire(s, 0)
	if err != nil {
		tb.Fatalf("cannot dial: %v", err)
	}
	tb.Cleanup(func() { _ = w.conn.Close() })
	return &client{w, tb}
}

// join opens a room's socket and takes the first frame.
func join(tb testing.TB, s *Server, id, user string) *client {
	tb.Helper()
	c := dial(tb, s, chatPath(id, user))
	c.wantWelcome()
	return c
}

func (c *client) mustWrite(b string) {
	c.tb.Helper()
	if err := c.write(b); err != nil {
		c.tb.Fatalf("cannot write: %v", err)
	}
}

func (c *client) mustSend(op codec.Opcode, payload string) {
	c.tb.Helper()
	c.mustWrite(string(masked(op, payload)))
}

// say sends a chat message.
func (c *client) say(info string) {
	c.tb.Helper()
	c.mustSend(codec.OpText, info)
}

func (c *client) wantWelcome() {
	c.tb.Helper()
	if got := c.wantText(); !strings.HasPrefix(got, `{"list":[`) {
		c.tb.Fatalf("first frame = %s; want {\"list\":[...", got)
	}
}

// wantText wants the next text.
func (c *client) wantText() string {
	c.tb.Helper()
	got, err := c.text()
	if err != nil {
		c.tb.Fatalf("want a text; got %v", err)
	}
	return got
}

// wantFrame wants the next frame to be this one.
func (c *client) wantFrame(op codec.Opcode, payload string) {
	c.tb.Helper()
	if got, err := c.next(); err != nil || got != (frame{op, payload}) {
		c.tb.Fatalf("next frame = %v %.100q, %v; want %v %.100q", got.op, got.payload, err, op, payload)
	}
}

// wantInfo wants the next text to be a chat message with this body.
func (c *client) wantInfo(want string) {
	c.tb.Helper()
	m, err := codec.ParseMessage(c.wantText())
	if err != nil || m.Info != want {
		c.tb.Fatalf("message = %.100q, %v; want %.100q", m.Info, err, want)
	}
}

// wantClosed wants the next frame to be a close frame with code, and nothing behind it.
func (c *client) wantClosed(code codec.CloseCode) (reason string) {
	c.tb.Helper()
	f, err := c.next()
	if err != nil || f.op != codec.OpClose {
		c.tb.Fatalf("next frame = %v %.100q, %v; want a close frame", f.op, f.payload, err)
	}
	got, reason, err := codec.ParseClose([]byte(f.payload))
	if err != nil || got != code {
		c.tb.Fatalf("closed with %d %q, %v; want %d", got, reason, err, code)
	}
	c.wantEOF()
	return reason
}

// wantEOF wants the server's half to be shut down, and nothing before that.
func (c *client) wantEOF() {
	c.tb.Helper()
	if f, err := c.next(); !errors.Is(err, io.EOF) {
		c.tb.Fatalf("next frame = %v %.100q, %v; want the end", f.op, f.payload, err)
	}
}

// wantCut wants the connection to end, however it does.
func (c *client) wantCut() {
	c.tb.Helper()
	for {
		if _, err := c.next(); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				c.tb.Fatalf("the connection is still open after %v", patience)
			}
			return
		}
	}
}
