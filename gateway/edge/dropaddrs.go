package edge

import (
	"net"
	"reflect"
	"unsafe"

	"github.com/lesismal/nbio"
)

// addrFields are where nbio keeps a connection's addresses, from the start of an
// nbio.Conn; empty where the fields are not what they were in v1.6.12.
var addrFields = func() (offsets []uintptr) {
	conn, addr := reflect.TypeFor[nbio.Conn](), reflect.TypeFor[net.Addr]()
	for _, name := range []string{"lAddr", "rAddr"} {
		if f, ok := conn.FieldByName(name); ok && f.Type == addr {
			offsets = append(offsets, f.Offset)
		}
	}
	return offsets
}()

// dropAddrs makes nbio forget the addresses of a connection before a poller knows it. It
// never asks for those of a TCP connection, but has no way to leave them out, and
// they are 160 of some 600 bytes that an idle connection holds: two net.TCPAddr
// and what the kernel filled in for each.
func dropAddrs(nb *nbio.Conn) {
	for _, offset := range addrFields {
		*(*net.Addr)(unsafe.Add(unsafe.Pointer(nb), offset)) = nil
	}
}
