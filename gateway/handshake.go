package gateway

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// refusal is an HTTP answer to a request that will not become a WebSocket, or will not be
// done.
type refusal struct {
	status int
	// code is the word for it that native clients get; empty: the status's own, see
	// problemCodes.
	code string
	why  string
	// wait is after what time trying again makes sense; 0: a few seconds.
	wait time.Duration
}

// answered is the refusal of a connection that net/http no longer answers for.
var answered = &refusal{}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, why: fmt.Sprintf(format, args...)}
}

// as gives the refusal a code.
func (f *refusal) as(code string) *refusal {
	f.code = code
	return f
}

// after says when to try again.
func (f *refusal) after(wait time.Duration) *refusal {
	f.wait = wait
	return f
}

// checkHandshake holds a request against RFC 6455 section 4.2.1 and returns the
// client's key.
func checkHandshake(r *http.Request) (key string, bad *refusal) {
	switch {
	case r.Method != http.MethodGet: // the mux takes HEAD for a GET
		return "", refuse(http.StatusBadRequest, "cannot upgrade: the method is %s, want GET", r.Method)
	case !r.ProtoAtLeast(1, 1):
		return "", refuse(http.StatusBadRequest, "cannot upgrade: the request is %s, a WebSocket needs HTTP/1.1", r.Proto)
	case !httpguts.HeaderValuesContainsToken(r.Header["Upgrade"], "websocket"):
		return "", refuse(http.StatusBadRequest, "cannot upgrade: header Upgrade is %q, want websocket", r.Header.Get("Upgrade"))
	case !httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade"):
		return "", refuse(http.StatusBadRequest, "cannot upgrade: header Connection is %q, want Upgrade", r.Header.Get("Connection"))
	case r.ContentLength != 0:
		return "", refuse(http.StatusBadRequest, "cannot upgrade: the request has a body")
	}
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return "", refuse(http.StatusUpgradeRequired, "cannot upgrade: Sec-WebSocket-Version is %q, want 13", strings.Join(v, ", "))
	}
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 {
		return "", refuse(http.StatusBadRequest, "cannot upgrade: %d Sec-WebSocket-Key headers, want 1", len(keys))
	}
	if raw, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(raw) != 16 {
		return "", refuse(http.StatusBadRequest, "cannot upgrade: Sec-WebSocket-Key %q is not 16 bytes in base64", keys[0])
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

// origins are those of cors.allowed_origins.
type origins []string

// allow reports whether a page of the request's origin may talk to us. A request
// without an origin does not come from a page of another site.
func (o origins) allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(o, "*") || slices.Contains(o, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host) // our own pages
}

// writeRefusal answers a handshake in plain words.
func writeRefusal(w http.ResponseWriter, f *refusal) {
	h := w.Header()
	switch f.status {
	case 0: // answered
		return
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", f.retryAfter())
	case http.StatusUpgradeRequired:
		h.Set("Sec-WebSocket-Version", "13")
		h.Set("Upgrade", "websocket")
	}
	http.Error(w, f.why, f.status)
}

// retryAfter is when to come again: in 1 to 5 seconds, drawn anew each time, so that those who were turned away do not
// all come back at once, and not before wait.
func (f *refusal) retryAfter() string {
	return strconv.Itoa(int((f.wait+time.Second-1)/time.Second) + 1 + rand.IntN(5))
}

// retryAfter is that of a refusal which names no time.
func retryAfter() string { return (&refusal{}).retryAfter() }
