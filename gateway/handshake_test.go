package gateway

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// A client that does not wait for the answer is not understood (RFC 6455 section 4.1).
func TestHandshake_EarlyDataIsRefused(t *testing.T) {
	s := newServer(t, nil)
	c := dialTCP(t, s)
	c.mustWrite(handshake(chatPath("r", "u")) + string(masked(1, "too early")))
	resp, err := c.response()
	if err != nil || resp.status != http.StatusBadRequest {
		t.Fatalf("answer = %+v, %v; want 400", resp, err)
	}
	c.wantEOF()
	eventually(t, func() error { // the handler may still be at it
		return firstOf(
			differ("refused handshakes", s.edge.Stats.RefusedHandshakes.Load(), 1),
			differ("members", s.edge.Hall.Stats().Members, 0),
			differ("slots taken", s.edge.Sessions.Taken(), 0),
		)
	})
}

// A handshake that is refused before the upgrade is answered by HTTP, with a text and the headers that go with it. The
// connection is closed. A stranger who only knocks keeps no descriptor.
func TestHandshake_RefusalsAreHTTPAnswers(t *testing.T) {
	s := newServer(t, func(c *setup) { c.CORS.AllowedOrigins = []string{"https://shop.example"} })
	f := func(request string, status int, why string, headers ...string) {
		t.Helper()
		c := dialTCP(t, s)
		c.mustWrite(request)
		resp, err := c.response()
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		if resp.status != status || resp.body != why {
			t.Errorf("%q: %v; want %d %s", request, resp, status, why)
		}
		for i := 0; i < len(headers); i += 2 {
			if got := resp.header.Get(headers[i]); got != headers[i+1] {
				t.Errorf("%q: header %s = %q; want %q", request, headers[i], got, headers[i+1])
			}
		}
	}
	good := handshake(chatPath("r", "u"))
	f(strings.Replace(good, ": 13", ": 7", 1), 426, `cannot upgrade: Sec-WebSocket-Version is "7", want 13`,
		"Sec-WebSocket-Version", "13", "Upgrade", "websocket")
	f(strings.Replace(good, "Host", "Origin: http://evil.example\r\nHost", 1), 403, `origin "http://evil.example" is not in cors.allowed_origins`)
	f(strings.Replace(good, "/u/", "/%00/", 1), 400, `userId "\x00" has control characters or is not UTF-8`)
	f(strings.Replace(good, "/r/", "/"+strings.Repeat("r", 129)+"/", 1), 400, "groupId has 129 bytes, at most 128 are allowed")
	f(strings.Replace(good, "/any", "/"+strings.Repeat("t", 4097), 1), 400, "token has 4097 bytes, at most 4096 are allowed")
	storeOf(s).fail(failure("Read"), "Read")
	f(good, 503, "cannot open the room now, try again")
	storeOf(s).fail(nil, "Read")
	if got := s.edge.Stats.RefusedHandshakes.Load(); got != 6 { // counted before they are answered
		t.Errorf("refused handshakes = %d; want 6", got)
	}
}

// BenchmarkHandshake is a whole handshake in a live room, from the first byte to the welcome, and the end of its
// session. The client allocates nothing; its system calls are part of the time.
func BenchmarkHandshake(b *testing.B) {
	native := strings.Replace(handshake(v1Path("r", "user_id=u&token=any")), "\r\n\r\n", "\r\nSec-WebSocket-Protocol: "+subprotocol+"\r\n\r\n", 1)
	for name, request := range map[string]string{"fastim": handshake(chatPath("r", "u")), "native": native} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b, nil)
			join(b, s, "r", "stays")
			to := &syscall.SockaddrInet4{Port: s.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
			say, buf := []byte(request), make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
				if err == nil {
					err = syscall.Connect(fd, to)
				}
				if err == nil {
					_, err = syscall.Write(fd, say)
				}
				n := 0
				if err == nil {
					n, err = syscall.Read(fd, buf)
				}
				if err != nil || !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 101 ") {
					b.Fatalf("the answer is %q, %v; want 101", buf[:n], err)
				}
				_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}) // no port waits
				_ = syscall.Close(fd)
			}
		})
	}
}
