package edge

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// CORSConfig is the config section `cors`.
type CORSConfig struct {
	// AllowedOrigins are the origins whose pages may call the HTTP API and open sockets, see [ParseOrigins].
	AllowedOrigins []string `mapstructure:"allowed_origins"`
	// FrameAncestors are the origins whose pages may show the node's page in a frame, see [ParseAncestors]; empty: none.
	FrameAncestors []string `mapstructure:"frame_ancestors"`
}

// Validate reports every value out of range, each with its key within the section.
func (c CORSConfig) Validate() error {
	_, origins := ParseOrigins(c.AllowedOrigins)
	_, ancestors := ParseAncestors(c.FrameAncestors)
	return errors.Join(origins, ancestors)
}

// ParseAncestors makes the sources of a policy's frame-ancestors (CSP 3) of origins as [ParseOrigins] takes them.
// Excepted are null and file://, which no policy can name. The errors begin with frame_ancestors[i].
func ParseAncestors(texts []string) (sources string, err error) {
	var errs []error
	all := make([]string, 0, len(texts))
	for i, text := range texts {
		scheme, rest, _ := strings.Cut(text, "://")
		host, below := strings.CutPrefix(rest, "*.")
		origin, why := asBrowsers(scheme, host)
		switch {
		case text == "*":
			all = append(all, text)
		case text == "null" || text == "file://":
			errs = append(errs, fmt.Errorf("frame_ancestors[%d]: %q is an origin that no policy can name", i, text))
		case why != "":
			errs = append(errs, fmt.Errorf("frame_ancestors[%d]: %q %s", i, text, why))
		case below:
			all = append(all, strings.Replace(origin, "://", "://*.", 1))
		default:
			all = append(all, origin)
		}
	}
	if len(all) == 0 {
		return "'none'", errors.Join(errs...)
	}
	return strings.Join(all, " "), errors.Join(errs...)
}

// Origins are those of cors.allowed_origins. Nobody changes them.
type Origins struct {
	// Any: all are.
	Any   bool
	exact []string // as browsers write them
	below []string // the same, behind a label of a host: scheme, then .example.com[:port]
}

// ParseOrigins reads scheme://host[:port], with *. in front of the host for whatever lies below it, and * for all. It
// also reads null, which browsers send for pages without an origin, and file://, as apps send it. Capitals, default
// ports, letters beyond ASCII and a slash at the end are rewritten as browsers have them. The errors begin with
// allowed_origins[i].
func ParseOrigins(texts []string) (o Origins, err error) {
	var errs []error
	for i, text := range texts {
		scheme, rest, _ := strings.Cut(text, "://")
		host, below := strings.CutPrefix(rest, "*.")
		switch text {
		case "*":
			o.Any = true
		case "null", "file://":
			o.exact = append(o.exact, text)
		default:
			origin, why := asBrowsers(scheme, host)
			if why != "" {
				errs = append(errs, fmt.Errorf("allowed_origins[%d]: %q %s", i, text, why))
				continue
			}
			if below {
				o.below = append(o.below, strings.Replace(origin, "://", "://.", 1))
			} else {
				o.exact = append(o.exact, origin)
			}
		}
	}
	return o, errors.Join(errs...)
}

// asBrowsers is an origin as browsers write it (RFC 6454 section 6.2), or why there can be none.
func asBrowsers(scheme, rest string) (origin, why string) {
	const form = "is no origin, as https://example.com, https://*.example.com, *, null or file://"
	rest = strings.TrimSuffix(rest, "/")
	u, err := url.Parse(scheme + "://" + rest)
	switch {
	case rest == "" && strings.Contains(scheme, "."):
		return "", form + ": write https:// in front of it"
	case err != nil || rest == "" || u.Hostname() == "":
		return "", form
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return "", form + ": it ends behind host and port, browsers send no more"
	case strings.Contains(rest, "*"):
		return "", form + ": one * may stand in front of a host, as a part of its own"
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	switch scheme {
	case "ws", "wss":
		return "", fmt.Sprintf("is the address of a socket: a page's origin is %s", map[string]string{"ws": "http", "wss": "https"}[scheme]+"://"+rest)
	case "http", "https":
		if port == map[string]string{"http": "80", "https": "443"}[scheme] {
			port = ""
		}
	}
	host, err := hostAsBrowsers(u.Hostname())
	if err != nil {
		return "", form + ": " + err.Error()
	}
	if port != "" {
		host += ":" + port
	}
	return scheme + "://" + host, ""
}

// hostAsBrowsers is a host in small letters of ASCII.
func hostAsBrowsers(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "[" + addr.String() + "]", nil
	}
	return idna.Lookup.ToASCII(strings.TrimSuffix(strings.ToLower(host), "."))
}

// has reports whether an origin that a browser has sent is among those.
func (o *Origins) has(origin string) bool {
	return o.Any || slices.Contains(o.exact, origin) || slices.ContainsFunc(o.below, func(of string) bool {
		scheme, host, _ := strings.Cut(of, "://")
		rest, ok := strings.CutPrefix(origin, scheme+"://")
		return ok && len(rest) > len(host) && strings.HasSuffix(rest, host)
	})
}

// Allows reports whether a page of the request's origin may talk to us. A request without an origin does not come from
// a page of another site; our own pages always may.
func (e *Edge) Allows(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || e.set.Load().origins.has(origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && e.isOurs(u, r)
}

// isOurs reports whether a page's origin is the address that the request is for. A proxy may send another Host: then
// the browser's word counts, which no page can change, or that of a proxy that is trusted. Some leave the port out.
func (e *Edge) isOurs(page *url.URL, r *http.Request) bool {
	if strings.EqualFold(page.Host, r.Host) || r.Header.Get("Sec-Fetch-Site") == "same-origin" {
		return true
	}
	trusted, inHouse := e.Door.Proxied(r)
	if trusted {
		hosts := r.Header.Values("X-Forwarded-Host")
		if len(hosts) == 1 && strings.EqualFold(page.Host, strings.TrimSpace(hosts[0])) {
			return true
		}
	}
	_, _, noPort := net.SplitHostPort(r.Host)
	return (trusted || inHouse) && noPort != nil && strings.EqualFold(page.Hostname(), strings.Trim(r.Host, "[]"))
}

// refuseOrigin refuses a page of another site, and logs once what may be wrong.
func (e *Edge) refuseOrigin(r *http.Request) *Refusal {
	origin := r.Header.Get("Origin")
	e.Hint("a page may not open sockets here: if it is this node's own, have the proxy in front send the header Host as it "+
		"came (nginx: proxy_set_header Host $http_host), else add its origin to cors.allowed_origins", "origin", origin, "host", r.Host)
	return Refuse(http.StatusForbidden, "origin %q is not in cors.allowed_origins", origin).As("origin_not_allowed")
}
