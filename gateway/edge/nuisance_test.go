package edge

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"testing"
	"time"

	"barrage/gateway/door"
)

// BenchmarkPace is what limits cost a message.
func BenchmarkPace(b *testing.B) {
	cfg := DefaultConfig()
	l := &cfg.Limits
	l.MessageRate, l.MessageBurst, l.IPMessageRate, l.IPMessageBurst = 1000, math.MaxInt32, 1000, math.MaxInt32
	s := sayer(b, &cfg)
	for b.Loop() {
		if s.TakeOp() != 0 {
			b.Fatal("refused")
		}
	}
}

// sayer is a session from an address of the internet.
func sayer(tb testing.TB, cfg *Config) *mute {
	tb.Helper()
	cfg.Server.TrustedProxies = []string{"127.0.0.1"}
	e := New(*cfg, nil, slog.New(slog.DiscardHandler))
	ticket, no := e.Door.Knock(&http.Request{RemoteAddr: "203.0.113.1:1", Header: http.Header{}})
	if no != nil {
		tb.Fatal(no)
	}
	m := new(mute)
	m.Init(e, &Visitor{User: "u", ticket: ticket}, m)
	return m
}

// TestTakeOp_AddressHasARateOfItsOwn: ops of an address have a rate, also where a connection has none; one after a
// quiet while is taken all the same.
func TestTakeOp_AddressHasARateOfItsOwn(t *testing.T) {
	for _, rate := range []float64{0, 1000} {
		cfg := DefaultConfig()
		cfg.Limits.MessageRate, cfg.Limits.MessageBurst, cfg.Limits.IPMessageRate, cfg.Limits.IPMessageBurst = rate, 1000, 0.1, 20
		s := sayer(t, &cfg)
		taken := 0
		for range 50 {
			if s.TakeOp() == 0 {
				taken++
			}
		}
		if taken != 20 {
			t.Errorf("%d of 50 are taken at %v a second; want the address's burst, 20", taken, rate)
		}
		s.edge.made = s.edge.made.Add(-(quietFor + 100) * time.Millisecond)
		if wait := s.TakeOp(); wait != 0 {
			t.Errorf("who was quiet for 10 s has to wait for %v", wait)
		}
		first, second := s.TakeOp(), s.TakeOp() // one came back meanwhile
		if first != 0 || second == 0 {
			t.Errorf("then, of two more, the waits are %v and %v; want the second to wait", first, second)
		}
	}
}

// TestRateName_GuestsOfAnAddressAreOne: all guests of an address are one.
func TestRateName_GuestsOfAnAddressAreOne(t *testing.T) {
	e := New(DefaultConfig(), nil, slog.New(slog.DiscardHandler))
	var names []string
	for i := range 2 {
		m := new(mute)
		m.Init(e, &Visitor{User: fmt.Sprint("g-", i), Guest: true, Rights: e.Guard.set.Load().guests, ticket: door.Ticket(5)}, m)
		names = append(names, m.RateName())
	}
	if names[0] != names[1] || names[0] == "" {
		t.Errorf("two guests of an address count as %q; want the same", names)
	}
}
