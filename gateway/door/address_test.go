package door

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestAddresses_OfIsWhatTrustedProxiesSay(t *testing.T) {
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
	f("", "[2001:db8:1:2:3::4]:1234", "2001:db8:1::/56")
	f("", "203.0.113.7:1234", "203.0.113.7/32", xff, "198.51.100.1") // not trusted: a stranger sent it
	for _, private := range []string{"192.168.1.1:1", "127.0.0.2:1", "[::1]:1", "[fe80::1%eth0]:1", "[fd00::1]:1", "169.254.1.1:1", "100.64.1.1:1", "@", ""} {
		f("", private, "")
	}
	f("", "192.168.1.1:1", "", xff, "198.51.100.1")
	if warned[notTrusted] != 1 || warned[namesNobody] != 0 {
		t.Errorf("warned %v; want once, of the private peer that is not trusted", warned)
	}
	f("", "10.1.2.3:1", "198.51.100.1/32", xff, "198.51.100.1")
	f("", "127.0.0.1:1", "198.51.100.1/32", xff, "198.51.100.1:4711")
	// the first was sent by the client itself
	f("", "10.1.2.3:1", "198.51.100.1/32", xff, "1.2.3.4, 198.51.100.1, 10.9.9.9")
	f("", "10.1.2.3:1", "198.51.100.1/32", xff, "1.2.3.4", xff, "198.51.100.1, 10.9.9.9")
	f("", "10.1.2.3:1", "10.4.4.4/32", xff, "10.4.4.4, 10.9.9.9") // all of them are trusted: the first
	f("", "10.1.2.3:1", "2001:db8:1::/56", xff, "2001:db8:1:2:3::4")
	// no known proxy wrote what stands left of it
	f("", "10.1.2.3:1", "10.9.9.9/32", xff, "1.2.3.4, nonsense, 10.9.9.9")
	f("", "10.1.2.3:1", "") // its clients are not one client
	f("", "10.1.2.3:1", "", xff, "")
	if warned[namesNobody] != 2 {
		t.Errorf("warned %v; want of each proxy that names nobody", warned)
	}
	f("", "10.1.2.3:1", "192.168.7.7/32", xff, "192.168.7.7") // a client within the house, named by its proxy
	f("Forwarded", "10.1.2.3:1", "198.51.100.1/32", forwarded, `for=1.2.3.4, for="198.51.100.1:99";proto=https, By=x;For=10.2.2.2`)
	f("Forwarded", "10.1.2.3:1", "2001:db8:1::/56", forwarded, `for="[2001:db8:1:2:3::4]:99"`)
	f("Forwarded", "10.1.2.3:1", "10.1.2.3/32", forwarded, "for=unknown")
	// no setting has it that proxies send it
	f("", "10.1.2.3:1", "", forwarded, "for=198.51.100.1")
	// the client's own X-Forwarded-For
	f("Forwarded", "10.1.2.3:1", "198.51.100.1/32", xff, "1.2.3.4", forwarded, "for=198.51.100.1")
	// a Host that a proxy copies
	f("Forwarded", "10.1.2.3:1", "198.51.100.1/32", forwarded, `for=198.51.100.1;host="x;for=1.2.3.4"`)
	f("Forwarded", "10.1.2.3:1", "198.51.100.1/32", forwarded, `for=198.51.100.1;host="x,for=1.2.3.4"`)
	f("Forwarded", "10.1.2.3:1", "198.51.100.1/32", forwarded, `host="\",for=1.2.3.4";for=198.51.100.1`)
	f("Forwarded", "10.1.2.3:1", "10.1.2.3/32", forwarded, `for=198.51.100.1;host=x;for=1.2.3.4`)    // which of them?
	f("Forwarded", "10.1.2.3:1", "10.1.2.3/32", forwarded, `for=1.2.3.4, host="x, for=198.51.100.1`) // it does not end
	f("Forwarded", "10.1.2.3:1", "10.1.2.3/32", forwarded, `for=1.2.3.4;host="x, for=198.51.100.1`)
	f("Forwarded", "10.1.2.3:1", "198.51.100.1/32", forwarded, `host="x`, forwarded, "for=198.51.100.1")
	f("CF-Connecting-IP", "10.1.2.3:1", "198.51.100.1/32", xff, "1.2.3.4", "CF-Connecting-IP", "198.51.100.1")
	f("CF-Connecting-IP", "10.1.2.3:1", "", xff, "1.2.3.4")
}

// TestAddresses_ManyHopsCostNextToNothing: text of a client in front of what its proxy noted costs next to nothing.
func TestAddresses_ManyHopsCostNextToNothing(t *testing.T) {
	cfg := Config{Limits: DefaultLimits(), TrustedProxies: []string{"10.0.0.0/8"}}
	a := newAddresses(&cfg, func(string, netip.Addr) {})
	r := &http.Request{RemoteAddr: "10.1.2.3:1", Header: http.Header{"X-Forwarded-For": {strings.Repeat("1.2.3.4,", 2000) + "198.51.100.1", "10.9.9.9"}}}
	if got := a.of(r).String(); got != "198.51.100.1/32" {
		t.Errorf("of 2,000 hops = %s", got)
	}
	if n := testing.AllocsPerRun(100, func() { a.of(r) }); n > 5 {
		t.Errorf("%v allocations for 2,000 hops; want none for each", n)
	}
}

// TestLocal_ServesNobodyThroughAProxy: a handler for people in the house is not for those who come through a proxy.
func TestLocal_ServesNobodyThroughAProxy(t *testing.T) {
	serve := newKnocker(nil).Local(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, c := range []struct {
		peer, header string
		want         int
	}{
		{"127.0.0.1:1", "", 200},
		{"[::1]:1", "", 200},
		{"10.1.2.3:1", "", 200},
		{"203.0.113.1:1", "", 404},
		{"[2001:db8::1]:1", "", 404},
		{"127.0.0.1:1", "X-Forwarded-For", 404},
		{"10.1.2.3:1", "Forwarded", 404},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.header != "" {
			r.Header.Set(c.header, "127.0.0.1")
		}
		w := httptest.NewRecorder()
		if serve(w, r); w.Code != c.want {
			t.Errorf("%s with %q: %d; want %d", c.peer, c.header, w.Code, c.want)
		}
	}
}

func TestParsePrefixes_NamesTheEntryItRefuses(t *testing.T) {
	got, err := ParsePrefixes([]string{"10.1.2.3/8", "192.0.2.1", "::ffff:172.16.0.0/108", "2001:db8::/32"})
	if want := "[10.0.0.0/8 192.0.2.1/32 172.16.0.0/12 2001:db8::/32]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("ParsePrefixes = %v, %v; want %s", got, err, want)
	}
	for _, bad := range []string{"proxy", "10.0.0.0/33", "", "10.0.0"} {
		if _, err := ParsePrefixes([]string{"10.0.0.1", bad}); err == nil || !strings.HasPrefix(err.Error(), "[1]: ") {
			t.Errorf("%q: %v; want an error about [1]", bad, err)
		}
	}
}

// FuzzAddresses: a client sends anything, and its proxy passes it on in front of what the proxy notes itself. The
// address is the one that the proxy notes, and a prefix that limits count. Where a client spoils the line it shares its
// proxy's.
func FuzzAddresses(f *testing.F) {
	newFor := func(header string) *addresses {
		cfg := Config{Limits: DefaultLimits(), TrustedProxies: []string{"10.0.0.0/8"}, ClientIPHeader: header}
		return newAddresses(&cfg, func(string, netip.Addr) {})
	}
	plain, forwarded := newFor(""), newFor("Forwarded")
	for _, text := range []string{"", "1.2.3.4", "1.2.3.4, 10.0.0.1", `for="[::1]:1";by=x, for=_hidden`, "[::", "%", "a%b", ",,,", "1.2.3.4:99999", `"`, `\`, `x="\`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := func(a *addresses, header string, lines []string, also string) {
			t.Helper()
			got := a.of(&http.Request{RemoteAddr: "10.0.0.1:80", Header: http.Header{header: lines}}).String()
			if got != "198.51.100.1/32" && got != also {
				t.Errorf("%s %q: %s", header, lines, got)
			}
		}
		want(plain, "X-Forwarded-For", []string{text + ", 198.51.100.1"}, "")
		want(plain, "X-Forwarded-For", []string{text, "198.51.100.1, 10.9.9.9"}, "")
		want(forwarded, "Forwarded", []string{text, `for=198.51.100.1;host="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`}, "")
		want(forwarded, "Forwarded", []string{text + ", for=198.51.100.1"}, "10.0.0.1/32")
		for _, a := range []*addresses{plain, forwarded} {
			got := a.of(&http.Request{RemoteAddr: "10.0.0.1:80", Header: http.Header{"X-Forwarded-For": {text}, "Forwarded": {text}}})
			if got.IsValid() && (got != got.Masked() || got.Addr().Zone() != "") {
				t.Errorf("%q: %v", text, got)
			}
		}
	})
}
