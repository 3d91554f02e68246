package codec_test

import (
	"testing"

	"barrage/codec"
)

// TestAppendSwitching_IsThatOfTheRFC: the key and its answer are those of RFC 6455 section 1.3.
func TestAppendSwitching_IsThatOfTheRFC(t *testing.T) {
	const want = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
	if got := string(codec.AppendSwitching(nil, "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: chat\r\n")); got != want {
		t.Errorf("AppendSwitching = %q; want %q", got, want)
	}
}
