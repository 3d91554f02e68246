package codec_test

import (
	"slices"
	"testing"
	"unicode/utf8"

	"barrage/codec"
)

// TestValidGrowth_AllowsWhatSomeEndMakesValid holds the check against the definition: a prefix
// is good where some end makes it valid. Every sequence of up to four bytes, out of
// those at the edges of the UTF-8 tables, is built byte by byte.
func TestValidGrowth_AllowsWhatSomeEndMakesValid(t *testing.T) {
	edges := []byte{
		0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
		0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
	}
	ends := []string{"", "\x80", "\xBF", "\x80\x80", "\xBF\x80", "\x80\x80\x80", "\xBF\x80\x80"}
	completable := func(b []byte) bool {
		for _, end := range ends {
			if utf8.ValidString(string(b) + end) {
				return true
			}
		}
		return false
	}
	var grow func(b []byte)
	grow = func(b []byte) {
		if len(b) == 4 {
			return
		}
		for _, c := range edges {
			next := append(slices.Clone(b), c)
			want := completable(next)
			if got := codec.ValidGrowth(next, len(b)); got != want {
				t.Fatalf("ValidGrowth(% x, %d) = %v; want %v", next, len(b), got, want)
			}
			if want {
				grow(next)
			}
		}
	}
	grow(nil)
}
