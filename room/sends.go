package room

import (
	"hash/maphash"
	"slices"

	"barrage/codec"
)

// sends remembers which messages with ids a room's members have had, so that nobody hears one twice
// whose sender says it again while the store, which knows the ids too, is away or has lost them. The
// zero value is ready.
type sends struct{ ring[send] } // bounded by maxSends

// send is one message with an id.
type send struct {
	sum uint64 // of user and id
	at  int64  // hall.coarse when members had it
}

const (
	// maxSends bounds what a room remembers: 64 KiB, four seconds of 1,000 native messages a second. Who
	// was not answered says it again within a few.
	maxSends = 4096
	// sendMemory is for how many seconds an id counts: as long as the store knows it (redisx.OnceFor).
	sendMemory = 120
)

func (s *sends) note(x send) { s.put(x, maxSends) }

// has reports whether members have had the message since then. It looks at all: 2 µs.
func (s *sends) has(sum uint64, since int64) bool {
	return slices.ContainsFunc(s.items, func(x send) bool { return x.sum == sum && x.at >= since })
}

// sumOf is what a message is known by in sends; ok is false where it has no id.
func (h *Hall) sumOf(json string) (sum uint64, ok bool) {
	user, id, ok := codec.SendKey(json)
	if !ok {
		return 0, false
	}
	const odd = 0x9E3779B97F4A7C15 // 2^64 over the golden ratio: user and id do not weigh the same
	return maphash.String(h.seed, user)*odd ^ maphash.String(h.seed, id), true
}

// noteSendLocked remembers that members have had a message. r.mu must be held.
func (r *Room) noteSendLocked(json string) {
	if sum, ok := r.hall.sumOf(json); ok {
		r.sends.note(send{sum, r.hall.coarse.Load()})
	}
}

// hadSendLocked reports whether members have had a message under its id lately. r.mu must be held.
func (r *Room) hadSendLocked(json string) bool {
	sum, ok := r.hall.sumOf(json)
	return ok && r.sends.has(sum, r.hall.coarse.Load()-sendMemory)
}

// doubtLocked has the room look for a while whether what comes from the store was heard before under
// its id: the store may not know it. r.mu must be held.
func (r *Room) doubtLocked() { r.doubtUntil = r.hall.coarse.Load() + sendMemory }

// doubtsLocked reports whether the room looks. r.mu must be held.
func (r *Room) doubtsLocked() bool { return r.local || r.hall.coarse.Load() < r.doubtUntil }
