package gateway

import (
	"context"
	"time"

	"barrage/internal/once"
)

// expelEvery is how often the members of private rooms are looked through. A removed user who sends something goes at
// once; one who only reads, within this.
const expelEvery = time.Minute

// expel ends the sockets of users who were removed from their private room, until ctx ends.
func (s *Server) expel(ctx context.Context) {
	t := time.NewTicker(expelEvery)
	defer t.Stop()
	var failure once.Failure
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			err := s.expelOnce(ctx)
			if ctx.Err() == nil && failure.IsNew(err) {
				s.log.Warn("cannot look for members who were removed; trying again", "err", err)
			}
		}
	}
}

func (s *Server) expelOnce(ctx context.Context) error {
	if err := s.fastIM.Lists.Expel(ctx); err != nil {
		return err
	}
	return s.edge.Expel(ctx)
}
