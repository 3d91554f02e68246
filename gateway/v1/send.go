package v1

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/gateway/filter"
	"barrage/gateway/pass"
	"barrage/gateway/traces"
	"barrage/internal/chat"
	"barrage/room"
)

// called is in authors of messages that came by HTTP: ctx is the call's.
type called struct{ ctx context.Context }

func (c *called) call() context.Context { return c.ctx }

// For is room.Callbacks.For: the work on a message that came by HTTP belongs to its call, if that is recorded.
func For(ctx context.Context, from room.Author) (of context.Context, has bool) {
	if c, ok := from.(interface{ call() context.Context }); ok {
		return traces.Cause(ctx, c.call())
	}
	return ctx, false
}

// waitingSend is the author of a message that came by HTTP.
type waitingSend struct {
	called

	rights   *edge.Rights
	rateName string
	came     time.Time
	done     chan room.Outcome // capacity 1, see Settled
}

func (w *waitingSend) Rights() *edge.Rights { return w.rights }

// RateName is as a session's; a name counts among calls, all together where their address is not known.
func (w *waitingSend) RateName() string { return w.rateName }

// Voice is that of the token, see room.Voiced. The caller has come in just now.
func (w *waitingSend) Voice() room.Voice {
	return room.Voice{Role: w.rights.Rank(), High: w.rights.Can.Has(pass.High), Tags: w.rights.Tags, Level: w.rights.Level, Since: w.came}
}

// Settled ends the wait; the first outcome counts. A batch whose authors are asked about again, since the store failed
// behind the first question, notifies each a second time.
func (w *waitingSend) Settled(a room.Outcome) {
	select {
	case w.done <- a:
	default:
	}
}

// codeInvalid is the answer to a message whose sender's token has become invalid meanwhile, for one of several reasons.
const codeInvalid = string(pass.Invalid)

// Checked ends the wait where the token counts no more. Its call has prolonged it just now.
func (w *waitingSend) Checked(state chat.TokenState) (prolong bool) {
	if state != chat.TokenRight {
		w.Settled(room.Outcome{Code: codeInvalid})
	}
	return false
}

// send serves POST /v1/rooms/{room}/messages.
func (n *API) send(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id := strings.Clone(r.PathValue("room"))
	if bad := edge.CheckID("room", id); bad != nil {
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
	if !rs.MaySay(n.edge.Hall.High(op.Kind)) {
		return 0, nil, edge.Refuse(http.StatusForbidden, "%s: a message of kind %q", edge.MayNot, op.Kind)
	}
	checked := n.edge.Config().Auth.Required() && v.Proven // else anybody logs in as anybody
	if bad := edge.RefusedByDoor(n.edge.Door.Banned(r, v.User, checked)); bad != nil {
		return 0, nil, bad
	}
	v.Rights = rs
	rm, bad := n.edge.OpenRoom(ctx, r, id)
	if bad != nil {
		return 0, nil, bad
	}
	defer rm.Release()
	if bad := n.edge.Barred(r, &v, rm); bad != nil {
		return 0, nil, bad
	}
	name := v.User
	if !checked {
		name = edge.NameAt(v.User, v.Guest, n.edge.Door.SourceOf(r))
	}
	from := &waitingSend{called: called{ctx}, rights: rs, rateName: name, came: time.Now(), done: make(chan room.Outcome, 1)}
	if bad := n.edge.Joins.Say(v, id, func() (said bool, bad *edge.Refusal) {
		held, err := n.post(rm, from, v.User, rs, &op)
		return err == nil && !held, refusedPost(err)
	}); bad != nil {
		return 0, nil, bad
	}
	select {
	case a := <-from.done:
		return sent(a)
	case <-ctx.Done():
		return sent(room.Outcome{Code: room.CodeUnconfirmed})
	}
}

// post has the word filter look at a message of a user with these rights, and posts it to the room. The result held
// says that it waits for a moderator then.
func (n *API) post(rm *room.Room, from room.Author, user string, rs *edge.Rights, op *codec.Op) (held bool, err error) {
	op.User = rs.Info
	var action filter.Action
	action, op.Body, op.Ext = n.edge.Words.Check(rm, user, rs, op.Body, op.Ext)
	switch action {
	case filter.Block:
		return false, &room.RefusedError{Code: room.CodeBlocked}
	case filter.Hold:
		return true, rm.Hold(from, user, op, time.Now())
	case filter.Shadow:
		return false, rm.Shadow(from, user, op, time.Now())
	default:
		return false, rm.PostNative(from, user, op, time.Now())
	}
}

// readSend reads a message and checks it as a socket's is.
func (n *API) readSend(r *http.Request) (op codec.Op, bad *edge.Refusal) {
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
		return op, edge.Refuse(http.StatusBadRequest, "cannot take the message: %v", err)
	}
	if why := n.tooLong(op.Body); why != "" {
		return op, edge.Refuse(http.StatusBadRequest, "cannot take the message: %s", why)
	}
	return op, nil
}

// refusedPost is why a room does not take a message; nil of nil.
func refusedPost(err error) *edge.Refusal {
	if err == nil {
		return nil
	}
	if fast, ok := errors.AsType[*room.TooFastError](err); ok {
		return refusedOutcome(room.Outcome{Code: room.CodeRateLimited, Wait: fast.Wait})
	}
	if no, ok := errors.AsType[*room.RefusedError](err); ok {
		return refusedOutcome(room.Outcome{Code: no.Code, Wait: no.Wait})
	}
	return refusedOutcome(room.Outcome{Code: room.CodeBusy})
}

// refusedOutcome is why a message was not stored; nil where it was.
func refusedOutcome(a room.Outcome) *edge.Refusal {
	switch {
	case a.Code == "":
		return nil
	case ruled(a.Code):
		return refusedByRules(a.Code, a.Wait)
	case a.Code == codeInvalid:
		return edge.Refuse(http.StatusUnauthorized, "the token is not valid any more: log in")
	case a.Code == room.CodeRateLimited:
		return edge.Refuse(http.StatusTooManyRequests, "%s", answerTexts[a.Code]).After(a.Wait)
	default:
		return edge.Refuse(http.StatusServiceUnavailable, "%s", answerTexts[a.Code]).As(a.Code)
	}
}

// sent is the answer to the sender.
func sent(a room.Outcome) (int, any, *edge.Refusal) {
	if bad := refusedOutcome(a); bad != nil {
		return 0, nil, bad
	}
	type body struct {
		ID    string `json:"id"`
		Epoch string `json:"epoch"`
		Seq   uint64 `json:"seq"`
		TS    int64  `json:"ts"`
	}
	return http.StatusCreated, body{a.ID, a.Epoch, a.Seq, a.TS}, nil
}

// ReadJSON reads the body of a call of the admin port as those of clients are read.
func ReadJSON(r *http.Request, into any) *edge.Refusal { return readJSON(r, into) }

// readJSON reads the body of a request. Fields that nobody asked for are passed over.
func readJSON(r *http.Request, into any) *edge.Refusal {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return edge.Refuse(http.StatusUnsupportedMediaType, "Content-Type is %q, want application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(r.Body)
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return edge.Refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", tooBig.Limit)
	}
	if err != nil {
		return edge.Refuse(http.StatusBadRequest, "cannot read the body: %v", err)
	}
	if !utf8.Valid(body) {
		return edge.Refuse(http.StatusBadRequest, "the body is not UTF-8")
	}
	err = json.Unmarshal(body, into)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return edge.Refuse(http.StatusBadRequest, "the body is no JSON from byte %d on: %v", syntax.Offset, syntax)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := "the body"
		if wrong.Field != "" {
			where = wrong.Field
		}
		return edge.Refuse(http.StatusBadRequest, "%s is a JSON %s up to byte %d, want %s", where, wrong.Value, wrong.Offset, jsonKind(wrong))
	}
	if err != nil {
		return edge.Refuse(http.StatusBadRequest, "cannot read the body: %v", err)
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
