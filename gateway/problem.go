package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problemCodes are the words native clients get where a refusal has none of its own.
var problemCodes = map[int]string{
	http.StatusBadRequest:            "bad_request",
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "forbidden",
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusUpgradeRequired:       "upgrade_required",
	http.StatusTooManyRequests:       "rate_limited",
	http.StatusInternalServerError:   "internal",
	http.StatusServiceUnavailable:    "unavailable",
}

func (f *refusal) problemCode() string {
	if f.code != "" {
		return f.code
	}
	return problemCodes[f.status]
}

// writeProblem answers a native client: {"error":{"code","message","retry_after_ms"}}.
func writeProblem(w http.ResponseWriter, f *refusal) {
	if f.status == 0 { // answered
		return
	}
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Retry   int    `json:"retry_after_ms,omitempty"`
	}
	p := problem{Code: f.problemCode(), Message: f.why}
	h := w.Header()
	switch f.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		after := f.retryAfter()
		h.Set("Retry-After", after)
		seconds, _ := strconv.Atoi(after)
		p.Retry = 1000 * seconds
		h.Set("Connection", "close") // without reading the rest of the request
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110 section 15.5.2
	case http.StatusUpgradeRequired:
		h.Set("Sec-WebSocket-Version", "13")
		h.Set("Upgrade", "websocket")
	}
	writeJSON(w, f.status, map[string]problem{"error": p})
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) { sendJSON(w, status, encodeJSON(v)) }

func encodeJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: cannot encode an answer: " + err.Error()) // net/http answers for this request alone
	}
	return append(body, '\n')
}

func sendJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}
