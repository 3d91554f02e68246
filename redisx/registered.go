package redisx

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// This file is which rooms are known to exist: those that somebody has registered, and those with messages.

// RegisterRoom registers a room, or ends that.
func (r *Redis) RegisterRoom(ctx context.Context, room string, on bool) error {
	err := r.keys.check(room)
	key := r.keys.registered(room)
	if err == nil {
		cmd := r.client.B().Del().Key(key).Build()
		if on {
			cmd = r.client.B().Hsetnx().Key(key).Field("made").Value(strconv.FormatInt(time.Now().UnixMilli(), 10)).Build()
		}
		_, err = r.do(ctx, cmd)
	}
	if err != nil {
		return fmt.Errorf("cannot register room %q in key %q: %w", room, key, err)
	}
	return nil
}

// KnownRoom reports whether the room is registered, or has had messages that it still counts.
func (r *Redis) KnownRoom(ctx context.Context, room string) (known bool, err error) {
	if err = r.keys.check(room); err == nil {
		known, err = r.hasRoom(ctx, room)
	}
	if err != nil {
		return false, fmt.Errorf("cannot look for room %q: %w", room, err)
	}
	return known, nil
}

func (r *Redis) hasRoom(ctx context.Context, room string) (bool, error) {
	msg, err := r.do(ctx, r.client.B().Exists().Key(r.keys.registered(room), r.keys.history(room)).Build())
	if err != nil {
		return false, err
	}
	if n, err := msg.AsInt64(); err != nil || n > 0 {
		return n > 0, err
	}
	// Its history has expired, but not yet its count. The key alone proves nothing: likes make one, too.
	if msg, err = r.do(ctx, r.client.B().Hexists().Key(r.keys.meta(room)).Field("e").Build()); err != nil {
		return false, err
	}
	return msg.AsBool()
}

// RegisterRoom registers a room, or ends that.
func (m *Memory) RegisterRoom(_ context.Context, room string, on bool) error {
	s := m.shard(room)
	defer s.mu.Unlock()
	if !on {
		delete(s.registered, room)
		return nil
	}
	if s.registered == nil {
		s.registered = make(map[string]struct{})
	}
	s.registered[room] = struct{}{}
	return nil
}

// KnownRoom reports whether the room is registered, or has had messages that it still counts.
func (m *Memory) KnownRoom(_ context.Context, room string) (bool, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	if _, ok := s.registered[room]; ok {
		return true, nil
	}
	r := s.liveLocked(room, m.now())
	return r != nil && r.epoch != "", nil
}
