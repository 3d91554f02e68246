package redisx

import (
	"time"

	"barrage/codec"
	"barrage/internal/chat"
)

// sentIDs remembers what was sent under which [sentField], as publish.lua does. The zero value
// remembers nothing.
type sentIDs struct {
	bucket       int64
	now, earlier map[string]sentMessage
}

// sentMessage is where a message went.
type sentMessage struct {
	epoch string
	seq   uint64
	ts    int64
}

// expire drops the sets that are too old at now.
func (s *sentIDs) expire(now time.Time) {
	bucket := now.UnixNano() / int64(chat.IDLife)
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

// remember remembers drafts, which ev has as messages.
func (s *sentIDs) remember(drafts []chat.Draft, ev chat.Event) {
	for i := range drafts {
		field := sentField(&drafts[i])
		if field == "" {
			continue
		}
		if s.now == nil {
			s.now = make(map[string]sentMessage)
		}
		s.now[field] = sentMessage{ev.Epoch, ev.Seq + uint64(i), codec.Timestamp(ev.Messages[i])}
	}
}

// dedupe returns the drafts that the room does not have, and for each other one, by its index,
// the message that it repeats. That is zero where it repeats an earlier draft. With search it
// looks for all drafts in the history.
func (r *memoryRoom) dedupe(drafts []chat.Draft, search bool, now time.Time) (fresh []chat.Draft, repeats map[int]sentMessage) {
	fields, ids := sentFields(drafts)
	if !ids && !search {
		return drafts, nil
	}
	r.sent.expire(now)
	var index map[string]sentMessage // Made when something must be looked for.
	there := func(d *chat.Draft) (sentMessage, bool) {
		if index == nil {
			index = r.index()
		}
		sent, ok := index[keyOf(d.JSON(d.TS))]
		return sent, ok
	}
	repeats = make(map[int]sentMessage)
	here := make(map[string]struct{})
	for i := range drafts {
		field := sentField(&drafts[i])
		sent, ok := r.sent.find(field)
		switch {
		case field != "" && ok && sent.epoch != r.epoch:
			left, _ := there(&drafts[i])
			if left.ts != sent.ts {
				left.seq = 0
			}
			repeats[i] = sentMessage{r.epoch, left.seq, sent.ts}
			continue
		case field != "" && ok:
			repeats[i] = sent
			continue
		}
		if search {
			if sent, ok := there(&drafts[i]); ok && drafts[i].TS-sent.ts <= 2*chat.IDLife.Milliseconds() {
				repeats[i] = sent
				continue
			}
		}
		if _, twice := here[field]; twice {
			repeats[i] = sentMessage{}
			continue
		}
		fresh = append(fresh, drafts[i])
		if ids && fields[i] != "" {
			here[field] = struct{}{}
		}
	}
	return fresh, repeats
}

// repeats returns what became of the drafts that were not stored. Those that repeat an earlier
// draft of the batch have been remembered by now.
func (r *memoryRoom) repeats(drafts []chat.Draft, all map[int]sentMessage) []chat.Repeat {
	var repeats []chat.Repeat
	for i := range drafts {
		sent, ok := all[i]
		if !ok {
			continue
		}
		if sent.epoch == "" {
			sent, _ = r.sent.find(sentField(&drafts[i]))
		}
		repeats = append(repeats, chat.Repeat{Index: i, Seq: sent.seq, TS: sent.ts})
	}
	return repeats
}

// index is where the messages are that have a name in the history or the log of recalls.
func (r *memoryRoom) index() map[string]sentMessage {
	index := make(map[string]sentMessage)
	for _, ev := range r.recalls {
		if ev.Kind != chat.EventRecall { // a purge names no messages
			continue
		}
		sent := sentMessage{r.epoch, 0, codec.Timestamp(ev.Messages[0])}
		if ev.Epoch == r.epoch {
			sent.seq = ev.Seq
		}
		index[keyOf(ev.Messages[0])] = sent
	}
	for i := range r.len() {
		text := r.at(i)
		index[keyOf(text)] = sentMessage{r.epoch, r.seqAt(i), codec.Timestamp(text)}
	}
	delete(index, "") // Those without a name.
	return index
}

// keyOf is what a stored message is known by, see [codec.SendKey]; empty where it has no name.
func keyOf(stored string) string {
	user, id, ok := codec.SendKey(stored)
	if !ok {
		return ""
	}
	return user + id
}
