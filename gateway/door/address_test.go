package door

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestAddresses_Of(t *testing.T) {
	cfg := Config{Limits: DefaultLimits()}
	cfg.TrustedProxies = []string{"10.0.0.0/8", "2001:db8:aaaa::1", "127.0.0.1"}
	warned := map[string]int{}
	f := func(header, peer, want string, headers ...string) {
		t.Helper()
		cfg.ClientIPHeader = header
		a := newAddresses(&cfg, func(why string, _ netip.Addr) { warned[why]++ })
		r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		got := a.of(r)
		if text := got.String(); got.IsValid() != (want != "") || got.IsValid() && text != want {
			t.Errorf("%s with %q = %q; want %q", peer, headers, text, want)
		}
	}
	const xff, forwarded = "X-Forwarded-For", "Forwarded"
	f("", "203.0.113.7:1234", "203.0.113.7/32")
	f("", "[::ffff:203.0.113.7]:1234", "203.0.113.7/32")
	f("", "[2001:db8:1:2:3::4]:1234", "2001:db8:1:2::/64")
	f("", "203.0.113.7:1234", "203.0.113.7/32", xff, "198.51.100.1") // not trusted: a stranger says so
	for _, private := range []string{"192.168.1.1:1", "127.0.0.2:1", "[::1]:1", "[fe80::1%eth0]:1", "[fd00::1]:1", "169.254.1.1:1", "@", ""} {
		f("", private, "")
	}
	f("", "192.168.1.1:1", "", xff, "198.51.100.1")
	if warned[notTrusted] != 1 || warned[namesNobody] != 0 {
		t.Errorf("warned %v; want once, of the private peer that is not trusted", warned)
	}
	f("", "10.1.2.3:1", "198.51.100.1/32", xff, "198.51.100.1")
	f("", "127.0.0.1:1", "198.51.100.1/32", xff, "198.51.100.1:4711")
	f("", "10.1.2.3:1", "198.51.100.1/32", xff, "1.2.3.4, 198.51.100.1, 10.9.9.9") // the first was said by the client itself
	f("", "10.1.2.3:1", "198.51.100.1/32", xff, "1.2.3.4", xff, "198.51.100.1, 10.9.9.9")
	f("", "10.1.2.3:1", "10.4.4.4/32", xff, "10.4.4.4, 10.9.9.9") // all of them are trusted: the first
	f("", "10.1.2.3:1", "2001:db8:1:2::/64", xff, "2001:db8:1:2:3::4")
	f("", "10.1.2.3:1", "", xff, "1.2.3.4, nonsense, 10.9.9.9") // nobody that is known said what stands left of it
	f("", "10.1.2.3:1", "")                                     // its clients are not one client
	f("", "10.1.2.3:1", "", xff, "")
	if warned[namesNobody] != 3 {
		t.Errorf("warned %v; want of each proxy that names nobody", warned)
	}
	f("", "10.1.2.3:1", "192.168.7.7/32", xff, "192.168.7.7") // a client within the house, named by its proxy
	f("", "10.1.2.3:1", "198.51.100.1/32", forwarded, `for=1.2.3.4, for="198.51.100.1:99";proto=https, By=x;For=10.2.2.2`)
	f("", "10.1.2.3:1", "2001:db8:1:2::/64", forwarded, `for="[2001:db8:1:2:3::4]:99"`)
	f("", "10.1.2.3:1", "", forwarded, "for=unknown")
	f("CF-Connecting-IP", "10.1.2.3:1", "198.51.100.1/32", xff, "1.2.3.4", "CF-Connecting-IP", "198.51.100.1")
	f("CF-Connecting-IP", "10.1.2.3:1", "", xff, "1.2.3.4")
}

// FuzzAddresses: whatever a header says, the address is one, or none.
func FuzzAddresses(f *testing.F) {
	cfg := Config{Limits: DefaultLimits()}
	cfg.TrustedProxies = []string{"10.0.0.0/8"}
	a := newAddresses(&cfg, func(string, netip.Addr) {})
	for _, text := range []string{"", "1.2.3.4", "1.2.3.4, 10.0.0.1", `for="[::1]:1";by=x, for=_hidden`, "[::", "%", "a%b", ",,,", "1.2.3.4:99999"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, xff, forwarded string) {
		h := http.Header{"Forwarded": {forwarded}}
		if xff != "" {
			h["X-Forwarded-For"] = []string{xff}
		}
		got := a.of(&http.Request{RemoteAddr: "10.0.0.1:80", Header: h})
		if got.IsValid() && (got != got.Masked() || got.Addr().Zone() != "") {
			t.Errorf("X-Forwarded-For %q, Forwarded %q: %v", xff, forwarded, got)
		}
	})
}
