package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNamed_AllDecodeAndValidate(t *testing.T) {
	entries, err := files.ReadDir("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, e := range entries {
		there = append(there, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	if want := slices.Sorted(slices.Values(Names())); !slices.Equal(there, want) {
		t.Errorf("scenarios/ has %v; Names() has %v", there, want)
	}
	for _, name := range Names() {
		s, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		if s.Name != name || !strings.HasSuffix(s.Question, "?") {
			t.Errorf("scenario %s = %+v; want its name and a question", name, s)
		}
		text, err := Source(name)
		if err != nil || !strings.HasPrefix(string(text), "# ") {
			t.Errorf("Source(%q) = %q, %v; want a comment first", name, text, err)
		}
	}
}

func TestReadScenario_ReadsEachKindOfField(t *testing.T) {
	s, err := readText(t, "rate: 1.5\nviewers: 7\nduration: 1m30s\nburst: {every: 2s, messages: 3, over: 500ms}\ndeflate: true\nenv: [BARRAGE_X=1]\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "own" || s.Rate != 1.5 || s.Viewers != 7 || !s.Deflate || time.Duration(s.Duration) != 90*time.Second ||
		s.Burst != (Burst{Duration(2 * time.Second), 3, Duration(500 * time.Millisecond)}) || !slices.Equal(s.Env, []string{"BARRAGE_X=1"}) {
		t.Errorf("ReadScenario = %+v", s)
	}
}

func TestReadScenario_BadFilesSayWhy(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := readText(t, text); err == nil || err.Error() != want {
			t.Errorf("ReadScenario of %q = %v; want %s", text, err, want)
		}
	}
	f("", `cannot read scenario "own": it is empty`)
	f("viewers: 1\nviewer: 2\n", `cannot read scenario "own": line 2: unknown field "viewer"`)
	f("slow:\n  part: 1\n", `cannot read scenario "own": line 2: unknown field "part"`)
	f("viewers: many\n", "cannot read scenario \"own\": line 1: cannot unmarshal !!str `many` into int")
	f("viewers: 1\nwarmup: 5\n", `cannot read scenario "own": line 2: "5" is no duration such as "1m30s"`)
	f("viewers: 1\n---\nviewers: 2\n", `cannot read scenario "own": a file holds one`)
	f("viewers: [\n", `cannot read scenario "own": yaml: line 1: did not find expected node content`)
}

func TestNamed_UnknownListsThoseThereAre(t *testing.T) {
	const want = `cannot find scenario "strom": there are idle, quiet, storm, rooms, join, reconnect, slow, gift, nodes, soak; a file of your own goes with "run"`
	if _, err := Named("strom"); err == nil || err.Error() != want {
		t.Errorf("Named = %v; want %s", err, want)
	}
}

// readText reads a scenario from a file own.yaml.
func readText(t *testing.T, text string) (Scenario, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadScenario(file)
}
