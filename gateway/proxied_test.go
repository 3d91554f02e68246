package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/gateway/door"
)

// Headers of the PROXY protocol: version 1 as text, version 2 as its section 2.2 has it.
func proxyV1(from string) string { return "PROXY TCP4 " + from + " 127.0.0.1 4711 9000\r\n" }

const signature = "\r\n\r\n\x00\r\nQUIT\n"

func proxyV2(from string) string {
	src, dst := netip.MustParseAddr(from).As4(), netip.MustParseAddr("127.0.0.1").As4()
	return signature + "\x21\x11\x00\x0c" + string(src[:]) + string(dst[:]) + "\x12\x67\x23\x28"
}

// proxyHealth is a check that the balancer makes for itself.
const proxyHealth = signature + "\x20\x00\x00\x00"

func newProxied(t *testing.T, trusted string) *Server {
	t.Helper()
	return newServer(t, func(c *setup) {
		c.Limits = door.DefaultLimits()
		c.Limits.IPConnections = 2
		c.Server.ProxyProtocol, c.Server.TrustedProxies = true, []string{trusted}
	})
}

// says opens a connection and writes a text.
func says(t *testing.T, s *Server, text string) *wire {
	t.Helper()
	w, err := dialWire(s, 0)
	if err == nil {
		t.Cleanup(func() { _ = w.conn.Close() })
		err = w.write(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestProxied_AddressIsWhatTheBalancerSays: a client behind a balancer has the address that the balancer reports,
// whatever version it speaks, and chats as all do.
func TestProxied_AddressIsWhatTheBalancerSays(t *testing.T) {
	s := newProxied(t, "127.0.0.0/8")
	var in []*wire
	for i, head := range []string{proxyV1("203.0.113.1"), proxyV2("203.0.113.1"), proxyV1("203.0.113.2")} {
		w := says(t, s, head+handshake(chatPath("r", string(rune('a'+i)))))
		if err := w.upgraded(); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		in = append(in, w)
	}
	var no *refusedError
	w := says(t, s, proxyV2("203.0.113.1")+handshake(chatPath("r", "d")))
	if err := w.upgraded(); !errors.As(err, &no) || no.status != http.StatusTooManyRequests || !strings.Contains(no.body, "203.0.113.1") {
		t.Errorf("a third connection from there: %v; want 429 with the address", err)
	}
	if err := in[0].send(codec.OpText, "through balancers"); err != nil {
		t.Fatal(err)
	}
	for i, w := range in {
		for heard := ""; !strings.Contains(heard, "through balancers"); {
			var err error
			if heard, err = w.text(); err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
		}
	}
	// Behind that balancer stands a proxy that is trusted, too.
	more := strings.Replace(handshake(chatPath("r", "e")), "Host:", "X-Forwarded-For: 203.0.113.1\r\nHost:", 1)
	w = says(t, s, proxyV1("127.0.0.9")+more)
	if err := w.upgraded(); !errors.As(err, &no) || no.status != http.StatusTooManyRequests {
		t.Errorf("from the same address, named by a proxy behind the balancer: %v; want 429", err)
	}
	for _, head := range []string{proxyHealth, "PROXY UNKNOWN\r\n"} { // it does not know
		w = says(t, s, head+"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n")
		if got, err := w.response(); err != nil || got.status == http.StatusBadRequest {
			t.Errorf("%q: %v, %v; want an answer", head, got, err)
		}
	}
}

// TestProxied_RequiredOfTrustedPeersAlone: a trusted peer must name the client behind it, and one that is not trusted
// cannot.
func TestProxied_RequiredOfTrustedPeersAlone(t *testing.T) {
	s := newProxied(t, "127.0.0.0/8")
	for what, text := range map[string]string{
		"nothing":           handshake(chatPath("r", "a")),
		"half of it":        "PROXY TCP4 203.0.113.1\r\n" + handshake(chatPath("r", "a")),
		"no address":        proxyV1("203.0.113.999") + handshake(chatPath("r", "a")),
		"an unknown family": signature + "\x21\x77\x00\x00" + handshake(chatPath("r", "a")),
	} {
		w := says(t, s, text)
		if got, err := w.response(); err == nil {
			t.Errorf("a trusted proxy says %s: %d; want the end", what, got.status)
		}
	}
	if s := newProxied(t, "10.0.0.0/8"); s != nil {
		w := says(t, s, proxyV1("203.0.113.1")+handshake(chatPath("r", "a")))
		if got, err := w.response(); err != nil || got.status != http.StatusBadRequest {
			t.Errorf("a stranger says whom it is: %v, %v; want 400", got, err)
		}
		w = says(t, s, handshake(chatPath("r", "a")))
		if err := w.upgraded(); err != nil {
			t.Errorf("a stranger without it: %v; want in", err)
		}
	}
}

// TestProxied_EarlyBytesAreNotLost: a frame that a client sends before the answer is not lost in a buffer. It is
// refused, wherever it was read to. Otherwise it came after the answer was on its way, and is a message like any other.
func TestProxied_EarlyBytesAreNotLost(t *testing.T) {
	s := newProxied(t, "127.0.0.0/8")
	// the buffers of net/http and of the library have 4,096 and 256 bytes
	for i, fill := range []int{0, 4096 - 300, 4096 - 100, 5000} {
		// An address and a room for each: a client that is let in stays to the end of the test.
		from, room := fmt.Sprintf("203.0.113.%d", 9+i), fmt.Sprintf("early%d", i)
		early := strings.Replace(handshake(chatPath(room, "a")), "Host:", "X-Fill: "+strings.Repeat("x", fill)+"\r\nHost:", 1)
		w := says(t, s, proxyV1(from)+early+string(masked(codec.OpText, "too early")))
		got, err := w.response()
		switch {
		case err != nil:
			t.Errorf("with %d bytes more: %v", fill, err)
		case got.status == http.StatusSwitchingProtocols:
			for heard := ""; !strings.Contains(heard, "too early"); {
				if heard, err = w.text(); err != nil {
					t.Fatalf("with %d bytes more: let in, and its message is lost: %v", fill, err)
				}
			}
		case got.status != http.StatusBadRequest:
			t.Errorf("with %d bytes more: %v", fill, got)
		}
	}
}
