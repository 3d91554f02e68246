package codec_test

import (
	"errors"
	"fmt"

	"barrage/codec"
)

// printer prints what a client sends.
type printer struct{}

func (printer) Deflates() bool { return false }

func (printer) Frame(op codec.Opcode, payload []byte) error {
	fmt.Printf("%v: %s\n", op, payload)
	return nil
}

// A reader takes what the socket gives, however it is cut.
func ExampleReader_Feed() {
	var r codec.Reader
	// "Hello" under the key 37 fa 21 3d (RFC 6455 section 5.7), in two reads.
	for _, read := range [][]byte{
		{0x81, 0x85, 0x37, 0xfa},
		{0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
	} {
		if err := r.Feed(read, 8<<10, printer{}); err != nil {
			fmt.Println(err)
		}
	}
	// A client must mask its frames. The refusal says how to close.
	err := r.Feed([]byte{0x81, 0x05}, 8<<10, printer{})
	if refusal, ok := errors.AsType[*codec.ProtocolError](err); ok {
		fmt.Printf("%q\n", codec.AppendCloseFrame(nil, refusal.Code, refusal.Reason))
	}
	// Output:
	// text: Hello
	// "\x88\x19\x03\xeathe frame is not masked"
}

// Several messages travel in one write. After a short write the cut frame must go on.
func ExampleAppendFrame() {
	batch := codec.AppendFrame(nil, codec.OpText, `{"info":"hi"}`)
	batch = codec.AppendFrame(batch, codec.OpText, `{"info":"ho"}`)
	fmt.Printf("%q\n", batch)

	taken := 20 // bytes that the kernel took
	fmt.Printf("%q\n", batch[taken:codec.FrameBoundary(batch, taken)])
	// Output:
	// "\x81\r{\"info\":\"hi\"}\x81\r{\"info\":\"ho\"}"
	// "nfo\":\"ho\"}"
}
