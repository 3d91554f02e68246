package faults

import (
	"strings"
	"sync"
	"time"

	"barrage/codec"
	"barrage/room"
)

// member is a viewer of one room on one node. It keeps the id of every message it got.
type member struct {
	room.Member

	// Immutable.
	node *node
	room int
	// welcome are the ids of the messages that its first frame had.
	welcome []string

	mu  sync.Mutex // guards the fields below
	got []string
	bad []string // payloads that are no message
}

var _ room.Socket = (*member)(nil)

// Send takes all frames, as a fast socket does.
func (m *member) Send(p []byte) (int, bool) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	eachFrame(p, func(payload string) {
		msg, err := codec.ParseMessage(payload)
		if err != nil {
			m.bad = append(m.bad, payload)
			return
		}
		m.got = append(m.got, idOf(msg.Info))
		m.node.heardOf(msg, now)
	})
	return len(p), false
}

// ids are those of the messages it got so far.
func (m *member) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

// eachFrame calls f with the payload of every frame in p, which holds whole frames.
func eachFrame(p []byte, f func(payload string)) {
	for len(p) > 0 {
		end := codec.FrameBoundary(p, 1)
		head := map[byte]int{126: 4, 127: 10}[p[1]]
		f(string(p[max(head, 2):end]))
		p = p[end:]
	}
}

// idOf is what names a message on its site: its body less the padding.
func idOf(info string) string {
	id, _, _ := strings.Cut(info, "|")
	return id
}
