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

// authorizeSenders checks the senders of each batch where tokens count, so that nothing is said with a revoked
// token (contract section 2, item 5), even before the token watcher closes its socket; and where rooms are private, so
// that nothing is said by who was removed. One round trip a batch, away from the pollers.
func (e *Edge) authorizeSenders() func(context.Context, []room.Author) ([]bool, error) {
	if !e.Config.Auth.checks() && !e.Private() {
		return nil
	}
	return func(ctx context.Context, from []room.Author) ([]bool, error) {
		ok, err := e.tokensOf(ctx, from)
		if err == nil && e.Private() {
			err = e.mayStillSay(ctx, from, ok)
		}
		return ok, err
	}
}

// tokensOf says of each author whether their token still counts, and tells them.
func (e *Edge) tokensOf(ctx context.Context, from []room.Author) ([]bool, error) {
	ok := slices.Repeat([]bool{true}, len(from))
	var creds []chat.Credential
	var whose []int
	for i, a := range from {
		if r := a.(author).has(); r.asks {
			creds, whose = append(creds, r.cred), append(whose, i)
		}
	}
	if len(creds) == 0 {
		return ok, nil
	}
	states, err := e.store.CheckTokens(ctx, creds)
	if err != nil {
		return nil, err
	}
	for j, i := range whose {
		ok[i] = states[j] == chat.TokenRight
		from[i].(author).checked(ctx, states[j])
	}
	return ok, nil
}

// author is who sends messages: a session, or an HTTP call.
type author interface {
	has() *rights
	// checked tells whether the credential of the author's rights still counts.
	checked(ctx context.Context, state chat.TokenState)
}

func (s *session) has() *rights { return s.rights.Load() }

// checked ends a session whose token counts no more, and prolongs the others' from time
// to time.
func (s *session) checked(ctx context.Context, state chat.TokenState) {
	now := s.edge.clock.now()
	switch {
	case state != chat.TokenRight:
		s.runs.revoked(state)
	case now-s.prolonged.Load() >= prolongEvery:
		s.prolonged.Store(now)
		if _, err := s.edge.store.CheckToken(ctx, s.has().cred); err != nil {
			s.edge.Log.Warn("cannot prolong a token", "user", s.user, "err", err)
		}
	}
}
