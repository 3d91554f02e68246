package edge

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"barrage/gateway/filter"
)

// wordsFile is a file with the lines of a list.
func wordsFile(t *testing.T, lines ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newTestWords(t *testing.T, cfg FilterConfig) *Words {
	t.Helper()
	return newWords(&cfg, nil, time.Now, slog.New(slog.DiscardHandler))
}

// Files make the filter, each term with its own action or that of the section.
func TestWords_Files(t *testing.T) {
	one, other := wordsFile(t, "# A comment.", "darn", "heck =flag"), wordsFile(t, "gosh")
	w := newTestWords(t, FilterConfig{Files: []string{one, other}, Action: "mask"})
	if err := w.load(); err != nil {
		t.Fatal(err)
	}
	f := w.filter.Load()
	for text, want := range map[string]filter.Action{"darn": filter.Mask, "heck": filter.Flag, "gosh": filter.Mask, "fine": filter.None} {
		if got := f.Check(text).Action; got != want {
			t.Errorf("%q is %v; want %v", text, got, want)
		}
	}
	if hits := f.Explain("heck"); len(hits) != 1 || hits[0].List != one || hits[0].Line != 3 {
		t.Errorf("heck is found at %+v; want line 3 of %s", hits, one)
	}
}

// Without lists there is no filter at all.
func TestWords_NoFiles(t *testing.T) {
	w := newTestWords(t, defaultFilter())
	if err := w.load(); err != nil || w.filter.Load() != nil {
		t.Errorf("without files: %v, filter %v; want neither", err, w.filter.Load())
	}
}

// What is wrong with a file is named with file and line, and leaves no filter.
func TestWords_BadFiles(t *testing.T) {
	bad, large := wordsFile(t, "darn", "heck =explode", "!re:gosh"), wordsFile(t, strings.Repeat("# long\n", filter.MaxBytes/7+1))
	for _, c := range []struct {
		file string
		want []string
	}{
		{bad, []string{"cannot use filter.files: ", bad + ":2: ", `"explode"`, bad + ":3: "}},
		{large, []string{"cannot read filter.files: " + large + " has more than 8388608 bytes"}},
		{filepath.Join(t.TempDir(), "none.txt"), []string{"cannot read filter.files: ", "none.txt"}},
		{t.TempDir(), []string{"cannot read filter.files: ", "is a directory"}},
	} {
		w := newTestWords(t, FilterConfig{Files: []string{c.file}, Action: "block"})
		err := w.load()
		if err == nil || w.filter.Load() != nil {
			t.Errorf("%s: %v, filter %v; want an error and no filter", c.file, err, w.filter.Load())
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q in it", c.file, err, want)
			}
		}
	}
}
