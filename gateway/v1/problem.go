package v1

import (
	"encoding/json"
	"net/http"
	"strconv"

	"barrage/gateway/edge"
)

// retryMS is after how many ms an op that was refused may be sent again; 0: never, or not within 24 hours.
func retryMS(f *edge.Refusal) int64 {
	switch f.Status {
	case http.StatusForbidden:
		return f.Wait.Milliseconds() // until a ban ends
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return max(f.Wait.Milliseconds(), answerRetry)
	}
	return 0
}

// WriteProblem answers a native client: {"error":{"code","message","retry_after_ms","until","reason"}}.
func WriteProblem(w http.ResponseWriter, f *edge.Refusal) {
	if f.Status == 0 { // answered
		return
	}
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Retry   int    `json:"retry_after_ms,omitempty"`
		Until   int64  `json:"until,omitempty"`  // when a ban ends, Unix ms
		Reason  string `json:"reason,omitempty"` // the text that the moderator wrote about it
	}
	p := problem{Code: f.Word(), Message: f.Why, Until: f.Until, Reason: f.Reason}
	h := w.Header()
	f.SetHeaders(h)
	switch f.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(h.Get("Retry-After"))
		p.Retry = 1000 * seconds
		h.Set("Connection", "close") // without reading the rest of the request
	case http.StatusForbidden:
		p.Retry = int(retryMS(f))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110 section 15.5.2
	}
	WriteJSON(w, f.Status, map[string]problem{"error": p})
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) { sendJSON(w, status, encodeJSON(v)) }

// encoded is an answer that is JSON already: encoding/json would read it once more, 2.5 ms for a page of 256 KiB.
type encoded []byte

func encodeJSON(v any) []byte {
	if body, ok := v.(encoded); ok {
		return append(body, '\n')
	}
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
	_, _ = w.Write(body) // the client has gone: nobody is left to notify
}
