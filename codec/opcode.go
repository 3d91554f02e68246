package codec

import "strconv"

// Opcode says what a frame is (RFC 6455 section 5.2). The constants are all the
// values a checked frame can have.
type Opcode byte

// The opcodes. The others are reserved and refused.
const (
	OpContinuation Opcode = 0x0 // a further fragment of a message
	OpText         Opcode = 0x1 // a message of UTF-8 text
	OpBinary       Opcode = 0x2 // a message of any bytes
	OpClose        Opcode = 0x8 // the end, see CloseCode
	OpPing         Opcode = 0x9 // to be answered by a pong with the same payload
	OpPong         Opcode = 0xA // answers a ping, or reports "still here"
)

// String is the opcode's name in lower case, or opcode(3) for a reserved one.
func (op Opcode) String() string {
	switch op {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	default:
		return "opcode(" + strconv.Itoa(int(op)) + ")"
	}
}

// control reports whether op is, or is reserved for, a control frame (RFC 6455
// section 5.5).
func (op Opcode) control() bool { return op&0x8 != 0 }

// message reports whether op begins a message.
func (op Opcode) message() bool { return op == OpText || op == OpBinary }

// reserved reports whether op is 3 to 7 or 11 to 15 (RFC 6455 section 5.2).
func (op Opcode) reserved() bool { return op&0x7 > 2 }
