package room

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"barrage/internal/chat"
)

// framed is how many frames the stream's log has.
func framed(r *Room, encoding Encoding) (n int) {
	for _, seg := range r.streams[encoding].log.segs {
		n += len(seg.frames)
	}
	return n
}

// inflated is the only frame in b, which must be compressed, before and after that.
func inflated(tb testing.TB, b []byte) (size int, text string) {
	tb.Helper()
	in := bytes.NewReader(b)
	compressed, err := ws.ReadFrame(in) //nolint:staticcheck // the length is ours
	if err != nil || in.Len() != 0 || !compressed.Header.Rsv1() {
		tb.Fatalf("got the frame %+v, %v, and %d bytes more; want one compressed frame", compressed.Header, err, in.Len())
	}
	plain, err := wsflate.DecompressFrame(compressed)
	if err != nil {
		tb.Fatal(err)
	}
	return len(b), string(plain.Payload)
}

// A batch is framed once for each encoding, however many members it has, and deflated once for
// those that agreed on it. It is the same text for all of them.
func TestEncodings_BatchIsFramedOnceForEach(t *testing.T) {
	f := newFixture(t, nil, Callbacks{})
	r := f.open("1")
	old := []*member{f.join(r), f.join(r)}
	enter := func(encoding Encoding) *member {
		m := &member{fakeSocket: fakeSocket{room: -1}}
		r.EnterNative(&m.Member, &m.fakeSocket, encoding, Since{}, chat.History{})
		r.Attach(&m.Member)
		return m
	}
	native := []*member{enter(Native), enter(Native), enter(Native)}
	deflated := []*member{enter(Deflated), enter(Deflated)}
	f.settle()
	before := map[Encoding]int{Native: framed(r, Native), Deflated: framed(r, Deflated)}

	var said []string
	for i := range 5 {
		said = append(said, fmt.Sprintf("%d %s", i, strings.Repeat("弹幕 ", 10)))
		f.post(r, said[i])
	}
	f.deliverAll() // into one batch
	f.settle()

	for encoding, n := range before {
		if n = framed(r, encoding) - n; n != 1 {
			t.Errorf("the batch was framed %d times in encoding %d; want once", n, encoding)
		}
	}
	if got := r.streams[FastIM].log.count(); got != uint64(len(said)) {
		t.Errorf("%d messages were framed for FastIM; want each once", got)
	}
	text := native[0].texts(t)[0]
	for _, m := range native {
		if got := m.texts(t); len(got) != 1 || got[0] != text {
			t.Errorf("a native member got %q; want %q", got, text)
		}
	}
	wantFrames(t, native[0], fmt.Sprintf("1:%s,2:%s,3:%s,4:%s,5:%s@e1/1", said[0], said[1], said[2], said[3], said[4]))
	for _, m := range deflated {
		size, got := inflated(t, m.got)
		if got != text {
			t.Errorf("the compressed frame says %q; want %q", got, text)
		}
		if size >= len(native[0].got) {
			t.Errorf("the compressed frame has %d bytes, the plain one %d", size, len(native[0].got))
		}
		if !bytes.Equal(m.got, deflated[0].got) {
			t.Error("the deflated members got different bytes")
		}
	}
	for _, m := range old {
		wantInfos(t, m, said...)
		if !bytes.Equal(m.got, old[0].got) {
			t.Error("the members of FastIM got different bytes")
		}
	}
}
