package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// spelling is a way in which a term may be written. It is looked up by the keys of its runs, its form; whether its
// very characters are there is looked at afterwards.
type spelling struct {
	rule  int32
	units []want
	runs  []uint8 // how many of the units each run has
	// words are the units at which its words begin but for the first; nil of a term of one word.
	words []uint8
	// freeStart and freeEnd: a word may go on there.
	freeStart, freeEnd bool
}

// startsWord reports whether no letter may stand before.
func (sp *spelling) startsWord() bool { return !sp.freeStart && sp.units[0].kind == kindLetter }

// endsWord reports whether no letter may follow.
func (sp *spelling) endsWord() bool {
	return !sp.freeEnd && sp.units[len(sp.units)-1].kind == kindLetter
}

// want is a character of a spelling.
type want struct {
	lit   rune
	kind  kind
	flags flags
}

// builder makes a filter.
type builder struct {
	filter *Filter
	folder folder
	hay    haystack
	lists  []string
	forms  []form
	terms  int
	// steps are the instructions of all regular expressions, alwaysSteps of those that run on every text.
	steps, alwaysSteps int
}

// form is the keys of a spelling's runs, and what it is the form of.
type form struct {
	keys   []rune
	target int32 // a spelling, or ^ of a regular expression
}

// Build makes a filter of lists. It reports up to 20 problems, each with list and line; then there is no filter. No
// lists, or empty ones, make a filter that matches nothing.
//
// It takes some 4 µs a term, the first call 0.1 s more, and works with a few times the memory of the filter. Call it
// off the hot path, and swap the filter that is in use by an atomic pointer.
func Build(lists []List) (*Filter, error) {
	f := &Filter{letters: letters()}
	f.pool.New = func() any { return &scratch{folder: folder{letters: f.letters, wanted: f.wanted}} }
	r := &reader{builder: &builder{filter: f, folder: folder{letters: f.letters}}}
	if err := r.readAll(lists); err != nil {
		return nil, err
	}
	r.finish()
	f.lists = r.lists
	return f, nil
}

func (r *reader) readAll(lists []List) error {
	if len(lists) > MaxLists {
		return fmt.Errorf("cannot build filter: %d lists are more than %d: join some", len(lists), MaxLists)
	}
	total := 0
	for i, list := range lists {
		total += len(list.Data)
		switch {
		case list.Name == "" || len(list.Name) > maxNameBytes:
			return fmt.Errorf("cannot build filter: the name of list %d, %.20q, has not 1 to %d bytes", i, list.Name, maxNameBytes)
		case slices.Contains(r.lists, list.Name):
			return fmt.Errorf("cannot build filter: two lists are called %q: rename one", list.Name)
		case list.Action > Block:
			return fmt.Errorf("cannot build filter: %s has %v as its action", list.Name, list.Action)
		case total > MaxBytes:
			return fmt.Errorf("cannot build filter: the lists up to %s have %d bytes, more than %d: shorten them",
				list.Name, total, MaxBytes)
		}
		r.lists = append(r.lists, list.Name)
	}
	for i, list := range lists {
		r.list = int32(i)
		r.read(list)
	}
	if len(r.problems) > 0 {
		return fmt.Errorf("cannot build filter: %w", errors.Join(r.problems[:min(len(r.problems), maxProblems)]...))
	}
	return nil
}

// addTerm adds a term and its spellings.
func (b *builder) addTerm(made rule, term string) error {
	if b.terms++; b.terms > MaxTerms {
		return fmt.Errorf("%q is one more than %d terms: shorten the lists", term, MaxTerms)
	}
	if len(term) > MaxTermBytes {
		return fmt.Errorf("%.20q… has %d bytes, more than %d: shorten it, or write a regular expression (re:)",
			term, len(term), MaxTermBytes)
	}
	body, freeEnd := strings.CutSuffix(term, "*")
	body, freeStart := strings.CutPrefix(body, "*")
	b.folder.fold(body)
	units := trim(b.folder.units)
	switch {
	case len(units) == 0:
		return fmt.Errorf("%q has neither letter nor digit nor symbol that can be looked for: remove it", term)
	case len(units) > maxTermUnits:
		return fmt.Errorf("%q is %d characters when folded, more than %d: shorten it", term, len(units), maxTermUnits)
	}
	b.filter.rules = append(b.filter.rules, made)
	index := int32(len(b.filter.rules) - 1)
	first, last := units[0].kind, units[len(units)-1].kind
	freeStart = freeStart || first != kindLetter && first != kindDigit
	freeEnd = freeEnd || last != kindLetter && last != kindDigit
	units = slices.Clone(units)
	open := spelling{rule: index, freeStart: freeStart, freeEnd: freeEnd}
	shut := open
	joined, words := closed(units)
	for i := 1; i < len(units); i++ {
		if units[i-1].gap() && !units[i].gap() {
			open.words = append(open.words, uint8(i))
		}
	}
	b.addSpelling(open, units)
	if shut.words = words; joined != nil {
		b.addSpelling(shut, joined)
	}
	return nil
}

// trim leaves out separators at both ends.
func trim(units []unit) []unit {
	for len(units) > 0 && units[0].gap() {
		units = units[1:]
	}
	for len(units) > 0 && units[len(units)-1].gap() {
		units = units[:len(units)-1]
	}
	return units
}

// closed is a term of several words without what separates them, or nil. It is nil where there is one word, or one is a
// single letter, since "a.i" means no "ai". The units at which words begin, but for the first, are in words.
func closed(units []unit) (out []unit, words []uint8) {
	word := 0
	for i := range units {
		if !units[i].gap() {
			if word == 0 && i > 0 {
				words = append(words, uint8(len(out)))
			}
			out = append(out, units[i])
			word++
			continue
		}
		if word == 1 && units[i-1].kind != kindFree {
			return nil, nil
		}
		word = 0
	}
	if len(out) == len(units) || word == 1 && units[len(units)-1].kind != kindFree {
		return nil, nil
	}
	return out, words
}

// addSpelling adds a spelling, and the one in which 1 and its like stand for l where it has any.
func (b *builder) addSpelling(made spelling, units []unit) {
	made.units = make([]want, len(units))
	hasL := false
	for i := range units {
		u := &units[i]
		w := want{lit: u.lit, kind: u.kind, flags: u.flags & flagStandIn}
		if u.lit != u.key && !u.gap() && (u.flags&flagStandIn == 0 || u.kind != kindLetter) {
			w.flags |= flagOwn
		}
		made.units[i] = w
		u.flags &^= flagAnyL // of a capital I, which in a term is an i
		hasL = hasL || u.lit == 'l'
	}
	b.addForm(made, units)
	if !hasL {
		return
	}
	other, made2 := slices.Clone(units), made
	made2.units = slices.Clone(made.units)
	for i := range other {
		if other[i].lit == 'l' {
			other[i].key = 'i'
			other[i].flags |= flagAnyL
			made2.units[i].flags |= flagIsL
		}
	}
	b.addForm(made2, other)
}

func (b *builder) addForm(made spelling, units []unit) {
	b.hay.units = units
	b.hay.gather()
	keys := make([]rune, len(b.hay.runs))
	made.runs = make([]uint8, len(keys))
	for i, r := range b.hay.runs {
		keys[i], made.runs[i] = r.key, uint8(r.n)
	}
	b.filter.spellings = append(b.filter.spellings, made)
	b.forms = append(b.forms, form{keys, int32(len(b.filter.spellings) - 1)})
	b.filter.phrases = b.filter.phrases || len(made.words) > 0
	if slices.ContainsFunc(units, func(u unit) bool { return u.kind == kindFree }) {
		b.filter.longest = max(b.filter.longest, len(keys))
	}
}

// finish numbers the characters that are in forms, the commonest first, and makes the automaton of the forms.
func (b *builder) finish() {
	f := b.filter
	count := map[rune]int32{}
	for _, form := range b.forms {
		for _, key := range form.keys {
			count[key]++
		}
	}
	keys := make([]rune, 0, len(count))
	for key := range count {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y rune) int {
		if count[x] != count[y] {
			return int(count[y] - count[x])
		}
		return int(x - y)
	})
	for i, key := range keys {
		f.symbols.set(key, int32(i+1))
	}
	words := make([][]int32, len(b.forms))
	order := make([]int, len(b.forms))
	for i, form := range b.forms {
		order[i] = i
		words[i] = make([]int32, len(form.keys))
		for j, key := range form.keys {
			words[i][j] = f.symbols.of(key)
		}
	}
	slices.SortFunc(order, func(x, y int) int { return slices.Compare(words[x], words[y]) })
	var distinct [][]int32
	f.targets = make([]int32, len(order))
	for i, at := range order {
		target := b.forms[at].target
		f.targets[i] = target
		if len(distinct) == 0 || !slices.Equal(distinct[len(distinct)-1], words[at]) {
			distinct = append(distinct, words[at])
			f.forms = append(f.forms, formOf{first: int32(i), runs: int32(len(words[at])), startsWord: true, endsWord: true})
		}
		last := &f.forms[len(f.forms)-1]
		last.startsWord = last.startsWord && target >= 0 && f.spellings[target].startsWord()
		last.endsWord = last.endsWord && target >= 0 && f.spellings[target].endsWord()
	}
	f.forms = append(f.forms, formOf{first: int32(len(order))})
	f.automaton = *newAutomaton(distinct, len(keys))
}

// formOf says what a form is the form of.
type formOf struct {
	first                int32 // targets of form i are first to forms[i+1].first, exclusive
	runs                 int32
	startsWord, endsWord bool // for all of them no letter may stand before, or follow
}

// symbols numbers the characters that are in terms.
type symbols struct {
	ascii  [128]int32
	pages  [alphabetSize >> 8]*[256]int32
	others map[rune]int32
}

func (s *symbols) set(key rune, symbol int32) {
	if key < rune(len(s.ascii)) {
		s.ascii[key] = symbol
		return
	}
	if key >= alphabetSize {
		if s.others == nil {
			s.others = map[rune]int32{}
		}
		s.others[key] = symbol
		return
	}
	page := &s.pages[key>>8]
	if *page == nil {
		*page = new([256]int32)
	}
	(*page)[key&0xFF] = symbol
}

// of is the symbol of a character, or 0.
func (s *symbols) of(key rune) int32 {
	if uint32(key) < uint32(len(s.ascii)) {
		return s.ascii[key]
	}
	if uint32(key) < alphabetSize {
		if page := s.pages[key>>8]; page != nil {
			return page[key&0xFF]
		}
		return 0
	}
	return s.others[key]
}
