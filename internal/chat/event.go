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
	// EventLook: something happened of which only the history has a record. Nothing else is in the event, and it has no
	// wire form.
	EventLook
	// EventRules: the room's rules changed, see Event.Rules.
	EventRules
	// EventHeld: a message waits for a moderator, or does no more, see Event.Held. It changes nothing in the history.
	EventHeld
	// EventPurge: a moderator took away the messages of a user, or all, see Event.Purge.
	EventPurge
)

// Event is what crosses Redis from the node where something happened to every node
// that has members of the room. One batch of messages is one event.
type Event struct {
	Kind EventKind
	// Epoch and Total are the room's after the event, see [Position]. Only in
	// EventMessages, EventRecall and EventPurge.
	Epoch string
	Total uint64
	// Seq is the number of the first of Messages, or of the recalled message, or Purge.UpTo's.
	Seq uint64
	// Rev and Tip are the room's after the event, see [Position]. Prev is the Tip that the room
	// had before: an event follows a position if Rev is one more and Prev is its Tip. Where
	// Rev is 0 the event is no change: it repeats a recall or a purge for those who missed it.
	Rev       uint64
	Prev, Tip string
	// Counters are the room's over all nodes, only in EventCounters.
	Counters Counters
	// Messages are plain JSON objects, oldest first. Shared by all who get the
	// event; read-only, as strings are. A recall has one, the message as codec.Husk leaves it.
	Messages []string
	// Storm is how much the room has to leave out, only in EventMessages.
	Storm Storm
	// Rules is what changed, only in EventRules. Read-only.
	Rules *RulesChange
	// Held is the message, and HeldState what became of it, only in EventHeld.
	Held      Held
	HeldState HeldState
	// Purge is what was taken away, only in EventPurge. Read-only.
	Purge *Purge
}

// Purge is what a moderator takes away at once: messages of a user, or all messages of a room, which clears it.
// Timestamps name the messages of a user, who has no two with the same one.
type Purge struct {
	// User is whose they are; empty: everybody's.
	User string
	// Since and Until are the least and the greatest timestamp of a user's messages, in Unix ms. Asked of the store
	// Until may be 0: those that are there now. Where all go, Until is when that was; asked with 0 it is now.
	Since, Until int64
	// UpTo is where the room stood: messages behind it came later. Of all messages those up to there are taken. Asked of
	// the store it may be the zero value: where it stands.
	UpTo Place
}

// Takes reports whether a message is among what was taken away; seq is its number in an epoch, 0 where it has none.
func (p *Purge) Takes(user string, ts int64, epoch string, seq uint64) bool {
	here := epoch == p.UpTo.Epoch && seq > 0
	if p.User == "" {
		return here && seq <= p.UpTo.Seq
	}
	return user == p.User && p.Since <= ts && ts <= p.Until && (!here || seq <= p.UpTo.Seq)
}

// Recalls reports whether the event says that messages were taken away.
func (e *Event) Recalls() bool { return e.Kind == EventRecall || e.Kind == EventPurge }

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
