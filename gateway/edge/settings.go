package edge

import (
	"context"
	"time"

	"barrage/gateway/door"
	"barrage/gateway/review"
	"barrage/internal/chat"
	"barrage/internal/pace"
	"barrage/room"
)

// settings are what an edge goes by, and what was made of that. Nobody changes them: Reload replaces them as a whole.
type settings struct {
	Config

	ops    pace.Rate    // limits.message_rate
	likes  pace.Rate    // limits.like_rate
	review *review.Hook // nil: nobody is asked about messages
	// origins are those of cors.allowed_origins.
	origins Origins
	// ancestors are the sources of cors.frame_ancestors.
	ancestors string
}

func (e *Edge) newSettings(cfg Config) *settings {
	s := &settings{Config: cfg}
	s.origins, _ = ParseOrigins(cfg.CORS.AllowedOrigins) // Validate has seen both
	s.ancestors, _ = ParseAncestors(cfg.CORS.FrameAncestors)
	if cfg.Limits.Enabled {
		s.ops = pace.PerSecond(cfg.Limits.MessageRate, cfg.Limits.MessageBurst)
		s.likes = pace.PerSecond(cfg.Limits.LikeRate, int(cfg.Limits.LikeRate))
	}
	if old := e.set.Load(); old != nil && old.Hook == cfg.Hook { // it knows whether the service answers
		s.review = old.review
	} else {
		s.review = newReview(e, &cfg)
	}
	return s
}

// door returns the settings of package door.
func (c *Config) door() door.Config {
	return door.Config{Limits: c.Limits, TrustedProxies: c.Server.TrustedProxies, ClientIPHeader: c.Server.ClientIPHeader}
}

// AnyOrigin reports whether pages of every site may talk to us.
func (e *Edge) AnyOrigin() bool { return e.set.Load().origins.Any }

// FrameAncestors says in a policy whose pages may show ours in a frame.
func (e *Edge) FrameAncestors() string { return e.set.Load().ancestors }

// Config is what holds now; nobody changes it. A caller that looks twice may see two, see Reload.
func (e *Edge) Config() *Config { return &e.set.Load().Config }

// Review is the hook that is asked about messages now; nil: none.
func (e *Edge) Review() *review.Hook { return e.set.Load().review }

// Reload has other settings hold from now on, which are valid. It reads the files that they name: where these are no
// use, that is the error, and all stays as it was. Sockets stay as they agreed at their handshake. The caller
// sees to it that settings are the same which need a new start, and that one Reload runs at a time after Run. The
// caller gives the Hall what it is to know, see Reviewer.
func (e *Edge) Reload(cfg Config) error {
	s := e.newSettings(cfg)
	checks, err := e.Guard.prepare(&s.Config)
	if err != nil {
		return err
	}
	if err := e.Words.Reload(cfg.Filter); err != nil {
		return err
	}
	// From here on nothing fails.
	old := e.set.Swap(s)
	e.Guard.use(checks)
	e.Door.Reload(cfg.door())
	if old.review != nil && old.review != s.review {
		old.review.Close()
	}
	return nil
}

// Reviewer is room.Callbacks.Review.
func (e *Edge) Reviewer() room.Reviewer {
	hook := e.Review()
	if hook == nil {
		return nil
	}
	return func(ctx context.Context, id string, waited time.Duration, drafts []chat.Draft) []chat.Reviewed {
		return hook.Ask(ctx, id, waited, drafts)
	}
}
