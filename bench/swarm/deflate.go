package swarm

import (
	"bytes"
	"fmt"

	"barrage/codec"
)

const (
	// deflateOffer is what a viewer asks for that takes deflated messages. Without context
	// takeover a message means the same to everybody (RFC 7692 section 7.1.1).
	deflateOffer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	// deflateAnswer must stand in the answer of a server that agrees.
	deflateAnswer = "server_no_context_takeover"
	// deflatedFrame begins a whole deflated text: the first reserved bit says so (RFC 7692
	// section 6).
	deflatedFrame = textFrame | 0x40
	// mostKnown bounds what half of an inflater remembers, in bytes: many seconds of a
	// storm, while the copies of a message come within one.
	mostKnown = 4 << 20
)

// inflated is a payload in the plain.
type inflated struct {
	text     []byte // nobody changes it
	messages int    // how often the needle stands in it
}

// inflater inflates payloads, each of them once. All members of a room get the same bytes, and inflating them for each
// of thousands of viewers would make the client the bottleneck. Payloads are known by all of their bytes, not by a
// hash, so that no two pass for each other and counting stays exact.
type inflater struct {
	needle needle
	most   int // bytes of a text
	known  int // bytes that recent may hold, payloads and texts

	// Payloads that were inflated. When recent is full it takes the place of older.
	recent, older map[string]inflated
	held          int // bytes in recent
}

func newInflater(n needle) *inflater {
	return &inflater{needle: n, most: maxFrame, known: mostKnown, recent: map[string]inflated{}}
}

// inflate returns what payload says. It costs a look into a map where another viewer of
// this process had the same.
func (f *inflater) inflate(payload []byte) (inflated, error) {
	if got, ok := f.recent[string(payload)]; ok {
		return got, nil
	}
	if got, ok := f.older[string(payload)]; ok {
		return got, nil
	}
	var got inflated
	err := codec.Inflate(payload, f.most, func(plain []byte) error {
		var matched uint8
		got = inflated{bytes.Clone(plain), f.needle.count(&matched, plain)}
		return nil
	})
	if err != nil {
		return got, fmt.Errorf("the server sent %d bytes that cannot be inflated to at most %d: %w", len(payload), f.most, err)
	}
	f.remember(payload, got)
	return got, nil
}

// remember has the next viewer find what payload says.
func (f *inflater) remember(payload []byte, got inflated) {
	size := len(payload) + len(got.text)
	if f.held += size; f.held > f.known {
		f.older, f.recent, f.held = f.recent, map[string]inflated{}, size
	}
	f.recent[string(payload)] = got
}
