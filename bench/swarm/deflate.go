package swarm

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
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
	// inflateEnd is what the wire leaves out of a message (RFC 7692 section 7.2.2), and an
	// empty last block, so that the reader finds an end.
	inflateEnd = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	// mostKnown bounds what half of an inflater remembers, in bytes: many seconds of a
	// storm, while the copies of a message come within one.
	mostKnown = 4 << 20
)

// inflated is a payload in the plain.
type inflated struct {
	text     []byte // nobody changes it
	messages int    // how often the needle stands in it
}

// inflater inflates payloads, each of them once: all members of a room get the same
// bytes, and inflating them for each of thousands of viewers would make the client the
// bottleneck. Payloads are known by all of their bytes, not by a hash, so that no two pass
// for each other and counting stays exact.
type inflater struct {
	needle needle
	most   int // bytes of a text
	known  int // bytes that recent may hold, payloads and texts

	// Payloads that were inflated. When recent is full it takes the place of older.
	recent, older map[string]inflated
	held          int // bytes in recent

	in     []byte
	source bytes.Reader
	flate  io.ReadCloser // a flate.Resetter
}

func newInflater(n needle) *inflater {
	f := &inflater{needle: n, most: maxFrame, known: mostKnown, recent: map[string]inflated{}}
	f.flate = flate.NewReader(&f.source)
	return f
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
	f.in = append(append(f.in[:0], payload...), inflateEnd...)
	f.source.Reset(f.in)
	if err := f.flate.(flate.Resetter).Reset(&f.source, nil); err != nil {
		return inflated{}, fmt.Errorf("cannot inflate: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f.flate, int64(f.most)+1))
	switch {
	case err != nil:
		return inflated{}, fmt.Errorf("the server sent %d bytes that cannot be inflated: %w", len(payload), err)
	case len(text) > f.most:
		return inflated{}, fmt.Errorf("the server sent a frame that inflates to more than %d bytes", f.most)
	}
	var matched uint8
	got := inflated{text, f.needle.count(&matched, text)}
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
