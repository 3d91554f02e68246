package gateway

import (
	"context"
	"time"
)

// expelEvery is how often the members of private rooms are looked through. Who is removed and says something goes at
// once; who only reads, within this.
const expelEvery = time.Minute

// expel ends the sockets of users who were removed from their private room, until ctx ends.
func (s *Server) expel(ctx context.Context) {
	t := time.NewTicker(expelEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := s.expelOnce(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("cannot look for members who were removed; trying again", "err", err)
			}
		}
	}
}

func (s *Server) expelOnce(ctx context.Context) error {
	if err := s.fastIM.Lists.Recheck(ctx); err != nil {
		return err
	}
	return s.edge.Expel(ctx)
}
