package redisx

import (
	"strconv"
	"strings"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"

	"barrage/codec"
)

// A list entry is a message as a plain JSON object, the same as a JSON string literal, or the tombstone. Nodes of the
// original FastIM write such literals, and ours beside them.

// messageForm is what every message has, ours and an original node's (contract section 1).
type messageForm struct {
	GroupID string  `json:"groupId"`
	UserID  string  `json:"userId"`
	Info    *string `json:"info"` // may be empty
	TS      *int64  `json:"ts"`
}

// reader reads a messageForm. The strings that it reads share the entry's memory.
var reader = sonic.Config{ValidateString: true, CaseSensitive: true}.Froze()

// plainEntry returns the message in a list entry, a JSON object; ok is false where there is
// none, as in the tombstone.
func plainEntry(entry string) (json string, ok bool) {
	json, err := codec.PlainJSON(entry)
	if err != nil || !sonic.ValidString(json) { // reader takes bad escapes in other fields.
		return "", false
	}
	var f messageForm
	err = reader.UnmarshalFromString(json, &f)
	if err != nil || f.GroupID == "" || f.UserID == "" || f.Info == nil || f.TS == nil {
		return "", false
	}
	return json, true
}

// plainText returns the text of a value that FastIM may have quoted: a token or an id. A value that only looks quoted
// is the text itself.
func plainText(value string) string {
	if text, err := codec.PlainJSON(value); err == nil {
		return text
	}
	return value
}

// quoted returns text as the JSON string literal that FastIM's nodes write.
func quoted(text string) string {
	buf := make([]byte, 0, len(text)+16)
	if err := encoder.EncodeInto(&buf, text, encoder.ValidateString); err != nil {
		panic("BUG: cannot encode a string: " + err.Error())
	}
	return string(buf)
}

// needle finds a message in a history without decoding it. The order of a message's fields is fixed, and neither piece
// can occur within an encoded text field, because quotes are escaped there.
type needle struct{ head, tail string }

// newNeedle is for the plain form of the message that user sent to room at ts.
func newNeedle(room, user string, ts int64) needle {
	d := codec.NewDraft(room, user, "", ts)
	return needle{
		head: strings.TrimSuffix(d.Head, `"info":"","ts":`),
		tail: `,"ts":` + strconv.FormatInt(ts, 10) + `}`,
	}
}

// quoted is the same needle for entries that are string literals.
func (n needle) quoted() needle {
	return needle{
		head: strings.TrimSuffix(quoted(n.head), `"`),
		tail: strings.TrimPrefix(quoted(n.tail), `"`),
	}
}

// in reports whether entry is the message.
func (n needle) in(entry string) bool {
	return strings.HasSuffix(entry, n.tail) && strings.HasPrefix(entry, n.head)
}
