package gateway

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"
)

// fenced is a block of code in Markdown, where a dot calls something; dotted is a section
// and a key, and no file in a folder.
var (
	fenced = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	dotted = regexp.MustCompile(`(?:^|[^\w/])(([a-z]+)\.([a-z][a-z0-9_]*))\b`)
)

// elsewhere are names that look like settings: FastIM's, and fields of the welcome.
var elsewhere = map[string]bool{"server.port": true, "limits.max_body_bytes": true, "limits.max_frame_bytes": true, "limits.rate_per_second": true}

// TestDocs_EveryKeyIsInConfigYAML: a setting that a document names in backticks exists.
func TestDocs_EveryKeyIsInConfigYAML(t *testing.T) {
	var sections map[string]map[string]any
	if text, err := os.ReadFile("../config.yaml"); err != nil {
		t.Fatal(err)
	} else if err := yaml.Unmarshal(text, &sections); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("docs: %q, %v", files, err)
	}
	named := 0
	for _, file := range append(files, "../README.md", "../ARCHITECTURE.md", "v1/openapi.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, span := range quoted.FindAllSubmatch(fenced.ReplaceAll(text, nil), -1) {
			for _, word := range dotted.FindAllSubmatch(span[1], -1) {
				keys, known := sections[string(word[2])]
				if _, ok := keys[string(word[3])]; known && !ok && string(word[3]) != "go" && !elsewhere[string(word[1])] {
					t.Errorf("%s names %s; config.yaml has no such key", file, word[1])
				}
				named++
			}
		}
	}
	if named < 50 {
		t.Errorf("only %d words with a dot were found", named)
	}
}
