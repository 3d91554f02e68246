package contract

import (
	"os/exec"
	"strings"
	"testing"

	"barrage/internal/built"
)

// Contract section 6.

func TestSettings_DefaultsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(program, "config", "print")
	cmd.Dir = t.TempDir()
	cmd.Env = built.Environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("config print: %v\n%s", err, out)
	}
	values := map[string]string{} // by key
	section := ""
	for line := range strings.Lines(string(out)) {
		line, _, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " #")
		key, value, _ := strings.Cut(line, ":")
		if !strings.HasPrefix(key, " ") {
			section = key
			continue
		}
		values[section+"."+strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	for key, want := range map[string]string{
		"server.listen":        `":9000"`,
		"auth.mode":            `["any"]`,
		"room.auto_join":       "true",
		"history.ttl":          "168h",
		"history.on_join":      "50",
		"history.recall_limit": "2m",
		"list.update_interval": "1s",
	} {
		if values[key] != want {
			t.Errorf("default of %s = %q; want %s", key, values[key], want)
		}
	}
}

func TestSettings_NoTestPageLeavesTheOthers(t *testing.T) {
	t.Parallel()
	n := startNode(t, "server.test_page=none")
	for path, want := range map[string]int{"/test/websocket": 404, "/test/websocket/": 404, "/": 200} {
		if got := get(t, "http://"+n.addr+path); got.status != want {
			t.Errorf("GET %s = %d; want %d", path, got.status, want)
		}
	}
}
