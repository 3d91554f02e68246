package edge

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"barrage/gateway/review"
	"barrage/internal/chat"
)

// ReviewConfig is the config section `hook`: the service that is asked about messages.
type ReviewConfig struct {
	// ReviewURL is the hook that is asked about messages in rooms that want that; empty: none.
	ReviewURL string `mapstructure:"review_url"`
	// ReviewTimeout bounds one question, and the wait for its turn.
	ReviewTimeout time.Duration `mapstructure:"review_timeout"`
	// ReviewFallback is what becomes of messages that the hook gives no verdict on: allow, deny or hold.
	ReviewFallback string `mapstructure:"review_fallback"`
	// ReviewNewFor is for how long somebody who has come in is new, with the mode review: new_users.
	ReviewNewFor time.Duration `mapstructure:"review_new_for"`
	// Secret signs the questions; empty = they are not signed.
	Secret string `mapstructure:"secret"`
}

// defaultHook is what config.yaml says in section `hook`.
func defaultHook() ReviewConfig {
	return ReviewConfig{ReviewTimeout: 200 * time.Millisecond, ReviewFallback: chat.VerdictAllow.String(), ReviewNewFor: 10 * time.Minute}
}

// Validate reports every value out of range, each with its key within the section.
func (c ReviewConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ReviewURL != "" || c.Secret != "" {
		switch joined, ok := (review.Config{URL: c.ReviewURL, Secret: c.Secret}).Validate().(interface{ Unwrap() []error }); {
		case c.ReviewURL == "":
			bad("secret: it is set, and review_url is not")
		case ok:
			errs = append(errs, joined.Unwrap()...)
		}
	}
	if c.ReviewTimeout < 10*time.Millisecond || c.ReviewTimeout > 2*time.Second {
		bad("review_timeout: %v is not within 10ms and 2s", c.ReviewTimeout)
	}
	if v, ok := chat.ParseVerdict(c.ReviewFallback); !ok || v == chat.VerdictMask {
		bad("review_fallback: %q is none of allow, deny, hold", c.ReviewFallback)
	}
	if c.ReviewNewFor < time.Second || c.ReviewNewFor > 24*time.Hour {
		bad("review_new_for: %v is not within 1s and 24h", c.ReviewNewFor)
	}
	return errors.Join(errs...)
}

// newReview is the hook that is asked about messages; nil where there is none.
func newReview(e *Edge, cfg *Config) *review.Hook {
	c := cfg.Hook
	if c.ReviewURL == "" {
		return nil
	}
	fallback, _ := chat.ParseVerdict(c.ReviewFallback) // Validate has seen it
	hook := review.New(review.Config{
		URL: c.ReviewURL, Secret: c.Secret, Timeout: c.ReviewTimeout, Fallback: fallback, MaxBody: int(cfg.Server.MaxMessageBytes) / 2,
	}, func() time.Time { return e.Times.Now() }, e.Log)
	hook.OnCall(func(r *http.Request) func(int, error) {
		if onHook := e.Guard.OnHook; onHook != nil { // it is set after the edge was made, and this hook with it
			return onHook("review")(r)
		}
		return func(int, error) {}
	})
	return hook
}
