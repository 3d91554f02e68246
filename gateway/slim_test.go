package gateway

import (
	"testing"
)

// TestSlim_ForgetsBothAddresses fails when nbio changes what slim relies on.
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
