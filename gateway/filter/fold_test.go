package filter

import (
	"fmt"
	"strings"
	"testing"
)

func TestFold_KeysKeepTheirPlacesInTheText(t *testing.T) {
	f := folder{letters: letters()}
	for text, want := range map[string]string{ // each key, its character if it is another, and what it is of the text
		"aB 1":                      `a0-1 b1-2 _2-3 i(1)3-4`,
		"é\u0301":                   `e(é)0-4`,
		"e\u0301\u0327":             `e(ȩ)0-5`,
		"й и\u0306":                 `й0-2 _2-3 й3-7`,
		"ﬀß":                        `f0-3 f0-3 s3-5 s3-5`,
		"賭\u200b博":                  `赌0-3 博6-9`,
		"с€":                        `c(с)0-2 e(€)2-5`,
		"\u1112\u1161\u11ab가\u11a8": `한0-9 각9-15`,
		"ｶﾞ":                        `ガ0-6`,
		"\xff\u0301a":               `_0-3 a3-4`,
		"𝐀🅰ⓐ":                       `a0-4 a4-8 a8-11`,
		"👍🏽":                        `👍0-4`,
		"\u0301\u200b":              ``,
		"\U0002F800𠮷":               `丽0-4 𠮷4-8`,
		"شـَد":                      `ش0-2 د6-8`,
		"ก็":                        `ก0-3 ็3-6`,
	} {
		f.fold(text)
		var got []string
		for _, u := range f.units {
			key := string(u.key)
			switch {
			case u.gap():
				key = "_"
			case u.key != u.lit:
				key += "(" + string(u.lit) + ")"
			}
			got = append(got, fmt.Sprintf("%s%d-%d", key, u.start, u.end))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("fold(%q) = %s; want %s", text, got, want)
		}
	}
}

// Folding once is enough: else terms and texts would have to be folded equally often.
func TestFold_OfWhatIsFoldedChangesNothing(t *testing.T) {
	f := folder{letters: letters()}
	for r := range rune(0x30000) {
		f.fold(string(r))
		if len(f.units) != 1 || f.units[0].gap() {
			continue
		}
		first := f.units[0]
		f.fold(string(first.lit))
		if len(f.units) != 1 || f.units[0].lit != first.lit || f.units[0].key != first.key {
			t.Errorf("%q folds to %q, which folds to %+v", r, first.lit, f.units)
		}
	}
}

func TestSimplified_NoCharacterIsOnBothSides(t *testing.T) {
	table := parseSimplified(simplifiedText)
	if len(table) != 3000 {
		t.Errorf("%d pairs, want 3000", len(table))
	}
	for from, to := range table {
		if next, ok := table[to]; ok {
			t.Errorf("%c becomes %c, which becomes %c", from, to, next)
		}
	}
}
