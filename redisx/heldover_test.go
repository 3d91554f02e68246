package redisx_test

import (
	"fmt"
	"testing"
	"time"

	"barrage/internal/chat"
)

// TestRedis_HeldEntriesThatAreOverGo has entries that are over in front of such that wait: these alone count, and the
// others go.
func TestRedis_HeldEntriesThatAreOverGo(t *testing.T) {
	raw := newRaw(t, server.Addr)
	raw.do("FLUSHALL")
	s := newNode(t, server.Addr, raw)
	long := time.Now().Add(-chat.HeldLife - time.Second).UnixMilli()
	for i := range 3 {
		raw.do("RPUSH", "gmh:r", fmt.Sprintf("%d 0badca-%d filter {}", long, i))
	}
	one, two := heldOf("bob", 1), heldOf("bob", 2)
	_, err := s.Hold(t.Context(), "r", []chat.Held{one})
	noError(t, err)
	left := raw.do("LLEN", "gmh:r")
	n, err := left.AsInt64()
	wantEqual(t, "entries that are left", n, err, 1)
	raw.do("LPUSH", "gmh:r", fmt.Sprintf("%d 0badca-9 filter {}", long))
	_, err = s.Hold(t.Context(), "r", []chat.Held{two})
	noError(t, err)
	wantEqual(t, "what waits", s.heldIDs(), nil, one.ID+" "+two.ID)
	if _, err := s.Deny(t.Context(), "r", "0badca-9"); err == nil {
		t.Error("what is over was denied")
	}
}
