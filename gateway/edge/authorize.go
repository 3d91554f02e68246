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

// authorizeSenders checks the senders of each batch. Where tokens count, nothing is thus published with a revoked token
// (contract section 2, item 5), even before the token watcher closes its socket. Where rooms are private, nothing is
// thus published of a user who was removed. One round trip a batch, away from the pollers.
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

// tokensOf reports of each author whether their token still counts, and notifies the author by Checked.
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
	due := creds[:0]
	for j, i := range whose {
		ok[i] = states[j] == chat.TokenRight
		if from[i].(Author).Checked(states[j]) {
			due = append(due, creds[j])
		}
	}
	if len(due) > 0 { // one call for all: their batch, and others of its publisher, wait for it
		if err := e.store.ProlongTokens(ctx, due); err != nil {
			e.Log.Warn("cannot prolong tokens", "tokens", len(due), "user", due[0].UserID, "err", err)
		}
	}
	return ok, nil
}

// Author is who sends messages: a session, or an HTTP call.
type Author interface {
	// Rights are the author's when the message came.
	Rights() *Rights
	// Checked receives whether the credential of the author's rights still counts, and reports whether its life is to
	// begin anew. It may not block.
	Checked(state chat.TokenState) (prolong bool)
}

// Rights are what the session's user may do; nil where they have yet to show a token, see Newcomer. Anybody may ask.
func (s *Session) Rights() *Rights { return s.rights.Load() }

// Checked ends a session whose token counts no more, and has the others' prolonged from time
// to time.
func (s *Session) Checked(state chat.TokenState) (prolong bool) {
	now := s.edge.clock.now()
	switch {
	case state != chat.TokenRight:
		s.runs().Revoked(state)
	case now-s.prolonged.Load() >= prolongEvery:
		s.prolonged.Store(now)
		return true
	}
	return false
}
