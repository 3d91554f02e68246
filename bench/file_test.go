package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestJSON_ComesBackAsItWasWritten(t *testing.T) {
	storm, err := Named("storm")
	if err != nil {
		t.Fatal(err)
	}
	want := []Result{{Version: 1, Peer: "barrage", Scenario: storm, Partial: "cut", Series: []Point{{At: 1, Phase: "measure"}}}}
	var b bytes.Buffer
	if err := WriteJSON(&b, want, nil); err != nil {
		t.Fatal(err)
	}
	got, err := readJSON(t, b.String())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ReadJSON = %+v, %v; want %+v", got, err, want)
	}
}

// TestWriteJSON_FindGoesWithItsSteps: the result of a search goes with its steps.
func TestWriteJSON_FindGoesWithItsSteps(t *testing.T) {
	h := Hunt{Vary: "rate", P99: 300 * time.Millisecond, Loss: 0.01}
	find := h.Find([]Step{
		{Level: 100}, {Level: 400, Broke: "p99 is 1s, above 300ms", Limit: "server"}, {Level: 200}, {Level: 300, Broke: "3 of 9 copies were lost", Limit: "client"},
	})
	var b bytes.Buffer
	if err := WriteJSON(&b, []Result{{Version: 1}}, &find); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"find":{"vary":"rate","p99_ms":300,"loss":0.01,"good":200,"broken":300,"limit":"client","why":"3 of 9 copies were lost"},"results":[`
	if !strings.HasPrefix(got.String(), want) {
		t.Errorf("WriteJSON = %.300s; want %s", &got, want)
	}
	if results, err := readJSON(t, b.String()); err != nil || len(results) != 1 {
		t.Errorf("ReadJSON = %v, %v; want the one result", results, err)
	}
	if got, want := h.Find([]Step{{Level: 5}}), (Find{Vary: "rate", P99: 300, Loss: 0.01, Good: 5}); got != want {
		t.Errorf("Find = %+v; want %+v", got, want)
	}
}

// TestReadJSON_TakesFilesOfOlderPrograms: files of older programs have no target and no search.
func TestReadJSON_TakesFilesOfOlderPrograms(t *testing.T) {
	got, err := readJSON(t, `{"version":1,"results":[{"version":1,"peer":"barrage","messages":{"sent":7}}]}`)
	if want := []Result{{Version: 1, Peer: "barrage", Messages: Messages{Sent: 7}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ReadJSON = %+v, %v; want %+v", got, err, want)
	}
}

func TestReadJSON_BadFilesSayWhy(t *testing.T) {
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
