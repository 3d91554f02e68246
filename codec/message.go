package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"

	"barrage/internal/chat"
)

// strict is the JSON reader for everything that comes from outside. Strings are copied, so no field pins or aliases a
// network buffer, and control characters and invalid UTF-8 are refused. One bad byte let through here would make every
// browser of a room close its socket. Names of fields count to the letter.
var strict = sonic.Config{CopyString: true, ValidateString: true, CaseSensitive: true}.Froze()

// NewDraft encodes a message of user to room. Invalid UTF-8 is replaced by U+FFFD.
// It costs one encoding; all members share the result.
func NewDraft(room, user, info string, ts int64) chat.Draft {
	return chat.Draft{UserID: user, TS: ts, Head: headOf(room, user, info, extra{})}
}

// headOf is the [chat.Draft.Head] of a message. It is written field by field: an encoder of structs takes longer, and
// allocates more than the text.
func headOf(room, user, info string, x extra) string {
	var buf [512]byte // that of most messages stays on the stack
	b := appendString(append(buf[:0], `{"groupId":`...), room)
	b = appendString(append(b, `,"userId":`...), user)
	b = appendString(append(b, `,"info":`...), info)
	end := len(b)
	b = append(b, `,"x":`...)
	begin := len(b)
	if b = x.append(b); len(b) > begin {
		b[begin] = '{' // for the comma of the first field
		b = append(b, '}')
	} else {
		b = b[:end]
	}
	return string(append(b, `,"ts":`...))
}

// appendString appends text as a JSON string. Invalid UTF-8 is replaced by U+FFFD.
func appendString(dst []byte, text string) []byte {
	if !isPlain(text) {
		return append(dst, escaped(text)...)
	}
	return append(append(append(dst, '"'), text...), '"')
}

// quote is text as a JSON string.
func quote(text string) string {
	if !isPlain(text) {
		return string(escaped(text))
	}
	return `"` + text + `"`
}

// isPlain reports whether text stands in a JSON string as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.ValidString(text)
}

// escaped is text as a JSON string, whatever is in it.
func escaped(text string) []byte {
	buf := make([]byte, 0, len(text)+8)
	if err := encoder.EncodeInto(&buf, text, encoder.ValidateString); err != nil {
		panic("BUG: cannot encode a string: " + err.Error())
	}
	return buf
}

// errNotMessage is wrapped by ParseMessage.
var errNotMessage = errors.New("not a message object")

// ParseMessage decodes a message as it stands in Redis. That is the JSON object itself, or the object inside a JSON
// string literal, as FastIM's own nodes write it (contract section 5). The result shares no memory with s.
func ParseMessage(s string) (chat.Message, error) {
	var m chat.Message
	s, err := PlainJSON(s)
	if err != nil {
		return m, err
	}
	if err := strict.UnmarshalFromString(s, &m); err != nil {
		return chat.Message{}, fmt.Errorf("cannot parse message: %w", err)
	}
	if m.GroupID == "" || m.UserID == "" {
		return chat.Message{}, fmt.Errorf("cannot parse message: %w", errNotMessage)
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

// Timestamp reads the ts of a message that [chat.Draft.AppendJSON] made, where it is the
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
