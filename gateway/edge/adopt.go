package edge

import (
	"cmp"
	"net"
	"reflect"
	"syscall"
	"unsafe"

	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"
)

// connField is where nbio keeps a field of a connection, from the start of an nbio.Conn. Fields that are not what they
// were in v1.6.12 are a bug of ours.
func connField[T any](name string) uintptr {
	f, ok := reflect.TypeFor[nbio.Conn]().FieldByName(name)
	if !ok || f.Type != reflect.TypeFor[T]() {
		panic("BUG: nbio.Conn has no " + name + " as in v1.6.12")
	}
	return f.Offset
}

var fdField, typField = connField[int]("fd"), connField[int8]("typ")

// adopt gives nb, which is new, a descriptor that was the caller's, without the addresses that nbio.NBConn would look
// up. Nobody asks for them, and they would be 160 bytes of an idle connection. The poller learns of it by epoll, which
// the race detector does not see; nbio hides itself from it in the same way.
//
//go:norace
func adopt(nb *nbio.Conn, fd int) {
	*(*int)(unsafe.Add(unsafe.Pointer(nb), fdField)) = fd
	*(*int8)(unsafe.Add(unsafe.Pointer(nb), typField)) = nbio.ConnTypeTCP
}

// descriptorOf duplicates the descriptor of a connection that Go's poller watches, and closes the connection.
func descriptorOf(conn net.Conn) (fd int, err error) {
	defer func() { _ = conn.Close() }()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, err
	}
	var dup error
	err = raw.Control(func(of uintptr) { fd, dup = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, cmp.Or(err, dup)
}
