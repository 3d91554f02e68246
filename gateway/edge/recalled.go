package edge

import (
	"barrage/codec"
	"barrage/internal/chat"
)

// Recalled takes a message out of the room on this node, before its sender is answered. Beside original nodes
// only the event does: equal messages are several there.
func (e *Edge) Recalled(id string, ev chat.Event) {
	if ev.Epoch != "" {
		e.Hall.Recalled(id, ev)
	}
}

// RecallAgain reports whether this node remembers that user took a message back, of which the store knows nothing any
// more; its members are notified again.
func (e *Edge) RecallAgain(id, user string, is func(ev *chat.Event) bool) bool {
	return e.Hall.RecallAgain(id, func(ev *chat.Event) bool { return codec.Sender(ev.Messages[0]) == user && is(ev) })
}
