package codec_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"

	"barrage/codec"
	"barrage/internal/chat"
)

// TestSonicRuns fails when a new Go release makes sonic fall back to encoding/json,
// whose handling of strings differs from what [codec.NewDraft] promises.
func TestSonicRuns(t *testing.T) {
	if sonic.APIKind != sonic.UseSonicJSON {
		t.Errorf("sonic.APIKind = %d; want %d: this version of sonic does not know this version of Go", sonic.APIKind, sonic.UseSonicJSON)
	}
}

func TestDraft_JSONToTheByte(t *testing.T) {
	f := func(name, room, user, info, want string) {
		t.Helper()
		d := codec.NewDraft(room, user, info, 1648368380132)
		got := string(d.AppendJSON([]byte("before"), d.TS))
		if got != "before"+want {
			t.Errorf("%s: AppendJSON = %s; want %s", name, got, "before"+want)
		}
		if d.Size() != len(want) {
			t.Errorf("%s: Size() = %d; want %d", name, d.Size(), len(want))
		}
		if d.UserID != user || d.TS != 1648368380132 {
			t.Errorf("%s: draft of %q at %d; want %q at 1648368380132", name, d.UserID, d.TS, user)
		}
	}
	of := func(info string) string {
		return `{"groupId":"1","userId":"3","info":` + info + `,"ts":1648368380132}`
	}
	f("contract section 1", "1", "3", "hello", `{"groupId":"1","userId":"3","info":"hello","ts":1648368380132}`)
	f("empty", "1", "3", "", of(`""`))
	f("CJK and emoji stay", "房", "用户", "弹幕 😀", `{"groupId":"房","userId":"用户","info":"弹幕 😀","ts":1648368380132}`)
	f("quotes and backslash", "1", "3", `"\/`, of(`"\"\\/"`))
	f("quotes in ids", `"1`, `3"`, "", `{"groupId":"\"1","userId":"3\"","info":"","ts":1648368380132}`)
	f("control characters", "1", "3", "\t\n\r\x00\x1F\b\f\x7F", of(`"\t\n\r\u0000\u001f\u0008\u000c`+"\x7F"+`"`))
	f("HTML stays", "1", "3", "<b>&", of(`"<b>&"`))
	f("line separators stay", "1", "3", "a\u2028b\u2029c", of("\"a\u2028b\u2029c\""))
	f("invalid UTF-8 is replaced", "1", "3", "a\xFFb\xE5\xBC", of(`"a\ufffdb\ufffd\ufffd"`))
	f("surrogate half is replaced", "1", "3", "\xED\xA0\x80", of(`"\ufffd\ufffd\ufffd"`))
	f("invalid UTF-8 in ids", "\xFF", "\xFE", "", `{"groupId":"\ufffd","userId":"\ufffd","info":"","ts":1648368380132}`)
}

func TestDraft_TSIsTheStores(t *testing.T) {
	d := codec.NewDraft("1", "3", "a", 5)
	for ts, want := range map[int64]string{5: `"ts":5}`, 6: `"ts":6}`, 0: `"ts":0}`, 1648368380132: `"ts":1648368380132}`} {
		if got := string(d.AppendJSON(nil, ts)); !strings.HasSuffix(got, want) || !json.Valid([]byte(got)) {
			t.Errorf("AppendJSON(nil, %d) = %s; want it to end in %s", ts, got, want)
		}
	}
}

func TestTimestamp_ReadsTheLastFieldAlone(t *testing.T) {
	for _, info := range []string{"hello", `"ts":7}`, ":8}", ""} {
		for _, want := range []int64{0, 5, 1648368380132} {
			d := codec.NewDraft("1", "3", info, 1)
			json := string(d.AppendJSON(nil, want))
			if got := codec.Timestamp(json); got != want {
				t.Errorf("Timestamp(%s) = %d; want %d", json, got, want)
			}
		}
	}
	for _, s := range []string{"", "{}", "null", ":", `{"ts":5,"info":"a"}`, `{"ts":1.5}`, `{"info":"a:5"}`} {
		if got := codec.Timestamp(s); got != 0 {
			t.Errorf("Timestamp(%q) = %d; want 0", s, got)
		}
	}
}

// TestDraft_AnyBytesGiveJSONOnOneLine: any text of a user becomes JSON on one
// line and UTF-8, as encoding/json reads it.
func TestDraft_AnyBytesGiveJSONOnOneLine(t *testing.T) {
	check := func(info string) {
		t.Helper()
		d := codec.NewDraft("r", "u", info, 1)
		got := d.AppendJSON(nil, 1)
		if !utf8.Valid(got) || strings.ContainsAny(string(got), "\n\r") {
			t.Fatalf("NewDraft with %q = %q; want UTF-8 on one line", info, got)
		}
		var m chat.Message
		if err := json.Unmarshal(got, &m); err != nil {
			t.Fatalf("NewDraft with %q = %q: %v", info, got, err)
		}
		if want := strings.ToValidUTF8(info, "\uFFFD"); utf8.ValidString(info) && m.Info != want {
			t.Fatalf("NewDraft with %q reads back as %q", info, m.Info)
		}
	}
	for a := range 256 {
		check(string([]byte{byte(a)}))
		for _, b := range []byte{0x00, '"', '\\', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF} {
			check(string([]byte{'x', byte(a), b, 'y'}))
		}
	}
	// Long texts take another path in sonic; the bad byte may be anywhere.
	long := strings.Repeat("弹幕 and text, ", 20)
	for at := range len(long) {
		check(long[:at] + "\xFF\x01\"" + long[at:])
	}
}

func TestParseMessage_ReadsDrafts(t *testing.T) {
	for _, want := range []chat.Message{
		{GroupID: "1", UserID: "3", Info: "hello", TS: 1648368380132},
		{GroupID: "房", UserID: `"`, Info: "弹幕 \"\\\n\x00\u2028😀<b>", TS: 0},
		{GroupID: "1", UserID: "3"},
	} {
		d := codec.NewDraft(want.GroupID, want.UserID, want.Info, want.TS)
		plain := string(d.AppendJSON(nil, want.TS))
		for _, s := range []string{plain, quoted(t, plain)} {
			if got, err := codec.ParseMessage(s); err != nil || got != want {
				t.Errorf("ParseMessage(%s) = %+v, %v; want %+v", s, got, err, want)
			}
			if got, err := codec.PlainJSON(s); err != nil || got != plain {
				t.Errorf("PlainJSON(%s) = %s, %v; want %s", s, got, err, plain)
			}
		}
	}
}

// quoted is the form of FastIM's own nodes: a JSON string literal around the text.
func quoted(tb testing.TB, s string) string {
	tb.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestParseMessage_ReadsTheFormOfFastIM(t *testing.T) {
	// As Jackson writes it (contract section 5).
	const s = `"{\"groupId\":\"1\",\"userId\":\"3\",\"info\":\"say \\\"hi\\\"\",\"ts\":1648368380132}"`
	want := chat.Message{GroupID: "1", UserID: "3", Info: `say "hi"`, TS: 1648368380132}
	if got, err := codec.ParseMessage(s); err != nil || got != want {
		t.Errorf("ParseMessage(%s) = %+v, %v; want %+v", s, got, err, want)
	}
	if got, err := codec.PlainJSON(`"abc"`); err != nil || got != "abc" {
		t.Errorf(`PlainJSON("abc" in quotes) = %q, %v; want abc`, got, err)
	}
	if got, err := codec.PlainJSON("abc"); err != nil || got != "abc" {
		t.Errorf("PlainJSON(abc) = %q, %v; want abc", got, err)
	}
}

func TestParseMessage_RefusesWhatIsNoMessage(t *testing.T) {
	f := func(name, s string) {
		t.Helper()
		m, err := codec.ParseMessage(s)
		if err == nil || m != (chat.Message{}) {
			t.Errorf("%s: ParseMessage(%q) = %+v, %v; want an error and no message", name, s, m, err)
			return
		}
		if !strings.HasPrefix(err.Error(), "cannot ") {
			t.Errorf("%s: error %q does not begin with cannot", name, err)
		}
	}
	f("nothing", "")
	f("null", "null")
	f("array", "[]")
	f("number", "1")
	f("no ids", "{}")
	f("no user", `{"groupId":"1","info":"a","ts":1}`)
	f("no room", `{"userId":"1","info":"a","ts":1}`)
	f("id is a number", `{"groupId":1,"userId":"3","info":"a","ts":1}`)
	f("ts is text", `{"groupId":"1","userId":"3","info":"a","ts":"1"}`)
	f("ts is no whole number", `{"groupId":"1","userId":"3","info":"a","ts":1.5}`)
	f("cut", `{"groupId":"1","userId":"3","info":"a","ts":1`)
	f("garbage behind", `{"groupId":"1","userId":"3","info":"a","ts":1}x`)
	f("raw control character", "{\"groupId\":\"1\",\"userId\":\"3\",\"info\":\"a\nb\",\"ts\":1}")
	f("literal cut", `"{\"groupId\":`)
	f("literal around nothing", `""`)
	f("literal twice", `"\"{}\""`)
}

// TestParseMessage_OnlyUTF8ComesOut: messages of original nodes may hold bad bytes; a
// browser would close its socket on them.
func TestParseMessage_OnlyUTF8ComesOut(t *testing.T) {
	const r = "\uFFFD"
	for info, want := range map[string]string{
		"a\xFFb":       "a" + r + "b",
		"\xED\xA0\x80": r + r + r,
		"\xE5\xBC":     r + r,
		`\ud800`:       r,
		`\udc00\ud800`: r + r,
		`\ud800x`:      r + "x",
		`\ud83d\ude00`: "😀",
		`\u0000\u2028`: "\x00\u2028",
	} {
		plain := `{"groupId":"1","userId":"3","info":"` + info + `","ts":1}`
		for _, s := range []string{plain, `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain) + `"`} {
			if m, err := codec.ParseMessage(s); err != nil || m.Info != want {
				t.Errorf("ParseMessage(%q) = %+v, %v; want info %q", s, m, err, want)
			}
		}
	}
}

func TestParseMessage_SharesNoMemory(t *testing.T) {
	const plain = `{"groupId":"room","userId":"user","info":"text","ts":1}`
	for _, s := range []string{plain, quoted(t, plain)} {
		b := []byte(s)
		m, err := codec.ParseMessage(unsafe.String(&b[0], len(b)))
		if err != nil {
			t.Fatal(err)
		}
		clear(b) // as a read buffer is used again
		if want := (chat.Message{GroupID: "room", UserID: "user", Info: "text", TS: 1}); m != want {
			t.Errorf("ParseMessage(%s) = %+v after its input changed; want %+v", s, m, want)
		}
	}
}

// TestNewDraft_WritesWhatAnEncoderWould holds what is written field by field against an encoder of structs: each byte,
// and texts in which JSON and browsers see something else.
func TestNewDraft_WritesWhatAnEncoderWould(t *testing.T) {
	texts := []string{"", "弹幕 🎉", "\u2028\u2029\ufeff", "</script>&", "\xc3(", "a\xff", "\xed\xa0\x80", strings.Repeat("x", 600), strings.Repeat("弹\n", 300)}
	for c := range 256 {
		texts = append(texts, string([]byte{'a', byte(c), 'b'}), string(rune(c)))
	}
	for _, text := range texts {
		want, err := encoder.Encode(struct {
			GroupID string `json:"groupId"`
			UserID  string `json:"userId"`
			Info    string `json:"info"`
			X       any    `json:"x,omitempty"`
		}{text, "u" + text, text + "!", nil}, encoder.ValidateString)
		if err != nil {
			t.Fatal(err)
		}
		if got := codec.NewDraft(text, "u"+text, text+"!", 5).Head; got != string(want[:len(want)-1])+`,"ts":` {
			t.Errorf("the head of %q is %s; want %s", text, got, want)
		}
		x, err := encoder.Encode(struct {
			Kind string          `json:"kind,omitempty"`
			ID   string          `json:"id,omitempty"`
			Ext  json.RawMessage `json:"ext,omitempty"`
			User json.RawMessage `json:"user,omitempty"`
		}{text, text, json.RawMessage(`{"n":[1]}`), json.RawMessage(`"x"`)}, encoder.ValidateString)
		if err != nil {
			t.Fatal(err)
		}
		op := codec.Op{Kind: text, ID: text, Body: text + "!", Ext: json.RawMessage(`{"n":[1]}`), User: json.RawMessage(`"x"`)}
		if got := codec.NewNativeDraft(text, "u"+text, &op, 5).Head; got != string(want[:len(want)-1])+`,"x":`+string(x)+`,"ts":` {
			t.Errorf("the head of a native %q is %s; want %s and %s", text, got, want, x)
		}
	}
}
