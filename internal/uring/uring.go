package uring

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is an io_uring for sends. One goroutine uses it at a time, whichever. Make it with [New].
type Ring struct {
	fd                     int
	sqHead, sqTail, sqMask *uint32 // shared with the kernel, as all below up to the mappings
	cqHead, cqTail, cqMask *uint32
	sqes                   []sqe
	cqes                   []cqe
	rings, entries         []byte // the mappings

	sends   [][]byte // added and not submitted; the collector does not look into the mappings
	results []int32  // of the last Submit: bytes taken, or an errno below 0

	// enter is io_uring_enter(2); tests have others.
	enter func(ring int, submit, wait, flags uint32) (taken int, errno syscall.Errno)
}

// New makes a ring for up to so many sends at once, a power of two, and tries it. The error says what this kernel lacks
// or forbids. The ring is a descriptor and some 8 KiB.
func New(most int) (*Ring, error) {
	r := &Ring{fd: -1, enter: enter, sends: make([][]byte, 0, most), results: make([]int32, most)}
	if err := r.open(most); err != nil {
		r.Close()
		return nil, err
	}
	if err := r.try(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Check is the error that New would give.
func Check() error {
	r, err := New(1)
	if err == nil {
		r.Close()
	}
	return err
}

func (r *Ring) open(most int) error {
	var p params
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, uintptr(most), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return fmt.Errorf("io_uring_setup: %w", errno)
	}
	r.fd = int(fd)
	if need := uint32(featSingleMmap | featNoDrop); p.features&need != need {
		return fmt.Errorf("io_uring_setup: this kernel has features %#x; want those of Linux 5.6", p.features)
	}
	const access, how = syscall.PROT_READ | syscall.PROT_WRITE, syscall.MAP_SHARED | syscall.MAP_POPULATE
	size := max(int(p.sq.array+p.sqEntries*4), int(p.cq.cqes+p.cqEntries*uint32(unsafe.Sizeof(cqe{}))))
	var err error
	if r.rings, err = syscall.Mmap(r.fd, offsetRings, size, access, how); err != nil {
		return fmt.Errorf("mmap of an io_uring: %w", err)
	}
	if r.entries, err = syscall.Mmap(r.fd, offsetEntries, int(p.sqEntries)*int(unsafe.Sizeof(sqe{})), access, how); err != nil {
		return fmt.Errorf("mmap of an io_uring: %w", err)
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[offset])) }
	r.sqHead, r.sqTail, r.sqMask = at(p.sq.head), at(p.sq.tail), at(p.sq.ringMask)
	r.cqHead, r.cqTail, r.cqMask = at(p.cq.head), at(p.cq.tail), at(p.cq.ringMask)
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&r.rings[p.cq.cqes])), p.cqEntries)
	places := unsafe.Slice(at(p.sq.array), p.sqEntries)
	for i := range places {
		places[i] = uint32(i)
	}
	return nil
}

// Close gives the ring back.
func (r *Ring) Close() {
	if r.entries != nil {
		_ = syscall.Munmap(r.entries)
	}
	if r.rings != nil {
		_ = syscall.Munmap(r.rings)
	}
	if r.fd >= 0 {
		_ = syscall.Close(r.fd)
	}
	*r = Ring{fd: -1}
}

// Add has the next Submit send p, which is not empty, to a socket that stays open until then. There may be as many as
// the argument of [New].
func (r *Ring) Add(fd int, p []byte) {
	tail := *r.sqTail
	r.sqes[tail&*r.sqMask] = sqe{
		opcode: opSend, fd: int32(fd), addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))), len: uint32(len(p)),
		msgFlags: syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL, userData: uint64(len(r.sends)),
	}
	atomic.StoreUint32(r.sqTail, tail+1)
	r.sends = append(r.sends, p)
}

// Submit does what was added, in that order, as far as the kernel takes it: taken is how many have a Result, the first
// ones. The others were not begun. The error says why not; it is nil where all were taken, and where the kernel only
// has no memory for them just now. Nothing is left in the ring.
func (r *Ring) Submit() (taken int, err error) {
	for taken < len(r.sends) {
		n, errno := r.enter(r.fd, uint32(len(r.sends)-taken), 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if n == 0 {
			// The kernel looks into the ring only in a call of ours: entries that it has not taken can be taken back.
			atomic.StoreUint32(r.sqTail, atomic.LoadUint32(r.sqHead))
			if errno != 0 && errno != syscall.EAGAIN && errno != syscall.EBUSY && errno != syscall.ENOMEM {
				err = fmt.Errorf("io_uring_enter: %w", errno)
			}
			break
		}
		taken += n
	}
	r.await(taken)
	return taken, err
}

// await reads so many results. A send that may not wait is over when io_uring_enter returns, which New has tried. On a
// kernel that leaves one to somebody else we wait, since it has its buffer.
func (r *Ring) await(taken int) {
	for left := uint32(taken); left > 0; {
		head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
		if head == tail {
			_, errno := r.enter(r.fd, 0, left, enterGetEvents)
			switch errno {
			case 0, syscall.EINTR, syscall.EAGAIN, syscall.EBUSY:
			default:
				panic("BUG: io_uring_enter has sends of ours under way and does not wait for them: " + errno.Error())
			}
			continue
		}
		for ; head != tail; head++ {
			c := &r.cqes[head&*r.cqMask]
			r.results[c.userData] = c.res
			left--
		}
		atomic.StoreUint32(r.cqHead, head)
	}
	clear(r.sends)
	r.sends = r.sends[:0]
}

// Result is what became of a send of the last Submit, from 0 to what it took. Either n bytes went, or none and errno
// says why. EAGAIN: the socket takes nothing now.
func (r *Ring) Result(i int) (n int, errno syscall.Errno) {
	if res := r.results[i]; res < 0 {
		return 0, syscall.Errno(-res)
	}
	return int(r.results[i]), 0
}

// enter is a call of which Go's scheduler is notified, else a collection of garbage would wait for all sends.
func enter(ring int, submit, wait, flags uint32) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(ring), uintptr(submit), uintptr(wait), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// tried is what try sends: a kernel that waits with it may read it later.
var tried [4096]byte

// try sends to a socket that takes it, and to one that is full: both must be over at once. A filter may let
// io_uring_setup through alone, and a kernel may wait with what is full.
func (r *Ring) try() error {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	defer func() { _, _ = syscall.Close(pair[0]), syscall.Close(pair[1]) }()
	_ = syscall.SetsockoptInt(pair[0], syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1) // the least size
	p := tried[:]
	for full := false; ; {
		want := syscall.Errno(0)
		if full {
			want = syscall.EAGAIN
		}
		r.Add(pair[0], p)
		n, errno := r.enter(r.fd, 1, 0, 0)
		switch {
		case errno != 0:
			return fmt.Errorf("io_uring_enter: %w", errno)
		case n != 1 || atomic.LoadUint32(r.cqTail) == *r.cqHead:
			return fmt.Errorf("io_uring_enter took %d sends, and did not end them: this kernel waits, want one of Linux 5.6 or later", n)
		}
		r.await(1)
		if _, errno := r.Result(0); errno != want {
			return fmt.Errorf("a send by io_uring ended with error %d; want %d", int(errno), int(want))
		}
		if full {
			return nil
		}
		for err = nil; err == nil; {
			_, err = syscall.Write(pair[0], p)
		}
		full = true
	}
}
