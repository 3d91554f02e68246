package edge

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
	if !e.Config().Auth.checks() && !e.Private() {
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
		if r := a.(Author).Rights(); r.asks {
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
		from[i].(Author).Checked(ctx, states[j])
	}
	return ok, nil
}

// Author is who sends messages: a session, or an HTTP call.
type Author interface {
	// Rights are the author's when the message came.
	Rights() *Rights
	// Checked tells whether the credential of the author's rights still counts.
	Checked(ctx context.Context, state chat.TokenState)
}

// Rights are what the session's user may do; nil where they have yet to show a token, see Newcomer. Anybody may ask.
func (s *Session) Rights() *Rights { return s.rights.Load() }

// Checked ends a session whose token counts no more, and prolongs the others' from time
// to time.
func (s *Session) Checked(ctx context.Context, state chat.TokenState) {
	now := s.edge.clock.now()
	switch {
	case state != chat.TokenRight:
		s.runs().Revoked(state)
	case now-s.prolonged.Load() >= prolongEvery:
		s.prolonged.Store(now)
		if _, err := s.edge.store.CheckToken(ctx, s.Rights().cred); err != nil {
			s.edge.Log.Warn("cannot prolong a token", "user", s.user, "err", err)
		}
	}
}
