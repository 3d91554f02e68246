package codec_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"barrage/codec"
)

func TestOpcode_StringNamesEachCode(t *testing.T) {
	for op, want := range map[codec.Opcode]string{
		codec.OpContinuation: "continuation", codec.OpText: "text", codec.OpBinary: "binary",
		codec.OpClose: "close", codec.OpPing: "ping", codec.OpPong: "pong", 3: "opcode(3)", 15: "opcode(15)",
	} {
		if got := op.String(); got != want {
			t.Errorf("Opcode(%d).String() = %q; want %q", byte(op), got, want)
		}
	}
}

func TestAppendFrame_WritesTheExamplesOfTheRFC(t *testing.T) {
	f := func(name string, got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("%s = % x; want % x", name, clip(got), clip([]byte(want)))
		}
	}
	f("5.7 unmasked text", codec.AppendFrame(nil, codec.OpText, "Hello"), "\x81\x05\x48\x65\x6c\x6c\x6f")
	f("5.7 unmasked ping", codec.AppendFrame(nil, codec.OpPing, []byte("Hello")), "\x89\x05\x48\x65\x6c\x6c\x6f")
	block := strings.Repeat("x", 1<<16)
	f("5.7 256 bytes", codec.AppendFrame(nil, codec.OpBinary, block[:256]), "\x82\x7E\x01\x00"+block[:256])
	f("5.7 64KiB", codec.AppendFrame(nil, codec.OpBinary, block), "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"+block)
	f("appends", codec.AppendFrame([]byte("before"), codec.OpPong, ""), "before\x8A\x00")
}

// TestAppendFrame_ReadByGobwas: an independent client reads what we write.
func TestAppendFrame_ReadByGobwas(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte{'x'}, n)
		b := codec.AppendFrame(nil, codec.OpText, payload)
		in := bytes.NewReader(b)
		h, err := ws.ReadHeader(in)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if err := ws.CheckHeader(h, ws.StateClientSide); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if !h.Fin || h.OpCode != ws.OpText || h.Length != int64(n) || in.Len() != n {
			t.Errorf("%d bytes: header %+v with %d bytes behind it", n, h, in.Len())
		}
		if got := codec.FrameHeaderLen(n); got != len(b)-n {
			t.Errorf("FrameHeaderLen(%d) = %d; want %d", n, got, len(b)-n)
		}
	}
}

func TestFrameBoundary_FindsTheEndOfTheFrame(t *testing.T) {
	var b []byte
	bounds := []int{0}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		size := []int{0, 1, 60, 125, 126, 300, 65535, 65536}[rng.IntN(8)]
		// Payloads full of what looks like headers.
		b = codec.AppendFrame(b, codec.OpText, strings.Repeat("\x81\x01", size)[:size])
		bounds = append(bounds, len(b))
	}
	for i, end := range bounds[1:] {
		begin := bounds[i]
		for _, n := range []int{begin, begin + 1, (begin + end) / 2, end - 1, end} {
			want := end
			if n == begin {
				want = begin
			}
			if got := codec.FrameBoundary(b, n); got != want {
				t.Fatalf("FrameBoundary(b, %d) = %d; want %d", n, got, want)
			}
		}
	}
	if got := codec.FrameBoundary(nil, 0); got != 0 {
		t.Errorf("FrameBoundary(nil, 0) = %d; want 0", got)
	}
}

func TestCloseCode_OnWireAllowsOnlyWhatTheRFCDoes(t *testing.T) {
	// RFC 6455 sections 7.4.1 and 7.4.2, and the IANA registry for 1012 to 1014.
	for code := range 1 << 16 {
		want := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		if got := codec.CloseCode(code).OnWire(); got != want {
			t.Errorf("CloseCode(%d).OnWire() = %v; want %v", code, got, want)
		}
	}
}

func TestAppendCloseFrame_CutsReasonsBetweenRunes(t *testing.T) {
	f := func(name string, code codec.CloseCode, reason, want string) {
		t.Helper()
		if got := codec.AppendCloseFrame(nil, code, reason); string(got) != want {
			t.Errorf("%s: AppendCloseFrame(%d, %q) = %q; want %q", name, code, reason, got, want)
		}
	}
	f("code alone", codec.CloseNormal, "", "\x88\x02\x03\xE8")
	f("code and reason", codec.CloseRestart, "restart", "\x88\x09\x03\xF4restart")
	f("application's code", 4408, "idle", "\x88\x06\x11\x38idle")
	f("no status", codec.CloseNoStatus, "not sent", "\x88\x00")
	f("no status seen by a proxy", 1006, "not sent", "\x88\x00")
	x := strings.Repeat("x", 124)
	f("longest reason", codec.CloseNormal, x[:123], "\x88\x7D\x03\xE8"+x[:123])
	f("one byte too many", codec.CloseNormal, x, "\x88\x7D\x03\xE8"+x[:123])
	f("cut ends with a rune", codec.CloseNormal, x[:120]+"弹幕", "\x88\x7D\x03\xE8"+x[:120]+"弹")
	f("cut one byte into a rune", codec.CloseNormal, x[:122]+"弹", "\x88\x7C\x03\xE8"+x[:122])
	f("cut two bytes into a rune", codec.CloseNormal, x[:121]+"弹", "\x88\x7B\x03\xE8"+x[:121])
	f("no rune starts at all", codec.CloseNormal, strings.Repeat("\x80", 124), "\x88\x02\x03\xE8")
}

func TestParseClose_ReadsCodesAndRefusesBadOnes(t *testing.T) {
	f := func(payload string, code codec.CloseCode, reason, refused string) {
		t.Helper()
		c, r, err := codec.ParseClose([]byte(payload))
		if c != code || r != reason || refusal(t, err) != refused {
			t.Errorf("ParseClose(%q) = %d, %q, %v; want %d, %q, %q", payload, c, r, err, code, reason, refused)
		}
	}
	f("", codec.CloseNoStatus, "", "")
	f("\x03\xE8", codec.CloseNormal, "", "")
	f("\x03\xE9bye 再见", codec.CloseGoingAway, "bye 再见", "")
	f("\x13\x87", 4999, "", "")
	f("\x03", 0, "", halfCloseCode)
	f("\x03\xED", 0, "", badCloseCode)
	f("\x03\xE8\xFF", 0, "", badCloseReason)
}

// TestParseClose_IsAnsweredAsItIs: a peer's close frame can be echoed (RFC 6455 section
// 5.5.1) and read again.
func TestParseClose_IsAnsweredAsItIs(t *testing.T) {
	for code := range 1 << 16 {
		payload := []byte(closePayload(uint16(code), "why 为什么"))
		c, reason, err := codec.ParseClose(payload)
		if err != nil {
			continue
		}
		echo := codec.AppendCloseFrame(nil, c, reason)
		if !bytes.Equal(echo[2:], payload) || !utf8.Valid(echo[4:]) {
			t.Fatalf("close frame %q is echoed as %q", payload, echo[2:])
		}
	}
	c, reason, err := codec.ParseClose(nil)
	if echo := codec.AppendCloseFrame(nil, c, reason); err != nil || string(echo) != "\x88\x00" {
		t.Errorf("close frame without payload is echoed as % x, %v; want 88 00", echo, err)
	}
}
