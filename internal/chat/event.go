package chat

// EventKind says what happened to a room.
type EventKind uint8

// The kinds of event.
const (
	// EventMessages: new messages, numbered on from Event.Seq without a hole.
	EventMessages EventKind = iota + 1
	// EventRecall: message Event.Seq was taken back by its sender.
	EventRecall
	// EventCounters: the room's counters changed.
	EventCounters
	// EventLook: something happened that only the history tells of. Nothing else is in the event, and it
	// has no wire form.
	EventLook
	// EventRules: the room's rules changed, see Event.Rules.
	EventRules
	// EventNotice: native members are to be told something. It changes nothing and is never repeated. Messages has
	// the frame.
	EventNotice
	// EventHeld: a message waits for a moderator, or does no more, see Event.Held. It changes nothing in the history.
	EventHeld
)

// Event is what crosses Redis from the node where something happened to every node
// that has members of the room. One batch of messages is one event.
type Event struct {
	Kind EventKind
	// Epoch and Total are the room's after the event, see [Position]. Only in
	// EventMessages and EventRecall.
	Epoch string
	Total uint64
	// Seq is the number of the first of Messages, or of the recalled message.
	Seq uint64
	// Rev and Tip are the room's after the event, see [Position]. Prev is the Tip that the room
	// had before: an event follows a position if Rev is one more and Prev is its Tip. Where
	// Rev is 0 the event is no change: it repeats a recall for those who missed it.
	Rev       uint64
	Prev, Tip string
	// Counters are the room's over all nodes, only in EventCounters.
	Counters Counters
	// Messages are plain JSON objects, oldest first. Shared by all who get the
	// event; read-only, as strings are. A recall has one, the [Husk] of the message.
	Messages []string
	// Storm is how much the room has to leave out, only in EventMessages.
	Storm Storm
	// Rules is what changed, only in EventRules. Read-only.
	Rules *RulesChange
	// Held is the message, and HeldState what became of it, only in EventHeld.
	Held      Held
	HeldState HeldState
}

// Follows reports whether the event is the next change of a room that stands at p.
func (e *Event) Follows(p Position) bool {
	return e.Epoch == p.Epoch && e.Rev == p.Rev+1 && e.Prev == p.Tip ||
		p.Epoch == "" && e.Rev == 1 && e.Seq == 1 // a room that never had a message has no epoch
}

// After is where a room stands that has taken the event at p.
func (e *Event) After(p Position) Position {
	next := Position{Epoch: e.Epoch, Seq: p.Seq, Total: e.Total, Rev: e.Rev, Tip: e.Tip}
	if e.Kind == EventMessages {
		next.Seq = e.Seq + uint64(len(e.Messages)) - 1
	}
	return next
}
