package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"barrage/internal/await"
	"barrage/internal/child"
	"barrage/internal/cli"
	"barrage/internal/config"
	"barrage/redisx"
)

// started is a node in a process of its own.
type started struct {
	*testing.T
	binary, dir string
	ready       cli.Ready
	cmd         *exec.Cmd
}

// startNode runs a node with a config file, until the test ends.
func startNode(t *testing.T, file string) *started {
	t.Helper()
	n := &started{T: t, dir: t.TempDir(), binary: program}
	n.write(file)
	n.cmd = exec.Command(n.binary, "serve")
	var log strings.Builder
	n.cmd.Dir, n.cmd.Stderr = n.dir, &log
	ready, ended, err := child.StartNode(t.Context(), n.cmd)
	if err != nil {
		t.Fatalf("%v; its log:\n%s", err, log.String())
	}
	n.ready = ready
	t.Cleanup(func() {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
		if <-ended; !n.cmd.ProcessState.Success() || t.Failed() {
			t.Errorf("the node ended with %v; its log:\n%s", n.cmd.ProcessState, log.String())
		}
	})
	return n
}

func (n *started) write(file string) {
	n.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, defaultFile), []byte(file), 0o600); err != nil {
		n.Fatal(err)
	}
}

// run runs a command in the node's folder, and returns what it prints.
func (n *started) run(code int, args ...string) string {
	n.Helper()
	cmd := exec.CommandContext(n.Context(), n.binary, args...)
	cmd.Dir, cmd.Env = n.dir, []string{"BARRAGE_ADMIN_SERVER=" + n.ready.Admin}
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		n.Fatalf("barrage %q: exit code %d (%v), %s; want %d", args, got, err, out, code)
	}
	return string(out)
}

// TestBinary_ReloadTakesAllOrNothing: a signal and a command have a node read its file. A file that is no use, or
// needs a new start, changes nothing, and "config check --against" reports that before.
func TestBinary_ReloadTakesAllOrNothing(t *testing.T) {
	const ports = "server:\n  listen: 127.0.0.1:0\nadmin:\n  listen: 127.0.0.1:0\n"
	n := startNode(t, ports)
	said := func(code int, want string, args ...string) {
		t.Helper()
		if got := n.run(code, args...); !strings.Contains(got, want) {
			t.Errorf("barrage %q says %q; want %q in it", args, got, want)
		}
	}
	check := []string{"config", "check", "--against", n.ready.Admin}
	said(0, "has these settings", check...)
	n.write(ports + "limits:\n  message_rate: 7\nhistory:\n  max_messages: 500\nlog:\n  level: debug\n")
	said(0, "would change\n  history.max_messages: 10000 -> 500\n  limits.message_rate: 5 -> 7\n", check...)
	said(0, "changed history.max_messages, limits.message_rate, log.level; hash ", "admin", "reload")
	said(0, "no setting changed", "admin", "reload", "self")
	said(0, "debug", "admin", "log-level", "self")

	n.write(strings.Replace(ports, ":0", ":1", 1) + "room:\n  linger: 1s\n")
	said(1, "only a new start changes\n  server.listen: \"127.0.0.1:0\" -> \"127.0.0.1:1\"\n", check...)
	said(1, "409 conflict: cannot reload: only a new start changes server.listen; nothing was changed", "admin", "reload")
	n.write(ports + "room:\n  linger: 1\nlog:\n  level: x\n")
	said(1, "cannot reload: cannot use config.yaml: room.linger: 1 is not a duration with its unit, as 30s or 2m (line 6); log.level: ", "admin", "reload")
	said(0, "limits.message_rate   7", "admin", "config", "self", "--changed")

	n.write(ports + "cors:\n  allowed_origins: []\n")
	if err := n.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await.True(t, 10*time.Second, "the signal has the node read its file", func() (bool, string) {
		return !strings.Contains(n.run(0, "admin", "config", "self", "--changed"), "limits.message_rate"), "it has the rate of before"
	})
}

// TestSetup_NextDiffersUntilItIsApplied: what next returns is the file as it is, and only what Apply takes is held
// against the next.
func TestSetup_NextDiffersUntilItIsApplied(t *testing.T) {
	const key = "limits.message_rate"
	file, environ := "limits:\n  message_rate: 7\n", []string{}
	read := func() (loaded, error) {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		return load(path, environ)
	}
	l, err := read()
	if err != nil {
		t.Fatal(err)
	}
	_, level := newLogger(os.Stderr, l.cfg.Log)
	s := &setup{loaded: l, read: read, level: level, store: &limitedStore{}}
	file = "limits:\n  message_rate: 8\nlog:\n  level: warn\n"
	for range 2 { // what was not applied differs again
		next, err := s.next()
		if err != nil || strings.Join(next.Changed, " ") != key+" log.level" {
			t.Fatalf("next = %v, %v; want %s and log.level", next.Changed, err, key)
		}
	}
	next, _ := s.next()
	next.Apply()
	if got := level.Level().String(); got != "WARN" || s.store.(*limitedStore).reloads != 1 {
		t.Errorf("Apply: level %s, %+v; want both told", got, s.store)
	}
	level.Set(0) // an operator by hand
	next, err = s.next()
	if err != nil || len(next.Changed) > 0 {
		t.Fatalf("next = %v, %v; want nothing", next.Changed, err)
	}
	looked := make(chan uint64)
	go func() { looked <- s.fingerprint() }() // as the watch does, whoever reloads
	next.Apply()
	<-looked
	if level.Level() != 0 {
		t.Error("a reload that says nothing of it takes back the level that an operator has set")
	}
}

// TestWatched_ChangedOnlyWhenTheSameTwice: files are read when they are others, and were the same twice; a ConfigMap
// that is swapped is another.
func TestWatched_ChangedOnlyWhenTheSameTwice(t *testing.T) {
	w := newWatched(1)
	var got []bool
	for _, seen := range []uint64{1, 2, 3, 3, 1, 1, 2} {
		got = append(got, w.changed(seen))
	}
	if text, _ := json.Marshal(got); string(text) != "[false,false,false,true,false,false,false]" {
		t.Errorf("changed = %s", text)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("..1/c.yaml", "x")
	write("..2/c.yaml", "x")
	write("words.txt", "x")
	link("..1", "..data")
	link("..data/c.yaml", "c.yaml")
	s := &setup{loaded: loaded{file: filepath.Join(dir, "c.yaml"), cfg: config.Default()}}
	s.cfg.Filter.Files = []string{filepath.Join(dir, "words.txt")}
	was := s.fingerprint()
	if s.fingerprint() != was {
		t.Error("the same files have another fingerprint")
	}
	differs := func(what string) {
		t.Helper()
		if now := s.fingerprint(); now == was {
			t.Errorf("%s: the fingerprint is the same", what)
		} else {
			was = now
		}
	}
	w = s.afresh(func() { write("words.txt", "other words") })
	if now := s.fingerprint(); w.changed(now) || !w.changed(now) {
		t.Error("a file that was written while it was read is taken for one that was read")
	}
	was = s.fingerprint()
	link("..2", "..new")
	if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	differs("a swapped ConfigMap")
	write("words.txt", "longer")
	differs("a list of terms")
	if err := os.Remove(filepath.Join(dir, "words.txt")); err != nil {
		t.Fatal(err)
	}
	differs("a file that has gone")
}

// limitedStore is a store that counts its reloads.
type limitedStore struct {
	redisx.Store
	reloads int
}

func (s *limitedStore) Reload(redisx.Limits) { s.reloads++ }
