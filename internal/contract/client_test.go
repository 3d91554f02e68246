package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// client is one WebSocket. Its methods fail the test where not what they name comes.
type client struct {
	tb   testing.TB
	conn *websocket.Conn
}

// chatPath and listPath are the addresses of the sockets (contract sections 2 and 3).
func chatPath(group, user, token string) string { return escaped("/group/chat", group, user, token) }
func listPath(user, token string) string        { return escaped("/group/list", user, token) }

func escaped(path string, segments ...string) string {
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	return path
}

// dial opens a WebSocket.
func (n *node) dial(tb testing.TB, path string) *client {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+n.addr+path, nil) //nolint:bodyclose // there is no body after a 101
	if err != nil {
		tb.Fatalf("cannot dial %s: %v", path, err)
	}
	conn.SetReadLimit(1 << 20)
	tb.Cleanup(func() { _ = conn.CloseNow() }) // The node may have closed it.
	return &client{tb, conn}
}

// member opens a room's socket and takes the first frame.
func (n *node) member(tb testing.TB, group, user string) *client {
	tb.Helper()
	c := n.dial(tb, chatPath(group, user, "any"))
	c.wantWelcome()
	return c
}

// say sends one message. It may be called from any goroutine.
func (c *client) say(info string) {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, []byte(info)); err != nil {
		c.tb.Errorf("cannot send %q: %v", info, err)
	}
}

// keepTalking has c send the word again and again until stop is called.
func (c *client) keepTalking(word string) (stop func()) {
	c.tb.Helper()
	stopped := make(chan struct{}) // Closed by stop.
	var talking sync.WaitGroup
	talking.Go(func() { // Ends with stop, which waits for it, or with the test.
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for c.tb.Context().Err() == nil {
			c.say(word)
			select {
			case <-stopped:
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		close(stopped)
		talking.Wait()
	}
}

// next is the next message.
func (c *client) next() (text string, err error) {
	ctx, cancel := context.WithTimeout(c.tb.Context(), patience)
	defer cancel()
	kind, b, err := c.conn.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		err = fmt.Errorf("a %v message came: %q", kind, b)
	}
	return string(b), err
}

// text is the next message, which must come.
func (c *client) text() string {
	c.tb.Helper()
	text, err := c.next()
	if err != nil {
		c.tb.Fatalf("want a message; got %v", err)
	}
	return text
}

// wantText wants the next message to be this one, to the letter.
func (c *client) wantText(want string) {
	c.tb.Helper()
	if got := c.text(); got != want {
		c.tb.Fatalf("message:\n got %s\nwant %s", got, want)
	}
}

// wantMessage wants the next message to be a chat message in the form of contract
// section 1, and returns it.
func (c *client) wantMessage(group, user, info string) (message string) {
	c.tb.Helper()
	message = c.text()
	want := fmt.Sprintf(`{"groupId":%s,"userId":%s,"info":%s,"ts":`, quoted(group), quoted(user), quoted(info))
	if rest, ok := strings.CutPrefix(message, want); !ok || !ending.MatchString(rest) {
		c.tb.Fatalf("message:\n got %s\nwant %s<13 digits>}", message, want)
	}
	return message
}

// wantAfter skips what comes before the message with info.
func (c *client) wantAfter(info string) (message string) {
	c.tb.Helper()
	for {
		if message = c.text(); strings.Contains(message, `"info":`+quoted(info)+`,`) {
			return message
		}
	}
}

// wantHeard wants the next messages to be these.
func (c *client) wantHeard(want ...string) {
	c.tb.Helper()
	for _, message := range want {
		c.wantText(message)
	}
}

// wantWelcome wants the next message to be the first frame of a room, whatever it holds.
func (c *client) wantWelcome() {
	c.tb.Helper()
	if got := c.text(); !strings.HasPrefix(got, `{"list":[`) {
		c.tb.Fatalf("first frame = %s; want {\"list\":[...", got)
	}
}

// wantClose wants the node to close the socket with code, and returns the reason. Earlier messages are not looked at.
func (c *client) wantClose(code websocket.StatusCode) (reason string) {
	c.tb.Helper()
	for {
		text, err := c.next()
		if err == nil {
			c.tb.Logf("before the close came %.100s", text)
			continue
		}
		if got := websocket.CloseStatus(err); got != code {
			c.tb.Fatalf("want a close with %d; got %v", code, err)
		}
		_, reason, _ = strings.Cut(err.Error(), "reason = ")
		reason, err = strconv.Unquote(reason)
		if err != nil {
			c.tb.Fatalf("cannot read the reason %q: %v", reason, err)
		}
		return reason
	}
}

// wantRefused wants `440` and a close, and nothing before that.
func (c *client) wantRefused() {
	c.tb.Helper()
	c.wantText("440")
	if text, err := c.next(); err == nil || websocket.CloseStatus(err) == -1 {
		c.tb.Fatalf("want a close after 440; got %q, %v", text, err)
	}
}

// wantFirstFrame waits until a new member of the room is given this first frame: news
// of a recall may take a moment.
func (n *node) wantFirstFrame(tb testing.TB, group, user, want string) {
	tb.Helper()
	eventually(tb, func() error {
		c := n.dial(tb, chatPath(group, user, "any"))
		defer func() { _ = c.conn.CloseNow() }() // Nothing to lose.
		if got := c.text(); got != want {
			return fmt.Errorf("first frame:\n got %s\nwant %s", got, want)
		}
		return nil
	})
}

// firstFrame is the first frame of contract section 2.
func firstFrame(total int, messages ...string) string {
	return fmt.Sprintf(`{"list":[%s],"total":%d}`, strings.Join(messages, ","), total)
}

var (
	// ending is what stands in a message behind `"ts":`.
	ending = regexp.MustCompile(`^\d{13}}$`)
	// chatMessage is one message of contract section 1 without escapes.
	chatMessage = regexp.MustCompile(`^{"groupId":"[^"\\]*","userId":"([^"\\]*)","info":"([^"\\]*)","ts":(\d{13})}$`)
)

// wantMessages reads count chat messages, each in a WebSocket message of its own.
func (c *client) wantMessages(count int) []string {
	c.tb.Helper()
	messages := make([]string, count)
	for i := range messages {
		messages[i] = c.text()
		if !chatMessage.MatchString(messages[i]) {
			c.tb.Fatalf("message %d is not one chat message: %.300s", i, messages[i])
		}
	}
	return messages
}

// timestamp is a message's ts.
func timestamp(tb testing.TB, message string) int64 {
	tb.Helper()
	var m struct {
		TS int64 `json:"ts"`
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		tb.Fatalf("cannot parse %q: %v", message, err)
	}
	return m.TS
}

// quoted is v as JSON without needless escapes.
func quoted(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: " + err.Error()) // strings and lists of them
	}
	return strings.TrimSuffix(b.String(), "\n")
}
