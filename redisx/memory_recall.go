package redisx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// Recall takes the message out of the history and notifies the handler if it subscribed.
func (m *Memory) Recall(_ context.Context, room, user string, ts int64) (chat.Event, error) {
	n := newNeedle(room, user, ts)
	ev, err := m.recall(room, func(r *memoryRoom) (chat.Event, error) {
		if index := r.find(n); index >= 0 {
			return r.takeOut(index, randomName()), nil
		}
		return r.logged(func(ev *chat.Event) bool { return ev.Kind == chat.EventRecall && n.in(ev.Messages[0]) })
	})
	if err != nil {
		return chat.Event{}, fmt.Errorf("cannot recall message %d of %q in room %q: %w", ts, user, room, err)
	}
	return ev, nil
}

// RecallSeq takes the message out of the history and notifies the handler if it subscribed.
func (m *Memory) RecallSeq(_ context.Context, room, user string, known chat.Position, epoch string, seq uint64, notBefore int64) (chat.Event, error) {
	head := headOf(room, user)
	ev, err := m.recall(room, func(r *memoryRoom) (chat.Event, error) {
		r.look(toStore(known))
		return r.recallSeq(head, epoch, seq, notBefore)
	})
	return ev, recallError(room, seq, err)
}

// recall has take do a recall under the shard's lock, and notifies the handler.
func (m *Memory) recall(room string, take func(r *memoryRoom) (chat.Event, error)) (chat.Event, error) {
	s := m.publishShard(room)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.mu.Lock()
	ev, err := chat.Event{}, chat.ErrNoMessage
	if r := s.liveLocked(room, m.now()); r != nil {
		ev, err = take(r)
	}
	_, wanted := s.subscribed[room]
	s.mu.Unlock()
	if err == nil && wanted {
		m.events.Add(1)
		m.handler.RoomEvent(room, ev)
	}
	return ev, err
}

// recallSeq takes out message seq of epoch, whose text must begin with head.
func (r *memoryRoom) recallSeq(head, epoch string, seq uint64, notBefore int64) (chat.Event, error) {
	repeated := func(epoch string) (chat.Event, error) {
		ev, err := r.logged(func(ev *chat.Event) bool {
			// older ones keep their numbers
			return ev.Kind == chat.EventRecall && ev.Seq == seq && (ev.Epoch == epoch || epoch == r.epoch && seq <= r.begun)
		})
		if err == nil && !strings.HasPrefix(ev.Messages[0], head) {
			return chat.Event{}, chat.ErrNotYours
		}
		return ev, err
	}
	if epoch != "" && epoch != r.epoch {
		ev, err := repeated(epoch)
		if errors.Is(err, chat.ErrNoMessage) {
			err = chat.ErrOtherEpoch
		}
		return ev, err
	}
	if seq > r.seq || seq <= r.seq-uint64(r.len()) {
		return chat.Event{}, chat.ErrNoMessage
	}
	index := r.indexOf(seq)
	text := r.at(index)
	switch {
	case text == tombstone:
		return repeated(r.epoch)
	case !strings.HasPrefix(text, head):
		return chat.Event{}, chat.ErrNotYours
	case codec.Timestamp(text) < notBefore:
		return chat.Event{}, chat.ErrTooOld
	}
	return r.takeOut(index, recallName(head)), nil
}

// takeOut puts a tombstone in the place of the message at index, logs the recall under a name and returns
// the event.
func (r *memoryRoom) takeOut(index int, name string) chat.Event {
	text := r.at(index)
	husk, ok := codec.Husk(text)
	if !ok {
		panic("BUG: a message in memory that no node wrote: " + text)
	}
	r.entries[index] = tombstone
	r.bytes += len(tombstone) - len(text)
	r.recalled = max(r.recalled, r.seqAt(index))
	ev := r.change(chat.EventRecall, name)
	ev.Seq, ev.Messages = r.seqAt(index), []string{husk}
	r.log(ev)
	return ev
}

// log logs a recall or a purge.
func (r *memoryRoom) log(ev chat.Event) {
	if len(r.recalls) == chat.RecallsKept {
		r.recalls = append(r.recalls[:0], r.recalls[1:]...)
	}
	r.recalls = append(r.recalls, ev)
	r.taken++
}

// again is an event as one that is repeated.
func again(ev chat.Event) chat.Event {
	ev.Rev, ev.Prev = 0, ""
	return ev
}

// Purge takes messages of a user, or all, out of the history, and notifies the handler if it subscribed.
func (m *Memory) Purge(_ context.Context, room string, known chat.Position, p chat.Purge) (ev chat.Event, n int, err error) {
	ev, err = m.recall(room, func(r *memoryRoom) (ev chat.Event, err error) {
		r.look(toStore(known))
		if r.epoch == "" || p.UpTo != (chat.Place{}) && p.UpTo.Epoch != r.epoch {
			return ev, chat.ErrNoMessage
		}
		if p.User == "" {
			ev, n = r.clear(p, m.now())
		} else {
			ev, n = r.purge(newNeedle(room, p.User, 0).head, p, m.now())
		}
		return ev, nil
	})
	if err != nil {
		return chat.Event{}, 0, fmt.Errorf("cannot take messages of %q out of room %q: %w", p.User, room, err)
	}
	return ev, n, nil
}

// clear takes all up to a number out, or all that is there.
func (r *memoryRoom) clear(p chat.Purge, now time.Time) (ev chat.Event, n int) {
	upTo := r.seq
	if p.UpTo != (chat.Place{}) {
		upTo = min(upTo, p.UpTo.Seq)
	}
	p.UpTo, p.Until = chat.Place{Epoch: r.epoch, Seq: max(upTo, r.cleared)}, cmp.Or(p.Until, now.UnixMilli())
	if upTo <= r.cleared && r.cleared > 0 {
		return chat.Event{Kind: chat.EventPurge, Epoch: r.epoch, Seq: r.cleared, Total: r.position().Total, Tip: moderatedName(), Purge: &p}, 0
	}
	n = r.len() - int(min(r.seq-upTo, uint64(r.len())))
	for _, text := range r.entries[:n] {
		r.bytes -= len(text)
	}
	r.entries, r.base, r.cleared = slices.Clone(r.entries[n:]), max(r.base, upTo), upTo
	return r.purged(p), n
}

// purge takes messages of a user out whose text begins with head.
func (r *memoryRoom) purge(head string, p chat.Purge, now time.Time) (ev chat.Event, n int) {
	r.last.expire(now)
	until := p.Until
	if until == 0 {
		until = max(now.UnixMilli(), r.last.now[p.User], r.last.earlier[p.User])
	}
	for i, text := range r.entries {
		if ts := codec.Timestamp(text); text == tombstone || !strings.HasPrefix(text, head) || ts < p.Since || p.Until != 0 && ts > p.Until {
			continue
		}
		until = max(until, codec.Timestamp(text))
		r.entries[i] = tombstone
		r.bytes += len(tombstone) - len(text)
		r.recalled = max(r.recalled, r.seqAt(i))
		n++
	}
	if n == 0 && p.Until != 0 {
		ev, err := r.logged(func(ev *chat.Event) bool {
			return ev.Kind == chat.EventPurge && ev.Purge.User == p.User && ev.Purge.Since == p.Since && ev.Purge.Until == p.Until
		})
		if err == nil {
			return ev, 0
		}
	}
	if p.Until == 0 {
		r.last.note(p.User, until)
	}
	p.Until, p.UpTo = until, chat.Place{Epoch: r.epoch, Seq: r.seq}
	return r.purged(p), n
}

// purged counts and logs a purge.
func (r *memoryRoom) purged(p chat.Purge) chat.Event {
	ev := r.change(chat.EventPurge, moderatedName())
	ev.Seq, ev.Purge = p.UpTo.Seq, &p
	r.log(ev)
	return ev
}

// logged is the newest logged recall that fits, as one that is repeated.
func (r *memoryRoom) logged(fits func(ev *chat.Event) bool) (chat.Event, error) {
	for _, ev := range slices.Backward(r.recalls) {
		if fits(&ev) {
			return again(ev), nil
		}
	}
	return chat.Event{}, chat.ErrNoMessage
}
