package baseline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handshake is a whole request with the RFC's example key, whose answer is "s3pPL...".
const handshake = "GET /group/chat/a%2Fb/u/t HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// dial connects without sending anything.
func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // The test may have closed it.
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// wantRead wants exactly this next.
func wantRead(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

// A request may come cut anywhere, with frames behind it; control frames are answered.
func TestServeBare_TakesRequestsCutAnywhere(t *testing.T) {
	addr, _ := start(t, ServeBare)
	ping, closing := "\x89\x82\x00\x00\x00\x00hi", "\x88\x82\x00\x00\x00\x00\x03\xe8"
	for cut := range len(handshake) + 1 {
		conn, r := dial(t, addr)
		for _, part := range []string{handshake[:cut], handshake[cut:] + ping + closing} {
			if _, err := io.WriteString(conn, part); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // there is none after a 101
		if accept := resp.Header.Get("Sec-WebSocket-Accept"); resp.StatusCode != http.StatusSwitchingProtocols || accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Fatalf("answer %s, %s", resp.Status, accept)
		}
		wantRead(t, r, "\x81\x15"+`{"list":[],"total":0}`+"\x8a\x02hi"+"\x88\x02\x03\xe8")
		if b, err := r.ReadByte(); err != io.EOF {
			t.Fatalf("read %q, %v after the close frame; want the end", b, err)
		}
	}
	if a, welcome := join(t, addr, "a%2Fb", "u"); welcome != `{"list":[],"total":0}` {
		t.Errorf("welcome = %s", welcome)
	} else {
		a.say("alone")
		if got, want := a.next(), `{"groupId":"a/b","userId":"u","info":"alone",`; !strings.HasPrefix(got, want) {
			t.Errorf("message = %s; want %s... and nobody who left in the way", got, want)
		}
	}
}

func TestServeBare_RefusesWhatIsNoHandshake(t *testing.T) {
	addr, _ := start(t, ServeBare)
	for _, c := range []struct{ request, want string }{
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
		{"\r\n\r\n", "HTTP/1.1 404 Not Found"},
		{strings.Replace(handshake, "GET", "POST", 1), "HTTP/1.1 404 Not Found"},
		{"GET /group/chat/r/u/t HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		{strings.Replace(handshake, "%2F", "%2x", 1), ""},
		{strings.Repeat("x", longestRequest+1), ""},
		{handshake + "\x81\x02hi", "HTTP/1.1 101 Switching Protocols"}, // without a mask
	} {
		conn, r := dial(t, addr)
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		all, _ := io.ReadAll(r) // a reset is an end, too
		if line, _, _ := strings.Cut(string(all), "\r\n"); line != c.want {
			t.Errorf("%.60q is answered by %q; want %q and the end", c.request, line, c.want)
		}
	}
}

// Members leave in any order while others are written to.
func TestServeBare_LeavingMembersDisturbNobody(t *testing.T) {
	addr, _ := start(t, ServeBare)
	speaker, _ := join(t, addr, "r", "s")
	var all []member
	for i := range 8 {
		m, _ := join(t, addr, "r", fmt.Sprint("m", i))
		all = append(all, m)
	}
	for said, gone := range []int{0, 6, 2, 2, 1} {
		_ = all[gone].conn.CloseNow()
		all = append(all[:gone], all[gone+1:]...)
		text := fmt.Sprint("say", said)
		speaker.say(text)
		speaker.wantInfo(text)
		for _, m := range all {
			m.wantInfo(text)
		}
	}
}

// TestServeBare_WakesNobodyElseAtItsEnd: its descriptors are other files' as soon as it has returned.
func TestServeBare_WakesNobodyElseAtItsEnd(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := ServeBare(over, ln); err != nil {
			t.Fatal(err)
		}
		var files []int
		for range 3 { // as many as it had
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, fd)
		}
		for range 20 { // a late goroutine has a turn
			runtime.Gosched()
		}
		for _, fd := range files {
			var count [8]byte
			if _, err := unix.Read(fd, count[:]); !errors.Is(err, unix.EAGAIN) {
				t.Errorf("a file of somebody else's was written: %v, %v", count, err)
			}
			_ = unix.Close(fd)
		}
	}
}
