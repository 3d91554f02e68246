package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"barrage/codec"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
)

// waitingSend is the author of a message that came by HTTP.
type waitingSend struct {
	rights   *rights
	rateName string
	done     chan room.Answer // capacity 1; sent once, by whoever takes the message to its end
}

func (w *waitingSend) has() *rights { return w.rights }

// RateName is as a session's; a name counts among calls, all together where their address is not known.
func (w *waitingSend) RateName() string { return w.rateName }

// Answered ends the wait.
func (w *waitingSend) Answered(a room.Answer) { w.done <- a }

// codeRevoked is the answer to a message whose sender's token was revoked meanwhile.
const codeRevoked = "unauthenticated"

func (w *waitingSend) checked(_ context.Context, state chat.TokenState) {
	if state != chat.TokenRight {
		w.done <- room.Answer{Code: codeRevoked}
	}
}

// send serves POST /v1/rooms/{room}/messages.
func (n *v1) send(ctx context.Context, r *http.Request) (int, any, *refusal) {
	id := strings.Clone(r.PathValue("room"))
	if bad := checkID("room", id); bad != nil {
		return 0, nil, bad
	}
	v, rs, bad := n.caller(ctx, r, id, pass.Send)
	if bad != nil {
		return 0, nil, bad
	}
	op, bad := n.readSend(r)
	if bad != nil {
		return 0, nil, bad
	}
	if !rs.maySay(op.Kind) {
		return 0, nil, refuse(http.StatusForbidden, "%s: a message of kind %q", mayNot, op.Kind)
	}
	op.User = rs.info
	checked := n.edge.Config.Auth.Required() && v.proven // else anybody logs in as anybody
	if bad := turnedAway(n.edge.Door.Banned(r, v.user, checked)); bad != nil {
		return 0, nil, bad
	}
	if bad := n.edge.MayOpen(ctx, r, id); bad != nil {
		return 0, nil, bad
	}
	rm, err := n.edge.Hall.Open(ctx, id)
	if err != nil {
		return 0, nil, n.cannot("open the room", err)
	}
	defer rm.Release()
	name := v.user
	if v.guest {
		name = "" // all guests of an address are one
	}
	if !checked {
		name += "\x00" + strconv.Itoa(n.edge.Door.GuestOf(r))
	}
	from := &waitingSend{rights: rs, rateName: name, done: make(chan room.Answer, 1)}
	if bad := n.edge.Joins.join(v, id, func() *refusal {
		err := rm.PostNative(from, v.user, &op, time.Now())
		if fast, ok := errors.AsType[*room.TooFastError](err); ok {
			return refuse(http.StatusTooManyRequests, "%s", answerTexts[room.CodeRateLimited]).after(fast.Wait)
		}
		if err != nil {
			return refuse(http.StatusServiceUnavailable, "too many messages wait, try again").as(room.CodeBusy)
		}
		return nil
	}); bad != nil {
		return 0, nil, bad
	}
	select {
	case a := <-from.done:
		return sent(a)
	case <-ctx.Done():
		return sent(room.Answer{Code: room.CodeUnconfirmed})
	}
}

// readSend reads a message and checks it as a socket's is.
func (n *v1) readSend(r *http.Request) (op codec.Op, bad *refusal) {
	var in struct {
		ID   string          `json:"id"`
		Body string          `json:"body"`
		Kind string          `json:"kind"`
		Ext  json.RawMessage `json:"ext"`
	}
	if bad := readJSON(r, &in); bad != nil {
		return op, bad
	}
	op = codec.Op{T: codec.OpSend, ID: in.ID, Body: in.Body, Kind: in.Kind, Ext: in.Ext}
	if err := op.CheckSend(n.maxBody()); err != nil {
		return op, refuse(http.StatusBadRequest, "cannot take the message: %v", err)
	}
	if why := n.tooLong(op.Body); why != "" {
		return op, refuse(http.StatusBadRequest, "cannot take the message: %s", why)
	}
	return op, nil
}

// sent is what the sender is told.
func sent(a room.Answer) (int, any, *refusal) {
	switch a.Code {
	case "":
	case codeRevoked:
		return 0, nil, refuse(http.StatusUnauthorized, "the token is not valid any more: log in")
	case room.CodeRateLimited:
		return 0, nil, refuse(http.StatusTooManyRequests, "%s", answerTexts[a.Code]).after(a.Wait)
	default:
		return 0, nil, refuse(http.StatusServiceUnavailable, "%s", answerTexts[a.Code]).as(a.Code)
	}
	type answer struct {
		ID    string `json:"id"`
		Epoch string `json:"epoch"`
		Seq   uint64 `json:"seq"`
		TS    int64  `json:"ts"`
	}
	return http.StatusCreated, answer{a.ID, a.Epoch, a.Seq, a.TS}, nil
}

// readJSON reads the body of a request. Fields that nobody asked for are passed over.
func readJSON(r *http.Request, into any) *refusal {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type is %q, want application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(r.Body)
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", tooBig.Limit)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "cannot read the body: %v", err)
	}
	if !utf8.Valid(body) {
		return refuse(http.StatusBadRequest, "the body is not UTF-8")
	}
	err = json.Unmarshal(body, into)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return refuse(http.StatusBadRequest, "the body is no JSON from byte %d on: %v", syntax.Offset, syntax)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := "the body"
		if wrong.Field != "" {
			where = wrong.Field
		}
		return refuse(http.StatusBadRequest, "%s is a JSON %s up to byte %d, want %s", where, wrong.Value, wrong.Offset, jsonKind(wrong))
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "cannot read the body: %v", err)
	}
	return nil
}

// jsonKind is what should have stood there, in words of JSON.
func jsonKind(wrong *json.UnmarshalTypeError) string {
	if wrong.Field == "" {
		return "an object"
	}
	return "a " + wrong.Type.String()
}
