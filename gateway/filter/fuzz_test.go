package filter

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFilter takes any list and any text. The result of Check follows from Explain. The masked text is the text but for
// asterisks. The automaton finds what looking for each spelling at each place finds.
func FuzzFilter(f *testing.F) {
	for _, seed := range [][2]string{
		{"fuck\n!fuckfuck\n", "f u c k FUCK fuckfuck"},
		{"=mask\n赌博\nass*\n", "賭.博 as\u200bs\xff a\u0301ss"},
		{"re:a+b =mask\n*x*\nl1l\n", "aaab lil l1l 1I1"},
		{"re:[xy]ab =mask\nre:\\s(a b)+\n", "xaab ya.b xab, a b"},
		{"a b\nab\nкот\n", "a b ab a.b k0т"},
		{"8964 =mask #x\n", "8 9 6 4 89640"},
		{"🖕 =mask\n가\n", "🖕🏿 \u1100\u1161"},
		{"aa\naaa\n*a\n", "aaaa aa a"},
		{"ill =mask\nkiil\n", "i11 Ill !ll kiIl"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, list, text string) {
		if len(list) > 4<<10 || len(text) > 8<<10 {
			return
		}
		lists := []List{{Name: "list", Data: []byte(list)}}
		filter, err := Build(lists)
		if err != nil {
			return
		}
		result, hits := filter.Check(text), filter.Explain(text)
		var action Action
		var tags []string
		covered := make([]bool, len(text))
		for _, h := range hits {
			if h.Start < 0 || h.End > len(text) || h.Start >= h.End {
				t.Fatalf("%+v is not within %q", h, text)
			}
			if h.Allowed != "" {
				continue
			}
			action, tags = max(action, h.Action), append(tags, h.Tags...)
			if h.Action == Mask {
				for i := h.Start; i < h.End; i++ {
					covered[i] = true
				}
			}
		}
		slices.Sort(tags)
		if tags = slices.Compact(tags); result.Action != action || !slices.Equal(result.Tags, tags) {
			t.Fatalf("Check(%q) = %+v, hits %+v", text, result, hits)
		}
		checkMask(t, text, result.Text, covered)
		checkScan(t, filter, lists, text)
		checkRegexps(t, filter, text)
	})
}

// checkMask holds that masked is the text but for asterisks within what is covered.
func checkMask(t *testing.T, text, masked string, covered []bool) {
	t.Helper()
	if len(masked) > len(text) || utf8.ValidString(text) && !utf8.ValidString(masked) {
		t.Fatalf("%q is masked as %q", text, masked)
	}
	rest := masked
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && covered[j] == covered[i] {
			j++
		}
		if !covered[i] {
			at := strings.Index(rest, text[i:j])
			if at < 0 || i == 0 && at != 0 || j == len(text) && !strings.HasSuffix(rest, text[i:j]) {
				t.Fatalf("%q is masked as %q: %q is changed", text, masked, text[i:j])
			}
			rest = rest[at+j-i:]
		}
		i = j
	}
}

// checkScan looks for each spelling at each run of both haystacks, without the automaton.
func checkScan(t *testing.T, f *Filter, lists []List, text string) {
	t.Helper()
	r := &reader{builder: &builder{filter: &Filter{}, folder: folder{letters: letters()}}}
	if err := r.readAll(lists); err != nil {
		t.Fatal(err)
	}
	s := f.find(text)
	var found, want []hit
	for _, h := range slices.Concat(s.hits, s.allows) {
		if !strings.HasPrefix(f.rules[h.rule].text, "re:") {
			h.allowed = -1
			found = append(found, h)
		}
	}
	stacks := []*haystack{&s.hay}
	if s.hay.join(&s.joined, &s.pieces, f.longest, f.phrases) {
		stacks = append(stacks, &s.joined)
	}
	for in, h := range stacks {
		for _, form := range r.forms {
			if form.target < 0 {
				continue
			}
			sp := &f.spellings[form.target]
			for end := len(sp.runs) - 1; end < len(h.runs); end++ {
				same := true
				for i, key := range form.keys {
					same = same && h.runs[end+1-len(form.keys)+i].key == key
				}
				if !same {
					continue
				}
				if m, ok := h.match(sp, end, Haystack(in)); ok {
					m.rule, m.in, m.allowed = sp.rule, Haystack(in), -1
					m.start, m.end = h.units[m.from].start, h.units[m.to-1].end
					want = append(want, m)
				}
			}
		}
	}
	order := func(x, y hit) int {
		return slices.Compare([]int32{x.rule, int32(x.in), x.from, x.to}, []int32{y.rule, int32(y.in), y.from, y.to})
	}
	slices.SortFunc(found, order)
	slices.SortFunc(want, order)
	if len(found)+len(want) > 0 && !reflect.DeepEqual(found, want) {
		t.Fatalf("%q: found %+v, want %+v", text, found, want)
	}
}

// checkRegexps holds that each regular expression that matches has run, though most run only where their literal is.
func checkRegexps(t *testing.T, f *Filter, text string) {
	t.Helper()
	s := f.find(text)
	s.write()
	for _, e := range f.regexps {
		if !e.re.Match(s.folded) {
			continue
		}
		if !slices.ContainsFunc(s.hits, func(h hit) bool { return h.rule == e.rule }) {
			t.Fatalf("%v has not run on %q", e.re, s.folded)
		}
	}
}

// FuzzPlain takes words of small letters, or of ideographs, and holds the filter against what package strings finds.
func FuzzPlain(f *testing.F) {
	f.Add("abc cab", "abc abcc cab, ab")
	f.Add("中文 文字", "中中文 文字，中")
	f.Fuzz(func(t *testing.T, words, text string) {
		latin := func(r rune) bool { return r < 'a' || r > 'd' }
		han := func(r rune) bool { return r < '一' || r > '丈' }
		for name, outside := range map[string]func(r rune) bool{"latin": latin, "han": han} {
			terms := strings.FieldsFunc(words, outside)
			if len(terms) == 0 || len(terms) > 50 || slices.ContainsFunc(terms, func(s string) bool { return len(s) > MaxTermBytes }) {
				continue
			}
			parts := strings.FieldsFunc(text, outside)
			for _, part := range parts { // texts without a character three times in a row
				for i, r := range part {
					if strings.HasPrefix(part[i:], strings.Repeat(string(r), 3)) {
						return
					}
				}
			}
			filter := mustBuild(t, strings.Join(terms, "\n"))
			for _, part := range parts {
				want := slices.Contains(terms, part)
				if name == "han" {
					want = slices.ContainsFunc(terms, func(term string) bool { return strings.Contains(part, term) })
				}
				if got := filter.Check(part).Action != None; got != want {
					t.Errorf("%v in %q: %v, want %v", terms, part, got, want)
				}
			}
		}
	})
}
