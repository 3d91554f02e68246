package edge

import "testing"

// TestSlim_FindsBothFields fails when nbio changes what dropAddrs relies on.
func TestSlim_FindsBothFields(t *testing.T) {
	if len(addrFields) != 2 {
		t.Fatalf("nbio.Conn has %d of the fields lAddr and rAddr as net.Addr; want both", len(addrFields))
	}
}
