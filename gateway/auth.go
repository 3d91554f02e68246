package gateway

import (
	"context"
	"time"

	"barrage/codec"
	"barrage/room"
)

// prolongEvery is how often a chatting user's token gets its full life back, in
// clock seconds. A token lives 24 hours, so an hour is often enough and spares the
// store a write for each message.
const prolongEvery = uint32(time.Hour / time.Second)

// gate checks the senders of each batch where auth.required is on, so that a revoked
// token stops working at the next message: contract section 2, item 5. One round
// trip a batch, away from the pollers.
func (s *Server) gate() func(context.Context, []room.Author) ([]bool, error) {
	if !s.cfg.Auth.Required {
		return nil
	}
	return func(ctx context.Context, from []room.Author) ([]bool, error) {
		creds := make([]codec.Credential, len(from))
		for i, a := range from {
			c := a.(*session)
			creds[i] = codec.Credential{UserID: c.user, Token: c.token}
		}
		ok, err := s.store.CheckTokens(ctx, creds)
		if err != nil {
			return nil, err
		}
		now := s.clock.now()
		for i, a := range from {
			c := a.(*session)
			switch {
			case !ok[i]:
				c.unicast(notLoggedIn)
				c.close(closeUnauthorized)
			case now-c.prolonged.Load() >= prolongEvery:
				c.prolonged.Store(now)
				if _, err := s.store.CheckToken(ctx, c.user, c.token); err != nil {
					s.log.Warn("cannot prolong a token", "user", c.user, "err", err)
				}
			}
		}
		return ok, nil
	}
}
