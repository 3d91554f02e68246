package door

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addresses finds out who is at the other end of a request, also behind proxies.
type addresses struct {
	trusted []netip.Prefix
	header  string // of the clients' addresses
	bits6   int    // of an IPv6 address that are one client's
	warn    func(why string, peer netip.Addr)
}

// Why addresses warn.
const (
	notTrusted = "a proxy names the addresses of its clients, and is not trusted: limits by address do not apply; " +
		"set server.trusted_proxies to its address or prefix"
	namesNobody = "a trusted proxy does not name the addresses of its clients: limits by address do not apply; " +
		"have it send X-Forwarded-For, or set server.client_ip_header or server.proxy_protocol to what it sends"
)

// newAddresses is for settings that are valid.
func newAddresses(cfg *Config, warn func(why string, peer netip.Addr)) *addresses {
	a := &addresses{header: cmp.Or(cfg.ClientIPHeader, "X-Forwarded-For"), bits6: cfg.Limits.IP6Prefix, warn: warn}
	a.trusted, _ = ParsePrefixes(cfg.TrustedProxies) // Validate has seen them
	return a
}

// ParsePrefixes reads addresses and prefixes: 10.0.0.0/8, 192.0.2.1. An error begins with the index of the text.
func ParsePrefixes(texts []string) ([]netip.Prefix, error) {
	all := make([]netip.Prefix, 0, len(texts))
	for i, text := range texts {
		p, err := netip.ParsePrefix(text)
		if addr, bad := netip.ParseAddr(text); err != nil && bad == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("[%d]: %q is neither an address nor a prefix as 10.0.0.0/8", i, text)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func (a *addresses) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(a.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// of is the client's address as limits count it: an IPv4 address, or the prefix of an IPv6 one. It is not valid where
// no limit by address applies.
func (a *addresses) of(r *http.Request) netip.Prefix {
	if addr, counts := a.client(r); counts {
		return a.counted(addr)
	}
	return netip.Prefix{}
}

// client is where a request comes from. Limits by address do not apply where the peer is private, and no proxy that is
// trusted, or one that names nobody. Headers count if the peer is trusted: the last address in them that is not is the
// client's, since a trusted proxy noted it.
func (a *addresses) client(r *http.Request) (addr netip.Addr, counts bool) {
	peer := readAddr(r.RemoteAddr)
	if !a.trusts(peer) {
		if inHouse(peer) {
			if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
				a.warn(notTrusted, peer)
			}
			return peer, false
		}
		return peer, true
	}
	// its clients are not one client
	if !slices.ContainsFunc(r.Header.Values(a.header), func(line string) bool { return line != "" }) {
		a.warn(namesNobody, peer)
		return peer, false
	}
	for hop := range a.hops(r) {
		addr := readAddr(hop)
		if !addr.IsValid() {
			break // the addresses left of it were not noted by a proxy that we know
		}
		if peer = addr; !a.trusts(addr) {
			break
		}
	}
	return peer, true // a client that hides behind nonsense shares its proxy's limits
}

// Trusts reports whether a peer is a proxy that is trusted.
func (d *Door) Trusts(peer netip.Addr) bool { return d.set.Load().trusts(peer) }

// Proxied reports whether a request comes from a proxy that is trusted, or else from a private network or this machine,
// where proxies are.
func (d *Door) Proxied(r *http.Request) (trusted, inside bool) {
	peer := readAddr(r.RemoteAddr)
	if d.set.Load().trusts(peer) {
		return true, false
	}
	return false, inHouse(peer)
}

// Local serves who asks from a private network or this machine, and not for somebody else; others get 404.
func (d *Door) Local(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, header := range []string{d.set.Load().header, "X-Forwarded-For", "Forwarded"} {
			if len(r.Header.Values(header)) > 0 {
				http.NotFound(w, r)
				return
			}
		}
		if !inHouse(readAddr(r.RemoteAddr)) {
			http.NotFound(w, r)
			return
		}
		serve(w, r)
	}
}

// sharedSpace is where carriers and clusters number their own machines (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// inHouse reports whether the address is none of the internet.
func inHouse(addr netip.Addr) bool {
	return !addr.IsGlobalUnicast() || addr.IsPrivate() || sharedSpace.Contains(addr)
}

// counted is the address as it is counted.
func (a *addresses) counted(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = a.bits6
	}
	p, err := addr.Prefix(bits)
	if err != nil { // not valid, or with a zone
		return netip.Prefix{}
	}
	return p
}

// hops yields the addresses that proxies noted, the nearest first. Those that a client wrote in front of them,
// thousands of them perhaps, are mostly not looked at. A header that is not the one they send is the client's own word:
// so only one counts.
func (a *addresses) hops(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(r.Header.Values(a.header)) {
			if strings.EqualFold(a.header, "Forwarded") {
				for _, element := range slices.Backward(slices.Collect(quotedSplit(line, ','))) {
					if !yield(forwardedFor(element)) {
						return
					}
				}
				continue
			}
			for at := 0; at >= 0; line = line[:max(at, 0)] {
				at = strings.LastIndexByte(line, ',')
				if !yield(line[at+1:]) {
					return
				}
			}
		}
	}
}

// forwardedFor is the address in an element of Forwarded (RFC 7239 section 4), "" where it has none, or several.
func forwardedFor(element string) (addr string) {
	seen := false
	for pair := range quotedSplit(element, ';') {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if !strings.EqualFold(key, "for") {
			continue
		}
		if seen {
			return ""
		}
		addr, seen = strings.Trim(value, `"`), true
	}
	return addr
}

// quotedSplit yields the parts of a text between separators that do not stand within quotes (RFC 9110 section 5.6.4).
// The part with a quote that does not end is empty: the note of a proxy may stand in it.
func quotedSplit(text string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		from, quoted := 0, false
		for i := 0; i < len(text); i++ {
			switch {
			case quoted && text[i] == '\\':
				i++
			case text[i] == '"':
				quoted = !quoted
			case text[i] == sep && !quoted:
				if !yield(text[from:i]) {
					return
				}
				from = i + 1
			}
		}
		if quoted {
			from = len(text)
		}
		yield(text[from:])
	}
}

// readAddr reads an address, with a port or without; the zero value where it is none.
func readAddr(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
