// Package review asks a service of the operator about messages before they are stored: the review hook. It says what
// becomes of each, also where the service does not answer, or answers nonsense. It knows no rooms and no sockets.
//
// It has no goroutines of its own; its callers block until the answer is there, for [Config.Timeout] at most.
package review

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"barrage/codec"
	"barrage/gateway/pass"
	"barrage/internal/breaker"
	"barrage/internal/chat"
	"barrage/internal/once"
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
	// Fallback (review_fallback) is what becomes of messages that the service says nothing about.
	Fallback chat.Verdict
	// MaxBody bounds a text that takes the place of another one, in bytes.
	MaxBody int
}

// Validate reports what is wrong with the URL and the secret, each with its key within the section.
func (c Config) Validate() error {
	var errs []error
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || !pass.SafeURL(u) {
		errs = append(errs, fmt.Errorf("review_url: %q is neither https nor http on this machine", pass.RedactedHook(c.URL)))
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
	secret *signed.Secret // nil: questions are not signed
	now    func() time.Time
	log    *slog.Logger
	client *pass.HookClient

	breaker  breaker.Breaker
	results  [Results]atomic.Uint64
	verdicts [verdicts]atomic.Uint64
	fallen   atomic.Uint64 // messages that the fallback decided about

	mu      sync.Mutex   // guards the field below; a leaf
	failure once.Failure // the last one that was logged
}

// New makes a hook of a valid configuration. now is the time; log is told of questions without an answer.
func New(cfg Config, now func() time.Time, log *slog.Logger) *Hook {
	h := &Hook{cfg: cfg, now: now, log: log, client: pass.NewHookClient(cfg.Timeout)}
	if cfg.Secret != "" {
		secret, err := signed.ParseSecret(cfg.Secret)
		if err != nil {
			panic(fmt.Sprintf("BUG: hook.secret passed validation: %v", err))
		}
		h.secret = &secret
	}
	return h
}

// OnCall has f hear of each question, see [pass.HookClient]. Call it before Ask.
func (h *Hook) OnCall(f pass.OnCall) { h.client.OnCall = f }

// Close ends idle connections.
func (h *Hook) Close() { h.client.CloseIdleConnections() }

// Questions is how many ended with a result.
func (h *Hook) Questions(r Result) uint64 { return h.results[r].Load() }

// Verdicts is how many messages the service has said a verdict about, Fallen about how many the fallback decided.
func (h *Hook) Verdicts(v chat.Verdict) uint64 { return h.verdicts[v].Load() }

// Fallen is about how many messages the fallback decided.
func (h *Hook) Fallen() uint64 { return h.fallen.Load() }

// question is what the service gets as JSON.
type question struct {
	Room     string            `json:"room"`
	Messages []json.RawMessage `json:"messages"`
}

// response is what the service says. Members that are not known are ignored.
type response struct {
	Results []struct {
		Verdict string  `json:"verdict"`
		Body    *string `json:"body"`
	} `json:"results"`
}

// failed is why a question has no answer.
type failed struct {
	why  string
	away bool // the service did not answer; else it is there, and wrong
}

func (e *failed) Error() string { return e.why }

// Ask says what becomes of messages of a room that have waited for their turn: one verdict for each, in their order. It
// never fails: where there is no answer the fallback is.
func (h *Hook) Ask(ctx context.Context, room string, waited time.Duration, drafts []chat.Draft) []chat.Reviewed {
	if waited > h.cfg.Timeout {
		return h.fall(Busy, len(drafts))
	}
	if !h.breaker.Allow(h.now()) {
		return h.fall(Broken, len(drafts))
	}
	said, err := h.call(ctx, room, drafts)
	h.logFailure(ctx, room, err)
	if err != nil {
		how := Wrong
		if err.away {
			how = Away
		}
		return h.fall(how, len(drafts))
	}
	h.results[Answered].Add(1)
	for _, s := range said {
		h.verdicts[s.Verdict].Add(1)
	}
	return said
}

// fall is the fallback for n messages.
func (h *Hook) fall(how Result, n int) []chat.Reviewed {
	h.results[how].Add(1)
	h.fallen.Add(uint64(n))
	said := make([]chat.Reviewed, n)
	for i := range said {
		said[i].Verdict = h.cfg.Fallback
	}
	return said
}

// logFailure logs what went wrong with a call, once until something else happens.
func (h *Hook) logFailure(ctx context.Context, room string, err *failed) {
	if again := h.breaker.Done(h.now(), err != nil && err.away); again {
		h.log.Info("the review hook answers again")
	}
	var failure error
	if err != nil {
		failure = err
	}
	h.mu.Lock()
	isNew := h.failure.IsNew(failure)
	h.mu.Unlock()
	if isNew && ctx.Err() == nil { // else the node ends
		h.log.Warn("cannot ask the review hook", "room", room, "fallback", h.cfg.Fallback, "err", failure)
	}
}

// call asks the service.
func (h *Hook) call(ctx context.Context, room string, drafts []chat.Draft) ([]chat.Reviewed, *failed) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	q := question{Room: room, Messages: make([]json.RawMessage, len(drafts))}
	for i := range drafts {
		q.Messages[i] = codec.AppendReviewMessage(nil, &drafts[i])
	}
	body, err := json.Marshal(&q)
	if err != nil {
		panic("BUG: cannot encode a question: " + err.Error()) // it has texts, and JSON of ours
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &failed{why: "review_url is no URL"} // the error has the URL in it, with its password
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "barrage")
	r.Header["Idempotency-Key"] = []string{} // not sent: net/http may ask again where a kept connection is closed
	if h.secret != nil {
		h.secret.Sign(r.Header, signed.NewID(), h.now(), body)
	}
	res, err := h.client.Do(r)
	if err != nil {
		return nil, h.away(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		busy := res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests
		return nil, &failed{fmt.Sprintf("its answer has status %d, want 200", res.StatusCode), busy}
	}
	most := int64(leastAnswer + answerFactor*len(body))
	raw, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, h.away(err)
	}
	if int64(len(raw)) > most {
		return nil, &failed{why: "its answer is too large: more than 16 KiB and six times the question"}
	}
	return h.read(raw, len(drafts))
}

// away is the error of a service that does not answer, without what changes from one call to the next. It is without
// its URL, too, which may have a password.
func (h *Hook) away(err error) *failed {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return &failed{fmt.Sprintf("no answer within %v", h.cfg.Timeout), true}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok { // it has the local port in it
		return &failed{fmt.Sprintf("%s: %v", e.Op, e.Err), true}
	}
	return &failed{"the connection broke", true}
}

// read reads an answer about n messages.
func (h *Hook) read(raw []byte, n int) ([]chat.Reviewed, *failed) {
	wrong := func(format string, args ...any) ([]chat.Reviewed, *failed) {
		return nil, &failed{why: fmt.Sprintf(format, args...)}
	}
	var a response
	if err := json.Unmarshal(raw, &a); err != nil || !utf8.Valid(raw) {
		return wrong(`its answer is no JSON object of the form {"results":[{"verdict":…}]}`)
	}
	if len(a.Results) != n {
		return wrong("its answer has another number of results than the question has messages")
	}
	said := make([]chat.Reviewed, n)
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
			said[i].Body = *result.Body
		}
		said[i].Verdict = v
	}
	return said, nil
}
