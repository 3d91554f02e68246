package chat

import (
	"strconv"
	"strings"
)

// Position is how far a room has got.
type Position struct {
	// Epoch names the count that Seq belongs to. It changes when the room had to
	// start counting again. Empty: the room has never had a message.
	Epoch string
	// Seq is the number of the room's newest message; the first has 1.
	Seq uint64
	// Total is how many messages were ever sent to the room while it lived. It is
	// Seq less what belongs to an earlier life whose history has expired.
	Total uint64
	// Rev counts what has changed the room in this epoch: a batch that was stored, a recall and a purge are one change
	// each. 0 where nothing has.
	Rev uint64
	// Tip names the newest of these changes: the id of the batch, or of the recall. No two
	// changes share a name, so it shows whether two counts that have come equally far are the same. Empty where there is
	// none.
	Tip string
}

// Same reports whether two positions are one place of one count.
func (p Position) Same(o Position) bool {
	return p.Epoch == o.Epoch && p.Seq == o.Seq && p.Rev == o.Rev && p.Tip == o.Tip
}

// First is the number of the first message of the room's present life; one more than Seq where it has none.
func (p Position) First() uint64 { return p.Seq - min(p.Total, p.Seq) + 1 }

// Generation is the number that the name of an epoch, "<generation>-<random>", begins with. Of two epochs the one of
// the higher generation came later. Names of nodes' own epochs, and those from before generations, have 0.
func Generation(epoch string) uint64 {
	text, _, named := strings.Cut(epoch, "-")
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || !named {
		return 0
	}
	return n
}

// Entry is one message in a room's history.
type Entry struct {
	// Seq is its number, see [Position].
	Seq uint64
	// JSON is the plain JSON object, see [Message].
	JSON string
}

// History is a run of a room's history, read in one step with its position.
type History struct {
	Position
	// Begun is the number that the room had reached when the epoch began: messages up to
	// it come from an earlier count whose history survived. Only from Store.Read.
	Begun uint64
	// Before is the epoch before, if messages up to Begun kept the numbers that they had there. Only from Store.Read.
	Before string
	// Cleared is the number up to which a moderator cleared the room, 0 where none did. Only from Store.Read.
	Cleared uint64
	// Recalls are the room's recalls and purges that the reader does not know, oldest first, as far as
	// the store remembers them. Forgot says that there were others, between what the reader knows and these. Only from
	// Store.Read.
	Recalls []Event
	Forgot  bool
	// Entries are in order, oldest first. Recalled messages are left out, or have no JSON:
	// the call that reads them says which. So sequence numbers may have holes.
	Entries []Entry
	// Cut says that newer entries were left out, because they have too many bytes. Only from Store.Since.
	Cut bool
}

// LocalEpoch begins the name of a node's own numbers, which a room has while the store is away. It means nothing
// to the store.
const LocalEpoch = "l-"

// Unnumbered is the epoch of rooms that original FastIM servers write to as well. Nobody gives numbers there, so a
// message is known by its text alone. Seq and Total are the length of the history, and events of new messages have
// neither epoch nor numbers.
const Unnumbered = "fastim"
