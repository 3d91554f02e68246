package codec

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckExt(t *testing.T) {
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

func TestCheckExt_HalfSurrogates(t *testing.T) {
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
