package gateway

import (
	"context"
	"slices"
	"time"

	"barrage/internal/chat"
	"barrage/room"
)

// prolongEvery is how often a chatting user's token gets its full life back, in
// clock seconds. A token lives 24 hours, so an hour is often enough and spares the
// store a write for each message.
const prolongEvery = uint32(time.Hour / time.Second)

// authorizeSenders checks the senders of each batch where auth.required is on, so that nothing is said with a revoked
// token (contract section 2, item 5), even before the token watcher closes its socket; and where rooms are private, so
// that nothing is said by who was removed. One round trip a batch, away from the pollers.
func (s *Server) authorizeSenders() func(context.Context, []room.Author) ([]bool, error) {
	if !s.cfg.Auth.Required && !s.private() {
		return nil
	}
	return func(ctx context.Context, from []room.Author) ([]bool, error) {
		ok, err := s.tokensOf(ctx, from)
		if err == nil && s.private() {
			err = s.mayStillSay(ctx, from, ok)
		}
		return ok, err
	}
}

// tokensOf says of each author whether their token still counts, and tells them.
func (s *Server) tokensOf(ctx context.Context, from []room.Author) ([]bool, error) {
	if !s.cfg.Auth.Required {
		return slices.Repeat([]bool{true}, len(from)), nil
	}
	creds := make([]chat.Credential, len(from))
	for i, a := range from {
		creds[i] = a.(author).credential()
	}
	ok, err := s.store.CheckTokens(ctx, creds)
	if err != nil {
		return nil, err
	}
	for i, a := range from {
		a.(author).checked(ctx, ok[i])
	}
	return ok, nil
}

// author is who sends messages: a session, or an HTTP call.
type author interface {
	credential() chat.Credential
	// checked tells whether the credential still counts.
	checked(ctx context.Context, ok bool)
}

func (s *session) credential() chat.Credential {
	return chat.Credential{UserID: s.user, Token: s.token}
}

// checked ends a session whose token counts no more, and prolongs the others' from time
// to time.
func (s *session) checked(ctx context.Context, ok bool) {
	now := s.srv.clock.now()
	switch {
	case !ok:
		s.runs.revoked()
	case now-s.prolonged.Load() >= prolongEvery:
		s.prolonged.Store(now)
		if _, err := s.srv.store.CheckToken(ctx, s.user, s.token); err != nil {
			s.srv.log.Warn("cannot prolong a token", "user", s.user, "err", err)
		}
	}
}
