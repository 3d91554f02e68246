package swarm

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"barrage/codec"
)

// appendBody appends the body of a message: "b <due in Unix µs> <number> ....", padded
// with dots to size bytes.
func appendBody(dst []byte, due int64, number uint64, size int) []byte {
	from := len(dst)
	dst = append(dst, "b "...)
	dst = strconv.AppendInt(dst, due, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, number, 10)
	dst = append(dst, ' ')
	for len(dst)-from < size {
		dst = append(dst, '.')
	}
	return dst
}

// parseBody finds our body in a message: behind mark, which ends with the body's "b ".
func parseBody(text, mark []byte) (due int64, number uint64, ok bool) {
	_, rest, ok := bytes.Cut(text, mark)
	if !ok {
		return 0, 0, false
	}
	a, rest, ok1 := bytes.Cut(rest, []byte(" "))
	b, _, ok2 := bytes.Cut(rest, []byte(" "))
	due, err1 := strconv.ParseInt(string(a), 10, 64)
	number, err2 := strconv.ParseUint(string(b), 10, 64)
	return due, number, ok1 && ok2 && err1 == nil && err2 == nil
}

// appendFrame appends a client's frame. It is masked with a zero key, which is what
// the rule asks for (RFC 6455 section 5.3) and spares the work.
func appendFrame(dst []byte, op codec.Opcode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(op))
	if len(payload) < 126 {
		dst = append(dst, 0x80|byte(len(payload)))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(len(payload)))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}
