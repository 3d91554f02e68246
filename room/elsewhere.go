package room

import (
	"context"
	"sync"
	"time"
)

// suspectEvery is how often a room is looked for in other databases, at most.
const suspectEvery = 10 * time.Second

// Elsewhere is what a store can do that has several databases, and whose events come from all of them.
type Elsewhere interface {
	// Elsewhere returns the other databases that have a history of the room. It may block until ctx ends.
	Elsewhere(ctx context.Context, room string) (databases []int, err error)
}

// elsewhere has a room looked for in other databases whose events the store's own does not know. The zero value is
// ready.
type elsewhere struct {
	mu    sync.Mutex // guards the fields below; a leaf
	room  string     // that is to be looked for; empty: none
	next  time.Time  // when one may be looked for again
	found bool       // that was logged; it is logged once
}

// suspect notes a room of which events came that the store's answers do not fit. That has many reasons, so it is cheap,
// and only what is found is logged.
func (e *elsewhere) suspect(room string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.found && e.room == "" {
		e.room = room
	}
}

// due is the room to look for now, if any.
func (e *elsewhere) due(now time.Time) (room string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.room == "" || now.Before(e.next) {
		return ""
	}
	room, e.room, e.next = e.room, "", now.Add(suspectEvery)
	return room
}

// lookElsewhere logs, once, where the history of a room is that was suspected. The reporter calls it.
func (h *Hall) lookElsewhere(ctx context.Context) {
	store, ok := h.store.(Elsewhere)
	if !ok {
		return
	}
	room := h.elsewhere.due(h.cfg().Clock.Now())
	if room == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg().StoreTimeout)
	defer cancel()
	databases, err := store.Elsewhere(ctx, room)
	if err != nil || len(databases) == 0 {
		return // that is only a look; the next suspicion makes another
	}
	h.elsewhere.mu.Lock()
	h.elsewhere.found = true
	h.elsewhere.mu.Unlock()
	h.log.Warn("this node's Redis database lacks messages of a room that another database has: nodes on different databases "+
		"receive each other's messages, and share no history, tokens or memberships; set redis.db to the database that the others use "+
		"(original FastIM nodes: spring.redis.database, 3 by default); this is logged once", "room", room, "databases", databases)
}
