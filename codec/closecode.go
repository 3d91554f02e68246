package codec

import (
	"encoding/binary"
	"unicode/utf8"
)

// CloseCode reports in a close frame why a connection ends (RFC 6455 section 7.4). The codes 1012 to 1014 come from the
// IANA registry that section 11.7 set up.
type CloseCode uint16

// The close codes that this package or its users send, or learn from a client.
const (
	CloseNormal        CloseCode = 1000 // the purpose is fulfilled
	CloseGoingAway     CloseCode = 1001 // the page was left, the server stops
	CloseProtocolError CloseCode = 1002 // the peer broke the rules of RFC 6455
	CloseUnsupported   CloseCode = 1003 // a kind of data that is not taken here, as binary
	CloseNoStatus      CloseCode = 1005 // the close frame had no code; never on the wire
	CloseInvalidUTF8   CloseCode = 1007 // text that is not UTF-8
	ClosePolicy        CloseCode = 1008 // against the rules of this service
	CloseTooBig        CloseCode = 1009 // a message larger than is taken here
	CloseInternal      CloseCode = 1011 // the server met something it did not expect
	CloseRestart       CloseCode = 1012 // the server restarts; come back after a random wait
	CloseTryAgain      CloseCode = 1013 // the server is overloaded; come back later
)

// OnWire reports whether c may stand in a close frame. The code 1004 has no meaning yet, and 1005, 1006 and 1015 are
// names for what no frame has. The rest up to 2999 is kept for later versions of the protocol. Codes from 3000 to 4999
// belong to libraries and applications (RFC 6455 section 7.4).
func (c CloseCode) OnWire() bool {
	switch {
	case c < 1004:
		return c >= 1000
	case c < 3000:
		return c >= 1007 && c <= 1014
	default:
		return c <= 4999
	}
}

// maxCloseReason is the largest reason in bytes: a control frame's payload less the
// two bytes of the code (RFC 6455 section 5.5).
const maxCloseReason = maxControl - 2

// AppendCloseFrame appends an unmasked close frame to dst. reason is UTF-8; it is cut to 123 bytes at a rune boundary.
// A code that may not stand on the wire, such as [CloseNoStatus], gives a close frame without payload. So the result of
// [ParseClose] can be answered as it is.
func AppendCloseFrame(dst []byte, code CloseCode, reason string) []byte {
	if !code.OnWire() {
		return AppendFrameHeader(dst, OpClose, 0)
	}
	if n := maxCloseReason; len(reason) > n {
		for n > 0 && !utf8.RuneStart(reason[n]) {
			n--
		}
		reason = reason[:n]
	}
	dst = AppendFrameHeader(dst, OpClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// ParseClose reads the payload of a close frame (RFC 6455 section 5.5.1). An empty one
// gives [CloseNoStatus]. The reason shares no memory with payload. The error is a
// [*ProtocolError]; payloads that a [Reader] handed out never cause one.
func ParseClose(payload []byte) (code CloseCode, reason string, err error) {
	if err := checkClose(payload); err != nil {
		return 0, "", err
	}
	if len(payload) == 0 {
		return CloseNoStatus, "", nil
	}
	return CloseCode(binary.BigEndian.Uint16(payload)), string(payload[2:]), nil
}

// checkClose holds the payload of a close frame against RFC 6455 section 5.5.1.
func checkClose(payload []byte) error {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1:
		return errHalfCloseCode
	case !CloseCode(binary.BigEndian.Uint16(payload)).OnWire():
		return errCloseCode
	case !utf8.Valid(payload[2:]):
		return errCloseReason
	default:
		return nil
	}
}
