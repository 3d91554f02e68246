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

	ended pending // what a reader has that this has ended
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
	errReservedBit       = violation(CloseProtocolError, "a reserved bit is set, but no extension was agreed on")      // 5.2
	errReservedOpcode    = violation(CloseProtocolError, "the opcode is reserved")                                     // 5.2
	errLengthTopBit      = violation(CloseProtocolError, "the top bit of the payload length is set")                   // 5.2
	errLengthNotMinimal  = violation(CloseProtocolError, "the payload length is not in its shortest form")             // 5.2
	errNotMasked         = violation(CloseProtocolError, "the frame is not masked")                                    // 5.1
	errNoMessageOpen     = violation(CloseProtocolError, "a continuation frame, but no message to continue")           // 5.4
	errMessageOpen       = violation(CloseProtocolError, "a new message began before the fragmented one ended")        // 5.4
	errControlFragmented = violation(CloseProtocolError, "a control frame is fragmented")                              // 5.5
	errControlTooLong    = violation(CloseProtocolError, "a control frame has more than 125 bytes of payload")         // 5.5
	errHalfCloseCode     = violation(CloseProtocolError, "the close frame has one byte of payload, half a close code") // 5.5.1
	errCloseCode         = violation(CloseProtocolError, "the close code may not stand in a close frame")              // 7.4
	errCloseReason       = violation(CloseInvalidUTF8, "the close reason is not UTF-8")                                // 5.5.1, 8.1
	errTextNotUTF8       = violation(CloseInvalidUTF8, "the text is not UTF-8")                                        // 5.6, 8.1
	errNotDeflated       = violation(CloseInvalidUTF8, "the message says it is compressed, and cannot be inflated")    // RFC 7692 7.2.2
	errMessageTooBig     = violation(CloseTooBig, "the message is larger than this server takes")                      // 7.4.1, 10.4
)
