package redisx

import (
	"errors"
	"log/slog"
	"sync"
)

// part is one of the two kinds of connections to Redis.
type part int

const (
	partCommands part = iota
	partEvents
	partCount
)

// health joins what is known of both kinds into one answer and logs when that
// answer changes.
type health struct {
	// Immutable after newHealth.
	log  *slog.Logger
	addr string

	mu sync.Mutex // guards the fields below
	// faults hold why a connection cannot be used; nil = it can.
	faults [partCount]error
	// said is whether the state was logged at all, saidUp what was said last.
	said, saidUp bool
}

// newHealth begins with nothing known: neither can be used yet.
func newHealth(log *slog.Logger, addr string, notYet error) *health {
	h := &health{log: log, addr: addr}
	for p := range h.faults {
		h.faults[p] = notYet
	}
	return h
}

// set notes that p works, or why not.
func (h *health) set(p part, fault error) {
	h.mu.Lock()
	h.faults[p] = fault
	state := h.stateLocked()
	up := state == nil
	// Good news waits for all connections, bad news for nobody; that there is none yet is
	// no news.
	say := up != h.saidUp || !h.said && fault != nil && !errors.Is(fault, errNotYet)
	if say {
		h.said, h.saidUp = true, up
	}
	h.mu.Unlock()
	switch {
	case say && up:
		h.log.Info("redis is ready", "addr", h.addr)
	case say:
		h.log.Warn("redis cannot be used; trying again", "addr", h.addr, "error", state)
	}
}

// fault is why p cannot be used, or nil.
func (h *health) fault(p part) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.faults[p]
}

// state is why Redis cannot be used, or nil.
func (h *health) state() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stateLocked()
}

// stateLocked is state with mu held.
func (h *health) stateLocked() error {
	for _, fault := range h.faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}
