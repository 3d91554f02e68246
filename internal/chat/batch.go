package chat

import (
	"strconv"
	"strings"
	"time"
)

// Batch is what one call takes to the store: drafts of one room, all or none.
type Batch struct {
	// ID is "<node>.<n>", where n counts up within the room, to 2^53 at most.
	ID string
	// Known is where the node knows the room to stand. A store that has not come as far has
	// gone back, and begins a new epoch.
	Known Position
	// Try counts the times that the batch was given to the store before and no answer came. From 1
	// on the store looks more closely whether it has the drafts.
	Try int
	// Rules is the version of the rules that the drafts were judged by. A store that has another one
	// stores nothing: see [ErrStale].
	Rules string
	// Dropped is how many messages of classes normal and low the node has left out since its last batch.
	Dropped [2]uint64
	// Drafts are the messages, oldest first.
	Drafts []Draft
}

// Tip names the change that this try makes. A try that was lost with the store's newest data and a
// later one that was stored again have two names. So no name stands in two histories that differ before it.
func (b *Batch) Tip() string { return b.ID + "." + strconv.Itoa(b.Try) }

// BatchOf is the id of the batch whose [Batch.Tip] it is, "" where it is a recall's.
func BatchOf(tip string) string { return tip[:max(strings.LastIndexByte(tip, '.'), 0)] }

// Stored is what became of a batch.
type Stored struct {
	// Event is what nodes receive of it. It has the drafts that were stored, in order, as Messages. Where there are none,
	// its Epoch, Total and Rev are the room's and Seq is 0.
	Event Event
	// Repeats are the drafts that were not stored, because the room has them. Their sender had published one with the same
	// ID before, or an earlier try had got through. In the order of the drafts; nil where there are none.
	Repeats []Repeat
	// Refused are the drafts that were not stored because their senders send too much. In the order of the drafts; nil
	// where there are none.
	Refused []RefusedDraft
	// Doubtful says that all this is done, and that a failover may undo it: too few replicas have it.
	Doubtful bool
}

// RefusedDraft is a draft that is not stored.
type RefusedDraft struct {
	Index int           // its place among the drafts
	Wait  time.Duration // after which its sender may send it again
	Mark  MarkKind      // of which mark it stumbled over; 0: its sender sends too much
}

// MarkKind is what a [Mark] keeps apart.
type MarkKind byte

// The kinds of marks.
const (
	MarkUser MarkKind = 's' // a user's messages, in slow mode
	MarkSame MarkKind = 'd' // the same text of one user
	MarkText MarkKind = 'u' // the same text of anybody
	// MarkQuota is no mark: the room has its [Quota].
	MarkQuota MarkKind = 'q'
	// MarkHeld is no mark: the draft's Held waits no more.
	MarkHeld MarkKind = 'h'
)

// Mark is left in a room by a draft that is stored: while it lasts no other draft with the same mark is.
type Mark struct {
	Kind MarkKind
	Name string        // the rest of its name: the user, or a digest of the text
	Life time.Duration // at most six hours
}

// Screened is what the store answers about a draft that somebody is to look at before it is stored. The zero value:
// look.
type Screened struct {
	// TS is not 0 where the room has the message, which its sender had published with the same ID: its timestamp in Unix
	// ms. Seq is its number in Epoch, the room's of now; 0 where it has none there.
	TS    int64
	Seq   uint64
	Epoch string
	// Wait is not 0 where the draft stumbles over a mark: after what time its sender may send it again.
	Wait time.Duration
	Mark MarkKind
}

// Repeat is a draft that was stored before.
type Repeat struct {
	// Index is its place among the drafts.
	Index int
	// Seq and TS are those of the message that was stored. Seq is a number of the epoch
	// in Stored.Event, 0 where the message has none in it: its history is gone. In rooms that
	// are [Unnumbered] Seq is where the message stood then.
	Seq uint64
	TS  int64
}
