package codec

import "strings"

// MadeIDPrefix begins the ids that nodes give, see [chat.Draft.SetMadeID]. Senders may not use it.
const MadeIDPrefix = "~"

// SendKey is who sent a stored message and the id that the sender or its node gave it, as JSON strings. The result ok
// is false where it has none. Two messages are the same if user and id are. It takes a [chat.Draft.Head] too, and
// allocates nothing.
func SendKey(stored string) (user, id string, ok bool) {
	// The field that only native clients know ends before the ts, which comes last.
	if ts := strings.LastIndexByte(stored, ','); ts < 1 || stored[ts-1] != '}' {
		return "", "", false
	}
	user, _, x, _, ok := cutFields(stored)
	if !ok {
		return "", "", false
	}
	if kind, found := strings.CutPrefix(x, `"kind":`); found {
		if _, x, ok = cutString(kind); !ok {
			return "", "", false
		}
		x = strings.TrimPrefix(x, ",")
	}
	named, ok := strings.CutPrefix(x, `"id":`)
	if !ok {
		return "", "", false
	}
	id, _, ok = cutString(named)
	return user, id, ok
}
