package filter

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// kind is how a character behaves where words begin and end.
type kind uint8

const (
	kindGap    kind = iota // separates: spaces, punctuation, symbols
	kindLetter             // of a script that puts something between words
	kindDigit
	kindFree    // of a script that does not: a term of it is found anywhere
	kindPicture // emoji and their like: a gap, or free where a term has it
)

// flags say more of a character than its kind.
type flags uint16

const (
	flagLoose    flags = 1 << iota // a gap that ends a clause: white space, a comma
	flagStandIn                    // a letter of another script, a digit or a symbol that looks like key
	flagInner                      // stands for its key within a word only: "!" in "sh!t"
	flagSymbol                     // a gap that stands for a letter: "$"
	flagAnyL                       // may stand for l as well as for i: 1, !, |, and a capital I
	flagOwn                        // in a term: this very character is asked for, nothing that stands for it
	flagIsL                        // in a term: the l of a spelling in which something like 1 stands for it
	flagStart                      // in the joined haystack: begins a piece
	flagEnd                        // … ends a piece
	flagAlone                      // … is a piece of one letter
	flagTightGap                   // … a gap before it was left out
	flagLooseGap                   // … and a loose one
)

// apart are the flags in which the characters of a run are alike: "i1" is two runs, though 1 stands for i.
const apart = flagAnyL | flagSymbol

// A glyph is a folded character.
type glyph struct {
	lit   rune // the character: its case folded, simplified
	key   rune // the letter that it is taken for, which is what terms are looked up by; gapKey for what separates
	kind  kind
	flags flags
}

// gapKey is the key of all separators; no character has it, since NUL is dropped.
const gapKey rune = 0

// Meanings of the codes of an alphabet below codeMany.
const (
	codeDropped = iota // it is left out: invisible
	codeJoins          // it may be one character with what stands before it: a mark
	codeTight          // of these lit is the character
	codeLoose
	codeLetter
	codeDigit
	codeFree
	codePicture
	codeMany // and above: glyphs
)

// alphabetSize is how many code points have a code. Of those beyond only Han ideographs matter, and tags, which are
// dropped.
const alphabetSize = 0x20000

// alphabet says what each code point folds to. It is immutable: 256 KiB of codes, some 200 KB of glyphs.
type alphabet struct {
	codes  [alphabetSize]uint16
	glyphs [][]glyph
	ascii  [utf8.RuneSelf]glyph // of those that are not dropped
}

// letters builds the alphabet at its first use, in some 0.1 s.
var letters = sync.OnceValue(func() *alphabet {
	a := &alphabet{}
	w := newWriter()
	for r := range rune(alphabetSize) {
		a.codes[r] = a.code(r, w)
	}
	for r := range rune(utf8.RuneSelf) {
		a.ascii[r] = plain(r, a.codes[r])
		if code := a.codes[r]; code >= codeMany {
			a.ascii[r] = a.glyphs[code-codeMany][0]
		}
	}
	return a
})

// code is what stands in codes for a character; it adds the glyphs that it needs.
func (a *alphabet) code(r rune, w *writer) uint16 {
	many, code := w.write(r)
	if many == nil {
		return code
	}
	a.glyphs = append(a.glyphs, many)
	return uint16(codeMany + len(a.glyphs) - 1)
}

// plain is the glyph of a character that has a code below codeMany.
func plain(r rune, code uint16) glyph {
	switch code {
	case codeTight:
		return glyph{lit: r}
	case codeLoose:
		return glyph{lit: r, flags: flagLoose}
	case codeLetter:
		return glyph{lit: r, key: r, kind: kindLetter}
	case codeDigit:
		return glyph{lit: r, key: r, kind: kindDigit}
	case codePicture:
		return glyph{lit: r, kind: kindPicture}
	default:
		return glyph{lit: r, key: r, kind: kindFree}
	}
}

// writer finds out what characters fold to.
type writer struct {
	fold       cases.Caser
	simplified map[rune]rune
}

func newWriter() *writer {
	return &writer{fold: cases.Fold(), simplified: parseSimplified(simplifiedText)}
}

// simplifiedText says in its first lines where it is from.
//
//go:embed simplified.txt
var simplifiedText string

func parseSimplified(text string) map[rune]rune {
	pairs := make(map[rune]rune, 3000)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		both := []rune(strings.TrimSpace(line))
		for i := 0; i+1 < len(both); i += 2 {
			pairs[both[i]] = both[i+1]
		}
	}
	return pairs
}

// write returns the glyphs of a character, or a code below codeMany that says the same.
func (w *writer) write(r rune) ([]glyph, uint16) {
	switch {
	case w.simplified[r] == 0 && unicode.In(r, unicode.Unified_Ideograph, hangul): // most of the code points
		return nil, codeFree
	case r >= 0xD800 && r < 0xE000 || r == utf8.RuneError: // half a character, what is no UTF-8
		return nil, codeTight
	case invisible(r):
		return nil, codeDropped
	case r > unicode.MaxLatin1 && !unicode.IsOneOf(assigned, r):
		return nil, codePicture
	}
	text := string(r)
	if !norm.NFKC.PropertiesString(text).BoundaryBefore() {
		return nil, codeJoins
	}
	var many []glyph
	folded := norm.NFKC.String(text)
	if r < 0x13A0 || r > 0x13F5 { // Cherokee is folded to capitals, which cases.Fold takes for small letters
		folded = norm.NFKC.String(w.fold.String(folded))
	}
	for _, each := range folded {
		if decorates(each) || invisible(each) {
			continue
		}
		many = append(many, w.glyph(each))
	}
	if r == 'I' {
		many[0].flags |= flagAnyL
	}
	if len(many) == 0 {
		return nil, codeDropped
	}
	for code := uint16(codeTight); code < codeMany; code++ {
		if len(many) == 1 && many[0] == plain(r, code) {
			return nil, code
		}
	}
	return many, 0
}

// hangul are the syllables.
var hangul = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0xAC00, Hi: 0xD7A3, Stride: 1}}}

// assigned are the characters that are something; others are taken for pictures that are too new to be known.
var assigned = []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C}

// glyph is the one of a character in NFKC whose case is folded.
func (w *writer) glyph(lit rune) glyph {
	if other, ok := w.simplified[lit]; ok {
		lit = other
	}
	if other, ok := costumes[lit]; ok {
		lit = other
	}
	g := glyph{lit: lit, key: lit, kind: kindOf(lit)}
	base, _ := utf8.DecodeRuneInString(norm.NFD.String(string(lit)))
	if unicode.In(lit, unicode.Latin, unicode.Greek) && base != lit {
		g.key = base
	}
	if other, ok := strokes[lit]; ok {
		g.key = other
	}
	if other, ok := lookalikes[g.key]; ok {
		g.key = other
		g.flags |= flagStandIn
	}
	switch {
	case g.kind == kindPicture || g.kind == kindGap && g.flags&flagStandIn == 0:
		g.key = gapKey
	case g.kind == kindGap:
		g.flags |= flagSymbol
	}
	if g.kind == kindGap && loose(lit) {
		g.flags |= flagLoose
	}
	if strings.ContainsRune("1!|", lit) {
		g.flags |= flagAnyL
	}
	if strings.ContainsRune("!|+¡", lit) {
		g.flags |= flagInner
	}
	return g
}

func kindOf(r rune) kind {
	switch {
	case unicode.In(r, unspaced...) && !unicode.Is(unicode.P, r) && !unicode.Is(unicode.S, r), r == 'ー', r == '々', r == '〇':
		return kindFree
	case unicode.IsDigit(r):
		return kindDigit
	case unicode.IsLetter(r), unicode.IsMark(r), unicode.Is(unicode.Nl, r):
		return kindLetter
	case unicode.Is(unicode.So, r), unicode.Is(unicode.Co, r), r > 0x1F000:
		return kindPicture
	default:
		return kindGap
	}
}

// unspaced are the scripts that put nothing between words, and Hangul, whose words take endings.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// invisible characters take no room: joiners, selectors, fillers, soft hyphens, tags, controls that are no white space.
func invisible(r rune) bool {
	return unicode.IsControl(r) && !unicode.IsSpace(r) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) ||
		unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		r >= 0x1F3FB && r <= 0x1F3FF // colours of skin
}

// decorates reports whether a mark is dropped where NFKC has made no character of it and of what it stands on. Such
// marks are those of the general blocks, the points of Hebrew and Arabic, the bar that makes Arabic words longer.
func decorates(r rune) bool {
	switch {
	case r < 0x300:
		return false
	case r <= 0x36F, r >= 0x483 && r <= 0x489, r >= 0x1AB0 && r <= 0x1AFF, r >= 0x1DC0 && r <= 0x1DFF, r >= 0x20D0 && r <= 0x20FF,
		r >= 0xFE20 && r <= 0xFE2F:
		return true
	case r >= 0x591 && r <= 0x5C7:
		return unicode.IsMark(r)
	default:
		return r == 0x640 || r >= 0x64B && r <= 0x65F || r == 0x670
	}
}

// loose distinguishes separators that end a clause from those, like the full stop in "v.i.p", that are written within
// words.
func loose(r rune) bool {
	switch {
	case unicode.IsSpace(r), unicode.In(r, unicode.Ps, unicode.Pe):
		return true
	case r <= unicode.MaxASCII:
		return strings.ContainsRune(",;:?!\"", r)
	default:
		return unicode.In(r, unicode.Pi, unicode.Pf, unicode.Pd, unicode.Po) && !strings.ContainsRune("·•‧・", r)
	}
}
