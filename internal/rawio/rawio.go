// Package rawio has calls of the kernel of which Go's scheduler is not notified. A notice costs a µs and more, since it
// wakes a thread that looks after them. Read and Write are for sockets that do not block.
package rawio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads from fd into b. It returns how many bytes came, 0 at the end of the stream, and 0 for no error.
func Read(fd int, b []byte) (int, unix.Errno) { return call(unix.SYS_READ, fd, b) }

// Write writes b to fd. It returns how many bytes the kernel took, and 0 for no error; with an error it took none.
func Write(fd int, b []byte) (int, unix.Errno) { return call(unix.SYS_WRITE, fd, b) }

func call(number uintptr, fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Wait waits until epoll has events, writes them to the beginning of events, and returns how many they are and 0 for no
// error. A signal ends it with EINTR, as Go's scheduler sends it when it needs the thread: the caller calls again.
// Until then no other goroutine runs in the caller's place, so it is for programs that have nothing else to do.
func Wait(epoll int, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), ^uintptr(0), 0, 0) // -1: however long it takes
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
