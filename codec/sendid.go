package codec

import "strings"

// SendKey is who sent a stored message and what they call it, as JSON strings; ok is false
// where it has no name, see [Draft]. Of two messages they are the same if user and id are. It
// allocates nothing.
func SendKey(stored string) (user, id string, ok bool) {
	// What only native clients know ends before the ts, which comes last.
	if ts := strings.LastIndexByte(stored, ','); ts < 1 || stored[ts-1] != '}' {
		return "", "", false
	}
	user, _, x, _, ok := cutStored(stored)
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
