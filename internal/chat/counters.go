package chat

// Counters are what a room counts, over all nodes together.
type Counters struct {
	// Online is how many members it has.
	Online uint64
	// Likes is how many likes it was ever given while it lived.
	Likes uint64
}

// Report is what one node sends to the store about one room.
type Report struct {
	// Room is the room's id.
	Room string
	// Online is how many members the room has on that node now.
	Online uint64
	// Likes is how many likes it was given on that node since the last report.
	Likes uint64
	// KnownLikes is how many the node believes that it had before: the store takes them where it has lost some.
	KnownLikes uint64
	// Known is where the node knows the room to stand, see [Batch].
	Known Position
}

// Standing is what the store answers to a [Report].
type Standing struct {
	// Position is the room's; Total is not read. The zero value: it never had a message.
	Position
	// Counters are the room's, the report included.
	Counters
	// Rules is the version of the room's rules, see [Rules].
	Rules string
}
