package redisx

import (
	"context"
	"strings"
	"time"

	"barrage/codec"
)

// Page returns at most limit messages and the position.
func (m *Memory) Page(_ context.Context, room string, before, after uint64, limit int) (codec.History, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.liveLocked(room, m.now())
	if r == nil {
		return codec.History{}, nil
	}
	h := codec.History{Position: r.position()}
	from, to := min(max(after, r.seq-uint64(r.len())), r.seq), r.seq // behind from, up to to
	if before > 0 {
		to = min(to, before-1)
	}
	if most := uint64(max(limit, 0)); to > from && to-from > most {
		if before > 0 {
			from = to - most
		} else {
			to = from + most
		}
	}
	for seq := from + 1; seq <= to; seq++ {
		e := codec.Entry{Seq: seq, JSON: *r.at(r.indexOf(seq))}
		if e.JSON == tombstone {
			e.JSON = ""
		}
		h.Entries = append(h.Entries, e)
	}
	return h, nil
}

// indexOf is the index of message seq; it is not within the ring where there is none.
func (r *memoryRoom) indexOf(seq uint64) int { return len(r.ring) - 1 - int(r.seq-seq) }

// RecallSeq puts a tombstone in the message's place and tells the handler if it subscribed.
func (m *Memory) RecallSeq(_ context.Context, room, user string, seq uint64, notBefore int64) error {
	s := m.publishShard(room)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	ev, wanted, err := m.recallSeq(s, room, user, seq, notBefore)
	if wanted {
		m.events.Add(1)
		m.handler.RoomEvent(room, ev)
	}
	return recallError(room, seq, err)
}

// recallSeq is what RecallSeq does under the shard's lock.
func (m *Memory) recallSeq(s *roomShard, room, user string, seq uint64, notBefore int64) (ev codec.Event, wanted bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.liveLocked(room, m.now())
	if r == nil || seq > r.seq || seq <= r.seq-uint64(r.len()) {
		return ev, false, codec.ErrNoMessage
	}
	index := r.indexOf(seq)
	text := *r.at(index)
	switch {
	case text == tombstone:
		return ev, false, codec.ErrNoMessage
	case !strings.HasPrefix(text, newNeedle(room, user, 0).head):
		return ev, false, codec.ErrNotYours
	case codec.Timestamp(text) < notBefore:
		return ev, false, codec.ErrTooOld
	}
	_, wanted = s.subscribed[room]
	return r.takeOut(index), wanted, nil
}

// sentIDs remembers what was sent under which [sentField], as the publish script does. The
// zero value remembers nothing.
type sentIDs struct {
	bucket       int64
	now, earlier map[string]sentMessage
}

// sentMessage is where a message went.
type sentMessage struct {
	seq uint64
	ts  int64
}

// expire drops the sets that are too old at now.
func (s *sentIDs) expire(now time.Time) {
	bucket := now.UnixNano() / int64(OnceFor)
	for range min(bucket-s.bucket, 2) {
		s.now, s.earlier = nil, s.now
	}
	s.bucket = bucket
}

// find is the message that was sent under a field.
func (s *sentIDs) find(field string) (sent sentMessage, ok bool) {
	if sent, ok = s.now[field]; !ok {
		sent, ok = s.earlier[field]
	}
	return sent, ok
}

// sift returns the drafts without those that were sent before, and the indexes of those.
func (s *sentIDs) sift(drafts []codec.Draft, now time.Time) (fresh []codec.Draft, again []int) {
	fields, ids := sentFields(drafts)
	if !ids {
		return drafts, nil
	}
	s.expire(now)
	here := make(map[string]struct{})
	for i, field := range fields {
		_, before := s.find(field)
		if _, twice := here[field]; before || twice {
			again = append(again, i)
			continue
		}
		fresh = append(fresh, drafts[i])
		if field != "" {
			here[field] = struct{}{}
		}
	}
	return fresh, again
}

// note remembers drafts, which ev has as messages.
func (s *sentIDs) note(drafts []codec.Draft, ev codec.Event) {
	for i := range drafts {
		field := sentField(&drafts[i])
		if field == "" {
			continue
		}
		if s.now == nil {
			s.now = make(map[string]sentMessage)
		}
		s.now[field] = sentMessage{ev.Seq + uint64(i), codec.Timestamp(ev.Messages[i])}
	}
}

// repeats says what became of the drafts at the indexes again, all of which were sent.
func (s *sentIDs) repeats(drafts []codec.Draft, again []int) []codec.Repeat {
	var all []codec.Repeat
	for _, i := range again {
		sent, _ := s.find(sentField(&drafts[i]))
		all = append(all, codec.Repeat{Index: i, Seq: sent.seq, TS: sent.ts})
	}
	return all
}
