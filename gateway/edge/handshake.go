package edge

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// checkHandshake holds a request against RFC 6455 section 4.2.1 and returns the
// client's key.
func checkHandshake(r *http.Request) (key string, bad *Refusal) {
	switch {
	case r.Method != http.MethodGet: // the mux takes HEAD for a GET
		return "", Refuse(http.StatusBadRequest, "cannot upgrade: the method is %s, want GET", r.Method)
	case !r.ProtoAtLeast(1, 1):
		return "", Refuse(http.StatusBadRequest, "cannot upgrade: the request is %s, a WebSocket needs HTTP/1.1", r.Proto)
	case !httpguts.HeaderValuesContainsToken(r.Header["Upgrade"], "websocket"):
		return "", Refuse(http.StatusBadRequest, "cannot upgrade: header Upgrade is %q, want websocket", r.Header.Get("Upgrade"))
	case !httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade"):
		return "", Refuse(http.StatusBadRequest, "cannot upgrade: header Connection is %q, want Upgrade", r.Header.Get("Connection"))
	case r.ContentLength != 0:
		return "", Refuse(http.StatusBadRequest, "cannot upgrade: the request has a body")
	}
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return "", Refuse(http.StatusUpgradeRequired, "cannot upgrade: Sec-WebSocket-Version is %q, want 13", strings.Join(v, ", "))
	}
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 {
		return "", Refuse(http.StatusBadRequest, "cannot upgrade: %d Sec-WebSocket-Key headers, want 1", len(keys))
	}
	if raw, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(raw) != 16 {
		return "", Refuse(http.StatusBadRequest, "cannot upgrade: Sec-WebSocket-Key %q is not 16 bytes in base64", keys[0])
	}
	return keys[0], nil
}

// switching is the answer that turns the connection into a WebSocket
// (RFC 6455 section 4.2.2). more are further header lines, each with its end.
func switching(key, more string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + more + "\r\n")
}

// Origins are those of cors.allowed_origins.
type Origins []string

// Allow reports whether a page of the request's origin may talk to us. A request
// without an origin does not come from a page of another site.
func (o Origins) Allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(o, "*") || slices.Contains(o, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host) // our own pages
}
