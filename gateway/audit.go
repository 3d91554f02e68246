package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"barrage/codec"
	"barrage/gateway/desk"
	"barrage/gateway/webhooks"
	"barrage/internal/chat"
)

// This file is what becomes of an entry of the log of moderation besides: a line in admin.audit_file, an event for
// webhooks.url.

// audit writes lines to a file. It opens the file for each, so that a program that rotates files need not notify the
// node: there are some lines a minute.
type audit struct {
	path string     // "-": the standard output; empty: none
	mu   sync.Mutex // held while a line is written: lines must not mix
}

// auditOut is the path of the standard output.
const auditOut = "-"

func (a *audit) open() (io.WriteCloser, error) {
	if a.path == auditOut {
		return keptOpen{os.Stdout}, nil
	}
	return os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
}

// keptOpen is a file that Close leaves open.
type keptOpen struct{ io.Writer }

// Close does nothing.
func (keptOpen) Close() error { return nil }

// check reports whether lines can be written.
func (a *audit) check() error {
	if a.path == "" {
		return nil
	}
	f, err := a.open()
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("cannot write admin.audit_file: %w", err)
	}
	return nil
}

// write adds a line.
func (a *audit) write(line []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := a.open()
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// audited is a line of the file: an entry of a log, and which.
type audited struct {
	Room string `json:"room,omitempty"` // empty: it holds in all rooms
	*desk.LogEntry
}

// waits is room.Callbacks.OnHold.
func (s *Server) waits(ctx context.Context, room string, all []chat.Held) {
	for _, h := range all {
		h.At = s.edge.Times.Now().UnixMilli() // the store's own is not known here
		text, err := json.Marshal(codec.ShowHeld(&h, chat.HeldWaiting))
		if err != nil {
			panic("BUG: cannot encode a held message: " + err.Error()) // it was JSON
		}
		s.notifier.Notify(ctx, room, webhooks.GroupHeld, "held", h.ID, h.At, text)
	}
}

// moderated is desk.OnEntry.
func (s *Server) moderated(ctx context.Context, room string, e *desk.LogEntry) {
	s.metrics.moderated.WithLabelValues(e.Verb, e.Via).Inc()
	text, err := json.Marshal(e)
	if err != nil {
		panic("BUG: cannot encode an entry: " + err.Error()) // the desk has done so
	}
	if s.audit.path != "" {
		line := audited{LogEntry: e}
		if room != chat.Everywhere {
			line.Room = room
		}
		whole, err := json.Marshal(line)
		if err == nil {
			err = s.audit.write(whole)
		}
		if err != nil {
			s.log.Error("cannot write a line to admin.audit_file", "id", e.ID, "err", err)
		}
	}
	s.notifier.Notify(ctx, room, webhooks.GroupModeration, "moderation", e.ID, e.At, text)
}
