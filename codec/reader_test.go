package codec_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"barrage/codec"
)

// corpus is a long valid stream with every kind of frame, followed by nothing.
func corpus() []byte {
	return join(
		frame(finText, "im hello"),
		frame(finText, "弹幕来了 😀"),
		frame(finBinary, ""),
		frame(finPing, "still there?"),
		frame(moreText, "a rune over fragments: \xF0\x9F"),
		frame(finPong, ""),
		frame(moreCont, ""),
		frame(moreCont, "\x98"),
		frame(finPing, strings.Repeat("p", 125)),
		frame(finCont, "\x80."),
		frame(finText, strings.Repeat("长", 60)), // 16-bit length
		frame(moreBin, "\xFF"),
		frame(finCont, strings.Repeat("\xFE", 200)),
		frame(finText, ""),
		frame(finClose, closePayload(1000, "bye 再见")),
		frame(finText, "after close"),
	)
}

// streams are the corpus, each rule's stream, and each violation behind the corpus.
func streams() []rule {
	all := []rule{{name: "corpus", stream: corpus()}}
	for _, r := range rules() {
		all = append(all, r)
		if r.maxMessage == 0 && r.want.refused != "" {
			all = append(all, rule{name: "corpus, then " + r.name, stream: join(corpus(), r.stream)})
		}
	}
	return all
}

// everyCut is the longest stream in bytes that is tried with every cut; longer ones
// are cut near their ends only, where the headers are.
const everyCut = 2048

func TestReader_SplitAnywhereReadsTheSame(t *testing.T) {
	for _, s := range streams() {
		whole := read(t, s.stream, s.limit())
		for cut := range len(s.stream) + 1 {
			if len(s.stream) > everyCut && cut > 20 && cut < len(s.stream)-20 {
				continue
			}
			if got := read(t, s.stream, s.limit(), cut); !got.equal(whole) {
				t.Fatalf("%s, cut at %d:\n%v\nwant, as in one piece,\n%v", s.name, cut, got, whole)
			}
		}
	}
}

func TestReader_SplitAtEveryByteReadsTheSame(t *testing.T) {
	for _, s := range streams() {
		cuts := make([]int, len(s.stream))
		for i := range cuts {
			cuts[i] = i
		}
		whole := read(t, s.stream, s.limit())
		if got := read(t, s.stream, s.limit(), cuts...); !got.equal(whole) {
			t.Errorf("%s, byte by byte:\n%v\nwant, as in one piece,\n%v", s.name, got, whole)
		}
	}
}

func TestReader_SplitAtRandomReadsTheSame(t *testing.T) {
	all := streams()
	for range 2000 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		s := all[rng.IntN(len(all))]
		whole := read(t, s.stream, s.limit())
		cuts := randomCuts(rng, len(s.stream))
		if got := read(t, s.stream, s.limit(), cuts...); !got.equal(whole) {
			t.Fatalf("%s, seed %d, cuts %v:\n%v\nwant, as in one piece,\n%v", s.name, seed, cuts, got, whole)
		}
	}
}

// randomCuts is up to 16 offsets within n bytes, ascending.
func randomCuts(rng *rand.Rand, n int) []int {
	cuts := make([]int, rng.IntN(17))
	for i := range cuts {
		cuts[i] = rng.IntN(n + 1)
	}
	slices.Sort(cuts)
	return cuts
}

// TestReader_ManyAtOnceShareNothing is written to be raced: readers share nothing but the pool.
func TestReader_ManyAtOnceShareNothing(t *testing.T) {
	stream := corpus()
	want := read(t, stream, roomy)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { // ends after 50 streams
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for range 50 {
				if got := read(t, stream, roomy, randomCuts(rng, len(stream))...); !got.equal(want) {
					t.Errorf("reader %d:\n%v\nwant\n%v", i, got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestReader_InterleavedReadersDoNotMix(t *testing.T) {
	var r [2]codec.Reader
	var h [2]recorder
	stream := [2][]byte{frame(finText, strings.Repeat("a", 300)), frame(finText, strings.Repeat("b", 300))}
	for i := range stream[0] {
		for k := range r {
			if err := r[k].Feed(stream[k][i:i+1], roomy, &h[k]); err != nil {
				t.Fatalf("reader %d, byte %d: %v", k, i, err)
			}
		}
	}
	for k, letter := range []string{"a", "b"} {
		if want := []string{"text " + strings.Repeat(letter, 300)}; !slices.Equal(h[k].got, want) {
			t.Errorf("reader %d delivered %q; want %q", k, h[k].got, want)
		}
	}
}

// handlerFunc is a FrameHandler as a function.
type handlerFunc func(op codec.Opcode, payload []byte) error

func (handlerFunc) Deflates() bool { return false }

func (f handlerFunc) Frame(op codec.Opcode, payload []byte) error { return f(op, payload) }

func TestReader_HandlerErrorStops(t *testing.T) {
	stop := errors.New("stop")
	f := func(name string, stream []byte, cuts ...int) {
		t.Helper()
		var r codec.Reader
		calls := 0
		h := handlerFunc(func(codec.Opcode, []byte) error {
			calls++
			return stop
		})
		from := 0
		for _, to := range append(cuts, len(stream)) {
			err := r.Feed(slices.Clone(stream[from:to]), roomy, h)
			if calls > 0 && err != stop { //nolint:errorlint // it must come back as it is, not wrapped
				t.Errorf("%s: Feed = %v; want the handler's error itself", name, err)
			}
			from = to
		}
		if calls != 1 {
			t.Errorf("%s: handler called %d times; want once", name, calls)
		}
		if held := r.Held(); held != -1 {
			t.Errorf("%s: dead reader holds %d bytes; want nothing", name, held)
		}
	}
	two := join(frame(finText, "a"), frame(finText, "b"))
	f("two frames at once", two)
	f("the first in pieces", two, 3)
	f("the second in pieces", two, 10)
	f("control inside a message", join(frame(moreText, "a"), frame(finPing, ""), frame(finCont, "b")))
	f("fragments", join(frame(moreText, "a"), frame(finCont, "b"), frame(finPing, "")))
}

func TestReader_WholeFrameStaysInPlace(t *testing.T) {
	b := join(frame(finText, "Hello"), frame(finPing, "12345678"))
	calls := 0
	var r codec.Reader
	err := r.Feed(b, roomy, handlerFunc(func(_ codec.Opcode, payload []byte) error {
		calls++
		at := bytes.Index(b, payload)
		if at < 0 || &b[at] != &payload[0] {
			t.Errorf("payload %q is a copy", payload)
		}
		if cap(payload) != len(payload) {
			t.Errorf("payload %q reaches %d bytes into the next frame", payload, cap(payload)-len(payload))
		}
		return nil
	}))
	if err != nil || calls != 2 {
		t.Fatalf("Feed = %v with %d frames; want 2 frames", err, calls)
	}
	if held := r.Held(); held != -1 {
		t.Errorf("after whole frames the reader holds %d bytes; want nothing", held)
	}
}

func TestReader_SmallWhileIdle(t *testing.T) {
	// A node holds hundreds of thousands of these: 64 bytes were the target.
	if got := unsafe.Sizeof(codec.Reader{}); got > 8 {
		t.Errorf("Reader has %d bytes; want 8 at most", got)
	}
	var r codec.Reader
	var h recorder
	feed := func(b []byte) {
		t.Helper()
		if err := r.Feed(b, roomy, &h); err != nil {
			t.Fatal(err)
		}
	}
	wantHeld := func(when string, want bool) {
		t.Helper()
		if held := r.Held() >= 0; held != want {
			t.Errorf("%s: the reader holds something: %v; want %v", when, held, want)
		}
	}
	wantHeld("zero value", false)
	feed(corpus())
	wantHeld("after the corpus", false)
	text := frame(finText, "Hello")
	feed(text[:1])
	wantHeld("after one byte of header", true)
	feed(text[1:])
	wantHeld("after a split frame", false)
	ping := frame(finPing, "Hello")
	feed(join(frame(moreText, "a"), ping[:9]))
	feed(join(ping[9:], frame(moreCont, "b")))
	wantHeld("inside a message", true)
	feed(frame(finCont, "c"))
	wantHeld("after a fragmented message", false)
	if want := "text abc"; h.got[len(h.got)-1] != want {
		t.Errorf("last delivered %q; want %q", h.got[len(h.got)-1], want)
	}
}

func TestReader_MemoryFollowsWhatArrived(t *testing.T) {
	for _, first := range []byte{finText, moreText} {
		var r codec.Reader
		var h recorder
		if err := r.Feed(maskedHeader(first, 64, roomy), roomy, &h); err != nil {
			t.Fatal(err)
		}
		arrived := 0
		for arrived < roomy {
			// A buffer may come from the pool, so it may be of KeepBytes at once.
			if held := r.Held(); held > max(codec.KeepBytes, 3*arrived) {
				t.Fatalf("after %d of %d bytes the reader holds %d", arrived, roomy, held)
			}
			piece := bytes.Repeat([]byte{'a'}, 1024)
			for i := range piece {
				piece[i] ^= key[i%4]
			}
			if err := r.Feed(piece, roomy, &h); err != nil {
				t.Fatal(err)
			}
			arrived += len(piece)
		}
		if first == moreText {
			if err := r.Feed(frame(finCont, ""), roomy, &h); err != nil {
				t.Fatal(err)
			}
		}
		if want := "text " + strings.Repeat("a", roomy); len(h.got) != 1 || h.got[0] != want {
			t.Fatalf("first byte %#x: %d messages; want one of %d bytes", first, len(h.got), roomy)
		}
		// The large buffer must not come back for a frame that hardly began.
		if err := r.Feed(frame(finText, "Hello")[:8], roomy, &h); err != nil {
			t.Fatal(err)
		}
		if held := r.Held(); held > codec.KeepBytes {
			t.Errorf("a frame that began after a large one holds %d bytes; want %d at most", held, codec.KeepBytes)
		}
	}
}

// TestReader_LimitMayShrink: the limit is read anew for each header, so a message may
// find itself above it.
func TestReader_LimitMayShrink(t *testing.T) {
	var r codec.Reader
	var h recorder
	if err := r.Feed(frame(moreText, "12345"), 5, &h); err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, r.Feed(frame(finCont, "6"), 3, &h)); got != messageTooBig {
		t.Errorf("Feed above the new limit: %q; want %q", got, messageTooBig)
	}
}

func TestProtocolError_ErrorNamesReasonAndCode(t *testing.T) {
	var r codec.Reader
	err := r.Feed([]byte{finText, 0x05}, roomy, &recorder{})
	if got, want := err.Error(), "cannot read frame: the frame is not masked (close code 1002)"; got != want {
		t.Errorf("Error() = %q; want %q", got, want)
	}
}

func TestUnmask_IsTheSameHoweverItIsCut(t *testing.T) {
	for n := range 70 {
		for cut := range n + 1 {
			want := strings.Repeat("0123456789abcdef弹", 5)[:n]
			b := masked(want)
			k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
			k = codec.Unmask(b[:cut], k)
			codec.Unmask(b[cut:], k)
			if string(b) != want {
				t.Fatalf("Unmask of %d bytes cut at %d = %q; want %q", n, cut, b, want)
			}
		}
	}
}

// TestReader_SmallFragmentsAreToldOf: fragments that bring next to nothing are reported, one by one: nothing else
// bounds them.
func TestReader_SmallFragmentsAreToldOf(t *testing.T) {
	var r codec.Reader
	var h recorder
	stream := []byte{byte(codec.OpText), 0x80, 0, 0, 0, 0}
	for range 3 {
		stream = append(stream, byte(codec.OpContinuation), 0x80, 0, 0, 0, 0)
	}
	stream = append(stream, byte(codec.OpContinuation), 0x81, 0, 0, 0, 0, 'x')
	stream = append(stream, byte(codec.OpContinuation), 0x90, 0, 0, 0, 0) // which brings enough
	stream = append(stream, "0123456789abcdef"...)
	stream = append(stream, 0x80, 0x80, 0, 0, 0, 0) // which ends the message
	if err := r.Feed(stream, roomy, &h); err != nil || h.small != 5 || len(h.got) != 1 || h.got[0] != "text x0123456789abcdef" {
		t.Errorf("Feed = %v; got %q and %d small fragments; want one text and 5", err, h.got, h.small)
	}
}
