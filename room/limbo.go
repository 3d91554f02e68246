package room

import (
	"math"
	"slices"

	"barrage/codec"
)

// A batch that was tried and then given up may have been carried out all the same, or may be yet: a
// store that hangs finds it in its socket when it goes on. So the room remembers it until that can be
// told: its event or the history has it; or a later batch of this node has come back, for the store
// does not carry out an earlier one behind it (Store.Publish). Only then it is known, and counted,
// what of it no other node ever saw.

const (
	// limboLife is how many seconds after the store is back a batch in limbo is forgotten in a room to
	// which nobody here posts: TCP tries a lost segment again within two minutes (RFC 6298 section 2.5
	// lets a kernel wait 60 s and more, Linux up to 120 s).
	limboLife = 120
	// mostMoved is how many milliseconds the store may have moved a ts on for a batch to be looked for in
	// the history, where only its texts tell: as long as its user may have gone on over another node
	// while it was in limbo. Too much, and the same words said again pass for the batch.
	mostMoved = limboLife * 1000
	// maxLimbo bounds a room's batches in limbo. More come only from a store that hangs, answers and
	// hangs again; the oldest is forgotten.
	maxLimbo = 8
)

// limboLocked takes f, which is given up, and tells its authors that nobody knows. r.mu must be held.
func (r *Room) limboLocked(f flight) {
	r.refuseLocked(f.posts, CodeUnconfirmed)
	if f.came {
		return // only its answer is missing
	}
	f.since = r.hall.coarse.Load()
	r.hall.stats.limbo.Add(int64(len(f.posts)))
	if r.limbo = append(r.limbo, f); len(r.limbo) > maxLimbo {
		second := r.limbo[1].number
		r.forgetLimboLocked(func(o flight) bool { return o.number < second })
	}
}

// forgetLimboLocked takes the batches that gone names out of limbo: the store does not have them, and
// will not. r.mu must be held.
func (r *Room) forgetLimboLocked(gone func(flight) bool) {
	if len(r.limbo) == 0 {
		return
	}
	r.limbo = slices.DeleteFunc(r.limbo, func(f flight) bool {
		if !gone(f) {
			return false
		}
		r.hall.stats.limbo.Add(-int64(len(f.posts)))
		r.countGivenUpLocked(f.posts)
		return true
	})
	if len(r.limbo) == 0 {
		r.limbo = nil
	}
}

// foundLocked notes that the store has the batch f, of which members may have heard what is among
// entries. r.mu must be held.
func (r *Room) foundLocked(f flight, epoch string, entries []codec.Entry) (ok bool) {
	at, ok := placesIn(f.posts, entries, math.MaxInt64)
	if !ok {
		return false
	}
	for i := range f.posts {
		if f.posts[i].heard && at[i] > 0 {
			r.heard = append(r.heard, span{epoch, at[i], at[i] + 1, f.posts[i].draft.Head})
		}
	}
	return true
}

// foundInLimboLocked is foundLocked for a batch in limbo, which ends that. r.mu must be held.
func (r *Room) foundInLimboLocked(i int, epoch string, entries []codec.Entry) {
	f := r.limbo[i]
	if !r.foundLocked(f, epoch, entries) {
		return
	}
	r.hall.stats.limbo.Add(-int64(len(f.posts)))
	if r.limbo = slices.Delete(r.limbo, i, i+1); len(r.limbo) == 0 {
		r.limbo = nil
	}
}

// placesIn is the numbers under which the posts of one batch stand in entries, from the first one on;
// 0 for what the store left out, because it had it under the same id. most bounds how far the store moved
// a ts, see post.is. ok is false where that is another batch.
func placesIn(posts []post, entries []codec.Entry, most int64) (at []uint64, ok bool) {
	at = make([]uint64, len(posts))
	next := 0
	for i := range posts {
		switch {
		case next < len(entries) && posts[i].is(entries[next].JSON, most):
			at[i] = entries[next].Seq
			next++
		case posts[i].draft.ID == "":
			return nil, false
		}
	}
	return at, next > 0
}

// whereIs is the index of the first of entries that are a batch, -1 where none is. A batch that lacks
// messages is told by one without an id: of the others each may have been said again alone.
func whereIs(posts []post, entries []codec.Entry) int {
	plain := slices.ContainsFunc(posts, func(p post) bool { return p.draft.ID == "" })
	for i := range entries {
		if at, ok := placesIn(posts, entries[i:], mostMoved); ok && (plain || !slices.Contains(at, 0)) {
			return i
		}
	}
	return -1
}
