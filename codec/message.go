package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"
)

// strict is the JSON reader for everything that comes from outside: strings are
// copied, so no field pins or aliases a network buffer, and control characters and
// invalid UTF-8 are refused. One bad byte let through here would make every browser
// of a room close its socket. Names of fields count to the letter.
var strict = sonic.Config{CopyString: true, ValidateString: true, CaseSensitive: true}.Froze()

// Message is one chat message as FastIM clients see it. The order of the fields is
// part of the contract.
type Message struct {
	// GroupID is the room.
	GroupID string `json:"groupId"`
	// UserID is the sender.
	UserID string `json:"userId"`
	// Info is the body, any text, also empty.
	Info string `json:"info"`
	// TS is the time of receipt in Unix milliseconds, unique per room and user.
	TS int64 `json:"ts"`
}

// Draft is a message on its way to the store. The store fixes its ts, because only
// the store sees all nodes. Use [NewDraft]; the zero value has no JSON.
type Draft struct {
	// UserID is the sender.
	UserID string
	// TS is the time of receipt in Unix milliseconds. The store moves it on in steps
	// of 1 ms until the user has no other message with that ts in the room.
	TS int64
	// ID is what its sender calls it, empty where it has no name. A message with an ID is
	// stored once, however often it is published within two minutes.
	ID string
	// Head is the message's JSON up to and including `"ts":`. It never holds a
	// newline. Read-only once made.
	Head string
}

// SetOrigin gives a draft without an ID the id that its node knows it by, a word without
// quotes: it stands in the history like that of a native message, but no store looks for
// it, since its sender does not know it.
func (d *Draft) SetOrigin(origin string) {
	d.Head = strings.TrimSuffix(d.Head, `"ts":`) + `"x":{"id":"` + origin + `"},"ts":`
}

// NewDraft encodes a message of user to room. Invalid UTF-8 is replaced by U+FFFD.
// It costs one encoding; all members share the result.
func NewDraft(room, user, info string, ts int64) Draft {
	v := struct {
		GroupID string `json:"groupId"`
		UserID  string `json:"userId"`
		Info    string `json:"info"`
	}{room, user, info}
	buf := make([]byte, 0, len(`{"groupId":"","userId":"","info":"","ts":`)+len(room)+len(user)+len(info)+8)
	if err := encoder.EncodeInto(&buf, &v, encoder.ValidateString); err != nil {
		panic("BUG: cannot encode three strings: " + err.Error())
	}
	buf = append(buf[:len(buf)-1], `,"ts":`...)
	return Draft{UserID: user, TS: ts, Head: string(buf)}
}

// AppendJSON appends the finished message with the given ts to dst.
func (d *Draft) AppendJSON(dst []byte, ts int64) []byte {
	dst = append(dst, d.Head...)
	dst = strconv.AppendInt(dst, ts, 10)
	return append(dst, '}')
}

// Size is the length of the finished message in bytes, 13 digits of ts assumed.
func (d *Draft) Size() int { return len(d.Head) + len("1648368380132}") }

// errNotMessage is wrapped by ParseMessage.
var errNotMessage = errors.New("not a message object")

// ParseMessage decodes a message as it stands in Redis: the JSON object itself, or
// the object inside a JSON string literal, as FastIM's own nodes write it
// (contract section 5). The result shares no memory with s.
func ParseMessage(s string) (Message, error) {
	var m Message
	s, err := PlainJSON(s)
	if err != nil {
		return m, err
	}
	if err := strict.UnmarshalFromString(s, &m); err != nil {
		return Message{}, fmt.Errorf("cannot parse message: %w", err)
	}
	if m.GroupID == "" || m.UserID == "" {
		return Message{}, fmt.Errorf("cannot parse message: %w", errNotMessage)
	}
	return m, nil
}

// PlainJSON returns s, or the text inside it where s is a JSON string literal:
// FastIM's own nodes store `"{\"groupId\":...}"` where we store `{"groupId":...}`.
func PlainJSON(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	var inner string
	if err := strict.UnmarshalFromString(s, &inner); err != nil {
		return "", fmt.Errorf("cannot unquote %q: %w", clip(s), err)
	}
	return inner, nil
}

// Timestamp reads the ts of a message that [Draft.AppendJSON] made, where it is the
// last field, without parsing the rest; 0 where there is none.
func Timestamp(json string) int64 {
	ts, err := strconv.ParseInt(strings.TrimRight(json[strings.LastIndexByte(json, ':')+1:], "} "), 10, 64)
	if err != nil {
		return 0
	}
	return ts
}

// clip keeps error texts short.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
