// Package remote calls HTTP services of the operator: hooks, webhooks.url, a collector of traces. Begin with
// [NewClient].
//
// Its errors have no URL in them, which may be a key, and nothing that changes while the reason stays. So a log has
// each reason once. It has no goroutines; calls block until they have an answer, for [Service.Timeout] at most.
package remote

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"barrage/internal/signed"
)

const (
	// MaxHeader bounds the header of a response, in bytes.
	MaxHeader = 32 << 10
	// maxIdle bounds the connections that are kept: as many as a hook has questions under way.
	maxIdle = 64
	// maxUnread bounds what is read of an answer that nobody wants, in bytes, so that its connection can be used again.
	maxUnread = 4 << 10
)

// Service says what is called, and how.
type Service struct {
	// URL is http or https. It was parsed before.
	URL string
	// Secret signs the calls, see [signed.ParseSecret], which has taken it. Empty: they are not signed.
	Secret string
	// Now is the time that signatures name; nil without a Secret.
	Now func() time.Time
	// Timeout bounds each call with its answer; above 0.
	Timeout time.Duration
	// Header goes with each call, Content-Type among it. The client has it from now on.
	Header http.Header
	// Terse keeps texts of net/http out of errors, for they may quote what the service has sent.
	Terse bool
}

// JSON is the header of questions in JSON that want an answer in it.
func JSON() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
}

// OnCall is called when a request is about to be sent, to which it may add headers. It returns the function that
// receives its end: the status of the response that has begun, or why there is none. Neither may block.
type OnCall func(r *http.Request) (end func(status int, err error))

// Client calls a service. Make it with [NewClient]. Its methods may be called concurrently.
type Client struct {
	http.Client
	// OnCall is notified of each call. Set it before the first one; nil: nobody is notified.
	OnCall OnCall

	to     Service
	secret *signed.Secret // nil: calls are not signed
}

// Answer is what a service answers.
type Answer struct {
	Status int
	Header http.Header
	// Body is empty after [Client.Post].
	Body []byte
}

// Error is why a call has no answer that makes sense.
type Error struct {
	Why string
	// Down says that the service did not answer at all, or that it cannot now. Else it is there, and wrong.
	Down bool
}

func (e *Error) Error() string { return e.Why }

// NewClient makes a client. It follows no redirects: a service that sends people to a login page rejects the call.
func NewClient(to Service) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() // it has the proxy of the environment
	// A dial goes on when its call has ended, so it has the same bound.
	transport.DialContext = (&net.Dialer{Timeout: to.Timeout}).DialContext
	transport.MaxIdleConnsPerHost = maxIdle
	transport.MaxResponseHeaderBytes = MaxHeader
	transport.DisableCompression = true // small answers become large ones
	c := &Client{to: to, Client: http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if to.Secret != "" {
		secret, err := signed.ParseSecret(to.Secret)
		if err != nil {
			panic(fmt.Sprintf("BUG: the secret of a service passed validation: %v", err))
		}
		c.secret = &secret
	}
	to.Header.Set("User-Agent", "barrage")
	to.Header["Idempotency-Key"] = []string{} // not sent: net/http may post again where a kept connection is closed
	return c
}

// Post posts what the service answers by its status alone. The name id is the call's, for its signature. The error is
// an *Error.
func (c *Client) Post(ctx context.Context, id string, body []byte) (*Answer, error) {
	return c.post(ctx, id, body, func(res *http.Response) ([]byte, error) {
		_, _ = io.CopyN(io.Discard, res.Body, maxUnread) // the status says all
		return nil, nil
	})
}

// Ask posts a question. The answer has the status 200 or another one that is wanted, and at most one byte more than
// most. The error is an *Error.
func (c *Client) Ask(ctx context.Context, body []byte, most int, wanted ...int) (*Answer, error) {
	wanted = append([]int{http.StatusOK}, wanted...)
	return c.post(ctx, signed.NewID(), body, func(res *http.Response) ([]byte, error) {
		if !slices.Contains(wanted, res.StatusCode) {
			_, _ = io.CopyN(io.Discard, res.Body, maxUnread)
			busy := res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests
			return nil, &Error{fmt.Sprintf("its answer has status %d, want %s", res.StatusCode, oneOf(wanted)), busy}
		}
		answer, err := io.ReadAll(io.LimitReader(res.Body, int64(most)+1))
		if err != nil {
			return nil, c.down(err)
		}
		return answer, nil
	})
}

// oneOf is a list as "200, 401 or 403".
func oneOf(statuses []int) string {
	text := strings.ReplaceAll(strings.Trim(fmt.Sprint(statuses), "[]"), " ", ", ")
	if last := strings.LastIndex(text, ", "); last >= 0 {
		text = text[:last] + " or " + text[last+2:]
	}
	return text
}

func (c *Client) post(ctx context.Context, id string, body []byte, read func(*http.Response) ([]byte, error)) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.to.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Why: "its URL is none"} // the error has the URL in it
	}
	r.Header = c.to.Header.Clone()
	if c.secret != nil {
		c.secret.Sign(r.Header, id, c.to.Now(), body)
	}
	end := func(int, error) {}
	if c.OnCall != nil {
		end = c.OnCall(r)
	}
	res, err := c.Do(r)
	if err != nil {
		end(0, err)
		return nil, c.down(err)
	}
	end(res.StatusCode, nil)
	defer func() { _ = res.Body.Close() }()
	answer, err := read(res)
	if err != nil {
		return nil, err
	}
	return &Answer{res.StatusCode, res.Header, answer}, nil
}

// down is the error of a service that does not answer.
func (c *Client) down(err error) *Error {
	why, isOurs := unanswered(err, c.to.Timeout)
	if c.to.Terse && !isOurs {
		why = errors.New("the connection broke")
	}
	return &Error{why.Error(), true}
}

// Unanswered is an error of [http.Client.Do], or of the body that it gave, in this package's words. The call was given
// up after the time within.
func Unanswered(err error, within time.Duration) error {
	why, _ := unanswered(err, within)
	return why
}

// unanswered is the error without the URL and without what changes from one call to the next, as the local port and
// the time. A text that is not ours may quote the service.
func unanswered(err error, within time.Duration) (why error, isOurs bool) {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return errors.New("the server's certificate has expired or is not valid yet"), true
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fmt.Errorf("no answer within %v", within), true
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok { // where no resolver answers, its text has a local port
		if e.IsNotFound {
			return fmt.Errorf("host %q has no address", e.Name), true
		}
		return fmt.Errorf("the resolver does not answer for host %q", e.Name), true
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err), true
	}
	if strings.Contains(err.Error(), "Location header") { // it has no type, and its text has where the redirect goes
		return errors.New("a redirect to what is no URL"), true
	}
	return err, false
}
