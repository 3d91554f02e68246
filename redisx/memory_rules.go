package redisx

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// memoryRules are a room's rules, its log of moderation, and the messages that wait for a moderator.
type memoryRules struct {
	rules   chat.Rules
	log     []string    // oldest first
	held    []chat.Held // that wait for a moderator, the oldest first
	expires time.Time
}

// rulesLocked are the room's rules, nil where it has none. s.mu must be held.
func (s *roomShard) rulesLocked(room string, now time.Time) *memoryRules {
	r := s.rules[room]
	if r != nil && !now.Before(r.expires) {
		delete(s.rules, room)
		return nil
	}
	return r
}

// useRulesLocked are the room's rules, which are about to be changed. s.mu must be held.
func (s *roomShard) useRulesLocked(room string, now time.Time) *memoryRules {
	r := s.rulesLocked(room, now)
	if r == nil {
		if s.rules == nil {
			s.rules = map[string]*memoryRules{}
		}
		r = new(memoryRules)
		s.rules[room] = r
	}
	r.expires = now.Add(chat.RulesLife)
	return r
}

// rulesVersionLocked is the version of the room's rules. s.mu must be held.
func (s *roomShard) rulesVersionLocked(room string, now time.Time) string {
	if r := s.rulesLocked(room, now); r != nil {
		return r.rules.Version
	}
	return ""
}

// Rules returns a room's rules.
func (m *Memory) Rules(_ context.Context, room string) (chat.Rules, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	var rules chat.Rules
	if r := s.rulesLocked(room, m.now()); r != nil {
		c := codec.AllRules(&r.rules)
		codec.ApplyRules(&rules, &c)
	}
	if live := s.liveLocked(room, m.now()); live != nil && live.cleared > 0 {
		rules.Cleared = chat.Place{Epoch: live.epoch, Seq: live.cleared}
	}
	return rules, nil
}

// ChangeRules does what the change says, and notifies the handler if it subscribed.
func (m *Memory) ChangeRules(_ context.Context, room string, c chat.RulesChange) (chat.Event, error) {
	s := m.publishShard(room)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	ev, wanted, err := m.changeRules(s, room, c)
	if err != nil {
		return chat.Event{}, fmt.Errorf("cannot change the rules of room %q: %w", room, err)
	}
	m.notify(room, wanted, ev)
	return ev, nil
}

// notify gives the handler events of a room, if they are wanted. The shard's publishing must be held.
func (m *Memory) notify(room string, wanted bool, events ...chat.Event) {
	if !wanted {
		return
	}
	for _, ev := range events {
		m.events.Add(1)
		m.handler.RoomEvent(room, ev)
	}
}

// changeRules is what ChangeRules does under the shard's lock.
func (m *Memory) changeRules(s *roomShard, room string, c chat.RulesChange) (ev chat.Event, wanted bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := m.now()
	if c.Version != "" && !chat.Conflict(c.Version, s.rulesVersionLocked(room, now)) {
		return chat.Event{}, false, chat.ErrStale
	}
	r := s.useRulesLocked(room, now)
	if c.Version == "" && r.full(&c, now.UnixMilli()) {
		return chat.Event{}, false, chat.ErrFull
	}
	c.Prev = r.rules.Version
	c.Version = newEpoch(c.Prev, c.Version)
	codec.ApplyRules(&r.rules, &c)
	_, wanted = s.subscribed[room]
	return chat.Event{Kind: chat.EventRules, Rules: &c}, wanted, nil
}

// full reports whether a change would make the measures too many. Those that are over at now go before.
func (r *memoryRules) full(c *chat.RulesChange, now int64) bool {
	all, more := r.rules.Measures(0), 0
	for i := range c.Set {
		if _, ok := r.rules.Find(c.Set[i].What, c.Set[i].Target, 0); !ok {
			more++
		}
	}
	if more == 0 || len(all)+more <= chat.MaxMeasures {
		return false
	}
	live := 0
	for i := range all {
		if all[i].Over(now) {
			r.rules.Lift(all[i].What, all[i].Target)
		} else {
			live++
		}
	}
	return live+more > chat.MaxMeasures
}

// WriteLog appends an entry to a room's log of moderation.
func (m *Memory) WriteLog(_ context.Context, room, entry string) error {
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.useRulesLocked(room, m.now())
	if len(r.log) == chat.LogKept {
		r.log = append(r.log[:0], r.log[1:]...)
	}
	r.log = append(r.log, entry)
	return nil
}

// ReadLog returns at most limit entries of a room's log of moderation, the newest first. They are those older than the
// one with an id, or the newest.
func (m *Memory) ReadLog(_ context.Context, room, before string, limit int) ([]string, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.rulesLocked(room, m.now())
	if r == nil {
		return nil, nil
	}
	last := len(r.log)
	if begin := beginOf(before); begin != "" {
		last = max(0, slices.IndexFunc(r.log, func(entry string) bool { return strings.HasPrefix(entry, begin) }))
	}
	entries := slices.Clone(r.log[max(0, last-limit):last])
	slices.Reverse(entries)
	return entries, nil
}

// markEnds are the marks that messages left, with the time in Unix ms when each ends.
type markEnds map[string]int64

// stumbles is the first of a draft's marks that lasts at now still, and for how long.
func (k markEnds) stumbles(d *chat.Draft, now int64) (kind chat.MarkKind, wait time.Duration) {
	for _, m := range d.Marks() {
		left := time.Duration(k[markName(m)]-now) * time.Millisecond
		if left > 0 && left <= m.Life {
			return m.Kind, left
		}
	}
	return 0, 0
}

// leave puts a draft's marks in the room.
func (k *markEnds) leave(d *chat.Draft, now int64) {
	for _, m := range d.Marks() {
		if *k == nil {
			*k = markEnds{}
		}
		(*k)[markName(m)] = now + m.Life.Milliseconds()
	}
}

// expire drops those that have ended.
func (k markEnds) expire(now int64) {
	for name, until := range k {
		if until <= now {
			delete(k, name)
		}
	}
}
