package webhooks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// firstWait and lastWait bound how long a roster waits before it posts again what the service did not take. A
	// service that restarts is back within seconds; to one that is away for days a call an hour costs nothing.
	firstWait = 5 * time.Second
	lastWait  = time.Hour
	// giveUpAfter is when a batch is given up that the service refuses. So one that it cannot read does not keep all
	// others from it. The time is how long the schedule of Standard Webhooks goes on, about.
	giveUpAfter = 24 * time.Hour
)

// refusal is why the service did not take a batch. Its text is the same for the same reason.
type refusal struct {
	why string
	// after is when the service wants the next call, at the earliest; 0: it named no time.
	after time.Duration
}

func (r *refusal) Error() string { return r.why }

// post sends a batch. The error is a *refusal; nil says that the service has taken it.
func (t *Notifier) post(ctx context.Context, b *batch) error {
	answer, err := t.client.Post(ctx, b.id, b.body)
	switch {
	case err != nil:
		return &refusal{why: err.Error()}
	case answer.Status >= 200 && answer.Status < 300:
		return nil
	case answer.Status == http.StatusGone:
		return &refusal{"its answer has status 410: it wants no more; it is asked again once an hour until webhooks.url changes", lastWait}
	default:
		return &refusal{fmt.Sprintf("its answer has status %d, want one of 200 to 299", answer.Status), t.retryAfter(answer.Header)}
	}
}

// retryAfter is how long a service wants to be left alone, 0 where it names no time. It sends that time in seconds or
// as a date.
func (t *Notifier) retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(lastWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(t.now()), 0), lastWait)
	}
	return 0
}

// waitFor is how long to wait after so many tries: twice as long each time, and up to a quarter more. So the rosters of
// a service that comes back do not all call at once. It is no less than after, and no more than lastWait.
func waitFor(tries int, after time.Duration) time.Duration {
	wait := lastWait
	if shift := tries - 1; shift < 10 {
		wait = min(firstWait<<shift, lastWait)
	}
	wait = max(wait, after)
	return min(wait+rand.N(wait/4), lastWait)
}
