package door

import (
	"testing"
)

// TestDoor_ReloadHoldsForThoseWhoAreHere: other limits hold at once, for those who are here too, and connections that
// were counted stay so.
func TestDoor_ReloadHoldsForThoseWhoAreHere(t *testing.T) {
	k := newKnocker(func(c *Limits) { c.UserConnections = 2 })
	change := func(change func(*Limits)) {
		cfg := Config{Limits: DefaultLimits(), TrustedProxies: []string{"127.0.0.1"}}
		cfg.Limits.UserConnections = 2
		change(&cfg.Limits)
		k.Reload(cfg)
	}
	var in []Ticket
	for range 2 {
		ticket, over := k.comes("u", "203.0.113.1")
		if over != "" {
			t.Fatalf("a connection within the limit is over %s", over)
		}
		in = append(in, ticket)
	}
	change(func(c *Limits) { c.UserConnections = 3 })
	ticket, over := k.comes("u", "203.0.113.1")
	if over != "" {
		t.Fatalf("a third one is over %s; want a limit of three", over)
	}
	in = append(in, ticket)
	change(func(*Limits) {})
	if _, over := k.comes("u", "203.0.113.1"); over != "user_connections" {
		t.Errorf("a fourth one where two may be is over %q; want user_connections", over)
	}

	// Off, nobody is counted; those who were stay so until they go, and those who came meanwhile are nobody's.
	change(func(c *Limits) { c.Enabled = false })
	off, over := k.comes("u", "203.0.113.1")
	if off != 0 || over != "" {
		t.Errorf("without limits a connection has ticket %x and is over %q; want 0 and none", off, over)
	}
	k.Leave(in[0], "u")
	change(func(*Limits) {})
	k.Leave(off, "u")
	k.Leave(in[1], "u")
	if _, over := k.comes("u", "203.0.113.1"); over != "" {
		t.Errorf("with one of two here another is over %s", over)
	}

	// The used part of a rate stays used, as long as the rate is the same.
	change(func(c *Limits) { c.Handshakes, c.HandshakesBurst = 1, 2 })
	k.now += 10_000
	for i, want := range []string{"", "", "handshakes"} {
		if i == 1 {
			change(func(c *Limits) { c.Handshakes, c.HandshakesBurst, c.UserConnections = 1, 2, 100 })
		}
		if _, over := k.comes("w", "203.0.113.2"); over != want {
			t.Errorf("handshake %d of two is over %q; want %q", i+1, over, want)
		}
	}
}

// TestDoor_ReloadChangesWhichProxiesAreTrusted: the address of a client is known from now on.
func TestDoor_ReloadChangesWhichProxiesAreTrusted(t *testing.T) {
	k := newKnocker(nil)
	r := from("203.0.113.9")
	if got := k.ClientOf(r).String(); got != "203.0.113.9" {
		t.Fatalf("behind a trusted proxy the client is %s", got)
	}
	k.Reload(Config{Limits: DefaultLimits()})
	if got := k.ClientOf(r).String(); got != "127.0.0.1" {
		t.Errorf("behind one that is trusted no more the client is %s; want the proxy", got)
	}
	if no := k.Call(r); no != nil {
		t.Errorf("a call is refused: %+v", no)
	}
}
