package door

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// addresses tells who is at the other end of a request, also behind proxies.
type addresses struct {
	trusted []netip.Prefix
	header  string // server.client_ip_header; empty: X-Forwarded-For, or Forwarded
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

// newAddresses is for settings that are valid; warn is called once with each reason.
func newAddresses(cfg *Config, warn func(why string, peer netip.Addr)) *addresses {
	a := &addresses{header: cfg.ClientIPHeader, bits6: cfg.Limits.IP6Prefix}
	a.trusted, _ = ParsePrefixes(cfg.TrustedProxies) // Validate has seen them
	var warned sync.Map
	a.warn = func(why string, peer netip.Addr) {
		if _, again := warned.LoadOrStore(why, true); !again {
			warn(why, peer)
		}
	}
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
		all = append(all, p.Masked())
	}
	return all, nil
}

func (a *addresses) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(a.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// of is the client's address as limits count it: an IPv4 address, or the prefix of an IPv6 one. It is not valid where
// no limit by address applies: the peer is private, and no proxy that is trusted, or one that names nobody. Headers
// count if the peer is trusted: the last address in them that is not is the client's, since a trusted proxy noted it.
func (a *addresses) of(r *http.Request) netip.Prefix {
	peer := readAddr(r.RemoteAddr)
	if !a.trusts(peer) {
		if !peer.IsGlobalUnicast() || peer.IsPrivate() {
			if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
				a.warn(notTrusted, peer)
			}
			return netip.Prefix{}
		}
		return a.counted(peer)
	}
	client := peer
	for _, hop := range slices.Backward(a.hops(r)) {
		if client = readAddr(hop); !client.IsValid() || !a.trusts(client) {
			break // what stands left of it was not noted by a proxy that we know
		}
	}
	if !client.IsValid() || client == peer { // the clients of a proxy are not one client
		a.warn(namesNobody, peer)
		return netip.Prefix{}
	}
	return a.counted(client)
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

// hops are the addresses that proxies noted, the nearest last.
func (a *addresses) hops(r *http.Request) []string {
	name := a.header
	if name == "" {
		name = "X-Forwarded-For"
	}
	values := r.Header.Values(name)
	if len(values) > 0 || a.header != "" {
		return strings.Split(strings.Join(values, ","), ",")
	}
	var hops []string
	for hop := range strings.SplitSeq(strings.Join(r.Header.Values("Forwarded"), ","), ",") { // RFC 7239
		who := ""
		for pair := range strings.SplitSeq(hop, ";") {
			if key, value, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.EqualFold(key, "for") {
				who = strings.Trim(value, `"`)
			}
		}
		hops = append(hops, who)
	}
	return hops
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
