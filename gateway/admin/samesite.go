package admin

import (
	"net"
	"net/http"
	"net/netip"
)

// sameSite keeps pages of other sites from the admin port, which browsers on this machine reach, too: a page could
// have them drain the node. Where no keys are asked for, open is true, and names of hosts are refused as well. A name
// of the page's own may lead here (DNS rebinding), and then its pages are of the same site. A link may lead to the
// console from anywhere. The console is the same page for all, no frame may show it, and its later requests are its
// own.
func sameSite(next http.Handler, open bool) http.Handler {
	var cross http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case (site == "cross-site" || site == "same-site" || cross.Check(r) != nil) && !opensConsole(r):
			http.Error(w, "pages of other sites may ask nothing here", http.StatusForbidden)
		case open && !isAddress(r.Host):
			http.Error(w, "without admin.keys_file this port is asked for by its address, or as localhost: by another name pages of "+
				"other sites could ask", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// opensConsole reports whether somebody follows a link to the console, in a window of its own.
func opensConsole(r *http.Request) bool {
	h := r.Header
	return r.Method == http.MethodGet && r.URL.Path == consolePath && h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document"
}

// isAddress reports whether the header Host is an address, or localhost, with or without a port; no name that leads
// anywhere else.
func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || host == ""
}
