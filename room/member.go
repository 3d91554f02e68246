package room

// Socket is where a member's bytes go. The gateway's sessions satisfy it.
type Socket interface {
	// Send writes p, which holds whole frames, as far as the socket takes it without
	// blocking. It returns how many bytes count as sent, always a frame boundary of p. The result full says that the
	// socket takes no more now: the member is left alone until [Room.Drained]. A closed socket returns 0, true and is left
	// alone until [Room.Leave]. p is shared by all members: read-only, and not kept after the return. Called by one lane
	// at a time.
	Send(p []byte) (n int, full bool)
}

// Member is one connection in one room: a socket and its place in the room's log.
// The gateway embeds it in its session, so that a member costs no allocation. The
// zero value is ready for [Room.Enter]; a Member is used once.
type Member struct {
	// Immutable after Enter.
	socket Socket
	part   *part

	// Owned by the lane once attached.
	cursor cursor
	index  int32 // Invariant: part.members[index] == this member.
	full   bool  // the socket takes no more; wait for Drained

	// Guarded by part.mu.
	attached bool
	left     bool
}

// Room is the room that m is in, or was; only after Enter.
func (m *Member) Room() *Room { return m.part.stream.room }

// mailKind says what a part's lane has to do about a member.
type mailKind uint8

const (
	mailJoin mailKind = iota
	mailLeave
	mailDrained
)

type mail struct {
	kind   mailKind
	member *Member
	head   uint64 // mailLeave: frames in the log when the member left
}
