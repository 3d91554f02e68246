package swarm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"barrage/codec"
)

// scanner follows one server's frames through a stream that is cut anywhere. It holds
// no payload. The zero value stands before a frame.
type scanner struct {
	left uint64       // payload bytes of the frame under way that are still to come
	head [10]byte     // its header, as far as it has come
	have uint8        // bytes in head; 0 once it is complete
	op   codec.Opcode // of the frame under way
	// deflates: permessage-deflate was agreed on. deflated: the frame under way is.
	deflates, deflated bool
}

// The first bytes of the frames that a server may send: whole ones only.
const (
	textFrame   = 0x80 | byte(codec.OpText)
	binaryFrame = 0x80 | byte(codec.OpBinary)
)

// maxFrame bounds a frame's payload in bytes, because a viewer that reads everything
// has to hold it: far beyond what any chat sends.
const maxFrame = 64 << 20

// errClosed ends the stream of a server that closed without a close frame.
var errClosed = errors.New("the server closed the connection")

// skip counts the messages that stand whole at the beginning of b, or end there. It returns what follows them: nothing,
// or something that next must look at. It is what lets one core count tens of millions of frames a second.
func (s *scanner) skip(b []byte) (messages int, rest []byte) {
	if s.have > 0 {
		return 0, b
	}
	at := 0
	if s.left > 0 {
		if s.op > codec.OpBinary || s.left > uint64(len(b)) {
			return 0, b
		}
		at, s.left, messages = int(s.left), 0, 1
	}
	for len(b)-at >= 4 && (b[at] == textFrame || b[at] == binaryFrame) {
		end := at + 2 + int(b[at+1])
		switch {
		case b[at+1] == 126:
			end = at + 4 + int(binary.BigEndian.Uint16(b[at+2:]))
		case b[at+1] > 126:
			return messages, b[at:] // a 64-bit length, or a mask
		}
		if end > len(b) {
			break
		}
		at = end
		messages++
	}
	return messages, b[at:]
}

// next takes one piece from the beginning of b, which is not empty. The piece is a header and the payload behind it, as
// far as they have come. The flag whole says that the frame, whose opcode is s.op, ends with it. An error ends the
// stream.
func (s *scanner) next(b []byte) (payload []byte, whole bool, rest []byte, err error) {
	if s.left == 0 {
		for int(s.have) < s.headSize() {
			if len(b) == 0 {
				return nil, false, nil, nil
			}
			s.head[s.have] = b[0]
			s.have++
			b = b[1:]
		}
		if err := s.begin(); err != nil {
			return nil, false, nil, err
		}
	}
	n := min(uint64(len(b)), s.left)
	s.left -= n
	return b[:n], s.left == 0, b[n:], nil
}

// headSize is how long the header is, as far as what has come shows: 2, 4 or 10.
func (s *scanner) headSize() int {
	if s.have < 2 {
		return 2
	}
	switch s.head[1] {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

// begin reads the header that is complete.
func (s *scanner) begin() error {
	s.have = 0
	switch n := s.head[1]; {
	case n > 127:
		return errors.New("the server sent a masked frame")
	case n == 127:
		s.left = binary.BigEndian.Uint64(s.head[2:])
	case n == 126:
		s.left = uint64(binary.BigEndian.Uint16(s.head[2:]))
	default:
		s.left = uint64(n)
	}
	if s.left > maxFrame {
		return fmt.Errorf("the server sent a frame of %d bytes", s.left)
	}
	s.op = codec.Opcode(s.head[0] & 0x0f)
	s.deflated = s.deflates && s.head[0] == deflatedFrame
	if s.deflated {
		return nil
	}
	switch s.head[0] {
	case textFrame, binaryFrame, 0x80 | byte(codec.OpClose), 0x80 | byte(codec.OpPing), 0x80 | byte(codec.OpPong):
		return nil
	}
	return fmt.Errorf("the server sent a frame that begins with %#x", s.head[0])
}
