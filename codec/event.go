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

// Unnumbered is the epoch of rooms that original FastIM servers write to as well: nobody
// gives numbers there, so a message is known by its text alone. Seq and Total are the
// length of the history, and events of new messages have neither epoch nor numbers.
const Unnumbered = "fastim"

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
)

// Event is what crosses Redis from the node where something happened to every node
// that has members of the room. One batch of messages is one event.
type Event struct {
	Kind EventKind
	// Epoch and Total are the room's after the event, see [Position]. Not in
	// EventCounters.
	Epoch string
	Total uint64
	// Seq is the number of the first of Messages, or of the recalled message.
	Seq uint64
	// Batch is the id that whoever published Messages gave them, see [Draft]. Only in
	// EventMessages.
	Batch string
	// Counters are the room's over all nodes, only in EventCounters.
	Counters Counters
	// Messages are plain JSON objects, oldest first. Shared by all who get the
	// event; read-only, as strings are.
	Messages []string
}

// The wire form of an event is one header line and one line a message; JSON holds no
// raw newline. The digit is the form's version.
//
//	m1 <epoch> <seq> <total> <batch>\n<json>\n<json>...
//	r1 <epoch> <seq> <total>
//	c1 <online> <likes>
//
// The scripts in redisx write the same form.
const (
	headMessages = "m1"
	headRecall   = "r1"
	headCounters = "c1"
)

// ErrForeignEvent is returned by [ParseEvent] for a payload that is no event of ours,
// such as a single message published by an original FastIM node.
var ErrForeignEvent = errors.New("codec: not an event of this protocol")

// AppendEvent appends the wire form of e to dst.
func AppendEvent(dst []byte, e *Event) []byte {
	switch e.Kind {
	case EventCounters:
		return appendHead(dst, headCounters, e.Counters.Online, e.Counters.Likes)
	case EventRecall:
		return appendHead(dst, headRecall+" "+e.Epoch, e.Seq, e.Total)
	default:
		dst = appendHead(dst, headMessages+" "+e.Epoch, e.Seq, e.Total)
		dst = append(append(dst, ' '), e.Batch...)
		for _, m := range e.Messages {
			dst = append(append(dst, '\n'), m...)
		}
		return dst
	}
}

func appendHead(dst []byte, head string, a, b uint64) []byte {
	dst = append(dst, head...)
	dst = strconv.AppendUint(append(dst, ' '), a, 10)
	return strconv.AppendUint(append(dst, ' '), b, 10)
}

// ParseEvent reads the wire form. The strings alias s. It returns [ErrForeignEvent]
// where s does not begin like an event of ours.
func ParseEvent(s string) (Event, error) {
	head, body, hasBody := strings.Cut(s, "\n")
	kind, rest, _ := strings.Cut(head, " ")
	f := strings.Split(rest, " ")
	bad := func(want string) (Event, error) {
		return Event{}, fmt.Errorf("cannot parse event: header %q has not the form %s", clip(head), want)
	}
	var e Event
	var err1, err2 error
	switch kind {
	case headMessages:
		if len(f) != 4 || f[0] == "" || f[3] == "" || !hasBody {
			return bad("m1 <epoch> <seq> <total> <batch>, then messages")
		}
		e.Kind, e.Epoch, e.Batch = EventMessages, f[0], f[3]
		e.Seq, err1 = strconv.ParseUint(f[1], 10, 64)
		e.Total, err2 = strconv.ParseUint(f[2], 10, 64)
		e.Messages = strings.Split(body, "\n")
	case headRecall:
		if len(f) != 3 || f[0] == "" || hasBody {
			return bad("r1 <epoch> <seq> <total>")
		}
		e.Kind, e.Epoch = EventRecall, f[0]
		e.Seq, err1 = strconv.ParseUint(f[1], 10, 64)
		e.Total, err2 = strconv.ParseUint(f[2], 10, 64)
	case headCounters:
		if len(f) != 2 || hasBody {
			return bad("c1 <online> <likes>")
		}
		e.Kind = EventCounters
		e.Counters.Online, err1 = strconv.ParseUint(f[0], 10, 64)
		e.Counters.Likes, err2 = strconv.ParseUint(f[1], 10, 64)
	default:
		return e, ErrForeignEvent
	}
	if errors.Join(err1, err2) != nil || e.Seq == 0 && e.Kind != EventCounters {
		return Event{}, fmt.Errorf("cannot parse event: header %q: its figures must be whole numbers, a sequence number at least 1", clip(head))
	}
	return e, nil
}
