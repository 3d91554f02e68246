package v1

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"barrage/codec"
	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/chat"
	"barrage/room"
)

// This file is how moderators keep order: by an op of their socket, or by calls. Package desk does it.

// announce sends a message of the room's own, which is opened for it, and returns when it is stored, see desk.Announce.
func (n *API) announce(ctx context.Context, id, user string, op *codec.Op) (desk.Placed, error) {
	rm, err := n.edge.Hall.Open(ctx, id)
	if err != nil {
		return desk.Placed{}, err
	}
	defer rm.Release()
	from := &herald{called: called{ctx}, done: make(chan room.Outcome, 1)}
	if err := rm.PostNative(from, user, op, time.Now()); err != nil {
		return desk.Placed{}, err
	}
	return from.placed(ctx, func(code string) error {
		if code != "" {
			return errors.New("the room does not take it: " + code)
		}
		return nil
	})
}

// approve stores a held message in its room, which is opened for it, see desk.Approve.
func (n *API) approve(ctx context.Context, id string, h *chat.Held) (desk.Placed, error) {
	rm, err := n.edge.Hall.Open(ctx, id)
	if err != nil {
		return desk.Placed{}, err
	}
	defer rm.Release()
	from := &approver{herald{called: called{ctx}, done: make(chan room.Outcome, 1)}}
	err = rm.PostApproved(from, h, time.Now())
	if no, ok := errors.AsType[*room.RefusedError](err); ok {
		err = notApproved(no.Code)
	}
	if err != nil {
		return desk.Placed{}, err
	}
	return from.placed(ctx, notApproved)
}

// notApproved is why the room does not take a held message, by the code of its answer; nil where it does.
func notApproved(code string) error {
	switch code {
	case "":
		return nil
	case room.CodeMuted:
		return desk.ErrSilenced
	case room.CodeDecided:
		return chat.ErrNoMessage
	default:
		return errors.New("the room does not take it: " + code)
	}
}

// approver is the author of a held message, as far as the room's rules ask: a moderator stands for its text.
type approver struct{ herald }

// Voice is a viewer's whose message was approved.
func (*approver) Voice() room.Voice { return room.Voice{Approved: true} }

// herald is the author of what the room itself sends.
type herald struct {
	called

	done chan room.Outcome // capacity 1
}

// Settled ends the wait.
func (h *herald) Settled(a room.Outcome) { h.done <- a }

// placed waits until the message is stored; why is the error of an answer's code, nil of none.
func (h *herald) placed(ctx context.Context, why func(code string) error) (desk.Placed, error) {
	select {
	case a := <-h.done:
		return desk.Placed{Place: chat.Place{Epoch: a.Epoch, Seq: a.Seq}, Before: a.Before}, why(a.Code)
	case <-ctx.Done():
		return desk.Placed{}, context.Cause(ctx)
	}
}

// Voice is above all rules.
func (h *herald) Voice() room.Voice { return room.Voice{Role: chat.RoleServer} }

// Rights are those of nobody: no token is behind what the room sends.
func (h *herald) Rights() *edge.Rights { return &edge.Rights{} }

// Checked never receives the state of a token.
func (h *herald) Checked(chat.TokenState) (prolong bool) { return false }

// RateName is nobody's.
func (h *herald) RateName() string { return "" }

// mod carries out the verb of an op. It runs in the poller.
func (m *member) mod(op *codec.Op, payload []byte) error {
	verb, no := parseVerb(payload)
	if no != nil {
		return m.turnDown(op.ID, no.Code, no.Message, 0)
	}
	// The desk asks the store, which reads all rules of the room for it: not for a user who is no moderator here.
	if m.Here.Room().RoleOf(m.User(), m.Rights().Rank()) < chat.RoleModerator {
		return m.turnDown(op.ID, codeForbidden, verb.OnlyModerators(), 0)
	}
	id := op.ID
	if verb.Seq > 0 && verb.Epoch == "" { // a number that its client has seen here
		verb.Epoch, _ = m.Here.Room().Place(&m.Here)
	}
	if !m.api().verbs.Add(askerOf(m), func(ctx context.Context) { m.carryOut(ctx, id, &verb) }) {
		m.busy(id, "too many verbs wait")
	}
	return nil
}

// carryOut has the desk carry out a verb, and answers. It runs as an errand.
func (m *member) carryOut(ctx context.Context, id string, verb *desk.Verb) {
	rights := m.Rights()
	if !m.stillIn(ctx, rights, id) {
		return
	}
	done, no := m.api().Desk.Do(ctx, desk.Actor{Name: m.User(), Role: rights.Rank(), Via: "socket"}, m.Here.Room().ID(), verb)
	if no != nil {
		m.answer(id, RefusedByDesk(no))
		return
	}
	m.writeText(codec.DoneText(id, done.Verb, done.N, done.Seq, done.Before))
}

// RefusedByDesk is the desk's refusal as calls have it; nil of nil.
func RefusedByDesk(no *desk.Refused) *edge.Refusal {
	if no == nil {
		return nil
	}
	return edge.Refuse(no.Status, "%s", no.Message).As(no.Code)
}

// moderator is who calls about order in a room.
func (n *API) moderator(ctx context.Context, r *http.Request) (id string, a desk.Actor, bad *edge.Refusal) {
	id = strings.Clone(r.PathValue("room"))
	if bad := edge.CheckID("room", id); bad != nil {
		return id, a, bad
	}
	v, bad := n.present(ctx, r, id, pass.Read)
	if bad != nil {
		return id, a, bad
	}
	return id, desk.Actor{Name: v.User, Role: v.Rights.Rank(), Via: "http"}, nil
}

// ReadVerb reads the verb of a call.
func ReadVerb(r *http.Request) (verb desk.Verb, bad *edge.Refusal) {
	var text json.RawMessage
	if bad := readJSON(r, &text); bad != nil {
		return verb, bad
	}
	verb, no := parseVerb(text)
	return verb, RefusedByDesk(no)
}

// parseVerb is desk.Parse, and refuses ids that no user has: a caller who meant another one would receive the answer
// that it is done. Those of server keys begin with what is reserved.
func parseVerb(text []byte) (verb desk.Verb, no *desk.Refused) {
	if verb, no = desk.Parse(text); no != nil || verb.UserID == "" {
		return verb, no
	}
	if bad := edge.CheckID("user_id", strings.TrimLeft(verb.UserID, "_")); bad != nil {
		return verb, &desk.Refused{Status: bad.Status, Code: bad.Word(), Message: bad.Why}
	}
	return verb, nil
}

// moderate serves POST /v1/rooms/{room}/mod, which may scan a history.
func (n *API) moderate(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id, a, bad := n.moderator(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	verb, bad := ReadVerb(r)
	if bad != nil {
		return 0, nil, bad
	}
	reading, refused := n.edge.Door.Scan(r) // now that the body is here: a client that sends slowly holds no place
	if refused != nil {
		return 0, nil, edge.RefusedByDoor(refused)
	}
	defer reading.Sent()
	done, no := n.Desk.Do(ctx, a, id, &verb)
	if no != nil {
		return 0, nil, RefusedByDesk(no)
	}
	return http.StatusOK, done, nil
}

// order serves GET /v1/rooms/{room}/mod.
func (n *API) order(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id, a, bad := n.moderator(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	o, no := n.Desk.Rules(ctx, a, id)
	if no != nil {
		return 0, nil, RefusedByDesk(no)
	}
	return http.StatusOK, o, nil
}

// modLog serves GET /v1/rooms/{room}/mod/log.
func (n *API) modLog(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id, a, bad := n.moderator(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	page, bad := ReadLogPage(r)
	if bad != nil {
		return 0, nil, bad
	}
	log, no := n.Desk.Log(ctx, a, id, page)
	if no != nil {
		return 0, nil, RefusedByDesk(no)
	}
	return http.StatusOK, log, nil
}

// held serves GET /v1/rooms/{room}/mod/held.
func (n *API) held(ctx context.Context, r *http.Request) (int, any, *edge.Refusal) {
	id, a, bad := n.moderator(ctx, r)
	if bad != nil {
		return 0, nil, bad
	}
	all, no := n.Desk.Held(ctx, a, id)
	if no != nil {
		return 0, nil, RefusedByDesk(no)
	}
	return http.StatusOK, map[string]any{"held": all}, nil
}

// ReadLogPage is which entries of a log are asked for; the newest 100 where the query names none.
func ReadLogPage(r *http.Request) (page desk.LogPage, bad *edge.Refusal) {
	q := r.URL.Query()
	limit, bad := edge.Whole(q, "limit", 100, 1, chat.LogKept)
	page = desk.LogPage{Limit: int(limit), Before: q.Get("before")}
	if len(page.Before) > desk.MaxEntryID || strings.ContainsFunc(page.Before, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		return page, edge.Refuse(http.StatusBadRequest, "before is %.64q, want the id of an entry", page.Before)
	}
	return page, bad
}

// ruleTexts say why the rules of a room, or the word filter, refuse a message, by code. None says which word it was:
// else people would try until none is found.
var ruleTexts = map[string]string{
	room.CodeMuted:      "you are muted",
	room.CodeFrozen:     "nobody but moderators may write now",
	room.CodeRestricted: "you are not among those who may write now",
	room.CodeTooEarly:   "you have come in just now: wait a little before you write",
	room.CodeSlow:       "the room is in slow mode: wait before you write again",
	room.CodeDuplicate:  "the same was said just now",
	room.CodeLinks:      "links are not allowed here now",
	room.CodeEmoteOnly:  "only emotes are allowed here now",
	room.CodeCaps:       "too many capital letters",
	room.CodeShed:       "the room has too many messages: it is others' turn now",
	room.CodeBlocked:    "there is something in it that is not allowed here",
	room.CodeHeld:       "it waits for a moderator",
}

// ruled reports whether a code is of the rules of a room, of a storm or of the word filter; then the wait is exact.
func ruled(code string) bool { return ruleTexts[code] != "" }

// refusedByRules is the refusal of a call for a message that the rules forbid.
func refusedByRules(code string, wait time.Duration) *edge.Refusal {
	status := http.StatusForbidden
	if wait > 0 {
		status = http.StatusTooManyRequests
	}
	return edge.Refuse(status, "%s", ruleTexts[code]).As(code).After(wait)
}
