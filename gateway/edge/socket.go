package edge

import (
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/lesismal/nbio"

	"barrage/codec"
	"barrage/gateway/door"
)

// maxBacklog bounds in bytes the answers that may wait in nbio, behind one cut frame or the
// welcome. A peer that makes us answer more without reading loses the answers.
const maxBacklog = 128 << 10

// socket is one TCP connection in nbio's hands, seen from the writer's side.
//
// Lifetime of the descriptor: only nbio's poller closes it. Everybody else who wants it closed shuts it down and lets
// the poller find out. So an event that waits in the poller's batch can never meet a descriptor that was closed and
// given to somebody else meanwhile. In nbio, events have the descriptor as their only key. One case is left: nbio
// closes a connection that is reset between our short write and its own of the rest. Then a newcomer may be closed, who
// comes again. A write cannot land on a reused descriptor either. It is done under nbio's lock of the connection, which
// nbio takes to mark it closed before it closes it.
//
// Lock order: socket.mu -> nbio.Conn's lock -> (in drained) room's part lock. Only a lane's VolleyWriter has the
// locks of several sockets, see volley.go.
type socket struct {
	// nb is complete before the poller knows it. It stands here by value: two allocations would take 32 bytes more.
	nb nbio.Conn

	// mu serialises the writers and guards the fields below.
	mu      sync.Mutex
	closing CloseReason // not CloseNone: nothing more is sent or read
	shut    half        // the half that is shut down
	rest    kibibytes   // of a cut frame or the welcome with which pending began
	// began is when the connection came, in seconds since the server was made. From when it is closing on, it is when that
	// began, in clock seconds; mu guards that.
	began atomic.Uint32

	// Atomic; written by writers and by the poller.
	pending  atomic.Int64  // bytes that nbio holds for us
	progress atomic.Uint32 // when pending began, or last shrank; clock seconds
	// waiting: the member's lane wants to be notified when pending is 0 again.
	waiting atomic.Bool
}

// half is how much of a connection is shut down.
type half uint8

const (
	isOpen half = iota
	isShut      // our half
	isGone      // nbio has closed it
)

// kibibytes are bytes in as few bits as a session has free.
type kibibytes uint16

// toKibibytes rounds up; 64 MiB stand for more.
func toKibibytes(bytes int) kibibytes { return kibibytes(min((bytes+1023)>>10, math.MaxUint16)) }

// Send is the lane's write, see room.Socket. Bytes that the kernel does not take stay in the room's log, but for the
// rest of a frame that was cut. That rest goes to nbio's queue, which waits for the socket.
func (s *Session) Send(p []byte) (n int, full bool) {
	if !s.beginSend() {
		return 0, true
	}
	n, err := s.writeNow(p)
	return s.endSend(p, n, err)
}

// beginSend reports whether the lane may write. If so s.mu is held until endSend.
func (s *Session) beginSend() bool {
	s.mu.Lock()
	if s.closing == CloseNone && !s.waitsLocked() {
		return true
	}
	s.mu.Unlock()
	return false
}

// waitsLocked reports whether the lane has to wait for what is pending; then it will be notified. s.mu must be held.
func (s *Session) waitsLocked() bool {
	if s.pending.Load() == 0 {
		return false
	}
	s.waiting.Store(true)
	// Drained in between: nobody will notify the lane but we, unless drained() has.
	return s.pending.Load() > 0 || !s.waiting.CompareAndSwap(true, false)
}

// endSend deals with what the kernel made of p: it took n bytes, or err says why not. It returns Send's answer.
func (s *Session) endSend(p []byte, n int, err error) (sent int, full bool) {
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.killLocked()
		return 0, true
	case n == len(p):
		return n, false
	}
	// A write that ended between two frames queues a whole one: nbio watches the
	// socket for us only while it holds something.
	end := codec.FrameBoundary(p, n+1)
	s.waiting.Store(true)
	s.rest = toKibibytes(end - n)
	s.queueLocked(p[n:end])
	return end, true
}

// Unicast sends p, whole frames for this member alone, behind what is under way. It
// reports false where the socket is closing or too much waits already.
func (s *Session) Unicast(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing == CloseNone && s.unicastLocked(p)
}

func (s *Session) unicastLocked(p []byte) bool {
	n := 0
	if pending := s.pending.Load(); pending == 0 {
		if !s.holdLocked(len(p)) {
			return false
		}
		s.rest = 0
		var err error
		if n, err = s.writeNow(p); err != nil {
			s.killLocked()
			return false
		}
	} else if pending+int64(len(p)) > maxBacklog+int64(s.rest)<<10 {
		return false
	}
	if n < len(p) {
		s.queueLocked(p[n:])
	} else {
		s.free()
	}
	s.edge.Stats.UnicastBytes.Add(uint64(len(p)))
	return true
}

// Behind reports whether something waits for the peer to read.
func (s *Session) Behind() bool { return s.pending.Load() > 0 }

// writeNow takes p to the kernel as far as the kernel takes it now; it never blocks and queues nothing. It is send(2)
// and not write(2), which does the same by a longer way through the kernel. It is a raw system call, because one that
// cannot block needs no word to Go's scheduler. BenchmarkFloor measured CPU per write of 200 bytes, with a fifth writer
// for send(2) alone. It was 5.0 µs for write(2) from C, 5.6 µs from Go, 5.4 µs for send(2) from Go, and 6.1 µs for
// nbio's Write.
func (s *socket) writeNow(p []byte) (int, error) {
	s.nb.Lock()
	defer s.nb.Unlock()
	if closed, _ := s.nb.IsClosed(); closed {
		return 0, syscall.EBADF
	}
	return sendNow(s.nb.Hash(), p)
}

// sendNow is one send(2) that does not block. The descriptor must stay open meanwhile.
func sendNow(fd int, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, errno
		}
	}
}

// queueLocked gives p to nbio, which copies it and sends it when the socket takes
// it. s.mu must be held.
func (s *Session) queueLocked(p []byte) {
	if s.pending.Add(int64(len(p))) == int64(len(p)) {
		s.progress.Store(s.edge.clock.now())
	}
	if _, err := s.nb.Write(p); err != nil {
		s.killLocked()
	}
}

// drained is called by nbio when n queued bytes have gone out. It runs under nbio's lock of the connection: it may not
// touch the connection.
func (s *Session) drained(n int) {
	s.progress.Store(s.edge.clock.now())
	if s.pending.Add(-int64(n)) > 0 {
		return
	}
	s.free()
	if s.waiting.CompareAndSwap(true, false) {
		s.runs().Drained()
	}
}

// holdLocked takes room for a large answer that the peer has yet to read, until free; false where there is none. The
// bytes that begin a session have been given their room by TakeOver. s.mu must be held, and nothing may be pending.
func (s *Session) holdLocked(bytes int) bool {
	t := door.Ticket(s.ticket.Load())
	if t.HasUnread() {
		return true
	}
	t, no := s.edge.Door.AddUnread(t, bytes)
	s.ticket.Store(uint32(t))
	return no == nil
}

// free gives back what holdLocked took. Everybody may call it at any time.
func (s *Session) free() {
	for {
		t := s.ticket.Load()
		if !door.Ticket(t).HasUnread() {
			return
		}
		if s.ticket.CompareAndSwap(t, uint32(door.Ticket(t).Without())) {
			s.edge.Door.Free(door.Ticket(t))
			return
		}
	}
}

// Close sends a close frame and shuts our half; the peer's answer, or the session check, ends the connection. Further
// calls do nothing.
func (s *Session) Close(why CloseReason) {
	s.closeWith(nil, why, closings[why].code, closings[why].text)
}

// CloseAfter is Close behind word, a last whole frame in which the protocol gives the reason. Of several callers the
// first one counts.
func (s *Session) CloseAfter(word []byte, why CloseReason) {
	s.closeWith(word, why, closings[why].code, closings[why].text)
}

// CloseWith is Close with a code and text of its own.
func (s *Session) CloseWith(why CloseReason, code codec.CloseCode, text string) {
	s.closeWith(nil, why, code, text)
}

func (s *Session) closeWith(word []byte, why CloseReason, code codec.CloseCode, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing != CloseNone {
		return
	}
	if len(word) > 0 {
		s.unicastLocked(word)
	}
	var buf [2 + 125]byte
	s.unicastLocked(codec.AppendCloseFrame(buf[:0], code, text))
	s.endLocked(why)
	s.shutLocked()
}

// endLocked stops sending and reading. s.mu must be held.
func (s *Session) endLocked(why CloseReason) {
	if s.closing == CloseNone {
		s.closing = why
		s.began.Store(s.edge.clock.now())
		s.edge.Stats.Closed[why].Add(1)
	}
}

// shutLocked ends our half once everything has gone out. The peer's half stays open for a while. A close with unread
// input would reset the connection and could destroy the close frame on its way. s.mu must be held.
func (s *Session) shutLocked() {
	if s.shut == isOpen && s.pending.Load() == 0 {
		s.shut = isShut
		s.shutdown(syscall.SHUT_WR)
	}
}

// kill ends the connection at once; the poller will notice and close it.
func (s *Session) kill(why CloseReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(why)
	s.killLocked()
}

func (s *Session) killLocked() {
	s.endLocked(ClosePeer)
	s.shut = max(s.shut, isShut)
	s.shutdown(syscall.SHUT_RDWR)
}

func (s *socket) shutdown(how int) {
	s.nb.Lock()
	defer s.nb.Unlock()
	if closed, _ := s.nb.IsClosed(); !closed {
		_ = syscall.Shutdown(s.nb.Hash(), how) // ENOTCONN: the peer was faster
	}
}
