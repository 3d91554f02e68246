package redisx

import (
	"context"
	"fmt"
	"slices"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// heldLocked are the room's rules with the messages that wait for a moderator at now, nil where none does. s.mu must be
// held.
func (s *roomShard) heldLocked(room string, now time.Time) *memoryRules {
	r := s.rulesLocked(room, now)
	if r == nil {
		return nil
	}
	oldest := now.Add(-chat.HeldLife).UnixMilli()
	r.held = slices.DeleteFunc(r.held, func(h chat.Held) bool { return h.At <= oldest })
	return r
}

// releaseLocked takes a message out that waits for a moderator. s.mu must be held.
func (s *roomShard) releaseLocked(room, id string, now time.Time) (held chat.Held, ok bool) {
	r := s.heldLocked(room, now)
	if r == nil {
		return held, false
	}
	i := slices.IndexFunc(r.held, func(h chat.Held) bool { return h.ID == id })
	if i < 0 {
		return held, false
	}
	held = r.held[i]
	r.held = slices.Delete(r.held, i, i+1)
	return held, true
}

// approveLocked takes out what drafts were held as. It returns the events about it, none where nobody
// subscribed, and the indexes of those drafts that are not held. The lock s.mu must be held.
func (s *roomShard) approveLocked(room string, drafts []chat.Draft, now time.Time) (approved []chat.Event, gone []int) {
	for i := range drafts {
		if drafts[i].Held() == "" {
			continue
		}
		_, wanted := s.subscribed[room]
		held, ok := s.releaseLocked(room, drafts[i].Held(), now)
		switch {
		case !ok:
			gone = append(gone, i)
		case wanted:
			approved = append(approved, heldEvent(held, chat.HeldApproved))
		}
	}
	return approved, gone
}

// heldEvent is the event that reports what became of a held message.
func heldEvent(h chat.Held, state chat.HeldState) chat.Event {
	return chat.Event{Kind: chat.EventHeld, Held: h, HeldState: state}
}

// Hold has messages wait for a moderator, and notifies the handler if it subscribed.
func (m *Memory) Hold(_ context.Context, room string, all []chat.Held) (dropped int, err error) {
	s := m.publishShard(room)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.mu.Lock()
	now := m.now()
	r := s.useRulesLocked(room, now)
	s.heldLocked(room, now)
	var events []chat.Event
	for _, h := range all {
		if slices.ContainsFunc(r.held, func(other chat.Held) bool { return other.ID == h.ID }) {
			continue
		}
		h.At = now.UnixMilli()
		r.held = append(r.held, h)
		events = append(events, heldEvent(h, chat.HeldWaiting))
		for _, gone := range r.crowded(h.ID[:chat.HeldUser]) {
			events = append(events, heldEvent(gone, chat.HeldDropped))
			dropped++
		}
	}
	_, wanted := s.subscribed[room]
	s.mu.Unlock()
	m.notify(room, wanted, events...)
	return dropped, nil
}

// crowded takes out what is too much, once a message of user was added: see hold.lua.
func (r *memoryRules) crowded(user string) (gone []chat.Held) {
	own, size, bytes := map[string]int{}, map[string]int{}, 0
	count := func(h *chat.Held, sign int) {
		n := sign * len(codec.HeldEntry(h))
		own[h.ID[:chat.HeldUser]] += sign
		size[h.ID[:chat.HeldUser]] += n
		bytes += n
	}
	for i := range r.held {
		count(&r.held[i], 1)
	}
	drop := func(user string) {
		i := slices.IndexFunc(r.held, func(h chat.Held) bool { return h.ID[:chat.HeldUser] == user })
		gone = append(gone, r.held[i])
		count(&r.held[i], -1)
		r.held = slices.Delete(r.held, i, i+1)
	}
	largest := func(counted map[string]int) string {
		first := r.held[0].ID[:chat.HeldUser]
		for _, h := range r.held {
			if user := h.ID[:chat.HeldUser]; counted[user] > counted[first] {
				first = user
			}
		}
		return first
	}
	if own[user] > chat.HeldOfUser {
		drop(user)
	}
	for len(r.held) > 1 && bytes > chat.HeldBytes {
		drop(largest(size))
	}
	for len(r.held) > chat.HeldKept {
		drop(largest(own))
	}
	return gone
}

// Held returns the messages that wait for a moderator, the oldest first.
func (m *Memory) Held(_ context.Context, room string) ([]chat.Held, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	if r := s.heldLocked(room, m.now()); r != nil {
		return slices.Clone(r.held), nil
	}
	return nil, nil
}

// Deny takes a message away that waits for a moderator, and notifies the handler if it subscribed.
func (m *Memory) Deny(_ context.Context, room, id string) (chat.Held, error) {
	s := m.publishShard(room)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.mu.Lock()
	held, ok := s.releaseLocked(room, id, m.now())
	_, wanted := s.subscribed[room]
	s.mu.Unlock()
	if !ok {
		return held, fmt.Errorf("cannot deny held message %q of room %q: %w", id, room, chat.ErrNoMessage)
	}
	m.notify(room, wanted, heldEvent(held, chat.HeldDenied))
	return held, nil
}
