package codec_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"barrage/codec"
	"barrage/internal/chat"
)

// nothing is a handler for benchmarks.
type nothing struct{}

func (nothing) Deflates() bool { return false }

func (nothing) Frame(codec.Opcode, []byte) error { return nil }

// zeroKey is stream, made of frames under key, with the key and the mask taken off. Unmasking then costs the same but
// changes nothing, so one buffer can be fed again and again.
func zeroKey(stream []byte) []byte {
	var plain []byte
	for len(stream) > 0 {
		at := bytes.Index(stream, key[:])
		n := codec.FrameBoundary(stream, 1) + len(key) // the key is not part of the length
		plain = append(plain, stream[:at]...)
		plain = append(plain, 0, 0, 0, 0)
		plain = append(plain, masked(string(stream[at+len(key):n]))...)
		stream = stream[n:]
	}
	return plain
}

func BenchmarkReader_Feed(b *testing.B) {
	for _, size := range []int{20, 200, 4096} {
		one := zeroKey(frame(finText, strings.Repeat("x", size)))
		run := func(name string, perOp int, pieces ...[]byte) {
			b.Run(fmt.Sprintf("%s/payload=%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(perOp * len(one)))
				var r codec.Reader
				for b.Loop() {
					for _, piece := range pieces {
						if err := r.Feed(piece, roomy, nothing{}); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
		run("whole", 1, one)
		run("ten-in-one-read", 10, bytes.Repeat(one, 10))
		run("split", 1, one[:len(one)/2], one[len(one)/2:])
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	for _, size := range []int{20, 200, 4096} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			payload := strings.Repeat("x", size)
			buf := make([]byte, 0, 2*size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				buf = codec.AppendFrame(buf[:0], codec.OpText, payload)
			}
		})
	}
}

func BenchmarkFrameBoundary(b *testing.B) {
	var batch []byte
	for range 100 {
		batch = codec.AppendFrame(batch, codec.OpText, strings.Repeat("x", 90))
	}
	b.Run("frames=100", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			codec.FrameBoundary(batch, len(batch))
		}
	})
}

func BenchmarkUnmask(b *testing.B) {
	for _, size := range []int{20, 200, 4096} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			buf := make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			k := uint32(0x3D21FA37)
			for b.Loop() {
				k = codec.Unmask(buf, k)
			}
		})
	}
}

func BenchmarkNewDraft(b *testing.B) {
	for name, info := range map[string]string{"ascii=20": strings.Repeat("x", 20), "ascii=200": strings.Repeat("x", 200), "cjk=20": strings.Repeat("弹", 20)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(info)))
			for b.Loop() {
				codec.NewDraft("1", "3", info, 1648368380132)
			}
		})
	}
}

// BenchmarkNativeSend is a send from the frame's payload to the draft: decoded, checked and
// encoded by sonic.
func BenchmarkNativeSend(b *testing.B) {
	for name, payload := range map[string]string{
		"plain": `{"t":"send","id":"c-17","body":"弹幕 hello"}`,
		"gift":  `{"t":"send","id":"c-17","kind":"gift","body":"弹幕 hello","ext":{"gift":"rose","n":[1,2]}}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op, err := codec.ParseOp([]byte(payload), 4096)
				if err != nil {
					b.Fatal(err)
				}
				codec.NewNativeDraft("1", "3", &op, 1648368380132)
			}
		})
	}
}

func BenchmarkParseEvent(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			e := chat.Event{Kind: chat.EventMessages, Epoch: "1a2b3c", Seq: 7, Total: 7, Rev: 7, Prev: "node.6", Tip: "node.7"}
			d := codec.NewDraft("1", "3", "im hello", 1648368380132)
			for range n {
				e.Messages = append(e.Messages, string(d.AppendJSON(nil, d.TS)))
			}
			s := string(codec.AppendEvent(nil, &e))
			b.ReportAllocs()
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				if _, err := codec.ParseEvent(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
