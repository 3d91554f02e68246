package edge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"barrage/codec"
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

// newTestWords are those of a section, with why they cannot be.
func newTestWords(t *testing.T, cfg FilterConfig) (*Words, error) {
	t.Helper()
	w := newWords(nil, time.Now, slog.New(slog.DiscardHandler))
	return w, w.Reload(cfg)
}

// Files make the filter, each term with its own action or that of the section.
func TestWords_FilesGiveTermsTheirActions(t *testing.T) {
	one, other := wordsFile(t, "# A comment.", "darn", "heck =flag"), wordsFile(t, "gosh")
	w, err := newTestWords(t, FilterConfig{Files: []string{one, other}, Action: "mask"})
	if err != nil {
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
func TestWords_NoFilesMakeNoFilter(t *testing.T) {
	if w, err := newTestWords(t, defaultFilter()); err != nil || w.filter.Load() != nil {
		t.Errorf("without files: %v, filter %v; want neither", err, w.filter.Load())
	}
}

// An error in a file is named with file and line, and leaves no filter.
func TestWords_BadFilesAreNamedWithTheirLine(t *testing.T) {
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
		w, err := newTestWords(t, FilterConfig{Files: []string{c.file}, Action: "block"})
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

// Files are read anew: a reload of no use leaves all as it is, also the files that were good.
func TestWords_ReloadOfNoUseChangesNothing(t *testing.T) {
	path := wordsFile(t, "darn")
	cfg := FilterConfig{Files: []string{path}, Action: "block"}
	w, err := newTestWords(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(text string, want filter.Action) {
		t.Helper()
		if got := w.filter.Load().Check(text).Action; got != want {
			t.Errorf("%q is %v; want %v", text, got, want)
		}
	}
	write("heck\ngosh =explode\n")
	if err := w.Reload(cfg); err == nil || !strings.Contains(err.Error(), "gosh") && !strings.Contains(err.Error(), "explode") {
		t.Errorf("Reload of a line that is no term = %v", err)
	}
	want("darn", filter.Block)
	want("heck", filter.None)

	// The store's lists stay beside those of files.
	w.stored = map[string]storedList{"more": {List: List{Name: "more", Text: "drat", Stored: true}}}
	write("heck\n")
	cfg.Action = "mask"
	if err := w.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	want("darn", filter.None)
	want("heck", filter.Mask)
	want("drat", filter.Mask)
	before := w.filter.Load()
	if err := w.Reload(cfg); err != nil || w.filter.Load() != before {
		t.Errorf("the same again: %v, and another filter; want the one there is", err)
	}
}

// BenchmarkWords_Check is what 10,000 terms cost a message, none of which is in it. The message is without an ext, with
// one, and with the dearest ones. Beside them is the body that is as long as those.
func BenchmarkWords_Check(b *testing.B) {
	var list strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&list, "term%05d\n", i)
	}
	regexps := list.String()
	for i := range filter.MaxRegexps {
		regexps += fmt.Sprintf("re:[a-f]\\d.{%d}\n", i%4+1)
	}
	const body = "well said, well said, well said, well said, well said, well."
	answer := `{"reply":{"user_id":"3","id":"c-1","name":"Ann","body":"` + body + `"},"mentions":["3"]}`
	for _, c := range []struct{ name, list, body, ext string }{
		{"no filter", "", body, answer},
		{"no ext", list.String(), body, ""},
		{"an answer", list.String(), body, answer},
		{"a text of 4 KiB", list.String(), body, `"` + strings.Repeat("a ", codec.MaxExt/2-1) + `"`},
		{"texts of 1 byte", list.String(), body, `["a"` + strings.Repeat(`,"a"`, (codec.MaxExt-5)/4) + `]`},
		{"a body of 4 KiB", list.String(), strings.Repeat("a ", codec.MaxExt/2), ""},
		{"100 regexps/an answer", regexps, body, answer},
		{"100 regexps/texts of 1 byte", regexps, body, `["a"` + strings.Repeat(`,"a"`, (codec.MaxExt-5)/4) + `]`},
		{"100 regexps/a body of 4 KiB", regexps, strings.Repeat("a ", codec.MaxExt/2), ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			cfg := defaultFilter()
			if c.list != "" {
				path := filepath.Join(b.TempDir(), "words.txt")
				if err := os.WriteFile(path, []byte(c.list), 0o600); err != nil {
					b.Fatal(err)
				}
				cfg.Files = []string{path}
			}
			w := newWords(nil, time.Now, slog.New(slog.DiscardHandler))
			if err := w.Reload(cfg); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if action, _, _ := w.Check(nil, "u", nil, c.body, json.RawMessage(c.ext)); action != filter.None {
					b.Fatal(action)
				}
			}
		})
	}
}

// Tags of an ext are those of all its texts, each once and sorted, and the cost of a check grows with the ext alone.
// The texts of a hostile one, each with tags, took 8.9 MB and 18 ms.
func TestWords_TagsOfAnExtComeOnceAndSorted(t *testing.T) {
	w, err := newTestWords(t, FilterConfig{Files: []string{wordsFile(t, "darn =flag #mild #en", "b =flag #spam #en")}, Action: "block"})
	if err != nil {
		t.Fatal(err)
	}
	f := w.filter.Load()
	ext := json.RawMessage(`["b"` + strings.Repeat(`,"b"`, (codec.MaxExt-5)/4) + `]`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v, _ := checkExt(f, f.Check("darn"), ext)
	runtime.ReadMemStats(&after)
	if want := []string{"en", "mild", "spam"}; v.Action != filter.Flag || !slices.Equal(v.Tags, want) {
		t.Errorf("the action is %v with %v; want flag with %v", v.Action, v.Tags, want)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("an ext of %d bytes took %d bytes; want less than 1 MiB", len(ext), took)
	}
}
