package codec

import "fmt"

// ProtocolError says which rule of RFC 6455 a client broke and how the connection is
// to be closed. All of them are made once and shared: refusing a client allocates
// nothing. Compare by Code; treat as read-only.
type ProtocolError struct {
	// Code is the code of the close frame to send.
	Code CloseCode
	// Reason is the reason of the close frame to send, at most 123 bytes.
	Reason string

	ended pending // the state of a reader that this has ended
}

func violation(code CloseCode, reason string) *ProtocolError {
	e := &ProtocolError{Code: code, Reason: reason}
	e.ended.err = e
	return e
}

// Error is the reason with the close code.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("cannot read frame: %s (close code %d)", e.Reason, e.Code)
}

// Every violation with its section of RFC 6455.
var (
	// Section 5.2.
	errReservedBit      = violation(CloseProtocolError, "a reserved bit is set that has no meaning here")
	errReservedOpcode   = violation(CloseProtocolError, "the opcode is reserved")
	errLengthTopBit     = violation(CloseProtocolError, "the top bit of the payload length is set")
	errLengthNotMinimal = violation(CloseProtocolError, "the payload length is not in its shortest form")
	// Section 5.1.
	errNotMasked = violation(CloseProtocolError, "the frame is not masked")
	// Section 5.4.
	errNoMessageOpen = violation(CloseProtocolError, "a continuation frame, but no message to continue")
	errMessageOpen   = violation(CloseProtocolError, "a new message began before the fragmented one ended")
	// Section 5.5.
	errControlFragmented = violation(CloseProtocolError, "a control frame is fragmented")
	errControlTooLong    = violation(CloseProtocolError, "a control frame has more than 125 bytes of payload")
	// Section 5.5.1.
	errHalfCloseCode = violation(CloseProtocolError, "the close frame has one byte of payload, half a close code")
	// Section 7.4.
	errCloseCode = violation(CloseProtocolError, "the close code may not stand in a close frame")
	// Sections 5.5.1 and 8.1.
	errCloseReason = violation(CloseInvalidUTF8, "the close reason is not UTF-8")
	// Sections 5.6 and 8.1.
	errTextNotUTF8 = violation(CloseInvalidUTF8, "the text is not UTF-8")
	// RFC 7692, section 7.2.2.
	errNotDeflated = violation(CloseInvalidUTF8, "the message says it is compressed, and cannot be inflated")
	// Sections 7.4.1 and 10.4.
	errMessageTooBig = violation(CloseTooBig, "the message is larger than this server takes")
)
