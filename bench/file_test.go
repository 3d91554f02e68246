package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestJSON_ThereAndBack(t *testing.T) {
	storm, err := Named("storm")
	if err != nil {
		t.Fatal(err)
	}
	want := []Result{{Version: 1, Peer: "barrage", Scenario: storm, Partial: "cut", Series: []Point{{At: 1, Phase: "measure"}}}}
	var b bytes.Buffer
	if err := WriteJSON(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := readJSON(t, b.String())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ReadJSON = %+v, %v; want %+v", got, err, want)
	}
}

func TestReadJSON_Bad(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := readJSON(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadJSON of %q = %v; want %s", text, err, want)
		}
	}
	f("", "results.json: line 1: unexpected end of JSON input")
	f("{\n\n\"version\":x}", "results.json: line 3: invalid character 'x'")
	f("{\"version\":1,\n\"results\":[{\"seconds\":\"long\"}]}", "results.json: line 2: json: cannot unmarshal string")
	f(`{}`, `it has no version, so "barrage bench --json" did not write it`)
	f(`{"version":2}`, "it has version 2, and this program reads 1")
	f(`{"version":1}`, "there are none in it")
}

func readJSON(t *testing.T, text string) ([]Result, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "results.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadJSON(name)
}
