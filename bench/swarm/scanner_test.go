package swarm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"barrage/codec"
)

// frames returns a server's frames, among them all forms of length and control frames,
// and the messages in it.
func frames() (b []byte, messages []string) {
	for i, size := range []int{0, 1, 125, 126, 300, 70_000, 5} {
		text := fmt.Sprint(i, strings.Repeat("x", size))
		messages = append(messages, text)
		b = codec.AppendFrame(b, codec.OpText, text)
		b = codec.AppendFrame(b, codec.OpPing, "p")
		b = codec.AppendFrame(b, codec.OpText, "")
		messages = append(messages, "")
	}
	return b, messages
}

// pieces cuts b at random places, often in tiny pieces.
func pieces(seed uint64, b []byte) [][]byte {
	rnd := rand.New(rand.NewPCG(seed, 3))
	var out [][]byte
	for len(b) > 0 {
		n := 1 + rnd.IntN(min(len(b), 1+rnd.IntN(2000)))
		out = append(out, b[:n])
		b = b[n:]
	}
	return out
}

// TestScanner_AnySplitCountsTheSame: however the stream is cut, the same messages are
// found, by reading and by skipping.
func TestScanner_AnySplitCountsTheSame(t *testing.T) {
	all, want := frames()
	for seed := range uint64(200) {
		var reads, skips scanner
		var got []string
		var text []byte
		count := 0
		for _, b := range pieces(seed, all) {
			for rest := b; len(rest) > 0; {
				payload, whole, after, err := reads.next(rest)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				text = append(text, payload...)
				if rest = after; whole {
					if reads.op == codec.OpText {
						got = append(got, string(text))
					}
					text = text[:0]
				}
			}
			for rest := b; len(rest) > 0; {
				var n int
				if n, rest = skips.skip(rest); len(rest) > 0 {
					var whole bool
					var err error
					if _, whole, rest, err = skips.next(rest); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					if whole && skips.op == codec.OpText {
						n++
					}
				}
				count += n
			}
		}
		if !slices.Equal(got, want) || count != len(want) {
			t.Fatalf("seed %d: read %d messages, skipped %d; want %d, equal to what was sent", seed, len(got), count, len(want))
		}
	}
}

func TestScanner_RefusesWhatNoServerMaySend(t *testing.T) {
	f := func(b, want string) {
		t.Helper()
		var s scanner
		if _, _, _, err := s.next([]byte(b)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("next(%q) = %v; want an error with %q", b, err, want)
		}
	}
	f("\xc1\x00", "0xc1") // a reserved bit
	f("\x83\x00", "0x83") // a reserved opcode
	f("\x01\x00", "0x1")  // a fragment
	f("\x81\x80", "masked")
	f("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775807")
}

// TestNeedle_AnySplitCountsTheSame: a needle is found wherever the text is cut.
func TestNeedle_AnySplitCountsTheSame(t *testing.T) {
	const n = needle(`"pub":{`)
	text := []byte(strings.Repeat(`{"push":{"channel":"pub","pub":{"data":"\"pub\":{ "pu"pub":{`, 20) + `"pub"`)
	want := bytes.Count(text, []byte(n))
	for size := 1; size < 40; size++ {
		var matched uint8
		got := 0
		for piece := range slices.Chunk(text, size) {
			got += n.count(&matched, piece)
		}
		if got != want || matched != uint8(len(`"pub"`)) {
			t.Errorf("pieces of %d: %d found, the end matches %d bytes; want %d and %d", size, got, matched, want, len(`"pub"`))
		}
	}
}

// BenchmarkScanner_Skip is what a copy costs in a viewer that only counts, the system call apart. Some 16 messages of
// 140 bytes come in one read.
func BenchmarkScanner_Skip(b *testing.B) {
	const messages = 16
	one := codec.AppendFrame(nil, codec.OpText, strings.Repeat("x", 140))
	read := bytes.Repeat(one, messages)
	var s scanner
	b.ReportAllocs()
	for b.Loop() {
		if n, rest := s.skip(read); n != messages || len(rest) > 0 {
			b.Fatal(n, rest)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/messages, "ns/frame")
}

// BenchmarkNeedle is what a copy costs in a dialect that puts several into a frame.
func BenchmarkNeedle(b *testing.B) {
	const messages = 16
	text := []byte(strings.Repeat(`{"push":{"channel":"r-0","pub":{"data":"b 1648368380132000 17 ..............................."}}}`+"\n", messages))
	n := centrifugo{}.manner().needle
	var matched uint8
	b.ReportAllocs()
	for b.Loop() {
		if got := n.count(&matched, text); got != messages {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/messages, "ns/message")
}
