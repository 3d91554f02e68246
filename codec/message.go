package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"

	"barrage/internal/chat"
)

// strict is the JSON reader for everything that comes from outside: strings are
// copied, so no field pins or aliases a network buffer, and control characters and
// invalid UTF-8 are refused. One bad byte let through here would make every browser
// of a room close its socket. Names of fields count to the letter.
var strict = sonic.Config{CopyString: true, ValidateString: true, CaseSensitive: true}.Froze()

// NewDraft encodes a message of user to room. Invalid UTF-8 is replaced by U+FFFD.
// It costs one encoding; all members share the result.
func NewDraft(room, user, info string, ts int64) chat.Draft {
	return chat.Draft{UserID: user, TS: ts, Head: headOf(room, user, info, extra{})}
}

// headOf is the [chat.Draft.Head] of a message.
func headOf(room, user, info string, x extra) string {
	h := heads.Get().(*head)
	h.fields.GroupID, h.fields.UserID, h.fields.Info = room, user, info
	h.encode(&h.fields)
	h.buf = h.buf[:len(h.buf)-1]
	if x.Kind != "" || x.ID != "" || x.Ext != nil || x.User != nil {
		h.x = x
		h.buf = append(h.buf, `,"x":`...)
		h.encode(&h.x)
	}
	text := string(append(h.buf, `,"ts":`...))
	if cap(h.buf) <= keepBytes {
		*h = head{buf: h.buf[:0]}
		heads.Put(h)
	}
	return text
}

// head is what it takes to encode one. Each part would be an allocation of its own.
type head struct {
	fields struct {
		GroupID string `json:"groupId"`
		UserID  string `json:"userId"`
		Info    string `json:"info"`
	}
	x   extra
	buf []byte
}

var heads = sync.Pool{New: func() any { return new(head) }}

// encode appends v to the buffer. Its strings may be anything, its raw JSON was checked.
func (h *head) encode(v any) {
	if err := encoder.EncodeInto(&h.buf, v, encoder.ValidateString); err != nil {
		panic("BUG: cannot encode a message: " + err.Error())
	}
}

// errNotMessage is wrapped by ParseMessage.
var errNotMessage = errors.New("not a message object")

// ParseMessage decodes a message as it stands in Redis: the JSON object itself, or
// the object inside a JSON string literal, as FastIM's own nodes write it
// (contract section 5). The result shares no memory with s.
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
