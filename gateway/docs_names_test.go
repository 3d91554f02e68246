package gateway

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// This file holds the names that documents have in backticks against the repository. The form of a name says of what
// kind it is. A plain word (`take`) is of none, but in ARCHITECTURE's walks, where a row names the file that has it.

// elsewhere are names that look like ours, and belong to other programs or other machines.
var elsewhere = map[string]bool{
	// FastIM's settings where they stand without their section
	"loginAuth": true, "autoJoin": true, "listNum": true, "recallTimeLimit": true, "server.port": true,
	// the protocol, and fields of its frames
	"barrage.v1": true, "limits.max_body_bytes": true, "limits.max_frame_bytes": true, "limits.rate_per_second": true,
	"modes.cleared": true, "reply.id": true,
	// words of RFC 7692, Redis, Prometheus, cAdvisor, Kubernetes and the kernel, and of a library that was not taken
	"client_max_window_bits": true, "server_max_window_bits": true, "scrape_native_histograms": true, "localhostProfile": true,
	"latest_fork_usec": true, "container_cpu_cfs_throttled_periods_total": true, "io_uring_disabled": true,
	"io_uring_register": true, "IsMatch": true,
	// products of make, files of a reader, and a type of MIME
	"bin/": true, "bin/barrage": true, "seccomp/": true, "chat.html": true, "application/json": true,
}

var (
	// compound is a word with a capital or a line in it, which no word of English has.
	compound = regexp.MustCompile(`\b[A-Za-z][a-z0-9]+(?:[A-Z_][A-Za-z0-9]+)+\b`)
	plain    = regexp.MustCompile(`^[A-Za-z]+$`)
	testName = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w+`)
	// chosen is what a command has go test run, and tested the packages with it.
	chosen = regexp.MustCompile(`-(?:run|bench) (?:'([^']*)'|(\S+))`)
	tested = regexp.MustCompile(`(?:^| )\./(\S+?)(/\.\.\.)?(?: |$)`)
	// walk is a row of ARCHITECTURE's walks: a file, and what happens there.
	walk = regexp.MustCompile("(?m)^\\| `([a-z0-9/_]+\\.go)` \\| (.*) \\|$")
)

// tree is what a document may name.
type tree struct {
	paths    map[string]bool     // files and folders from the root, and each end of one: "queue.go" of "room/queue.go"
	declared map[string][]string // by file, each name in three ways: "Post", "Room.Post", "room.Room.Post"
	names    map[string]bool     // the same of all files
	words    map[string]bool     // of code and of its strings; of comments in other languages than Go; tests' functions
	tests    map[string][]string // by folder; benchmarks and fuzz targets, too
	settings map[string]map[string]any
	metrics  map[string]bool
	targets  map[string]bool // of make
}

// repository is this one.
var repository = sync.OnceValues(func() (tree, error) {
	all := tree{
		paths: map[string]bool{}, declared: map[string][]string{}, names: map[string]bool{}, words: map[string]bool{},
		tests: map[string][]string{}, metrics: map[string]bool{}, targets: map[string]bool{},
	}
	err := fs.WalkDir(os.DirFS(".."), ".", func(file string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil || file == ".":
			return err
		case entry.IsDir() && (name == "node_modules" || name == "bin" || name[0] == '.' && name != ".ci"):
			return fs.SkipDir
		}
		for end, more := file, true; more; _, end, more = strings.Cut(end, "/") {
			all.paths[end] = true
		}
		switch path.Ext(file) {
		case ".go":
			if strings.HasSuffix(file, "_test.go") {
				return all.readTests(file)
			}
			return all.readGo(file)
		case ".lua", ".ts", ".cts", ".mjs", ".css", ".yaml", ".yml", ".tpl", ".service", ".conf", ".cfg", ".sh", ".py":
			text, err := os.ReadFile("../" + file)
			all.say(string(text))
			return err
		}
		return nil
	})
	config, failed := os.ReadFile("../config.yaml")
	err = cmp.Or(err, failed, yaml.Unmarshal(config, &all.settings))
	metrics, failed := os.ReadFile("../docs/metrics.md") // deploy's tests hold it against a node
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)`").FindAllStringSubmatch(string(metrics), -1) {
		all.metrics[row[1]] = true
	}
	makefile, none := os.ReadFile("../Makefile")
	for _, rule := range regexp.MustCompile(`(?m)^([a-z ]+):`).FindAllStringSubmatch(string(makefile), -1) {
		for target := range strings.FieldsSeq(rule[1]) {
			all.targets[target] = true
		}
	}
	return all, cmp.Or(err, failed, none)
})

// say notes the words of a text.
func (all *tree) say(text string) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		all.words[word] = true
	}
}

// readTests notes the functions of a file of tests.
func (all *tree) readTests(file string) error {
	text, err := os.ReadFile("../" + file)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "func "); ok {
			all.say(rest)
			if name, _, _ := strings.Cut(rest, "("); testName.MatchString(name) {
				all.tests[path.Dir(file)] = append(all.tests[path.Dir(file)], name)
			}
		}
	}
	return err
}

// readGo notes what a file in Go declares and says.
func (all *tree) readGo(file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), "../"+file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	declare := func(names ...string) {
		for i := range names {
			name := strings.Join(names[i:], ".")
			all.declared[file] = append(all.declared[file], name)
			all.names[name] = true
		}
	}
	pkg := parsed.Name.Name
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			name := n.Name.Name
			if n.Recv != nil {
				of, _, _ := strings.Cut(strings.TrimPrefix(types.ExprString(n.Recv.List[0].Type), "*"), "[")
				declare(pkg, of, name)
				break
			}
			declare(pkg, name)
		case *ast.TypeSpec:
			declare(pkg, n.Name.Name)
			var members *ast.FieldList
			switch body := n.Type.(type) {
			case *ast.StructType:
				members = body.Fields
			case *ast.InterfaceType:
				members = body.Methods
			default:
				return true
			}
			for _, m := range members.List {
				for _, name := range m.Names {
					declare(pkg, n.Name.Name, name.Name)
				}
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				declare(pkg, name.Name)
			}
		case *ast.Ident:
			all.words[n.Name] = true
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil {
				all.words[text] = true
				all.say(text)
			}
		}
		return true
	})
	return nil
}

// has is whether there is a file or a folder, or one at least if the name has stars.
func (all *tree) has(name string) bool {
	name = strings.TrimSuffix(name, "/")
	if !strings.Contains(name, "*") {
		return all.paths[name]
	}
	for file := range all.paths {
		if ok, _ := path.Match(name, file); ok {
			return true
		}
	}
	return false
}

// runs is whether a command finds a test for each name that it gives go test.
func (all *tree) runs(command string) bool {
	in := tested.FindStringSubmatch(command)
	if in == nil {
		return false
	}
	var tests []string
	for folder, names := range all.tests {
		if folder == in[1] || in[2] != "" && strings.HasPrefix(folder, in[1]+"/") {
			tests = append(tests, names...)
		}
	}
	for _, m := range chosen.FindAllStringSubmatch(command, -1) {
		for part := range strings.SplitSeq(m[1]+m[2], "|") {
			name, err := regexp.Compile(part)
			if err != nil || part != "^$" && !slices.ContainsFunc(tests, name.MatchString) {
				return false
			}
		}
	}
	return true
}

// kind is what a name may be. Commands stand in blocks of code as well as in backticks.
type kind struct {
	what    string
	command bool
	form    *regexp.Regexp
	is      func(m []string) bool
}

// kinds are in order: the first one with a form that fits has the name.
func (all *tree) kinds() []kind {
	in := func(known map[string]bool, group int) func([]string) bool {
		return func(m []string) bool { return known[m[group]] }
	}
	tests := map[string]bool{}
	for _, names := range all.tests {
		for _, name := range names {
			tests[name] = true
		}
	}
	sections := strings.Join(slices.Collect(maps.Keys(all.settings)), "|")
	return []kind{
		{"test to run", true, regexp.MustCompile(`^(?:go test .*)?-(?:run|bench) .*`), func(m []string) bool { return all.runs(m[0]) }},
		{"target of make", true, regexp.MustCompile(`^make ([a-z]+).*`), in(all.targets, 1)},
		{"variable", true, regexp.MustCompile(`\bBARRAGE_(([A-Z]+)_([A-Z0-9_]+))`), func(m []string) bool {
			_, key := all.settings[strings.ToLower(m[2])][strings.ToLower(m[3])]
			return key || all.words[m[1]] // internal/env adds the prefix
		}},
		{"metric", false, regexp.MustCompile(`\bbarrage_\w+`), in(all.metrics, 0)},
		{"test", false, testName, in(tests, 0)},
		{"file", false, regexp.MustCompile(`^[\w.*/-]+\.(?:go|ts|mjs|lua|yaml|md|txt|html|json)$`), func(m []string) bool { return m[0][0] == '/' || all.has(m[0]) }},
		{"folder", false, regexp.MustCompile(`^\.?[a-z][\w-]*/(?:[a-z][\w-]*/?)*$`), func(m []string) bool { return all.has(m[0]) }},
		{"setting of FastIM", false, regexp.MustCompile(`\b(?:spring|im)\.[\w.]+`), func([]string) bool { return true }},
		{"setting", false, regexp.MustCompile(`\b(` + sections + `)\.([a-z][a-z0-9_]*)\b`), func(m []string) bool {
			_, key := all.settings[m[1]][m[2]]
			return key
		}},
		{"name in Go", false, regexp.MustCompile(`^(?:[A-Za-z]+\.[A-Za-z0-9]+|[a-z]+\.[A-Z]\w*\.[A-Z]\w*)$`), in(all.names, 0)},
		{"word of the code", false, compound, in(all.words, 0)},
	}
}

// unknown are the names of a document that nothing has, each with its kind; count is how many names it has.
func (all *tree) unknown(text string) (unknown []string, count int) {
	kinds := all.kinds()
	read := func(code string, inBlock bool) {
		for _, k := range kinds {
			if inBlock && !k.command {
				continue
			}
			code = k.form.ReplaceAllStringFunc(code, func(name string) string {
				count++
				if !elsewhere[name] && !k.is(k.form.FindStringSubmatch(name)) {
					unknown = append(unknown, k.what+": "+name)
				}
				return "" // no kind after this one has it
			})
		}
	}
	for _, code := range block.FindAllString(text, -1) {
		for line := range strings.Lines(code) {
			read(strings.TrimSpace(line), true)
		}
	}
	text = fenced.ReplaceAllString(text, "")
	for _, span := range quoted.FindAllStringSubmatch(text, -1) {
		read(strings.Join(strings.Fields(span[1]), " "), false)
	}
	for _, row := range walk.FindAllStringSubmatch(text, -1) {
		var here []string
		for _, span := range quoted.FindAllStringSubmatch(row[0], -1) {
			for file, names := range all.declared {
				if file == span[1] || strings.HasSuffix(file, "/"+span[1]) {
					here = append(here, names...)
				}
			}
		}
		for _, span := range quoted.FindAllStringSubmatch(row[2], -1) {
			if plain.MatchString(span[1]) && !slices.Contains(here, span[1]) {
				unknown = append(unknown, "name in "+row[1]+": "+span[1])
			}
		}
	}
	return unknown, count
}

// TestDocs_NamesExist: each name that a document has in backticks exists. The READMEs of web name things in TypeScript,
// whose declarations nothing here reads.
func TestDocs_NamesExist(t *testing.T) {
	all, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	files, count := []string{"v1/openapi.yaml", "admin/openapi.yaml"}, 0
	for _, glob := range []string{"../*.md", "../docs/*.md", "../kit/*.md"} {
		found, _ := filepath.Glob(glob)
		files = append(files, found...)
	}
	for _, file := range files {
		if file == "../CHANGELOG.md" { // it names what there was
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		unknown, names := all.unknown(string(text))
		for _, name := range unknown {
			t.Errorf("%s names what is not there: %s", file, name)
		}
		count += names
	}
	if count < 1000 {
		t.Errorf("only %d names were found", count)
	}
}

// TestDocs_FalseNamesAreFound: a name that nothing has is found, whatever its kind.
func TestDocs_FalseNamesAreFound(t *testing.T) {
	all, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"`go test -run Wished ./room`":                     "test to run: go test -run Wished ./room",
		"    go test -bench 'Lane|Wished' ./room":          "test to run: go test -bench 'Lane|Wished' ./room",
		"`go test -run TestModel ./nowhere/...`":           "test to run: go test -run TestModel ./nowhere/...",
		"    make coffee   # please":                       "target of make: make coffee   # please",
		"`BARRAGE_ROOM_COLOUR=red`":                        "variable: BARRAGE_ROOM_COLOUR",
		"`barrage_wishes_total{reason}`":                   "metric: barrage_wishes_total",
		"`TestModel_Wished`":                               "test: TestModel_Wished",
		"`room/stack.go`":                                  "file: room/stack.go",
		"`room/stack_*.go`":                                "file: room/stack_*.go",
		"`gateway/nowhere`":                                "folder: gateway/nowhere",
		"`room.colour: red`":                               "setting: room.colour",
		"`Room.Wish`":                                      "name in Go: Room.Wish",
		"`lane.wish`":                                      "name in Go: lane.wish",
		"`edge.Session.Wish`":                              "name in Go: edge.Session.Wish",
		"`wishLocked` wishes":                              "word of the code: wishLocked",
		"`{\"wish_ms\":7}`":                                "word of the code: wish_ms",
		"| `room/outbox.go` | `cut` cuts, `wish` wishes |": "name in room/outbox.go: wish",
	} {
		if got, _ := all.unknown(text); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
}
