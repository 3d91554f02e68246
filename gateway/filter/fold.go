package filter

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unit is a folded character of a text. One character may give several: ﬀ gives two.
type unit struct {
	glyph

	start, end int32 // its place in the original: bytes start to end, exclusive, marks included
}

// gap reports whether it only separates: "$", which stands for a letter, does not.
func (u *unit) gap() bool { return u.key == gapKey }

// folder folds texts. Its buffers are reused.
type folder struct {
	letters *alphabet
	// wanted reports whether a picture is in a term; nil: each is.
	wanted func(r rune) bool

	text  string
	units []unit
	// from is the byte, and base the unit, at which the character began that marks may join; from -1: none.
	from, base int
	composed   []byte
}

// maxMarks bounds the marks of a character that are looked at together; those behind are taken by themselves. NFKC
// itself puts a limit at 30 (Unicode's stream-safe format).
const maxMarks = 32

// fold replaces units by those of a text. Bytes that are no UTF-8 separate.
func (f *folder) fold(text string) {
	f.text, f.units, f.from = text, f.units[:0], -1
	codes, ascii := &f.letters.codes, &f.letters.ascii
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf && codes[c] != codeDropped { // each folds to one
			f.from, f.base = i, len(f.units)
			f.units = append(f.units, unit{ascii[c], int32(i), int32(i + 1)})
			i++
			continue
		}
		r, width := utf8.DecodeRuneInString(text[i:])
		var code uint16
		if uint32(r) < alphabetSize {
			code = codes[r]
		} else {
			code, r = f.letters.beyond(r)
		}
		switch code {
		case codeFree:
			f.from, f.base = i, len(f.units)
			f.units = append(f.units, unit{glyph{lit: r, key: r, kind: kindFree}, int32(i), int32(i + width)})
		case codeDropped:
			f.from = -1
		case codeJoins:
			width = f.compose(i, width)
			f.from = -1
		default:
			f.from, f.base = i, len(f.units)
			f.add(r, code, i, i+width)
		}
		i += width
	}
}

// beyond is the code of a character that the alphabet does not hold, and what it is in NFKC.
func (a *alphabet) beyond(r rune) (uint16, rune) {
	switch {
	case invisible(r):
		return codeDropped, r
	case r >= 0x2F800 && r <= 0x2FA1F: // ideographs that are there twice
		if r, _ = utf8.DecodeRuneInString(norm.NFKC.String(string(r))); r < alphabetSize {
			return a.codes[r], r
		}
		return codeFree, r
	case r < 0x40000:
		return codeFree, r
	default:
		return codePicture, r
	}
}

// add appends what a character folds to.
func (f *folder) add(r rune, code uint16, start, end int) {
	if code >= codeMany {
		for _, g := range f.letters.glyphs[code-codeMany] {
			f.units = append(f.units, unit{g, int32(start), int32(end)})
		}
		return
	}
	g := plain(r, code)
	if g.kind == kindPicture && (f.wanted == nil || f.wanted(r)) {
		g.kind, g.key = kindFree, r
	}
	f.units = append(f.units, unit{g, int32(start), int32(end)})
}

// compose folds the marks at byte i together with the character before them, and returns the length of the marks.
func (f *folder) compose(i, width int) int {
	end := i + width
	for range maxMarks - 1 {
		r, w := utf8.DecodeRuneInString(f.text[end:])
		if uint32(r) >= alphabetSize || f.letters.codes[r] != codeJoins || w == 0 {
			break
		}
		end += w
	}
	from := i
	kind := kindLetter
	if f.from >= 0 {
		from = f.from
		f.units = f.units[:f.base]
	}
	f.composed = norm.NFKC.AppendString(f.composed[:0], f.text[from:end])
	for rest := f.composed; len(rest) > 0; {
		r, w := utf8.DecodeRune(rest)
		rest = rest[w:]
		code := uint16(codeFree)
		if uint32(r) < alphabetSize {
			code = f.letters.codes[r]
		}
		switch {
		case code == codeDropped, code == codeJoins && decorates(r):
		case code == codeJoins:
			if k := kindOf(r); k == kindFree {
				kind = k
			}
			f.units = append(f.units, unit{glyph{lit: r, key: r, kind: kind}, int32(from), int32(end)})
		default:
			f.add(r, code, from, end)
		}
	}
	return end - i
}
