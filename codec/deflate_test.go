package codec_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"barrage/codec"
)

// deflating is a handler of a connection with permessage-deflate.
type deflating struct {
	got    []string
	beyond int // bytes that their client did not have to send
}

func (*deflating) Deflates() bool { return true }

func (d *deflating) Frame(op codec.Opcode, payload []byte) error {
	if op == codec.OpContinuation { // of no message's
		d.beyond += len(payload)
		return nil
	}
	d.got = append(d.got, string(payload))
	return nil
}

// compressed is text as one compressed frame of a client, made by gobwas/ws.
func compressed(tb testing.TB, text string) []byte {
	tb.Helper()
	f, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(text)))
	if err != nil {
		tb.Fatal(err)
	}
	return ws.MustCompileFrame(ws.MaskFrameInPlace(f))
}

func texts() []string {
	batch := strings.Repeat(`{"seq":7,"kind":"chat","user_id":"3","body":"弹幕 hi","ts":1648368380132},`, 100)
	noise := make([]byte, 5000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = 'a' + byte(rnd.IntN(26))
	}
	return []string{"", "x", strings.Repeat("x", 255), strings.Repeat("x", 256), batch, string(noise)}
}

func TestDeflate_GobwasReadsWhatWeWrite(t *testing.T) {
	for _, text := range texts() {
		b := codec.AppendDeflatedFrame([]byte("before"), []byte(text))
		f, err := ws.ReadFrame(bytes.NewReader(b[len("before"):])) //nolint:staticcheck // the length is ours
		if err != nil {
			t.Fatal(err)
		}
		if is := f.Header.Rsv1(); is != (len(text) >= 256 && len(f.Payload) < len(text)) {
			t.Errorf("%d bytes: compressed = %v with %d on the wire", len(text), is, len(f.Payload))
		} else if is {
			if f, err = wsflate.DecompressFrame(f); err != nil {
				t.Fatal(err)
			}
		}
		if string(f.Payload) != text {
			t.Errorf("%d bytes come back as %d others", len(text), len(f.Payload))
		}
	}
}

func TestDeflate_AnySplitReadsWhatGobwasWrites(t *testing.T) {
	var stream []byte
	for _, text := range texts() {
		stream = append(stream, compressed(t, text)...)
	}
	stream = append(stream, ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte("plain"))))...)
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		var r codec.Reader
		var h deflating
		for b := bytes.Clone(stream); len(b) > 0; {
			n := 1 + rnd.IntN(min(len(b), 1+rnd.IntN(3000)))
			if err := r.Feed(b[:n], 64<<10, &h); err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
		if want := append(texts(), "plain"); fmt.Sprint(h.got) != fmt.Sprint(want) {
			t.Fatalf("seed %d: got %d messages that differ", seed, len(h.got))
		}
	}
}

// TestDeflate_FirstFragmentAloneSaysCompressed: only the first fragment says that the message is compressed.
func TestDeflate_FirstFragmentAloneSaysCompressed(t *testing.T) {
	f, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(strings.Repeat("弹", 300))))
	if err != nil {
		t.Fatal(err)
	}
	first := ws.NewFrame(ws.OpText, false, bytes.Clone(f.Payload[:7]))
	first.Header.Rsv = ws.Rsv(true, false, false)
	last := ws.NewFrame(ws.OpContinuation, true, bytes.Clone(f.Payload[7:]))
	ping := ws.NewPingFrame([]byte("between"))
	var stream []byte
	for _, f := range []ws.Frame{first, ping, last} {
		stream = append(stream, ws.MustCompileFrame(ws.MaskFrameInPlace(f))...)
	}
	var r codec.Reader
	var h deflating
	if err := r.Feed(stream, 4096, &h); err != nil || len(h.got) != 2 || h.got[1] != strings.Repeat("弹", 300) {
		t.Errorf("got %q, %v", h.got, err)
	}
}

// TestDeflate_TellsWhatCostsNothing: a handler is notified of all beyond eight times what came, and may end there.
func TestDeflate_TellsWhatCostsNothing(t *testing.T) {
	said := strings.Repeat(`{"t":"send","id":"1","body":"who is that on the left, behind the piano?"}`, 4)
	for text, least := range map[string]int{said: 0, strings.Repeat("x", 4000): 3000} {
		var r codec.Reader
		var h deflating
		if err := r.Feed(compressed(t, text), 4096, &h); err != nil || h.beyond < least || h.beyond > len(text)*least/3000 || len(h.got) != 1 {
			t.Errorf("%d bytes: told of %d, %d messages, %v; want %d or more", len(text), h.beyond, len(h.got), err, least)
		}
	}
}

func TestDeflate_RefusesWithTheCloseCodeThatFits(t *testing.T) {
	var bomb bytes.Buffer
	w, _ := flate.NewWriter(&bomb, flate.BestCompression)
	_, _ = w.Write(make([]byte, 10<<20))
	_ = w.Flush()
	frame := func(op ws.OpCode, payload []byte) []byte {
		f := ws.NewFrame(op, true, bytes.Clone(payload))
		f.Header.Rsv = ws.Rsv(true, false, false)
		return ws.MustCompileFrame(ws.MaskFrameInPlace(f))
	}
	f := func(name string, stream []byte, h codec.FrameHandler, want codec.CloseCode) {
		t.Helper()
		var r codec.Reader
		err := r.Feed(stream, 16<<10, h)
		var violation *codec.ProtocolError
		if !errors.As(err, &violation) || violation.Code != want {
			t.Errorf("%s: %v; want close code %d", name, err, want)
		}
	}
	f("a bomb of 10 MB in 10 KB", frame(ws.OpText, bomb.Bytes()), &deflating{}, codec.CloseTooBig)
	f("what cannot be inflated", frame(ws.OpText, []byte("\xff\xff\xff\xff")), &deflating{}, codec.CloseInvalidUTF8)
	f("a compressed ping", frame(ws.OpPing, []byte("x")), &deflating{}, codec.CloseProtocolError)
	f("a compressed continuation", frame(ws.OpContinuation, []byte("x")), &deflating{}, codec.CloseProtocolError)
	f("compressed, not agreed on", compressed(t, "hello"), handlerFunc(func(codec.Opcode, []byte) error { return nil }), codec.CloseProtocolError)
	bad, _ := wsflate.CompressFrame(ws.NewTextFrame([]byte(strings.Repeat("\xff", 300))))
	f("no UTF-8 inside", ws.MustCompileFrame(ws.MaskFrameInPlace(bad)), &deflating{}, codec.CloseInvalidUTF8)
}
