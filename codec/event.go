package codec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
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
	// Rev counts what has changed the room in this epoch: a batch that was stored is one
	// change, a recall is one. 0 where nothing has.
	Rev uint64
	// Tip names the newest of these changes: the id of the batch, or of the recall. No two
	// changes share a name, so it tells whether two counts that have come equally far are
	// the same. Empty where there is none.
	Tip string
}

// Same reports whether two positions are one place of one count.
func (p Position) Same(o Position) bool {
	return p.Epoch == o.Epoch && p.Seq == o.Seq && p.Rev == o.Rev && p.Tip == o.Tip
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
	// Recalls are the room's recalls that the reader does not know, oldest first, as far as
	// the store remembers them. Only from Store.Read.
	Recalls []Event
	// Entries are in order, oldest first. Recalled messages are left out, or have no JSON:
	// the call that reads them says which. So sequence numbers may have holes.
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
	// EventLook: something happened that only the history tells of. Nothing else is in the event, and it
	// has no wire form.
	EventLook
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

// The wire form of an event is one header line and one line a message; JSON holds no
// raw newline. The digit is the form's version.
//
//	m2 <epoch> <seq> <total> <rev> <prev> <tip>\n<json>\n<json>...
//	r2 <epoch> <seq> <total> <rev> <prev> <tip>\n<husk>
//	c1 <online> <likes>
//
// A name that is empty is written as "-".
// The scripts in redisx write the same form.
const (
	headMessages = "m2"
	headRecall   = "r2"
	headCounters = "c1"
	noName       = "-"
)

// ErrForeignEvent is returned by [ParseEvent] for a payload that is no event of ours,
// such as a single message published by an original FastIM node.
var ErrForeignEvent = errors.New("codec: not an event of this protocol")

// AppendEvent appends the wire form of e to dst.
func AppendEvent(dst []byte, e *Event) []byte {
	if e.Kind == EventCounters {
		return appendNumbers(append(dst, headCounters...), e.Counters.Online, e.Counters.Likes)
	}
	head := headMessages
	if e.Kind == EventRecall {
		head = headRecall
	}
	dst = append(append(append(dst, head...), ' '), e.Epoch...)
	dst = appendNumbers(dst, e.Seq, e.Total, e.Rev)
	for _, name := range []string{e.Prev, e.Tip} {
		dst = append(append(dst, ' '), cmp.Or(name, noName)...)
	}
	for _, m := range e.Messages {
		dst = append(append(dst, '\n'), m...)
	}
	return dst
}

func appendNumbers(dst []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		dst = strconv.AppendUint(append(dst, ' '), n, 10)
	}
	return dst
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
	var ok bool
	switch kind {
	case headMessages, headRecall:
		if len(f) != 6 || slices.Contains(f, "") || !hasBody || f[5] == noName {
			return bad(kind + " <epoch> <seq> <total> <rev> <prev> <tip>, then messages")
		}
		e = Event{Kind: EventMessages, Epoch: f[0], Prev: f[4], Tip: f[5], Messages: strings.Split(body, "\n")}
		if e.Prev == noName {
			e.Prev = ""
		}
		ok = parseNumbers(f[1:4], &e.Seq, &e.Total, &e.Rev) && e.Seq > 0
		if kind == headRecall {
			e.Kind = EventRecall
			ok = ok && len(e.Messages) == 1
		} else {
			ok = ok && e.Rev > 0
		}
	case headCounters:
		if len(f) != 2 || hasBody {
			return bad("c1 <online> <likes>")
		}
		e.Kind = EventCounters
		ok = parseNumbers(f, &e.Counters.Online, &e.Counters.Likes)
	default:
		return e, ErrForeignEvent
	}
	if !ok {
		return Event{}, fmt.Errorf("cannot parse event: header %q: its figures must be whole numbers, a sequence number at least 1", clip(head))
	}
	return e, nil
}

// parseNumbers reads one number from each field.
func parseNumbers(fields []string, into ...*uint64) bool {
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return false
		}
		*into[i] = n
	}
	return true
}
