package edge

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"

	"barrage/codec"
	"barrage/internal/chat"
)

// connected is two ends of a connection by TCP, as descriptors.
func connected(t *testing.T) (ours, theirs int, client, server netip.AddrPort) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client, server = dialed.LocalAddr().(*net.TCPAddr).AddrPort(), dialed.RemoteAddr().(*net.TCPAddr).AddrPort()
	if theirs, err = descriptorOf(dialed); err == nil {
		ours, err = descriptorOf(accepted)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = syscall.Close(ours), syscall.Close(theirs) })
	return ours, theirs, client, server
}

// places is how far a client has got in both directions, in the numbers of TCP. The test is skipped where one may not
// know.
func places(t *testing.T, fd int) (seq, ack uint32) {
	t.Helper()
	const sends, receives, silent = 2, 1, -1 // of tcp(7), TCP_REPAIR
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1); err != nil {
		t.Skip("no TCP_REPAIR here: ", err)
	}
	at := func(queue int) uint32 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR_QUEUE, queue); err != nil {
			t.Fatal(err)
		}
		n, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	seq, ack = at(sends), at(receives)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, silent); err != nil {
		t.Fatal(err)
	}
	return seq, ack
}

// urgent is a segment of one urgent byte, with its header of TCP.
func urgent(from, to netip.AddrPort, seq, ack uint32) []byte {
	const length = 20 + 1
	p := binary.BigEndian.AppendUint16(nil, from.Port())
	p = binary.BigEndian.AppendUint16(p, to.Port())
	p = binary.BigEndian.AppendUint32(p, seq)
	p = binary.BigEndian.AppendUint32(p, ack)
	p = append(p, 5<<4, 0x30, 4, 0, 0, 0, 0, 1, 'U') // URG and ACK, a window of 1 KiB, urgent up to behind the byte
	sum := uint32(unix.IPPROTO_TCP + length)
	src, dst := from.Addr().As4(), to.Addr().As4()
	for _, b := range [][]byte{src[:], dst[:], p[:20], {'U', 0}} {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(p[16:], ^uint16(sum))
	return p
}

// TestPoller_EndsRightAfterItsStart: a node that is stopped in its first milliseconds ends.
func TestPoller_EndsRightAfterItsStart(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Server.Pollers = 8
	for range 50 {
		e := New(cfg, nil, slog.New(slog.DiscardHandler))
		e.openFiles = 1024
		e.startEngine()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := e.engine.Shutdown(ctx)
		cancel()
		if err != nil {
			t.Fatalf("the pollers have not ended: %v", err)
		}
	}
}

// busy is a socket whose messages take until goOn is closed.
type busy struct {
	Deaf
	came, goOn chan struct{}
}

func (b *busy) Message(codec.Opcode, []byte) error {
	close(b.came)
	<-b.goOn
	return nil
}
func (*busy) Revoked(chat.TokenState) {}
func (*busy) Flooded()                {}
func (*busy) Gone()                   {}

// TestPoller_IsWaitedForWhileItTakesAMessage: what was set when a message was under way holds for all that come after
// the wait.
func TestPoller_IsWaitedForWhileItTakesAMessage(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Server.Pollers = 3
	e := New(cfg, nil, slog.New(slog.DiscardHandler))
	e.openFiles = 1024
	e.startEngine()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := new(busy)
	b.came, b.goOn = make(chan struct{}), make(chan struct{})
	b.Init(e, &Visitor{User: "u"}, b)
	b.nb.Lock() // as TakeOver does
	adopt(&b.nb, ends[0])
	b.nb.Unlock()
	e.begin(&b.Session, []byte("hello"))
	if _, err := unix.Write(ends[1], []byte("\x81\x80\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	<-b.came
	reason := errors.New("not now")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	for range 10 { // the others may answer first
		if err := e.TouchPollers(ctx); !errors.Is(err, reason) {
			t.Errorf("TouchPollers amid a message = %v; want it to wait", err)
		}
	}
	close(b.goOn)
	if err := e.TouchPollers(t.Context()); err != nil {
		t.Error(err)
	}
	_ = unix.Close(ends[1])
	if err := e.engine.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPoller_UrgentByteBehindAGapIsToldOnce: epoll does not report for ever what cannot be read: one packet would take
// a core.
func TestPoller_UrgentByteBehindAGapIsToldOnce(t *testing.T) {
	ours, theirs, client, server := connected(t)
	seq, ack := places(t, theirs)
	raw, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP)
	if err != nil {
		t.Skip("no raw sockets here: ", err)
	}
	t.Cleanup(func() { _ = unix.Close(raw) })
	if err := unix.Sendto(raw, urgent(client, server, seq+100, ack), 0, &unix.SockaddrInet4{Addr: server.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	told := func(wait int) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(ours), Events: unix.POLLIN | unix.POLLPRI}}, wait)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	if !told(5000) {
		t.Fatal("the kernel tells of no urgent byte")
	}
	var nb nbio.Conn
	adopt(&nb, ours)
	if n, errno := new(poller).read(&nb); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("read: %d bytes, %v; want none", n, errno)
	}
	if told(0) {
		t.Error("the kernel tells again of what cannot be read")
	}
	if _, err := syscall.Write(theirs, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if !told(5000) {
		t.Fatal("the kernel does not tell of what came")
	}
	p := new(poller)
	if n, errno := p.read(&nb); string(p.buf[:n]) != "hello" || errno != 0 {
		t.Errorf("read: %q, %v; want what came", p.buf[:n], errno)
	}
}
