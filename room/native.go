package room

import (
	"strconv"

	"barrage/codec"
)

// This file is what rooms do for members that speak barrage.v1 (docs/protocol.md).

// Answer tells the author of a message with an id what became of it.
type Answer struct {
	From Author
	ID   string
	// Code is why it was not taken, "" where it was: then Seq and TS are the message's.
	Code string
	Seq  uint64
	TS   int64
}

// The codes of answers.
const (
	// CodeExpired: the store was away for too long, and does not have it.
	CodeExpired = "expired"
	// CodeUnconfirmed: the store was away for too long, and may have it or not. Said again
	// under the same id it is stored once.
	CodeUnconfirmed = "unconfirmed"
	// CodeStore: the store refused it.
	CodeStore = "store_refused"
	// CodeBusy: too many messages wait.
	CodeBusy = "busy"
)

// answerLocked notes an answer, if the post wants one. r.mu must be held; whoever unlocks
// it does so with unlock.
func (r *Room) answerLocked(p *post, code string, seq uint64, ts int64) {
	if p.draft.ID != "" && p.from != nil && r.hall.cfg.Answer != nil {
		r.answers = append(r.answers, Answer{From: p.from, ID: p.draft.ID, Code: code, Seq: seq, TS: ts})
	}
}

// refuseLocked notes for all posts that they were not taken. r.mu must be held.
func (r *Room) refuseLocked(posts []post, code string) {
	for i := range posts {
		r.answerLocked(&posts[i], code, 0, 0)
	}
}

// acceptLocked notes for all posts that the store has them, from number seq on. r.mu must be held.
func (r *Room) acceptLocked(posts []post, seq uint64) {
	for i := range posts {
		r.answerLocked(&posts[i], "", seq+uint64(i), posts[i].draft.TS)
	}
}

// unlock unlocks r.mu and gives the answers that were noted under it.
func (r *Room) unlock() {
	answers := r.answers
	r.answers = nil
	r.mu.Unlock()
	for _, a := range answers {
		r.hall.cfg.Answer(a)
	}
}

// localEpoch names the count of messages that members had before the store. r.mu must be
// held.
func (r *Room) localEpoch() string {
	return "l-" + r.hall.cfg.Node + "-" + strconv.Itoa(r.locals)
}

// Arrival is what a native member is told first.
type Arrival struct {
	// Position is where the member stands; messages behind it come by themselves.
	codec.Position
	codec.Counters
	// Recovered: Messages are all that the member missed since the position it named.
	// Else they are the newest.
	Recovered bool
	// Messages are oldest first.
	Messages []codec.Entry
	// Recalled are the numbers of messages that the member may have and that were taken back
	// lately, as far as this node knows. Only where Recovered is true.
	Recalled []uint64
}

// MaxResume is how many messages a member that comes back may have missed; who missed more
// begins anew.
const MaxResume = 1000

// Lacks reports whether a member that comes back with since needs more than the room has
// at hand: then the caller reads the history behind since, at most [MaxResume] messages,
// for [Room.EnterNative].
func (r *Room) Lacks(since codec.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.local || since.Epoch == "" || since.Epoch != r.pos.Epoch || since.Seq >= r.pos.Seq || r.pos.Seq-since.Seq > MaxResume {
		return false
	}
	return !r.coversLocked(since.Seq)
}

// coversLocked reports whether newest has all that came behind seq. r.mu must be held.
func (r *Room) coversLocked(seq uint64) bool {
	return seq >= r.pos.Seq || len(r.newest.entries) > 0 && r.newest.entries[0].Seq <= seq+1
}

// EnterNative is [Room.Enter] for a member that speaks barrage.v1. since is where the
// member has got, the zero value where it begins; read is what the history has behind
// since, where [Room.Lacks] asked for it.
func (r *Room) EnterNative(m *Member, s Socket, f Flavour, since codec.Position, read codec.History) Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := Arrival{Position: r.positionLocked()}
	r.enterLocked(m, s, f)
	a.Counters = r.countersLocked()
	if st := r.streams[f]; st.members == 1 {
		st.epoch, st.next, st.counters = a.Epoch, a.Seq+1, a.Counters
	}
	if a.Messages, a.Recovered = r.resumeLocked(since, read); !a.Recovered {
		a.Messages = r.newest.last(r.hall.cfg.OnJoin)
	}
	a.Messages = append([]codec.Entry(nil), a.Messages...)
	if a.Recovered && r.recalled.epoch == since.Epoch {
		for _, seq := range r.recalled.seqs.inOrder() {
			if seq <= since.Seq {
				a.Recalled = append(a.Recalled, seq)
			}
		}
	}
	return a
}

// recalled is what was taken back lately.
type recalled struct {
	epoch string
	seqs  ring[uint64] // bounded by maxRecalls
}

// noteRecallLocked remembers that message seq of the present epoch was taken back. r.mu must be held.
func (r *Room) noteRecallLocked(seq uint64) {
	if r.recalled.epoch != r.pos.Epoch {
		r.recalled = recalled{epoch: r.pos.Epoch}
	}
	r.recalled.seqs.put(seq, maxRecalls)
}

// resumeLocked is all that came behind since; ok is false where that cannot be told. r.mu
// must be held.
func (r *Room) resumeLocked(since codec.Position, read codec.History) (missed []codec.Entry, ok bool) {
	if r.local || since.Epoch == "" || since.Epoch != r.pos.Epoch || since.Seq > r.pos.Seq {
		return nil, false
	}
	from := since.Seq
	if !r.coversLocked(from) {
		n := len(read.Entries)
		whole := read.Epoch == r.pos.Epoch && n > 0 && read.Entries[0].Seq == from+1 && (n < MaxResume || read.Entries[n-1].Seq == read.Seq)
		if !whole || !r.coversLocked(read.Seq) {
			return nil, false
		}
		missed, from = read.Entries, read.Seq
	}
	for _, e := range r.newest.entries {
		if e.Seq > from {
			missed = append(missed, e)
		}
	}
	return missed, true
}

// nativesLocked calls f for each native stream that has members. r.mu must be held.
func (r *Room) nativesLocked(f func(*stream)) {
	for _, st := range r.streams[Native:] {
		if st != nil && st.members > 0 {
			f(st)
		}
	}
}

// tellEpochLocked tells native members where the room stands, if they believe something
// else. r.mu must be held.
func (r *Room) tellEpochLocked() {
	if r.local {
		return
	}
	r.nativesLocked(func(st *stream) {
		st.move(r.pos.Epoch, r.pos.Seq+1)
		st.wake()
	})
}

// tellCountersLocked tells native members what the room counts, if that has changed. r.mu
// must be held.
func (r *Room) tellCountersLocked() {
	r.nativesLocked(func(st *stream) {
		if now := r.countersLocked(); st.counters != now {
			st.counters = now
			st.control(codec.CountersText(now))
		}
	})
}

// Announce puts text, a frame of barrage.v1 that is no message, before every native member
// of every room.
func (h *Hall) Announce(text string) {
	h.each(func(r *Room) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nativesLocked(func(st *stream) { st.control(text) })
	})
}
