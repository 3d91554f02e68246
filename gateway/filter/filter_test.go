package filter

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestCheck_StrongestActionAndAllTags(t *testing.T) {
	f := mustBuild(t, "plum =flag #fruit\npear =mask #fruit #sweet\nleek =shadow\nkale =hold #green\nbeet =block #root\n")
	for text, want := range map[string]Result{
		"nothing":             {None, "nothing", nil},
		"plum":                {Flag, "plum", []string{"fruit"}},
		"plum pear":           {Mask, "plum ****", []string{"fruit", "sweet"}},
		"pear leek":           {Shadow, "**** leek", []string{"fruit", "sweet"}},
		"kale pear leek":      {Hold, "kale **** leek", []string{"fruit", "green", "sweet"}},
		"beet kale leek plum": {Block, "beet kale leek plum", []string{"fruit", "green", "root"}},
	} {
		if got := f.Check(text); !reflect.DeepEqual(got, want) {
			t.Errorf("Check(%q) = %+v, want %+v", text, got, want)
		}
	}
}

func TestCheck_MasksWhatMatchedAndNothingElse(t *testing.T) {
	f := mustBuild(t, "=mask\ndamn\n赌博\n哈\n你好\nbuy now\noffice\nre:\\d{3}-\\d{4}\nre:go +away\n🖕\n")
	for text, want := range map[string]string{
		"damn":                       "****",
		"Ｄａｍｎ it, D\u0301a\u0301mn!": "**** it, ****!",
		"d a m n":                    "* * * *",
		"d\u200ba\u200bm\u200bn":     "*\u200b*\u200b*\u200b*",
		"daaaamn":                    "*******",
		"d4mn \xff d4mn \x00":        "**** \xff **** \x00",
		"去賭.博吧":                      "去*.*吧",
		"哈哈 哈哈哈哈":                    "** ****",
		"你你好好吗":                      "你**好吗",
		"你你你好吗":                      "****吗",
		"buy  --  now":               "***  --  ***",
		"oﬀice oﬃce":                 "***** ****",
		"call 555-1234 now":          "call ******** now",
		"please GO   AWAY":           "please **   ****",
		"🖕🏿 and 🖕":                   "*🏿 and *",
		"𝐝𝐚𝐦𝐧":                       "****",
	} {
		if got := f.Check(text).Text; got != want {
			t.Errorf("Check(%q).Text = %q, want %q", text, got, want)
		}
	}
}

func TestExplain_SaysWhereAndWhy(t *testing.T) {
	lists := []List{
		{Name: "words.txt", Data: []byte("# our words\r\n=mask #food\r\nspam* #mail\r\n"), Action: Hold},
		{Name: "hot", Data: []byte("\ufeff赌博\n!hot spam\nre:x{2,}y #rx =flag"), Action: Hold},
	}
	f, err := Build(lists)
	if err != nil {
		t.Fatal(err)
	}
	text := "a spammer, 賭\u200b 博, hot spam xxxy"
	at := func(part string) (int, int) { i := strings.LastIndex(text, part); return i, i + len(part) }
	var want []Hit
	add := func(part string, h Hit) { h.Start, h.End = at(part); want = append(want, h) }
	add("spammer", Hit{List: "words.txt", Line: 3, Term: "spam*", Action: Mask, Tags: []string{"food", "mail"}})
	want[0].End -= len("mer")
	add("賭\u200b 博", Hit{List: "hot", Line: 1, Term: "赌博", Action: Hold, Haystack: Joined})
	add("spam", Hit{List: "words.txt", Line: 3, Term: "spam*", Action: Mask, Tags: []string{"food", "mail"}, Allowed: "hot:2"})
	add("xxxy", Hit{List: "hot", Line: 3, Term: "re:x{2,}y", Action: Flag, Tags: []string{"rx"}})
	if got := f.Explain(text); !reflect.DeepEqual(got, want) {
		t.Errorf("Explain = %+v, want %+v", got, want)
	}
	if got, masked := f.Check(text), strings.Replace(text, "spam", "****", 1); got.Action != Hold || got.Text != masked {
		t.Errorf("Check = %+v, want hold, %q", got, masked)
	}
}

func TestCheck_AllowedTermsExemptWhatTheyContain(t *testing.T) {
	f := mustBuild(t, "ano\n!año\n妈的\n!妈妈的\n*cunt*\n!scunthorpe\nre:\\d{4,}\n!12345\n")
	for text, want := range map[string]Action{
		"año": None, "ano": Block, "años": None, "妈妈的": None, "妈的": Block, "妈妈的妈的": Block, "媽媽的": None,
		"Scunthorpe": None, "SCUNTHORPE!": None, "scunthorpes": Block, "s c u n t h o r p e": None,
		"12345": None, "123456": Block, "12345 6789": Block,
	} {
		if got := f.Check(text); got.Action != want {
			t.Errorf("Check(%q) = %v by %+v, want %v", text, got.Action, f.Explain(text), want)
		}
	}
}

func TestCheck_WordsBeginAndEnd(t *testing.T) {
	f := mustBuild(t, "sex\npre*\n*ing\n*mid*\n8964\nc++\n傻b\nb.a.d\nкот\n")
	for text, want := range map[string]bool{
		"sex": true, "sex!": true, "(sex)": true, "中sex文": true, "sex2": true, "2sex": true, "sexs": false, "unisex": false,
		"sex4u": false, "s3xx": false, "sex_tape": true, "sex\u0301": true, "pre": true, "prefix": true, "spre": false,
		"ing": true, "going": true, "goings": false, "amidst": true, "8964": true, "b8964b": true, "18964": false,
		"89640": false, "8 9 6 4": true, "1 8 9 6 4": false, "c++": true, "c+": false, "ctt": false, "傻b": true,
		"大傻b": true, "傻bb": false, "傻B吗": true, "b.a.d": true, "b-a/d": true, "bad": false, "кот": true, "который": false,
		"kот": true,
	} {
		if got := f.Check(text); (got.Action != None) != want {
			t.Errorf("Check(%q) = %v by %+v, want %v", text, got.Action, f.Explain(text), want)
		}
	}
}

func TestFilter_NilAndEmptyMatchNothing(t *testing.T) {
	var none *Filter
	for name, f := range map[string]*Filter{
		"nil": none, "no lists": mustBuild(t), "an empty one": mustBuild(t, ""), "comments": mustBuild(t, "# a\n#\n\n=mask\n#tag\n"),
	} {
		if got := f.Check("text"); !reflect.DeepEqual(got, Result{Text: "text"}) || f.Explain("text") != nil {
			t.Errorf("%s: Check = %+v, Explain = %v, want nothing", name, got, f.Explain("text"))
		}
		if size := f.Size(); size.Terms+size.Allowed+size.Regexps != 0 {
			t.Errorf("%s: Size = %+v, want no terms", name, size)
		}
	}
}

func TestFilter_RegexpsAloneAreEnough(t *testing.T) {
	f := mustBuild(t, "re:^[a-z]+$")
	if got := f.Check("Word"); got.Action != Block {
		t.Errorf("Check = %v, want block", got.Action)
	}
	if got := f.Check("2 words"); got.Action != None {
		t.Errorf("Check = %v, want none", got.Action)
	}
}

func TestFilter_SizeCountsEachList(t *testing.T) {
	f := mustBuild(t, "a\nb\n!c\nre:d+\n", "\\re:e")
	got := f.Size()
	if got.Lists != 2 || got.Terms != 3 || got.Allowed != 1 || got.Regexps != 1 || got.Bytes == 0 {
		t.Errorf("Size = %+v, want 2 lists, 3 terms, 1 allowed, 1 regexp", got)
	}
	lists := f.Lists()
	if len(lists) != 2 || lists[0].Name == "" || lists[0].Name == lists[1].Name {
		t.Fatalf("Lists = %+v, want two with names of their own", lists)
	}
	lists[0].Name, lists[1].Name = "", ""
	if want := []ListSize{{Terms: 2, Allowed: 1, Regexps: 1}, {Terms: 1}}; !reflect.DeepEqual(lists, want) {
		t.Errorf("Lists = %+v, want %+v", lists, want)
	}
}

func TestBuild_SaysWhatIsWrongWhere(t *testing.T) {
	f := func(data, want string) {
		t.Helper()
		_, err := Build([]List{{Name: "words.txt", Data: []byte(data)}})
		if err == nil || !strings.Contains(err.Error(), "cannot build filter: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("Build(%.40q) = %v, want %q", data, err, want)
		}
	}
	f("good\n\xb6\xc4\xb2\xa9\n", "words.txt:2: the line is no UTF-8: save the list as UTF-8")
	f("a =kick", `words.txt:1: cannot take action "kick": it is none of block, hold, shadow, mask, flag`)
	f("a =mask =hold", "words.txt:1: two actions: leave one")
	f("#a comment", `"#a comment" is neither a comment nor a heading: begin a comment with "# ", a term with "\#"`)
	f("a #Tag", `tag "Tag" is not 1 to 32 of a-z, 0-9, _ and -`)
	f("!a =mask", `"!a" is allowed, so it has neither action nor tags: remove them`)
	f("!re:a", "a regular expression cannot allow")
	f("\n\n...", `words.txt:3: "..." has neither letter nor digit`)
	f("!", "has neither letter nor digit")
	f("*", "has neither letter nor digit")
	f(strings.Repeat("x", 201), "has 201 bytes, more than 200: shorten it, or write a regular expression (re:)")
	f(strings.Repeat("ﷺ", 60), "characters when folded, more than 255: shorten it")
	f("re:(", "missing closing )")
	for _, pattern := range []string{"", "a*", `\b`, "^|a", "(a?){3}", "a{0,3}", "$", "(?:a|b*)+"} {
		f("re:"+pattern, "matches no character too, so every message: ask for one")
	}
	f("re:BAD+", `texts are folded before, so it never matches: write "ba" for "BA"`)
	f("re:賭", `write "赌" for "賭"`)
	f("re:x{700}", "instructions, more than 500: repeat less")
	f(strings.Repeat("re:[ab]{400}\n", 3), "words.txt:3: \"[ab]{400}\" makes the instructions of those without a literal 12")
	f("re:"+strings.Repeat("x", 257), "has 257 bytes, more than 256: shorten it")
	f(strings.Repeat("re:x\n", 101), `words.txt:101: "x" is one more than 100 regular expressions: remove some`)
	f(strings.Repeat("re:(xyz){80}\n", 11), "makes the instructions of all")
	f(strings.Repeat("a\n", MaxTerms+1), "words.txt:200001: \"a\" is one more than 200000 terms: shorten the lists")
	f(strings.Repeat("#", MaxBytes+1), "have 8388609 bytes, more than 8388608: shorten them")
	var tags strings.Builder
	for i := range MaxDifferentTags + 1 {
		fmt.Fprintf(&tags, "a #t%d\n", i)
	}
	f(tags.String(), `words.txt:65: tag "t64" would be one more than 64 different ones`)
	_, err := Build([]List{{Name: "words.txt", Data: []byte(strings.Repeat("!\n", 100))}})
	if got := strings.Count(err.Error(), "words.txt:"); got != maxProblems {
		t.Errorf("%d problems are reported, want %d", got, maxProblems)
	}
	if _, err := Build([]List{{Name: "a"}, {Name: "a"}}); err == nil || !strings.Contains(err.Error(), `two lists are called "a"`) {
		t.Errorf("Build = %v, want two lists of a name refused", err)
	}
	if _, err := Build([]List{{}}); err == nil || !strings.Contains(err.Error(), "the name of list 0") {
		t.Errorf("Build = %v, want a list without a name refused", err)
	}
}

func TestBuild_LinesAreTakenLiterallyBehindABackslash(t *testing.T) {
	f := mustBuild(t, "\\#1 fan =flag\n\\!now =mask\n\\re:x\n")
	for text, want := range map[string]Action{"#1 fan": Flag, "!now": Mask, "now": None, "re:x": Block, "x": None} {
		if got := f.Check(text); got.Action != want {
			t.Errorf("Check(%q) = %v, want %v", text, got.Action, want)
		}
	}
}

func TestBuild_DoesNotKeepTheList(t *testing.T) {
	data := []byte("apple #fruit")
	f, err := Build([]List{{Name: "a", Data: data}})
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if hits := f.Explain("apple"); len(hits) != 1 || hits[0].Term != "apple" || hits[0].Tags[0] != "fruit" {
		t.Errorf("Explain = %+v, want apple", hits)
	}
}

func TestParseAction_IsTheInverseOfString(t *testing.T) {
	for a := Flag; a <= Block; a++ {
		if got, err := ParseAction(a.String()); got != a || err != nil {
			t.Errorf("ParseAction(%q) = %v, %v", a, got, err)
		}
	}
	for _, name := range []string{"none", "", "Block"} {
		if got, err := ParseAction(name); err == nil {
			t.Errorf("ParseAction(%q) = %v, want an error", name, got)
		}
	}
}

func TestCheck_ManyAtOnceDoNotDisturbEachOther(t *testing.T) {
	f := mustBuild(t, "apple =mask\nre:b+c =mask\n")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				pad := strings.Repeat("x ", i*j%50)
				if got := f.Check(pad + "apple bbc").Text; got != pad+"***** ***" {
					t.Errorf("Check = %q", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestCheck_LongTextsStayAsTheyAre(t *testing.T) {
	f := mustBuild(t, "apple\nre:z{3}\n哈\n")
	for name, text := range map[string]string{
		"letters": strings.Repeat("a", 1<<20), "marks": "a" + strings.Repeat("\u0301", 1<<18), "spaces": strings.Repeat(" ", 1<<20),
		"single letters": strings.Repeat("a p p l ", 1<<16), "no UTF-8": strings.Repeat("\xff", 1<<20), "jamo": strings.Repeat("\u1161", 1<<16),
		"expression beyond its text": strings.Repeat("y", 4096) + "zzz",
	} {
		if got := f.Check(text); got.Action != None || got.Text != text {
			t.Errorf("%s: Check = %v", name, got.Action)
		}
	}
	if got := f.Check(strings.Repeat("哈", 1<<18)); got.Action != Block {
		t.Errorf("Check = %v, want block", got.Action)
	}
}

func TestCheck_PhrasesPulledApartAreMasked(t *testing.T) {
	f := mustBuild(t, "buy coins =mask\nbuy yachts =mask\ncheap*\nkill yourself\n!b u t cheap\nim ok =mask\n")
	for text, want := range map[string]string{ // the stored texts
		"b u y coins":             "* * * *****",
		"so, b u y  c-oins now":   "so, * * *  *-**** now",
		"b_u_y-coins":             "*_*_*-*****",
		"b u y yachts":            "* * * ******",
		"b u y-y a c h t s":       "* * *-* * * * * *",
		"buuuuy c o i n s":        "****** * * * * *",
		"B u Y, ｃｏｉｎｓ1":           "* * *, *****1",
		"but coins":               "but coins",
		"b u t coins":             "b u t coins",
		"b u y s coins":           "b u y s coins", // another word
		"a b u y coins":           "a * * * *****", // a word of one letter
		"s b u y coins":           "s b u y coins",
		"b u y coinsmith":         "b u y coinsmith",
		"b u y my coins":          "b u y my coins",
		"bu y coins":              "bu y coins", // halves
		"abuy c o i n s":          "abuy c o i n s",
		"buy us, coins are dear":  "buy us, coins are dear",
		"I'm in, that's ok":       "I'm in, that's ok",
		"a b u-y and some coins.": "a b u-y and some coins.",
	} {
		if got := f.Check(text); got.Text != want {
			t.Errorf("Check(%q).Text = %q by %+v, want %q", text, got.Text, f.Explain(text), want)
		}
	}
}
