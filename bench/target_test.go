package bench

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTarget_ValidateRefusesWhatCannotBe(t *testing.T) {
	f := func(target Target, want string) {
		t.Helper()
		if err := target.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate of %+v = %v; want %s", target, err, want)
		}
	}
	for _, addr := range []string{"wss://chat.example.com/ws", "ws://127.0.0.1:9000", "https://chat.example.com", "127.0.0.1:9000/ws"} {
		f(Target{Addrs: []string{"127.0.0.1:1", addr}}, `cannot use the address "`+addr+`": it is host:port, `)
	}
	f(Target{Addrs: []string{"x:1"}, Metrics: []string{"http://x:2/metrics"}}, `cannot use the address "http://x:2/metrics"`)
	f(Target{Addrs: []string{"wss://x"}}, "TLS is ended before Barrage")
	f(Target{Addrs: []string{"x:1"}, Dialect: "raw", Token: "s"}, "put it in the path")
	for _, good := range []Target{{}, {Addrs: []string{"[::1]:9000", "chat.example.com:80"}, Token: "a/b", Metrics: []string{"x:2"}}} {
		if err := good.Validate(); err != nil {
			t.Errorf("Validate of %+v = %v; want nil", good, err)
		}
	}
}

// TestTarget_SuitsOnlyWhatItCanDo: requests that only some targets can fulfil.
func TestTarget_SuitsOnlyWhatItCanDo(t *testing.T) {
	f := func(target Target, s Scenario, want string) {
		t.Helper()
		s.Name = "storm"
		switch err := target.Suits(s); {
		case want == "" && err != nil:
			t.Errorf("Suits of %+v, %+v = %v; want nil", target, s, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("Suits of %+v, %+v = %v; want %s", target, s, err, want)
		}
	}
	f(Target{}, Scenario{Gifts: 0.1}, "it speaks fastim, and only the native dialect has kinds of messages; use --dialect native")
	f(Target{Dialect: "native"}, Scenario{Gifts: 0.1, Limits: true}, "")
	f(Target{Addrs: []string{"x:1"}}, Scenario{Limits: true}, "only nodes that are started here can be given them")
	f(Target{Baseline: "hub"}, Scenario{Limits: true}, "only nodes that are started here can be given them")
}

func TestTarget_PeerIsItsAddresses(t *testing.T) {
	f := func(target Target, want string) {
		t.Helper()
		if got := target.peer(); got != want {
			t.Errorf("peer of %+v = %q; want %q", target, got, want)
		}
	}
	f(Target{}, "barrage")
	f(Target{Baseline: "hub"}, "hub")
	f(Target{Addrs: []string{"x:1", "y:2"}}, "x:1,y:2")
	f(Target{Addrs: []string{"x:1"}, Peer: "staging"}, "staging")
}

// TestTarget_ShownHidesTheToken: results are passed on.
func TestTarget_ShownHidesTheToken(t *testing.T) {
	text, err := json.Marshal(Target{Addrs: []string{"x:1"}, Token: "secret", Dialect: "native"}.shown())
	if want := `{"addrs":["x:1"],"token":"…"}`; err != nil || string(text) != want {
		t.Errorf("shown as %s, %v; want %s", text, err, want)
	}
}
