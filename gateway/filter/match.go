package filter

import (
	"cmp"
	"math/bits"
	"slices"
)

// find folds a text and finds what is in it, in the order of places.
func (f *Filter) find(text string) *scratch {
	s := f.pool.Get().(*scratch)
	s.hits, s.allows, s.run = s.hits[:0], s.allows[:0], f.always
	s.folded, s.places = s.folded[:0], s.places[:0]
	s.folder.fold(text)
	s.hay.units = s.folder.units
	s.hay.gather()
	f.scan(s, &s.hay, AsIs)
	if s.hay.join(&s.joined, &s.pieces, f.longest, f.phrases) {
		f.scan(s, &s.joined, Joined)
	}
	for set, word := range s.run {
		for ; word != 0; word &= word - 1 {
			f.express(s, int32(64*set+bits.TrailingZeros64(word)))
		}
	}
	if len(s.hits) > 0 {
		s.allow()
	}
	return s
}

// scan finds the forms in a haystack, and takes those that are hits.
func (f *Filter) scan(s *scratch, h *haystack, in Haystack) {
	state := int32(0)
	for i := range h.runs {
		symbol := f.symbols.of(h.runs[i].key)
		if symbol == 0 {
			state = 0
			continue
		}
		state = f.automaton.step(state, symbol)
		for at := state; at != 0; at = f.automaton.states[at].suffix {
			if word := f.automaton.states[at].word; word >= 0 {
				form := &f.forms[word]
				if form.endsWord && h.letters(i) || form.startsWord && h.letters(i-int(form.runs)) {
					continue // most that are found are parts of words
				}
				f.take(s, h, in, f.targets[form.first:f.forms[word+1].first], i)
			}
		}
	}
}

// letters reports whether there are letters on both sides of the end of a run, with nothing between.
func (h *haystack) letters(i int) bool {
	if i < 0 || i+1 == len(h.runs) {
		return false
	}
	next := h.runs[i+1].first
	return h.units[next].kind == kindLetter && h.units[next-1].kind == kindLetter && h.units[next].flags&flagTightGap == 0
}

// take looks at each target of a form that ends with a run.
func (f *Filter) take(s *scratch, h *haystack, in Haystack, targets []int32, end int) {
	for _, target := range targets {
		if target < 0 {
			s.run[^target/64] |= 1 << (^target % 64)
			continue
		}
		sp := &f.spellings[target]
		m, ok := h.match(sp, end, in)
		if !ok {
			continue
		}
		m.rule, m.in, m.allowed = sp.rule, in, -1
		m.start, m.end = h.units[m.from].start, h.units[m.to-1].end
		if f.rules[sp.rule].action == None {
			s.allows = append(s.allows, m)
		} else {
			s.hits = append(s.hits, m)
		}
	}
}

// allow sets allowed of the hits within what is allowed, and sorts both.
func (s *scratch) allow() {
	byPlace := func(x, y hit) int {
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(y.end, x.end), cmp.Compare(x.rule, y.rule), cmp.Compare(x.in, y.in))
	}
	slices.SortFunc(s.hits, byPlace)
	if len(s.allows) == 0 {
		return
	}
	slices.SortFunc(s.allows, byPlace)
	next, widest := 0, -1 // of those that begin no later, the one that reaches furthest
	for i := range s.hits {
		for next < len(s.allows) && s.allows[next].start <= s.hits[i].start {
			if widest < 0 || s.allows[next].end > s.allows[widest].end {
				widest = next
			}
			next++
		}
		if widest >= 0 && s.allows[widest].end >= s.hits[i].end {
			s.hits[i].allowed = s.allows[widest].rule
		}
	}
}

// match reports whether a spelling is there whose form ends with run end, and where: from and to.
func (h *haystack) match(sp *spelling, end int, in Haystack) (hit, bool) {
	first := end + 1 - len(sp.runs)
	t := tally{units: len(sp.units)}
	found := hit{from: h.runs[first].first, to: h.runs[end].first + h.runs[end].n}
	at := 0
	for i, want := range sp.runs {
		r := h.runs[first+i]
		wanted, units := sp.units[at:at+int(want)], h.units[r.first:r.first+r.n]
		at += int(want)
		if r.key == gapKey {
			continue
		}
		if len(units) != len(wanted) {
			atStart, atEnd := i == 0 && sp.freeStart, i == len(sp.runs)-1 && sp.freeEnd
			over := len(units) - len(wanted)
			switch repeats := len(units) > 2 && wanted[0].kind != kindDigit; {
			case over < 0, !repeats && !atStart && !atEnd:
				return found, false
			case repeats || atStart && atEnd:
				if !t.rest(wanted, units) {
					return found, false
				}
			case atStart:
				found.from += int32(over)
				units = units[over:]
			default:
				found.to -= int32(over)
			}
			units = units[:len(wanted)]
		}
		for j := range wanted {
			edge := i == 0 && j == 0 || at == len(sp.units) && j == len(wanted)-1
			if !t.compare(wanted[j], &units[j], edge) {
				return found, false
			}
		}
	}
	if !t.enough() {
		return found, false
	}
	if in == Joined {
		return found, h.spelled(found.from, found.to) || h.phrase(sp, first, &found)
	}
	return found, h.bounded(sp, &found)
}

// tally counts how like a spelling the characters of a place are.
type tally struct {
	units  int // of the spelling
	same   int // that are those of the spelling, whatever marks they have
	odd    int // digits and symbols that stand for letters
	digits int // of which digits
}

// compare reports whether a character will do for that of a spelling, which has the same key. At the edge of a term
// stands none that stands for a letter within words only.
func (t *tally) compare(w want, u *unit, edge bool) bool {
	switch {
	case w.flags&flagIsL != 0:
		if u.flags&flagAnyL == 0 {
			return false
		}
	case w.lit == u.lit:
		t.same++
		return true
	case w.flags&flagOwn != 0:
		return false
	case u.flags&flagStandIn == 0:
		if w.flags&flagStandIn == 0 {
			t.same++
		}
		return true
	}
	if edge && u.flags&flagInner != 0 {
		return false
	}
	if u.kind == kindDigit {
		t.odd++
		t.digits++
	} else if u.flags&flagSymbol != 0 {
		t.odd++
	}
	return true
}

// rest reports whether a longer run is one character repeated, as the spelling's is.
func (t *tally) rest(wanted []want, units []unit) bool {
	for _, w := range wanted[1:] {
		if w.lit != wanted[0].lit {
			return false
		}
	}
	var unused tally
	for i := range units {
		if !unused.compare(wanted[0], &units[i], false) {
			return false
		}
	}
	return true
}

// enough reports whether what stands for letters is read as such: "sh1t" is, "455" is a number, "A55" a telephone.
func (t *tally) enough() bool {
	return t.same > 0 && 3*t.odd <= 2*t.units && (t.units > 3 || t.digits < 2)
}

// bounded reports whether a place of the haystack as is begins and ends where words do.
func (h *haystack) bounded(sp *spelling, found *hit) bool {
	return (sp.freeStart || h.edge(int(found.from), -1)) && (sp.freeEnd || h.edge(int(found.to-1), 1))
}

// edge reports whether the word of a character ends with it in a direction. Digits behind letters end a word, unless
// letters follow: "sb250" has the word sb, "tit4tat" not tit.
func (h *haystack) edge(at, direction int) bool {
	digits := h.units[at].kind == kindDigit
	next := at + direction
	for ; h.goesOn(next, direction) && h.units[next].kind == kindDigit; next += direction {
		if digits {
			return false
		}
	}
	return digits || !h.goesOn(next, direction) || h.units[next].kind != kindLetter
}

// goesOn reports whether a character stands at a place, and nothing was left out between it and the one before it in a
// direction.
func (h *haystack) goesOn(at, direction int) bool {
	return at >= 0 && at < len(h.units) && h.units[max(at, at-direction)].flags&flagStart == 0
}

// spelled reports whether a place of the joined haystack is a term that was pulled apart. Else it is parts of words
// that stand beside each other. The package's comment has the rules.
func (h *haystack) spelled(from, to int32) bool {
	loose, ok := h.apart(from, to)
	return ok && h.chainEnds(int(from), -1, loose) && h.chainEnds(int(to-1), 1, loose)
}

// phrase reports whether a place of the joined haystack is a term of several words. Each of them is there as a word, or
// was pulled apart, and one at least was. The run first is the first of the place.
func (h *haystack) phrase(sp *spelling, first int, found *hit) bool {
	from, some := found.from, false
	for i := range len(sp.words) + 1 {
		begins, ends := i == 0, i == len(sp.words)
		next := found.to
		if !ends {
			next = h.wordAt(sp, first, int(sp.words[i]))
		}
		to := next
		for to > from && h.units[to-1].gap() {
			to--
		}
		if to == from {
			return false
		}
		loose, parted := h.apart(from, to)
		switch {
		case parted:
			if begins && !h.chainEnds(int(from), -1, loose) || ends && !h.chainEnds(int(to-1), 1, loose) {
				return false
			}
			some = true
		case slices.ContainsFunc(h.units[from+1:to], func(u unit) bool { return u.flags&flagStart != 0 }),
			(!begins || !sp.freeStart) && !h.edge(int(from), -1), (!ends || !sp.freeEnd) && !h.edge(int(to-1), 1):
			return false
		}
		from = next
	}
	return some
}

// wordAt is where in a haystack the word of a spelling begins that begins with unit at of it. Where both words have the
// same letter there, it begins where something was left out.
func (h *haystack) wordAt(sp *spelling, first, at int) int32 {
	i := 0
	for at >= int(sp.runs[i]) {
		at -= int(sp.runs[i])
		i++
	}
	r := h.runs[first+i]
	if at == 0 {
		return r.first
	}
	for next := r.first + 1; next < r.first+r.n; next++ {
		if h.units[next].flags&flagStart != 0 {
			return next
		}
	}
	return r.first + min(int32(at), r.n-1)
}

// apart reports whether a place of the joined haystack can be a word that was pulled apart. The result loose says that
// something stands in it that ends a clause.
func (h *haystack) apart(from, to int32) (loose, ok bool) {
	units := h.units[from:to]
	first, last := &units[0], &units[len(units)-1]
	allAlone, oneAlone, free, parted := true, false, false, false
	for i := range units {
		u := &units[i]
		if i > 0 {
			parted = parted || u.flags&flagTightGap != 0
			loose = loose || u.flags&flagLooseGap != 0
		}
		alone := u.flags&flagAlone != 0
		switch {
		case u.kind == kindFree:
			free = true
		case u.gap():
			return false, false
		default:
			allAlone = allAlone && alone
			oneAlone = oneAlone || alone
		}
	}
	whole := first.flags&flagStart != 0 && last.flags&flagEnd != 0
	switch {
	case !parted: // the haystack as is has it too
		return loose, false
	case loose && free && !whole:
		return loose, false
	case first.kind != kindFree && first.flags&flagStart == 0, last.kind != kindFree && last.flags&flagEnd == 0:
		return loose, false
	case !allAlone && (loose || !oneAlone && !free):
		return loose, false
	}
	return loose, true
}

// chainEnds reports whether nothing belongs to what is spelled at a place that goes on in a direction. So "c l a s s"
// is one word. The words of one letter may stand there: "u f u c k".
func (h *haystack) chainEnds(at, direction int, loose bool) bool {
	next := at + direction
	if next < 0 || next >= len(h.units) || h.units[at].kind == kindFree {
		return true
	}
	gap := &h.units[max(at, next)]
	neighbor := &h.units[next]
	switch {
	case neighbor.gap() || neighbor.kind == kindFree:
		return true
	case !loose && gap.flags&flagLooseGap != 0: // "s.h.i.t a"
		return true
	case neighbor.lit != 'u' && neighbor.lit != 'i' && neighbor.lit != 'a':
		return false
	}
	after := next + direction
	return after < 0 || after >= len(h.units) || h.units[after].gap() || h.units[after].kind == kindFree
}
