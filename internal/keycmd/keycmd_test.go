package keycmd_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
	"barrage/internal/keycmd"
)

// run runs "barrage admin key" with arguments.
func run(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, complaints bytes.Buffer
	root := cli.Root(&cobra.Command{Use: "barrage"})
	admin := &cobra.Command{Use: "admin"}
	admin.AddCommand(keycmd.New())
	root.AddCommand(admin)
	root.SetIn(strings.NewReader(stdin))
	code = cli.Run(root, append([]string{"admin", "key"}, args...), &out, &complaints)
	return code, out.String(), complaints.String()
}

func TestNew_PrintsTheKeyAndTheEntry(t *testing.T) {
	code, stdout, stderr := run("", "new", "oncall", "--can", "rooms,ops", "--rooms", "live-*")
	key, entry, _ := strings.Cut(stdout, "\n\n")
	if code != 0 || !strings.HasPrefix(key, "brg_") || stderr != "This is the only time that the key is shown. Add the entry to the file that admin.keys_file names.\n" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = run(key+"\n", "check", "--file", path)
	if want := `oncall: may rooms, ops, in rooms "live-*" (` + path + ", line 1)\n"; code != 0 || stdout != want || stderr != "" {
		t.Errorf("the printed entry: exit code %d, %q, %q; want %q", code, stdout, stderr, want)
	}
}

func TestNew_AddsToAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	code, first, stderr := run("", "new", "shop", "--can", "publish", "--file", path)
	if want := "This is the only time that the key is shown. Its entry is in " + path + ".\n"; code != 0 || stderr != want {
		t.Fatalf("exit code %d, %q; want %q", code, stderr, want)
	}
	code, second, _ := run("", "new", "oncall", "--can", "ops", "--can", "rooms", "--file", path)
	if code != 0 || strings.Count(second, "\n") != 1 || first == second {
		t.Fatalf("exit code %d, %q; want a key alone", code, second)
	}
	for _, c := range []struct{ key, want string }{
		{first, "shop: may publish, in all rooms (" + path + ", line 1)\n"},
		{second, "oncall: may rooms, ops, in all rooms (" + path + ", line 4)\n"},
		{strings.TrimSpace(second), "oncall: may rooms, ops, in all rooms (" + path + ", line 4)\n"}, // without a line break
	} {
		if code, stdout, stderr := run(c.key, "check", "-", "--file", path); code != 0 || stdout != c.want || stderr != "" {
			t.Errorf("exit code %d, %q, %q; want %q", code, stdout, stderr, c.want)
		}
	}
	if content, err := os.ReadFile(path); err != nil || strings.Contains(string(content), "brg_") {
		t.Errorf("the file has a key in it: %s, %v", content, err)
	}
	code, stdout, stderr := run("", "new", "shop", "--can", "ops", "--file", path)
	if code != cli.ExitFailure || stdout != "" || !strings.Contains(stderr, `name "shop" is that of line 1, too`) {
		t.Errorf("a name twice: exit code %d, %q, %q", code, stdout, stderr)
	}
}

func TestCommands_RefusalsShowNoKey(t *testing.T) {
	dir := t.TempDir()
	good, open, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "open.yaml"), filepath.Join(dir, "bad.yaml")
	for path, content := range map[string]string{good: "", open: "[]", bad: "- ops"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	key := "brg_" + strings.Repeat("x", 43)
	for _, c := range []struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"", []string{"new"}, cli.ExitUsage, "want one name, and there are 0 (see barrage admin key new --help)"},
		{"", []string{"new", "a", "b", "--can", "ops"}, cli.ExitUsage, "want one name, and there are 2"},
		{"", []string{"new", "a"}, cli.ExitUsage, "--can is missing, as in --can rooms,ops"},
		{"", []string{"new", "a", "--can", "all"}, cli.ExitUsage, `--can: "all" is none of publish, moderate, rooms, ops`},
		{"", []string{"new", "a b", "--can", "ops"}, cli.ExitFailure, `cannot make a key: name "a b"`},
		{"", []string{"new", "a", "--can", "ops", "--rooms", "a*b"}, cli.ExitFailure, `rooms is "a*b"`},
		{"", []string{"new", "a", "--can", "ops", "--file", bad}, cli.ExitFailure, "entry 1 (line 1): want name, sha256 and can"},
		{"", []string{"check", key, "--file", good}, cli.ExitUsage, "it is read from standard input only"},
		{"", []string{"check"}, cli.ExitUsage, "--file is missing, the file that admin.keys_file names"},
		{"", []string{"check", "--file", good}, cli.ExitFailure, "cannot check a key: standard input is empty"},
		{key, []string{"check", "--file", good}, cli.ExitFailure, "cannot find the key in " + good + ": it is none of its 0"},
		{key, []string{"check", "--file", open}, cli.ExitFailure, "warning: everybody on this machine may read " + open},
		{key, []string{"check", "--file", bad}, cli.ExitFailure, "cannot use the keys of " + bad},
		{key, []string{"check", "--file", filepath.Join(dir, "none")}, cli.ExitFailure, "no such file or directory"},
		{strings.Repeat("x", 1<<20), []string{"check", "--file", good}, cli.ExitFailure, "cannot find the key"},
		{"", []string{"nwe"}, cli.ExitUsage, `did you mean "new"?`},
	} {
		code, stdout, stderr := run(c.stdin, c.args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, %q, %q; want %d and %q", c.args, code, stdout, stderr, c.code, c.want)
		}
		if strings.Contains(stderr, key) {
			t.Errorf("%v: the error shows the key: %s", c.args, stderr)
		}
	}
}

func TestHelp_Teaches(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "check       Say which entry of a file a key is\n  new         Make a key and print it, this once"},
		{[]string{"new", "--help"}, "barrage admin key new shop --can publish --rooms 'live-*' --file keys.yaml"},
		{[]string{"new", "--help"}, "moderate   mute, ban, delete: keep order in rooms"},
		{[]string{"check", "--help"}, "The exit code is 1 where it is none."},
	} {
		if code, stdout, stderr := run("", c.args...); code != 0 || stderr != "" || !strings.Contains(stdout, c.want) {
			t.Errorf("%v: exit code %d, %q, %q; want %q", c.args, code, stdout, stderr, c.want)
		}
	}
}

// TestNew_SaysWhatIsLeftWhenNobodyReads: a key that was added and could not be printed is of no use to anybody.
func TestNew_SaysWhatIsLeftWhenNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	var complaints bytes.Buffer
	root := cli.Root(&cobra.Command{Use: "barrage"})
	root.AddCommand(keycmd.New())
	code := cli.Run(root, []string{"key", "new", "a", "--can", "ops", "--file", path}, closed{}, &complaints)
	if code != cli.ExitFailure || !strings.Contains(complaints.String(), `take the entry "a" out of the file again`) {
		t.Errorf("exit code %d, %q", code, complaints.String())
	}
}

// closed is an output that nobody reads.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
