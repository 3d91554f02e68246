package filter

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// Bounds of what regular expressions cost. RE2 takes no more steps than a text has bytes times the instructions of the
// expression.
const (
	maxRegexpBytes = 256
	// maxRegexpSteps bounds the instructions of one expression: a{1000} alone has as many.
	maxRegexpSteps = 500
	// maxSteps bounds those of all expressions together.
	maxSteps = 4000
	// maxAlwaysSteps bounds those of the expressions that run on every text, since they have no literal.
	maxAlwaysSteps = 1000
	// maxRegexpText is how many bytes of a folded text they see. With maxAlwaysSteps it makes 4 M steps at most, which
	// are some 15 ms.
	maxRegexpText = 4 << 10
)

// expression is a regular expression.
type expression struct {
	re   *regexp.Regexp
	rule int32
}

// addRegexp adds a regular expression, and its literal as a form, if it has one, so that it runs only where that is.
func (b *builder) addRegexp(made rule, pattern string) error {
	f := b.filter
	switch {
	case len(f.regexps) == MaxRegexps:
		return fmt.Errorf("%q is one more than %d regular expressions: remove some", pattern, MaxRegexps)
	case len(pattern) > maxRegexpBytes:
		return fmt.Errorf("%.20q… has %d bytes, more than %d: shorten it", pattern, len(pattern), maxRegexpBytes)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("%q: %w", pattern, err)
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return fmt.Errorf("%q: %w", pattern, err)
	}
	steps := 0
	if program, err := syntax.Compile(tree.Simplify()); err == nil {
		steps = len(program.Inst)
	}
	b.steps += steps
	switch {
	case steps > maxRegexpSteps:
		return fmt.Errorf("%q is %d instructions, more than %d: repeat less", pattern, steps, maxRegexpSteps)
	case b.steps > maxSteps:
		return fmt.Errorf("%q makes the instructions of all %d, more than %d: remove some", pattern, b.steps, maxSteps)
	case empty(tree):
		return fmt.Errorf("%q matches no character too, so every message: ask for one", pattern)
	}
	if err := b.checkLiterals(tree); err != nil {
		return fmt.Errorf("%q: %w", pattern, err)
	}
	keys := b.literalKeys(literal(tree))
	if len(keys) == 0 {
		if b.alwaysSteps += steps; b.alwaysSteps > maxAlwaysSteps {
			return fmt.Errorf("%q makes the instructions of those without a literal %d, more than %d: "+
				"write an expression of which each match contains the same letters", pattern, b.alwaysSteps, maxAlwaysSteps)
		}
	}
	f.rules = append(f.rules, made)
	f.regexps = append(f.regexps, expression{re, int32(len(f.rules) - 1)})
	index := int32(len(f.regexps) - 1)
	if len(keys) > 0 {
		b.forms = append(b.forms, form{keys, ^index})
	} else {
		f.always[index/64] |= 1 << (index % 64)
	}
	return nil
}

// empty reports whether an expression matches where there is no character.
func empty(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpNoMatch, syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return empty(tree.Sub[0])
	case syntax.OpRepeat:
		return tree.Min == 0 || empty(tree.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(tree.Sub, func(sub *syntax.Regexp) bool { return !empty(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(tree.Sub, empty)
	default: // those that may be repeated not once, those that assert
		return true
	}
}

// checkLiterals refuses what no folded text has.
func (b *builder) checkLiterals(tree *syntax.Regexp) error {
	if tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase == 0 {
		text := string(tree.Rune)
		b.folder.fold(text)
		var folded []rune
		for i := range b.folder.units {
			folded = append(folded, b.folder.units[i].lit)
		}
		if string(folded) != text {
			return fmt.Errorf("texts are folded before, so it never matches: write %q for %q", string(folded), text)
		}
	}
	for _, sub := range tree.Sub {
		if err := b.checkLiterals(sub); err != nil {
			return err
		}
	}
	return nil
}

// literal is the longest text that every match of an expression contains, or "".
func literal(tree *syntax.Regexp) string {
	switch tree.Op {
	case syntax.OpLiteral:
		return string(tree.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return literal(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return literal(tree.Sub[0])
		}
	case syntax.OpConcat:
		longest := ""
		for _, sub := range tree.Sub {
			if text := literal(sub); len(text) > len(longest) {
				longest = text
			}
		}
		return longest
	default:
	}
	return ""
}

// literalKeys are the keys of the runs of a literal.
func (b *builder) literalKeys(text string) []rune {
	b.folder.fold(text)
	for i := range b.folder.units { // a text has these apart from letters, which they stand for
		if b.folder.units[i].flags&flagAnyL != 0 {
			return nil
		}
	}
	b.hay.units = trim(b.folder.units)
	b.hay.gather()
	var keys []rune
	for _, r := range b.hay.runs {
		keys = append(keys, r.key)
	}
	return keys
}

// express finds a regular expression in the folded text.
func (f *Filter) express(s *scratch, index int32) {
	if len(s.places) == 0 {
		s.write()
	}
	e := &f.regexps[index]
	if !e.re.Match(s.folded) { // allocates nothing
		return
	}
	units := s.hay.units
	for _, match := range e.re.FindAllIndex(s.folded, -1) {
		from, _ := slices.BinarySearch(s.places, int32(match[0]))
		to, _ := slices.BinarySearch(s.places, int32(match[1]))
		s.hits = append(s.hits, hit{
			rule: e.rule, allowed: -1, from: int32(from), to: int32(to), start: units[from].start, end: units[to-1].end, all: true,
		})
	}
}

// write sets the text that regular expressions see.
func (s *scratch) write() {
	s.folded, s.places = s.folded[:0], s.places[:0]
	for i := range s.hay.units {
		if len(s.folded) > maxRegexpText-utf8.UTFMax {
			break
		}
		s.places = append(s.places, int32(len(s.folded)))
		s.folded = utf8.AppendRune(s.folded, s.hay.units[i].lit)
	}
	s.places = append(s.places, int32(len(s.folded)))
}
