package codec

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"barrage/internal/chat"
)

func TestCheckExt_CompactsJSONAndBoundsItsDepth(t *testing.T) {
	f := func(ext, want, why string) {
		t.Helper()
		got, err := checkExt(json.RawMessage(ext))
		if string(got) != want || (err == nil) != (why == "") || err != nil && err.Error() != why {
			t.Errorf("checkExt(%.80s) = %.80s, %v; want %.80s, %s", ext, got, err, want, why)
		}
	}
	f(``, ``, "")
	f(`null`, ``, "")
	f(` { "a" : [ 1 , "b c" ] } `, `{"a":[1,"b c"]}`, "")
	f(`{"a":1,"a":2}`, `{"a":1,"a":2}`, "")
	f(`1e999`, ``, "ext has a number that is too large")
	f(`{"a":[-1e400]}`, ``, "ext has a number that is too large")
	f(`123456789012345678901234567890`, `123456789012345678901234567890`, "")
	f(`tru`, ``, "ext is no JSON")
	nested := func(n int) string { return strings.Repeat(`[{"a":`, n/2) + "1" + strings.Repeat("}]", n/2) }
	f(nested(MaxExtDepth), nested(MaxExtDepth), "")
	f(nested(MaxExtDepth+2), ``, "ext is nested 34 deep, at most 32 are allowed")
	brackets := `"` + strings.Repeat(`[{\"`, 100) + `"`
	f(brackets, brackets, "")
	wide := "[" + strings.Repeat("[],", 100) + "{}]"
	f(wide, wide, "")
}

func TestCheckExt_HalfSurrogatesAreMended(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := checkExt(json.RawMessage(`["` + text + `"]`))
		if string(got) != `["`+want+`"]` || err != nil {
			t.Errorf("checkExt of %s = %s, %v; want %s", text, got, err, want)
		}
		var plain []string
		if err := json.Unmarshal([]byte(`["`+text+`"]`), &plain); err != nil {
			t.Fatal(err)
		}
		var mended []string
		if err := json.Unmarshal(got, &mended); err != nil || mended[0] != plain[0] {
			t.Errorf("%s means %q, %v; want %q", got, mended, err, plain)
		}
	}
	f(`\ud83d\ude00`, `\ud83d\ude00`)
	f(`\uD83D\uDE00\uDBFF\uDFFF`, `\uD83D\uDE00\uDBFF\uDFFF`)
	f(`\ud83d`, `\ufffd`)
	f(`\ude00x`, `\ufffdx`)
	f(`\uDE00\uD83D`, `\ufffd\ufffd`)
	f(`\ud83d\ud83d\ude00`, `\ufffd\ud83d\ude00`)
	f(`\ud83dx\ude00`, `\ufffdx\ufffd`)
	f(`\\ud83d`, `\\ud83d`)
	f(`\\\ud83d\\`, `\\\ufffd\\`)
	f(`\ud83d\n`, `\ufffd\n`)
	f(`\u00d8\ud7ff\ue000`, `\u00d8\ud7ff\ue000`)
}

// starred has asterisks for some characters, one for each.
func starred(text string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("xqz\b\f\"\\é\u2028", c) {
			return '*'
		}
		return c
	}, text)
}

func TestRewriteExt_ChangesTextsButNoIDs(t *testing.T) {
	f := func(ext, want string) {
		t.Helper()
		if got := RewriteExt(json.RawMessage(ext), starred); string(got) != want {
			t.Errorf("RewriteExt(%s) = %s; want %s", ext, got, want)
		}
	}
	f(``, ``)
	f(`7`, `7`)
	f(`{}`, `{}`)
	f(`{"a":["b",-1.5e3,true,null,""]}`, `{"a":["b",-1.5e3,true,null,""]}`)
	f(`"xa"`, `"*a"`)
	f(`["ax",["x",{"x":"x"}]]`, `["a*",["*",{"*":"*"}]]`)
	f(`{"x":1,"q":2,"k":"z"}`, `{"*":1,"*":2,"k":"*"}`)
	f(`{"a\u0078":"\u0078","b":"\u0062","c":"\ud83d\ude00"}`, `{"a*":"*","b":"\u0062","c":"\ud83d\ude00"}`)
	f(`["x\\","\\\"x","]x{","x\/\t\u0001"]`, `["**","***","]*{","*/\t\u0001"]`)
	ids := `{"reply":{"user_id":"x","id":"x-1"},"mentions":["x","y"]}`
	f(ids, ids)
	f(`{"re\u0070ly":{"user_id":"x","name":"x","body":"x","more":{"id":"x"}}}`, `{"re\u0070ly":{"user_id":"x","name":"*","body":"*","more":{"id":"*"}}}`)
	f(`{"reply":["x"],"mentions":{"x":"x"},"id":"x","user_id":"x"}`, `{"reply":["*"],"mentions":{"*":"*"},"id":"*","user_id":"*"}`)
	f(`[["x"]]`, `[["*"]]`)
	f(`{"mentions":{"":"x","a":"x"},"reply":["x",{"id":"x"}]}`, `{"mentions":{"":"*","a":"*"},"reply":["*",{"id":"*"}]}`)
	f(`{"mentions":[["x"],"x"],"reply":"x"}`, `{"mentions":[["*"],"x"],"reply":"*"}`)
	f(`{"mentions":["x x","é","x\u0000","`+strings.Repeat("x", 129)+`"]}`, `{"mentions":["* *","*","*\u0000","`+strings.Repeat("*", 129)+`"]}`)
	f(`{"a":{"id":"x"},"reply":{"id":{"id":"x"}}}`, `{"a":{"id":"*"},"reply":{"id":{"id":"*"}}}`)
}

// FuzzRewriteExt: a rewritten ext is JSON of the same shape, no longer than before. Each text in it, but ids, is what
// rewrite makes of it.
func FuzzRewriteExt(f *testing.F) {
	for _, seed := range []string{
		`{"reply":{"user_id":"x","id":"c-1","name":"xé","body":"\ud83d\ude00 x\\"},"mentions":["x","x y"]}`,
		`["\b\fx","\u0008x","\"x\"",{"x":{"x":[1e3,"]",{}]}}]`, `"x"`, `null`, `{"a":"\ud800x"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // no frame has it
		}
		ext, err := checkExt(json.RawMessage(text))
		if err != nil || ext == nil {
			return
		}
		got := RewriteExt(ext, starred)
		if len(got) > len(ext) {
			t.Errorf("%s becomes %s, which is longer", ext, got)
		}
		was, now := tokens(t, ext), tokens(t, got)
		if len(was) != len(now) {
			t.Fatalf("%s becomes %s: %d tokens, then %d", ext, got, len(was), len(now))
		}
		for i := range was {
			want := was[i]
			if said, ok := want.(string); ok && (now[i] != said || len(said) > chat.MaxID) {
				want = starred(said)
			}
			if now[i] != want {
				t.Errorf("%s becomes %s: %#v becomes %#v; want %#v", ext, got, was[i], now[i], want)
			}
		}
		if bytes.Equal(got, ext) || !bytes.Contains(ext, []byte("mentions")) && !bytes.Contains(ext, []byte("reply")) {
			if again := RewriteExt(got, starred); !bytes.Equal(again, got) {
				t.Errorf("%s becomes %s, and that %s", ext, got, again)
			}
		}
	})
}

// tokens are those of text, which has to be JSON.
func tokens(t *testing.T, text []byte) (all []json.Token) {
	t.Helper()
	if !json.Valid(text) {
		t.Fatalf("%q is no JSON", text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return all
		}
		all = append(all, token)
	}
}
