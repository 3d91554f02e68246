package admincmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"barrage/internal/chat"
	"barrage/internal/cli"
)

// Bounds of a call.
const (
	// callTimeout bounds a call as a whole: three times what a node gives it.
	callTimeout = 3 * chat.CallTimeout
	// dialTimeout bounds the way to the node.
	dialTimeout = 5 * time.Second
	// maxAnswerBytes bounds what is read of an answer: 10,000 measures of the longest reasons are some 14 MB.
	maxAnswerBytes = 32 << 20
	// maxErrorBytes bounds what is read of a refusal, maxErrorRunes what is shown of it.
	maxErrorBytes = 16 << 10
	maxErrorRunes = 400
	// maxHeaderBytes bounds the headers of an answer.
	maxHeaderBytes = 64 << 10
)

// node is the admin port of a node.
type node struct {
	server string // without a slash at its end
	key    string // empty: none
	http   *http.Client
}

// newNode is one at an address, with a key or none.
func newNode(server, key string) *node {
	return &node{server, key, &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:    dialTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableKeepAlives:      true, // one call, and the command ends
		},
		// the key is for this server
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call is one call of the admin port.
type call struct {
	doing  string // for errors, as `mute "bob" in room "live-1"`
	method string
	path   string // escaped
	query  url.Values
	body   any    // nil: none
	text   []byte // the body, where it is no JSON
	asText bool   // the answer is a text; do makes {"text":…} of it
	twice  bool   // made again, it is done twice
}

// failed is why a call came to nothing, and what to do next; that may be empty.
func (n *node) failed(c *call, what, next string) error {
	text := fmt.Sprintf("cannot %s: %s %s: %s", c.doing, c.method, n.target(c), what)
	if next != "" {
		text += "\n  " + next
	}
	return errors.New(text)
}

// target is the address of a call.
func (n *node) target(c *call) string {
	if len(c.query) > 0 {
		return n.server + c.path + "?" + c.query.Encode()
	}
	return n.server + c.path
}

// open makes the call, which the node has taken. The caller closes the body. It makes it once: a person knows better
// than a program whether it is right to give the command again.
func (n *node) open(ctx context.Context, c *call) (*http.Response, error) {
	body, kind := c.text, "text/plain; charset=utf-8"
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return nil, n.failed(c, err.Error(), "")
		}
		kind = "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, c.method, n.target(c), bytes.NewReader(body))
	if err != nil {
		return nil, n.failed(c, err.Error(), "")
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", kind)
	}
	if n.key != "" {
		req.Header.Set("Authorization", "Bearer "+n.key)
	}
	resp, err := n.http.Do(req)
	if err != nil {
		return nil, n.failed(c, unwrapped(err), nextAfter(err, c))
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer func() { _ = resp.Body.Close() }() // it was read
		r := readRefusal(resp)
		return nil, n.failed(c, r.String(), r.next(n.key != "", c))
	}
	return resp, nil
}

// do makes the call and returns the body of the answer.
func (n *node) do(ctx context.Context, c call) (answer []byte, err error) {
	resp, err := n.open(ctx, &c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or is of no use
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, n.failed(&c, "the answer broke off: "+unwrapped(err), nextAfter(err, &c))
	case len(answer) > maxAnswerBytes:
		return nil, n.failed(&c, fmt.Sprintf("the answer is above %d MiB", maxAnswerBytes>>20), notAdmin)
	case resp.StatusCode == http.StatusNoContent:
		return []byte("{}"), nil
	case c.asText:
		return json.Marshal(map[string]string{"text": string(answer)})
	case !json.Valid(answer):
		return nil, n.failed(&c, fmt.Sprintf("%d, and the answer is no JSON", resp.StatusCode), notAdmin)
	}
	return answer, nil
}

// copy makes the call and writes the answer, which is of that kind, however long it is.
func (n *node) copy(ctx context.Context, c call, want string, to io.Writer) error {
	resp, err := n.open(ctx, &c)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or is of no use
	if kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); kind != want {
		return n.failed(&c, fmt.Sprintf("the answer is %.64q, not %s", kind, want), notAdmin)
	}
	if _, err := io.Copy(to, resp.Body); err != nil {
		return n.failed(&c, "the answer broke off: "+unwrapped(err), "What was written is good as far as it goes. Go on with --after and the number of its last message.")
	}
	return nil
}

// unwrapped is an error without the method and the address that net/http puts in front.
func unwrapped(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", callTimeout)
	}
	return clipped(err.Error())
}

// Advice on what to do next.
const (
	notAdmin = "Is --server the admin port of a node (admin.listen), or the public one with admin.public, and the node as new as this command?"
	notThere = "Does the node run, is its admin port on (admin.listen), and is --server or BARRAGE_ADMIN_SERVER its address?"
	again    = "It may be done all the same. Give the command again: doing it twice changes nothing."
	lookOnce = "It may be done all the same. Look at the room's log before you give the command again: it would be done twice."
)

// nothingHere begins what a public port answers to calls that it does not know.
const nothingHere = "there is nothing at /v1/admin/"

// nextAfter says what to do where no whole answer came.
func nextAfter(err error, c *call) string {
	dial, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), ok && dial.Op == "dial":
		return notThere
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "The port speaks http, not https: change the address."
	case c.method == http.MethodGet:
		return ""
	case c.twice:
		return lookOnce
	}
	return again
}

// refusal is why a node did not do it.
type refusal struct {
	status        int
	code, message string
	retryAfter    string // in s, as the header has it
}

// readRefusal reads {"error":{"code","message"}}, or the text where it is none.
func readRefusal(resp *http.Response) refusal {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // the bytes that came
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &body) != nil || body.Error.Message == "" {
		line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		body.Error.Message = line
	}
	return refusal{resp.StatusCode, clipped(body.Error.Code), clipped(body.Error.Message), clipped(resp.Header.Get("Retry-After"))}
}

// String is "403 forbidden: …".
func (r refusal) String() string {
	text := fmt.Sprint(r.status)
	if r.code != "" {
		text += " " + r.code
	}
	if r.message == "" {
		r.message = http.StatusText(r.status)
	}
	return text + ": " + r.message
}

// next says what to do about it; empty where the message says it.
func (r refusal) next(hasKey bool, c *call) string {
	switch {
	case r.status == http.StatusUnauthorized && !hasKey:
		return "Set BARRAGE_ADMIN_KEY, or --key-file, to a key that the node's admin.keys_file has (barrage admin key --help)."
	case r.status == http.StatusUnauthorized:
		return "The node does not know this key. Its admin.keys_file is read at its start, and at each reload (barrage admin key check --help)."
	case r.status == http.StatusForbidden && hasKey:
		return "Use a key that may do this (barrage admin key new --help)."
	case r.status == http.StatusNotFound && (r.code == "" || strings.HasPrefix(r.message, nothingHere)), r.status == http.StatusMethodNotAllowed, r.status >= 300 && r.status < 400:
		return notAdmin
	case r.code == "other_epoch":
		return "Take the number and the epoch from a message of now."
	case r.status == http.StatusServiceUnavailable || r.status == http.StatusTooManyRequests:
		when := "soon"
		if r.retryAfter != "" {
			when = "in " + r.retryAfter + " s"
		}
		if c.twice {
			return "Look at the room, whether it was done, then try again " + when + "."
		}
		return "Try again " + when + "."
	}
	return ""
}

// clipped is text of a stranger for a terminal: bounded, without control characters.
func clipped(text string) string {
	if runes := []rune(text); len(runes) > maxErrorRunes {
		text = string(runes[:maxErrorRunes]) + "…"
	}
	return cli.Plain(text)
}
