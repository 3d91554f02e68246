// Package sparse keeps a log readable and bounded while the same thing goes wrong for everybody at once.
package sparse

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// window is for how long records with one message are counted, most how many of them are written meanwhile. An
	// outage of a node with thousands of handshakes a second writes half a line a second, and says how many it left
	// out.
	window = 10 * time.Second
	most   = 5
	// messages bounds the messages that are counted. They are constants of the program: some dozens.
	messages = 1000
)

// Handler writes of warnings with one message no more than [most] in a [window]; the first one after that says how many
// were left out. Errors, and what is no warning, are all written. Its methods may be called concurrently. Make it with
// [New].
type Handler struct {
	next slog.Handler
	seen *counts // shared by all handlers that were made of one
}

// counts is what was logged lately.
type counts struct {
	now func() time.Time

	mu sync.Mutex // guards the field below; a leaf
	of map[string]*count
}

// count is of one message, since the window began.
type count struct {
	began         time.Time
	written, left int
}

// New makes a handler in front of next; now is the time, nil for time.Now.
func New(next slog.Handler, now func() time.Time) *Handler {
	if now == nil {
		now = time.Now
	}
	return &Handler{next, &counts{now: now, of: map[string]*count{}}}
}

// Enabled is next's.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle passes the record on, or leaves it out.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || r.Level >= slog.LevelError {
		return h.next.Handle(ctx, r)
	}
	left, ok := h.seen.take(r.Message)
	if !ok {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out_before", left))
	}
	return h.next.Handle(ctx, r)
}

// take reports whether a message may be written now, and how many of it were left out before.
func (c *counts) take(message string) (left int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	m := c.of[message]
	if m == nil {
		if len(c.of) >= messages {
			clear(c.of)
		}
		m = &count{began: now}
		c.of[message] = m
	}
	if now.Sub(m.began) >= window {
		left, m.began, m.written, m.left = m.left, now, 0, 0
	}
	if m.written >= most {
		m.left++
		return 0, false
	}
	m.written++
	return left, true
}

// WithAttrs is next's, counted together with h.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.next.WithAttrs(attrs), h.seen}
}

// WithGroup is next's, counted together with h.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.seen}
}
