package codec_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"barrage/codec"
)

// The refusals, as they go to the client.
const (
	reservedBit       = "1002 a reserved bit is set that has no meaning here"
	reservedOpcode    = "1002 the opcode is reserved"
	lengthTopBit      = "1002 the top bit of the payload length is set"
	lengthNotMinimal  = "1002 the payload length is not in its shortest form"
	notMasked         = "1002 the frame is not masked"
	noMessageOpen     = "1002 a continuation frame, but no message to continue"
	messageOpen       = "1002 a new message began before the fragmented one ended"
	controlFragmented = "1002 a control frame is fragmented"
	controlTooLong    = "1002 a control frame has more than 125 bytes of payload"
	halfCloseCode     = "1002 the close frame has one byte of payload, half a close code"
	badCloseCode      = "1002 the close code may not stand in a close frame"
	badCloseReason    = "1007 the close reason is not UTF-8"
	textNotUTF8       = "1007 the text is not UTF-8"
	messageTooBig     = "1009 the message is larger than this server takes"
)

// rule is one row of the conformance table: a stream from a client and what RFC 6455
// makes of it. The name begins with the section.
type rule struct {
	name       string
	stream     []byte
	maxMessage int // 0 = roomy
	want       verdict
}

func (r *rule) limit() int {
	if r.maxMessage == 0 {
		return roomy
	}
	return r.maxMessage
}

// rules is RFC 6455 as a server has to see it. Every other test of the reader takes
// its streams from here.
func rules() []rule {
	var all []rule
	accept := func(name string, stream []byte, delivered ...string) {
		all = append(all, rule{name: name, stream: stream, want: verdict{delivered: delivered}})
	}
	refuse := func(name string, stream []byte, refused string, delivered ...string) {
		all = append(all, rule{name: name, stream: stream, want: verdict{delivered, refused}})
	}
	limit := func(maxMessage int) { all[len(all)-1].maxMessage = maxMessage }

	maskingRules(accept, refuse)
	headerRules(accept, refuse)
	fragmentRules(accept, refuse)
	controlRules(accept, refuse)
	closeRules(accept, refuse)
	textRules(accept, refuse)

	accept("10.4 message of exactly the limit", join(frame(moreText, "123"), frame(finCont, "45")), "text 12345")
	limit(5)
	refuse("10.4 message above the limit, by its header", maskedHeader(finText, 7, 6), messageTooBig)
	limit(5)
	refuse("10.4 16-bit length above the limit, before the key", maskedHeader(finText, 16, 126)[:4], messageTooBig)
	limit(125)
	refuse("10.4 64-bit length above any memory, before the key", maskedHeader(finBinary, 64, 1<<63-1)[:10], messageTooBig)
	refuse("10.4 fragments above the limit together", join(frame(moreText, "123"), maskedHeader(moreCont, 7, 3)), messageTooBig)
	limit(5)
	accept("10.4 control frames do not count", join(frame(moreText, "123"), frame(finPing, "456789"), frame(finCont, "45")),
		"ping 456789", "text 12345")
	limit(5)
	refuse("10.4 a limit below zero takes nothing", frame(finText, "1"), messageTooBig)
	limit(-1)
	accept("10.4 no limit to speak of", join(frame(moreText, "a"), maskedHeader(finCont, 64, math.MaxInt-1), []byte("on the way")))
	limit(math.MaxInt)
	accept("10.4 no limit to speak of, unfragmented", join(maskedHeader(finText, 64, math.MaxInt), []byte("on the way")))
	limit(math.MaxInt)
	return all
}

type (
	accepts func(name string, stream []byte, delivered ...string)
	refuses func(name string, stream []byte, refused string, delivered ...string)
)

func maskingRules(accept accepts, refuse refuses) {
	refuse("5.1 frame without mask", []byte("\x81\x05Hello"), notMasked)
	refuse("5.1 empty frame without mask", []byte("\x81\x00"), notMasked)
	refuse("5.1 control frame without mask", []byte("\x89\x00"), notMasked)
	refuse("5.1 frame without mask after a good one", join(frame(finText, "a"), []byte("\x81\x00")), notMasked, "text a")
	accept("5.3 zero key", []byte("\x81\x82\x00\x00\x00\x00hi"), "text hi")
	accept("5.3 every length mod 8", join(frame(finText, ""), frame(finText, "1"), frame(finText, "12"), frame(finText, "123"),
		frame(finText, "1234"), frame(finText, "12345"), frame(finText, "123456"), frame(finText, "1234567"), frame(finText, "12345678")),
		"text ", "text 1", "text 12", "text 123", "text 1234", "text 12345", "text 123456", "text 1234567", "text 12345678")
	accept("5.7 masked Hello", []byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "text Hello")
	accept("5.7 masked pong Hello", []byte("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "pong Hello")
	refuse("5.7 the server's Hello, unmasked", []byte("\x81\x05\x48\x65\x6c\x6c\x6f"), notMasked)
}

func headerRules(accept accepts, refuse refuses) {
	for _, rsv := range []byte{0x40, 0x20, 0x10, 0x70} {
		refuse(fmt.Sprintf("5.2 RSV %#x on text", rsv), frame(finText|rsv, "a"), reservedBit)
		refuse(fmt.Sprintf("5.2 RSV %#x on ping", rsv), frame(finPing|rsv, "a"), reservedBit)
		refuse(fmt.Sprintf("5.2 RSV %#x on continuation", rsv), join(frame(moreText, "a"), frame(finCont|rsv, "b")), reservedBit)
	}
	refuse("5.2 reserved bit is refused by the first byte", []byte{finText | 0x40}, reservedBit)
	for _, op := range []byte{3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF} {
		refuse(fmt.Sprintf("5.2 reserved opcode %X", op), frame(0x80|op, ""), reservedOpcode)
		refuse(fmt.Sprintf("5.2 reserved opcode %X inside a message", op), join(frame(moreText, "a"), frame(op, "b")), reservedOpcode)
	}
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		body := strings.Repeat("x", n)
		accept(fmt.Sprintf("5.2 shortest length for %d bytes", n), frame(finBinary, body), "binary "+body)
	}
	for _, n := range []int{0, 1, 125} {
		refuse(fmt.Sprintf("5.2 16-bit length for %d bytes", n), frameForm(finText, 16, strings.Repeat("x", n)), lengthNotMinimal)
	}
	for _, n := range []int{0, 125, 126, 65535} {
		refuse(fmt.Sprintf("5.2 64-bit length for %d bytes", n), frameForm(finText, 64, strings.Repeat("x", n)), lengthNotMinimal)
	}
	refuse("5.2 16-bit length for 125 bytes, before the key", maskedHeader(finText, 16, 125)[:4], lengthNotMinimal)
	refuse("5.2 64-bit length with its top bit, before the key", maskedHeader(finBinary, 64, 1<<63)[:10], lengthTopBit)
	refuse("5.2 64-bit length with its top bit", maskedHeader(finBinary, 64, 1<<63), lengthTopBit)
	refuse("5.2 64-bit length of all ones", maskedHeader(finBinary, 64, 1<<64-1), lengthTopBit)
}

func fragmentRules(accept accepts, refuse refuses) {
	accept("5.4 two fragments", join(frame(moreText, "Hel"), frame(finCont, "lo")), "text Hello")
	accept("5.4 five fragments", join(frame(moreBin, "\x80"), frame(moreCont, "\x81"), frame(moreCont, ""), frame(moreCont, "\x82"), frame(finCont, "\x83")),
		"binary \x80\x81\x82\x83")
	accept("5.4 empty fragments make an empty message", join(frame(moreText, ""), frame(moreCont, ""), frame(finCont, "")), "text ")
	accept("5.4 empty first fragment", join(frame(moreText, ""), frame(finCont, "a")), "text a")
	accept("5.4 control frames between fragments", join(frame(moreText, "a"), frame(finPing, "1"), frame(moreCont, "b"), frame(finPong, "2"), frame(finCont, "c")),
		"ping 1", "pong 2", "text abc")
	accept("5.4 close between fragments", join(frame(moreText, "a"), frame(finClose, "")), "close ")
	accept("5.4 messages follow a fragmented one", join(frame(moreText, "a"), frame(finCont, "b"), frame(finText, "c"), frame(moreBin, "d"), frame(finCont, "e")),
		"text ab", "text c", "binary de")
	accept("5.4 an unfinished message is not delivered", join(frame(moreText, "a"), frame(moreCont, "b")))
	refuse("5.4 continuation of nothing", frame(finCont, "a"), noMessageOpen)
	refuse("5.4 continuation of nothing, not final", frame(moreCont, "a"), noMessageOpen)
	refuse("5.4 continuation of a complete message", join(frame(finText, "a"), frame(finCont, "b")), noMessageOpen, "text a")
	refuse("5.4 continuation after the last fragment", join(frame(moreText, "a"), frame(finCont, "b"), frame(finCont, "c")), noMessageOpen, "text ab")
	refuse("5.4 continuation of a control frame", join(frame(finPing, "a"), frame(finCont, "b")), noMessageOpen, "ping a")
	refuse("5.4 text inside a message", join(frame(moreText, "a"), frame(finText, "b")), messageOpen)
	refuse("5.4 binary inside a message", join(frame(moreText, "a"), frame(finBinary, "b")), messageOpen)
	refuse("5.4 a second message's first fragment", join(frame(moreBin, "a"), frame(moreText, "b")), messageOpen)
}

func controlRules(accept accepts, refuse refuses) {
	full := strings.Repeat("x", 125)
	accept("5.5 control frame of 125 bytes", frame(finPing, full), "ping "+full)
	accept("5.5 control frames may come before any message", join(frame(finPong, ""), frame(finPing, "")), "pong ", "ping ")
	for _, first := range []byte{finClose, finPing, finPong} {
		name := codec.Opcode(first & 0x0F).String()
		refuse("5.5 "+name+" of 126 bytes", frame(first, full+"x"), controlTooLong)
		refuse("5.5 "+name+" of 126 bytes, by its second byte", maskedHeader(first, 16, 126)[:2], controlTooLong)
		refuse("5.5 "+name+" with a 16-bit length", frameForm(first, 16, "a"), controlTooLong)
		refuse("5.5 "+name+" with a 64-bit length", frameForm(first, 64, "a"), controlTooLong)
		refuse("5.5 fragmented "+name, frame(first&0x0F, ""), controlFragmented)
	}
	accept("5.5.2 ping carries any bytes", frame(finPing, "\xFF\x00"), "ping \xFF\x00")
	accept("5.5.3 pong nobody asked for", frame(finPong, "\xFF"), "pong \xFF")
}

func closeRules(accept accepts, refuse refuses) {
	accept("5.5.1 close without payload", frame(finClose, ""), "close ")
	accept("5.5.1 close with reason", frame(finClose, closePayload(1001, "bye 再见")), "close "+closePayload(1001, "bye 再见"))
	longest := closePayload(1000, strings.Repeat("x", 123))
	accept("5.5.1 close with the longest reason", frame(finClose, longest), "close "+longest)
	refuse("5.5.1 close with one byte", frame(finClose, "\x03"), halfCloseCode)
	refuse("5.5.1 close reason not UTF-8", frame(finClose, closePayload(1000, "\xC0")), badCloseReason)
	refuse("5.5.1 close reason ends inside a rune", frame(finClose, closePayload(1000, "\xE5\xBC")), badCloseReason)
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		accept(fmt.Sprintf("7.4 close code %d", code), frame(finClose, closePayload(code, "")), "close "+closePayload(code, ""))
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		refuse(fmt.Sprintf("7.4 close code %d", code), frame(finClose, closePayload(code, "")), badCloseCode)
	}
}

func textRules(accept accepts, refuse refuses) {
	accept("5.6 text", frame(finText, "弹幕 \x00\x7F\u0080\u07FF\u0800\uFFFF\U00010000\U0010FFFF"), "text 弹幕 \x00\x7F\u0080\u07FF\u0800\uFFFF\U00010000\U0010FFFF")
	accept("5.6 binary carries any bytes", frame(finBinary, "\xFF\xC0\x80"), "binary \xFF\xC0\x80")
	accept("5.6 fragmented binary carries any bytes", join(frame(moreBin, "\xFF"), frame(finCont, "\xC0")), "binary \xFF\xC0")
	accept("5.6 a rune over two fragments", join(frame(moreText, "\xE5\xBC"), frame(finCont, "\xB9")), "text 弹")
	accept("5.6 a rune over four fragments and a ping",
		join(frame(moreText, "a\xF0"), frame(moreCont, "\x9F"), frame(finPing, "\x80"), frame(moreCont, ""), frame(moreCont, "\x98"), frame(finCont, "\x80b")),
		"ping \x80", "text a😀b")
	for _, c := range []struct{ name, bad string }{
		{"continuation byte alone", "\x80"},
		{"byte FF", "a\xFFb"},
		{"overlong in two bytes", "\xC0\xAF"},
		{"overlong in three bytes", "\xE0\x80\xAF"},
		{"overlong in four bytes", "\xF0\x80\x80\xAF"},
		{"surrogate half", "\xED\xA0\x80"},
		{"above 10FFFF", "\xF4\x90\x80\x80"},
		{"rune cut by a letter", "\xE5\xBCa"},
	} {
		refuse("8.1 "+c.name, frame(finText, c.bad), textNotUTF8)
		// The fragment that shows it is refused, though the message could go on.
		refuse("8.1 "+c.name+" in the first fragment", frame(moreText, c.bad), textNotUTF8)
		refuse("8.1 "+c.name+" in the second fragment", join(frame(moreText, "ok"), frame(moreCont, c.bad)), textNotUTF8)
		refuse("8.1 "+c.name+" over two fragments", join(frame(moreText, c.bad[:1]), frame(moreCont, c.bad[1:])), textNotUTF8)
	}
	refuse("8.1 text ends inside a rune", frame(finText, "a\xE5\xBC"), textNotUTF8)
	refuse("8.1 fragmented text ends inside a rune", join(frame(moreText, "\xE5"), frame(finCont, "\xBC")), textNotUTF8)
	refuse("8.1 an open rune is not completed by the next message",
		join(frame(moreText, "\xE5\xBC"), frame(finCont, ""), frame(finText, "\xB9")), textNotUTF8)
}

func TestReader_ConformsToEveryRule(t *testing.T) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if got := read(t, r.stream, r.limit()); !got.equal(r.want) {
				t.Errorf("read % x:\n%v\nwant\n%v", clip(r.stream), got, r.want)
			}
		})
	}
}

// TestReader_EveryRefusalHasARule guards the table against losing its rows.
func TestReader_EveryRefusalHasARule(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules() {
		if r.want.refused != "" {
			seen[r.want.refused] = true
		}
	}
	for _, want := range []string{
		reservedBit, reservedOpcode, lengthTopBit, lengthNotMinimal, notMasked, noMessageOpen, messageOpen,
		controlFragmented, controlTooLong, halfCloseCode, badCloseCode, badCloseReason, textNotUTF8, messageTooBig,
	} {
		if !seen[want] {
			t.Errorf("no rule is refused with %q", want)
		}
	}
}

// clip keeps failures readable.
func clip(b []byte) []byte { return b[:min(len(b), 64)] }
