package swarm

import "bytes"

// needle counts its occurrences in a text that comes in pieces: how viewers that only
// count find messages where several travel in one frame. It must not overlap itself and
// be at most maxNeedle bytes long. The empty one occurs nowhere.
type needle string

const maxNeedle = 32

// count counts the occurrences that end in b. On entry matched is how much of the needle the text before b ended with.
// On return it is how much of it the text ends with now. The caller keeps it, because thousands of viewers share one
// needle.
func (n needle) count(matched *uint8, b []byte) int {
	if len(b) == 0 || n == "" {
		return 0
	}
	// This is what stands across the seam. It begins with the end of the text before, which is known to be the needle's
	// own beginning. Too little of b follows to hold a needle by itself.
	var seam [2 * maxNeedle]byte
	across := append(append(seam[:0], n[:*matched]...), b[:min(len(b), len(n)-1)]...)
	found := bytes.Count(across, []byte(n)) + bytes.Count(b, []byte(n))
	end := b
	if len(b) < len(n)-1 {
		end = across
	}
	*matched = 0
	for m := min(len(n)-1, len(end)); m > 0; m-- {
		if bytes.HasSuffix(end, []byte(n[:m])) {
			*matched = uint8(m)
			break
		}
	}
	return found
}
