package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const docker = root + "/deploy/docker"

// stages reads the Dockerfile as BuildKit does, with every rule of its linter.
func stages(tb testing.TB) []instructions.Stage {
	tb.Helper()
	text, err := os.ReadFile(docker + "/Dockerfile")
	noError(tb, err)
	ast, err := parser.Parse(bytes.NewReader(text))
	noError(tb, err)
	for _, w := range ast.Warnings {
		tb.Errorf("the Dockerfile: %s", w.Short)
	}
	lint := linter.New(&linter.Config{ExperimentalAll: true, Warn: func(rule, _, _, text string, at []parser.Range) {
		tb.Errorf("the Dockerfile, line %d: %s: %s", at[0].Start.Line, rule, text)
	}})
	all, _, err := instructions.Parse(ast.AST, lint)
	noError(tb, err)
	return all
}

// of are the instructions of one kind in a stage.
func of[T any](s *instructions.Stage) (all []T) {
	for _, c := range s.Commands {
		if one, ok := c.(T); ok {
			all = append(all, one)
		}
	}
	return all
}

// TestImage_RunsAsNobodyInAReadOnlyRoot builds the program with the image's own command from what the image's build is
// given. It puts together what the image has, and runs the program there. The program runs as nobody, in a root that
// cannot be written to, without a shell or a library.
func TestImage_RunsAsNobodyInAReadOnlyRoot(t *testing.T) {
	all := stages(t)
	if len(all) != 2 || all[0].Name != "build" || all[1].BaseName != "scratch" {
		t.Fatalf("the Dockerfile has %d stages; want build, and one from scratch", len(all))
	}
	made, image := &all[0], &all[1]
	if got := len(of[*instructions.RunCommand](image)); got != 0 {
		t.Fatalf("the image runs %d commands; there is nothing in it to run them", got)
	}
	src, out := t.TempDir(), t.TempDir()
	copyContext(t, src)
	runs := of[*instructions.RunCommand](made)
	command := strings.ReplaceAll(strings.Join(runs[len(runs)-1].CmdLine, " "), "/out/", out+"/")
	build := exec.CommandContext(t.Context(), "sh", "-c", command)
	build.Dir, build.Env = src, append(os.Environ(), "VERSION=v1.2.3", "GOFLAGS=-buildvcs=false")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, text)
	}

	rootfs := t.TempDir()
	for _, c := range of[*instructions.CopyCommand](image) {
		for _, from := range c.SourcePaths {
			to := filepath.Join(rootfs, c.DestPath)
			if strings.HasSuffix(c.DestPath, "/") {
				to = filepath.Join(to, filepath.Base(from))
			}
			copyFile(t, strings.Replace(from, "/out/", out+"/", 1), to)
		}
	}
	user := of[*instructions.UserCommand](image)
	entry, args := of[*instructions.EntrypointCommand](image), of[*instructions.CmdCommand](image)
	if len(user) != 1 || len(entry) != 1 || len(args) != 1 || entry[0].PrependShell || args[0].PrependShell {
		t.Fatal("the image wants one USER, and one ENTRYPOINT and CMD without a shell")
	}
	line := slices.Concat(entry[0].CmdLine, args[0].CmdLine)
	runContained(t, rootfs, user[0].User, line)
}

// runContained runs a command line in a root that is mounted read-only, with no capability, and asks it whether it is
// well.
func runContained(t *testing.T, rootfs, user string, line []string) {
	t.Helper()
	if os.Getuid() != 0 || exec.Command("unshare", "--mount", "true").Run() != nil {
		t.Skip("this machine lets nobody mount: the image was put together, and not run")
	}
	addr := freeAddr(t)
	script := fmt.Sprintf(`mount --bind %[1]s %[1]s && mount -o remount,bind,ro %[1]s && exec chroot --userspec=%[2]s %[1]s "$@"`, rootfs, user)
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "--ipc", "--uts", "sh", "-ec", script, "sh"}, line...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "BARRAGE_SERVER_LISTEN=" + addr, "BARRAGE_ADMIN_LISTEN=off"}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	noError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(20 * time.Second)
	for {
		resp, err := http.Get("http://" + addr + "/v1/rooms/r") //nolint:noctx // it is bounded by the deadline
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status %d; want 200", resp.StatusCode)
			}
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case err := <-ended:
			t.Fatalf("it ended with %v\n%s", err, log.String())
		case <-deadline:
			t.Fatalf("it does not answer: %v\n%s", err, log.String())
		}
	}
	noError(t, cmd.Process.Signal(syscall.SIGTERM)) // unshare, sh and chroot have become the program
	if err := <-ended; err != nil {
		t.Errorf("after SIGTERM it ended with %v\n%s", err, log.String())
	}
}

// copyContext copies what a build is given: the repository without what Dockerfile.dockerignore leaves out.
func copyContext(t *testing.T, to string) {
	t.Helper()
	text, err := os.ReadFile(docker + "/Dockerfile.dockerignore")
	noError(t, err)
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	noError(t, err)
	ignored, err := patternmatcher.New(patterns)
	noError(t, err)
	noError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		switch skip, err := ignored.MatchesOrParentMatches(name); {
		case err != nil:
			return err
		case skip && d.IsDir():
			return fs.SkipDir
		case skip || !d.Type().IsRegular():
			return nil
		}
		copyFile(t, path, filepath.Join(to, name))
		return nil
	}))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	noError(t, err)
	data, err := os.ReadFile(from)
	noError(t, err)
	noError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	noError(t, os.WriteFile(to, data, info.Mode()))
	noError(t, os.Chmod(to, info.Mode()))
	// nobody must reach it
	for dir := filepath.Dir(to); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		noError(t, os.Chmod(dir, 0o755))
	}
}

// freeAddr is host:port that nobody listens on, below the ports that the kernel gives away.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	for {
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 12_000+rand.IntN(20_000)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		noError(tb, err)
		_ = ln.Close()
		return ln.Addr().String()
	}
}

// TestCompose_IsValidWithAContainedNode has compose.yaml be one that Compose takes, with files that are there, and a
// node that is contained.
func TestCompose_IsValidWithAContainedNode(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{docker + "/compose.yaml"}, cli.WithDiscardEnvFile)
	noError(t, err)
	project, err := options.LoadProject(t.Context())
	noError(t, err)
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type == "bind" {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("service %s: %v", name, err)
				}
			}
		}
	}
	node := project.Services["barrage"]
	if b := node.Build; b == nil || filepath.Join(b.Context, b.Dockerfile) != abs(t, docker+"/Dockerfile") {
		t.Errorf("the node is built by %+v; want the Dockerfile beside", b)
	}
	if !node.ReadOnly || !slices.Equal(node.CapDrop, []string{"ALL"}) || node.Ulimits["nofile"].Single < 1<<20 {
		t.Error("the node's root can be written to, or it has capabilities, or few files")
	}
	if grace := time.Duration(*node.StopGracePeriod); grace != 30*time.Second || *node.Environment["BARRAGE_SERVER_DRAIN_TIMEOUT"] != "20s" {
		t.Errorf("the node is stopped after %v; want 30s, more than server.drain_timeout", grace)
	}
}

func abs(tb testing.TB, path string) string {
	tb.Helper()
	whole, err := filepath.Abs(path)
	noError(tb, err)
	return whole
}
