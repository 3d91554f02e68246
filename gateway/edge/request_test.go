package edge

import (
	"bufio"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const plainHandshake = "GET /group/chat/r/u/t?x=1 HTTP/1.1\r\nHost: a:1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://a:1\r\nSec-WebSocket-Protocol: barrage.v1\r\n\r\n"

// socketPaths are some as the protocols have.
var socketPaths = SocketPaths{{Begin: "/group/chat/", Room: true}, {Begin: "/group/list/"}, {Begin: "/v1/rooms/", End: "/ws", Room: true}}

// pipes is a listener of pipes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// netHTTP serves what a test writes by net/http, and reports what the handler received.
type netHTTP struct {
	conns pipes
	seen  chan *http.Request // capacity 1
}

func newNetHTTP(tb testing.TB) *netHTTP {
	tb.Helper()
	n := &netHTTP{conns: make(pipes), seen: make(chan *http.Request, 1)}
	srv := &http.Server{MaxHeaderBytes: 16 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.seen <- r
		w.Header().Set("Connection", "close")
	})}
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		_ = srv.Serve(n.conns)
	}()
	tb.Cleanup(func() {
		close(n.conns)
		_ = srv.Close()
		<-done
	})
	return n
}

// read has net/http read p; nil where it refuses it.
func (n *netHTTP) read(tb testing.TB, p []byte) *http.Request {
	tb.Helper()
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }()
	n.conns <- theirs
	written := make(chan struct{})
	go func() { // ends with the answer, or when ours is closed
		defer close(written)
		_, _ = ours.Write(p)
	}()
	resp, err := http.ReadResponse(bufio.NewReader(ours), nil)
	if err != nil {
		tb.Fatalf("%q: net/http answers nothing: %v", p, err)
	}
	_ = resp.Body.Close()
	_ = ours.Close()
	<-written
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	return <-n.seen
}

// FuzzRequest: net/http's server takes what the acceptor takes as one whole request, and has its handler see the same.
func FuzzRequest(f *testing.F) {
	for _, change := range []string{
		"", "\r\n|\n", "Host|Content-Length", "Host: a:1|Host: b\r\nHost: a", "Host: a:1|Host: ", "Host: a:1|Host: a b", "GET|POST", "HTTP/1.1|HTTP/1.0",
		"/r/|/%41/", "/r/|//", "/r/|/../", "/r/|/a%2Fb/", "/group/chat/r/u/t|/v1/rooms/r/ws", "/group/chat/r/u/t|/group/list/u/t", "Origin|Transfer-Encoding", "Origin|Expect", "Origin|Trailer",
		"Origin: |Origin:\r\n ", "Origin: |Origin : ", "Origin|Authorization", "keep-alive|close", "Upgrade: websocket|Upgrade: h2c, websocket", "t?x=1|t#x", "GET /|GET http://h/",
		"GET /|GET //h/", "\r\n\r\n|\r\n\r\nGET", "Origin|\x00", "http:|\x7f", "http:|\xff", "Origin: http://a:1|origin:", "websocket|WebSocKet", "Origin|Cookie", "Origin|pragma: no-cache\r\nX", "x=1|a;b=%zz",
	} {
		from, to, _ := strings.Cut(change, "|")
		if change == "" {
			f.Add([]byte(plainHandshake))
			continue
		}
		f.Add([]byte(strings.ReplaceAll(plainHandshake, from, to)))
		f.Add([]byte(strings.Replace(plainHandshake, from, to, 1)))
	}
	in, other := newRequestReader(socketPaths), newNetHTTP(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		got := in.parse(p, 4<<10)
		if got == nil {
			return
		}
		want := other.read(t, p)
		if want == nil {
			t.Fatalf("%q: net/http refuses it", p)
		}
		type request struct {
			Method, URI, Proto, Host string
			URL                      any
			Header                   http.Header
			Length                   int64
			Close                    bool
			Encoding                 []string
			Trailer                  http.Header
		}
		seen := func(r *http.Request) request {
			return request{r.Method, r.RequestURI, r.Proto, r.Host, r.URL, r.Header, r.ContentLength, r.Close, r.TransferEncoding, r.Trailer}
		}
		if g, w := seen(got), seen(want); !reflect.DeepEqual(g, w) {
			t.Fatalf("%q: the acceptor reads %+v; net/http %+v", p, g, w)
		}
	})
}

// TestRequest_TakesPlainHandshakesAlone: a plain handshake is taken whole, and nothing else is.
func TestRequest_TakesPlainHandshakesAlone(t *testing.T) {
	in := newRequestReader(socketPaths)
	for change, want := range map[string]bool{
		"":                                       true,
		"/r/|/%E5%BC%B9/":                        true,
		"/group/chat/r/|/group/list/":            true,
		"/group/chat/r/u/t|/v1/rooms/r/ws":       true,
		"/group/chat/r/u/t|/v1/rooms/a%2Fb/ws":   true,
		"/group/chat/r/u/t|/v1/rooms/r/messages": false,
		"GET|POST":                               false,
		"\r\n\r\n|\r\n":                          false,
		"\r\n\r\n|\r\n\r\n\x81\x80":              false,
		"HTTP/1.1|HTTP/1.0":                      false,
		"Upgrade: websocket|X: y":                false,
		"Host: a:1|X: y":                         false,
		"Origin|Content-Length: 2\r\nX":          false,
		"Origin|Expect: 100-continue\r\nX":       false,
	} {
		from, to, _ := strings.Cut(change, "|")
		p := plainHandshake
		if from != "" {
			p = strings.Replace(p, from, to, 1)
		}
		if got := in.parse([]byte(p), 4<<10) != nil; got != want {
			t.Errorf("%q: taken %v; want %v", p, got, want)
		}
	}
	if in.parse([]byte(plainHandshake), len(plainHandshake)-1) != nil {
		t.Error("a request longer than server.max_header_bytes is taken")
	}
}

func BenchmarkRequest(b *testing.B) {
	in := newRequestReader(socketPaths)
	b.ReportAllocs()
	for b.Loop() {
		if in.parse([]byte(plainHandshake), 4<<10) == nil {
			b.Fatal("not taken")
		}
	}
}
