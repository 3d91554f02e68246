package redisx

import (
	"context"
	"slices"

	"barrage/internal/chat"
)

// Page returns at most limit messages and the position.
func (m *Memory) Page(_ context.Context, room string, before, after uint64, limit int) (chat.History, error) {
	s := m.shard(room)
	defer s.mu.Unlock()
	r := s.liveLocked(room, m.now())
	if r == nil {
		return chat.History{}, nil
	}
	h := chat.History{Position: r.position()}
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
	fits := budget{left: pageBytes}
	add := func(seq uint64) bool {
		e := chat.Entry{Seq: seq, JSON: r.at(r.indexOf(seq))}
		if !fits.takes(e.JSON) {
			return false
		}
		if e.JSON == tombstone {
			e.JSON = ""
		}
		h.Entries = append(h.Entries, e)
		return true
	}
	if before > 0 { // the newest of them
		for seq := to; seq > from && add(seq); seq-- {
		}
		slices.Reverse(h.Entries)
		return h, nil
	}
	for seq := from + 1; seq <= to && add(seq); seq++ {
	}
	return h, nil
}

// budget is how many bytes are left for an answer; it takes one text at least.
type budget struct {
	left int
	used bool
}

func (b *budget) takes(text string) bool {
	first := !b.used
	b.left, b.used = b.left-len(text), true
	return first || b.left >= 0
}

// indexOf is the index of message seq; it is not within the history where there is none.
func (r *memoryRoom) indexOf(seq uint64) int { return r.len() - 1 - int(r.seq-seq) }
