package edge

import (
	"encoding/base64"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// hintUpgrade logs once that a proxy in front takes away what makes a WebSocket: the key came through.
func (e *Edge) hintUpgrade(r *http.Request) {
	if len(r.Header["Sec-Websocket-Key"]) > 0 && (!r.ProtoAtLeast(1, 1) || r.Header.Get("Upgrade") == "" || r.Header.Get("Connection") == "") {
		e.Hint("a proxy in front takes the header Upgrade away, so no WebSocket can be opened: have it pass Upgrade and Connection on by "+
			"HTTP/1.1 (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade)", "path", r.URL.Path)
	}
}

// HintPath logs once that a WebSocket was asked for where there is none.
func (e *Edge) HintPath(r *http.Request) {
	if len(r.Header["Sec-Websocket-Key"]) > 0 {
		e.Hint("a WebSocket was asked for at an address that there is not: if a proxy in front rewrites paths, have it leave them as they "+
			"came (nginx: proxy_pass http://up, without a slash or path behind it)", "path", r.URL.Path)
	}
}

// Asks reports whether the query of a request has the key. One that cannot have it is not parsed: a handshake asks
// several times.
func Asks(r *http.Request, key string) bool {
	q := r.URL.RawQuery
	return (strings.Contains(q, key) || strings.Contains(q, "%")) && r.URL.Query().Has(key)
}

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
