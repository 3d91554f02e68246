package edge

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/net/http/httpguts"
)

// mostHandshake is how long a handshake may be that net/http does not read, in bytes. A browser's has some 500, and a
// signed token up to 4,096.
const mostHandshake = 8 << 10

// requestReader reads what connections send first. It has one goroutine.
type requestReader struct {
	paths SocketPaths
	in    []byte
	src   bytes.Reader
	buf   *bufio.Reader
}

func newRequestReader(paths SocketPaths) *requestReader {
	return &requestReader{paths: paths, in: make([]byte, mostHandshake), buf: bufio.NewReaderSize(nil, mostHandshake)}
}

// read reads what has come on a connection, by one call that does not wait: p, valid until the next one. If that is a
// handshake for one of our sockets, whole and plain, of at most so many bytes, r is its request; else nil.
func (q *requestReader) read(c accepted, most int) (r *http.Request, p []byte) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&q.in[0])), uintptr(len(q.in)), syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 { // nothing is there yet, or an error that net/http will meet, too
		return nil, nil
	}
	p = q.in[:n]
	if r = q.parse(p, most); r != nil {
		r.RemoteAddr = c.peer.String()
	}
	return r, p
}

// parse reads a handshake as net/http does, by the same reader: so there is nothing that the two could read in two
// ways. A request that net/http's server then refuses, or does something about, is not taken: see FuzzRequest.
func (q *requestReader) parse(p []byte, most int) *http.Request {
	if len(p) > most || !bytes.HasPrefix(p, []byte("GET /")) || !bytes.HasSuffix(p, []byte("\r\n\r\n")) {
		return nil
	}
	q.src.Reset(p)
	q.buf.Reset(&q.src)
	r, err := http.ReadRequest(q.buf)
	if err != nil || q.buf.Buffered() > 0 || q.src.Len() > 0 || !isPlain(r) || !q.paths.opensSocket(r) {
		return nil
	}
	return r
}

// isPlain reports whether net/http's server does nothing about a request but serve it.
func isPlain(r *http.Request) bool {
	if r.Proto != "HTTP/1.1" || r.Host == "" || !httpguts.ValidHostHeader(r.Host) || r.ContentLength != 0 || r.Close || r.TransferEncoding != nil || r.Trailer != nil || r.Header["Expect"] != nil {
		return false
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return false
			}
		}
	}
	return true
}

// opensSocket reports whether a request can only be for a WebSocket: nothing else is served by the acceptor.
func (all SocketPaths) opensSocket(r *http.Request) bool {
	_, ok := all.at(r.URL.Path)
	return ok && httpguts.HeaderValuesContainsToken(r.Header["Upgrade"], "websocket")
}

// SocketPath is the path of a protocol's socket: Begin, an id and End. Without an End whatever follows a slash is it.
type SocketPath struct {
	Begin, End string
	// Room: the id is that of a room.
	Room bool
}

// SocketPaths are those of all protocols.
type SocketPaths []SocketPath

// at reports whether a path is one of them, and whose room's; empty: it is no room's, or has no id. An id with a slash
// in it, which has a RawPath, may be cut.
func (all SocketPaths) at(path string) (room string, ok bool) {
	for i := range all {
		rest, ok := strings.CutPrefix(path, all[i].Begin)
		if !ok {
			continue
		}
		switch {
		case !all[i].Room:
			return "", true
		case all[i].End == "":
			id, _, _ := strings.Cut(rest, "/")
			return id, true
		}
		if id, ok := strings.CutSuffix(rest, all[i].End); ok {
			return id, true
		}
	}
	return "", false
}
