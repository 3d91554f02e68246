package edge

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"barrage/gateway/door"
	"barrage/internal/chat"
	"barrage/room"
)

// Refusal is an HTTP answer to a request that will not become a WebSocket, or will not be done. Each protocol words it
// in its own way.
type Refusal struct {
	Status int
	// Code is the word for it that native clients get; empty: the status's own.
	Code string
	// Why is a sentence for people, in both protocols.
	Why string
	// Wait is after what time trying again makes sense; 0: a few seconds.
	Wait time.Duration
	// Until is when the measure that keeps somebody out ends, in Unix ms; 0 for other refusals. Reason is the moderator's,
	// which Why has, too; may be empty.
	Until  int64
	Reason string
}

// Answered is the refusal of a connection that net/http no longer answers for.
var Answered = &Refusal{}

// Refuse refuses with an HTTP status and a reason.
func Refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Why: fmt.Sprintf(format, args...)}
}

// StatusWords are the words for refusals that have no code. Nobody changes them.
var StatusWords = map[int]string{
	http.StatusBadRequest:            "bad_request",
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "forbidden",
	http.StatusNotFound:              "not_found",
	http.StatusConflict:              "other_epoch",
	http.StatusNotImplemented:        "not_supported",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusUpgradeRequired:       "upgrade_required",
	http.StatusTooManyRequests:       "rate_limited",
	http.StatusInternalServerError:   "internal",
	http.StatusServiceUnavailable:    "unavailable",
}

// Word is the refusal in one word: its code, or its status's. That of a connection that broke is broken.
func (f *Refusal) Word() string { return cmp.Or(f.Code, StatusWords[f.Status], "broken") }

// As gives the refusal a code.
func (f *Refusal) As(code string) *Refusal {
	f.Code = code
	return f
}

// After sets when to try again.
func (f *Refusal) After(wait time.Duration) *Refusal {
	f.Wait = wait
	return f
}

// RetryAfter is when to come again: in 1 to 5 seconds, drawn anew each time, and not before wait. So those who were
// turned away do not all come back at once.
func (f *Refusal) RetryAfter() string {
	return strconv.Itoa(int((f.Wait+time.Second-1)/time.Second) + 1 + rand.IntN(5))
}

// SetHeaders sets what HTTP has for the status of a refusal: when to try again, the protocol to upgrade to.
func (f *Refusal) SetHeaders(h http.Header) {
	switch f.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", f.RetryAfter())
	case http.StatusUpgradeRequired:
		h.Set("Sec-WebSocket-Version", "13")
		h.Set("Upgrade", "websocket")
	}
}

// RetryAfter is that of a refusal which names no time.
func RetryAfter() string { return (&Refusal{}).RetryAfter() }

// Cannot refuses what the store, or another service, did not do, and logs why; attrs are slog's. Trying again may help.
func Cannot(log *slog.Logger, do string, err error, attrs ...any) *Refusal {
	log.Warn("cannot "+do, append(attrs, "err", err)...)
	return Refuse(http.StatusServiceUnavailable, "%s", chat.Unavailable(do))
}

// RefusedByDoor is the door's refusal as answers have it; nil of nil.
func RefusedByDoor(no *door.Refused) *Refusal {
	if no == nil {
		return nil
	}
	switch no.Limit {
	case door.Handshakes, door.Scans, door.Unread:
		return Refuse(http.StatusServiceUnavailable, "%s", no.Why).As(room.CodeBusy).After(no.Wait)
	case door.UserConnections, door.IPConnections:
		return Refuse(http.StatusTooManyRequests, "%s", no.Why).As("too_many_connections")
	default:
		return Refuse(http.StatusTooManyRequests, "%s", no.Why).After(no.Wait)
	}
}

// noRoom refuses one more room than may be live.
func noRoom(err error) *Refusal {
	return Refuse(http.StatusServiceUnavailable, "%v", err).As("no_room")
}

// Leaving refuses what comes while the node drains.
var Leaving = Refuse(http.StatusServiceUnavailable, "the node is leaving, try again").As("draining")

// full refuses one WebSocket too many.
func (e *Edge) full() *Refusal {
	return Refuse(http.StatusServiceUnavailable, "the node is full: %d connections", e.Sessions.most).As("full")
}
