package codec

import "encoding/binary"

// maxHeader is the largest header of a client's frame in bytes: 2, 8 of length, 4 of
// masking key (RFC 6455 section 5.2).
const maxHeader = 14

// header is the header of one client's frame, checked.
type header struct {
	op     Opcode
	fin    bool   // the last fragment of its message
	key    uint32 // the masking key, its first byte lowest
	length int    // of the payload, in bytes
	// compressed: the message that the frame begins is (RFC 7692 section 6).
	compressed bool
}

// parseHeader decodes and checks the header that b, which is not empty, begins with.
// open says whether a fragmented message waits for more, deflates whether a message may
// be compressed, room how many bytes of
// payload a message may still take. size is the length of the header, 0 while b does
// not hold all of it.
//
// A rule is applied as soon as the bytes it needs are there, in the order of the
// bytes. So the first violation of a stream is the same however the stream is cut,
// and an oversized frame is refused before any of its payload is kept.
func parseHeader(b []byte, open, deflates bool, room int) (h header, size int, err error) {
	h.fin, h.op = b[0]&finBit != 0, Opcode(b[0]&opBits)
	rsv := b[0] & rsvBits
	if deflates && rsv == rsv1Bit && (h.op == OpText || h.op == OpBinary) {
		h.compressed, rsv = true, 0
	}
	if err := checkKind(rsv, h, open); err != nil {
		return h, 0, err
	}
	if len(b) < 2 {
		return h, 0, nil
	}
	if b[1]&maskBit == 0 {
		return h, 0, errNotMasked
	}
	if h.op.control() && b[1]&lenBits > maxControl {
		return h, 0, errControlTooLong
	}
	length, size := payloadLen(b)
	switch {
	case size == 0:
		return h, 0, nil
	case length>>63 != 0:
		return h, 0, errLengthTopBit
	case !h.op.control() && length > uint64(max(room, 0)):
		return h, 0, errMessageTooBig
	case size != FrameHeaderLen(int(length)):
		return h, 0, errLengthNotMinimal
	case len(b) < size+4:
		return h, 0, nil
	}
	h.length = int(length)
	h.key = binary.LittleEndian.Uint32(b[size:])
	return h, size + 4, nil
}

// checkKind applies the rules that a frame's first byte can break.
func checkKind(rsv byte, h header, open bool) error {
	switch {
	case rsv != 0:
		return errReservedBit
	case h.op.reserved():
		return errReservedOpcode
	case h.op.control():
		if !h.fin {
			return errControlFragmented
		}
	case h.op == OpContinuation && !open:
		return errNoMessageOpen
	case h.op != OpContinuation && open:
		return errMessageOpen
	}
	return nil
}
