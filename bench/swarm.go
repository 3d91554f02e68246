package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// handshakesAtOnce bounds the connections that wait for their answer, so that the
// server's accept queue (4096 on Linux) does not overflow.
const handshakesAtOnce = 512

// viewer is one connection of the swarm.
type viewer struct {
	scanner
	fd     int
	sample *sample // nil: it only counts
}

// sample is what a viewer knows that reads everything.
type sample struct {
	buf  []byte
	seen map[uint64]bool
	// last is the highest number seen of each mouth, plus 1. What one socket says is in
	// order; between two sockets there is none.
	last               [senders]uint64
	double, outOfOrder uint64
}

// Swarm is many viewers on one epoll loop. Its methods are for one goroutine.
type Swarm struct {
	target  netip.AddrPort
	epoll   int
	viewers []*viewer
	byFD    []*viewer // index: descriptor
	waiting int       // handshakes without an answer
	open    int
	events  []unix.EpollEvent
	buf     []byte

	// Latency of sampled messages from their due time, in microseconds.
	Latency *hdrhistogram.Histogram
	// Frames is how many text frames came to all viewers, welcomes included.
	Frames uint64
	// Bytes is how many bytes came to all viewers.
	Bytes uint64
	// Broken counts viewers whose connection ended, and says why the last one did.
	Broken    uint64
	BrokenWhy error
}

// NewSwarm prepares a swarm against target. Close it.
func NewSwarm(target netip.AddrPort) (*Swarm, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Swarm{
		target: target, epoll: ep,
		events:  make([]unix.EpollEvent, 1024),
		buf:     make([]byte, 256<<10),
		Latency: hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3),
	}, nil
}

// Close closes every connection.
func (s *Swarm) Close() {
	for _, v := range s.viewers {
		s.drop(v, nil)
	}
	_ = unix.Close(s.epoll)
}

// Open is how many viewers are connected and past their handshake.
func (s *Swarm) Open() int { return s.open }

// Connect adds n viewers; path gives the address of the i-th, and the first samples
// of them read everything. It returns once all are in or ctx ends.
func (s *Swarm) Connect(ctx context.Context, n, samples int, path func(i int) string) error {
	first := len(s.viewers)
	for i := 0; i < n || s.waiting > 0; {
		for i < n && s.waiting < handshakesAtOnce {
			if err := s.dial(path(first+i), i < samples); err != nil {
				return fmt.Errorf("cannot connect viewer %d of %d: %w", i+1, n, err)
			}
			i++
		}
		if err := s.poll(10 * time.Millisecond); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("cannot connect %d viewers: %d are in, %d wait: %w", n, s.open, s.waiting, err)
		}
		if s.Broken > 0 {
			return fmt.Errorf("cannot connect %d viewers: %d ended, the last one because %w", n, s.Broken, s.BrokenWhy)
		}
	}
	return nil
}

func (s *Swarm) dial(path string, sampled bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	v := &viewer{fd: fd}
	if sampled {
		v.sample = &sample{seen: map[uint64]bool{}}
		v.keep = &v.sample.buf
	}
	// Blocking: on loopback connect waits for nothing but the accept queue.
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(s.target.Port()), Addr: s.target.Addr().As4()}); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("connect", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("epoll_ctl", err)
	}
	for len(s.byFD) <= fd {
		s.byFD = append(s.byFD, nil)
	}
	s.byFD[fd] = v
	s.viewers = append(s.viewers, v)
	s.waiting++
	_, err = unix.Write(fd, []byte("GET "+path+" HTTP/1.1\r\nHost: "+s.target.String()+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	return os.NewSyscallError("write", err)
}

// poll waits at most most for something to come, and takes it.
func (s *Swarm) poll(most time.Duration) error {
	n, err := unix.EpollWait(s.epoll, s.events, int(most.Milliseconds()))
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, ev := range s.events[:n] {
		if v := s.byFD[ev.Fd]; v != nil {
			s.read(v)
		}
	}
	return nil
}

// Watch reads for d, or until enough says so.
func (s *Swarm) Watch(d time.Duration, enough func() bool) error {
	end := time.Now().Add(d)
	for left := d; left > 0 && !enough(); left = time.Until(end) {
		if err := s.poll(min(left, 20*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Swarm) read(v *viewer) {
	n, err := unix.Read(v.fd, s.buf)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return
	case err != nil:
		s.drop(v, os.NewSyscallError("read", err))
		return
	case n == 0:
		s.drop(v, errClosed)
		return
	}
	s.Bytes += uint64(n)
	wasOpen, before := v.open, v.frames
	var text func([]byte)
	if v.sample != nil {
		now := time.Now().UnixMicro()
		text = func(payload []byte) { s.note(v.sample, payload, now) }
	}
	err = v.feed(s.buf[:n], text)
	s.Frames += v.frames - before
	if v.open && !wasOpen {
		s.waiting--
		s.open++
	}
	if err != nil {
		s.drop(v, err)
	}
}

func (s *Swarm) drop(v *viewer, why error) {
	if v.fd < 0 {
		return
	}
	_ = unix.Close(v.fd)
	s.byFD[v.fd] = nil
	v.fd = -1
	if v.open {
		s.open--
	} else {
		s.waiting--
	}
	if why != nil {
		s.Broken++
		s.BrokenWhy = why
	}
}

// forget drops what the samples have seen so far.
func (s *Swarm) forget() {
	s.Latency.Reset()
	for _, v := range s.viewers {
		if v.sample != nil {
			*v.sample = sample{buf: v.sample.buf, seen: map[uint64]bool{}}
		}
	}
}

// note takes one message that a sampled viewer read.
func (s *Swarm) note(v *sample, payload []byte, now int64) {
	due, number, ok := parseBody(payload)
	if !ok {
		return // the welcome
	}
	switch {
	case v.seen[number]:
		v.double++
		return
	case number+1 < v.last[number%senders]:
		v.outOfOrder++
	}
	v.seen[number] = true
	v.last[number%senders] = max(v.last[number%senders], number+1)
	_ = s.Latency.RecordValue(min(max(now-due, 1), s.Latency.HighestTrackableValue()))
}
