package codec_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"barrage/codec"
)

// This file is the client that the tests of the reader play.

// roomy is a maxMessage that no test message reaches by accident.
const roomy = 1 << 20

// First bytes of frames: FIN and opcode (RFC 6455 section 5.2).
const (
	finText   = 0x81
	finBinary = 0x82
	finClose  = 0x88
	finPing   = 0x89
	finPong   = 0x8A
	finCont   = 0x80
	moreText  = 0x01
	moreBin   = 0x02
	moreCont  = 0x00
)

// key is the masking key of the RFC's examples (section 5.7).
var key = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// frame is a masked frame with its length in the shortest form.
func frame(first byte, payload string) []byte {
	form := 7
	switch n := len(payload); {
	case n > 0xFFFF:
		form = 64
	case n > 125:
		form = 16
	}
	return frameForm(first, form, payload)
}

// frameForm is a masked frame with its length written in 7, 16 or 64 bits.
func frameForm(first byte, form int, payload string) []byte {
	return append(maskedHeader(first, form, uint64(len(payload))), masked(payload)...)
}

// maskedHeader is the header of a masked frame of length bytes.
func maskedHeader(first byte, form int, length uint64) []byte {
	b := []byte{first}
	switch form {
	case 7:
		b = append(b, 0x80|byte(length))
	case 16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), length)
	}
	return append(b, key[:]...)
}

// masked is payload under key, done the slow and obvious way (section 5.3).
func masked(payload string) []byte {
	b := []byte(payload)
	for i := range b {
		b[i] ^= key[i%4]
	}
	return b
}

// closePayload is the payload of a close frame.
func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// join puts frames into one stream.
func join(frames ...[]byte) []byte { return slices.Concat(frames...) }

// recorder keeps what a reader delivers as "text Hello".
type recorder struct {
	got   []string
	small int // fragments that brought little
}

func (*recorder) Deflates() bool { return false }

func (r *recorder) Frame(op codec.Opcode, payload []byte) error {
	if op == codec.OpContinuation { // of no message's
		r.small++
		return nil
	}
	r.got = append(r.got, op.String()+" "+string(payload))
	return nil
}

// verdict is all that a client could learn of a reader: the messages it delivered, and its
// refusal, as "1002 the frame is not masked".
type verdict struct {
	delivered []string
	refused   string
}

func (v verdict) String() string {
	var b strings.Builder
	for _, s := range v.delivered {
		if len(s) > 80 {
			s = fmt.Sprintf("%s... (%d bytes)", s[:80], len(s))
		}
		fmt.Fprintf(&b, "  %q\n", s)
	}
	return fmt.Sprintf("%s  refused: %q", b.String(), v.refused)
}

func (v verdict) equal(w verdict) bool {
	return v.refused == w.refused && slices.Equal(v.delivered, w.delivered)
}

// read feeds stream to a new reader, cut at the given ascending offsets. Each piece is
// overwritten after the call, so a reader that kept a part of it is found out.
func read(tb testing.TB, stream []byte, maxMessage int, cuts ...int) verdict {
	tb.Helper()
	var r codec.Reader
	var h recorder
	var err error
	from := 0
	for _, to := range append(cuts, len(stream)) {
		piece := slices.Clone(stream[from:to])
		from = to
		was := err
		err = r.Feed(piece, maxMessage, &h)
		if was != nil && !errors.Is(err, was) {
			tb.Fatalf("Feed after error %v = %v; want the same error", was, err)
		}
		for i := range piece {
			piece[i] = 0xFF
		}
	}
	return verdict{h.got, refusal(tb, err)}
}

// refusal is err as it would go into a close frame.
func refusal(tb testing.TB, err error) string {
	tb.Helper()
	if err == nil {
		return ""
	}
	pe, ok := errors.AsType[*codec.ProtocolError](err)
	if !ok {
		tb.Fatalf("Feed error is %T %v; want a *ProtocolError", err, err)
	}
	if len(pe.Reason) > 123 || !pe.Code.OnWire() {
		tb.Fatalf("%v does not fit into a close frame", pe)
	}
	return fmt.Sprintf("%d %s", pe.Code, pe.Reason)
}
