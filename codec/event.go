package codec

import (
	"errors"
	"fmt"
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
	// Entries are in order, oldest first. Recalled messages are left out, so
	// sequence numbers may have holes.
	Entries []Entry
}

// EventKind says what happened to a room.
type EventKind uint8

// The kinds of event.
const (
	// EventMessages: new messages, numbered on from Event.Seq without a hole.
	EventMessages EventKind = iota + 1
	// EventRecall: message Event.Seq was taken back by its sender.
	EventRecall
)

// Event is what crosses Redis from the node where something happened to every node
// that has members of the room. One batch of messages is one event.
type Event struct {
	Kind EventKind
	// Epoch and Total are the room's after the event, see [Position].
	Epoch string
	Total uint64
	// Seq is the number of the first of Messages, or of the recalled message.
	Seq uint64
	// Messages are plain JSON objects, oldest first. Shared by all who get the
	// event; read-only, as strings are.
	Messages []string
}

// The wire form of an event is one header line and one line a message; JSON holds no
// raw newline. The digit is the form's version.
//
//	m1 <epoch> <seq> <total>\n<json>\n<json>...
//	r1 <epoch> <seq> <total>
//
// The script in redisx writes the same form.
const (
	headMessages = "m1"
	headRecall   = "r1"
)

// ErrForeignEvent is returned by [ParseEvent] for a payload that is no event of ours,
// such as a single message published by an original FastIM node.
var ErrForeignEvent = errors.New("codec: not an event of this protocol")

// AppendEvent appends the wire form of e to dst.
func AppendEvent(dst []byte, e *Event) []byte {
	head := headMessages
	if e.Kind == EventRecall {
		head = headRecall
	}
	dst = append(dst, head...)
	dst = append(dst, ' ')
	dst = append(dst, e.Epoch...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, e.Total, 10)
	for _, m := range e.Messages {
		dst = append(dst, '\n')
		dst = append(dst, m...)
	}
	return dst
}

// ParseEvent reads the wire form. The messages alias s. It returns [ErrForeignEvent]
// where s does not begin like an event of ours.
func ParseEvent(s string) (Event, error) {
	var e Event
	head, body, hasBody := strings.Cut(s, "\n")
	f := strings.Split(head, " ")
	switch f[0] {
	case headMessages:
		e.Kind = EventMessages
	case headRecall:
		e.Kind = EventRecall
	default:
		return e, ErrForeignEvent
	}
	if len(f) != 4 || f[1] == "" || hasBody != (e.Kind == EventMessages) {
		return Event{}, fmt.Errorf("cannot parse event: header %q has not the form %s <epoch> <seq> <total>", clip(head), f[0])
	}
	var err1, err2 error
	e.Epoch = f[1]
	e.Seq, err1 = strconv.ParseUint(f[2], 10, 64)
	e.Total, err2 = strconv.ParseUint(f[3], 10, 64)
	if err := errors.Join(err1, err2); err != nil || e.Seq == 0 {
		return Event{}, fmt.Errorf("cannot parse event: header %q: seq and total must be whole numbers, seq at least 1", clip(head))
	}
	if e.Kind == EventMessages {
		e.Messages = strings.Split(body, "\n")
	}
	return e, nil
}
