package pass

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"barrage/internal/chat"
	"barrage/internal/remote"
)

const (
	// maxResponse bounds a good response, in bytes. One with 64 grants of 128-byte rooms and 1 KiB of info has 12 KB.
	maxResponse = 16 << 10
	// maxRefusal bounds a refusal, in bytes: a code and a sentence. A longer refusal says no more than its status.
	maxRefusal = 4 << 10
	// maxMessage bounds what clients see of the service's message, in characters.
	maxMessage = 200
	// leakBytes is how many bytes of a token in a row are a part of it, and not a coincidence.
	leakBytes = 8
)

// call asks the service, also when ctx ends: others wait for the same answer. The error is a *remote.Error, and has
// nothing of the token in it.
func (h *Hook) call(ctx context.Context, a Asked) (v answer, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(h.base, cancel)()
	asked := h.now() // a revocation from now on may not be in the answer, so the pass is older
	body, err := json.Marshal(a)
	if err != nil {
		panic("BUG: cannot encode a question: " + err.Error()) // it has texts only
	}
	answer, err := h.client.Ask(ctx, body, maxResponse, http.StatusUnauthorized, http.StatusForbidden)
	if err == nil {
		switch answer.Status {
		case http.StatusOK:
			v, err = readResponse(answer.Body, a, asked)
		case http.StatusUnauthorized:
			v.no = readRefusal(answer.Body, Invalid, a.Token)
		case http.StatusForbidden:
			v.no = readRefusal(answer.Body, Forbidden, a.Token)
		}
	}
	if failed, ok := errors.AsType[*remote.Error](err); ok && leaks(failed.Why, a.Token) {
		return v, &remote.Error{Why: "what it answered is not shown, since a part of the token is in it", Down: failed.Down}
	}
	return v, err
}

// readResponse reads the response to a question that was asked at the time now. Members that it does not know are
// ignored. Members that it knows have the bounds of claims.
func readResponse(raw []byte, a Asked, now time.Time) (answer, error) {
	p := &Pass{Issued: now}
	var can *Grant // for the room that was asked about
	var guest *bool
	if len(raw) > maxResponse {
		return answer{}, &remote.Error{Why: fmt.Sprintf("its answer has more than %d KiB", maxResponse>>10)}
	}
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return answer{}, &remote.Error{Why: fmt.Sprintf("its answer is %s, want a JSON object", shown(raw))}
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
		return answer{}, &remote.Error{Why: subject(err, "in its answer", "its answer").Error()}
	case guest != nil && *guest != (p.User == ""):
		return answer{}, &remote.Error{Why: fmt.Sprintf("its answer has guest: %v, and user_id is %.64q", *guest, p.User)}
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
	if err := json.Unmarshal(raw, &body); err != nil || len(raw) > maxRefusal {
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
