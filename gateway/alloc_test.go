//go:build !race

package gateway

import (
	"testing"

	"barrage/codec"
	"barrage/room"
)

// The work for each member of each batch makes no garbage.
func TestAlloc_WritesMakeNone(t *testing.T) {
	s := newServer(t, manualCheck)
	c := join(t, s, "r", "u")
	session := sessionOf(t, s, "u")
	p := codec.AppendFrame(nil, codec.OpText, "hello")
	writes := map[string]func(){
		"Send":    func() { session.Send(p) },
		"unicast": func() { session.Unicast(p) },
	}
	if writer := s.edge.PeekVolleyWriter(); writer != nil {
		t.Cleanup(writer.Close)
		volley := []room.Write{{Socket: session, P: p}}
		writes["a volley"] = func() { writer.Send(volley) }
	}
	for what, write := range writes {
		if n := testing.AllocsPerRun(100, write); n != 0 {
			t.Errorf("%s allocates %v times; want none", what, n)
		}
		for range 101 { // AllocsPerRun writes once more than it counts
			if f, err := c.next(); err != nil || f.payload != "hello" {
				t.Fatalf("%s: a frame %+v, %v", what, f, err)
			}
		}
	}
}
