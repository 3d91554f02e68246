package gateway

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fenced is a block of code in Markdown, and link a link to a file, a heading, or both. The expression heading is what
// the latter leads to, and unsaid are the characters that an anchor leaves out.
var (
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unsaid  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestDocs_LinksResolve: each link of a document to another place in this repository leads there, and the index of
// docs has each document.
func TestDocs_LinksResolve(t *testing.T) {
	found := 0
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || len(entry.Name()) > 2 && entry.Name()[0] == '.'):
			return fs.SkipDir
		case filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, match := range link.FindAllStringSubmatch(string(fenced.ReplaceAll(text, nil)), -1) {
			path, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(path, ":") { // another site's
				continue
			}
			found++
			to := file
			if path != "" {
				to = filepath.Join(filepath.Dir(file), path)
			}
			target, err := os.ReadFile(to)
			if info, gone := os.Stat(to); gone != nil || err != nil && !info.IsDir() {
				t.Errorf("%s links to %s: there is no such file", file, match[1])
			} else if anchor != "" && !anchors(target)[anchor] {
				t.Errorf("%s links to %s: there is no such heading", file, match[1])
			}
		}
		return nil
	})
	if err != nil || found < 100 {
		t.Errorf("%d links were found, %v", found, err)
	}
	index, err := os.ReadFile("../docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	all, _ := filepath.Glob("../docs/*.md")
	for _, file := range all {
		if name := filepath.Base(file); name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

// block is a block of code in Markdown, fenced or indented; remark is a comment in one.
var (
	block  = regexp.MustCompile("(?ms)^```.*?^```$|^    [^\n]*(?:\n+    [^\n]*)*")
	remark = regexp.MustCompile(`(?m)(?:^|[ \t]+)(?://|#) .*$`)
)

// TestDocs_ChineseHasTheSameCode: a document in Chinese has the blocks of code of the English one, in its order; only
// their comments are translated.
func TestDocs_ChineseHasTheSameCode(t *testing.T) {
	docs, err := filepath.Glob("../docs/*.zh.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("docs: %q, %v", docs, err)
	}
	blocks := func(file string) []string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all := block.FindAllString(string(text), -1)
		for i, code := range all {
			all[i] = remark.ReplaceAllString(code, "")
		}
		return all
	}
	for _, file := range append(docs, "../README.zh.md") {
		original := strings.TrimSuffix(file, ".zh.md") + ".md"
		want, got := blocks(original), blocks(file)
		if len(want) == 0 || len(got) != len(want) {
			t.Errorf("%s has %d blocks of code, %s has %d", file, len(got), original, len(want))
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("block %d of %s is\n%s\nin %s it is\n%s", i+1, file, got[i], original, want[i])
			}
		}
	}
}

// anchors are those of a document's headings, as GitHub makes them.
func anchors(text []byte) map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllSubmatch(fenced.ReplaceAll(text, nil), -1) {
		all[strings.ReplaceAll(unsaid.ReplaceAllString(strings.ToLower(string(h[1])), ""), " ", "-")] = true
	}
	return all
}
