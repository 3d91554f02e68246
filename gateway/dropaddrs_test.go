package gateway

import "testing"

// TestSlim_ForgetsBothAddresses fails when nbio changes what the edge relies on.
func TestSlim_ForgetsBothAddresses(t *testing.T) {
	s := newServer(t, nil)
	join(t, s, "1", "u")
	nb := sessionOf(t, s, "u").Conn()
	if nb.LocalAddr() != nil || nb.RemoteAddr() != nil {
		t.Errorf("addresses are %v and %v; want none", nb.LocalAddr(), nb.RemoteAddr())
	}
}
