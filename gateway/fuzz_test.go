package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"barrage/codec"
	"barrage/gateway/edge"
)

// pairs is a listener whose connections are socket pairs: they reach the pollers as
// those of TCP do, and cost no port.
type pairs struct {
	conns chan net.Conn // sent by dial, received by Accept; never closed
	done  chan struct{} // closed by Close
	close func()
}

func newPairs() *pairs {
	p := &pairs{conns: make(chan net.Conn), done: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.done) })
	return p
}

func (p *pairs) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pairs) Close() error   { p.close(); return nil }
func (p *pairs) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// dial is the client's end of a new connection.
func (p *pairs) dial(tb testing.TB) *net.UnixConn {
	tb.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		if ends[i], err = net.FileConn(file); err != nil {
			tb.Fatal(err)
		}
		_ = file.Close() // FileConn has duplicated it
	}
	p.conns <- ends[0]
	if err := ends[1].SetDeadline(time.Now().Add(patience)); err != nil {
		tb.Fatal(err)
	}
	return ends[1].(*net.UnixConn)
}

// talk sends b, shuts its half, and returns all that comes back.
func talk(tb testing.TB, conn *net.UnixConn, b []byte) []byte {
	tb.Helper()
	sent := make(chan struct{})
	go func() { // ends with the connection's deadline at the latest; waited for below
		defer close(sent)
		_, _ = conn.Write(b) // the server may have closed it before the end
		_ = conn.CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	<-sent
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		tb.Fatalf("after %d bytes: %v", len(got), err)
	}
	return got
}

// answers is what a member is answered directly: its pongs, then the close frame.
type answers struct {
	frames []frame
	closed bool
}

func (*answers) Deflates() bool { return false }

func (a *answers) Frame(op codec.Opcode, payload []byte) error {
	switch {
	case a.closed:
	case op == codec.OpPing:
		a.frames = append(a.frames, frame{codec.OpPong, string(payload)})
	case op == codec.OpText && len(utf16.Encode([]rune(string(payload)))) > 8192:
		a.close(codec.CloseTooBig, "the message is longer than 8192 UTF-16 units")
		return edge.ErrGone
	case op == codec.OpClose:
		code, _, err := codec.ParseClose(payload)
		a.close(code, "")
		return errors.Join(err, edge.ErrGone)
	}
	return nil
}

func (a *answers) close(code codec.CloseCode, reason string) {
	if a.closed {
		return
	}
	a.closed = true
	f, err := readFrame(bufio.NewReader(bytes.NewReader(codec.AppendCloseFrame(nil, code, reason))))
	if err != nil {
		panic(err)
	}
	a.frames = append(a.frames, f)
}

// expected is what the server has to answer to this stream of frames.
func expected(stream []byte, maxMessage int) []frame {
	var a answers
	var r codec.Reader
	err := r.Feed(slices.Clone(stream), maxMessage, &a)
	if violation, ok := errors.AsType[*codec.ProtocolError](err); ok {
		a.close(violation.Code, violation.Reason)
	}
	return a.frames
}

// FuzzHandshakeAndFrames sends anything as a request; or, where there are frames, a good handshake and then those.
// Nothing panics, everything is let go, the answers are HTTP or whole frames, and pongs and closes are those that the
// rules ask for.
func FuzzHandshakeAndFrames(f *testing.F) {
	good := handshake(chatPath("r", "u"))
	for _, request := range []string{
		"", "\r\n\r\n", good, good + good, good + "early", strings.Replace(good, "GET", "HEAD", 1),
		strings.Replace(good, "Host", "Content-Length: 3\r\nHost", 1) + "abc",
		strings.Replace(good, "/r/", "/%2F/", 1), strings.Replace(good, "/r/", "/../", 1), handshake(listPath("u")),
		"POST /user/login?userId=u&password=p HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST /user/login HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n--b\r\n0\r\n\r\n",
		"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\nAccess-Control-Request-Method: POST\r\n\r\n",
	} {
		f.Add([]byte(request), []byte(nil))
	}
	var all []byte
	for _, one := range [][]byte{
		masked(codec.OpText, "hello"), masked(codec.OpPing, "p"), masked(codec.OpPong, ""),
		masked(codec.OpPing, strings.Repeat("p", 125)), masked(codec.OpText, strings.Repeat("é", 4000)),
		{0x01, 0x80, 0, 0, 0, 0, 0x80, 0x80, 0, 0, 0, 0}, // two fragments
	} {
		all = append(all, one...)
		f.Add([]byte(nil), one)
	}
	for _, last := range [][]byte{
		nil, masked(codec.OpClose, ""), masked(codec.OpClose, "\x03\xE8bye"), masked(codec.OpClose, "\x03"),
		masked(codec.OpBinary, "b"), masked(codec.OpText, strings.Repeat("é", 8193)), masked(codec.OpText, strings.Repeat("🎉", 4096)),
		{0x81, 0x00},
		{0xC1, 0x80, 0, 0, 0, 0},
		{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF},
	} {
		f.Add([]byte(nil), slices.Concat(all, last, all))
	}

	s := newServer(f, func(c *setup) { c.rooms.OnJoin, c.rooms.Linger = 0, 0 }) // so the welcome stays small
	ln := newPairs()
	s.serve(s.public, ln) // ends with the server, which closes ln
	f.Fuzz(func(t *testing.T, request, frames []byte) {
		if len(request)+len(frames) > 32<<10 {
			return // bytes that have come when we hang up are read up to three times 32 KiB
		}
		conn := ln.dial(t)
		defer func() { _ = conn.Close() }()
		if len(frames) == 0 {
			if got := talk(t, conn, request); len(got) > 0 && !bytes.HasPrefix(got, []byte("HTTP/1.1 ")) {
				t.Fatalf("answer to %q: %q", request, got)
			}
		} else {
			wantAnswers(t, conn, frames, int(s.cfg.Server.MaxMessageBytes))
		}
		eventually(t, func() error { return differ("slots taken", s.edge.Sessions.Taken(), 0) })
	})
}

// wantAnswers shakes hands, sends frames, and holds what comes against the rules.
func wantAnswers(t *testing.T, conn *net.UnixConn, frames []byte, maxMessage int) {
	t.Helper()
	if _, err := io.WriteString(conn, handshake(chatPath("r", "u"))); err != nil {
		t.Fatal(err)
	}
	var head [len("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \r\n\r\n") + len(exampleAccept)]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || string(head[:]) != switched {
		t.Fatalf("answer to the handshake: %q, %v", head, err)
	}
	in := bufio.NewReader(bytes.NewReader(talk(t, conn, frames)))
	var got []frame
	for {
		f, err := readFrame(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // we hung up: something may be cut
			break
		}
		if err != nil {
			t.Fatalf("answer to % x: %v", frames, err)
		}
		if f.op != codec.OpText {
			got = append(got, f)
		}
	}
	want := expected(frames, maxMessage)
	if len(frames) > 512 { // more answers than fit into a pipe are cut when we hang up
		want = want[:min(len(want), len(got))]
	}
	if !slices.Equal(got, want) {
		t.Fatalf("answer to %x:\n got %+v\nwant %+v", frames, got, want)
	}
}
