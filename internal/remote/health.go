package remote

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"barrage/internal/breaker"
	"barrage/internal/once"
)

// Health keeps questions from a service that does not answer, and logs what is wrong with one. Its methods may be
// called concurrently. Set its fields before.
type Health struct {
	Name string // as "the connect hook"
	Now  func() time.Time
	Log  *slog.Logger

	breaker breaker.Breaker
	failure once.Failure // the last one that was logged
}

// Allow reports whether the service may be asked now. The caller reports by Ended how that ended.
func (h *Health) Allow() bool { return h.breaker.Allow(h.Now()) }

// Failures is how many questions in a row the service did not answer.
func (h *Health) Failures() int { return h.breaker.Failures() }

// Ended notes how a question ended, and reports whether the service is down. It logs err with what the question was
// about, once until something else happens. Where ctx has ended the node has ended the question: that is not logged.
func (h *Health) Ended(ctx context.Context, err error, about ...any) (down bool) {
	failed, _ := errors.AsType[*Error](err)
	down = failed != nil && failed.Down
	if again := h.breaker.Done(h.Now(), down); again {
		h.Log.Info(h.Name + " answers again")
	}
	if h.failure.IsNew(err) && ctx.Err() == nil {
		h.Log.Warn("cannot ask "+h.Name, append(about, "err", err)...)
	}
	return down
}
