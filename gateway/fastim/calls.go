package fastim

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"barrage/codec"
	"barrage/gateway/door"
	"barrage/gateway/edge"
	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// call is one API function: it gets who calls and its parameters.
type call func(ctx context.Context, v *edge.Visitor, p *params) envelope

// api serves one of FastIM's calls: parameters read, caller checked.
func (f *FastIM) api(do call) http.HandlerFunc {
	return f.open(func(ctx context.Context, r *http.Request, p *params) envelope {
		v := f.edge.Visitor(r, r.Header.Get("userId"), r.Header.Get("token"), p.values.Get("groupId"))
		if edge.CheckUser("userId", v.User) != nil || edge.CheckToken(v.Token) != nil {
			return envelope{codeNotLogin, textNotLoggedIn, nil}
		}
		switch bad := f.edge.Guard.Who(ctx, &v, true); {
		case bad == nil:
		case bad.Status == http.StatusUnauthorized || bad.Status == http.StatusForbidden:
			return envelope{codeNotLogin, textNotLoggedIn, nil}
		default:
			return envelope{bad.Status, bad.Why, nil}
		}
		return do(ctx, &v, p)
	})
}

// open is api without the check of the caller.
func (f *FastIM) open(do func(ctx context.Context, r *http.Request, p *params) envelope) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		bad := edge.RefusedByDoor(f.edge.Door.Call(r))
		var p *params
		if bad == nil {
			p, bad = readParams(w, r)
		}
		if bad != nil {
			f.refuse(w, r, bad)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), chat.CallTimeout)
		defer cancel()
		answer := do(ctx, r, p)
		body := answer.encode()
		defer p.reading.Sent()
		if no := p.reading.Done(len(body)); no != nil && p.bad == nil {
			p.bad = edge.RefusedByDoor(no)
		}
		if p.bad != nil { // do asked for what is not there; its answer means nothing
			f.refuse(w, r, p.bad)
			return
		}
		answer.send(w, body)
	}
}

// scan is a call that reads or scans a history. It takes its place among those when the body is here and the caller has
// been checked: a client that sends slowly holds none.
func (f *FastIM) scan(do call) call {
	return func(ctx context.Context, v *edge.Visitor, p *params) envelope {
		var no *door.Refused
		if p.reading, no = f.edge.Door.Scan(p.request); no != nil {
			p.bad = edge.RefusedByDoor(no)
			return envelope{}
		}
		return do(ctx, v, p)
	}
}

// cannot is the answer to what the store did not do.
func (f *FastIM) cannot(do string, err error) envelope {
	bad := edge.Cannot(f.edge.Log, do, err)
	return envelope{bad.Status, bad.Why, nil}
}

// login serves /user/login.
func (f *FastIM) login(ctx context.Context, r *http.Request, p *params) envelope {
	user, password := p.id("userId"), p.password("password")
	if bad := edge.CheckUser("userId", user); bad != nil && p.bad == nil {
		p.bad = bad
	}
	if p.bad != nil {
		return envelope{}
	}
	if p.bad = edge.RefusedByDoor(f.edge.Door.Login(r, user)); p.bad != nil {
		return envelope{}
	}
	token, err := f.edge.Guard.LogIn(ctx, user, password)
	switch {
	case errors.Is(err, edge.ErrNoLoginAnswer):
		f.edge.Log.Warn("cannot log in", "user", user, "err", err)
		return envelope{codeRefused, textLoginFailed, nil}
	case errors.Is(err, edge.ErrNoLogins), errors.Is(err, edge.ErrWrongPassword):
		return envelope{codeRefused, textLoginFailed, nil}
	case err != nil:
		return f.cannot("log in", err)
	}
	return envelope{codeOK, token, "user_info"}
}

// joinGroup serves /user/joinGroup.
func (f *FastIM) joinGroup(ctx context.Context, v *edge.Visitor, p *params) envelope {
	group := p.id("groupId")
	if p.bad != nil {
		return envelope{}
	}
	v.Rights = f.edge.Guard.RightsIn(v, group)
	if !f.edge.Guard.MayJoin() || !f.edge.Guard.MaySee(v, group) || f.edge.WouldBar(ctx, p.request, v, group) != nil {
		return envelope{codeRefused, textRefused, nil}
	}
	if !f.edge.Hall.Live(group) {
		if bad := f.edge.Guard.Exists(ctx, group); bad != nil {
			p.bad = bad
			return envelope{}
		}
	}
	f.edge.Joins.Settle(ctx)
	added, err := f.store.Join(ctx, v.User, group)
	switch {
	case errors.Is(err, chat.ErrTooManyRooms):
		return envelope{codeRefused, textTooManyRooms, nil}
	case err != nil:
		return f.cannot("join the group", err)
	case !added:
		return envelope{codeRefused, textRefused, nil}
	}
	return envelope{codeOK, textOK, nil}
}

// listGroup serves /user/listGroup.
func (f *FastIM) listGroup(ctx context.Context, v *edge.Visitor, _ *params) envelope {
	f.edge.Joins.Settle(ctx)
	groups, err := f.store.Rooms(ctx, v.User)
	if err != nil {
		return f.cannot("list the groups", err)
	}
	return envelope{codeOK, textOK, notNil(groups)}
}

// listMessage serves /group/listMessage in both its forms: a range, whatever else is there, or old messages.
func (f *FastIM) listMessage(ctx context.Context, v *edge.Visitor, p *params) envelope {
	if (!p.has("startPage") || !p.has("endPage")) && (p.has("userId") || p.has("ts") || p.has("count")) {
		return f.listOldMessage(ctx, v, p)
	}
	group, start, stop := p.id("groupId"), p.integer("startPage"), p.integer("endPage")
	if p.bad != nil {
		return envelope{}
	}
	if no := f.outside(ctx, v, p, group, pass.Read); no != nil {
		return *no
	}
	messages, err := f.store.Range(ctx, group, start, stop)
	if err != nil {
		return f.cannot("read the history", err)
	}
	return envelope{codeOK, textOK, notNil(plain(inAnswer(messages)))}
}

// answerBytes bounds a range as it is sent: each message is JSON within JSON, where each of its quotes and backslashes
// has one more.
const answerBytes = 1 << 20

// inAnswer are the first messages that fit into answerBytes, one at least.
func inAnswer(messages []string) []string {
	bytes := 0
	for i, m := range messages {
		bytes += len(m) + strings.Count(m, `"`) + strings.Count(m, `\`) + len(`"",`)
		if bytes > answerBytes && i > 0 {
			return messages[:i]
		}
	}
	return messages
}

// listOldMessage serves /group/listOldMessage.
func (f *FastIM) listOldMessage(ctx context.Context, v *edge.Visitor, p *params) envelope {
	group, user, ts, count := p.id("groupId"), p.id("userId"), p.integer("ts"), p.integer("count")
	if p.bad != nil {
		return envelope{}
	}
	if no := f.outside(ctx, v, p, group, pass.Read); no != nil {
		return *no
	}
	messages, found, err := f.store.Before(ctx, group, user, ts, int(min(max(count, 1), maxCount)))
	switch {
	case err != nil:
		return f.cannot("read the history", err)
	case !found:
		return envelope{codeOK, textFetched, nil}
	}
	return envelope{codeOK, textFetched, notNil(plain(messages))}
}

// maxCount bounds one page of old messages.
const maxCount = 1000

// delMessage serves /group/delMessage.
func (f *FastIM) delMessage(ctx context.Context, v *edge.Visitor, p *params) envelope {
	group, ts := p.id("groupId"), p.integer("ts")
	if p.bad != nil {
		return envelope{}
	}
	switch age := time.Since(time.UnixMilli(ts)); {
	case age > f.edge.Config().RecallLimit:
		return envelope{codeRefused, textTooOld, nil}
	case age < -mostAhead:
		return envelope{codeRefused, textNoMessage, nil}
	}
	if no := f.outside(ctx, v, p, group, pass.Recall); no != nil {
		return *no
	}
	ev, err := f.store.Recall(ctx, group, v.User, ts)
	switch {
	case errors.Is(err, chat.ErrNoMessage) && f.edge.RecallAgain(group, v.User, func(ev *chat.Event) bool { return codec.Timestamp(ev.Messages[0]) == ts }):
		return envelope{codeOK, textRecalled, nil}
	case errors.Is(err, chat.ErrNoMessage):
		return envelope{codeRefused, textNoMessage, nil}
	case err != nil:
		return f.cannot("recall the message", err)
	}
	f.edge.Recalled(group, ev)
	return envelope{codeOK, textRecalled, nil}
}

// mostAhead is how far in the future a message's timestamp may lie. Nodes' clocks differ, and the later ones of a burst
// of one user are moved on by a millisecond each. A message that lies further is not looked for.
const mostAhead = 2 * time.Minute

// outside is the answer to somebody who is not in the group, is banned there, or may not do there what they want. To
// the others it is nil.
func (f *FastIM) outside(ctx context.Context, v *edge.Visitor, p *params, group string, want pass.Can) *envelope {
	var bad *edge.Refusal
	if v.Rights, bad = f.edge.Guard.MayBeIn(ctx, v, group, want); bad == nil {
		bad = f.edge.WouldBar(ctx, p.request, v, group)
	}
	switch {
	case bad == nil:
		return nil
	case bad.Status == http.StatusForbidden:
		return &envelope{codeRefused, textNotMember, nil}
	default:
		return &envelope{bad.Status, bad.Why, nil}
	}
}

// notNil makes an empty list [] in JSON, not null.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// plain leaves out of messages, in place, what only native clients know. It is for messages only: a group's id may look
// like such a field.
func plain(messages []string) []string {
	for i := range messages {
		messages[i] = codec.FastIMText(messages[i])
	}
	return messages
}
