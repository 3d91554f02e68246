package codec

import "encoding/binary"

// The first two bytes of a frame (RFC 6455 section 5.2).
//
//	 0               1
//	 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
//	+-+-+-+-+-------+-+-------------+
//	|F|R|R|R| opcode|M| Payload len |   126: 2 more bytes of length, 127: 8 more,
//	|I|S|S|S|  (4)  |A|     (7)     |   both big-endian; then, if MASK is set,
//	|N|V|V|V|       |S|             |   4 bytes of masking key; then the payload
//	| |1|2|3|       |K|             |
//	+-+-+-+-+-------+-+-------------+
const (
	finBit  = 0x80
	rsvBits = 0x70
	rsv1Bit = 0x40 // the message is compressed (RFC 7692 section 6)
	opBits  = 0x0F
	maskBit = 0x80
	lenBits = 0x7F

	len16 = 126 // a 16-bit length follows
	len64 = 127 // a 64-bit length follows
)

// maxControl is the largest payload of a control frame in bytes (RFC 6455 section 5.5).
const maxControl = 125

// AppendFrame appends one complete unmasked server frame to dst.
func AppendFrame[P ~string | ~[]byte](dst []byte, op Opcode, payload P) []byte {
	return append(AppendFrameHeader(dst, op, len(payload)), payload...)
}

// AppendFrameHeader appends the header of an unfragmented, unmasked server frame with
// payloadLen bytes of payload, which the caller appends next. The length takes its
// shortest form.
func AppendFrameHeader(dst []byte, op Opcode, payloadLen int) []byte {
	first := finBit | byte(op)
	switch FrameHeaderLen(payloadLen) {
	case 2:
		return append(dst, first, byte(payloadLen))
	case 4:
		return binary.BigEndian.AppendUint16(append(dst, first, len16), uint16(payloadLen))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, len64), uint64(payloadLen))
	}
}

// FrameHeaderLen is the length in bytes of a server frame's header: 2, 4 or 10.
func FrameHeaderLen(payloadLen int) int {
	switch {
	case payloadLen < len16:
		return 2
	case payloadLen <= 0xFFFF:
		return 4
	default:
		return 10
	}
}

// FrameBoundary returns the smallest frame boundary of b that is at least n. The slice b starts at a boundary and holds
// whole unmasked server frames; n is within 0 and len(b).
//
// It answers the question that a short write leaves. The kernel took n bytes, so the bytes before FrameBoundary(b, n)
// must still follow, and those after it may be left out. It walks the headers, some nanoseconds a frame.
func FrameBoundary(b []byte, n int) int {
	end := 0
	for end < n {
		length, size := payloadLen(b[end:])
		end += size + int(length)
	}
	return end
}

// payloadLen decodes the payload length of the frame that b, two bytes or more, begins with. The result size is how
// many bytes of header stand before the payload or, in a client's frame, before the masking key. It is 0 where b ends
// before that.
func payloadLen(b []byte) (length uint64, size int) {
	switch short := b[1] & lenBits; {
	case short < len16:
		return uint64(short), 2
	case short == len16 && len(b) >= 4:
		return uint64(binary.BigEndian.Uint16(b[2:])), 4
	case short == len64 && len(b) >= 10:
		return binary.BigEndian.Uint64(b[2:]), 10
	default:
		return 0, 0
	}
}
