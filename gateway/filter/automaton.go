package filter

import (
	"math/bits"
	"slices"
	"sort"
)

// An automaton finds every word of a set in a sequence of symbols, overlapping ones too (Aho and Corasick, 1975). It
// is immutable. A symbol is a small number: those below 64 are found by a bit, which the commonest should be; 0 is in
// no word.
//
// The states are numbered breadth first, so that the children of a state stand side by side, sorted by symbol. So a
// state takes 28 bytes however many symbols there are, where a table of transitions takes kilobytes.
type automaton struct {
	states []state
	labels []int32 // labels[s] is the symbol that leads into state s
	root   []int32 // root[symbol] is the child of the root, or 0
}

// state is one of them. The root is state 0.
type state struct {
	mask   uint64 // bit c: there is a child by symbol c; of the symbols below 64
	first  int32  // children are first to states[s+1].first, exclusive
	fail   int32  // the state of the longest proper suffix that is a state
	word   int32  // the word that ends here, or -1
	suffix int32  // the next shorter suffix at which a word ends, or 0
}

// newAutomaton takes words that are sorted, distinct and not empty; a found word is its index.
func newAutomaton(words [][]int32, symbols int) *automaton {
	a := &automaton{root: make([]int32, symbols+1)}
	if len(words) == 0 {
		return a
	}
	type span struct{ lo, hi, depth int32 } // the words that begin with what leads to a state
	spans := []span{{0, int32(len(words)), 0}}
	a.states, a.labels = []state{{word: -1}}, []int32{0}
	for s := 0; s < len(spans); s++ {
		at := spans[s]
		a.states[s].first = int32(len(a.states))
		if len(words[at.lo]) == int(at.depth) {
			a.states[s].word = at.lo
			at.lo++
		}
		for at.lo < at.hi {
			symbol := words[at.lo][at.depth]
			end := at.lo + int32(sort.Search(int(at.hi-at.lo), func(i int) bool {
				return words[at.lo+int32(i)][at.depth] > symbol
			}))
			if symbol < 64 {
				a.states[s].mask |= 1 << symbol
			}
			spans = append(spans, span{at.lo, end, at.depth + 1})
			a.states, a.labels = append(a.states, state{word: -1}), append(a.labels, symbol)
			at.lo = end
		}
	}
	a.states = append(a.states, state{word: -1, first: int32(len(a.states))})
	a.states, a.labels = slices.Clip(a.states), slices.Clip(a.labels)
	a.link()
	return a
}

// link sets root, and fail and suffix of each state; a state's parent comes before it.
func (a *automaton) link() {
	for s := a.states[0].first; s < a.states[1].first; s++ {
		a.root[a.labels[s]] = s
	}
	for parent := int32(1); parent < int32(len(a.states)-1); parent++ {
		for s := a.states[parent].first; s < a.states[parent+1].first; s++ {
			fail := a.step(a.states[parent].fail, a.labels[s])
			a.states[s].fail = fail
			a.states[s].suffix = fail
			if a.states[fail].word < 0 {
				a.states[s].suffix = a.states[fail].suffix
			}
		}
	}
}

// step is the state after a symbol. The symbol is 0 to the automaton's number of symbols.
func (a *automaton) step(state, symbol int32) int32 {
	for state != 0 {
		if next := a.child(state, symbol); next != 0 {
			return next
		}
		state = a.states[state].fail
	}
	return a.root[symbol]
}

func (a *automaton) child(state, symbol int32) int32 {
	n := &a.states[state]
	if symbol < 64 {
		bit := uint64(1) << symbol
		if n.mask&bit == 0 {
			return 0
		}
		return n.first + int32(bits.OnesCount64(n.mask&(bit-1)))
	}
	lo, end := n.first+int32(bits.OnesCount64(n.mask)), a.states[state+1].first
	for hi := end; lo < hi; {
		if mid := (lo + hi) / 2; a.labels[mid] < symbol {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < end && a.labels[lo] == symbol {
		return lo
	}
	return 0
}

// bytes is about what the automaton takes.
func (a *automaton) bytes() int { return 24*cap(a.states) + 4*cap(a.labels) + 4*cap(a.root) }
