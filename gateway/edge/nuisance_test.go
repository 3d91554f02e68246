package edge

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"barrage/gateway/door"
	"barrage/internal/pace"
)

// BenchmarkPace is what limits cost a message.
func BenchmarkPace(b *testing.B) {
	e := &Edge{made: time.Now(), ops: pace.PerSecond(1000, 1<<30)}
	var used pace.Used
	for b.Loop() {
		if e.ops.Take(&used, e.millis(), 1) != 0 {
			b.Fatal("refused")
		}
	}
}

// TestRateName_OfGuests: all guests of an address are one.
func TestRateName_OfGuests(t *testing.T) {
	e := New(DefaultConfig(), nil, slog.New(slog.DiscardHandler))
	var names []string
	for i := range 2 {
		m := new(mute)
		m.Init(e, &Visitor{User: fmt.Sprint("g-", i), Guest: true, Rights: e.Guard.guests, ticket: door.Ticket(5)}, m)
		names = append(names, m.RateName())
	}
	if names[0] != names[1] || names[0] == "" {
		t.Errorf("two guests of an address count as %q; want the same", names)
	}
}
