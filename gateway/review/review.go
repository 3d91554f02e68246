// Package review asks a service of the operator about messages before they are stored: the review hook. It returns what
// becomes of each, also where the service does not answer, or answers nonsense. It knows no rooms and no sockets.
//
// It has no goroutines of its own; its callers block until the answer is there, for [Config.Timeout] at most.
package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"barrage/codec"
	"barrage/internal/chat"
	"barrage/internal/remote"
	"barrage/internal/signed"
)

// Config says which service is asked. Each field is a key of the config section `hook`, but for MaxBody.
type Config struct {
	// URL (review_url) is where questions are posted: https, or http on this machine.
	URL string
	// Secret (secret) signs them, see [signed.ParseSecret]. Empty: they are not signed.
	Secret string
	// Timeout (review_timeout) bounds one question, and apart from it the wait for its turn; above 0.
	Timeout time.Duration
	// Fallback (review_fallback) is what becomes of messages that the service gives no verdict on.
	Fallback chat.Verdict
	// MaxBody bounds a text that takes the place of another one, in bytes.
	MaxBody int
}

// Validate reports what is wrong with the URL and the secret, each with its key within the section.
func (c Config) Validate() error {
	var errs []error
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || !remote.SafeURL(u) {
		errs = append(errs, fmt.Errorf("review_url: %q is neither https nor http on this machine", remote.RedactedHook(c.URL)))
	}
	if c.Secret != "" {
		if _, err := signed.ParseSecret(c.Secret); err != nil {
			errs = append(errs, fmt.Errorf("secret: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Result is how a question ended.
type Result uint8

// The results.
const (
	Answered Result = iota
	Away            // the service did not answer in time, or cannot now
	Wrong           // its answer makes no sense
	Busy            // it was not asked: it is too slow, and others waited before
	Broken          // it was not asked: it did not answer the last ones
	Results
)

// ResultNames are the words of the results, for metrics.
var ResultNames = [Results]string{"answered", "away", "wrong", "busy", "broken"}

// verdicts is how many kinds of verdicts there are.
const verdicts = chat.VerdictMask + 1

// Bounds of an answer in bytes: some, and more for larger questions. Masks are about as long as what they mask, and
// JSON may write a character as six.
const (
	leastAnswer  = 16 << 10
	answerFactor = 6
)

// Hook asks the service. Its methods may be called concurrently. Make it with [New].
type Hook struct {
	// Immutable after New.
	cfg    Config
	client *remote.Client

	health   remote.Health
	results  [Results]atomic.Uint64
	verdicts [verdicts]atomic.Uint64
	fallen   atomic.Uint64 // messages that the fallback decided about
}

// New makes a hook of a valid configuration. now is the time. The hook writes to log about questions without an answer.
func New(cfg Config, now func() time.Time, log *slog.Logger) *Hook {
	to := remote.Service{URL: cfg.URL, Secret: cfg.Secret, Now: now, Timeout: cfg.Timeout, Header: remote.JSON(), Terse: true}
	return &Hook{cfg: cfg, client: remote.NewClient(to), health: remote.Health{Name: "the review hook", Now: now, Log: log}}
}

// OnCall has f notified of each question, see [remote.Client]. Call it before Ask.
func (h *Hook) OnCall(f remote.OnCall) { h.client.OnCall = f }

// Close ends idle connections.
func (h *Hook) Close() { h.client.CloseIdleConnections() }

// Questions is how many ended with a result.
func (h *Hook) Questions(r Result) uint64 { return h.results[r].Load() }

// Verdicts is how many messages the service has given a verdict on, Fallen about how many the fallback decided.
func (h *Hook) Verdicts(v chat.Verdict) uint64 { return h.verdicts[v].Load() }

// Fallen is about how many messages the fallback decided.
func (h *Hook) Fallen() uint64 { return h.fallen.Load() }

// question is what the service gets as JSON.
type question struct {
	Room     string            `json:"room"`
	Messages []json.RawMessage `json:"messages"`
}

// response is what the service answers. Members that are not known are ignored.
type response struct {
	Results []struct {
		Verdict string  `json:"verdict"`
		Body    *string `json:"body"`
	} `json:"results"`
}

// Ask returns what becomes of messages of a room that have waited for their turn: one verdict for each, in their order.
// It never fails: where there is no answer the fallback is.
func (h *Hook) Ask(ctx context.Context, room string, waited time.Duration, drafts []chat.Draft) []chat.Reviewed {
	if waited > h.cfg.Timeout {
		return h.fall(Busy, len(drafts))
	}
	if !h.health.Allow() {
		return h.fall(Broken, len(drafts))
	}
	verdicts, err := h.call(ctx, room, drafts)
	down := h.health.Ended(ctx, err, "room", room, "fallback", h.cfg.Fallback)
	if err != nil {
		how := Wrong
		if down {
			how = Away
		}
		return h.fall(how, len(drafts))
	}
	h.results[Answered].Add(1)
	for _, s := range verdicts {
		h.verdicts[s.Verdict].Add(1)
	}
	return verdicts
}

// fall is the fallback for n messages.
func (h *Hook) fall(how Result, n int) []chat.Reviewed {
	h.results[how].Add(1)
	h.fallen.Add(uint64(n))
	verdicts := make([]chat.Reviewed, n)
	for i := range verdicts {
		verdicts[i].Verdict = h.cfg.Fallback
	}
	return verdicts
}

// call asks the service. The error is a *remote.Error.
func (h *Hook) call(ctx context.Context, room string, drafts []chat.Draft) ([]chat.Reviewed, error) {
	q := question{Room: room, Messages: make([]json.RawMessage, len(drafts))}
	for i := range drafts {
		q.Messages[i] = codec.AppendReviewMessage(nil, &drafts[i])
	}
	body, err := json.Marshal(&q)
	if err != nil {
		panic("BUG: cannot encode a question: " + err.Error()) // it has texts, and JSON of ours
	}
	most := leastAnswer + answerFactor*len(body)
	answer, err := h.client.Ask(ctx, body, most)
	if err != nil {
		return nil, err
	}
	if len(answer.Body) > most {
		return nil, &remote.Error{Why: "its answer is too large: more than 16 KiB and six times the question"}
	}
	return h.read(answer.Body, len(drafts))
}

// read reads an answer about n messages.
func (h *Hook) read(raw []byte, n int) ([]chat.Reviewed, error) {
	wrong := func(format string, args ...any) ([]chat.Reviewed, error) {
		return nil, &remote.Error{Why: fmt.Sprintf(format, args...)}
	}
	var a response
	if err := json.Unmarshal(raw, &a); err != nil || !utf8.Valid(raw) {
		return wrong(`its answer is no JSON object of the form {"results":[{"verdict":…}]}`)
	}
	if len(a.Results) != n {
		return wrong("its answer has another number of results than the question has messages")
	}
	verdicts := make([]chat.Reviewed, n)
	for i, result := range a.Results {
		v, ok := chat.ParseVerdict(result.Verdict)
		switch {
		case !ok:
			return wrong("its answer has a verdict that is none of allow, deny, hold, mask")
		case v == chat.VerdictMask && result.Body == nil:
			return wrong("its answer has a mask without a body")
		case v == chat.VerdictMask && len(*result.Body) > h.cfg.MaxBody:
			return wrong("its answer has a body of more than %d bytes", h.cfg.MaxBody)
		case v == chat.VerdictMask:
			verdicts[i].Body = *result.Body
		}
		verdicts[i].Verdict = v
	}
	return verdicts, nil
}
