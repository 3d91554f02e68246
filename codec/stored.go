package codec

// Stored is what became of a batch of drafts.
type Stored struct {
	// Position is the room's behind the batch.
	Position
	// Repeats are the drafts that were not stored, because their sender had published one
	// with the same ID before. In the order of the drafts; nil where there are none.
	Repeats []Repeat
}

// Repeat is a draft that was stored before.
type Repeat struct {
	// Index is its place among the drafts.
	Index int
	// Seq and TS are those of the message that was stored. In rooms that are [Unnumbered]
	// Seq is where the message stood then.
	Seq uint64
	TS  int64
}
