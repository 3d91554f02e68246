package codec

import "unicode/utf8"

// validGrowth reports whether b can still become valid UTF-8 after b[:old] passed the
// same check: the end may be the beginning of a rune. Each byte is looked at once,
// but for the three at most that a rune lacked before.
func validGrowth(b []byte, old int) bool {
	from := old - openRune(b[:old])
	to := len(b) - openRune(b)
	return utf8.Valid(b[from:to])
}

// openRune is how many bytes at the end of b, 0 to 3, begin a rune that more bytes
// could complete.
func openRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
