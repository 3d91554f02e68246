package filter

import (
	"slices"
	"strings"
	"testing"
)

// FuzzAutomaton holds the automaton against looking for each word at each place.
func FuzzAutomaton(f *testing.F) {
	f.Add("he she his hers", "ushers")
	f.Add("a aa aaa ba", "baaab")
	f.Fuzz(func(t *testing.T, list, text string) {
		words := strings.Fields(list)
		slices.Sort(words)
		words = slices.Compact(words)
		symbols := make([][]int32, len(words))
		for i, word := range words {
			for _, b := range []byte(word) {
				symbols[i] = append(symbols[i], int32(b)+1)
			}
		}
		a := newAutomaton(symbols, 256)
		var got, want [][2]int // a word, and where it ends
		state := int32(0)
		for i := range len(text) {
			state = a.step(state, int32(text[i])+1)
			for at := state; at != 0; at = a.states[at].suffix {
				if word := a.states[at].word; word >= 0 {
					got = append(got, [2]int{int(word), i + 1})
				}
			}
		}
		for i, word := range words {
			for at := 0; at+len(word) <= len(text); at++ {
				if text[at:at+len(word)] == word {
					want = append(want, [2]int{i, at + len(word)})
				}
			}
		}
		order := func(x, y [2]int) int { return slices.Compare(x[:], y[:]) }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if !slices.Equal(got, want) {
			t.Errorf("%q in %q: %v, want %v", words, text, got, want)
		}
	})
}
