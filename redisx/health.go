package redisx

import (
	"errors"
	"log/slog"
	"sync"
)

// use is what one of the two kinds of connections to Redis is for.
type use int

const (
	forCommands use = iota
	forEvents
	uses
)

// health joins what is known of both kinds into one answer and logs when that
// answer changes.
type health struct {
	// Immutable after newHealth.
	log  *slog.Logger
	addr string

	mu sync.Mutex // guards the fields below
	// faults hold why a connection cannot be used; nil = it can.
	faults [uses]error
	// logged is whether the state was logged at all, loggedUp whether it was the good one last.
	logged, loggedUp bool
}

// newHealth begins with nothing known: neither can be used yet.
func newHealth(log *slog.Logger, addr string, notYet error) *health {
	h := &health{log: log, addr: addr}
	for u := range h.faults {
		h.faults[u] = notYet
	}
	return h
}

// set notes that the connection for u works, or why not.
func (h *health) set(u use, fault error) {
	h.mu.Lock()
	h.faults[u] = fault
	state := h.stateLocked()
	up := state == nil
	// The log reports that all is well once all connections are, and a fault at once. It does not report that there is no
	// connection yet.
	say := up != h.loggedUp || !h.logged && fault != nil && !errors.Is(fault, errNotYet)
	if say {
		h.logged, h.loggedUp = true, up
	}
	h.mu.Unlock()
	switch {
	case say && up:
		h.log.Info("redis is ready", "addr", h.addr)
	case say:
		h.log.Warn("redis cannot be used; trying again", "addr", h.addr, "error", state)
	}
}

// fault is why the connection for u cannot be used, or nil.
func (h *health) fault(u use) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.faults[u]
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
