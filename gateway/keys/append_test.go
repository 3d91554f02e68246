package keys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"barrage/gateway/keys"
)

func TestAppend_LeavesTheRestAsItIs(t *testing.T) {
	const first = "name: first\n  sha256: a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n  can: [ops]\n"
	for _, c := range []struct{ name, old, want string }{ // want is what comes before the entry
		{"empty", "", ""},
		{"a comment", "# keys\n", "# keys\n"},
		{"one", "# keys\n- " + first, "# keys\n- " + first},
		{"no line break at the end", "- " + strings.TrimSuffix(first, "\n"), "- " + first},
		{"indented", "  - " + strings.ReplaceAll(first, "\n  ", "\n    "), "  - " + strings.ReplaceAll(first, "\n  ", "\n    ") + "  "},
		{"a comment behind", "- " + first + "# end", "- " + first + "# end\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t, c.old)
			text, entry, err := keys.New("new", keys.Ops|keys.Rooms, "live-*")
			if err != nil {
				t.Fatal(err)
			}
			if err := keys.Append(path, entry); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(content), c.want+"- name: \"new\"\n") {
				t.Errorf("the file is\n%s\nwant before the entry\n%s", content, c.want)
			}
			k, _, err := keys.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			key, ok := k.Find(text)
			if !ok || key.Name != "new" || key.Can != keys.Ops|keys.Rooms || key.Rooms != "live-*" {
				t.Errorf("the key is %+v, %v", key, ok)
			}
		})
	}
}

func TestAppend_MakesAFileForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	_, entry, err := keys.New("a", keys.Ops, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Append(path, entry); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if _, warning, err := keys.Load(path); err != nil || warning != "" {
		t.Error(warning, err)
	}
}

func TestAppend_DoesNotTouchAFileThatWouldBeBad(t *testing.T) {
	_, entry, err := keys.New("a", keys.Ops, "")
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := keys.New("a", keys.Ops, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, want string }{
		{"the name is there", other.String(), `name "a" is that of line 1, too`},
		{"brackets", "[]\n", "its list is written with brackets"},
		{"null", "null\n", "yaml: "},
		{"bad before", "- name: x\n", "entry 1 (line 1): sha256 is missing"},
		{"no list", "a: b\n", "want a list of keys"},
	} {
		path := file(t, c.old)
		err := keys.Append(path, entry)
		if err == nil || !strings.HasPrefix(err.Error(), `cannot add key "a" to `+path+": ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != c.old {
			t.Errorf("%s: the file is now %q, %v", c.name, content, err)
		}
	}
	if err := keys.Append(filepath.Join(t.TempDir(), "none", "keys.yaml"), entry); err == nil || !strings.Contains(err.Error(), "open: no such file") {
		t.Errorf("in a directory that is not there: %v", err)
	}
}
