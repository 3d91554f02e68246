package gateway

import (
	"testing"
	"unsafe"
)

// TestSlim_ForgetsBothAddresses fails when nbio changes what dropAddrs relies on.
func TestSlim_ForgetsBothAddresses(t *testing.T) {
	if len(addrFields) != 2 {
		t.Fatalf("nbio.Conn has %d of the fields lAddr and rAddr as net.Addr; want both", len(addrFields))
	}
	s := newServer(t, nil)
	join(t, s, "1", "u")
	nb := sessionOf(t, s, "u").nb
	if nb.LocalAddr() != nil || nb.RemoteAddr() != nil {
		t.Errorf("addresses are %v and %v; want none", nb.LocalAddr(), nb.RemoteAddr())
	}
}

// TestSession_IsSmall holds what a connection costs beyond nbio: its socket, its place
// in the log, its ids and stamps.
func TestSession_IsSmall(t *testing.T) {
	if size := unsafe.Sizeof(fastIMMember{}); size > 208 { // a size class
		t.Errorf("a member of FastIM's chat has %d bytes; want at most 208", size)
	}
	if size := unsafe.Sizeof(nativeMember{}); size > 208 { // a size class
		t.Errorf("a native member has %d bytes; want at most 208", size)
	}
}
