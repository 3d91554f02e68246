package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// call is one API function: it gets who calls and its parameters.
type call func(ctx context.Context, user string, p *params) envelope

// api serves one of FastIM's calls: parameters read, caller checked.
func (s *Server) api(do call) http.HandlerFunc {
	return s.open(func(ctx context.Context, r *http.Request, p *params) envelope {
		user, token := r.Header.Get("userId"), r.Header.Get("token")
		if checkID("userId", user) != nil || checkText("token", token, maxTokenBytes) != nil {
			return envelope{codeNotLogin, textNotLoggedIn, nil}
		}
		ok, err := s.store.CheckToken(ctx, user, token)
		switch {
		case err != nil:
			return s.unavailable("check a token", err)
		case !ok:
			return envelope{codeNotLogin, textNotLoggedIn, nil}
		}
		return do(ctx, user, p)
	})
}

// open is api without the check of the caller.
func (s *Server) open(do func(ctx context.Context, r *http.Request, p *params) envelope) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, bad := readParams(w, r)
		if bad != nil {
			envelope{bad.status, bad.why, nil}.write(w)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), apiTimeout)
		defer cancel()
		answer := do(ctx, r, p)
		if p.bad != nil { // do asked for what is not there; its answer means nothing
			answer = envelope{p.bad.status, p.bad.why, nil}
		}
		answer.write(w)
	}
}

func (s *Server) unavailable(what string, err error) envelope {
	s.log.Warn("cannot "+what, "err", err)
	return envelope{http.StatusServiceUnavailable, "cannot " + what + " now, try again", nil}
}

// login serves /user/login.
func (s *Server) login(ctx context.Context, _ *http.Request, p *params) envelope {
	user, password := p.id("userId"), p.text("password", maxTokenBytes)
	if p.bad != nil {
		return envelope{}
	}
	if ok, err := s.passwordOK(ctx, user, password); err != nil || !ok {
		if err != nil {
			s.log.Warn("cannot ask auth.login_url", "user", user, "err", err)
		}
		return envelope{codeRefused, textLoginFailed, nil}
	}
	token, err := s.newToken(ctx, user)
	if err != nil {
		return s.unavailable("log in", err)
	}
	return envelope{codeOK, token, "user_info"}
}

// newToken makes a token that is the user's from now on.
func (s *Server) newToken(ctx context.Context, user string) (string, error) {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	token := hex.EncodeToString(raw[:])
	return token, s.store.SetToken(ctx, user, token)
}

// hookClient follows no redirect: a hook that sends people to a login page says no.
var hookClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// passwordOK asks the hook; without one any password passes.
func (s *Server) passwordOK(ctx context.Context, user, password string) (bool, error) {
	hook := s.cfg.Auth.LoginURL
	if hook == "" {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Auth.LoginTimeout)
	defer cancel()
	form := url.Values{"userId": {user}, "password": {password}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook, strings.NewReader(form.Encode()))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := hookClient.Do(req)
	if err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK, resp.Body.Close()
}

// joinGroup serves /user/joinGroup.
func (s *Server) joinGroup(ctx context.Context, user string, p *params) envelope {
	group := p.id("groupId")
	if p.bad != nil {
		return envelope{}
	}
	s.joins.settle(ctx)
	added, err := s.store.Join(ctx, user, group)
	switch {
	case err != nil:
		return s.unavailable("join the group", err)
	case !added:
		return envelope{codeRefused, textRefused, nil}
	}
	return envelope{codeOK, textOK, nil}
}

// listGroup serves /user/listGroup.
func (s *Server) listGroup(ctx context.Context, user string, _ *params) envelope {
	s.joins.settle(ctx)
	groups, err := s.store.Rooms(ctx, user)
	if err != nil {
		return s.unavailable("list the groups", err)
	}
	return envelope{codeOK, textOK, notNil(groups)}
}

// listMessage serves /group/listMessage in both its forms.
func (s *Server) listMessage(ctx context.Context, user string, p *params) envelope {
	if p.has("userId") || p.has("ts") || p.has("count") {
		return s.listOldMessage(ctx, user, p)
	}
	group, start, stop := p.id("groupId"), p.integer("startPage"), p.integer("endPage")
	if p.bad != nil {
		return envelope{}
	}
	messages, err := s.store.Range(ctx, group, start, stop)
	if err != nil {
		return s.unavailable("read the history", err)
	}
	return envelope{codeOK, textOK, notNil(messages)}
}

// listOldMessage serves /group/listOldMessage.
func (s *Server) listOldMessage(ctx context.Context, _ string, p *params) envelope {
	group, user, ts, count := p.id("groupId"), p.id("userId"), p.integer("ts"), p.integer("count")
	if p.bad == nil && (count < 1 || count > maxCount) {
		p.refuse("count %d is not within 1 and %d", count, maxCount)
	}
	if p.bad != nil {
		return envelope{}
	}
	messages, found, err := s.store.Before(ctx, group, user, ts, int(count))
	switch {
	case err != nil:
		return s.unavailable("read the history", err)
	case !found:
		return envelope{codeOK, textOK, nil}
	}
	return envelope{codeOK, textOK, notNil(messages)}
}

// maxCount bounds one page of old messages.
const maxCount = 1000

// delMessage serves /group/delMessage.
func (s *Server) delMessage(ctx context.Context, user string, p *params) envelope {
	group, ts := p.id("groupId"), p.integer("ts")
	if p.bad != nil {
		return envelope{}
	}
	if age := time.Since(time.UnixMilli(ts)); age > s.cfg.RecallLimit {
		return envelope{codeRefused, textTooOld, nil}
	}
	ev, err := s.store.Recall(ctx, group, user, ts)
	switch {
	case errors.Is(err, chat.ErrNoMessage) && s.recalledBefore(group, user, func(ev *chat.Event) bool { return codec.Timestamp(ev.Messages[0]) == ts }):
		return envelope{codeOK, textRecalled, nil}
	case errors.Is(err, chat.ErrNoMessage):
		return envelope{codeRefused, textNoMessage, nil}
	case err != nil:
		return s.unavailable("recall the message", err)
	}
	s.recalled(group, ev)
	return envelope{codeOK, textRecalled, nil}
}

// notNil makes an empty list [] in JSON, not null, and leaves out what only native clients know.
func notNil(list []string) []string {
	for i := range list {
		list[i] = codec.FastIMText(list[i])
	}
	if list == nil {
		return []string{}
	}
	return list
}
