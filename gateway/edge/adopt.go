package edge

import (
	"reflect"
	"unsafe"

	"github.com/lesismal/nbio"
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

// adopt makes a connection of a descriptor that is the caller's, without the duplicate and the addresses that
// nbio.NBConn would make, see dropAddrs. The poller learns of it by epoll, which the race detector does not see; nbio
// hides itself from it in the same way.
//
//go:norace
func adopt(fd int) *nbio.Conn {
	nb := &nbio.Conn{}
	*(*int)(unsafe.Add(unsafe.Pointer(nb), fdField)) = fd
	*(*int8)(unsafe.Add(unsafe.Pointer(nb), typField)) = nbio.ConnTypeTCP
	return nb
}
