package codec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"barrage/internal/chat"
)

// The wire form of an event is one header line and one line a message; JSON holds no
// raw newline. The digit is the form's version.
//
//	m2 <epoch> <seq> <total> <rev> <prev> <tip>\n<json>\n<json>...
//	m3 <epoch> <seq> <total> <rev> <prev> <tip> <level> <offered> <shown>\n<json>...   m2 in a storm
//	r2 <epoch> <seq> <total> <rev> <prev> <tip>\n<husk>
//	p1 <epoch> <seq> <total> <rev> <prev> <tip>\n<purge>   a purge, up to message seq
//	c1 <online> <likes>
//	x2 <prev> <version>\n<fields>                 rules, see rules.go
//	h1 <state>\n<entry>                           a message that waits for a moderator, or does no more, see held.go
//
// A name that is empty is written as "-".
// The scripts in redisx write the same form.
const (
	headMessages = "m2"
	headStorm    = "m3"
	headRecall   = "r2"
	headCounters = "c1"
	headPurge    = "p1"
	headRules    = "x2"
	headHeld     = "h1"
	noName       = "-"
)

// ErrForeignEvent is returned by [ParseEvent] for a payload that is no event of ours,
// such as a single message published by an original FastIM node.
var ErrForeignEvent = errors.New("codec: not an event of this protocol")

// AppendEvent appends the wire form of e to dst.
func AppendEvent(dst []byte, e *chat.Event) []byte {
	if e.Kind == chat.EventCounters {
		return appendNumbers(append(dst, headCounters...), e.Counters.Online, e.Counters.Likes)
	}
	if e.Kind == chat.EventRules {
		return appendRules(dst, e.Rules)
	}
	if e.Kind == chat.EventHeld {
		return append(append(append(append(append(dst, headHeld...), ' '), e.HeldState...), '\n'), HeldEntry(&e.Held)...)
	}
	head := headMessages
	switch {
	case e.Kind == chat.EventRecall:
		head = headRecall
	case e.Kind == chat.EventPurge:
		head = headPurge
	case e.Storm != chat.Storm{}:
		head = headStorm
	}
	dst = append(append(append(dst, head...), ' '), e.Epoch...)
	dst = appendNumbers(dst, e.Seq, e.Total, e.Rev)
	for _, name := range []string{e.Prev, e.Tip} {
		dst = append(append(dst, ' '), cmp.Or(name, noName)...)
	}
	if head == headStorm {
		dst = appendNumbers(dst, uint64(e.Storm.Level), e.Storm.Offered, e.Storm.Shown)
	}
	for _, m := range e.Messages {
		dst = append(append(dst, '\n'), m...)
	}
	if e.Kind == chat.EventPurge {
		dst = appendPurge(append(dst, '\n'), e.Purge)
	}
	return dst
}

// purgeBody is what an event has of a purge beside its header.
type purgeBody struct {
	User  string `json:"userId"`
	Since int64  `json:"since"`
	Until int64  `json:"until"`
}

// PurgeBegin is the body of the event of a purge up to the number of Until; a brace ends it behind that.
func PurgeBegin(p *chat.Purge) string {
	return `{"userId":` + quote(p.User) + `,"since":` + strconv.FormatInt(p.Since, 10) + `,"until":`
}

func appendPurge(dst []byte, p *chat.Purge) []byte {
	return append(strconv.AppendInt(append(dst, PurgeBegin(p)...), p.Until, 10), '}')
}

// parsePurge reads the body of a purge whose header is e's.
func parsePurge(e *chat.Event, body string) bool {
	var b purgeBody
	if strict.UnmarshalFromString(body, &b) != nil {
		return false
	}
	e.Kind, e.Messages = chat.EventPurge, nil
	e.Purge = &chat.Purge{User: b.User, Since: b.Since, Until: b.Until, UpTo: chat.Place{Epoch: e.Epoch, Seq: e.Seq}}
	return true
}

func appendNumbers(dst []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		dst = strconv.AppendUint(append(dst, ' '), n, 10)
	}
	return dst
}

// parseNumbered reads an event that has a place in the count of its room, from the six
// fields of its head and from its body.
func parseNumbered(e *chat.Event, kind string, f []string, body string) bool {
	e.Kind, e.Epoch, e.Tip, e.Messages = chat.EventMessages, f[0], f[5], strings.Split(body, "\n")
	if f[4] != noName {
		e.Prev = f[4]
	}
	ok := parseNumbers(f[1:4], &e.Seq, &e.Total, &e.Rev) && (e.Seq > 0 || kind == headPurge)
	switch kind {
	case headRecall:
		e.Kind = chat.EventRecall
		return ok && len(e.Messages) == 1
	case headPurge:
		return ok && parsePurge(e, body)
	}
	return ok && e.Rev > 0
}

// ParseEvent reads the wire form. The strings alias s. It returns [ErrForeignEvent]
// where s does not begin like an event of ours.
func ParseEvent(s string) (chat.Event, error) {
	head, body, hasBody := strings.Cut(s, "\n")
	kind, rest, _ := strings.Cut(head, " ")
	f := strings.Split(rest, " ")
	bad := func(want string) (chat.Event, error) {
		return chat.Event{}, fmt.Errorf("cannot parse event: header %q has not the form %s", clip(head), want)
	}
	var e chat.Event
	ok := true
	if kind == headStorm {
		if len(f) != 9 {
			return bad("m3 <epoch> <seq> <total> <rev> <prev> <tip> <level> <offered> <shown>, then messages")
		}
		var level uint64
		ok = parseNumbers(f[6:], &level, &e.Storm.Offered, &e.Storm.Shown) && level <= chat.StormMost
		e.Storm.Level = uint16(level)
		kind, f = headMessages, f[:6]
	}
	switch kind {
	case headMessages, headRecall, headPurge:
		if len(f) != 6 || slices.Contains(f, "") || !hasBody || f[5] == noName {
			return bad(kind + " <epoch> <seq> <total> <rev> <prev> <tip>, then messages")
		}
		ok = parseNumbered(&e, kind, f, body) && ok
	case headCounters:
		if len(f) != 2 || hasBody {
			return bad("c1 <online> <likes>")
		}
		e.Kind = chat.EventCounters
		ok = parseNumbers(f, &e.Counters.Online, &e.Counters.Likes)
	case headRules:
		e.Kind = chat.EventRules
		if e.Rules, ok = parseRules(f, body); !ok || !hasBody {
			return bad("x2 <prev> <version>, then fields")
		}
	case headHeld:
		held, err := ParseHeld(body)
		if err != nil || rest == "" {
			return bad("h1 <state>, then an entry")
		}
		e.Kind, e.Held, e.HeldState, ok = chat.EventHeld, held, chat.HeldState(rest), true
	default:
		return e, ErrForeignEvent
	}
	if !ok {
		return chat.Event{}, fmt.Errorf("cannot parse event: header %q: its figures must be whole numbers, a sequence number at least 1", clip(head))
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
