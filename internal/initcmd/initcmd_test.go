package initcmd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"barrage/internal/cli"
	"barrage/internal/config"
)

// run runs the command.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	text, err := os.ReadFile("../../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root := cli.Root(&cobra.Command{Use: "barrage"})
	root.AddCommand(New(text))
	var out, complaints bytes.Buffer
	code = cli.Run(root, append([]string{"init"}, args...), &out, &complaints)
	return code, out.String(), complaints.String()
}

// TestInit_FilesAreWhatTheirToolsTake: the configuration is the defaults, with each setting to be uncommented; files
// are what their tools take.
func TestInit_FilesAreWhatTheirToolsTake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my", "node")
	code, stdout, stderr := run(t, dir)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "wrote "+dir+"/config.yaml\n") || !strings.Contains(stdout, "barrage serve --config "+dir+"/config.yaml") {
		t.Fatalf("init: %d, %q, %q", code, stdout, stderr)
	}
	read := func(name string) []byte {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	cfg, sources, err := config.Load(filepath.Join(dir, ConfigFile), nil)
	if err != nil || len(sources) != 0 || !reflect.DeepEqual(cfg, config.Default()) {
		t.Errorf("the configuration: %v, %v; want the defaults, none of them given", err, sources)
	}
	whole := regexp.MustCompile(`(?m)^  #([a-z0-9_]+:)`).ReplaceAll(read(ConfigFile), []byte("  $1"))
	path := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, sources, err = config.Load(path, nil)
	if changed, _ := config.Changed(cfg, config.Default()); err != nil || len(sources) < 100 || len(changed) > 0 {
		t.Errorf("with each # taken away: %v, %d settings, other than by default %q; want all, with their defaults", err, len(sources), changed)
	}

	var compose struct {
		Services map[string]struct {
			Image, Build any
			Volumes      []string
		}
		Volumes map[string]any
	}
	err = yaml.Unmarshal(read("compose.yaml"), &compose)
	if node := compose.Services["barrage"]; err != nil || len(compose.Services) != 2 || len(compose.Volumes) != 1 ||
		node.Build != nil || node.Image != "barrage" || !slices.Equal(node.Volumes, []string{"./config.yaml:/etc/barrage/config.yaml:ro"}) {
		t.Errorf("compose.yaml: %v, %+v; want a node from its image, and Redis", err, compose)
	}
	unit := string(read("barrage.service"))
	if strings.Contains(unit, "/etc/barrage") || strings.Contains(unit, "/usr/share") || strings.Contains(unit, "\nUser=") {
		t.Errorf("the unit needs what a package brings:\n%s", unit)
	}
	if program, err := os.Executable(); err != nil || !strings.Contains(unit, "ExecStart="+program+" serve --config "+dir+"/config.yaml\n") {
		t.Errorf("the unit has another program or file:\n%s", unit)
	}
	if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
		if out, err := exec.Command(analyze, "verify", filepath.Join(dir, "barrage.service")).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze: %v\n%s", err, out)
		}
	}
}

// TestInit_OverwritesNothing: where one of the files is there, none is written.
func TestInit_OverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "compose.yaml")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, dir)
	if code != cli.ExitFailure || !strings.Contains(stderr, "cannot write "+mine+": it is there already") {
		t.Errorf("init: %d, %q; want that it is there", code, stderr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v; want what was there", entries, err)
	}
	if code, _, stderr := run(t, "a", "b"); code != cli.ExitUsage {
		t.Errorf("two folders: %d, %q", code, stderr)
	}
}
