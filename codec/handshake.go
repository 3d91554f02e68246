package codec

import (
	"crypto/sha1"
	"encoding/base64"
)

const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "

// SwitchingLen is how many bytes [AppendSwitching] appends without further header lines. The value in base64 has 28.
const SwitchingLen = len(switching) + 28 + 2*len("\r\n")

// AppendSwitching appends the answer that turns a connection into a WebSocket, for the request's Sec-WebSocket-Key (RFC
// 6455 section 4.2.2). Further header lines are in more, each with its end; frames may follow.
func AppendSwitching(dst []byte, key, more string) []byte {
	dst = append(dst, switching...)
	sum := sha1.Sum(append(append(make([]byte, 0, 64), key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	return append(append(append(dst, "\r\n"...), more...), "\r\n"...)
}
