package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// scanner follows one server's stream: the handshake's answer, then frames. It keeps
// no payload, unless told to. The zero value is ready.
type scanner struct {
	open   bool  // the handshake's answer is behind us
	ended  uint8 // bytes of "\r\n\r\n" matched
	status uint8 // bytes of "HTTP/1.1 101" matched
	have   uint8 // bytes in head
	final  bool  // the frame under way is text
	head   [10]byte
	left   uint64  // payload bytes of the frame under way
	frames uint64  // text frames that are complete
	keep   *[]byte // where to collect payloads; nil = nowhere
}

// accepted is how the answer must begin.
const accepted = "HTTP/1.1 101"

var errRefused = errors.New("the server did not switch to WebSocket")

// feed takes what was read. text is called for each complete text frame when payloads
// are kept. An error ends the stream.
func (s *scanner) feed(b []byte, text func(payload []byte)) error {
	if !s.open {
		var err error
		if b, err = s.answer(b); err != nil || !s.open {
			return err
		}
	}
	for len(b) > 0 {
		if s.left > 0 {
			n := min(uint64(len(b)), s.left)
			if s.keep != nil {
				*s.keep = append(*s.keep, b[:n]...)
			}
			s.left -= n
			b = b[n:]
			if s.left == 0 {
				s.done(text)
			}
			continue
		}
		size := headSize(s.head[:s.have], b)
		take := min(size-int(s.have), len(b))
		s.have += uint8(copy(s.head[s.have:], b[:take]))
		b = b[take:]
		if int(s.have) < size || size < 2 || headSize(s.head[:s.have], nil) > int(s.have) {
			continue
		}
		if err := s.begin(); err != nil {
			return err
		}
		if s.left == 0 {
			s.done(text)
		}
	}
	return nil
}

// answer skips the handshake's answer and returns what follows it.
func (s *scanner) answer(b []byte) ([]byte, error) {
	for i, c := range b {
		if int(s.status) < len(accepted) {
			if c != accepted[s.status] {
				line, _, _ := bytes.Cut(b, []byte("\r\n"))
				return nil, fmt.Errorf("%w: %.80q", errRefused, line)
			}
			s.status++
		}
		switch c {
		case "\r\n\r\n"[s.ended]:
			s.ended++
		case '\r':
			s.ended = 1
		default:
			s.ended = 0
		}
		if s.ended == 4 {
			s.open = true
			return b[i+1:], nil
		}
	}
	return nil, nil
}

// headSize is how long the header is that begins with have and goes on with more, as
// far as they tell: 2, 4 or 10.
func headSize(have, more []byte) int {
	second := byte(0)
	switch {
	case len(have) >= 2:
		second = have[1]
	case len(have) == 1 && len(more) > 0:
		second = more[0]
	case len(have) == 0 && len(more) > 1:
		second = more[1]
	}
	switch second & 0x7f {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

// begin reads the header that is complete.
func (s *scanner) begin() error {
	switch s.head[1] {
	case 126:
		s.left = uint64(binary.BigEndian.Uint16(s.head[2:]))
	case 127:
		s.left = binary.BigEndian.Uint64(s.head[2:])
	default:
		s.left = uint64(s.head[1])
	}
	s.final = s.head[0] == 0x81
	s.have = 0
	switch s.head[0] { // whole frames only: text, close, ping, pong
	case 0x81, 0x89, 0x8a:
		return nil
	case 0x88:
		return errClosed
	}
	return fmt.Errorf("the server sent a frame that begins with %#x", s.head[0])
}

var errClosed = errors.New("the server closed the connection")

// done ends the frame under way.
func (s *scanner) done(text func([]byte)) {
	if s.final {
		s.frames++
		if s.keep != nil {
			text(*s.keep)
		}
	}
	if s.keep != nil {
		*s.keep = (*s.keep)[:0]
	}
}
