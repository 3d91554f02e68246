package baseline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"golang.org/x/sys/unix"

	"barrage/codec"
	"barrage/internal/rawio"
)

// longestRequest bounds the head of a request in bytes.
const longestRequest = 8 << 10

// errDone ends a client that is served: it closed, or got what it asked for.
var errDone = errors.New("the client is served")

// bareServer is everything of the bare server. It belongs to the goroutine of [ServeBare].
type bareServer struct {
	epoll, listener, wake int
	clients               []*bareClient // by descriptor; nil: it is no client's
	rooms                 map[string]*bareRoom
	requests              map[int][]byte // heads that have come in part, by descriptor
	metrics               *prometheus.Registry
	dropped               prometheus.Counter
	events                []unix.EpollEvent
	in, out               []byte // of the client under way, of the message under way
}

// bareRoom lives as long as the server, since it counts the messages that were ever sent in it.
type bareRoom struct {
	id      string
	members []*bareClient
	total   int // messages ever
}

// bareClient is one connection.
type bareClient struct {
	server *bareServer
	room   *bareRoom // nil until it is a member
	user   string
	frames codec.Reader
	fd     int // -1 once it is closed
	slot   int // in the room's members
}

var _ codec.FrameHandler = (*bareClient)(nil)

// ServeBare answers on ln what [ServeHub] does, on one thread. A message is written to each member of its room where it
// is read, by one write(2) a member. A client whose socket takes no more is closed. It ends with ctx and returns nil.
// It closes ln, which must be TCP's.
func ServeBare(ctx context.Context, ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	s := &bareServer{
		epoll: -1, wake: -1, rooms: map[string]*bareRoom{}, requests: map[int][]byte{},
		events: make([]unix.EpollEvent, 1024), in: make([]byte, readLimit),
	}
	s.metrics, s.dropped = newMetrics()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer s.close()
	err := s.open(ln)
	if err == nil {
		woken := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(woken)
			_, _ = rawio.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it is empty
		})
		defer func() { // before wake is closed: its number may be another file's then
			if !stop() {
				<-woken
			}
		}()
		err = s.run(ctx)
	}
	if err != nil {
		return fmt.Errorf("cannot serve the baseline at %v: %w", ln.Addr(), err)
	}
	return nil
}

func (s *bareServer) open(ln net.Listener) error {
	conn, err := ln.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = conn.Control(func(fd uintptr) { s.listener = int(fd) })
	}
	if err != nil {
		return err
	}
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	return errors.Join(s.watch(s.listener), s.watch(s.wake))
}

// watch has epoll report when something can be read from fd.
func (s *bareServer) watch(fd int) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
}

// close closes every connection.
func (s *bareServer) close() {
	for _, c := range s.clients {
		if c != nil {
			_ = unix.Close(c.fd)
		}
	}
	for _, fd := range []int{s.epoll, s.wake} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

func (s *bareServer) run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, errno := rawio.Wait(s.epoll, s.events)
		if errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("epoll_wait", errno)
		}
		for _, ev := range s.events[:n] {
			switch fd := int(ev.Fd); fd {
			case s.wake:
			case s.listener:
				if err := s.accept(); err != nil {
					return err
				}
			default:
				if c := s.clients[fd]; c != nil { // another one of this turn may have closed it
					c.ready()
				}
			}
		}
	}
	return nil
}

// accept takes a connection. Epoll reports again where more are waiting.
func (s *bareServer) accept() error {
	fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ECONNABORTED) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return os.NewSyscallError("accept4", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // without it messages only come later
	if need := fd + 1 - len(s.clients); need > 0 {
		s.clients = append(s.clients, make([]*bareClient, need)...)
	}
	s.clients[fd] = &bareClient{server: s, fd: fd}
	return s.watch(fd)
}

// ready reads what has come, and closes the client where that cannot go on.
func (c *bareClient) ready() {
	n, errno := rawio.Read(c.fd, c.server.in)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return
	}
	b, on := c.server.in[:n], n > 0
	switch {
	case !on:
	case c.room == nil:
		on = c.come(b)
	default:
		on = c.frames.Feed(b, readLimit, c) == nil
	}
	if !on {
		c.close()
	}
}

// close forgets the client. It may be closed already.
func (c *bareClient) close() {
	if c.fd < 0 {
		return
	}
	delete(c.server.requests, c.fd)
	c.server.clients[c.fd] = nil
	_ = unix.Close(c.fd)
	c.fd = -1
	if c.room != nil {
		last := c.room.members[len(c.room.members)-1]
		c.room.members[c.slot], last.slot = last, c.slot
		c.room.members = slices.Delete(c.room.members, len(c.room.members)-1, len(c.room.members))
	}
}

// send writes b whole, or closes the client.
func (c *bareClient) send(b []byte) {
	if n, _ := rawio.Write(c.fd, b); n < len(b) {
		c.server.dropped.Inc()
		c.close()
	}
}

// come takes a part of a request, and answers it once it is whole. It reports whether the client may go on.
func (c *bareClient) come(b []byte) bool {
	s := c.server
	b = append(s.requests[c.fd], b...)
	delete(s.requests, c.fd)
	head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	switch {
	case !whole && len(b) > longestRequest:
		return false
	case !whole:
		s.requests[c.fd] = bytes.Clone(b)
		return true
	}
	lines := strings.Split(string(head), "\r\n")
	method, target, _ := strings.Cut(lines[0], " ")
	path, _, _ := strings.Cut(target, " ")
	parts := strings.Split(path, "/")
	key := ""
	for _, line := range lines[1:] {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Sec-WebSocket-Key") {
			key = strings.TrimSpace(value)
		}
	}
	switch {
	case method == http.MethodGet && path == "/metrics":
		c.send(s.usage())
		return false
	case method != http.MethodGet || len(parts) != 6 || parts[1] != "group" || parts[2] != "chat":
		c.send([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		return false
	case key == "":
		c.send([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		return false
	}
	c.enter(parts[3], parts[4], key)
	return c.fd >= 0 && c.frames.Feed(rest, readLimit, c) == nil
}

// usage is the answer that has the metrics.
func (s *bareServer) usage() []byte {
	var text bytes.Buffer
	families, _ := s.metrics.Gather() // a family that could not be gathered is not in it
	for _, f := range families {
		_, _ = expfmt.MetricFamilyToText(&text, f) // into memory
	}
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", text.Len(), &text)
}

// enter makes the client a member. room and user stand as in a path.
func (c *bareClient) enter(room, user, key string) {
	id, err1 := url.PathUnescape(room)
	name, err2 := url.PathUnescape(user)
	if err1 != nil || err2 != nil {
		c.close()
		return
	}
	r := c.server.rooms[id]
	if r == nil {
		r = &bareRoom{id: strings.Clone(id)} // id may be a part of the request
		c.server.rooms[r.id] = r
	}
	c.room, c.user, c.slot = r, strings.Clone(name), len(r.members)
	r.members = append(r.members, c)
	c.send(codec.AppendFrame(codec.AppendSwitching(nil, key, ""), codec.OpText, welcome(r.total)))
}

// Frame takes what the client sends.
func (c *bareClient) Frame(op codec.Opcode, payload []byte) error {
	s := c.server
	switch op {
	case codec.OpText, codec.OpBinary:
		c.room.total++
		s.out = codec.AppendFrame(s.out[:0], codec.OpText, newMessage(c.room.id, c.user, payload, time.Now()))
		for _, m := range slices.Backward(c.room.members) { // one that is closed gives its slot to one that has the message
			m.send(s.out)
		}
	case codec.OpPing:
		c.send(codec.AppendFrame(s.out[:0], codec.OpPong, payload))
	case codec.OpClose:
		c.send(codec.AppendFrame(s.out[:0], codec.OpClose, payload))
		return errDone
	case codec.OpPong, codec.OpContinuation:
	}
	if c.fd < 0 {
		return errDone
	}
	return nil
}

// Deflates reports that permessage-deflate was not agreed on.
func (c *bareClient) Deflates() bool { return false }
