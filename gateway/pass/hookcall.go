package pass

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"barrage/internal/chat"
	"barrage/internal/signed"
)

const (
	// maxResponse bounds a good response, in bytes. One with 64 grants of 128-byte rooms and 1 KiB of info has 12 KB.
	maxResponse = 16 << 10
	// maxRefusal bounds what is read of a refusal, in bytes: a code and a sentence.
	maxRefusal = 4 << 10
	// maxMessage bounds what clients see of the service's message, in characters.
	maxMessage = 200
	// leakBytes is how many bytes of a token in a row are a part of it, and not a coincidence.
	leakBytes = 8
)

// hookError is why a question has no answer.
type hookError struct {
	why string
	// down says that the service did not answer at all, or that it cannot now. Else it is there, and wrong.
	down bool
}

func (e *hookError) Error() string { return e.why }

// HookClient calls a service of the operator. Make it with [NewHookClient].
type HookClient struct {
	http.Client
	// OnCall hears of each call. Set it before the first one; nil: nobody hears.
	OnCall OnCall
}

// OnCall hears that a request is about to be sent, to which it may add headers. It returns what hears of its end: the
// status of the response that has begun, or why there is none. Neither may block.
type OnCall func(r *http.Request) (end func(status int, err error))

// Do is http.Client's, but that no error has the URL of a redirect in it.
func (c *HookClient) Do(r *http.Request) (*http.Response, error) {
	end := func(int, error) {}
	if c.OnCall != nil {
		end = c.OnCall(r)
	}
	res, err := c.Client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			e.Err = withoutLocation(e.Err)
		}
		end(0, err)
		return nil, err
	}
	end(res.StatusCode, nil)
	return res, nil
}

// NewHookClient makes a client for hooks. It follows no redirects: a service that sends people to a login page says no.
// timeout is that of its callers' contexts.
func NewHookClient(timeout time.Duration) *HookClient {
	transport := http.DefaultTransport.(*http.Transport).Clone() // it has the proxy of the environment
	// A dial goes on when its call has ended, so it has the same bound.
	transport.DialContext = (&net.Dialer{Timeout: timeout}).DialContext
	transport.MaxIdleConnsPerHost = maxHookCalls
	transport.MaxResponseHeaderBytes = maxResponseHeader
	transport.DisableCompression = true // small answers become large ones
	return &HookClient{Client: http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call asks the service, also when ctx ends: others wait for the same answer. The error is a *hookError, and has
// nothing of the token in it.
func (h *Hook) call(ctx context.Context, a Asked) (v answer, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(h.base, cancel)()
	asked := h.now() // a revocation from now on may not be in the answer, so the pass is older
	status, answer, err := h.post(ctx, a, asked)
	if err == nil {
		switch status {
		case http.StatusOK:
			v, err = readResponse(answer, a, asked)
		case http.StatusUnauthorized:
			v.no = readRefusal(answer, Invalid, a.Token)
		case http.StatusForbidden:
			v.no = readRefusal(answer, Forbidden, a.Token)
		default:
			busy := status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
			err = &hookError{fmt.Sprintf("its answer has status %d, want 200, 401 or 403", status), busy}
		}
	}
	if failed, ok := errors.AsType[*hookError](err); ok && leaks(failed.why, a.Token) {
		return v, &hookError{"what it answered is not shown, since a part of the token is in it", failed.down}
	}
	return v, err
}

// post sends the question, and reads the answer up to its bound.
func (h *Hook) post(ctx context.Context, a Asked, now time.Time) (status int, answer []byte, err error) {
	body, err := json.Marshal(a)
	if err != nil {
		panic("BUG: cannot encode a question: " + err.Error()) // it has texts only
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &hookError{why: "connect_url is no URL"} // the error has the URL in it, with its password
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "barrage")
	// Not sent: it lets net/http ask again where a kept connection turns out to be closed.
	r.Header["Idempotency-Key"] = []string{}
	if h.secret != nil {
		h.secret.Sign(r.Header, signed.NewID(), now, body)
	}
	res, err := h.client.Do(r)
	if err != nil {
		return 0, nil, h.down(err)
	}
	defer func() { _ = res.Body.Close() }()
	most := maxResponse
	if res.StatusCode != http.StatusOK {
		most = maxRefusal // what is longer is cut, and then no JSON
	}
	if answer, err = io.ReadAll(io.LimitReader(res.Body, int64(most)+1)); err != nil {
		return 0, nil, h.down(err)
	}
	if res.StatusCode == http.StatusOK && len(answer) > most {
		return 0, nil, &hookError{why: fmt.Sprintf("its answer has more than %d KiB", most>>10)}
	}
	return res.StatusCode, answer, nil
}

// down is the error of a service that does not answer, without what changes from one call to the next: its log line
// comes once.
func (h *Hook) down(err error) *hookError {
	if e, ok := errors.AsType[*url.Error](err); ok { // it has the URL in it
		err = e.Err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return &hookError{fmt.Sprintf("no answer within %v", h.cfg.Timeout), true}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok { // it has the local port in it
		return &hookError{fmt.Sprintf("%s: %v", e.Op, e.Err), true}
	}
	return &hookError{err.Error(), true}
}

// readResponse reads the response to a question that was asked at the time now. Members that it does not know are
// ignored. What it knows has the bounds of claims.
func readResponse(raw []byte, a Asked, now time.Time) (answer, error) {
	p := &Pass{Issued: now}
	var can *Grant // for the room that was asked about
	var guest *bool
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return answer{}, &hookError{why: fmt.Sprintf("its answer is %s, want a JSON object", shown(raw))}
	}
	err := members(raw, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "user_id":
			p.User, err = text(value)
		case "guest":
			guest = new(bool)
			*guest, err = boolean(value)
		case "role":
			p.Role, err = role(value)
		case "tags":
			p.Tags, err = tags(value)
		case "info":
			p.Info, p.Level, err = info(value)
		case "can":
			can = &Grant{Room: a.Room}
			can.Can, err = capabilities(value)
		case "rooms":
			p.Grants, err = grants(value)
			p.Named = true
		case "expires_in_ms":
			var life time.Duration
			life, err = milliseconds(value)
			p.Expires = now.Add(life)
		}
		return err
	})
	switch {
	case err != nil:
		return answer{}, &hookError{why: subject(err, "in its answer", "its answer").Error()}
	case guest != nil && *guest != (p.User == ""):
		return answer{}, &hookError{why: fmt.Sprintf("its answer has guest: %v, and user_id is %.64q", *guest, p.User)}
	case a.User != "" && p.User != a.User:
		return answer{no: Refuse(Forbidden, "cannot let user %q in: the token is not theirs", a.User)}, nil
	}
	if can != nil {
		if can.Room == "" { // asked about no room: about all of them
			can.Room = "*"
		}
		p.Grants, p.Named = append(p.Grants, *can), true
	}
	return answer{pass: p}, nil
}

func boolean(value json.RawMessage) (bool, error) {
	switch string(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, want("true or false", value)
}

// milliseconds reads how long something lasts from now on.
func milliseconds(value json.RawMessage) (time.Duration, error) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 1 || n > chat.RevokedLife.Milliseconds() {
		return 0, want(fmt.Sprintf("1 to %d, which is %d days", chat.RevokedLife.Milliseconds(), chat.RevokedLife/(24*time.Hour)), value)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// readRefusal reads why the service refuses a token: {"error":{"code","message"}}, which it may leave out. Codes other
// than those about a token's life are the service's own, and say no more than the status.
func readRefusal(raw []byte, code Code, token string) *Refused {
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		body.Error.Code, body.Error.Message = "", ""
	}
	switch c := Code(body.Error.Code); c {
	case Expired, Revoked, Replaced:
		code = c
	case Invalid, Forbidden, Unavailable:
	}
	why := readable(body.Error.Message)
	if why == "" || leaks(why, token) {
		why = "the service that knows it refuses it"
	}
	if code == Forbidden {
		return Refuse(code, "cannot let the user in: %s", why)
	}
	return Refuse(code, "cannot accept the token: %s", why)
}

// readable is a message in one line, without what nobody sees.
func readable(message string) string {
	line := strings.Map(func(r rune) rune {
		if unprintable(r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(message), " "))
	runes := []rune(line)
	return string(runes[:min(len(runes), maxMessage)])
}

// leaks reports whether a text has a part of a token in it. Tokens of three bytes are no secrets, and in every text.
func leaks(text, token string) bool {
	part := min(leakBytes, len(token))
	if part < 4 {
		return false
	}
	for i := range len(text) - part + 1 {
		if strings.Contains(token, text[i:i+part]) {
			return true
		}
	}
	return false
}
