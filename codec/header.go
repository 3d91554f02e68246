package codec

import "encoding/binary"

// maxHeader is the largest header of a client's frame in bytes: 2, 8 of length, 4 of
// masking key (RFC 6455 section 5.2).
const maxHeader = 14

// header is the header of one client's frame, checked. The compiler keeps a struct of at
// most four fields in registers; with five a frame took 20 ns longer.
type header struct {
	first  byte   // with fin, op and compressed
	key    uint32 // the masking key, its first byte lowest
	length int    // of the payload, in bytes
}

// op is what the frame carries.
func (h header) op() Opcode { return Opcode(h.first & opBits) }

// fin says that it is the last fragment of its message.
func (h header) fin() bool { return h.first&finBit != 0 }

// compressed says that the message which the frame begins is (RFC 7692 section 6).
func (h header) compressed() bool { return h.first&rsv1Bit != 0 }

// parseHeader decodes and checks the header that b, which is not empty, begins with. The flag open says whether a
// fragmented message waits for more, and deflates whether a message may be compressed. The number room says how many
// bytes of payload a message may still take. The result size is the length of the header, 0 while b does not hold all
// of it.
//
// A rule is applied as soon as the bytes it needs are there, in the order of the bytes. So the first violation of a
// stream is the same however the stream is cut. For the same reason an oversized frame is refused before any of its
// payload is kept.
func parseHeader(b []byte, open, deflates bool, room int) (h header, size int, err error) {
	h.first = b[0]
	if err := checkKind(h, open, deflates); err != nil {
		return h, 0, err
	}
	if len(b) < 2 {
		return h, 0, nil
	}
	if b[1]&maskBit == 0 {
		return h, 0, errNotMasked
	}
	if h.op().control() && b[1]&lenBits > maxControl {
		return h, 0, errControlTooLong
	}
	length, size := payloadLen(b)
	switch {
	case size == 0:
		return h, 0, nil
	case length>>63 != 0:
		return h, 0, errLengthTopBit
	case !h.op().control() && length > uint64(max(room, 0)):
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
func checkKind(h header, open, deflates bool) error {
	switch {
	case h.first&rsvBits != 0 && (!deflates || h.first&rsvBits != rsv1Bit || !h.op().message()):
		return errReservedBit
	case h.op().reserved():
		return errReservedOpcode
	case h.op().control():
		if !h.fin() {
			return errControlFragmented
		}
	case h.op() == OpContinuation && !open:
		return errNoMessageOpen
	case h.op() != OpContinuation && open:
		return errMessageOpen
	}
	return nil
}
