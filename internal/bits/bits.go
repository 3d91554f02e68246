// Package bits gives words to the bits of small sets, such as what a token or a key grants.
package bits

import (
	"fmt"
	"slices"
	"strings"
)

// Names are the words of a set's bits, the lowest bit's first; at most 8.
type Names []string

// Parse is the set that has these words. The error names the first word that is none, and those that there are.
func (w Names) Parse(words []string) (set uint8, err error) {
	for _, word := range words {
		bit := slices.Index(w, word)
		if bit < 0 {
			return 0, fmt.Errorf("%.64q is none of %s", word, w)
		}
		set |= 1 << bit
	}
	return set, nil
}

// Of are the words of a set, in order; never nil.
func (w Names) Of(set uint8) []string {
	words := make([]string, 0, len(w))
	for bit, word := range w {
		if set&(1<<bit) != 0 {
			words = append(words, word)
		}
	}
	return words
}

// String is all words, as "read, send".
func (w Names) String() string { return strings.Join(w, ", ") }
