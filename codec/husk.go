package codec

import "strings"

// Husk is what is left of a stored message when it was taken back. It has the message's room, sender, id and ts, and
// nothing else. It is a stored message itself, with an empty body, so that all that finds one finds the other. The
// result ok is false for a form that no node of ours writes.
//
//	{"groupId":"1","userId":"3","info":"","x":{"id":"c-1"},"ts":5}
func Husk(stored string) (husk string, ok bool) {
	const info = `,"info":`
	head, _, found := strings.Cut(stored, info) // quotes within a text are escaped
	user, _, _, ts, ok := cutStored(stored)
	if !ok || !found {
		return "", false
	}
	named := ""
	if u, id, ok := SendKey(stored); ok && u == user {
		named = extraStart + `"id":` + id + "}"
	}
	return head + info + `""` + named + `,"ts":` + ts + "}", true
}
