package keys_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"barrage/gateway/keys"
)

// sums are SHA-256 of nothing in particular.
var sums = [...]string{strings.Repeat("a1", 32), strings.Repeat("B2", 32), strings.Repeat("03", 32)}

// file writes a file of keys, for its owner only.
func file(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// made is a file with one new key for each set of capabilities, and their texts.
func made(tb testing.TB, rooms string, all ...keys.Can) (k *keys.Keys, texts []string) {
	tb.Helper()
	var content strings.Builder
	for i, can := range all {
		text, entry, err := keys.New(fmt.Sprintf("key%d", i), can, rooms)
		if err != nil {
			tb.Fatal(err)
		}
		content.WriteString(entry.String())
		texts = append(texts, text)
	}
	k, warning, err := keys.Load(file(tb, content.String()))
	if err != nil || warning != "" {
		tb.Fatal(err, warning)
	}
	return k, texts
}

func TestLoad_SaysWhatIsWrongWhere(t *testing.T) {
	entry := func(name, sum, rest string) string {
		return fmt.Sprintf("- name: %s\n  sha256: %s\n  %s\n", name, sum, rest)
	}
	many := ""
	for i := range 1001 {
		many += entry(fmt.Sprintf("k%d", i), fmt.Sprintf("%064x", i), "can: [ops]")
	}
	for _, c := range []struct{ name, content, want string }{
		{"nothing", "", ""},
		{"comments only", "# no keys yet\n", ""},
		{"an empty list", "[]\n", ""},
		{"null", "~\n", ""},
		{"one", entry("ops", sums[0], "can: [ops]"), ""},
		{"all digits", entry("ops", sums[2], "can: [ops]"), ""},
		{"brackets", "[{name: a, sha256: " + sums[0] + ", can: [ops]}]", ""},
		{"all fields", entry("a.b-c_D", sums[0], "can: [publish, moderate, rooms, ops]\n  rooms: live-*"), ""},
		{"one room", entry("a", sums[0], "can: [publish]\n  rooms: live"), ""},
		{"no YAML", "- name: [", "yaml: line 1: did not find expected node content"},
		{"a mapping", "keys: []\n", `line 1: want a list of keys, each beginning with "- name:"`},
		{"a text", "hello", "want a list of keys"},
		{"two documents", entry("a", sums[0], "can: [ops]") + "---\n[]\n", "a second document begins in line 4"},
		{"an entry of text", "- ops\n", "entry 1 (line 1): want name, sha256 and can"},
		{"no name", "- sha256: " + sums[0] + "\n  can: [ops]\n", "entry 1 (line 1): name is missing"},
		{"a name with spaces", entry("my key", sums[0], "can: [ops]"), `name "my key" is not 1 to 64 letters`},
		{"a long name", entry(strings.Repeat("x", 65), sums[0], "can: [ops]"), "is not 1 to 64 letters"},
		{"a name that is a list", "- name: [a]\n", "entry 1 (line 1): name is not text"},
		{"a name without value", "- name:\n", "entry 1 (line 1): name has no value"},
		{"no hash", "- name: a\n  can: [ops]\n", "sha256 is missing"},
		{"a short hash", entry("a", sums[0][2:], "can: [ops]"), "sha256 has 62 characters, want 64 of 0-9 and a-f"},
		{"a hash that is no hex", entry("a", "g"+sums[0][1:], "can: [ops]"), "sha256 has 64 characters, want 64 of 0-9 and a-f"},
		{"a key as its hash", entry("a", "brg_"+strings.Repeat("x", 43), "can: [ops]"), "sha256 is a key itself"},
		{"no can", "- name: a\n  sha256: " + sums[0] + "\n", "can is missing: name some of publish, moderate, rooms, ops"},
		{"an empty can", entry("a", sums[0], "can: []"), "can is missing"},
		{"an unknown can", entry("a", sums[0], "can: [rooms, all]"), `can: "all" is none of publish, moderate, rooms, ops`},
		{"a can of text", entry("a", sums[0], "can: ops"), "can is no list, as [publish, rooms]"},
		{"a can of lists", entry("a", sums[0], "can: [[ops]]"), "can is no list"},
		{"a star inside", entry("a", sums[0], "can: [ops]\n  rooms: 'a*b'"), `rooms is "a*b": a * may only stand at its end, once`},
		{"two stars", entry("a", sums[0], "can: [ops]\n  rooms: 'a**'"), "a * may only stand at its end"},
		{"empty rooms", entry("a", sums[0], "can: [ops]\n  rooms: ''"), "rooms is empty: leave it out for all rooms"},
		{"long rooms", entry("a", sums[0], "can: [ops]\n  rooms: "+strings.Repeat("x", 130)), "rooms has 130 bytes, at most 129"},
		{"a misspelled field", entry("a", sums[0], "can: [ops]\n  room: live"), `"room" is unknown: an entry has name, sha256, can and rooms`},
		{"a field twice", entry("a", sums[0], "can: [ops]\n  name: b"), "name stands twice"},
		{"a name twice", entry("a", sums[0], "can: [ops]") + entry("a", sums[1], "can: [ops]"), `entry 2 (line 4): name "a" is that of line 1, too`},
		{
			"a key twice", entry("a", sums[1], "can: [ops]") + entry("b", strings.ToLower(sums[1]), "can: [ops]"),
			"entry 2 (line 4): sha256 is that of line 1, too: a key has one name",
		},
		{"two problems", "- name: a\n- name: b\n", "entry 1 (line 1): sha256 is missing\nentry 2 (line 2): sha256 is missing"},
		{"too many", many, "it has 1001 keys, at most 1000"},
		{"too large", strings.Repeat("#\n", 1<<19) + "#", "it has more than 1024 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t, c.content)
			k, _, err := keys.Load(path)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				if want := strings.Count(c.content, "sha256"); k.Len() != want {
					t.Errorf("%d keys; want %d", k.Len(), want)
				}
			case err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "cannot use the keys of "+path+": "):
				t.Errorf("Load = %v; want %q", err, c.want)
			}
		})
	}
	if _, _, err := keys.Load("none.yaml"); err == nil || err.Error() != "cannot use the keys of none.yaml: open: no such file or directory" {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, _, err := keys.Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
}

func TestLoad_WarnsOfFilesThatOthersSee(t *testing.T) {
	path := file(t, "")
	for _, c := range []struct {
		mode os.FileMode
		want string
	}{
		{0o600, ""},
		{0o400, ""},
		{0o640, ""},
		{0o644, "everybody on this machine may read " + path + " (mode 0644): chmod 600 it"},
		{0o620, "others on this machine may change " + path + " (mode 0620) and add keys of theirs: chmod 600 it"},
		{0o666, "others on this machine may change "},
	} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, warning, err := keys.Load(path)
		if err != nil || !strings.HasPrefix(warning, c.want) || c.want == "" && warning != "" {
			t.Errorf("mode %v: %q, %v; want %q", c.mode, warning, err, c.want)
		}
	}
}

func TestReload_KeepsTheKeysOfAGoodFile(t *testing.T) {
	text, entry, err := keys.New("a", keys.Ops, "")
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, entry.String())
	k, _, err := keys.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("- name: [")
	if _, err := k.Reload(); err == nil {
		t.Error("a file that is no YAML was loaded")
	}
	if _, ok := k.Find(text); !ok {
		t.Error("a bad file took the keys away")
	}
	write("[]")
	if _, err := k.Reload(); err != nil {
		t.Error(err)
	}
	if _, ok := k.Find(text); ok || k.Len() != 0 {
		t.Error("a key that was taken out of the file is good")
	}
}

func TestNew_KeysAreFoundByTheirTextOnly(t *testing.T) {
	k, texts := made(t, "live-*", keys.Publish|keys.Rooms, keys.Ops)
	for i, text := range texts {
		if key, ok := k.Find(text); !ok || key.Name != fmt.Sprintf("key%d", i) || key.Rooms != "live-*" || key.Line != 1+4*i {
			t.Errorf("key %d: %+v, %v", i, key, ok)
		}
		if len(text) != 47 || !strings.HasPrefix(text, "brg_") {
			t.Errorf("a key has %d characters", len(text))
		}
		for _, wrong := range []string{"", "brg_", text[:46], text + "x", text + " ", text[4:], strings.ToUpper(text), "brg_" + strings.Repeat("A", 43)} {
			if _, ok := k.Find(wrong); ok {
				t.Errorf("a wrong text is found, of %d characters", len(wrong))
			}
		}
	}
	if texts[0] == texts[1] {
		t.Error("two keys are the same")
	}
}

func TestNew_RefusesBadNamesAndRooms(t *testing.T) {
	for _, c := range []struct {
		name  string
		can   keys.Can
		rooms string
		want  string
	}{
		{"", keys.Ops, "", "cannot make a key: name is missing"},
		{"a b", keys.Ops, "", `cannot make a key: name "a b" is not 1 to 64 letters`},
		{"a", 0, "", "cannot make a key: can is missing"},
		{"a", keys.Ops, "*x", `rooms is "*x"`},
		{"a", keys.Ops, "\xff", "rooms is not UTF-8"},
	} {
		text, _, err := keys.New(c.name, c.can, c.rooms)
		if err == nil || !strings.Contains(err.Error(), c.want) || text != "" {
			t.Errorf("New(%q, %v, %q) = %v; want %q", c.name, c.can, c.rooms, err, c.want)
		}
	}
}

func TestMayRoom_GoesByNameOrBeginning(t *testing.T) {
	f := func(rooms, id string, want bool) {
		t.Helper()
		if got := (&keys.Key{Rooms: rooms}).MayRoom(id); got != want {
			t.Errorf("a key for %q may room %q: %v; want %v", rooms, id, got, want)
		}
	}
	f("", "live-1", true)
	f("*", "live-1", true)
	f("live-*", "live-1", true)
	f("live-*", "live-", true)
	f("live-*", "live", false)
	f("live-*", "Live-1", false)
	f("live", "live", true)
	f("live", "live-1", false)
}

func TestCan_NamesAreReadBack(t *testing.T) {
	all := keys.Publish | keys.Moderate | keys.Rooms | keys.Ops
	if got, err := keys.ParseCan(all.Names()); got != all || err != nil {
		t.Errorf("ParseCan(%v) = %v, %v", all.Names(), got, err)
	}
	if got := all.String(); got != "publish, moderate, rooms, ops" {
		t.Errorf("String = %q", got)
	}
	if got := keys.Can(0).Names(); got == nil || len(got) > 0 {
		t.Errorf("nothing has the names %v", got)
	}
}

func TestNeed_AnswersWhyAKeyMayNot(t *testing.T) {
	k, texts := made(t, "live-*", keys.Publish|keys.Rooms, keys.Ops)
	rooms, ops := texts[0], texts[1]
	mux := http.NewServeMux()
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(keys.From(r.Context()).Name)) })
	mux.Handle("PUT /rooms/{room}", k.Need(keys.Rooms, served))
	mux.Handle("POST /drain", k.Need(keys.Ops, served))
	mux.Handle("POST /both", k.Need(keys.Rooms|keys.Ops, served))
	for _, c := range []struct {
		name, request string
		headers       []string // values of Authorization
		status        int
		want          string // the body, or a part of the message
	}{
		{"good", "PUT /rooms/live-1", []string{"Bearer " + rooms}, 200, "key0"},
		{"the scheme in small letters", "PUT /rooms/live-1", []string{"bearer  " + rooms}, 200, "key0"},
		{"the other key", "POST /drain", []string{"Bearer " + ops}, 200, "key1"},
		{"no header", "PUT /rooms/live-1", nil, 401, "the key is missing or unknown"},
		{"an empty header", "PUT /rooms/live-1", []string{""}, 401, "missing or unknown"},
		{"no scheme", "PUT /rooms/live-1", []string{rooms}, 401, "missing or unknown"},
		{"basic", "PUT /rooms/live-1", []string{"Basic " + rooms}, 401, "missing or unknown"},
		{"an unknown key", "PUT /rooms/live-1", []string{"Bearer brg_" + strings.Repeat("A", 43)}, 401, "missing or unknown"},
		{"two headers", "PUT /rooms/live-1", []string{"Bearer " + rooms, "Bearer " + rooms}, 401, "missing or unknown"},
		{"in the query", "PUT /rooms/live-1?api_key=" + rooms + "&access_token=" + rooms, nil, 401, "missing or unknown"},
		{"not its work", "POST /drain", []string{"Bearer " + rooms}, 403, `key "key0" may not do this: it has publish, rooms, and this takes ops`},
		{"half of it", "POST /both", []string{"Bearer " + rooms}, 403, "this takes rooms, ops"},
		{"another room", "PUT /rooms/other", []string{"Bearer " + rooms}, 403, `key "key0" is for rooms "live-*", not for "other"`},
		{"a room beside the prefix", "PUT /rooms/live", []string{"Bearer " + rooms}, 403, "is for rooms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, target, _ := strings.Cut(c.request, " ")
			r := httptest.NewRequest(method, target, nil)
			r.Header["Authorization"] = c.headers
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(readable(t, w), c.want) {
				t.Errorf("%d %s; want %d, %q", w.Code, w.Body, c.status, c.want)
			}
			if got := w.Header().Get("WWW-Authenticate"); (w.Code == 401) != (got == "Bearer") {
				t.Errorf("status %d has WWW-Authenticate: %q", w.Code, got)
			}
			if body := w.Body.String(); slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(body, s[4:12]) }) {
				t.Errorf("the answer has a part of a key in it: %s", body)
			}
		})
	}
	if keys.From(t.Context()) != nil {
		t.Error("a request that was not checked has a key")
	}
}

// readable is the body of an answer, of a refusal its code and its message.
func readable(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code == http.StatusOK {
		return w.Body.String()
	}
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	want := map[int]string{401: "unauthenticated", 403: "forbidden"}[w.Code]
	if body.Error.Code != want || w.Header().Get("Content-Type") != "application/json; charset=utf-8" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("status %d has code %q and the headers %v; want %q", w.Code, body.Error.Code, w.Header(), want)
	}
	return body.Error.Message
}

func BenchmarkFind(b *testing.B) {
	k, texts := made(b, "", slices.Repeat([]keys.Can{keys.Ops}, 1000)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := k.Find(texts[0]); !ok {
			b.Fatal("not found")
		}
	}
}
