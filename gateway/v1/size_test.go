package v1

import (
	"testing"
	"unsafe"
)

// TestSession_IsSmall holds what a connection costs: nbio's part, of 200 bytes, its socket, its place in the log, its
// ids and stamps.
func TestSession_IsSmall(t *testing.T) {
	if size := unsafe.Sizeof(member{}); size > 352 { // a size class
		t.Errorf("a native member has %d bytes; want at most 352", size)
	}
}
