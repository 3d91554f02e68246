package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
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
	// maxResponse bounds what is read of a response, in bytes, so that its connection can be used again.
	maxResponse = 4 << 10
)

// refusal is why the service did not take a batch. Its text is the same for the same reason.
type refusal struct {
	why string
	// after is when the service wants the next call, at the earliest; 0: it did not say.
	after time.Duration
}

func (r *refusal) Error() string { return r.why }

// post sends a batch. The error is a *refusal; nil says that the service has taken it.
func (t *Teller) post(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.URL, bytes.NewReader(b.body))
	if err != nil {
		panic("BUG: webhooks.url passed validation") // the error has the URL in it, with its password
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "barrage")
	// Not sent: it lets net/http post again where a kept connection turns out to be closed.
	r.Header["Idempotency-Key"] = []string{}
	t.secret.Sign(r.Header, b.id, t.now(), b.body)
	res, err := t.client.Do(r)
	if err != nil {
		return t.unanswered(err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxResponse) // the status says all
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusGone:
		return &refusal{"its answer has status 410: it wants no more; it is asked again once an hour until webhooks.url changes", lastWait}
	default:
		return &refusal{fmt.Sprintf("its answer has status %d, want one of 200 to 299", res.StatusCode), t.retryAfter(res.Header)}
	}
}

// unanswered is the refusal of a service that does not answer, without what changes from one call to the next.
func (t *Teller) unanswered(err error) *refusal {
	if e, ok := errors.AsType[*url.Error](err); ok { // it has the URL in it
		err = e.Err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return &refusal{why: fmt.Sprintf("no answer within %v", t.cfg.Timeout)}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok { // it has the local port in it
		return &refusal{why: fmt.Sprintf("%s: %v", e.Op, e.Err)}
	}
	return &refusal{why: err.Error()}
}

// retryAfter is how long a service wants to be left alone, 0 where it does not say. It says it in seconds or as a date.
func (t *Teller) retryAfter(h http.Header) time.Duration {
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
