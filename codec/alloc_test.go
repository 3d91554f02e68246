//go:build !race

package codec_test

import (
	"strings"
	"testing"

	"barrage/codec"
)

// The race detector allocates and makes sync.Pool forgetful, hence the build tag.

// counter is a handler that allocates nothing.
type counter struct{ frames, bytes int }

func (*counter) Deflates() bool { return false }

func (c *counter) Frame(_ codec.Opcode, payload []byte) error {
	c.frames++
	c.bytes += len(payload)
	return nil
}

func wantNoAllocs(t *testing.T, name string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(1000, f); n != 0 {
		t.Errorf("%s allocates %v times; want 0", name, n)
	}
}

func TestReader_FeedAllocatesNothing(t *testing.T) {
	var r codec.Reader
	var h counter
	feed := func(b []byte) {
		if err := r.Feed(b, roomy, &h); err != nil {
			t.Fatal(err)
		}
	}
	whole := zeroKey(join(frame(finText, "im hello"), frame(finPing, ""), frame(finBinary, strings.Repeat("x", 70000)), frame(finText, strings.Repeat("x", 300))))
	wantNoAllocs(t, "Feed of whole frames", func() { feed(whole) })
	split := zeroKey(frame(finText, strings.Repeat("x", 8<<10)))
	wantNoAllocs(t, "Feed of a frame in three pieces", func() {
		feed(split[:3])
		feed(split[3:2000])
		feed(split[2000:])
	})
	// the first fragment is reported by itself: it is small
	fragments := zeroKey(join(frame(moreText, "a"), frame(finPing, "b"), frame(finCont, "c")))
	wantNoAllocs(t, "Feed of fragments", func() { feed(fragments) })
	if want := 1001 * (4 + 1 + 3); h.frames != want {
		t.Errorf("%d frames delivered; want %d", h.frames, want)
	}
}

func TestReader_RefusalAllocatesNothing(t *testing.T) {
	for _, r := range rules() {
		if r.want.refused == "" || len(r.want.delivered) > 0 {
			continue
		}
		b := make([]byte, len(r.stream))
		var h counter
		wantNoAllocs(t, r.name, func() {
			var reader codec.Reader
			copy(b, r.stream)
			if reader.Feed(b, r.limit(), &h) == nil {
				t.Fatalf("%s: not refused", r.name)
			}
		})
	}
}

func TestAppendFrame_AllocatesNothing(t *testing.T) {
	text, bin := strings.Repeat("x", 300), make([]byte, 300)
	buf := make([]byte, 0, 1<<10)
	wantNoAllocs(t, "AppendFrame of a string", func() { buf = codec.AppendFrame(buf[:0], codec.OpText, text) })
	wantNoAllocs(t, "AppendFrame of bytes", func() { buf = codec.AppendFrame(buf[:0], codec.OpBinary, bin) })
	wantNoAllocs(t, "AppendCloseFrame", func() { buf = codec.AppendCloseFrame(buf[:0], codec.CloseRestart, text) })
	wantNoAllocs(t, "FrameBoundary", func() { codec.FrameBoundary(buf, 1) })
}

func TestDraft_AppendJSONAllocatesNothing(t *testing.T) {
	d := codec.NewDraft("1", "3", "hello", 1)
	buf := make([]byte, 0, 1<<10)
	wantNoAllocs(t, "AppendJSON", func() { buf = d.AppendJSON(buf[:0], 1648368380132) })
}

func TestNewDraft_AllocatesItsText(t *testing.T) {
	op := codec.Op{Kind: "gift", ID: "c-1", Body: "弹幕", Ext: []byte(`{"n":1}`)}
	for name, f := range map[string]func(){
		"NewDraft":       func() { codec.NewDraft("1", "3", "hello, 弹幕", 5) },
		"NewNativeDraft": func() { codec.NewNativeDraft("1", "3", &op, 5) },
	} {
		if n := testing.AllocsPerRun(1000, f); n != 1 {
			t.Errorf("%s allocates %v times; want 1", name, n)
		}
	}
}
